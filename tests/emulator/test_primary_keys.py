"""Tables with a primary key: the last operation of a key counts, readers see merged rows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odps_frames.errors import Conflict, ServiceError
from odps_frames.model.splits import ByParallelism, ByRows, BySize, RowRange, Split
from odps_frames.model.write import StreamId, WriteMode, WriteSpec
from odps_frames.wire import catalog, write_session
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.http import Request
from odps_frames.wire.instance import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable

KEYED = '(id BIGINT NOT NULL, v STRING, PRIMARY KEY (id)) TBLPROPERTIES ("transactional"="true")'
PARTED = (
    "(id BIGINT NOT NULL, v STRING, PRIMARY KEY (id)) PARTITIONED BY (pt STRING) "
    'TBLPROPERTIES ("transactional"="true", "write.bucket.num"="4", "acid.data.retain.hours"="48")'
)
U, D = 85, 68
THREE = Envelope(api_version="3")


def rows(*operations: tuple[Any, ...], **more: list[str]) -> pa.Table:
    """Make rows of id, v and operation."""
    ids, values, marks = zip(*operations, strict=True) if operations else ((), (), ())
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "v": pa.array(values, pa.string()),
            **more,
            "__operation": pa.array(marks, pa.int8()),
        }
    )


def content(service: Any, **spec: Any) -> dict[int, Any]:
    found = service.rows(**spec)
    assert len({(row["id"], row.get("pt")) for row in found}) == len(found)
    return {row["id"]: row["v"] for row in found}


def test_the_last_operation_of_a_key_wins(any_service: Any) -> None:
    service = any_service
    service.sql(f"CREATE TABLE t {KEYED}")
    service.write(rows((1, "a", U), (2, "b", U), (1, "c", None), (3, "d", U), (3, None, D)))
    assert content(service) == {1: "c", 2: "b"}
    service.write(rows((2, None, D), (4, None, D), (3, "e", U), (1, "f", U)))
    assert content(service) == {1: "f", 3: "e"}


def test_order_holds_across_the_bodies_of_a_stream(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    session = service.open_session()
    stream, _ = service.open_stream(session)
    for value in ("a", "b", "c"):
        service.send_rows(stream, rows((1, value, U), (2, value, U)))
    service.send_rows(stream, rows((2, None, D)))
    service.close_stream(stream)
    service.commit(session)
    assert content(service) == {1: "c"}


def test_one_key_in_two_streams_is_refused(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    session = service.open_session()
    for name, key in (("x", 1), ("y", 2), ("z", 1)):
        stream, _ = service.open_stream(session, name)
        service.send_rows(stream, rows((key, name, U)))
        service.close_stream(stream)
    with pytest.raises(ServiceError, match="1 keys stand in several streams") as refused:
        service.commit(session)
    assert refused.value.status == 400
    assert "'x' and 'z'" in str(refused.value)
    assert content(service) == {}


def test_keys_are_those_of_one_partition(service: Any) -> None:
    service.sql(f"CREATE TABLE t {PARTED}")
    service.write(rows((1, "a", U), (1, "b", U), pt=["x", "y"]))
    service.write(rows((1, None, D), (2, "c", U), pt=["x", "x"]))
    assert sorted(map(tuple, (row.values() for row in service.rows()))) == [
        (1, "b", "y"),
        (2, "c", "x"),
    ]


def test_overwriting_starts_anew(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    service.write(rows((1, "a", U), (2, "b", U)))
    service.write(rows((3, "c", U), (3, "d", U), (4, "e", U), (4, None, D)), overwrite=True)
    assert content(service) == {3: "d"}
    service.sql("TRUNCATE TABLE t")
    assert content(service) == {}
    service.write(rows((3, "f", U)))
    assert content(service) == {3: "f"}


def test_counts_are_those_of_the_merged_rows(service: Any) -> None:
    service.sql(f"CREATE TABLE t {PARTED}")
    service.write(rows(*((n, "a", U) for n in range(10)), pt=["x"] * 10))
    service.write(rows(*((n, None, D) for n in range(3)), pt=["x"] * 3))
    service.write(rows((9, "b", U), pt=["x"]))
    reply = service.send(catalog.encode_get_table(service.ref(), extended=True))
    info = catalog.decode_table(reply, service.ref()).value
    assert (info.n_rows, info.primary_key, info.transactional) == (7, ("id",), True)
    assert info.retain_hours == 48
    listed = catalog.decode_partitions(service.send(catalog.encode_list_partitions(service.ref())))
    assert [one.n_rows for one in listed.value.items] == [7]
    assert service.open_read(split_by=ByRows(3)).n_rows == 7
    assert service.preview().num_rows == 7


@pytest.mark.parametrize("by", [BySize(64), ByParallelism(3), ByRows(2)])
def test_every_kind_of_split_shows_the_merged_rows(service: Any, by: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    service.write(rows(*((n, "a", U) for n in range(9))))
    service.write(rows(*((n, "b", U) for n in range(0, 9, 2)), (3, None, D)))
    info = service.open_read(split_by=by)
    parts = [service.read_split(split) for split in info.splits(by)]
    assert len(parts) > 1
    found = {row["id"]: row["v"] for part in parts for row in part.to_pylist()}
    assert sum(part.num_rows for part in parts) == 8
    assert found == {n: "a" if n % 2 else "b" for n in range(9) if n != 3}


def test_a_session_keeps_the_rows_that_it_began_with(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    service.write(rows((1, "a", U), (2, "b", U)))
    before = service.open_read(split_by=ByRows(1))
    service.write(rows((1, "c", U), (2, None, D)))
    split = Split(before.session_id, rows=RowRange(0, 2))
    assert service.read_split(split).to_pylist() == [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]


def test_a_restart_forgets_nothing(service: Any, open_service: Callable[..., Any]) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    service.write(rows((1, "a", U), (2, "b", U)))
    service.write(rows((1, None, D), (2, "c", U)))
    service.emulator.close()
    again = open_service()
    assert content(again) == {2: "c"}
    again.write(rows((2, "d", U), (1, "e", U)))
    assert content(again) == {1: "e", 2: "d"}


def test_a_key_of_many_types(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (a VARCHAR(9) NOT NULL, b TIMESTAMP NOT NULL, c DECIMAL(20,2) NOT NULL, "
        "d DATE NOT NULL, e BINARY NOT NULL, f DATETIME NOT NULL, g BOOLEAN NOT NULL, v BIGINT, "
        'PRIMARY KEY (a, b, c, d, e, f, g)) TBLPROPERTIES ("transactional"="true")'
    )
    early = pa.array([-(10**14), 1], pa.timestamp("us"))  # one of them no number of ns can hold
    first = pa.table(
        {
            "a": ["k", "k"],
            "b": early,
            "c": pa.array([1, 1], pa.decimal128(20, 2)),
            "d": pa.array([1, 1], pa.date32()),
            "e": [b"x", b"x"],
            "f": pa.array([5, 5], pa.timestamp("ms")),
            "g": [True, True],
            "v": [1, 2],
            "__operation": pa.array([U, U], pa.int8()),
        }
    )
    service.write(first)
    later = first.slice(1).set_column(7, "v", pa.array([3]))
    service.write(later)  # kept in another form, as all of its times fit
    assert sorted(row["v"] for row in service.preview().to_pylist()) == [1, 3]


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ("(id BIGINT NOT NULL, PRIMARY KEY (id))", "transactional"),
        ('(id BIGINT, PRIMARY KEY (id)) TBLPROPERTIES ("transactional"="true")', "NOT NULL"),
        ('(id BIGINT, PRIMARY KEY (x)) TBLPROPERTIES ("transactional"="true")', "no data column x"),
        ("(id DOUBLE NOT NULL, PRIMARY KEY (id))", "type double"),
        ("(id BIGINT NOT NULL, PRIMARY KEY (id, ID))", "stands twice"),
        ("(id BIGINT NOT NULL, PRIMARY KEY (id), PRIMARY KEY (id))", "a second PRIMARY KEY"),
        (KEYED.replace("v STRING", "__operation STRING"), "column __operation of a table"),
        ('(id BIGINT) TBLPROPERTIES ("acid.data.retain.hours"="soon")', "retain.hours='soon'"),
        ('(id BIGINT) TBLPROPERTIES ("write.bucket.num"="0")', "write.bucket.num='0'"),
    ],
)
def test_tables_that_cannot_be(service: Any, columns: str, named: str) -> None:
    status, text = service.run(f"CREATE TABLE t {columns}")
    assert status is TaskStatus.FAILED
    assert named in text


def test_no_column_is_added_that_is_the_system_s_own(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    status, text = service.run("ALTER TABLE t ADD COLUMNS (__Operation TINYINT)")
    assert (status, "column __operation of a table" in text) == (TaskStatus.FAILED, True)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (rows((1, "a", U)).drop_columns(["__operation"]), "need one column __operation"),
        (rows((1, "a", U), (2, "b", 84)), "row 1: 84; expected 85"),
        (rows((None, None, D)), "'id', row 0: NULL"),
        (
            rows((1, "a", U)).set_column(2, "__operation", pa.array([U], pa.int64())),
            "expected int8; it came as int64",
        ),
    ],
)
def test_rows_that_are_refused(service: Any, data: pa.Table, named: str) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    with pytest.raises(ServiceError, match=named) as refused:
        service.write(data)
    assert refused.value.status == 400


def test_a_row_that_is_deleted_needs_its_key_alone(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (id BIGINT NOT NULL, v STRING NOT NULL, PRIMARY KEY (id)) "
        'TBLPROPERTIES ("transactional"="true")'
    )
    service.write(rows((1, "a", U), (2, "b", U)))
    service.write(rows((1, None, D)))
    assert content(service) == {2: "b"}
    with pytest.raises(ServiceError, match="'v', row 1: NULL"):
        service.write(rows((2, None, D), (3, None, U)))


def test_the_write_schema_says_key_and_operation(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    session = service.open_session()
    _, info = service.open_stream(session)
    reply = service.send(write_session.encode_get_schema(service.ref(), session.session_id))
    schema = write_session.decode_schema_reply(reply).value
    assert schema == info.schema
    assert [(one.name, one.distribution_key) for one in schema.columns] == [
        ("id", True),
        ("v", False),
    ]
    assert [(one.name, str(one.type)) for one in schema.system_columns] == [
        ("__operation", "tinyint")
    ]


def test_numbered_rows_count_once(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    session = service.open_session()
    stream, info = service.open_stream(session, exactly_once=True)
    told = {"access_token": info.access_token}
    for _ in range(2):  # the second time as after a lost answer
        assert service.send_rows(stream, rows((1, "a", U)), row_offset=0, **told) == 1
    for _ in range(2):
        data = rows((1, "b", U), (2, "c", U))
        assert service.send_rows(stream, data, row_offset=1, **told) == 3
    with pytest.raises(Conflict, match="the next row is 3"):
        service.send_rows(stream, rows((1, "a", U)), row_offset=0, **told)
    service.close_stream(stream)
    service.commit(session)
    assert content(service) == {1: "b", 2: "c"}


def test_streaming_callers_upsert_as_they_come(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    stream = StreamId("default", "0", 1)
    said: dict[str, Any] = {"mode": WriteMode.STREAMING, "envelope": THREE}
    service.send(write_session.encode_open(service.ref(), stream, **said))
    expected = [{1: "a", 2: "b"}, {2: "c"}, {2: "d"}]
    bodies = [
        rows((1, "a", U), (2, "b", U)),
        rows((2, "c", U), (1, None, D)),
        rows((2, "?", U), (2, "d", U)),
    ]
    for body, after in zip(bodies, expected, strict=True):
        with pa.BufferOutputStream() as sink:
            with pa.ipc.new_stream(sink, body.schema) as writer:
                writer.write_table(body)
            data = sink.getvalue().to_pybytes()
        request = write_session.encode_write(
            service.ref(), stream, data, n_rows=body.num_rows, **said
        )
        write_session.decode_receipt(service.send(request))
        assert content(service) == after


def test_rows_without_operations_are_none_for_such_a_table(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    spec = WriteSpec(table=service.ref(), mode=WriteMode.BATCH_COMPATIBLE)
    with pytest.raises(ServiceError, match="mode BatchCompatible for a table with a primary key"):
        write_session.decode_session(service.send(write_session.encode_create(spec, THREE)))
    query = (("uploads", "1"),)
    request = Request(method="POST", path="/projects/demo/tables/t", query=query)
    with service.send(request) as answer:
        assert answer.status == 400
        assert b"an upload without operations" in answer.read()


def test_a_key_and_buckets_exclude_each_other(service: Any) -> None:
    columns = "(id BIGINT NOT NULL, PRIMARY KEY (id)) CLUSTERED BY (id) INTO 4 BUCKETS"
    status, text = service.run(f'CREATE TABLE t {columns} TBLPROPERTIES ("transactional"="true")')
    assert status is TaskStatus.FAILED
    assert "PRIMARY KEY and CLUSTERED BY" in text


def test_columns_that_are_younger_are_null_in_older_rows(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    service.write(rows((1, "a", U), (2, "b", U)))
    service.sql("ALTER TABLE t ADD COLUMNS (n BIGINT)")
    service.write(rows((2, "c", U)).append_column("n", pa.array([7])))
    found = {row["id"]: (row["v"], row["n"]) for row in service.rows()}
    assert found == {1: ("a", None), 2: ("c", 7)}


def test_writers_side_by_side_lose_nothing(service: Any) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")

    def write(number: int) -> None:
        for key in range(10):
            service.write(rows((key, str(number), U), (100 + number * 10 + key, "own", U)))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = content(service)
    assert len(found) == 50
    assert {found[key] for key in range(10)} <= {"0", "1", "2", "3"}


operations = st.tuples(st.integers(0, 5), st.text("ab", max_size=2), st.sampled_from([U, D]))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(operations, max_size=6), max_size=5))
def test_any_commits_leave_what_a_dictionary_would(
    service: Any, commits: list[list[tuple[int, str, int]]]
) -> None:
    service.sql("DROP TABLE IF EXISTS t")
    service.sql(f"CREATE TABLE t {KEYED}")
    expected: dict[int, str] = {}
    for commit in commits:
        service.write(rows(*commit))
        for key, value, operation in commit:
            expected[key] = value
            if operation == D:
                del expected[key]
        assert content(service) == expected
        assert service.open_read(split_by=ByRows(1)).n_rows == len(expected)
