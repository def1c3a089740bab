"""Changes between two versions: what came and what went, whatever the operation was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odps_frames.errors import Conflict, ServiceError
from odps_frames.model.read import Incremental
from odps_frames.model.splits import ByParallelism, ByRows, BySize, RowRange, Split
from odps_frames.wire.envelope import Envelope, encode_target
from odps_frames.wire.names import Action
from odps_frames.wire.read_session import decode_info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

U, D = 85, 68
KEYED = '(id BIGINT NOT NULL, v STRING, PRIMARY KEY (id)) TBLPROPERTIES ("transactional"="true")'


def plain(*ids: int, **more: list[str]) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64()), **more})


def keyed(*operations: tuple[int, Any, int]) -> pa.Table:
    ids, values, marks = zip(*operations, strict=True) if operations else ((), (), ())
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "v": pa.array(values, pa.string()),
            "__operation": pa.array(marks, pa.int8()),
        }
    )


def changes(service: Any, since: Any, until: Any = None, **spec: Any) -> list[tuple[Any, ...]]:
    """Return the rows of changes, operation last, in their order."""
    found = service.rows(incremental=Incremental(since, until), **spec)
    return [tuple(row.values()) for row in found]


@pytest.fixture
def table(service: Any) -> Any:
    service.sql("CREATE TABLE t (id BIGINT)")
    return service


@pytest.fixture
def merged(service: Any) -> Any:
    service.sql(f"CREATE TABLE t {KEYED}")
    service.write(keyed((1, "a", U), (2, "b", U)))
    service.write(keyed((2, "c", U), (3, "d", U), (1, None, D)))
    return service


def test_rows_that_came_and_went(table: Any) -> None:
    table.write(plain(1, 2))
    table.write(plain(3))
    table.write(plain(4), overwrite=True)
    table.sql("TRUNCATE TABLE t")
    assert changes(table, 0, 1) == [(1, U), (2, U)]
    assert changes(table, 1, 2) == [(3, U)]
    assert changes(table, 2, 3) == [(1, D), (2, D), (3, D), (4, U)]
    assert changes(table, 1, 3) == [(1, D), (2, D), (4, U)]  # 3 came and went in between
    assert changes(table, 3) == [(4, D)]
    assert changes(table, 0) == []
    assert changes(table, 2, 2) == []


def test_rows_that_were_replaced_and_deleted(merged: Any) -> None:
    assert changes(merged, 1) == [(1, "a", D), (2, "b", D), (2, "c", U), (3, "d", U)]
    assert changes(merged, 0) == [(2, "c", U), (3, "d", U)]


def test_partitions_that_were_dropped(service: Any) -> None:
    service.sql("CREATE TABLE t (id BIGINT) PARTITIONED BY (pt STRING)")
    service.write(plain(1, 2, pt=["x", "y"]))
    service.sql("ALTER TABLE t DROP PARTITION (pt='x')")
    assert changes(service, 1) == [(1, "x", D)]
    assert changes(service, 1, partitions=("pt=x",)) == [(1, "x", D)]
    assert changes(service, 1, partitions=("pt=y",)) == []
    assert changes(service, 0, partitions=("pt=y",)) == [(2, "y", U)]


@pytest.mark.parametrize("by", [BySize(16), ByParallelism(3), ByRows(2)])
def test_every_kind_of_split(merged: Any, by: Any) -> None:
    merged.write(keyed(*((n, "x", U) for n in range(5, 12))))
    info = merged.open_read(incremental=Incremental(1, 3), split_by=by)
    parts = [merged.read_split(split).to_pylist() for split in info.splits(by)]
    assert len(parts) > 1
    rows = [tuple(row.values()) for part in parts for row in part]
    assert rows == changes(merged, 1, 3)
    assert info.stats.estimated_rows == len(rows)
    if isinstance(by, ByRows):
        assert info.n_rows == len(rows)


def test_columns_are_those_asked_for_and_the_operation(merged: Any) -> None:
    info = merged.open_read(incremental=Incremental(1), columns=("v",))
    assert [column.name for column in info.columns] == ["v", "__operation"]
    assert [column.name for column in info.schema.columns] == ["v"]
    (split,) = info.splits(BySize())
    found = merged.read_split(split)
    assert found.schema.field("__operation").type == pa.int8()
    assert found.to_pylist()[0] == {"v": "a", "__operation": D}
    narrowed = merged.read_split(Split(info.session_id), columns=("v",))
    assert narrowed.equals(found)


def test_a_filter_sees_both_sides(merged: Any) -> None:
    assert changes(merged, 1, row_filter="v < 'c'") == [(1, "a", D), (2, "b", D)]
    assert changes(merged, 1, row_filter="v >= 'c'") == [(2, "c", U), (3, "d", U)]


def test_a_session_says_where_it_ends(merged: Any) -> None:
    info = merged.open_read(incremental=Incremental(0, 1, "version"))
    assert info.latest_version == 1
    assert info.incremental == Incremental(0, 1, "version")
    merged.write(keyed((9, "z", U)))
    assert merged.get_read(info.session_id).latest_version == 1
    assert merged.read_split(Split(info.session_id)).num_rows == 2
    assert merged.open_read(incremental=Incremental(1)).latest_version == 3
    assert merged.open_read().latest_version == 3


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"Mode": "anything", "From": 1, "To": 2}, 4),
        ({"From": 1}, 4),
        ({"StartVersion": 1, "EndVersion": 2}, 4),
        ({"Mode": "v", "StartVersion": 0, "EndVersion": 1}, 2),
        ({"StartTimeStamp": "2026-01-02 03:04:05", "EndTimeStamp": "2026-01-02 04:04:05"}, 4),
        ({"From": "2026-01-02T04:04:05+01:00"}, 4),
        ({"From": "1767323045"}, 4),
        ({"From": "1767323045000", "To": "1767323045999"}, 0),
        ({"StartTimeStamp": 1767323044}, 2),
    ],
)
def test_both_spellings_and_every_form_of_a_time(
    service: Any, options: dict[str, Any], rows: int
) -> None:
    service.sql(f"CREATE TABLE t {KEYED}")
    service.write(keyed((1, "a", U), (2, "b", U)))
    service.clock.advance(hours=1)
    service.write(keyed((2, "c", U), (3, "d", U), (1, None, D)))
    document = {"IncrementalRead": True, "IncrementalReadOptions": options}
    request = Envelope().request(
        Action.CREATE_READ_SESSION, encode_target(service.ref()), document=document
    )
    info = decode_info(service.send(request)).value
    assert service.read_split(Split(info.session_id)).num_rows == rows


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        (9, None, "the start is version 9; table demo.t is at version 2"),
        (1, 9, "the end is version 9"),
        (2, 1, "since version 2 and until version 1"),
        ("yesterday", None, "the start is 'yesterday'; expected a version, a time"),
        (1, "2026-13-01 00:00:00", "the end is '2026-13-01"),
        ("2027-01-01 00:00:00", None, "the start is '2027-01-01 00:00:00', which is still to come"),
    ],
)
def test_spans_that_cannot_be(merged: Any, since: Any, until: Any, message: str) -> None:
    with pytest.raises(ServiceError, match=message) as refused:
        merged.open_read(incremental=Incremental(since, until))
    assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")


def gap(service: Any, since: Any) -> str:
    with pytest.raises(Conflict) as refused:
        service.open_read(incremental=Incremental(since))
    assert (refused.value.status, refused.value.code) == (409, "DataVersionConflict")
    return str(refused.value)


def collect(service: Any) -> None:
    """Let the service clean up, as it does after every statement."""
    service.sql("CREATE TABLE IF NOT EXISTS other (id BIGINT)")


def files(folder: Path) -> int:
    return len(list((folder / "tables" / "files").iterdir()))


def test_what_went_is_kept_for_a_day(table: Any, tmp_path: Path) -> None:
    table.write(plain(1))
    table.write(plain(2), overwrite=True)
    table.clock.advance(hours=23)
    table.write(plain(3), overwrite=True)
    collect(table)
    assert files(tmp_path) == 3  # no session holds them
    table.clock.advance(hours=2)
    collect(table)
    assert files(tmp_path) == 2
    assert "since version 1 are not all kept any more: those since version 2 are" in gap(table, 1)
    assert changes(table, 2) == [(2, D), (3, U)]
    assert changes(table, "2026-01-03 02:04:05") == []


@pytest.mark.parametrize(("hours", "kept"), [("0", False), ("48", True)])
def test_a_table_says_how_long(service: Any, hours: str, kept: bool) -> None:  # noqa: FBT001  a case
    properties = f'"acid.data.retain.hours"="{hours}"'
    service.sql(f"CREATE TABLE t (id BIGINT) TBLPROPERTIES ({properties})")
    service.write(plain(1))
    service.write(plain(2), overwrite=True)
    service.clock.advance(hours=47)
    collect(service)
    if kept:
        assert changes(service, 1) == [(1, D), (2, U)]
    else:
        gap(service, 1)


def test_a_session_holds_what_it_needs(table: Any, open_service: Callable[..., Any]) -> None:
    table.write(plain(1))
    session = table.open_read(incremental=Incremental(0, 1))
    went = table.open_read(incremental=Incremental(1, 1))
    table.write(plain(2), overwrite=True)
    going = table.open_read(incremental=Incremental(1, 2), split_by=ByRows(1))
    table.clock.advance(hours=20)
    for one in (session, went, going):
        table.get_read(one.session_id, refresh=True)
    table.clock.advance(hours=5)
    table.emulator.close()
    table = open_service()  # which plans its sessions anew, from what is kept
    for one in (session, went, going):
        table.get_read(one.session_id, refresh=True)
    assert table.read_split(Split(session.session_id)).to_pylist() == [{"id": 1, "__operation": U}]
    assert table.read_split(Split(going.session_id, rows=RowRange(0, 2))).to_pylist() == [
        {"id": 1, "__operation": D},
        {"id": 2, "__operation": U},
    ]


def test_a_clock_that_goes_back_hides_no_version(table: Any) -> None:
    table.write(plain(1))
    table.clock.advance(hours=2)
    table.write(plain(2))
    table.clock.advance(hours=-1)
    between = table.clock().strftime("%Y-%m-%d %H:%M:%S")
    table.write(plain(3))
    assert changes(table, between) == [(2, U), (3, U)]
    assert changes(table, 0, between) == [(1, U)]
    table.clock.advance(hours=1)
    assert changes(table, table.clock().strftime("%Y-%m-%d %H:%M:%S")) == []


def test_versions_go_on_when_a_table_is_made_anew(table: Any) -> None:
    table.write(plain(1))
    table.write(plain(2))
    before = table.clock()
    table.clock.advance(minutes=1)
    table.sql("DROP TABLE t")
    table.sql("CREATE TABLE t (id BIGINT)")
    table.write(plain(3))
    assert table.open_read().latest_version == 4
    for since in (0, 1, 2, before.strftime("%Y-%m-%d %H:%M:%S")):
        gap(table, since)
    assert changes(table, 3) == [(3, U)]
    assert changes(table, table.clock().strftime("%Y-%m-%d %H:%M:%S")) == []


def test_a_restart_forgets_nothing(merged: Any, open_service: Callable[..., Any]) -> None:
    info = merged.open_read(incremental=Incremental(1))
    expected = merged.read_split(Split(info.session_id))
    merged.emulator.close()
    again = open_service()
    assert again.read_split(Split(info.session_id)).equals(expected)


def apply(rows: set[tuple[Any, ...]], found: list[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Carry changes out on the rows of a table, in their order, each of which must fit."""
    after = set(rows)
    for *row, operation in found:
        if operation == D:
            after.remove(tuple(row))
        else:
            assert tuple(row) not in after
            after.add(tuple(row))
    return after


