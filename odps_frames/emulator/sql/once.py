"""Arguments said once: functions say some of theirs several times, and nesting multiplies that."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from odps_frames.emulator.sql.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["once"]

_MANY_LETTERS = 600
_MANY_WORDS = 2


def once(values: Sequence[Value], make: Callable[[tuple[Value, ...]], Value]) -> Value:
    """Make a value of others; where one has a long text, they get names that ``make`` is given.

    The names come from the texts, so that equal expressions stay equal, as keys of groups must.
    """
    if not any(_is_long(value) for value in values):
        return make(tuple(values))
    names = {
        place: f"a{place}"
        for place, value in enumerate(values)
        if value.type is not None and value.constant is None
    }
    row = f"b{crc32(repr([value.sql for value in values]).encode()):x}"
    named = tuple(
        Value(f"{row}.{names[place]}", value.type, value.constant) if place in names else value
        for place, value in enumerate(values)
    )
    made = make(named)
    if "SELECT" in made.sql:  # DuckDB allows no query inside
        return make(tuple(values))
    members = ", ".join(f"{name} := {values[place].sql}" for place, name in names.items())
    text = f"list_transform([struct_pack({members})], lambda {row}: {made.sql})[1]"
    return Value(text, made.type, made.constant)


def _is_long(value: Value) -> bool:
    """Whether a text is long as it stands, or becomes so when its words are replaced."""
    return len(value.sql) > _MANY_LETTERS or value.sql.count("mc_") > _MANY_WORDS
