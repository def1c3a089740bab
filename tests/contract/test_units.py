"""Units of times in both directions, and what each of the peer's clients gets wrong."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odps_frames.client import Client
    from odps_frames.local import LocalClient

UNITS = {"s": "second", "ms": "milli", "us": "micro", "ns": "nano"}
TIMES = ["timestamp", "timestamp_ntz", "datetime"]
WHOLE = [0, 1_767_323_045, -1, None]
"""Seconds, which every unit holds."""
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001  as stored
ZONES = {"timestamp": "UTC", "datetime": "UTC", "timestamp_ntz": None}


def seconds(unit: Any = "s", values: list[Any] | None = None) -> Any:
    return pa.array(WHOLE if values is None else values, pa.timestamp("s")).cast(pa.timestamp(unit))


def option_of(kind: str) -> str:
    return "datetime_unit" if kind == "datetime" else "timestamp_unit"


def inside(rows: pa.Table) -> Any:
    """The times of a column of lists."""
    lists: Any = rows["l"].combine_chunks()
    return lists.flatten()


def zoned(array: Any, kind: str) -> Any:
    return array.cast(pa.timestamp(array.type.unit, ZONES[kind]))


@pytest.mark.covers(
    "ArrowOptions.TimestampUnit.SECOND",
    "ArrowOptions.TimestampUnit.MILLI",
    "ArrowOptions.TimestampUnit.MICRO",
    "ArrowOptions.TimestampUnit.NANO",
    "ArrowOptions.timestamp_unit",
    "ArrowOptions.date_time_unit",
    "CreateReadSessionRequest.arrow_options",
)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", TIMES)
def test_times_are_read_in_the_unit_asked_for(
    client: LocalClient, table: str, kind: str, unit: Any
) -> None:
    client.create_table(table, {"v": kind, "l": f"array<{kind}>"})
    lists = pa.ListArray.from_arrays([0, 1, 2, 3, 4], zoned(seconds(), kind))
    of.to_odps(pa.table({"v": zoned(seconds(), kind), "l": lists}), table, client=client)
    name = option_of(kind)
    option: Any
    for said in (unit, UNITS[unit]):
        option = {name: said}
        scan = of.scan_odps(table, client=client, **option)
        rows = scan.to_arrow()
        assert rows["v"].combine_chunks().equals(seconds(unit))
        assert inside(rows).equals(seconds(unit))
        assert scan.arrow_schema.field("v").type == pa.timestamp(unit)
    other = {"timestamp_unit", "datetime_unit"} - {name}
    option = {name: unit}
    session = client.read_session(table, arrow=of.ArrowOptions(**option))
    assert session.to_arrow()["v"].combine_chunks().equals(seconds(unit))
    assert getattr(session.spec.arrow, other.pop()) in (of.TimeUnit.NANO, of.TimeUnit.MILLI)
    frame = of.read_odps(table, client=client, columns=["v"], **option)
    assert str(frame["v"].dtype) == f"datetime64[{unit}{'' if ZONES[kind] is None else ', UTC'}]"


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", TIMES)
def test_times_are_written_from_any_unit(
    client: LocalClient, table: str, kind: str, unit: Any
) -> None:
    client.create_table(table, {"v": kind})
    given = zoned(seconds(unit), kind)
    of.to_odps(pa.table({"v": given}), table, client=client)
    # The storage layer takes what it is given, as it is.
    batch = pa.record_batch({"v": seconds(unit)})
    with (
        client.write_session(table) as session,
        session.open_stream("s", schema=batch.schema) as writer,
    ):
        writer.write(batch)
    rows = of.scan_odps(table, client=client).to_arrow()["v"]
    assert rows.cast(pa.timestamp("s")).to_pylist() == seconds().to_pylist() * 2


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_a_datetime_with_digits_beyond_milliseconds_is_refused_with_its_row(
    client: LocalClient, table: str, unit: Any
) -> None:
    client.create_table(table, {"v": "datetime"})
    data = pa.table({"v": pa.array([0, None, 1], pa.timestamp(unit, "UTC"))})
    with pytest.raises(of.CastError, match=r"column 'v', row 2 "):
        of.to_odps(data, table, client=client)
    assert of.scan_odps(table, client=client).to_arrow().num_rows == 0


@pytest.mark.parametrize(
    ("kind", "values", "unit", "why"),
    [
        ("timestamp", pa.array([0, 1_000], pa.timestamp("us")), "s", r"'milli' \(ms\)"),
        ("timestamp", pa.array([0, 1], pa.timestamp("us")), "ms", r"'micro' \(us\)"),
        ("timestamp_ntz", pa.array([0, 1], pa.timestamp("ns")), "us", r"'nano' \(ns\)"),
        ("timestamp_ntz", pa.array([LAST], pa.timestamp("us")), "ns", r"'second' \(s\)"),
        ("datetime", pa.array([0, 1], pa.timestamp("ms")), "s", r"'milli' \(ms\)"),
        ("datetime", pa.array([FIRST], pa.timestamp("ms")), "ns", r"'second' \(s\)"),
    ],
)
def test_the_service_refuses_units_that_cannot_hold_a_time_and_names_one_that_can(
    client: LocalClient, table: str, kind: str, values: Any, unit: str, why: str
) -> None:
    client.create_table(table, {"n": "bigint", "v": kind})
    data = pa.table({"n": list(range(len(values))), "v": zoned(values, kind)})
    of.to_odps(data, table, client=client)
    option: Any = {option_of(kind): unit}
    with pytest.raises(of.ServiceError, match=f"column 'v'.*{UNITS[unit]}.*{why}"):
        of.read_odps(table, client=client, **option)
    assert len(of.read_odps(table, client=client, columns=["n"], **option)) == len(values)


@pytest.fixture
def pairs(tmp_path: Path) -> Iterator[Client]:
    """A client of a service that sends times as pairs, and leaves units to whoever reads them."""
    with Emulator(tmp_path, struct_timestamps=True) as service, Server(service) as server:
        client = of.connect(
            server.endpoint, project="demo", access_id="a", secret_access_key="s",
            set_as_default=False,
        )  # fmt: skip
        yield client
        client.close()


def test_the_client_names_column_and_row_of_a_time_that_its_unit_cannot_hold(
    pairs: Client,
) -> None:
    pairs.create_table("t", {"v": "timestamp_ntz"})
    values = [*range(0, 10_000_000_000, 1_000_000), 1]
    of.to_odps(pa.table({"v": pa.array(values, pa.timestamp("ns"))}), "t", client=pairs)
    with pytest.raises(of.CastError, match=r"column 'v', row 10000 .*finer than 'ms'") as error:
        of.scan_odps("t", timestamp_unit="ms", client=pairs).to_arrow()
    assert any("while reading split 0" in note for note in error.value.__notes__)
    ranged = pairs.read_session(
        "t", split_by=of.ByRows(3000), arrow=of.ArrowOptions(of.TimeUnit.MILLI)
    )
    with pytest.raises(of.CastError, match=r"column 'v', row 10000 "):
        list(ranged.read(ranged.splits[3]))
    exact = of.scan_odps("t", client=pairs).to_arrow()["v"]
    assert exact.cast(pa.int64()).to_pylist() == values


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
def test_timestamps_beyond_1677_and_2262_are_read_and_written(
    client: LocalClient, table: str, kind: str
) -> None:
    """The peer's clients make timestamp[ns] of every pair, and such times wrap around."""
    client.create_table(table, {"v": kind, "l": f"array<{kind}>"})
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001  as stored
    values = zoned(pa.array([FIRST, last, datetime(1677, 1, 1), None], pa.timestamp("us")), kind)  # noqa: DTZ001  as stored
    lists = pa.ListArray.from_arrays([0, 1, 2, 3, 4], values)
    of.to_odps(pa.table({"v": values, "l": lists}), table, client=client)
    plain = values.cast(pa.timestamp("us"))
    rows = of.scan_odps(table, client=client).to_arrow()
    assert rows["v"].combine_chunks().equals(plain)
    assert inside(rows).equals(plain)
    frame = of.read_odps(table, client=client, columns=["v"])
    assert frame["v"].dt.year.tolist()[:3] == [1, 9999, 1677]
    of.to_odps(frame, table + "_again", create=True, client=client)
    again = of.scan_odps(table + "_again", client=client).to_arrow()["v"]
    assert again.combine_chunks().equals(plain)


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
@pytest.mark.parametrize("shape", ["array<{}>", "struct<a:bigint,b:{}>", "map<string,array<{}>>"])
def test_far_years_inside_of_values_are_read_in_a_wider_unit(
    client: LocalClient, table: str, kind: str, shape: str
) -> None:
    client.create_table(table, {"v": shape.format(kind)})
    times = zoned(pa.array([FIRST, None, LAST], pa.timestamp("us")), kind)
    lists: Any = pa.ListArray.from_arrays([0, 2, 2, 3], times)
    bounds: Any = [0, 1, 2, 3]
    rows: dict[str, Any] = {
        "a": lists,
        "s": pa.StructArray.from_arrays([pa.array([1, 2, 3]), times], ["a", "b"]),
        "m": pa.MapArray.from_arrays(bounds, pa.array(["x", "y", "z"]), lists),
    }
    of.to_odps(pa.table({"v": rows[shape[0]]}), table, client=client)
    found = of.scan_odps(table, client=client).to_arrow()["v"]
    plain = pa.array(rows[shape[0]].to_pylist(), found.type)
    assert found.combine_chunks().equals(plain)
    assert len(of.read_odps(table, client=client)) == 3