operation = st.tuples(st.integers(0, 4), st.text("ab", max_size=1), st.sampled_from([U, D]))
step = st.one_of(
    st.tuples(st.just("upsert"), st.lists(operation, max_size=5), st.sampled_from("xy")),
    st.tuples(st.just("overwrite"), st.lists(operation, max_size=5), st.sampled_from("xy")),
    st.tuples(st.just("truncate"), st.none(), st.sampled_from("xy")),
    st.tuples(st.just("drop"), st.none(), st.sampled_from("xy")),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, max_size=6))
def test_changes_lead_from_any_version_to_any_later_one(
    service: Any, steps: list[tuple[str, Any, str]]
) -> None:
    service.sql("DROP TABLE IF EXISTS t")
    service.sql(
        "CREATE TABLE t (id BIGINT NOT NULL, v STRING, PRIMARY KEY (id)) "
        'PARTITIONED BY (pt STRING) TBLPROPERTIES ("transactional"="true")'
    )
    first = service.open_read().latest_version
    states: dict[int, set[tuple[Any, ...]]] = {first: set()}
    for kind, rows, pt in steps:
        service.sql(f"ALTER TABLE t ADD IF NOT EXISTS PARTITION (pt='{pt}')")
        if kind == "truncate":
            service.sql(f"TRUNCATE TABLE t PARTITION (pt='{pt}')")
        elif kind == "drop":
            service.sql(f"ALTER TABLE t DROP PARTITION (pt='{pt}')")
        else:
            service.write(keyed(*rows), partition=f"pt={pt}", overwrite=kind == "overwrite")
        info = service.open_read()
        found = {tuple(row.values()) for row in service.rows()}
        states[info.latest_version] = found
    for since, before in states.items():
        for until, after in states.items():
            if since <= until:
                assert apply(before, changes(service, since, until)) == after
