"""Functions that DuckDB has none for: calculated here, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.emulator.sql import json_values
from odps_frames.emulator.sql.json_paths import (
    Path,
    look_up,
    parse_path,
    parse_text_path,
    walk_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["PYTHON_FUNCTIONS", "PythonFunction", "used"]


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """A function of one row, with DuckDB's types; NULL in an argument gives NULL."""

    row: Callable[..., Any]
    arguments: tuple[str, ...]
    result: str
    arrow: pa.DataType

    def batch(self) -> Callable[..., pa.Array]:
        """Return the function of columns that DuckDB calls."""

        def rows(columns: Iterable[pa.ChunkedArray]) -> Iterator[Any]:
            for values in zip(*(column.to_pylist() for column in columns), strict=True):
                yield None if None in values else self.row(*values)

        def one(a: pa.ChunkedArray) -> pa.Array:
            return pa.array(rows([a]), self.arrow)

        def two(a: pa.ChunkedArray, b: pa.ChunkedArray) -> pa.Array:
            return pa.array(rows([a, b]), self.arrow)

        return one if len(self.arguments) == 1 else two


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

PYTHON_FUNCTIONS: Mapping[str, PythonFunction] = {
    "mc_json": PythonFunction(json_values.canonical, _TEXT, "VARCHAR", pa.string()),
    "mc_json_pretty": PythonFunction(_pretty, _TEXT, "VARCHAR", pa.string()),
    "mc_json_at": PythonFunction(_at, _TWO_TEXTS, "VARCHAR", pa.string()),
    "mc_json_exists": PythonFunction(_exists, _TWO_TEXTS, "BOOLEAN", pa.bool_()),
    "mc_json_member": PythonFunction(_member, _TWO_TEXTS, "VARCHAR", pa.string()),
    "mc_json_element": PythonFunction(_element, ("VARCHAR", "BIGINT"), "VARCHAR", pa.string()),
    "mc_json_in_text": PythonFunction(_in_text, _TWO_TEXTS, "VARCHAR", pa.string()),
}
"""By the name that queries for DuckDB call them by."""


def used(texts: Sequence[str]) -> Iterator[tuple[str, PythonFunction]]:
    """Yield the functions that a query and the words that it is written in may call."""
    for name, function in PYTHON_FUNCTIONS.items():
        if any(f"{name}(" in text for text in texts):
            yield name, function
