"""Random conditions in the words of Arrow and of Polars, from one seed."""

from __future__ import annotations

import datetime as dt
import math
import operator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute
import pytest

from tests.filters.random_conditions import COLUMNS, PARTITIONS, VALUES

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

__all__ = ["ENGINES", "Draw", "Engine"]

polars = pytest.importorskip("polars")
pc: Any = pa.compute

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  as stored
SIGNS = ["eq", "ne", "lt", "le", "gt", "ge"]
JOINS: dict[str, Callable[[Any, Any], Any]] = {"and": operator.and_, "or": operator.or_}
ALL = {**COLUMNS, **PARTITIONS}


class Engine(Protocol):
    """The words of an engine for the same questions."""

    refusals: tuple[type[Exception], ...]

    def column(self, name: str) -> Any: ...
    def constant(self, value: Any, type_: pa.DataType, chance: random.Random) -> Any: ...
    def question(self, name: str, draw: Draw) -> Any: ...
    def kept(self, expression: Any, rows: pa.Table) -> list[int]: ...


@dataclass
class Draw:
    """Draws expressions of an engine."""

    engine: Engine
    chance: random.Random

    def expression(self, depth: int) -> Any:
        roll = self.chance.random()
        if depth == 0 or roll < 0.3:
            return self.question()
        if roll < 0.5:
            return ~self.expression(depth - 1)
        join = JOINS[self.chance.choice(["and", "or"])]
        return join(self.expression(depth - 1), self.expression(depth - 1))

    def question(self) -> Any:
        name = self.chance.choice(list(ALL))
        roll = self.chance.random()
        if roll < 0.5:
            sign = getattr(operator, self.chance.choice(SIGNS))
            sides = [self.engine.column(name), self.constant(name)]
            if self.chance.random() < 0.15:
                sides.reverse()
            return sign(*sides)
        return self.engine.question(name, self)

    def value(self, name: str) -> Any:
        """Draw a value as the column has it, or one that lies near, or of another type."""
        value = VALUES[name](self.chance)
        roll = self.chance.random()
        if name in {"ts", "wall"}:
            micro = value // 1000
            return dt.datetime.resolution * micro + EPOCH
        if isinstance(value, int) and not isinstance(value, bool) and roll < 0.15:
            return value + 0.5
        if isinstance(value, float) and roll < 0.3:
            return self.chance.choice([0, 1, 2**24 + 1, 2**53 + 1, math.nan])
        if isinstance(value, Decimal) and roll < 0.3:
            return self.chance.choice([1, 0, Decimal("0.001"), 0.25])
        if name == "day" and roll < 0.3:
            return dt.datetime(2026, 1, 1, 0, 0, 0, self.chance.choice([0, 1]))  # noqa: DTZ001  as stored
        if name == "d" and roll < 0.3:
            return self.chance.choice([EPOCH.date(), EPOCH + dt.timedelta(microseconds=1500)])
        return value

    def constant(self, name: str) -> Any:
        value = None if self.chance.random() < 0.05 else self.value(name)
        return self.engine.constant(value, ALL[name][1], self.chance)

    def values(self, name: str) -> list[Any]:
        found = [VALUES[name](self.chance) for _ in range(self.chance.randint(0, 3))]
        return [*found, None] if self.chance.random() < 0.3 else found


class Arrow:
    """Arrow's own words."""

    refusals: tuple[type[Exception], ...] = (pa.ArrowException,)

    def column(self, name: str) -> Any:
        return pc.field(name)

    def constant(self, value: Any, type_: pa.DataType, chance: random.Random) -> Any:
        if value is None or chance.random() < 0.3:
            try:
                return pc.scalar(pa.scalar(value, type_))
            except (pa.ArrowException, TypeError, ValueError):
                return pc.scalar(value)
        found = pc.scalar(value)
        return found.cast(type_) if chance.random() < 0.1 else found

    def question(self, name: str, draw: Draw) -> Any:
        field = pc.field(name)
        text = str(draw.value("name"))
        forms: list[Callable[[], Any]] = [
            field.is_null,
            lambda: field.is_null(nan_is_null=True),
            field.is_valid,
            lambda: field.isin(pa.array(draw.values(name), ALL[name][1])),
            lambda: pc.is_in(
                field,
                options=pc.SetLookupOptions(
                    pa.array(draw.values(name), ALL[name][1]), skip_nulls=True
                ),
            ),
            lambda: pc.field("flag"),
            lambda: field.cast(ALL[name][1]) == draw.constant(name),
            lambda: pc.starts_with(pc.field("v"), text),
            lambda: pc.ends_with(pc.field("name"), text),
            lambda: pc.match_substring(pc.field("pt"), text),
            lambda: pc.match_like(pc.field("name"), draw.chance.choice(["a%", "%_", "", "it_s"])),
            lambda: pc.starts_with(pc.field("v"), text, ignore_case=True),
            lambda: pc.is_nan(pc.field("x")),
            lambda: pc.and_not_kleene(field.is_valid(), field == draw.constant(name)),
            lambda: pc.Expression._call("or", [pc.field("flag"), field == draw.constant(name)]),  # noqa: SLF001  no public word
            lambda: (pc.field("i") + pc.field("tiny")) > 1,
            lambda: pc.scalar(draw.chance.random() < 0.5),
        ]
        return draw.chance.choice(forms)()

    def kept(self, expression: Any, rows: pa.Table) -> list[int]:
        found: Any = rows.filter(expression)["id"].to_pylist()
        return list(found)


class Polars:
    """The words of Polars."""

    refusals: tuple[type[Exception], ...] = (polars.exceptions.PolarsError,)

    def column(self, name: str) -> Any:
        return polars.col(name)

    def constant(self, value: Any, type_: pa.DataType, chance: random.Random) -> Any:
        del type_
        if isinstance(value, int) and abs(value) < 100 and chance.random() < 0.2:
            return polars.lit(value, polars.Int8)
        return polars.lit(value)

    def question(self, name: str, draw: Draw) -> Any:
        column, text = polars.col(name), str(draw.value("name"))
        members = polars.Series(pa.array(draw.values(name), ALL[name][1]))
        closed: Any = draw.chance.choice(["both", "left", "right", "none"])
        forms: list[Callable[[], Any]] = [
            column.is_null,
            column.is_not_null,
            lambda: column.is_in(members.implode()),
            lambda: column.is_in(members.to_list()),
            lambda: column.is_in(members.implode(), nulls_equal=True),
            lambda: column.eq_missing(draw.constant(name)),
            lambda: column.ne_missing(draw.constant(name)),
            lambda: column.is_between(draw.constant(name), draw.constant(name), closed=closed),
            lambda: polars.col("flag"),
            lambda: polars.col("v").str.starts_with(text),
            lambda: polars.col("name").str.ends_with(text),
            lambda: polars.col("x").is_nan(),
            lambda: (polars.col("i") + polars.col("tiny")) > 1,
            lambda: polars.col("flag") ^ (column == draw.constant(name)),
            lambda: (column == draw.constant(name)).alias("other"),
            lambda: polars.lit(draw.chance.random() < 0.5),
        ]
        return draw.chance.choice(forms)()

    def kept(self, expression: Any, rows: pa.Table) -> list[int]:
        found: list[int] = polars.from_arrow(rows).filter(expression)["id"].to_list()
        return found


ENGINES: dict[str, Callable[[], Engine]] = {"arrow": Arrow, "polars": Polars}
