"""The tree of an Arrow expression, read from the form in which Arrow itself pickles it.

That form is an Arrow file of one row: its columns hold the literals and the options of functions,
with their exact types, and the metadata of its schema lists the nodes in order. Unlike the text
of an expression it loses nothing, and unlike Substrait it has a word for every function
(``docs/design/0012-expressions-of-engines.md``).
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow.compute as pc

__all__ = ["Call", "Literal", "Node", "Reference", "Unfamiliar", "read_expression", "tree_of"]


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant with its type."""

    scalar: Any


@dataclass(frozen=True, slots=True)
class Reference:
    """A column, or a field within one."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function over some nodes."""

    function: str
    arguments: tuple[Node, ...]
    options: Any = None
    """A struct scalar with the options of the function by name."""


Node: TypeAlias = Literal | Reference | Call


class Unfamiliar(Exception):
    """The form is not the one that is known."""


def read_expression(expression: pc.Expression) -> Node | None:
    """Return the tree of an expression; None when its form is not the one that is known.

    Raises
    ------
    ValueError
        For an expression that Arrow itself cannot carry elsewhere, as those with places instead
        of names.
    """
    try:
        reduced: Any = expression.__reduce__()
    except (pa.ArrowException, NotImplementedError) as error:
        msg = (
            f"the expression {expression} cannot be taken as a condition ({error}); "
            "name its columns, as in pyarrow.compute.field('id') > 1"
        )
        raise ValueError(msg) from None
    try:
        file = pa.ipc.open_file(reduced[1][0])
        batch = file.get_batch(0)
        return tree_of(metadata_of(file.schema), [column[0] for column in batch.columns])
    except (pa.ArrowException, Unfamiliar, LookupError, TypeError, ValueError):
        return None


def tree_of(items: Iterable[tuple[str, str]], values: list[Any]) -> Node:
    """Build the tree out of the list of nodes.

    Raises
    ------
    Unfamiliar
        When the list is not one.
    """
    reader = _Reader(iter(items), values)
    found = reader.tree()
    if next(reader.items, None) is not None:
        raise Unfamiliar
    return found


class _Reader:
    """Reads nodes one by one; calls that are not over yet wait on a stack."""

    def __init__(self, items: Any, values: list[Any]) -> None:  # noqa: ANN401  an iterator of pairs
        self.items = items
        self._values = values

    def tree(self) -> Node:
        calls: list[tuple[str, list[Node], list[Any]]] = []
        while True:
            key, value = self._next()
            if key == "call":
                calls.append((value, [], []))
                continue
            if key == "options" and calls:
                calls[-1][2].append(self._value(value))
                continue
            if key == "end" and calls:
                function, arguments, options = calls.pop()
                if value != function or len(options) > 1:
                    raise Unfamiliar
                found: Node = Call(function, tuple(arguments), options[0] if options else None)
            else:
                found = self._leaf(key, value)
            if not calls:
                return found
            calls[-1][1].append(found)

    def _leaf(self, key: str, value: str) -> Node:
        match key:
            case "literal":
                return Literal(self._value(value))
            case "field_ref":
                return Reference((value,))
            case "nested_field_ref":
                return Reference(tuple(self._part() for _ in range(int(value))))
            case _:
                raise Unfamiliar

    def _part(self) -> str:
        key, value = self._next()
        if key != "field_ref":
            raise Unfamiliar
        return value

    def _value(self, place: str) -> Any:  # noqa: ANN401  a scalar of any type
        return self._values[int(place)]

    def _next(self) -> tuple[str, str]:
        found: tuple[str, str] | None = next(self.items, None)
        if found is None:
            raise Unfamiliar
        return found


class _CSchema(ctypes.Structure):
    """The beginning of an ``ArrowSchema`` of the C data interface."""

    _fields_ = (
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_void_p),
    )


_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def metadata_of(schema: pa.Schema) -> list[tuple[str, str]]:
    """List the metadata of a schema; in Python's own form, keys that stand twice are lost."""
    capsule = schema.__arrow_c_schema__()  # lives as long as it is read
    start = _CSchema.from_address(_pointer_of(capsule, b"arrow_schema")).metadata
    if start is None:
        return []
    texts: list[str] = []
    count, place = _int32(start), start + 4
    for _ in range(2 * count):
        length = _int32(place)
        texts.append(ctypes.string_at(place + 4, length).decode())
        place += 4 + length
    return list(zip(texts[::2], texts[1::2], strict=True))


def _int32(address: int) -> int:
    found: int = struct.unpack("=i", ctypes.string_at(address, 4))[0]
    return found
