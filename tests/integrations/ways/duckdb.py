"""How DuckDB is asked: in SQL, over views of the scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from tests.integrations.questions import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    import odps_frames as of
    from tests.integrations.questions import Tables

TEXTS = {
    "all columns": "from events",
    "one column": "select id from events",
    "columns in another order": "select text, pt, id from events",
    "a partition column alone": "select pt from events",
    "a computed column": "select id * 2 as twice from events",
    "how many rows": "select count(*) as n from events",
    "equal": "from events where id = 1234",
    "not equal": "from events where visitor <> 3",
    "less": "select id, text from events where id < 50",
    "between": "select id from events where id between 100 and 180",
    "one of": "select id, visitor from events where visitor in (2, 5)",
    "is null": "select id from events where amount is null",
    "is not null": "select id, text from events where text is not null",
    "and, or": "select id from events where visitor = 1 and id < 900 or id > 2950",
    "a text with a quote": "select id, text from events where text = 'it''s'",
    "a true flag": "select id, flag from events where flag",
    "a decimal above a constant": "select id, amount from events where amount > 20.05",
    "from a date on": "select id, day from events where day >= date '2026-01-20'",
    "before a time": """
        select id, moment from events where moment < timestamp_ms '2026-01-01 06:00:00'
    """,
    "a filter on a column that is left out": "select text from events where id < 40",
    "one partition": "select id, pt from events where pt = '20260102'",
    "some partitions": "select id from events where pt in ('20260101', '20260103')",
    "partitions from one on, of an hour": """
        select id, hh from events where pt >= '20260102' and hh = '00'
    """,
    "partition and data": "select id, pt from events where pt = '20260101' and id < 300",
    "some rows": "select id, text from events limit 10",
    "some rows of a filter": "from events where visitor = 3 limit 5",
    "more rows than there are": "from cities limit 6",
    "the greatest rows": "select id from events order by id desc limit 7",
    "inner join": "select id, country from events join cities using (text)",
    "left join": """
        select id, people from (from events where id < 200) left join cities using (text)
    """,
    "join of a filter on each side": """
        select id, text, people from events join cities using (text)
        where id < 500 and people > 100
    """,
    "rows by partition": "select pt, count(id) as n from events group by pt",
    "sums by a key that may be null": """
        select visitor, sum(amount) as total from events group by visitor
    """,
    "least and greatest by partition, under a filter": """
        select pt, min(day) as least, max(day) as greatest from events where id < 1500 group by pt
    """,
    "distinct values": "select distinct visitor, flag from events",
    "a filter that nothing meets": "from events where id < 0",
    "a partition that is not there": "from events where pt = '1999'",
    "an empty table": "from nothing",
    "how many rows of nothing": "select count(*) as n from nothing",
    "every type": "from types",
}


def asking(text: str) -> Callable[[Tables], Any]:
    """Return a way of asking in SQL, over views of a connection of its own."""

    def ask(tables: Tables) -> duckdb.DuckDBPyRelation:
        con = duckdb.connect()
        for name in ("events", "cities", "types", "nothing"):
            scan: of.Scan = getattr(tables, name)
            scan.to_duckdb(name, con)
        return con.sql(text)

    return ask


WAYS = {name: asking(text) for name, text in TEXTS.items()}
ENGINES = (Engine("DuckDB", lambda scan: scan, WAYS, lambda relation: relation.to_arrow_table()),)
