"""Masks against DuckDB: 20,000 random conditions over random rows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames import filters
from tests.filters.random_conditions import SCHEMA, Writer, some_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

duckdb = pytest.importorskip("duckdb")

N_ROWS = 120
SEEDS = range(20)
CASES = 1_000
AT_ONCE = 125
"""Conditions in one query."""


@pytest.fixture(scope="module")
def db() -> Iterator[Any]:
    with duckdb.connect() as db:
        yield db


def answers(db: Any, conditions: list[str]) -> list[list[bool]]:
    asked = ", ".join(f"({sql}) IS TRUE AS c{at}" for at, sql in enumerate(conditions))
    found = db.execute(f"SELECT {asked} FROM rows ORDER BY id").fetchall()
    return [list(column) for column in zip(*found, strict=True)]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_mask_is_the_answer_of_duckdb(db: Any, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret
    rows = some_rows(chance, N_ROWS)
    writer = Writer(chance)
    db.register("given", rows)
    db.execute("CREATE OR REPLACE TABLE rows AS SELECT * FROM given").fetchall()
    batch = rows.to_batches()[0]
    wrong: list[str] = []
    kept = 0
    for first in range(0, CASES, AT_ONCE):
        said = [writer.condition(case % 4) for case in range(first, first + AT_ONCE)]
        expected = answers(db, [theirs for _, theirs in said])
        for (ours, theirs), mask in zip(said, expected, strict=True):
            condition = filters.parse(ours, SCHEMA)
            assert condition is not None
            found: Any = filters.mask(condition, batch).to_pylist()
            kept += sum(found)
            if found != mask:
                places = [at for at in range(N_ROWS) if found[at] != mask[at]]
                wrong.append(f"seed {seed}: {ours}\n  DuckDB: {theirs}\n  rows {places[:9]}")
    assert not wrong, "\n".join(wrong)
    assert N_ROWS * CASES * 0.2 < kept < N_ROWS * CASES * 0.8


def test_there_are_enough_of_them() -> None:
    assert len(SEEDS) * CASES >= 20_000
    assert CASES % AT_ONCE == 0


def test_the_same_seed_makes_the_same_conditions() -> None:
    def drawn() -> tuple[pa.Table, list[tuple[str, str]]]:
        chance = random.Random(3)  # noqa: S311  no secret
        rows = some_rows(chance, 10)
        writer = Writer(chance)
        return rows, [writer.condition(3) for _ in range(20)]

    (rows, said), (again, same) = drawn(), drawn()
    assert said == same
    assert rows.drop_columns(["x", "f"]).equals(again.drop_columns(["x", "f"]))  # NaN is not NaN
