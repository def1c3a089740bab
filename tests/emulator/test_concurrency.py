from __future__ import annotations

import threading
from typing import Any

import pyarrow as pa
import pytest

from odps_frames.emulator.catalog.contents import known_files
from odps_frames.emulator.catalog.tables import need_table
from odps_frames.emulator.compaction import compact
from odps_frames.emulator.sql.conflicts import require_unchanged
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.model.splits import Split
from odps_frames.model.write import StreamId, WriteMode
from odps_frames.wire import instance, write_session
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.instance import Statement, TaskStatus

N_ROWS = 500
ROUNDS = 30


def test_readers_never_see_half_of_an_overwrite(any_service: Any) -> None:
    service = any_service
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    service.write(_version(0))
    done = threading.Event()
    seen: list[tuple[int, int]] = []

    def read() -> None:
        while True:
            last = done.is_set()
            session = service.open_read()
            table = service.read_split(Split(session.session_id))
            seen.append((table.num_rows, len(table["a"].unique())))
            if last:
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, ROUNDS):
        service.write(_version(number), overwrite=True)
    done.set()
    for reader in readers:
        reader.join()
    assert set(seen) == {(N_ROWS, 1)}
    assert service.read()["a"].unique().to_pylist() == [ROUNDS - 1]


def _version(number: int) -> pa.Table:
    return pa.table({"a": [number] * N_ROWS, "pt": ["x", "y"] * (N_ROWS // 2)})


def test_writers_do_not_lose_each_others_rows(any_service: Any) -> None:
    service = any_service
    service.sql("CREATE TABLE t (a BIGINT)")

    def write(first: int) -> None:
        for number in range(first, first + 10):
            service.write(pa.table({"a": [number]}))

    writers = [threading.Thread(target=write, args=(n * 10,)) for n in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(service.read()["a"].to_pylist()) == list(range(60))
    assert service.open_read().latest_version == 60


def test_a_commit_that_comes_from_everywhere_counts_once(any_service: Any) -> None:
    service = any_service
    service.sql("CREATE TABLE t (a BIGINT)")
    session = service.open_session()
    stream, _ = service.open_stream(session)
    service.send_rows(stream, pa.table({"a": [1]}))
    service.close_stream(stream)
    threads = [threading.Thread(target=service.commit, args=(session,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.read()["a"].to_pylist() == [1]
    assert service.open_read().latest_version == 1


N_CLIENTS = 32
TURNS = 5
STATE = 24


def one_state(number: int) -> pa.Table:
    operation = pa.array([85] * STATE, pa.int8())
    return pa.table({"a": range(STATE), "b": [number] * STATE, "__operation": operation})


class Crowd:
    """Clients that read, write, define, ask and join files, all at once."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.failures: list[BaseException] = []
        self.appended: list[int] = []

    def run(self) -> None:
        kinds = [self.append, self.replace, self.upsert, self.look, self.define, self.ask]
        kinds += [self.stream, self.join]
        threads = [
            threading.Thread(target=self._repeat, args=(kinds[n % len(kinds)], n))
            for n in range(N_CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self.failures == []

    def _repeat(self, work: Any, client: int) -> None:
        try:
            for turn in range(TURNS):
                work(client * TURNS + turn)
        except BaseException as error:  # noqa: BLE001  raised by the test
            self.failures.append(error)

    def append(self, number: int) -> None:
        self.service.write(pa.table({"a": [number] * 3}), "added")
        self.appended.append(number)
        found = self.service.read("added")["a"].to_pylist()
        assert found.count(number) == 3
        assert all(found.count(other) == 3 for other in set(found))

    def replace(self, number: int) -> None:
        rows = pa.table({"a": [number] * STATE, "pt": ["x", "y"] * (STATE // 2)})
        self.service.write(rows, "replaced", overwrite=True)

    def upsert(self, number: int) -> None:
        self.service.write(one_state(number), "keyed")

    def look(self, number: int) -> None:
        table, column = (("replaced", "a"), ("keyed", "b"))[number % 2]
        session = self.service.open_read(table)
        seen = [
            self.service.read_split(Split(session.session_id), table)[column].to_pylist()
            for _ in range(2)
        ]
        assert seen[0] == seen[1]
        assert len(seen[0]) == STATE
        assert len(set(seen[0])) == 1

    def define(self, number: int) -> None:
        name = f"own{number}"
        self.service.sql(f"CREATE TABLE {name} (a BIGINT)")
        self.service.write(pa.table({"a": [number]}), name)
        self.service.sql(f"ALTER TABLE {name} ADD COLUMNS (b BIGINT)")
        assert self.service.rows(name) == [{"a": number, "b": None}]
        self.service.sql(f"DROP TABLE {name}")

    def ask(self, _: int) -> None:
        pytest.importorskip("duckdb")
        ref = submitted(self.service, "SELECT count(*) AS n, count(DISTINCT b) AS m FROM keyed")
        found = self._result(ref)
        while found.status is TaskStatus.RUNNING:
            found = self._result(ref)
        assert found.text == f'"n","m"\n{STATE},1\n'

    def _result(self, ref: Any) -> Any:
        answer = self.service.send(instance.encode_result(ref))
        return instance.decode_result_reply(answer).value[0]

    def stream(self, number: int) -> None:
        caller: Any = {"mode": WriteMode.STREAMING, "envelope": Envelope(api_version="3")}
        stream = StreamId("default", f"s{number}", 1)
        request = write_session.encode_open(self.service.ref("streamed"), stream, **caller)
        write_session.decode_stream(self.service.send(request))
        self.service.send_rows(stream, pa.table({"a": [number]}), "streamed", **caller)
        assert self.service.read("streamed")["a"].to_pylist().count(number) == 1

    def join(self, _: int) -> None:
        store = self.service.emulator.store
        with store.database.read() as connection:
            ids = [row["id"] for row in connection.execute("SELECT id FROM tables")]
        for table_id in ids:
            compact(store, table_id, None, store.now())


def submitted(service: Any, sql: str) -> Any:
    request = instance.encode_submit("demo", Statement(sql=sql))
    return instance.decode_submitted(service.send(request)).value


def test_many_clients_do_everything_at_once(served: Any) -> None:
    served.sql("CREATE TABLE added (a BIGINT)")
    served.sql("CREATE TABLE streamed (a BIGINT)")
    served.sql("CREATE TABLE replaced (a BIGINT) PARTITIONED BY (pt STRING)")
    served.sql(
        "CREATE TABLE keyed (a BIGINT NOT NULL, b BIGINT, PRIMARY KEY (a)) "
        "TBLPROPERTIES ('transactional'='true')"
    )
    crowd = Crowd(served)
    crowd.replace(0)
    crowd.upsert(0)
    crowd.run()
    added = served.read("added")["a"].to_pylist()
    assert sorted(added) == sorted(crowd.appended * 3)
    assert len(served.read("streamed")) == N_CLIENTS // 8 * TURNS
    store = served.emulator.store
    store.collect()
    with store.database.read() as connection:
        known = set(known_files(connection))
    assert {path.name for path in (store.path / "files").iterdir()} == known


def test_a_reader_that_filters_rows_keeps_no_writer_waiting(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(pa.table({"a": [1, 2]}))
    opened = service.emulator.store.files.open
    written: list[int] = []

    def write_while_reading(name: str) -> Any:
        if not written:
            written.append(3)
            service.write(pa.table({"a": written}), overwrite=True)
        return opened(name)

    monkeypatch.setattr(service.emulator.store.files, "open", write_while_reading)
    session = service.open_read(row_filter="a > 0")
    assert service.read_split(Split(session.session_id))["a"].to_pylist() == [1, 2]
    assert service.read()["a"].to_pylist() == [3]


def test_a_commit_that_looks_for_keys_keeps_no_writer_waiting(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.sql(
        "CREATE TABLE t (a BIGINT NOT NULL, b BIGINT, PRIMARY KEY (a)) "
        "TBLPROPERTIES ('transactional'='true')"
    )
    service.write(one_state(1))
    opened = service.emulator.store.files.open
    done: list[int] = []

    def write_while_reading(name: str) -> Any:
        if not done:
            done.append(2)
            service.write(one_state(2).slice(0, 4))
        return opened(name)

    monkeypatch.setattr(service.emulator.store.files, "open", write_while_reading)
    service.write(one_state(3).slice(2, 4))
    monkeypatch.undo()
    found = {row["a"]: row["b"] for row in service.rows()}
    assert found == {key: 2 if key < 2 else 3 if key < 6 else 1 for key in range(STATE)}
    assert service.read().num_rows == STATE


@pytest.mark.parametrize("own", ["x", "y", None])
@pytest.mark.parametrize(
    ("other", "hinders"),
    [("append", False), ("truncate", True), ("overwrite", True), ("columns", True), ("drop", True)],
)
def test_a_statement_learns_that_its_rows_changed(
    service: Any,
    other: str,
    hinders: bool,  # noqa: FBT001
    own: str | None,
) -> None:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    rows = pa.table({"a": [1, 2], "pt": ["x", "y"]})
    service.write(rows)
    store = service.emulator.store
    with store.database.read() as connection:
        table = need_table(connection, service.ref())
    {
        "append": lambda: service.write(rows),
        "truncate": lambda: service.sql("TRUNCATE TABLE t PARTITION (pt='x')"),
        "overwrite": lambda: service.write(rows.slice(0, 1), overwrite=True),
        "columns": lambda: service.sql("ALTER TABLE t ADD COLUMNS (b BIGINT)"),
        "drop": lambda: service.sql("DROP TABLE t"),
    }[other]()
    of_all = other in ("columns", "drop")
    touched = None if own is None else [(own,)]
    with store.database.write() as connection:
        if hinders and (own != "y" or of_all):
            with pytest.raises(SqlFault, match=r"ODPS-0110141.*hand it in again"):
                require_unchanged(connection, table, touched)
        else:
            require_unchanged(connection, table, touched)


def test_rows_that_came_hinder_statements_on_a_table_with_a_key(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (a BIGINT NOT NULL, b BIGINT, PRIMARY KEY (a)) "
        "TBLPROPERTIES ('transactional'='true')"
    )
    service.write(one_state(1))
    store = service.emulator.store
    with store.database.read() as connection:
        table = need_table(connection, service.ref())
    with store.database.write() as connection:
        require_unchanged(connection, table)
    service.write(one_state(2).slice(0, 1))
    with store.database.write() as connection, pytest.raises(SqlFault, match="since version 1"):
        require_unchanged(connection, table)
