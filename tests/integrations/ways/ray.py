"""How Ray Data is asked: its expressions are pushed into the read, its tasks do the rest."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import ray
from ray.data.aggregate import Count, Max, Min, Sum
from ray.data.expressions import col

from tests.integrations import ray_cluster
from tests.integrations.questions import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    import odps_frames as of
    from tests.integrations.questions import Tables

MORNING = datetime(2026, 1, 1, 6)  # noqa: DTZ001  times without a zone are UTC there


def opened(scan: of.Scan) -> ray.data.Dataset:
    ray_cluster.start(scan.connection.config)
    return scan.to_ray()


def collected(answer: Any) -> Any:
    if isinstance(answer, pd.DataFrame):
        return answer
    tables = [ray.get(ref) for ref in answer.to_arrow_refs()]
    filled = [table for table in tables if table.num_rows]
    return pa.concat_tables(filled or [answer.schema().base_schema.empty_table()])


def counted(ds: ray.data.Dataset) -> pd.DataFrame:
    return pd.DataFrame({"n": [ds.count()]})


def read(ds: ray.data.Dataset, *columns: str, where: Any = None) -> ray.data.Dataset:
    found = ds if where is None else ds.filter(expr=where)
    return found.select_columns(list(columns)) if columns else found


def joined(
    left: ray.data.Dataset, right: ray.data.Dataset, *columns: str, how: str = "inner"
) -> ray.data.Dataset:
    found = left.join(right, join_type=how, num_partitions=2, on=("text",))
    return found.select_columns(list(columns))


def grouped(ds: ray.data.Dataset, by: list[str], *aggregates: Any) -> ray.data.Dataset:
    return ds.groupby(by, num_partitions=2).aggregate(*aggregates)


WAYS: dict[str, Callable[[Tables], Any]] = {
    "all columns": lambda t: t.events,
    "one column": lambda t: read(t.events, "id"),
    "columns in another order": lambda t: read(t.events, "text", "pt", "id"),
    "a partition column alone": lambda t: read(t.events, "pt"),
    "a computed column": lambda t: read(t.events.with_column("twice", col("id") * 2), "twice"),
    "how many rows": lambda t: counted(t.events),
    "equal": lambda t: read(t.events, where=col("id") == 1_234),
    "not equal": lambda t: read(t.events, where=col("visitor") != 3),
    "less": lambda t: read(t.events, "id", "text", where=col("id") < 50),
    "between": lambda t: read(t.events, "id", where=(col("id") >= 100) & (col("id") <= 180)),
    "one of": lambda t: read(t.events, "id", "visitor", where=col("visitor").is_in([2, 5])),
    "is null": lambda t: read(t.events, "id", where=col("amount").is_null()),
    "is not null": lambda t: read(t.events, "id", "text", where=col("text").is_not_null()),
    "and, or": lambda t: read(
        t.events, "id", where=((col("visitor") == 1) & (col("id") < 900)) | (col("id") > 2_950)
    ),
    "a text with a quote": lambda t: read(t.events, "id", "text", where=col("text") == "it's"),
    "a true flag": lambda t: read(t.events, "id", "flag", where=col("flag")),
    "a decimal above a constant": lambda t: read(
        t.events, "id", "amount", where=col("amount") > Decimal("20.05")
    ),
    "from a date on": lambda t: read(t.events, "id", "day", where=col("day") >= date(2026, 1, 20)),
    "before a time": lambda t: read(t.events, "id", "moment", where=col("moment") < MORNING),
    "a filter on a column that is left out": lambda t: read(t.events, "text", where=col("id") < 40),
    "one partition": lambda t: read(t.events, "id", "pt", where=col("pt") == "20260102"),
    "some partitions": lambda t: read(
        t.events, "id", where=col("pt").is_in(["20260101", "20260103"])
    ),
    "partitions from one on, of an hour": lambda t: read(
        t.events, "id", "hh", where=(col("pt") >= "20260102") & (col("hh") == "00")
    ),
    "partition and data": lambda t: read(
        t.events, "id", "pt", where=(col("pt") == "20260101") & (col("id") < 300)
    ),
    "some rows": lambda t: read(t.events, "id", "text").limit(10),
    "some rows of a filter": lambda t: read(t.events, where=col("visitor") == 3).limit(5),
    "more rows than there are": lambda t: t.cities.limit(6),
    "the greatest rows": lambda t: read(t.events, "id").sort("id", descending=True).limit(7),
    "inner join": lambda t: joined(
        read(t.events, "id", "text"), read(t.cities, "text", "country"), "id", "country"
    ),
    "left join": lambda t: joined(
        read(t.events, "id", "text", where=col("id") < 200),
        t.cities,
        "id",
        "people",
        how="left_outer",
    ),
    "join of a filter on each side": lambda t: joined(
        read(t.events, "id", "text", where=col("id") < 500),
        read(t.cities, where=col("people") > 100),
        "id",
        "text",
        "people",
    ),
    "rows by partition": lambda t: grouped(t.events, ["pt"], Count("id", alias_name="n")),
    "sums by a key that may be null": lambda t: grouped(
        t.events, ["visitor"], Sum("amount", alias_name="total")
    ),
    "least and greatest by partition, under a filter": lambda t: grouped(
        read(t.events, where=col("id") < 1_500),
        ["pt"],
        Min("day", alias_name="least"),
        Max("day", alias_name="greatest"),
    ),
    "distinct values": lambda t: read(
        grouped(t.events, ["visitor", "flag"], Count(alias_name="n")), "visitor", "flag"
    ),
    "a filter that nothing meets": lambda t: read(t.events, where=col("id") < 0),
    "a partition that is not there": lambda t: read(t.events, where=col("pt") == "1999"),
    "an empty table": lambda t: t.nothing,
    "how many rows of nothing": lambda t: counted(t.nothing),
    "every type": lambda t: t.types,
}

ENGINES = (Engine("Ray Data", open=opened, ways=WAYS, collect=collected),)
