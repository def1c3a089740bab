"""Random plans of Polars over the events of the questions."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from math import inf, nan
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from polars._typing import JoinStrategy

__all__ = ["random_plan"]

COLUMNS = ["id", "visitor", "amount", "ratio", "text", "flag", "day", "moment", "pt", "hh"]
TEXTS: list[list[str | None]] = [["it's", "x"], [None, "Hangzhou"], []]
JOINS: list[JoinStrategy] = ["inner", "left", "semi", "anti"]
c = pl.col


def random_condition(random: Random) -> pl.Expr:
    """Return a condition on the events."""
    n = random.randrange
    terms: list[Callable[[], pl.Expr]] = [
        lambda: c("id") > n(3_000),
        lambda: c("id") <= n(3_000),
        lambda: c("visitor") == n(8),
        lambda: c("visitor") != n(8),
        lambda: c("ratio") > random.choice([0.5, nan, -1, inf]),
        lambda: c("ratio") <= random.choice([0.5, 3.0, nan]),
        lambda: c("ratio").is_nan(),
        lambda: c("text") == random.choice(["it's", "Hangzhou", "%_", ""]),
        lambda: c("text").is_in(random.choice(TEXTS)),
        lambda: c("flag"),
        lambda: c("day") >= date(2026, 1, n(1, 28)),
        lambda: c("moment") < datetime(2026, 1, 1, n(24), 0, 0, n(1_000_000)),  # noqa: DTZ001  as the column
        lambda: c("amount") > Decimal(n(4_000)) / 100,
        lambda: c("pt") == random.choice(["20260101", "20260103", "x"]),
        lambda: c(random.choice(["text", "amount", "visitor", "ratio"])).is_null(),
    ]
    term = random.choice(terms)()
    match random.random():
        case turn if turn < 0.15:
            return ~term
        case turn if turn < 0.3:
            return term | random_condition(random)
        case turn if turn < 0.4:
            return term & random_condition(random)
    return term


def random_plan(  # noqa: C901  a case a kind of step
    events: pl.LazyFrame, random: Random
) -> pl.LazyFrame:
    """Return some steps upon the events; the same for the same state of ``random``."""
    plan, columns = events, list(COLUMNS)
    for step in range(random.randrange(1, 6)):
        match random.randrange(8):
            case 0 | 1 | 2:
                condition = random_condition(random)
                if set(condition.meta.root_names()) <= set(columns):
                    plan = plan.filter(condition)
            case 3:
                columns = random.sample(columns, random.randrange(1, len(columns) + 1))
                plan = plan.select(columns)
            case 4:
                plan = plan.head(random.choice([0, 1, 7, 150, 1_000, 5_000]))
            case 5:
                start, length = random.choice([(0, 5), (10, 20), (500, 1_000), (-20, 10)])
                plan = plan.slice(start, length)
            case 6:
                plan = plan.with_row_index(f"n{step}")
                columns = [f"n{step}", *columns]
            case _:
                plan = plan.tail(random.choice([1, 50]))
    match random.random():
        case turn if turn < 0.1:
            return plan.select(pl.len())
        case turn if turn < 0.15:
            return plan.select(pl.lit(1))
        case turn if turn < 0.3 and "id" in columns:
            other = events.filter(c("id") < random.randrange(3_000)).select("id", "text")
            return plan.join(other, on="id", how=random.choice(JOINS), maintain_order="left")
    return plan
