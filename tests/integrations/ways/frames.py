"""How the package itself is asked: the scan leaves out what it can, and pandas does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from tests.integrations.questions import Engine, counted

if TYPE_CHECKING:
    from collections.abc import Callable

    import odps_frames as of
    from tests.integrations.questions import Tables


def frame(scan: of.Scan) -> pd.DataFrame:
    return scan.to_pandas(dtype_backend="pyarrow")


def read(scan: of.Scan, *columns: str, where: str | None = None) -> pd.DataFrame:
    found = scan if where is None else scan.filter(where)
    return frame(found.select(*columns) if columns else found)


def totals(t: Tables) -> pd.DataFrame:
    rows = read(t.events, "visitor", "amount")
    return rows.groupby("visitor", as_index=False, dropna=False).agg(total=("amount", "sum"))


def bounds(t: Tables) -> pd.DataFrame:
    rows = read(t.events, "pt", "day", where="id < 1500")
    return rows.groupby("pt", as_index=False).agg(least=("day", "min"), greatest=("day", "max"))


def joined(
    events: pd.DataFrame, cities: pd.DataFrame, *columns: str, how: Any = "inner"
) -> pd.DataFrame:
    return events.merge(cities, on="text", how=how)[list(columns)]


WAYS: dict[str, Callable[[Tables], Any]] = {
    "all columns": lambda t: frame(t.events),
    "one column": lambda t: read(t.events, "id"),
    "columns in another order": lambda t: read(t.events, "text", "pt", "id"),
    "a partition column alone": lambda t: read(t.events, "pt"),
    "a computed column": lambda t: pd.DataFrame({"twice": read(t.events, "id")["id"] * 2}),
    "how many rows": lambda t: pd.DataFrame({"n": [t.events.count_rows()]}),
    "equal": lambda t: read(t.events, where="id = 1234"),
    "not equal": lambda t: read(t.events, where="visitor <> 3"),
    "less": lambda t: read(t.events, "id", "text", where="id < 50"),
    "between": lambda t: read(t.events, "id", where="id between 100 and 180"),
    "one of": lambda t: read(t.events, "id", "visitor", where="visitor in (2, 5)"),
    "is null": lambda t: read(t.events, "id", where="amount is null"),
    "is not null": lambda t: read(t.events, "id", "text", where="text is not null"),
    "and, or": lambda t: read(t.events, "id", where="visitor = 1 and id < 900 or id > 2950"),
    "a text with a quote": lambda t: frame(
        t.events.filter([("text", "=", "it's")]).select("id", "text")
    ),
    "a true flag": lambda t: read(t.events, "id", "flag", where="flag = true"),
    "a decimal above a constant": lambda t: read(t.events, "id", "amount", where="amount > 20.05"),
    "from a date on": lambda t: read(t.events, "id", "day", where="day >= date '2026-01-20'"),
    "before a time": lambda t: read(
        t.events, "id", "moment", where="moment < datetime '2026-01-01 06:00:00'"
    ),
    "a filter on a column that is left out": lambda t: read(t.events, "text", where="id < 40"),
    "one partition": lambda t: frame(t.events.partitions({"pt": "20260102"}).select("id", "pt")),
    "some partitions": lambda t: read(t.events, "id", where="pt in ('20260101', '20260103')"),
    "partitions from one on, of an hour": lambda t: read(
        t.events, "id", "hh", where="pt >= '20260102' and hh = '00'"
    ),
    "partition and data": lambda t: read(
        t.events, "id", "pt", where="pt = '20260101' and id < 300"
    ),
    "some rows": lambda t: frame(t.events.select("id", "text").limit(10)),
    "some rows of a filter": lambda t: frame(t.events.filter("visitor = 3").limit(5)),
    "more rows than there are": lambda t: frame(t.cities.limit(6)),
    "the greatest rows": lambda t: read(t.events, "id").nlargest(7, "id"),
    "inner join": lambda t: joined(
        read(t.events, "id", "text"), read(t.cities, "text", "country"), "id", "country"
    ),
    "left join": lambda t: joined(
        read(t.events, where="id < 200"), frame(t.cities), "id", "people", how="left"
    ),
    "join of a filter on each side": lambda t: joined(
        read(t.events, "id", "text", where="id < 500"),
        read(t.cities, where="people > 100"),
        "id",
        "text",
        "people",
    ),
    "rows by partition": lambda t: (
        read(t.events, "pt", "id").groupby("pt", as_index=False).agg(n=("id", "count"))
    ),
    "sums by a key that may be null": totals,
    "least and greatest by partition, under a filter": bounds,
    "distinct values": lambda t: read(t.events, "visitor", "flag").drop_duplicates(),
    "a filter that nothing meets": lambda t: read(t.events, where="id < 0"),
    "a partition that is not there": lambda t: read(t.events, where="pt = '1999'"),
    "an empty table": lambda t: frame(t.nothing),
    "how many rows of nothing": lambda t: counted(read(t.nothing)),
    "every type": lambda t: frame(t.types),
}

ENGINES = (Engine("pandas", open=lambda scan: scan, ways=WAYS),)
