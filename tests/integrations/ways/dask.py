"""How Dask is asked: the scan leaves out what is said to it, Dask the rest."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import pandas as pd

from tests.integrations.questions import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integrations.questions import Tables


def collected(answer: Any) -> Any:
    return answer.compute(scheduler="sync") if isinstance(answer, dd.DataFrame) else answer


def read(scan: Any, *columns: str, where: str | None = None) -> Any:
    """What is known when the frame is planned is said to the scan."""
    ddf = (scan if where is None else scan.filter(where)).to_dask()
    return ddf[list(columns)] if columns else ddf


def counted(scan: Any) -> pd.DataFrame:
    return pd.DataFrame({"n": [len(scan.to_dask())]})


def one_of(t: Tables, name: str, *values: Any) -> Any:
    events = read(t.events)
    return events[events[name].isin(list(values))]


def joined(t: Tables) -> Any:
    cities = read(t.cities)
    left = read(t.events, where="id < 500")
    return left.merge(cities[cities["people"] > 100], on="text")[["id", "text", "people"]]


def totals(t: Tables) -> Any:
    by = read(t.events, "visitor", "amount").groupby("visitor", dropna=False)
    return by.agg(total=("amount", "sum")).reset_index()


def bounds(t: Tables) -> Any:
    by = read(t.events, "pt", "day", where="id < 1500").groupby("pt")
    return by.agg(least=("day", "min"), greatest=("day", "max")).reset_index()


def either(t: Tables) -> Any:
    events = read(t.events)
    first = (events["visitor"] == 1) & (events["id"] < 900)
    return events[first | (events["id"] > 2_950)][["id"]]


def where(scan: Any, condition: Callable[[Any], Any], *columns: str) -> Any:
    """What is known only in Dask is left to it."""
    ddf = scan.to_dask()
    found = ddf[condition(ddf)]
    return found[list(columns)] if columns else found


WAYS: dict[str, Callable[[Tables], Any]] = {
    "all columns": lambda t: read(t.events),
    "one column": lambda t: read(t.events, "id"),
    "columns in another order": lambda t: read(t.events, "text", "pt", "id"),
    "a partition column alone": lambda t: read(t.events, "pt"),
    "a computed column": lambda t: (read(t.events)["id"] * 2).to_frame("twice"),
    "how many rows": lambda t: counted(t.events),
    "equal": lambda t: where(t.events, lambda d: d["id"] == 1_234),
    "not equal": lambda t: read(t.events, where="visitor <> 3"),
    "less": lambda t: read(t.events, "id", "text", where="id < 50"),
    "between": lambda t: where(t.events, lambda d: d["id"].between(100, 180), "id"),
    "one of": lambda t: one_of(t, "visitor", 2, 5)[["id", "visitor"]],
    "is null": lambda t: where(t.events, lambda d: d["amount"].isna(), "id"),
    "is not null": lambda t: read(t.events, "id", "text", where="text is not null"),
    "and, or": either,
    "a text with a quote": lambda t: where(t.events, lambda d: d["text"] == "it's", "id", "text"),
    "a true flag": lambda t: where(t.events, lambda d: d["flag"], "id", "flag"),
    "a decimal above a constant": lambda t: where(
        t.events, lambda d: d["amount"] > Decimal("20.05"), "id", "amount"
    ),
    "from a date on": lambda t: read(t.events, "id", "day", where="day >= date '2026-01-20'"),
    "before a time": lambda t: where(
        t.events, lambda d: d["moment"] < pd.Timestamp(2026, 1, 1, 6, tz="UTC"), "id", "moment"
    ),
    "a filter on a column that is left out": lambda t: read(t.events, "text", where="id < 40"),
    "one partition": lambda t: t.events.partitions({"pt": "20260102"}).to_dask()[["id", "pt"]],
    "some partitions": lambda t: one_of(t, "pt", "20260101", "20260103")[["id"]],
    "partitions from one on, of an hour": lambda t: read(
        t.events, "id", "hh", where="pt >= '20260102' and hh = '00'"
    ),
    "partition and data": lambda t: read(
        t.events, "id", "pt", where="pt = '20260101' and id < 300"
    ),
    "some rows": lambda t: read(t.events, "id", "text").head(10, compute=False),
    "some rows of a filter": lambda t: read(t.events, where="visitor = 3").head(
        5, npartitions=-1, compute=False
    ),
    "more rows than there are": lambda t: t.cities.limit(6).to_dask(),
    "the greatest rows": lambda t: read(t.events, "id").nlargest(7, "id"),
    "inner join": lambda t: read(t.events).merge(read(t.cities), on="text")[["id", "country"]],
    "left join": lambda t: read(t.events, where="id < 200").merge(
        read(t.cities), on="text", how="left"
    )[["id", "people"]],
    "join of a filter on each side": joined,
    "rows by partition": lambda t: (
        read(t.events).groupby("pt").agg(n=("id", "count")).reset_index()
    ),
    "sums by a key that may be null": totals,
    "least and greatest by partition, under a filter": bounds,
    "distinct values": lambda t: read(t.events, "visitor", "flag").drop_duplicates(),
    "a filter that nothing meets": lambda t: read(t.events, where="id < 0"),
    "a partition that is not there": lambda t: t.events.partitions({"pt": "1999"}).to_dask(),
    "an empty table": lambda t: read(t.nothing),
    "how many rows of nothing": lambda t: counted(t.nothing),
    "every type": lambda t: read(t.types),
}

ENGINES = (Engine("Dask", open=lambda scan: scan, ways=WAYS, collect=collected, nan_is_null=True),)
