"""How Polars is asked: by its resolvers, and by the way that older versions have."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from odps_frames.integrations.polars import lazy
from tests.integrations.questions import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integrations.questions import Tables

c = pl.col
MORNING = datetime(2026, 1, 1, 6)  # noqa: DTZ001  instants without a zone are UTC in Polars

WAYS: dict[str, Callable[[Tables], Any]] = {
    "all columns": lambda t: t.events,
    "one column": lambda t: t.events.select("id"),
    "columns in another order": lambda t: t.events.select("text", "pt", "id"),
    "a partition column alone": lambda t: t.events.select("pt"),
    "a computed column": lambda t: t.events.select(twice=c("id") * 2),
    "how many rows": lambda t: t.events.select(n=pl.len()),
    "equal": lambda t: t.events.filter(c("id") == 1_234),
    "not equal": lambda t: t.events.filter(c("visitor") != 3),
    "less": lambda t: t.events.filter(c("id") < 50).select("id", "text"),
    "between": lambda t: t.events.filter(c("id").is_between(100, 180)).select("id"),
    "one of": lambda t: t.events.filter(c("visitor").is_in([2, 5])).select("id", "visitor"),
    "is null": lambda t: t.events.filter(c("amount").is_null()).select("id"),
    "is not null": lambda t: t.events.filter(c("text").is_not_null()).select("id", "text"),
    "and, or": lambda t: t.events.filter(
        ((c("visitor") == 1) & (c("id") < 900)) | (c("id") > 2_950)
    ).select("id"),
    "a text with a quote": lambda t: t.events.filter(c("text") == "it's").select("id", "text"),
    "a true flag": lambda t: t.events.filter("flag").select("id", "flag"),
    "a decimal above a constant": lambda t: t.events.filter(c("amount") > Decimal("20.05")).select(
        "id", "amount"
    ),
    "from a date on": lambda t: t.events.filter(c("day") >= date(2026, 1, 20)).select("id", "day"),
    "before a time": lambda t: t.events.filter(c("moment") < MORNING).select("id", "moment"),
    "a filter on a column that is left out": lambda t: t.events.filter(c("id") < 40).select("text"),
    "one partition": lambda t: t.events.filter(c("pt") == "20260102").select("id", "pt"),
    "some partitions": lambda t: t.events.filter(c("pt").is_in(["20260101", "20260103"])).select(
        "id"
    ),
    "partitions from one on, of an hour": lambda t: t.events.filter(
        c("pt") >= "20260102", c("hh") == "00"
    ).select("id", "hh"),
    "partition and data": lambda t: t.events.filter(c("pt") == "20260101", c("id") < 300).select(
        "id", "pt"
    ),
    "some rows": lambda t: t.events.select("id", "text").head(10),
    "some rows of a filter": lambda t: t.events.filter(c("visitor") == 3).head(5),
    "more rows than there are": lambda t: t.cities.head(6),
    "the greatest rows": lambda t: t.events.select("id").sort("id", descending=True).head(7),
    "inner join": lambda t: t.events.join(t.cities, on="text").select("id", "country"),
    "left join": lambda t: (
        t.events.filter(c("id") < 200).join(t.cities, on="text", how="left").select("id", "people")
    ),
    "join of a filter on each side": lambda t: (
        t.events.filter(c("id") < 500)
        .join(t.cities.filter(c("people") > 100), on="text")
        .select("id", "text", "people")
    ),
    "rows by partition": lambda t: t.events.group_by("pt").agg(n=c("id").count()),
    "sums by a key that may be null": lambda t: t.events.group_by("visitor").agg(
        total=c("amount").sum()
    ),
    "least and greatest by partition, under a filter": lambda t: (
        t.events.filter(c("id") < 1_500)
        .group_by("pt")
        .agg(least=c("day").min(), greatest=c("day").max())
    ),
    "distinct values": lambda t: t.events.select("visitor", "flag").unique(),
    "a filter that nothing meets": lambda t: t.events.filter(c("id") < 0),
    "a partition that is not there": lambda t: t.events.filter(c("pt") == "1999"),
    "an empty table": lambda t: t.nothing,
    "how many rows of nothing": lambda t: t.nothing.select(n=pl.len()),
    "every type": lambda t: t.types,
}

ENGINES = (
    Engine("Polars", lambda scan: lazy(scan, resolved=True), WAYS, pl.LazyFrame.collect),
    Engine(
        "Polars, one source",
        lambda scan: lazy(scan, resolved=False),
        WAYS,
        pl.LazyFrame.collect,
    ),
)
