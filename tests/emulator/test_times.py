from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.emulator.facts import FileFacts, TimeFact, joined_times
from odps_frames.emulator.times import keep_instants, keep_pairs, time_fact, to_unit
from odps_frames.model.read import TimeUnit

at = datetime.fromisoformat  # times without a zone
PAIR = pa.struct([("sec", pa.int64()), ("nano", pa.int32())])
FIRST, LAST = -62_135_596_800, 253_402_300_799

INSTANTS = st.lists(
    st.none()
    | st.tuples(
        st.integers(FIRST, LAST) | st.sampled_from([FIRST, LAST, -1, 0, -9223372037, 9223372036]),
        st.sampled_from([0, 1, 1000, 10**6, 999_999_999, 145224192, 854775807]),
    ),
    max_size=5,
)


def pairs(instants: list[tuple[int, int] | None]) -> Any:
    rows = [instant and {"sec": instant[0], "nano": instant[1]} for instant in instants]
    return pa.array(rows, PAIR)


@given(INSTANTS)
def test_facts_say_exactly_which_units_hold_the_times(
    instants: list[tuple[int, int] | None],
) -> None:
    for as_pairs in (False, True):
        kept = keep_instants(pairs(instants), as_pairs=as_pairs)
        fact = time_fact(kept, TimeFact())
        for unit in TimeUnit:
            try:
                found = to_unit(kept, pa.timestamp(unit.arrow))
            except Exception:  # noqa: BLE001  whatever it raises, it does not hold them
                assert not fact.holds(unit)
            else:
                assert fact.holds(unit)
                assert to_unit(found, PAIR).to_pylist() == pairs(instants).to_pylist()


@given(INSTANTS, INSTANTS)
def test_facts_add_up(
    first: list[tuple[int, int] | None], second: list[tuple[int, int] | None]
) -> None:
    one, other = (keep_instants(pairs(found), as_pairs=True) for found in (first, second))
    together = time_fact(keep_instants(pairs(first + second), as_pairs=True), TimeFact())
    assert time_fact(other, time_fact(one, TimeFact())) == together
    facts = [FileFacts(times={"c": time_fact(found, TimeFact())}) for found in (one, other)]
    assert joined_times(facts) == {"c": together}


def test_milliseconds_know_their_range() -> None:
    near = pa.array([at("2262-01-01")], pa.timestamp("ms"))
    far = pa.array([at("2263-01-01")], pa.timestamp("ms"))
    assert time_fact(near, TimeFact()).fits_nanoseconds
    assert not time_fact(far, TimeFact()).fits_nanoseconds


def test_members_of_null_pairs_are_null() -> None:
    members: list[pa.Array[Any]] = [pa.array([1, 2, 3]), pa.array([4, 5, 6], pa.int32())]
    mask = pa.array([False, True, False])
    array = pa.StructArray.from_arrays(members, fields=list(PAIR), mask=mask)
    for part, rows in ((array, [0, 1, 2]), (array.slice(1), [1, 2])):
        kept = keep_pairs(part)
        assert kept.equals(part)
        assert kept.field("sec").to_pylist() == [[1, None, 3][row] for row in rows]
        assert kept.field("nano").to_pylist() == [[4, None, 6][row] for row in rows]


def test_facts_are_kept_as_text() -> None:
    times = {"1.element": TimeFact(TimeUnit.NANO, fits_nanoseconds=False)}
    facts = FileFacts(batches=(3, 4), column_bytes={"1": 8}, times=times)
    assert FileFacts.decode(facts.encode()) == facts


@pytest.mark.parametrize(
    ("fact", "exact"),
    [
        (TimeFact(), TimeUnit.SECOND),
        (TimeFact(TimeUnit.NANO, fits_nanoseconds=True), TimeUnit.NANO),
        (TimeFact(TimeUnit.MICRO, fits_nanoseconds=False), TimeUnit.MICRO),
        (TimeFact(TimeUnit.NANO, fits_nanoseconds=False), None),
    ],
)
def test_the_coarsest_unit(fact: TimeFact, exact: TimeUnit | None) -> None:
    assert fact.exact is exact