def test_far_years_with_nanoseconds_are_refused_and_can_be_read_apart(
    client: LocalClient, table: str
) -> None:
    """No Arrow unit holds both; whoever wants such rows reads them in two parts."""
    client.create_table(table, {"n": "bigint", "v": "timestamp_ntz"})
    near = pa.table({"n": [1], "v": pa.array([1], pa.timestamp("ns"))})
    far = pa.table({"n": [2], "v": pa.array([LAST], pa.timestamp("us"))})
    of.to_odps(near, table, client=client)
    of.to_odps(far, table, client=client)
    with pytest.raises(of.ServiceError, match="no unit does; leave the column out, or filter"):
        of.read_odps(table, client=client)
    assert of.read_odps(table, columns=["n"], client=client)["n"].tolist() == [1, 2]
    read = {
        text: of.scan_odps(table, filters=text, client=client).to_arrow()["v"]
        for text in ("v < '2200-01-01'", "v > '2200-01-01'")
    }
    assert read["v < '2200-01-01'"].cast(pa.int64()).to_pylist() == [1]
    assert read["v > '2200-01-01'"].to_pylist() == [LAST]


@pytest.mark.parametrize(
    ("kind", "type_", "texts"),
    [
        ("decimal(10,0)", pa.decimal128(10, 0), ["9999999999", "-9999999999", "0"]),
        ("decimal(10)", pa.decimal128(10, 0), ["9999999999"]),
        ("decimal(38,38)", pa.decimal128(38, 38), ["0." + "9" * 38]),
        ("decimal(38,0)", pa.decimal128(38, 0), ["9" * 38]),
        ("decimal", pa.decimal128(38, 18), ["9" * 20 + "." + "9" * 18]),
        ("decimal(54,18)", pa.decimal256(54, 18), ["9" * 36 + "." + "9" * 18]),
    ],
)
def test_decimals_keep_their_scale_also_where_it_is_zero(
    client: LocalClient, table: str, kind: str, type_: Any, texts: list[str]
) -> None:
    """One of the peer's clients takes a scale of 0 for one of 18, and numbers overflow."""
    client.create_table(table, {"v": kind})
    values = pa.array([*(Decimal(text) for text in texts), None], type_)
    of.to_odps(pa.table({"v": values}), table, client=client)
    rows = of.scan_odps(table, client=client).to_arrow()
    assert rows.schema.field("v").type == type_
    assert rows["v"].combine_chunks().equals(values)
    frame = of.read_odps(table, client=client)
    assert frame["v"].tolist()[:-1] == [Decimal(text) for text in texts]
    of.to_odps(frame, table, mode="overwrite", client=client)
    assert of.scan_odps(table, client=client).to_arrow()["v"].combine_chunks().equals(values)
