"""Paths in JSON: those of the JSON type, which are PostgreSQL's, and those of texts, Hive's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from odps_frames.emulator.sql.json_values import Members

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from odps_frames.emulator.sql.json_values import Json

__all__ = ["EVERY", "Path", "look_up", "parse_path", "parse_text_path", "walk_text"]


@dataclass(frozen=True, slots=True)
class Every:
    """All elements of an array, or all members of an object."""

    members: bool = False


EVERY = Every()
_MEMBERS = Every(members=True)
Step = str | tuple[range, ...] | Every
"""A name, places, or everything."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path of the JSON type."""

    steps: tuple[Step, ...]
    strict: bool = False


class _Mismatch(Exception):
    """A strict path meets another structure."""


_STEP = re.compile(
    r"""\s*(?:\.\s*(?:(?P<every>\*)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<name>[^\W\d][\w]*))"""
    r"|\[(?P<places>[^\]]*)\])\s*"
)
_PLACES = re.compile(r"\s*(\d{1,9})\s*(?:to\s+(\d{1,9})\s*)?")


@lru_cache(maxsize=256)
def parse_path(text: str) -> Path | None:
    """Parse a path such as ``$.phones[1]."phone#"``; None for what is no path."""
    head = re.match(r"\s*(?:(lax|strict)\s+)?\$", text)
    if head is None:
        return None
    steps: list[Step] = []
    place = head.end()
    while place < len(text):
        found = _STEP.match(text, place)
        step = _step(found) if found else None
        if found is None or step is None:
            return None
        steps.append(step)
        place = found.end()
    return Path(tuple(steps), head[1] == "strict")


def _step(found: re.Match[str]) -> Step | None:
    if found["every"]:
        return _MEMBERS
    if found["name"] is not None:
        return found["name"]
    if found["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", found["quoted"])
    if found["places"].strip() == "*":
        return EVERY
    places = []
    for part in found["places"].split(","):
        said = _PLACES.fullmatch(part)
        if said is None:
            return None
        first = int(said[1])
        places.append(range(first, int(said[2] or first) + 1))
    return tuple(places)


def look_up(value: Json, path: Path) -> Json:
    """Return what stands at a path.

    A path that may find several values gives an array of them.

    Raises
    ------
    LookupError
        When there is nothing.
    """
    items, many = [value], False
    for step in path.steps:
        several = isinstance(step, Every) or (isinstance(step, tuple) and sum(map(len, step)) != 1)
        unwraps = isinstance(step, str) or (isinstance(step, Every) and step.members)
        if not path.strict and unwraps and any(isinstance(item, list) for item in items):
            several = True
            items = [i for item in items for i in (item if isinstance(item, list) else [item])]
        many = many or several
        try:
            items = [found for item in items for found in _take(item, step, strict=path.strict)]
        except _Mismatch:
            raise LookupError from None
    if not items:
        raise LookupError
    return items if many else items[0]


def _take(item: Json, step: Step, *, strict: bool) -> Iterator[Json]:
    if isinstance(step, str):
        if isinstance(item, dict) and step in item:
            yield item[step]
        elif strict:
            raise _Mismatch
    elif isinstance(step, Every) and step.members:
        if isinstance(item, dict):
            yield from (item[name] for name in sorted(item))
        elif strict:
            raise _Mismatch
    else:
        yield from _elements(item, step, strict=strict)


def _elements(item: Json, step: tuple[range, ...] | Every, *, strict: bool) -> Iterator[Json]:
    if not isinstance(item, list):
        if strict:
            raise _Mismatch
        item = [item]
    if isinstance(step, Every):
        yield from item
        return
    for places in step:
        if strict and places.stop > len(item):
            raise _Mismatch
        yield from item[places.start : places.stop]


_TEXT_STEP = re.compile(
    r"\.(?P<name>[^.\[\]'\"*]+)|\['(?P<quoted>[^']+)'\]|\[(?P<place>\d{1,9})\]|(?P<every>\[\*\])"
)


@lru_cache(maxsize=256)
def parse_text_path(text: str) -> tuple[str | int | Every, ...] | None:
    """Parse a path of ``get_json_object`` in a text; None for what it does not know."""
    if not text.startswith("$"):
        return None
    steps: list[str | int | Every] = []
    place = 1
    while place < len(text):
        found = _TEXT_STEP.match(text, place)
        if found is None:
            return None
        if found["every"]:
            steps.append(EVERY)
        elif found["place"]:
            steps.append(int(found["place"]))
        else:
            steps.append(found["name"] or found["quoted"])
        place = found.end()
    return tuple(steps)


def walk_text(value: Json, steps: Sequence[str | int | Every]) -> Json:
    """Return what stands at a path in a text; ``[*]`` gives an array of what follows it.

    Raises
    ------
    LookupError
        When there is nothing.
    """
    for number, step in enumerate(steps):
        match step, value:
            case Every(), list():
                return _spread(value, steps[number + 1 :])
            case str(), Members():
                value = value.get(step)
            case int(), list():
                value = value[step]
            case _:
                raise LookupError
    return value


def _spread(items: Sequence[Json], steps: Sequence[str | int | Every]) -> list[Json]:
    found: list[Json] = []
    for item in items:
        try:
            value = walk_text(item, steps)
        except LookupError:
            continue
        if any(isinstance(step, Every) for step in steps):
            found.extend(value)
        else:
            found.append(value)
    if not found and steps:
        raise LookupError
    return found
