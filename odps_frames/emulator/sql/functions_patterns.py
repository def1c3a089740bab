"""Functions of regular expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql.patterns import Pattern, read_pattern, read_replacement
from odps_frames.emulator.sql.values import BIGINT, BOOLEAN, STRING, Value, text_literal
from odps_frames.model.types import ArrayType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.emulator.sql.calls import Call, Function

__all__ = ["PATTERN_FUNCTIONS", "pattern_matches"]


def pattern_of(call: Call, place: int) -> Pattern | None:
    """Return a pattern that is written out; None where it is NULL.

    Raises
    ------
    SqlFault
        For what is no pattern, and for one that is not written out.
    """
    if call.args[place].type is None:
        return None
    text = str(call.constant(place, str, "a pattern"))
    if not text:
        raise call.fault(f"the pattern of function {call.name} is empty")
    try:
        return read_pattern(text)
    except ValueError as error:
        raise call.fault(
            f"the pattern {text!r} of function {call.name} is not supported here: {error}"
        ) from None


def pattern_matches(call: Call) -> Value:
    """Tell whether a pattern matches somewhere in a text, as RLIKE does."""
    text, pattern = call.sql(0, "string"), call.sql(1, "string")
    if call.args[1].constant is not None:
        pattern_of(call, 1)
    return Value(f"regexp_matches({text}, {pattern})", BOOLEAN)


def _null(type_: str) -> str:
    return f"CAST(NULL AS {type_})"


def _number(call: Call, place: int, default: int, least: int) -> int | None:
    """Return a number that is written out; None where it is NULL."""
    if len(call.args) <= place:
        return default
    if call.args[place].type is None:
        return None
    number = call.constant(place, int, f"a whole number from {least} on")
    if not isinstance(number, int) or number < least:
        raise call.fault(
            f"argument {place + 1} of function {call.name} is {number}; "
            f"expected a whole number from {least} on"
        )
    return number


def _from(call: Call, pattern: Pattern | None, start: int | None) -> str:
    """Return the text from a place on."""
    text = call.sql(0, "string")
    if start is None or start == 1:
        return text
    if pattern is not None and pattern.looks_back:
        raise call.fault(
            f"{call.name} from a place on with a pattern that asks what stands before it "
            "is not supported here"
        )
    return f"substr({text}, {start})"


def _count(call: Call) -> Value:
    call.count(2, 3)
    pattern, start = pattern_of(call, 1), _number(call, 2, 1, 1)
    text = _from(call, pattern, start)
    if pattern is None or start is None:
        return Value(_null("BIGINT"), BIGINT)
    found = f"mc_matches({text}, {text_literal(pattern.text)})"
    return Value(f"CAST(len({found}) AS BIGINT)", BIGINT)


def _instr(call: Call) -> Value:
    call.count(2, 5)
    pattern, start = pattern_of(call, 1), _number(call, 2, 1, 1)
    nth, end = _number(call, 3, 1, 1), _number(call, 4, 0, 0)
    if end is not None and end > 1:
        raise call.fault(f"argument 5 of function {call.name} is {end}; expected 0 or 1")
    _from(call, pattern, start)
    if pattern is None or start is None or nth is None or end is None:
        return Value(_null("BIGINT"), BIGINT)
    sought = text_literal(pattern.text)
    text = call.sql(0, "string")
    return Value(
        f"CAST(mc_regexp_instr({text}, {sought}, {start}, {nth}, {end}) AS BIGINT)", BIGINT
    )


def _substr(call: Call) -> Value:
    call.count(2, 4)
    pattern, start, nth = pattern_of(call, 1), _number(call, 2, 1, 1), _number(call, 3, 1, 1)
    text = _from(call, pattern, start)
    if pattern is None or start is None or nth is None:
        return Value(_null("VARCHAR"), STRING)
    sought = text_literal(pattern.text)
    if nth > 1:
        return Value(f"mc_matches({text}, {sought})[{nth}]", STRING)
    whole = f"regexp_extract({text}, {sought}, 0)"
    return Value(f"(CASE WHEN regexp_matches({text}, {sought}) THEN {whole} END)", STRING)


def _group(call: Call, pattern: Pattern | None) -> int | None:
    number = _number(call, 2, 1, 0)
    if pattern is not None and number is not None and number > pattern.groups:
        raise call.fault(
            f"the pattern {pattern.text!r} of function {call.name} has {pattern.groups} groups, "
            f"no group {number}"
        )
    return number


def _extract(call: Call) -> Value:
    call.count(2, 3)
    pattern = pattern_of(call, 1)
    number = _group(call, pattern)
    text = call.sql(0, "string")
    if pattern is None or number is None:
        return Value(_null("VARCHAR"), STRING)
    return Value(f"regexp_extract({text}, {text_literal(pattern.text)}, {number})", STRING)


def _extract_all(call: Call) -> Value:
    call.count(2, 3)
    pattern = pattern_of(call, 1)
    number = _group(call, pattern)
    text = call.sql(0, "string")
    if pattern is None or number is None:
        return Value(_null("VARCHAR[]"), ArrayType(STRING))
    sought = text_literal(pattern.text)
    if number == 0:
        return Value(f"mc_matches({text}, {sought})", ArrayType(STRING))
    groups = f"regexp_extract_all({text}, {sought}, {number})"
    found = f"list_transform({groups}, lambda x: coalesce(x, ''))"
    # Where the pattern matches the empty text, this is the place that says so.
    return Value(
        f"(CASE WHEN mc_matches({text}, {sought}) IS NOT NULL THEN {found} END)", ArrayType(STRING)
    )


def _replace(call: Call) -> Value:
    call.count(3, 4)
    pattern, nth = pattern_of(call, 1), _number(call, 3, 0, 0)
    text, new = call.sql(0, "string"), call.sql(2, "string")
    if pattern is None or nth is None:
        return Value(_null("VARCHAR"), STRING)
    sought = text_literal(pattern.text)
    if call.args[2].type is None:
        return Value(f"(CASE WHEN NOT regexp_matches({text}, {sought}) THEN {text} END)", STRING)
    if call.args[2].constant is None:
        if nth > 0:
            call.constant(2, str, "what takes the place of one match")
        replaced = f"regexp_replace({text}, {sought}, {new}, 'g')"
        kept = f"{new} IS NULL AND NOT regexp_matches({text}, {sought})"
        return Value(f"(CASE WHEN {kept} THEN {text} ELSE {replaced} END)", STRING)
    parts = _parts(call, pattern)
    if nth > 0:
        return _replace_nth(text, sought, nth, parts)
    return Value(f"regexp_replace({text}, {sought}, {new}, 'g')", STRING)


def _parts(call: Call, pattern: Pattern) -> list[str | int]:
    new = str(call.constant(2, str, "what takes the place of a match"))
    try:
        return read_replacement(new, pattern.groups)
    except ValueError as error:
        raise call.fault(f"argument 3 of function {call.name} is {new!r}: {error}") from None


def _replace_nth(text: str, sought: str, nth: int, parts: list[str | int]) -> Value:
    new = " || ".join(
        text_literal(part)
        if isinstance(part, str)
        else f"coalesce(regexp_extract_all({text}, {sought}, {part})[{nth}], '')"
        for part in parts
    )
    pieces = [f"mc_head({text}, {sought}, {nth})", new, f"mc_regexp_tail({text}, {sought}, {nth})"]
    replaced = " || ".join(piece for piece in pieces if piece)
    there = f"len(mc_matches({text}, {sought})) >= {nth}"
    return Value(f"(CASE WHEN {there} THEN {replaced} ELSE {text} END)", STRING)


def _split(call: Call) -> Value:
    """Split; empty parts at the end are left out, unless a third argument says false."""
    call.count(2, 3)
    trimmed = True if len(call.args) == 2 else call.args[2].constant  # noqa: PLR2004
    if not isinstance(trimmed, bool):
        raise call.fault("argument 3 of function split must be true or false")
    pattern, text = pattern_of(call, 1), call.sql(0, "string")
    if pattern is None:
        return Value(_null("VARCHAR[]"), ArrayType(STRING))
    if pattern.plain is not None:
        parts = f"string_split({text}, {text_literal(pattern.plain)})"
    else:
        parts = f"mc_between({text}, {text_literal(pattern.text)})"
    return Value(f"mc_trimmed({parts})" if trimmed else parts, ArrayType(STRING))


PATTERN_FUNCTIONS: Mapping[str, Function] = {
    "regexp_count": _count,
    "regexp_instr": _instr,
    "regexp_substr": _substr,
    "regexp_extract": _extract,
    "regexp_extract_all": _extract_all,
    "regexp_replace": _replace,
    "split": _split,
}
