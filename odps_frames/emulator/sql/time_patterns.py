"""Patterns of dates, such as ``yyyy-mm-dd hh:mi:ss``: for texts that are made and that are read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.values import text_literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odps_frames.emulator.sql.calls import Call

__all__ = ["format_text", "percent_format", "read_text"]

_CODES: Mapping[str, str] = {
    "yyyy": "%Y",
    "mm": "%m",
    "dd": "%d",
    "hh": "%H",
    "mi": "%M",
    "ss": "%S",
    "ff3": "%g",
}
"""What a pattern may say, in any letter case, with what DuckDB says for it."""

_DIGITS = {"yyyy": 4, "ff3": 3}
_DEFAULTS = {"mm": "01", "dd": "01", "hh": "00", "mi": "00", "ss": "00", "ff3": "000"}
_PERCENT = frozenset("YmdHMS")
_ELEMENTS_ELSEWHERE = frozenset(
    {"y", "yy", "yyy", "m", "d", "h", "s", "q", "w", "ww", "mon", "month", "day", "dy", "am"}
    | {"pm", "ff", "sss", "a", "e", "eee", "eeee", "hh12", "hh24", "u", "z", "x"}
)
"""Letters that mean something to other databases: whoever writes them wants no letters."""


def _parts(call: Call, pattern: str, *, java: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the elements of a pattern, and the letters between them with ``""``."""
    words = "yyyy|mm|dd|hh|mi|ss|ff3"
    sss = "SSS|" if java else ""
    place, plain = 0, ""
    for found in re.finditer(rf"{sss}(?i:{words})", pattern):
        plain = pattern[place : found.start()]
        if plain:
            yield "", _checked(call, pattern, plain, java=java)
        word = "ff3" if found[0] == "SSS" and java else found[0].lower()
        if java and found[0].startswith("YYYY"):
            raise _refused(call, pattern)
        yield word, found[0]
        place = found.end()
    if pattern[place:]:
        yield "", _checked(call, pattern, pattern[place:], java=java)


def _checked(call: Call, pattern: str, plain: str, *, java: bool) -> str:
    letters = re.findall(r"[A-Za-z]+[0-9]*", plain)
    if any(run.lower() in _ELEMENTS_ELSEWHERE and run != "Z" for run in letters):
        raise _refused(call, pattern)
    if java and (letters or "'" in plain):
        raise _refused(call, pattern)
    return plain


def _refused(call: Call, pattern: str) -> Exception:
    return call.fault(
        f"pattern {pattern!r} of {call.name} is not supported here; expected {', '.join(_CODES)}"
    )


def format_text(call: Call, place: int, *, java: bool = False) -> str:
    """Return DuckDB's pattern for a text to be made; all that is no element stays as it is."""
    pattern = str(call.constant(place, str, "a pattern"))
    made = (
        _CODES[word] if word else text.replace("%", "%%")
        for word, text in _parts(call, pattern, java=java)
    )
    return text_literal("".join(made))


def percent_format(call: Call, place: int) -> str | None:
    """Return DuckDB's pattern for one such as ``%Y-%m-%d``; None for patterns of the other kind."""
    pattern = str(call.constant(place, str, "a pattern"))
    if "%" not in pattern:
        return None
    if set(re.findall("%(.?)", pattern)) <= _PERCENT:
        return text_literal(pattern)
    raise call.fault(
        f"pattern {pattern!r} of {call.name} is not supported here; expected %Y %m %d %H %M %S"
    )


def read_text(call: Call, place: int) -> str | None:
    """Return the time that the first argument says by a pattern, NULL where it says none.

    None where the pattern has no year, which no text can be read by.
    """
    pattern = str(call.constant(place, str, "a pattern"))
    text = call.sql(0, "string")
    groups: dict[str, int] = {}
    expected = ""
    for word, plain in _parts(call, pattern):
        length = _DIGITS.get(word, 2)
        if word and word not in groups:
            groups[word] = len(groups) + 1
            expected += f"([0-9]{{{length}}})"
        else:  # an element that stands twice only holds a place
            expected += f".{{{length}}}" if word else re.escape(plain)
    if "yyyy" not in groups:
        return None

    def part(word: str) -> str:
        return f"\\{groups[word]}" if word in groups else _DEFAULTS[word]

    said = (
        f"{part('yyyy')}-{part('mm')}-{part('dd')} "
        f"{part('hh')}:{part('mi')}:{part('ss')}.{part('ff3')}"
    )
    whole = text_literal(f"(?s){expected}")
    return (
        f"CASE WHEN regexp_full_match({text}, {whole}) AND NOT regexp_matches("
        f"regexp_replace({text}, {whole}, {text_literal(said)}), ' 24:') THEN TRY_CAST("
        f"regexp_replace({text}, {whole}, {text_literal(said)}) AS TIMESTAMP) END"
    )
