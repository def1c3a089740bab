"""Values of JSON: as the JSON type keeps them, and as a text spells them out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Members", "Spelled", "canonical", "pretty", "read", "read_spelled", "write", "written"]

_LIMIT = 1 << 63
_INDENT = 4
_RISKY = re.compile(r"[0-9]{19}|[0-9][eE]|NaN|Infinity")
"""Without these, every number fits, and Python reads it fastest by itself."""

Json: TypeAlias = Any
"""None, bool, int, float, str, list, dict."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """A number with the digits that the text has."""

    text: str


@dataclass(frozen=True, slots=True)
class Members:
    """The members of an object in their order; a name may stand twice."""

    pairs: tuple[tuple[str, Json], ...]

    def get(self, name: str) -> Json:
        """Return the first member of a name.

        Raises
        ------
        KeyError
            When there is none.
        """
        for found, value in self.pairs:
            if found == name:
                return value
        raise KeyError(name)


def _whole(text: str) -> int:
    number = int(text)
    if not -_LIMIT <= number < _LIMIT:
        msg = f"number {text} does not fit bigint"
        raise ValueError(msg)
    return number


def _real(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        msg = f"number {text} does not fit double"
        raise ValueError(msg)
    return number


def _refuse(text: str) -> Json:
    msg = f"{text} is no JSON"
    raise ValueError(msg)


def read(text: str) -> Json:
    """Read a value of the JSON type: whole numbers are BIGINT, others DOUBLE, the last name counts.

    Raises
    ------
    ValueError
        For what is no JSON, or does not fit.
    """
    try:
        if _RISKY.search(text) is None:
            return json.loads(text)
        return json.loads(text, parse_int=_whole, parse_float=_real, parse_constant=_refuse)
    except RecursionError:
        msg = "JSON that is nested too deeply"
        raise ValueError(msg) from None


_WRITER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def write(value: Json) -> str:
    """Write a value as the JSON type shows it: without blanks, names in their order."""
    return _WRITER.encode(value)


def canonical(text: str) -> str | None:
    """Return the one way to write a value; None for what is no JSON."""
    try:
        found = write(read(text))
        found.encode()
    except ValueError:  # of JSON and of UTF-8
        return None
    return found


def pretty(text: str) -> str:
    """Write a value over several lines."""
    return json.dumps(
        read(text), ensure_ascii=False, sort_keys=True, indent=_INDENT, separators=(",", ":")
    )


def read_spelled(text: str) -> Json:
    """Read a text so that ``written`` gives its numbers and its order back.

    Raises
    ------
    ValueError
        For what is no JSON.
    """
    try:
        return json.loads(
            text,
            parse_int=Spelled,
            parse_float=Spelled,
            parse_constant=_refuse,
            object_pairs_hook=lambda pairs: Members(tuple(pairs)),
        )
    except RecursionError:
        msg = "JSON that is nested too deeply"
        raise ValueError(msg) from None


def written(value: Json) -> str:
    """Write what ``read_spelled`` read."""
    match value:
        case Spelled(text=text):
            return text
        case Members(pairs=pairs):
            return "{" + ",".join(f"{_text(name)}:{written(item)}" for name, item in pairs) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return _text(value)


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
