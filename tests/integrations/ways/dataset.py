"""How pyarrow is asked: its own expressions over the dataset, and Arrow's kernels for the rest."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tests.integrations.questions import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow.dataset as ds

    from tests.integrations.questions import Tables

f: Any = pc.field  # comparing with it makes an expression, not a truth value
MORNING = pa.scalar(datetime(2026, 1, 1, 6), pa.timestamp("ms"))  # noqa: DTZ001  as Arrow has it


def read(dataset: ds.Dataset, where: pc.Expression | None = None, *names: str) -> pa.Table:
    return dataset.to_table(columns=list(names) or None, filter=where)


def count(dataset: ds.Dataset) -> pa.Table:
    return pa.table({"n": [dataset.count_rows()]})


def totals(t: Tables) -> pa.Table:
    found = read(t.events, None, "visitor", "amount").group_by("visitor")
    return found.aggregate([("amount", "sum")]).rename_columns(["visitor", "total"])


def bounds(t: Tables) -> pa.Table:
    found = read(t.events, f("id") < 1_500, "pt", "day").group_by("pt")
    return found.aggregate([("day", "min"), ("day", "max")]).rename_columns(
        ["pt", "least", "greatest"]
    )


WAYS: dict[str, Callable[[Tables], Any]] = {
    "all columns": lambda t: read(t.events),
    "one column": lambda t: read(t.events, None, "id"),
    "columns in another order": lambda t: read(t.events, None, "text", "pt", "id"),
    "a partition column alone": lambda t: read(t.events, None, "pt"),
    "a computed column": lambda t: t.events.to_table(columns={"twice": f("id") * 2}),
    "how many rows": lambda t: count(t.events),
    "equal": lambda t: read(t.events, f("id") == 1_234),
    "not equal": lambda t: read(t.events, f("visitor") != 3),
    "less": lambda t: read(t.events, f("id") < 50, "id", "text"),
    "between": lambda t: read(t.events, (f("id") >= 100) & (f("id") <= 180), "id"),
    "one of": lambda t: read(t.events, f("visitor").isin([2, 5]), "id", "visitor"),
    "is null": lambda t: read(t.events, f("amount").is_null(), "id"),
    "is not null": lambda t: read(t.events, f("text").is_valid(), "id", "text"),
    "and, or": lambda t: read(
        t.events, ((f("visitor") == 1) & (f("id") < 900)) | (f("id") > 2_950), "id"
    ),
    "a text with a quote": lambda t: read(t.events, f("text") == "it's", "id", "text"),
    "a true flag": lambda t: read(t.events, f("flag"), "id", "flag"),
    "a decimal above a constant": lambda t: read(
        t.events, f("amount") > Decimal("20.05"), "id", "amount"
    ),
    "from a date on": lambda t: read(t.events, f("day") >= date(2026, 1, 20), "id", "day"),
    "before a time": lambda t: read(t.events, f("moment") < MORNING, "id", "moment"),
    "a filter on a column that is left out": lambda t: read(t.events, f("id") < 40, "text"),
    "one partition": lambda t: read(t.events, f("pt") == "20260102", "id", "pt"),
    "some partitions": lambda t: read(t.events, f("pt").isin(["20260101", "20260103"]), "id"),
    "partitions from one on, of an hour": lambda t: read(
        t.events, (f("pt") >= "20260102") & (f("hh") == "00"), "id", "hh"
    ),
    "partition and data": lambda t: read(
        t.events, (f("pt") == "20260101") & (f("id") < 300), "id", "pt"
    ),
    "some rows": lambda t: t.events.head(10, columns=["id", "text"]),
    "some rows of a filter": lambda t: t.events.head(5, filter=f("visitor") == 3),
    "more rows than there are": lambda t: t.cities.head(6),
    "the greatest rows": lambda t: (
        read(t.events.sort_by([("id", "descending")])).select(["id"]).slice(0, 7)
    ),
    "inner join": lambda t: read(
        t.events.join(t.cities, "text", join_type="inner"), None, "id", "country"
    ),
    "left join": lambda t: read(
        t.events.filter(f("id") < 200).join(t.cities, "text"), None, "id", "people"
    ),
    "join of a filter on each side": lambda t: read(
        t.events.filter(f("id") < 500).join(
            t.cities.filter(f("people") > 100), "text", join_type="inner"
        ),
        None,
        "id",
        "text",
        "people",
    ),
    "rows by partition": lambda t: (
        read(t.events, None, "pt", "id")
        .group_by("pt")
        .aggregate([("id", "count")])
        .rename_columns(["pt", "n"])
    ),
    "sums by a key that may be null": totals,
    "least and greatest by partition, under a filter": bounds,
    "distinct values": lambda t: (
        read(t.events, None, "visitor", "flag").group_by(["visitor", "flag"]).aggregate([])
    ),
    "a filter that nothing meets": lambda t: read(t.events, f("id") < 0),
    "a partition that is not there": lambda t: read(t.events, f("pt") == "1999"),
    "an empty table": lambda t: read(t.nothing),
    "how many rows of nothing": lambda t: count(t.nothing),
    "every type": lambda t: read(t.types),
}

ENGINES = (Engine("pyarrow dataset", lambda scan: scan.dataset(), WAYS),)
