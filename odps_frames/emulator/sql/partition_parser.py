"""What stands in ``PARTITION (…)``: values of columns, or conditions over them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.cursor import unsupported
from odps_frames.emulator.sql.partition_conditions import (
    Chosen,
    Compared,
    Joined,
    Matched,
    Negated,
    Operand,
)
from odps_frames.emulator.sql.tokens import TokenKind

if TYPE_CHECKING:
    from odps_frames.emulator.sql.cursor import Cursor
    from odps_frames.emulator.sql.partition_conditions import Condition
    from odps_frames.emulator.sql.statements import Spec
    from odps_frames.emulator.sql.tokens import Token

__all__ = ["choices", "need_choices", "need_specs", "one_spec", "spec_of"]

_SIGNS = {
    "=": "=",
    "<>": "<>",
    "!=": "<>",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}


def need_specs(cursor: Cursor) -> tuple[Spec, ...]:
    """Read one ``PARTITION (…)`` or several, each of them values of columns."""
    if not cursor.next.is_word("PARTITION"):
        raise cursor.unexpected("PARTITION")
    specs = []
    while cursor.words("PARTITION"):
        specs.append(spec_of(cursor))
        cursor.accept(",")
    return tuple(specs)


def one_spec(cursor: Cursor) -> Spec | None:
    """Read ``PARTITION (…)`` with values, where it follows."""
    return spec_of(cursor) if cursor.words("PARTITION") else None


def spec_of(cursor: Cursor) -> Spec:
    """Read values of columns in brackets."""
    cursor.sign("(")
    items = [_item(cursor)]
    while cursor.accept(","):
        items.append(_item(cursor))
    cursor.sign(")")
    return tuple(items)


def _item(cursor: Cursor) -> tuple[str, str]:
    name = cursor.name("a partition column")
    token = cursor.next
    if not cursor.accept("="):
        if token.kind is TokenKind.SIGN and token.value in _SIGNS:
            raise unsupported(f"PARTITION with {token.value}", token)
        raise cursor.unexpected("=")
    return name, _value(cursor).value


def need_choices(cursor: Cursor) -> tuple[Chosen, ...]:
    """Read one ``PARTITION (…)`` or several, each with values or conditions."""
    if not cursor.next.is_word("PARTITION"):
        raise cursor.unexpected("PARTITION")
    return choices(cursor)


def choices(cursor: Cursor) -> tuple[Chosen, ...]:
    """Read every ``PARTITION (…)`` that follows."""
    found = []
    while cursor.next.is_word("PARTITION"):
        token = cursor.advance()
        cursor.sign("(")
        conditions = [_either(cursor)]
        while cursor.accept(","):
            conditions.append(_either(cursor))
        cursor.sign(")")
        found.append(Chosen(tuple(conditions), token))
        cursor.accept(",")
    return tuple(found)


def _either(cursor: Cursor) -> Condition:
    parts = [_both(cursor)]
    while cursor.words("OR"):
        parts.append(_both(cursor))
    return parts[0] if len(parts) == 1 else Joined("OR", tuple(parts))


def _both(cursor: Cursor) -> Condition:
    parts = [_single(cursor)]
    while cursor.words("AND"):
        parts.append(_single(cursor))
    return parts[0] if len(parts) == 1 else Joined("AND", tuple(parts))


def _single(cursor: Cursor) -> Condition:
    if cursor.words("NOT"):
        return Negated(_single(cursor))
    if cursor.accept("("):
        inner = _either(cursor)
        cursor.sign(")")
        return inner
    operand = _operand(cursor)
    if cursor.words("NOT"):
        return Negated(_tested(cursor, operand))
    return _tested(cursor, operand)


def _tested(cursor: Cursor, operand: Operand) -> Condition:
    token = cursor.next
    if cursor.words("LIKE"):
        return Matched(operand, "LIKE", cursor.text())
    if cursor.words("RLIKE") or cursor.words("REGEXP"):
        return Matched(operand, "RLIKE", cursor.text())
    if cursor.words("IN"):
        cursor.sign("(")
        parts = [Compared(operand, "=", _value(cursor))]
        while cursor.accept(","):
            parts.append(Compared(operand, "=", _value(cursor)))
        cursor.sign(")")
        return Joined("OR", tuple(parts))
    if cursor.words("BETWEEN"):
        least = Compared(operand, ">=", _value(cursor))
        cursor.need_words("AND")
        return Joined("AND", (least, Compared(operand, "<=", _value(cursor))))
    sign = _SIGNS.get(token.value) if token.kind is TokenKind.SIGN else None
    if sign is None:
        raise cursor.unexpected("=, or another comparison")
    cursor.advance()
    if sign == "=":
        cursor.accept("=")  # == says the same
    return Compared(operand, sign, _value(cursor))


def _operand(cursor: Cursor) -> Operand:
    token = cursor.next
    if not cursor.ahead(1).is_sign("("):
        return Operand(cursor.name("a partition column"), token)
    if not cursor.words("SUBSTR"):
        raise unsupported(f"function {token.value.lower()} over a partition column", token)
    cursor.sign("(")
    column, place = cursor.name("a partition column"), cursor.ahead(-1)
    cursor.sign(",")
    place_of_start = cursor.next
    start, length = _number(cursor), None
    if start == 0:
        raise unsupported("substr from place 0", place_of_start)
    if cursor.accept(","):
        length = _number(cursor)
    cursor.sign(")")
    return Operand(column, place, (start, length))


def _number(cursor: Cursor) -> int:
    sign = -1 if cursor.accept("-") else 1
    return sign * cursor.whole_number("a whole number")


def _value(cursor: Cursor) -> Token:
    negative = cursor.accept("-")
    if cursor.next.kind not in (TokenKind.TEXT, TokenKind.NUMBER):
        raise cursor.unexpected("a value")
    token = cursor.advance()
    return replace(token, value=f"-{token.value}") if negative else token
