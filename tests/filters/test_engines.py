"""Random expressions of Arrow and Polars: our rows are those of the engine's own filter.

What is implied by an expression, for pushing and pruning, must hold wherever the expression does,
and what is implied by its opposite wherever that does.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames import filters
from odps_frames.filters.condition import Constant, Expression, Not
from odps_frames.filters.pushing import possible
from tests.filters.random_conditions import SCHEMA, some_rows
from tests.filters.random_expressions import ENGINES, Draw

if TYPE_CHECKING:
    import pyarrow as pa

N_ROWS = 100
SEEDS = range(6)
CASES = 300


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ENGINES)
def test_rows_are_those_of_the_engine_itself(name: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret
    rows = some_rows(chance, N_ROWS).combine_chunks()
    batch = rows.to_batches()[0]
    engine = ENGINES[name]()
    draw = Draw(engine, chance)
    unasked: tuple[type[Exception], ...] = (*engine.refusals, TypeError)
    asked = telling = 0
    refusals: list[str] = []
    for case in range(CASES):
        try:
            expression = draw.expression(case % 4)
            opposite = ~expression
            kept, dropped = engine.kept(expression, rows), engine.kept(opposite, rows)
        except unasked:
            continue
        shown = f"seed {seed}, case {case}: {expression}"
        try:
            condition = filters.parse(expression, SCHEMA)
        except ValueError as refused:
            refusals.append(f"{shown}: {refused}")
            continue
        assert isinstance(condition, Expression), shown
        found = rows.filter(filters.mask(condition, batch))["id"].to_pylist()
        assert found == kept, shown
        needed = filters.columns_of(condition)
        assert needed is not None
        telling += holds_on(batch, condition.implied, kept, f"{shown}\n{condition.implied}")
        holds_on(batch, Not(condition.implied), dropped, f"not: {shown}\n{condition.implied}")
        pushed = filters.pushed(condition, SCHEMA)
        if pushed is not None:
            assert set(kept) <= ids_of(batch, filters.parse(pushed, SCHEMA)), (shown, pushed)
        part = filters.about_partitions(condition, SCHEMA)
        if part is not None:
            assert set(kept) <= ids_of(batch, part), shown
        asked += 1
    # Polars makes a comparison with NULL one of whole columns.
    assert not [one for one in refusals if "null" not in one or "looks at other rows" not in one]
    assert asked > CASES * 0.5
    assert telling > asked * 0.5


def ids_of(batch: pa.RecordBatch, condition: Any) -> set[int]:
    found: Any = filters.apply(condition, batch).column("id").to_pylist()
    return set(found)


def holds_on(batch: pa.RecordBatch, implied: Any, kept: list[int], shown: str) -> bool:
    """Check that what is implied holds for the rows that are kept; tell whether it tells."""
    found = possible(implied)
    assert set(kept) <= ids_of(batch, found), shown
    return found != Constant(value=True)
