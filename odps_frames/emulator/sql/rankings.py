"""Functions that stand before OVER only: ranks, and values of other rows of the window."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.sql.values import BIGINT, DOUBLE, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odps_frames.emulator.sql.calls import Call

__all__ = ["RANKINGS", "Nulls"]


class Nulls(Enum):
    """Whether rows with NULL are passed over, as IGNORE NULLS says."""

    RESPECTED = ""
    IGNORED = " IGNORE NULLS"


Ranking: TypeAlias = "Callable[[Call, Nulls], Value]"


def _rank(word: str) -> Ranking:
    def carry_out(call: Call, nulls: Nulls) -> Value:
        call.count(0)
        _refuse(call, nulls)
        type_ = DOUBLE if word in ("percent_rank", "cume_dist") else BIGINT
        return Value(f"{word}()", type_)

    return carry_out


def _refuse(call: Call, nulls: Nulls) -> None:
    if nulls is Nulls.IGNORED:
        raise call.fault(f"IGNORE NULLS of function {call.name} is not supported here")


def _ntile(call: Call, nulls: Nulls) -> Value:
    call.count(1)
    _refuse(call, nulls)
    number = call.constant(0, int, "a number of parts")
    if not isinstance(number, int) or number < 1:
        raise call.fault("ntile takes a number of parts from 1 on")
    return Value(f"ntile({call.sql(0, 'bigint')})", BIGINT)


def _shifted(word: str) -> Ranking:
    def carry_out(call: Call, nulls: Nulls) -> Value:
        call.count(1, 3)
        value = call.args[0]
        rows = call.constant(1, int, "a number of rows") if len(call.args) > 1 else 1
        if not isinstance(rows, int) or rows < 0:
            raise call.fault(f"{word} takes a number of rows from 0 on, not {rows}")
        if len(call.args) < 3:  # noqa: PLR2004  without a value for rows that are not there
            return Value(f"{word}({value.sql}, {rows}{nulls.value})", value.type)
        type_, (found, default) = call.meeting(0, 2)
        return Value(f"{word}({found.sql}, {rows}, {default.sql}{nulls.value})", type_)

    return carry_out


def _end(word: str) -> Ranking:
    def carry_out(call: Call, nulls: Nulls) -> Value:
        call.count(1, 2)
        return Value(f"{word}({call.args[0].sql}{_said(call, 1, nulls).value})", call.args[0].type)

    return carry_out


def _nth(call: Call, nulls: Nulls) -> Value:
    call.count(2, 3)
    number = call.constant(1, int, "a place")
    if not isinstance(number, int) or number < 1:
        raise call.fault(f"nth_value counts from 1, not {number}")
    ignored = _said(call, 2, nulls).value
    return Value(f"nth_value({call.args[0].sql}, {number}{ignored})", call.args[0].type)


def _said(call: Call, at: int, nulls: Nulls) -> Nulls:
    """Return what the last argument of a function says about NULL, or IGNORE NULLS."""
    if len(call.args) <= at:
        return nulls
    said = call.args[at].constant
    if not isinstance(said, bool):
        raise call.fault(f"argument {at + 1} of function {call.name} must be true or false")
    return Nulls.IGNORED if said else nulls


RANKINGS: Mapping[str, Ranking] = {
    "row_number": _rank("row_number"),
    "rank": _rank("rank"),
    "dense_rank": _rank("dense_rank"),
    "percent_rank": _rank("percent_rank"),
    "cume_dist": _rank("cume_dist"),
    "ntile": _ntile,
    "lag": _shifted("lag"),
    "lead": _shifted("lead"),
    "first_value": _end("first_value"),
    "last_value": _end("last_value"),
    "nth_value": _nth,
}
