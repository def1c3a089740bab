"""Regular expressions: what MaxCompute's engine, RE2, takes, and what it names when it does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Pattern", "read_pattern", "read_replacement"]

_UNKNOWN: Mapping[str, str] = {
    r"\(\?=": "a lookahead (?=",
    r"\(\?!": "a negative lookahead (?!",
    r"\(\?<=": "a lookbehind (?<=",
    r"\(\?<!": "a negative lookbehind (?<!",
    r"\(\?<": "a name (?<; write (?P<",
    r"\(\?>": "an atomic group (?>",
    r"\(\?#": "a comment (?#",
    r"\(\?\(": "a conditional (?(",
    r"[*+?}]\+": "a possessive quantifier",
    r"\\[1-9]": "a backward reference",
    r"\\[GKRXZhHNg]": "the sign",
}
_PIECE = re.compile(
    r"(?P<quote>\\Q.*?(?:\\E|$))"
    r"|(?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])"
    r"|(?P<unknown>" + "|".join(_UNKNOWN) + ")"
    r"|(?P<edge>\\[AbB]|\^)"
    r"|(?P<escape>\\.)"
    r"|(?P<group>\((?!\?)|\(\?P<)"
    r"|(?P<rest>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression."""

    text: str
    groups: int
    looks_back: bool
    """Whether it asks what stands before a match."""

    @property
    def plain(self) -> str | None:
        """The text that it stands for, where it is nothing but that text."""
        if re.search(r"\\[A-Za-z0-9]|(?<!\\)[.^$*+?()\[\]{}|]", self.text.replace("\\\\", "")):
            return None
        return re.sub(r"\\(.)", r"\1", self.text, flags=re.DOTALL)


def read_pattern(text: str) -> Pattern:
    """Read a regular expression.

    Raises
    ------
    ValueError
        For what is none, and for what RE2 has not; it names it.
    """
    groups, looks_back = 0, False
    for kind, piece in _pieces(text):
        if kind == "unknown":
            raise ValueError(_name_of(piece))
        groups += kind == "group"
        looks_back = looks_back or kind == "edge"
    try:
        pc.match_substring_regex(pa.scalar(""), pattern=text)
    except pa.ArrowInvalid as error:
        raise ValueError(str(error).removeprefix("Invalid regular expression: ")) from None
    return Pattern(text, groups, looks_back)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    for found in _PIECE.finditer(text):
        yield str(found.lastgroup), found.group()


def _name_of(piece: str) -> str:
    name = next(name for form, name in _UNKNOWN.items() if re.match(form, piece))
    return name if piece.startswith("(") else f"{name} {piece}"


def read_replacement(text: str, groups: int) -> list[str | int]:
    """Read what takes the place of a match: texts, and numbers of groups.

    Raises
    ------
    ValueError
        For a group that the pattern has not, and for a backslash before anything else.
    """
    parts: list[str | int] = []
    for literal, escaped in re.findall(r"([^\\]+)|\\(.?)", text, re.DOTALL):
        if literal:
            parts.append(literal)
        elif escaped == "\\":
            parts.append("\\")
        elif escaped.isdecimal() and escaped.isascii():
            parts.append(int(escaped))
            if int(escaped) > groups:
                msg = f"\\{escaped} means a group that the pattern has not"
                raise ValueError(msg)
        else:
            msg = f"a backslash before {escaped!r}; expected a digit or a second backslash"
            raise ValueError(msg)
    return parts
