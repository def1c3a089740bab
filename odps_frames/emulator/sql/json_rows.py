"""Functions of JSON that DuckDB has nothing for, as ``row_functions`` has those of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.sql import json_values
from odps_frames.emulator.sql.json_paths import (
    Path,
    look_up,
    parse_path,
    parse_text_path,
    walk_text,
)
from odps_frames.emulator.sql.row_functions import RowFunction

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["JSON_ROW_FUNCTIONS"]


def _at(text: str, path: str) -> str | None:
    steps = parse_path(path)
    return None if steps is None else _looked_up(text, steps)


def _looked_up(text: str, path: Path) -> str | None:
    try:
        return json_values.write(look_up(json_values.read(text), path))
    except (LookupError, ValueError):
        return None


def _exists(text: str, path: str) -> bool:
    return _at(text, path) is not None


def _member(text: str, name: str) -> str | None:
    return _looked_up(text, Path((name,), strict=True))


def _element(text: str, place: int) -> str | None:
    if place < 0:
        return None
    return _looked_up(text, Path(((range(place, place + 1),),), strict=True))


def _pretty(text: str) -> str | None:
    try:
        return json_values.pretty(text)
    except ValueError:
        return None


def _in_text(text: str, path: str) -> str | None:
    """Take a value out of a text; of a text in it, what it says, of all else, the JSON."""
    steps = parse_text_path(path)
    try:
        found = walk_text(json_values.read_spelled(text), steps or ())
    except (LookupError, ValueError):
        return None
    if found is None:
        return None
    return found if isinstance(found, str) else json_values.written(found)


_TEXT, _TWO_TEXTS = ("VARCHAR",), ("VARCHAR", "VARCHAR")

JSON_ROW_FUNCTIONS: Mapping[str, RowFunction] = {
    "mc_py_json": RowFunction(_TEXT, "VARCHAR", json_values.canonical),
    "mc_py_json_pretty": RowFunction(_TEXT, "VARCHAR", _pretty),
    "mc_py_json_at": RowFunction(_TWO_TEXTS, "VARCHAR", _at),
    "mc_py_json_exists": RowFunction(_TWO_TEXTS, "BOOLEAN", _exists),
    "mc_py_json_member": RowFunction(_TWO_TEXTS, "VARCHAR", _member),
    "mc_py_json_element": RowFunction(("VARCHAR", "BIGINT"), "VARCHAR", _element),
    "mc_py_json_in_text": RowFunction(_TWO_TEXTS, "VARCHAR", _in_text),
}
"""By the name that queries for DuckDB call them by."""
