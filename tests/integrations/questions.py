"""The questions that every engine answers as pandas does on the whole frame.

A question is a name and a function from the whole tables, as pandas frames, to the answer. An
engine says how it asks each of them in a file of its own, ``ways/<engine>.py``::

    from tests.integrations.questions import Engine, Tables

    WAYS = {
        "one column": lambda t: t.events[["id"]],
        ...
    }
    ENGINES = (Engine("Dask", open=lambda scan: scan.to_dask(), ways=WAYS),)

``open`` makes of a scan what the engine works on; a way gets the four of them by name, and
returns what the engine gives. ``Engine.collect`` turns that into a pandas frame, an Arrow table
or anything with ``__arrow_c_stream__``, which is compared as rows of plain values: in any order
unless the question has one. Columns are compared by name; integers of any width, texts of any
Arrow type and times of any unit are equal when their values are. ``test_questions.py`` finds the
files by itself and fails for a question without a way; ``table.py`` writes docs/engines_table.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.client import Client

__all__ = ["QUESTIONS", "Engine", "Question", "Tables", "plain_rows", "scans", "whole", "write"]

ROWS = 3_000
DAYS = ("20260101", "20260102", "20260103")
TEXTS = ("Hangzhou", "it's", 'a "b" \\', "杭州 🚀", "", "%_", None)


@dataclass(frozen=True)
class Tables:
    """What an engine, or pandas, works on."""

    events: Any
    """``id, visitor, amount, ratio, text, flag, day, moment``, and the partition ``pt, hh``."""
    cities: Any
    """``text, country, people``: a row for some of the texts of events."""
    types: Any
    """``id`` and a column of every type."""
    nothing: Any
    """The columns of cities, and no row."""


@dataclass(frozen=True)
class Question:
    """What is asked, and the answer as pandas gives it on the whole frames."""

    name: str
    answer: Callable[[Tables], pd.DataFrame]
    ordered: bool = False
    """Whether the order of the rows belongs to the answer."""
    any_rows: int | None = None
    """For a limit: so many of the rows of ``answer`` are an answer, whichever they are."""


@dataclass(frozen=True)
class Engine:
    """An engine, and how it asks each question."""

    name: str
    open: Callable[[of.Scan], Any]
    ways: Mapping[str, Callable[[Tables], Any]] = field(repr=False)
    collect: Callable[[Any], Any] = lambda answer: answer
    nan_is_null: bool = False
    """Whether the engine itself makes NULL of NaN, or NaN of NULL, in floating columns."""

    def ask(self, question: Question, of_tables: Tables) -> list[tuple[Any, ...]]:
        """Return its answer as rows of plain values."""
        opened = Tables(*(self.open(getattr(of_tables, name)) for name in NAMES))
        answer = self.collect(self.ways[question.name](opened))
        return plain_rows(answer, nan_is_null=self.nan_is_null)


NAMES = ("events", "cities", "types", "nothing")

QUESTIONS = (
    # Projections
    Question("all columns", lambda t: t.events),
    Question("one column", lambda t: t.events[["id"]]),
    Question("columns in another order", lambda t: t.events[["text", "pt", "id"]]),
    Question("a partition column alone", lambda t: t.events[["pt"]]),
    Question("a computed column", lambda t: pd.DataFrame({"twice": t.events["id"] * 2})),
    Question("how many rows", lambda t: counted(t.events)),
    # Filters on data
    Question("equal", lambda t: t.events[t.events["id"] == 1_234]),
    Question("not equal", lambda t: t.events[t.events["visitor"] != 3]),
    Question("less", lambda t: t.events[t.events["id"] < 50][["id", "text"]]),
    Question("between", lambda t: t.events[t.events["id"].between(100, 180)][["id"]]),
    Question("one of", lambda t: t.events[t.events["visitor"].isin([2, 5])][["id", "visitor"]]),
    Question("is null", lambda t: t.events[t.events["amount"].isna()][["id"]]),
    Question("is not null", lambda t: t.events[t.events["text"].notna()][["id", "text"]]),
    Question(
        "and, or",
        lambda t: t.events[
            ((t.events["visitor"] == 1) & (t.events["id"] < 900)) | (t.events["id"] > 2_950)
        ][["id"]],
    ),
    Question("a text with a quote", lambda t: t.events[t.events["text"] == "it's"][["id", "text"]]),
    Question("a true flag", lambda t: t.events[t.events["flag"]][["id", "flag"]]),
    Question(
        "a decimal above a constant",
        lambda t: t.events[t.events["amount"] > Decimal("20.05")][["id", "amount"]],
    ),
    Question(
        "from a date on", lambda t: t.events[t.events["day"] >= date(2026, 1, 20)][["id", "day"]]
    ),
    Question(
        "before a time",
        lambda t: t.events[t.events["moment"] < pd.Timestamp(2026, 1, 1, 6, tz="UTC")][
            ["id", "moment"]
        ],
    ),
    Question("a filter on a column that is left out", lambda t: less(t.events, 40)[["text"]]),
    # Filters on partition columns
    Question("one partition", lambda t: t.events[t.events["pt"] == "20260102"][["id", "pt"]]),
    Question(
        "some partitions", lambda t: t.events[t.events["pt"].isin(["20260101", "20260103"])][["id"]]
    ),
    Question(
        "partitions from one on, of an hour",
        lambda t: t.events[(t.events["pt"] >= "20260102") & (t.events["hh"] == "00")][["id", "hh"]],
    ),
    Question(
        "partition and data",
        lambda t: t.events[(t.events["pt"] == "20260101") & (t.events["id"] < 300)][["id", "pt"]],
    ),
    # Limits
    Question("some rows", lambda t: t.events[["id", "text"]], any_rows=10),
    Question("some rows of a filter", lambda t: t.events[t.events["visitor"] == 3], any_rows=5),
    Question("more rows than there are", lambda t: t.cities, any_rows=6),
    Question(
        "the greatest rows",
        lambda t: t.events[["id"]].sort_values("id", ascending=False).head(7),
        ordered=True,
    ),
    # Joins
    Question("inner join", lambda t: t.events.merge(t.cities, on="text")[["id", "country"]]),
    Question(
        "left join",
        lambda t: less(t.events, 200).merge(t.cities, on="text", how="left")[["id", "people"]],
    ),
    Question(
        "join of a filter on each side",
        lambda t: less(t.events, 500).merge(t.cities[t.cities["people"] > 100], on="text")[
            ["id", "text", "people"]
        ],
    ),
    # Groups
    Question(
        "rows by partition",
        lambda t: t.events.groupby("pt", as_index=False).agg(n=("id", "count")),
    ),
    Question(
        "sums by a key that may be null",
        lambda t: t.events.groupby("visitor", as_index=False, dropna=False).agg(
            total=("amount", "sum")
        ),
    ),
    Question(
        "least and greatest by partition, under a filter",
        lambda t: (
            t.events[t.events["id"] < 1_500]
            .groupby("pt", as_index=False)
            .agg(least=("day", "min"), greatest=("day", "max"))
        ),
    ),
    Question("distinct values", lambda t: t.events[["visitor", "flag"]].drop_duplicates()),
    # Empty results
    Question("a filter that nothing meets", lambda t: t.events[t.events["id"] < 0]),
    Question("a partition that is not there", lambda t: t.events[t.events["pt"] == "1999"]),
    Question("an empty table", lambda t: t.nothing),
    Question("how many rows of nothing", lambda t: counted(t.nothing)),
    # Types
    Question("every type", lambda t: t.types),
)


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the number of rows as a frame of one."""
    return pd.DataFrame({"n": [len(frame)]})


