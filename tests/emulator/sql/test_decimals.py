"""Decimals are calculated as by hand: whatever comes out is exact, cut or rounded as stated."""

from __future__ import annotations

import random
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Any

import pytest

Answers = Any  # of a fixture, whose class no test module can import

EXACT = Context(prec=100)
TYPES = [(1, 0), (5, 2), (10, 4), (18, 9), (20, 0), (38, 18)]


def number(chance: random.Random, precision: int, scale: int) -> Decimal:
    digits = chance.randint(1, min(precision, scale + 12))
    value = chance.choice([1, -1]) * chance.randrange(10**digits)
    return Decimal(value).scaleb(-scale, EXACT)


def written(value: Decimal, precision: int, scale: int) -> str:
    return f"cast({value:f}BD as decimal({precision},{scale}))"


def divided(a: Decimal, b: Decimal, first: tuple[int, int], second: tuple[int, int]) -> Any:
    if not b:
        return None
    wanted = max(6, first[1] + second[0] + 1)
    scale, rounding = (wanted, ROUND_HALF_UP) if wanted <= 18 else (18, ROUND_DOWN)
    return EXACT.divide(a, b).quantize(Decimal(1).scaleb(-scale), rounding, EXACT)


def multiplied(a: Decimal, b: Decimal, first: tuple[int, int], second: tuple[int, int]) -> Decimal:
    scale = min(first[1] + second[1], 18)
    return EXACT.multiply(a, b).quantize(Decimal(1).scaleb(-scale), ROUND_DOWN, EXACT)


def fits(value: Decimal | None) -> bool:
    """Whether a result has 38 digits at most; more are an error."""
    return value is None or len(value.as_tuple().digits) <= 38


@pytest.mark.parametrize("first", TYPES)
@pytest.mark.parametrize(("sign", "by_hand"), [("/", divided), ("*", multiplied)])
def test_products_and_quotients(
    answers: Answers, first: tuple[int, int], sign: str, by_hand: Any
) -> None:
    chance = random.Random(f"{first} {sign}")  # noqa: S311  no secret
    parts: list[str] = []
    expected: list[list[Decimal | None]] = []
    for second in TYPES:
        drawn = [(number(chance, *first), number(chance, *second)) for _ in range(20)]
        pairs = [pair for pair in drawn if fits(by_hand(*pair, first, second))]
        assert len(pairs) > 5
        rows = ", ".join(f"({written(a, *first)}, {written(b, *second)})" for a, b in pairs)
        kind = len(parts)
        listed = f"collect_list(cast(a {sign} b as string)) x"
        parts.append(f"select {kind} k, {listed} from values {rows} q(a, b)")
        expected.append([by_hand(a, b, first, second) for a, b in pairs])
    table = answers.table(f"{' union all '.join(parts)} order by k")
    found = [[Decimal(text) for text in texts] for texts in table["x"].to_pylist()]
    assert found == [[value for value in values if value is not None] for values in expected]


def test_means_are_rounded_half_up(answers: Answers) -> None:
    chance = random.Random(7)  # noqa: S311  no secret
    values = [number(chance, 12, 3) for _ in range(7)]
    rows = ", ".join(f"({written(value, 12, 3)})" for value in values)
    expected = EXACT.divide(sum(values), 7).quantize(Decimal("1e-7"), ROUND_HALF_UP, EXACT)
    sql = f"select avg(x), median(x) from values {rows} q(x)"
    ((mean, middle),) = [row.values() for row in answers.table(sql).to_pylist()]
    assert (mean, middle) == (expected, sorted(values)[3])
    assert list(answers.types(sql).values()) == ["decimal(16,7)", "decimal(16,7)"]
