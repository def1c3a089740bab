"""Tuples against ``pandas.read_parquet``'s own reading of them, which Arrow carries out."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute
import pytest
from pyarrow import parquet

from odps_frames import filters
from tests.filters.random_conditions import SCHEMA, VALUES, some_rows

if TYPE_CHECKING:
    from collections.abc import Callable

pc: Any = pa.compute
pandas_reading: Any = parquet.filters_to_expression
N_ROWS = 100
CASES = 400
NAMES = ["i", "tiny", "name", "v", "flag", "amount", "x", "day", "pt", "n"]
SIGNS = ["=", "==", "!=", "<", "<=", ">", ">="]
MEMBERS: list[Callable[[list[Any]], Any]] = [list, tuple, set, frozenset]


def some_value(chance: random.Random, name: str) -> Any:
    value = VALUES[name](chance)
    while value in {float("inf"), float("-inf")} or value != value or (name == "x" and not value):  # noqa: PLR0124  NaN
        value = VALUES[name](chance)
    return value


def some_term(chance: random.Random) -> tuple[str, str, Any]:
    name = chance.choice(NAMES)
    if chance.random() < 0.3:
        values = [some_value(chance, name) for _ in range(chance.randint(1, 3))]
        return name, chance.choice(["in", "not in"]), chance.choice(MEMBERS)(values)
    signs = ["=", "==", "!="] if name == "flag" else SIGNS
    return name, chance.choice(signs), some_value(chance, name)


def in_arrow(term: tuple[str, str, Any]) -> Any:
    """What pandas makes of a tuple; but NULL is not known to be not in a list, as in SQL."""
    expression = pandas_reading([term])
    return expression & pc.field(term[0]).is_valid() if term[1] == "not in" else expression


@pytest.mark.parametrize("seed", range(4))
def test_tuples_keep_the_rows_that_pandas_keeps(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret
    rows = some_rows(chance, N_ROWS).combine_chunks()
    batch = rows.to_batches()[0]
    for case in range(CASES):
        groups = [
            [some_term(chance) for _ in range(chance.randint(1, 3))]
            for _ in range(chance.randint(1, 3))
        ]
        expected = pc.scalar(False)  # noqa: FBT003  the value
        for group in groups:
            every = pc.scalar(True)  # noqa: FBT003  the value
            for term in group:
                every &= in_arrow(term)
            expected |= every
        given: Any = groups[0] if len(groups) == 1 else groups
        condition = filters.parse(given, SCHEMA)
        assert condition is not None
        found = filters.apply(condition, batch).column("id").to_pylist()
        assert found == rows.filter(expected)["id"].to_pylist(), (seed, case, given)