def less(events: pd.DataFrame, bound: int) -> pd.DataFrame:
    """Return the events of a lower id."""
    return events[events["id"] < bound]


def write(client: Client) -> None:
    """Make the tables."""
    of.to_odps(
        _events(),
        "q_events",
        create=True,
        partition_cols=["pt", "hh"],
        odps_types={"moment": "datetime"},
        client=client,
    )
    of.to_odps(_cities(), "q_cities", create=True, client=client)
    of.to_odps(_cities().slice(0, 0), "q_nothing", create=True, client=client)
    types, odps_types = _types()
    of.to_odps(types, "q_types", create=True, odps_types=odps_types, client=client)


def scans(client: Client) -> Tables:
    """Return a scan of each table; events has several splits."""
    by = of.ByRows(700)
    return Tables(*(of.scan_odps(f"q_{n}", split_by=by, client=client) for n in NAMES))


def whole(client: Client) -> Tables:
    """Return each table as pandas reads it."""
    return Tables(*(of.read_odps(f"q_{n}", dtype_backend="pyarrow", client=client) for n in NAMES))


def plain_rows(answer: Any, *, nan_is_null: bool = False) -> list[tuple[Any, ...]]:
    """Return rows of ``(name, value)`` in the order of the names, whatever holds them."""
    table = (
        pa.Table.from_pandas(answer, preserve_index=False)
        if isinstance(answer, pd.DataFrame)
        else pa.table(answer)
    )
    names = sorted(table.column_names)
    columns = [
        [(name, plain(value, table.schema.field(name).type)) for value in _values(table[name])]
        for name in names
    ]
    rows = list(zip(*columns, strict=True))
    if nan_is_null:
        return [tuple((n, None if v == "NaN" else v) for n, v in row) for row in rows]
    return rows


