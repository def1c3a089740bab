"""Functions that choose among their arguments, or ask something of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.calls import simple
from odps_frames.emulator.sql.casts import compared
from odps_frames.emulator.sql.functions_bytes import decode_bytes
from odps_frames.emulator.sql.operators import truth
from odps_frames.emulator.sql.values import BOOLEAN, DATETIME, DOUBLE, NULL, Value, family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function
    from odps_frames.model.types import DataType

__all__ = ["CHOICE_FUNCTIONS"]


def _extreme(word: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(2, 100)
        type_, values = _ordered(call)
        text = f"{word}({', '.join(value.sql for value in values)})"
        if word == "least":  # NULL is smaller than everything
            nulls = " OR ".join(f"{value.sql} IS NULL" for value in values)
            text = f"(CASE WHEN {nulls} THEN NULL ELSE {text} END)"
        return Value(text, type_)

    return carry_out


def _ordered(call: Call, first: int = 0) -> tuple[DataType | None, list[Value]]:
    """Return arguments in the type in which they are put in order."""
    places = range(first, len(call.args))
    families = {family(call.args[place].type) for place in places} - {"null"}
    if len(families) > 1 and "text" in families and families <= {"text", "integer", "float"}:
        return DOUBLE, [call.to(place, DOUBLE) for place in places]
    if families == {"text", "datetime"}:
        return DATETIME, [call.to(place, DATETIME) for place in places]
    if len(families) > 1 and ("text" in families or families >= {"decimal", "float"}):
        kinds = ", ".join(sorted({str(call.args[i].type) for i in places if call.args[i].type}))
        raise call.fault(f"{call.name} of {kinds} is not supported here; cast them to one type")
    return call.meeting(*places)


def _ordinal(call: Call) -> Value:
    call.count(3, 100)
    type_, values = _ordered(call, 1)
    items = ", ".join(value.sql for value in values)
    nth = call.sql(0, "bigint")
    fault = f"error('ordinal takes 1 to {len(values)}, not ' || CAST({nth} AS VARCHAR))"
    found = f"list_sort([{items}], 'ASC', 'NULLS FIRST')[{nth}]"
    return Value(
        f"(CASE WHEN {nth} NOT BETWEEN 1 AND {len(values)} THEN {fault} ELSE {found} END)", type_
    )


def _coalesce(call: Call) -> Value:
    call.count(1, 100)
    type_, values = call.meeting(*range(len(call.args)))
    return Value(f"coalesce({', '.join(value.sql for value in values)})", type_)


def _nvl(call: Call) -> Value:
    call.count(2)
    return _coalesce(call)


def _nvl2(call: Call) -> Value:
    call.count(3)
    type_, (yes, no) = call.meeting(1, 2)
    return Value(
        f"(CASE WHEN {call.args[0].sql} IS NOT NULL THEN {yes.sql} ELSE {no.sql} END)", type_
    )


def _nullif(call: Call) -> Value:
    call.count(2)
    pair = compared(call.args[0], call.args[1])
    if pair is None:
        raise call.fault("arguments of nullif cannot be compared")
    first = call.args[0]
    return Value(
        f"(CASE WHEN {pair[0].sql} = {pair[1].sql} THEN NULL ELSE {first.sql} END)", first.type
    )


def _decode(call: Call) -> Value:
    """Choose by equal values, of which NULL is one; or make text of bytes."""
    if len(call.args) == 2:  # noqa: PLR2004  bytes and their encoding
        return decode_bytes(call)
    call.count(3, 255)
    sought, rest = call.args[0], len(call.args) % 2
    last = len(call.args) if rest else len(call.args) - 1
    results = list(range(2, last, 2))
    type_, values = call.meeting(*results, *([] if rest else [last]))
    default = NULL if rest else values.pop()
    branches = []
    for place, value in zip(results, values, strict=True):
        pair = compared(sought, call.args[place - 1])
        if pair is None:
            raise call.fault(f"arguments 1 and {place} of decode cannot be compared")
        branches.append(f"WHEN {pair[0].sql} IS NOT DISTINCT FROM {pair[1].sql} THEN {value.sql}")
    return Value(f"(CASE {' '.join(branches)} ELSE {default.sql} END)", type_)


def _failif(call: Call) -> Value:
    call.count(2)
    said = truth(call.context, call.node, call.args[0])
    return Value(f"(CASE WHEN {said} THEN error({call.sql(1, 'string')}) ELSE TRUE END)", BOOLEAN)


def _is(what: str) -> Function:
    def carry_out(call: Call) -> Value:
        call.count(1)
        return Value(f"({call.args[0].sql} IS {what})", BOOLEAN)

    return carry_out


CHOICE_FUNCTIONS: Mapping[str, Function] = {
    "greatest": _extreme("greatest"),
    "least": _extreme("least"),
    "ordinal": _ordinal,
    "coalesce": _coalesce,
    "nvl": _nvl,
    "nvl2": _nvl2,
    "nullif": _nullif,
    "decode": _decode,
    "failif": _failif,
    "isnull": _is("NULL"),
    "isnotnull": _is("NOT NULL"),
    "uuid": simple(("", "string", "CAST(uuid() AS VARCHAR)")),
    "unique_id": simple(("", "string", "CAST(uuid() AS VARCHAR) || '_1'")),
}
