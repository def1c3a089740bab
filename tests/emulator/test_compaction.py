"""Small files become few, and nobody who reads the table can tell."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator.compaction import compact
from odps_frames.emulator.compactor import EVERY
from odps_frames.errors import Conflict
from odps_frames.model.read import Incremental
from odps_frames.model.splits import BySize, Split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTED = "CREATE TABLE t (a BIGINT, b STRING) PARTITIONED BY (pt STRING)"
KEYED = (
    "CREATE TABLE t (a BIGINT NOT NULL, b STRING, PRIMARY KEY (a)) PARTITIONED BY (pt STRING) "
    "TBLPROPERTIES ('transactional'='true')"
)
CLUSTERED = (
    "CREATE TABLE t (a BIGINT, b STRING) PARTITIONED BY (pt STRING) "
    "CLUSTERED BY (a) SORTED BY (a DESC) INTO 3 BUCKETS"
)


def table_id(service: Any) -> str:
    with service.emulator.store.database.read() as connection:
        (found,) = connection.execute("SELECT id FROM tables WHERE name = 't'").fetchone()
    return str(found)


def join_files(service: Any, partitions: Any = None) -> tuple[int, int]:
    store = service.emulator.store
    done = compact(store, table_id(service), partitions, store.now())
    return done.n_before, done.n_after


def n_files(service: Any) -> int:
    with service.emulator.store.database.read() as connection:
        (found,) = connection.execute(
            "SELECT count(*) FROM files WHERE removed IS NULL AND table_id = ?",
            (table_id(service),),
        ).fetchone()
    return int(found)


def on_disk(service: Any) -> set[str]:
    return {path.name for path in (service.emulator.store.path / "files").iterdir()}


def rows(*numbers: int, pt: str = "x", operation: str = "") -> pa.Table:
    found = pa.table({"a": numbers, "b": [str(n) for n in numbers], "pt": [pt] * len(numbers)})
    if operation:
        kinds = pa.array([ord(operation)] * len(numbers), pa.int8())
        found = found.append_column("__operation", kinds)
    return found


def numbers(service: Any, **spec: Any) -> list[int]:
    found = service.read(**spec)["a"].to_pylist()
    return [int(number) for number in found]


def test_rows_stay_in_their_order_and_in_their_partitions(service: Any) -> None:
    service.sql(PARTED)
    for number in range(6):
        service.write(rows(10 - number, number))
        service.write(rows(number, pt="y"))
    expected = service.rows()
    assert join_files(service) == (12, 2)
    assert (service.rows(), n_files(service)) == (expected, 2)
    assert service.open_read().latest_version == 12
    assert join_files(service) == (0, 0)


def test_partitions_that_are_not_named_are_left_alone(service: Any) -> None:
    service.sql(PARTED)
    for number in range(3):
        service.write(rows(number))
        service.write(rows(number, pt="y"))
    assert join_files(service, [("y",)]) == (3, 1)
    assert n_files(service) == 4


def test_files_of_other_columns_are_joined_among_themselves(service: Any) -> None:
    service.sql(PARTED)
    service.write(rows(1))
    service.write(rows(2))
    service.sql("ALTER TABLE t ADD COLUMNS (c BIGINT)")
    for number in (3, 4):
        service.write(rows(number).append_column("c", pa.array([7])))
    expected = service.rows()
    assert join_files(service) == (4, 2)
    assert service.rows() == expected
    assert [row["c"] for row in expected] == [None, None, 7, 7]


def test_open_sessions_go_on_to_the_same_splits(
    open_service: Callable[..., Any], service: Any
) -> None:
    service.sql(PARTED)
    for number in range(20):
        service.write(rows(number, number + 100))
    session = service.open_read(split_by=BySize(64))
    assert session.n_splits > 3
    expected = splits_of(service, session)
    before = on_disk(service)
    assert join_files(service) == (20, 1)
    assert before < on_disk(service)
    service.sql("TRUNCATE TABLE t PARTITION (pt='x')")
    service.emulator.close()
    again = open_service()
    assert splits_of(again, session) == expected
    assert numbers(again) == []


def test_files_go_when_the_last_session_that_reads_them_does(service: Any) -> None:
    service.sql(PARTED)
    service.write(rows(1))
    service.write(rows(2))
    before = on_disk(service)
    service.open_read()
    join_files(service)
    assert before < on_disk(service)
    service.clock.advance(days=2, seconds=1)
    service.emulator.store.collect()
    assert len(on_disk(service)) == 1
    assert not before & on_disk(service)


def test_a_reader_in_the_middle_of_a_file_comes_to_its_end(service: Any) -> None:
    service.sql(PARTED)
    service.write(rows(*range(1000)))
    service.write(rows(*range(1000, 2000)))
    hold, _ = service.emulator.store.files.hold(lambda: (on_disk(service), None))
    join_files(service)
    assert len(on_disk(service)) == 3
    hold.release()
    assert len(on_disk(service)) == 1


def test_the_last_row_of_a_key_stays_the_last(service: Any) -> None:
    service.sql(KEYED)
    for number in range(8):
        service.write(rows(1, 2, 10 + number, operation="U"))
    service.write(rows(2, 11, operation="D"))
    expected = sorted(numbers(service))
    join_files(service)
    assert sorted(numbers(service)) == expected == [1, 10, 12, 13, 14, 15, 16, 17]
    service.write(rows(1, 12, operation="D"))
    assert sorted(numbers(service)) == [10, 13, 14, 15, 16, 17]
    join_files(service)
    assert sorted(numbers(service)) == [10, 13, 14, 15, 16, 17]


def test_rows_that_went_long_ago_are_dropped_and_not_asked_for_again(service: Any) -> None:
    service.sql(KEYED)
    service.write(rows(*range(100), operation="U"))
    service.write(rows(200, operation="U"))
    service.clock.advance(hours=1)
    service.write(rows(*range(50), operation="D"))
    service.clock.advance(hours=20)
    service.write(rows(300, operation="U"))
    join_files(service)
    changed = service.read(incremental=Incremental(since=2))
    assert sorted(changed["__operation"].to_pylist()) == [68] * 50 + [85]
    service.clock.advance(hours=5)
    join_files(service)
    with pytest.raises(Conflict, match="not all kept"):
        service.read(incremental=Incremental(since=2))
    assert numbers(service, incremental=Incremental(since=3)) == [300]
    assert sorted(numbers(service)) == [*range(50, 100), 200, 300]
    with service.emulator.store.database.read() as connection:
        query = "SELECT count(*) FROM erased JOIN files ON erased.file = files.id"
        assert connection.execute(query).fetchone()[0] == 0


def test_buckets_stay_and_their_rows_stay_sorted(service: Any) -> None:
    service.sql(CLUSTERED)
    for number in range(5):
        service.write(rows(*range(number, 60, 5)))
    by_bucket = {bucket: sorted(numbers(service, buckets=(str(bucket),))) for bucket in range(3)}
    join_files(service)
    assert n_files(service) == 3
    for bucket, expected in by_bucket.items():
        assert numbers(service, buckets=(str(bucket),)) == expected[::-1]
    changed = numbers(service, incremental=Incremental(since=1, until=2))
    assert sorted(changed) == list(range(1, 60, 5))


def test_who_changes_rows_meanwhile_wins(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    service.sql(PARTED)
    store = service.emulator.store

    def written() -> None:
        service.write(rows(1))
        service.write(rows(2))

    def during(change: Callable[[], object]) -> tuple[int, int]:
        settle = store.files.settle
        changes = iter([change])

        def changed_then_settled() -> None:
            for one in changes:
                one()
            settle()

        with monkeypatch.context() as patched:
            patched.setattr(store.files, "settle", changed_then_settled)
            found = join_files(service)
        assert list(changes) == []
        return found

    written()
    assert during(lambda: service.sql("TRUNCATE TABLE t PARTITION (pt='x')")) == (0, 0)
    assert numbers(service) == []
    written()
    assert during(lambda: join_files(service)) == (0, 0)
    assert numbers(service) == [1, 2]
    service.write(rows(3))
    assert during(lambda: service.sql("DROP TABLE t")) == (0, 0)
    assert on_disk(service) == set()


def test_rows_that_come_and_go_meanwhile_are_right(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.sql(KEYED)
    for number in range(4):
        service.write(rows(number, number + 10, operation="U"))
    settle = service.emulator.store.files.settle
    changes = iter([rows(0, 12, operation="D"), rows(1, 77, operation="U")])

    def changed_then_settled() -> None:
        for change in changes:
            service.write(change)
        settle()

    monkeypatch.setattr(service.emulator.store.files, "settle", changed_then_settled)
    assert join_files(service) == (4, 1)
    assert sorted(numbers(service)) == [1, 2, 3, 10, 11, 13, 77]
    changed = service.read(incremental=Incremental(since=4))
    pairs = sorted(zip(changed["__operation"].to_pylist(), changed["a"].to_pylist(), strict=True))
    assert pairs == [(68, 0), (68, 1), (68, 12), (85, 1), (85, 77)]


def test_a_pinned_table_is_left_alone(service: Any) -> None:
    service.sql(PARTED)
    service.write(rows(1))
    service.write(rows(2))
    store = service.emulator.store
    with store.pinned(table_id(service)), store.pinned(table_id(service)):
        assert join_files(service) == (0, 0)
    assert len(on_disk(service)) == 2
    assert join_files(service) == (2, 1)


def test_it_happens_by_itself_after_many_commits(service: Any) -> None:
    service.sql(PARTED)
    for number in range(EVERY):
        service.write(rows(number))
    service.emulator.store.compactor.wait()
    assert n_files(service) == 1
    assert numbers(service) == list(range(EVERY))


KINDS = {
    "plain": (PARTED, ""),
    "keyed": (KEYED, "U"),
    "clustered": (CLUSTERED, ""),
}


def some_changes(random_: random.Random, operation: str) -> Iterator[Callable[[Any], None]]:
    def write(data: pa.Table, **spec: Any) -> Callable[[Any], None]:
        return lambda service: service.write(data, **spec)

    def run(sql: str) -> Callable[[Any], None]:
        return lambda service: service.sql(sql)

    for _ in range(25):
        pt = random_.choice("xy")
        kind = random_.random()
        chosen = random_.sample(range(30), random_.randint(1, 5))
        if kind < 0.7:
            yield write(rows(*chosen, pt=pt, operation=operation))
        elif kind < 0.85 and operation:
            yield write(rows(*chosen, pt=pt, operation="D"))
        elif kind < 0.92:
            yield run(f"TRUNCATE TABLE t PARTITION (pt='{pt}')")
        else:
            yield write(rows(*chosen, pt=pt, operation=operation), overwrite=True)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS)
def test_no_version_and_no_change_differs_from_those_of_a_table_that_is_not_joined(
    open_service: Callable[..., Any], kind: str, seed: int
) -> None:
    joined, plain = open_service("joined"), open_service("plain")
    definition, operation = KINDS[kind]
    random_ = random.Random(seed)  # noqa: S311  nothing secret
    for service in (joined, plain):
        service.sql(definition)
        service.sql("ALTER TABLE t ADD PARTITION (pt='x') PARTITION (pt='y')")
    sessions = []
    for change in some_changes(random_, operation):
        for service in (joined, plain):
            change(service)
        if random_.random() < 0.3:
            session = joined.open_read(split_by=BySize(64))
            sessions.append((session, splits_of(joined, session)))
        if random_.random() < 0.4:
            join_files(joined)
        assert present(joined, kind) == present(plain, kind)
    last = plain.open_read().latest_version
    joined.emulator.close()
    joined = open_service("joined")  # which plans its sessions anew
    for session, expected in sessions:
        assert splits_of(joined, session) == expected
    for since in range(0, last + 1, 3):
        for until in range(since, last + 1, 4):
            bounds = Incremental(since=since, until=until)
            assert changes(joined, bounds) == changes(plain, bounds), (since, until)


def splits_of(service: Any, session: Any) -> list[list[Any]]:
    return [
        service.read_split(Split(session.session_id, index)).to_pylist()
        for index in range(session.n_splits)
    ]


def present(service: Any, kind: str) -> list[Any]:
    found = service.rows()
    return sorted(found, key=repr) if kind == "clustered" else found


def changes(service: Any, bounds: Incremental) -> list[Any]:
    return sorted(service.rows(incremental=bounds), key=repr)


def test_readers_and_writers_go_on_while_files_are_joined(service: Any) -> None:
    service.sql(KEYED)
    done = threading.Event()
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                while not done.is_set():
                    work()
            except BaseException as error:  # noqa: BLE001  raised below
                failures.append(error)

        return run

    def read() -> None:
        found = service.read()
        assert len(found["a"].unique()) == len(found)
        assert len(found) in (0, 20)
        assert len(found["b"].unique()) <= 1

    service.write(one_state(0))
    work = [guarded(read), guarded(lambda: join_files(service) and None)]
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for number in range(40):
        service.write(one_state(number))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert service.read()["b"].unique().to_pylist() == ["39"]


def one_state(number: int) -> pa.Table:
    return pa.table(
        {
            "a": range(20),
            "b": [str(number)] * 20,
            "pt": ["x"] * 20,
            "__operation": pa.array([85] * 20, pa.int8()),
        }
    )