def _values(column: pa.ChunkedArray[Any]) -> list[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _values(column.cast(kind.value_type))
    return [scalar if scalar.is_valid else None for scalar in column]


def plain(value: Any, kind: pa.DataType) -> Any:
    """Return an Arrow scalar as a value that is equal to others of the same meaning."""
    if value is None or not value.is_valid:
        return None
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return value.value * {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[kind.unit]
    if pa.types.is_map(kind):
        pairs = [value.values[n] for n in range(len(value))]
        return tuple(tuple(plain(p[k], p[k].type) for k in range(2)) for p in pairs)
    if pa.types.is_nested(kind) and pa.types.is_struct(kind):
        return tuple((name, plain(value[name], value[name].type)) for name in value)
    if pa.types.is_nested(kind):
        return tuple(plain(one, one.type) for one in value.values)
    if pa.types.is_floating(kind):
        number = value.as_py()
        return "NaN" if math.isnan(number) else number
    return value.as_py()


def _events() -> pa.Table:
    numbers = range(ROWS)
    start = datetime(2026, 1, 1)  # noqa: DTZ001  as stored
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "visitor": pa.array([None if n % 11 == 0 else n % 7 for n in numbers], pa.int64()),
            "amount": pa.array(
                [None if n % 13 == 0 else Decimal(n % 4_001) / 100 for n in numbers],
                pa.decimal128(10, 2),
            ),
            "ratio": pa.array([_ratio(n) for n in numbers], pa.float64()),
            "text": pa.array([TEXTS[n % len(TEXTS)] for n in numbers]),
            "flag": pa.array([(True, False, None)[n % 3] for n in numbers]),
            "day": pa.array(
                [None if n % 17 == 0 else date(2026, 1, 1) + timedelta(n % 31) for n in numbers]
            ),
            "moment": pa.array(
                [None if n % 19 == 0 else start + timedelta(minutes=n) for n in numbers],
                pa.timestamp("ms"),
            ),
            "pt": pa.array([DAYS[n % 3] for n in numbers]),
            "hh": pa.array([f"0{n % 2}" for n in numbers]),
        }
    )


def _ratio(n: int) -> float | None:
    return (None, math.nan, -0.5, math.inf)[n % 23] if n % 23 < 4 else (n % 64) / 8


def _cities() -> pa.Table:
    return pa.table(
        {
            "text": pa.array(["Hangzhou", "it's", "杭州 🚀", "elsewhere"]),
            "country": pa.array(["CN", None, "CN", "XX"]),
            "people": pa.array([11_000, 5, 101, None], pa.int64()),
        }
    )


def _types() -> tuple[pa.Table, dict[str, str]]:
    wall = datetime(2026, 3, 4, 5, 6, 7)  # noqa: DTZ001  as stored
    columns: dict[str, tuple[str, pa.Array[Any]]] = {
        "id": ("bigint", pa.array([1, 2, 3], pa.int64())),
        "tiny": ("tinyint", pa.array([-(2**7), 2**7 - 1, None], pa.int8())),
        "small": ("smallint", pa.array([-(2**15), 2**15 - 1, None], pa.int16())),
        "whole": ("int", pa.array([-(2**31), 2**31 - 1, None], pa.int32())),
        "big": ("bigint", pa.array([-(2**63), 2**53 + 1, None], pa.int64())),
        "single": ("float", pa.array([1.5, math.inf, None], pa.float32())),
        "double": ("double", pa.array([5e-324, math.nan, None], pa.float64())),
        "exact": (
            "decimal(38,18)",
            pa.array(
                [Decimal("9" * 20 + "." + "9" * 18), Decimal(-1), None], pa.decimal128(38, 18)
            ),
        ),
        "truth": ("boolean", pa.array([True, False, None])),
        "text": ("string", pa.array(["", "it's 杭州 🚀", None])),
        "padded": ("char(3)", pa.array(["abc", "x", None])),
        "short": ("varchar(5)", pa.array(["", "12345", None])),
        "raw": ("binary", pa.array([b"", b"\x00\xff", None], pa.binary())),
        "day": ("date", pa.array([date(1, 1, 1), date(9999, 12, 31), None])),
        "moment": ("datetime", pa.array([wall, datetime(1900, 1, 1), None], pa.timestamp("ms"))),  # noqa: DTZ001
        "instant": ("timestamp", pa.array([1, 10**18 + 1, None], pa.timestamp("ns"))),
        "clock": ("timestamp_ntz", pa.array([-1, 10**18 + 1, None], pa.timestamp("ns"))),
        "list": ("array<bigint>", pa.array([[], [1, None], None], pa.list_(pa.int64()))),
        "mapping": (
            "map<string,bigint>",
            pa.array([[], [("k", 1), ("", None)], None], pa.map_(pa.string(), pa.int64())),
        ),
        "record": (
            "struct<a:int,b:array<string>>",
            pa.array(
                [{"a": 1, "b": ["x", None]}, {"a": None, "b": None}, None],
                pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))]),
            ),
        ),
    }
    table = pa.table({name: array for name, (_, array) in columns.items()})
    return table, {name: kind for name, (kind, _) in columns.items()}
