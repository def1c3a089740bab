"""XML as the REST API speaks it: small documents, no declarations of types or entities."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Element", "element", "parse", "serialize"]

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_ELEMENTS = 500_000
MAX_ATTRIBUTES = 64
"""Of one element."""

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
# A parser turns raw breaks and tabs in attributes into blanks, so these travel as numbers.
_ATTRIBUTE_ESCAPES = {**_ESCAPES, '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}


@dataclass(frozen=True, slots=True)
class Element:
    """A named node with text or children; texts between children are dropped."""

    name: str
    text: str = ""
    children: tuple[Element, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    cdata: bool = field(default=False, compare=False)
    """Whether the text is written as a CDATA section."""

    def find(self, *path: str) -> Element | None:
        """Return the first node at the end of a path of names, or None."""
        found: Element | None = self
        for name in path:
            if found is None:
                return None
            found = next((child for child in found.children if child.name == name), None)
        return found

    def all(self, name: str) -> Iterator[Element]:
        """Iterate over the children of that name."""
        return (child for child in self.children if child.name == name)

    def text_of(self, *path: str) -> str | None:
        """Return the text at the end of a path; None where it is absent or empty."""
        found = self.find(*path)
        return found.text or None if found is not None else None


def element(
    name: str,
    *content: Element | str | None,
    attributes: Mapping[str, str] | None = None,
    cdata: bool = False,
) -> Element:
    """Make a node out of text and children; None among the content is left out."""
    text = "".join(piece for piece in content if isinstance(piece, str))
    children = tuple(piece for piece in content if isinstance(piece, Element))
    return Element(name, text, children, dict(attributes or {}), cdata)


def serialize(root: Element, *, pretty: bool = False) -> bytes:
    """Write a document; ``pretty`` breaks lines and indents by two blanks.

    Raises
    ------
    ValueError
        When a text holds a character that XML cannot carry.
    """
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    body = "".join(_write(root, "\n" if pretty else ""))
    return (head + body + ("\n" if pretty else "")).encode()


def _write(node: Element, line_break: str) -> Iterator[str]:
    attributes = "".join(
        f' {name}="{_escape(value, _ATTRIBUTE_ESCAPES)}"' for name, value in node.attributes.items()
    )
    if not node.text and not node.children:
        yield f"<{node.name}{attributes}/>"
        return
    yield f"<{node.name}{attributes}>"
    yield _cdata(node.text) if node.cdata else _escape(node.text, _ESCAPES)
    deeper = line_break + "  " if line_break else ""
    for child in node.children:
        yield deeper
        yield from _write(child, deeper)
    yield line_break if node.children else ""
    yield f"</{node.name}>"


def _escape(text: str, escapes: Mapping[str, str]) -> str:
    _check(text)
    return "".join(escapes.get(letter, letter) for letter in text)


def _cdata(text: str) -> str:
    _check(text)
    # The end mark and carriage returns cannot stand in a section, so it is closed around them.
    inner = text.replace("]]>", "]]]]><![CDATA[>").replace("\r", "]]>&#13;<![CDATA[")
    return f"<![CDATA[{inner}]]>"


def _check(text: str) -> None:
    if wrong := _NOT_XML.search(text):
        msg = (
            f"character {wrong.group()!r} at position {wrong.start()} of {text[:80]!r} "
            "cannot travel in XML; remove it or write it as an escape of the language inside"
        )
        raise ValueError(msg)


def parse(data: bytes) -> Element:
    """Read a document.

    Raises
    ------
    ValueError
        When it is no XML, declares types or entities, nests too deeply or is too long.
    """
    if len(data) > MAX_BYTES:
        msg = f"XML of {len(data)} bytes; expected at most {MAX_BYTES}"
        raise ValueError(msg)
    builder = _Builder()
    try:
        builder.parser.Parse(data, True)  # noqa: FBT003  the signature of expat
    except (expat.ExpatError, LookupError) as error:  # the latter: an encoding nobody knows
        msg = f"not XML: {data[:80]!r}: {error}"
        raise ValueError(msg) from None
    return builder.root()


class _Open:
    """A node whose end was not seen yet."""

    __slots__ = ("attributes", "children", "name", "pieces")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.pieces: list[str] = []
        self.children: list[Element] = []

    def close(self) -> Element:
        text = "" if self.children else "".join(self.pieces)
        return Element(self.name, text, tuple(self.children), self.attributes)


class _Builder:
    """Gathers what expat reports."""

    def __init__(self) -> None:
        self._stack = [_Open("", {})]
        self._n_elements = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data

    def root(self) -> Element:
        return self._stack[0].children[0]

    def _refuse(self, *_: object) -> None:
        msg = "XML that declares a document type or an entity; expected none"
        raise ValueError(msg)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._stack) > MAX_DEPTH:
            msg = f"XML nested deeper than {MAX_DEPTH} levels at <{name}>"
            raise ValueError(msg)
        self._n_elements += 1
        if self._n_elements > MAX_ELEMENTS:
            msg = f"XML of more than {MAX_ELEMENTS} elements"
            raise ValueError(msg)
        if len(attributes) > MAX_ATTRIBUTES:
            msg = f"XML with {len(attributes)} attributes of <{name[:80]}>"
            raise ValueError(msg)
        self._stack.append(_Open(name, attributes))

    def _end(self, _name: str) -> None:
        done = self._stack.pop().close()
        self._stack[-1].children.append(done)

    def _data(self, text: str) -> None:
        self._stack[-1].pieces.append(text)
