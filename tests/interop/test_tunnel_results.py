"""Results of queries by the older tunnel, as `instance.open_reader` reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pyarrow as pa
import pytest
from odps.config import option_context  # type: ignore[import-untyped]
from odps.tunnel import InstanceTunnel  # type: ignore[import-untyped]

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.client import Client

    Sides = Any  # classes of fixtures, which no test module can import
    Stand = Any

N_MANY, LIMITED = 12_345, 10_000
MOMENT = datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC)
NANOS = 1_709_251_199_123_456_789
TYPES = {
    "id": "bigint",
    "f": "float",
    "s": "string",
    "d": "decimal(10,2)",
    "day": "date",
    "at": "datetime",
    "stamp": "timestamp",
    "yes": "boolean",
    "raw": "binary",
    "list": "array<bigint>",
    "pairs": "map<string,bigint>",
}
ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3]),
        "f": pa.array([1.5, None, -0.0], pa.float32()),
        "s": pa.array(["杭州", "", None]),
        "d": pa.array([Decimal("1.25"), None, Decimal("-9.99")], pa.decimal128(10, 2)),
        "day": pa.array([date(1969, 12, 31), None, date(2024, 2, 29)]),
        "at": pa.array([MOMENT, None, MOMENT], pa.timestamp("ms", "UTC")),
        "stamp": pa.array([NANOS, None, 0], pa.timestamp("ns")),
        "yes": pa.array([True, None, False]),
        "raw": pa.array([b"\x00\xff", b"", None], pa.binary()),
        "list": pa.array([[1, None], [], None], pa.list_(pa.int64())),
        "pairs": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    }
)
STAMPS = [pd.Timestamp(NANOS, tz="UTC"), None, pd.Timestamp(0, tz="UTC")]
MOMENTS = [MOMENT, None, MOMENT]
PLAIN: list[list[Any]] = [
    [1, 1.5, "杭州", Decimal("1.25"), date(1969, 12, 31)],
    [2, None, "", None, None],
    [3, -0.0, None, Decimal("-9.99"), date(2024, 2, 29)],
]
NESTED: list[list[Any]] = [
    [True, b"\x00\xff", [1, None], {"k": 1}],
    [None, b"", [], {}],
    [False, None, None, None],
]
VALUES = [
    [*plain, moment, stamp, *nested]
    for plain, moment, stamp, nested in zip(PLAIN, MOMENTS, STAMPS, NESTED, strict=True)
]


@pytest.fixture
def sides(all_sides: dict[str, Sides]) -> Sides:
    """One pair of clients: what they sign and how says nothing of results."""
    return all_sides["V4"]


@pytest.fixture
def filled(ours: Client, table: str) -> str:
    ours.create_table(table, TYPES)
    of.to_odps(ROWS, table, client=ours)
    return table


@pytest.fixture
def many(ours: Client, table: str) -> str:
    ours.create_table(table, {"id": "bigint"})
    of.to_odps(pa.table({"id": pa.array(range(N_MANY))}), table, client=ours)
    return table


def query(theirs: Any, columns: str, table: str, more: str = "") -> Any:
    done = theirs.run_sql(f"SELECT {columns} FROM {table} {more}")
    done.wait_for_success(interval=0.02)
    return done


def test_records(theirs: Any, filled: str) -> None:
    with option_context() as chosen:
        chosen.local_timezone = "UTC"
        done = query(theirs, "*", filled, "ORDER BY id LIMIT 10")
        with done.open_reader(tunnel=True) as rows:
            assert rows.count == len(VALUES)
            assert [list(record.values) for record in rows] == VALUES
            assert [list(record.values) for record in rows[1:2]] == VALUES[1:2]


def test_the_tunnel_is_what_pyodps_chooses(stand: Stand, theirs: Any, filled: str) -> None:
    done = query(theirs, "id", filled, "ORDER BY id LIMIT 2")
    with done.open_reader() as rows:
        assert [record["id"] for record in rows] == [1, 2]
    assert stand.service.requests[-1].operation == "ReadRows"


def test_arrow(theirs: Any, filled: str) -> None:
    with option_context() as chosen:
        chosen.local_timezone = "UTC"
        done = query(theirs, "*", filled, "ORDER BY id LIMIT 10")
        with done.open_reader(tunnel=True, arrow=True) as rows:
            assert rows.count == ROWS.num_rows
            seen = rows.read_all()
    assert seen.schema.names == ROWS.schema.names
    for name in ROWS.column_names:
        wanted = ROWS[name].combine_chunks()
        if name == "stamp":
            wanted = wanted.cast(pa.timestamp("ns", "UTC"))
        assert seen[name].combine_chunks().cast(wanted.type).equals(wanted), name


@pytest.mark.parametrize("algo", [None, "zlib", "zstd", "lz4"])
@pytest.mark.parametrize("arrow", [False, True])
def test_compression(theirs: Any, filled: str, algo: str | None, *, arrow: bool) -> None:
    done = query(theirs, "id, s", filled, "ORDER BY id LIMIT 10")
    session = InstanceTunnel(theirs).create_download_session(done, compress_algo=algo)
    expected = ROWS.select(["id", "s"]).to_pylist()
    opened = session.open_arrow_reader if arrow else session.open_record_reader
    with opened(0, session.count, compress=algo is not None) as rows:
        found = rows.read().to_pylist() if arrow else [dict(record) for record in rows]
    assert found == expected


def test_frames(theirs: Any, filled: str) -> None:
    done = query(theirs, "id, s, d", filled, "ORDER BY id LIMIT 10")
    frame = done.to_pandas()
    assert frame["id"].tolist() == [1, 2, 3]
    assert frame["s"].tolist()[:2] == ["杭州", ""]
    assert frame["d"].tolist()[0] == Decimal("1.25")
    assert pd.concat(done.iter_pandas(batch_size=2))["id"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("arrow", [False, True])
def test_all_rows_whatever_their_number(theirs: Any, many: str, *, arrow: bool) -> None:
    done = query(theirs, "id", many)
    with done.open_reader(tunnel=True, arrow=arrow, limit=False) as rows:
        assert rows.count == N_MANY
        found = rows.read_all()["id"].to_pylist() if arrow else [record[0] for record in rows]
    assert sorted(found) == list(range(N_MANY))


def test_limited_results(theirs: Any, many: str) -> None:
    done = query(theirs, "id", many)
    with done.open_reader(tunnel=True, limit=True) as rows:
        assert rows.count == LIMITED
        assert len({record[0] for record in rows}) == LIMITED


@pytest.mark.parametrize("arrow", [False, True])
def test_columns_are_chosen(theirs: Any, filled: str, *, arrow: bool) -> None:
    done = query(theirs, "id, s, d", filled, "ORDER BY id LIMIT 10")
    with done.open_reader(tunnel=True, arrow=arrow, columns=["d", "id"]) as rows:
        found = rows.read_all().to_pylist() if arrow else [dict(record) for record in rows]
    assert [(row["d"], row["id"]) for row in found] == list(
        zip(ROWS["d"].to_pylist(), ROWS["id"].to_pylist(), strict=True)
    )


def test_a_result_does_not_change(theirs: Any, ours: Client, many: str) -> None:
    done = query(theirs, "id", many)
    session = InstanceTunnel(theirs).create_download_session(done)
    of.to_odps(pa.table({"id": pa.array([-1])}), many, client=ours, mode="overwrite")
    again = InstanceTunnel(theirs).create_download_session(done, download_id=session.id)
    with again.open_record_reader(0, again.count) as rows:
        assert sorted(record[0] for record in rows) == list(range(N_MANY))


def test_times_beyond_nanoseconds_are_refused(theirs: Any, ours: Client, table: str) -> None:
    ours.create_table(table, {"stamp": "timestamp"})
    old = pa.array([datetime(1500, 1, 1)], pa.timestamp("us"))  # noqa: DTZ001  as stored
    of.to_odps(pa.table({"stamp": old}), table, client=ours)
    done = query(theirs, "stamp", table)
    with (
        done.open_reader(tunnel=True, arrow=True) as rows,
        pytest.raises(odps.errors.InvalidArgument, match="read it as records"),
    ):
        rows.read_all()


def test_statements_without_rows(theirs: Any, table: str) -> None:
    done = theirs.execute_sql(f"CREATE TABLE {table} (id BIGINT)")
    with pytest.raises(odps.errors.InstanceTypeNotSupported):
        InstanceTunnel(theirs).create_download_session(done)
    with done.open_reader() as rows:  # pyodps falls back to the text by itself
        assert rows.raw == ""


def test_empty_results(theirs: Any, many: str) -> None:
    done = query(theirs, "id", many, "WHERE id < 0")
    with done.open_reader(tunnel=True) as rows:
        assert rows.count == 0
        assert list(rows) == []


def test_sessions_that_nobody_opened(theirs: Any, many: str) -> None:
    done = query(theirs, "id", many)
    with pytest.raises(odps.errors.ODPSError, match="'nothing' does not exist"):
        InstanceTunnel(theirs).create_download_session(done, download_id="nothing")


def test_whole_numbers_as_decimals_fall_back_to_records(
    theirs: Any, ours: Client, table: str
) -> None:
    ours.create_table(table, {"n": "decimal(10,0)"})
    of.to_odps(pa.table({"n": pa.array([Decimal(7)])}), table, client=ours)
    done = query(theirs, "n", table)
    with (
        done.open_reader(tunnel=True, arrow=True) as rows,
        pytest.raises(odps.errors.MethodNotAllowed, match="scale"),
    ):
        rows.read_all()
    assert next(iter(done.iter_pandas()))["n"].tolist() == [Decimal(7)]
