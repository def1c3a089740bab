"""What a table, a partition and a query instance are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

__all__ = ["InstanceRef", "Partition", "TableRef"]

_NAME = re.compile(r"\w+")
_QUOTES = "'\""
_MISSING = ("None", "nan", "NaT", "<NA>")
"""What the missing values of Python and pandas say as text, which is no partition."""


@dataclass(frozen=True, slots=True)
class TableRef:
    """The full name of a table; ``schema`` is None in projects that have only two levels."""

    project: str
    table: str
    schema: str | None = None

    def __post_init__(self) -> None:
        for part in (self.project, self.table, self.schema):
            if part is not None and not _NAME.fullmatch(part):
                msg = (
                    f"not a name of a project, schema or table: {part!r}; "
                    "expected letters, digits and underscores"
                )
                raise ValueError(msg)

    @classmethod
    def parse(cls, name: str, *, project: str | None = None, schema: str | None = None) -> Self:
        """Parse ``table``, ``schema.table`` or ``project.table``, or ``project.schema.table``.

        Two parts are ``schema.table`` when a default ``schema`` is known, else ``project.table``
        (protocol.md §17.8). Parts may be back-quoted.
        """
        parts = [part.strip().removeprefix("`").removesuffix("`") for part in name.split(".")]
        match parts:
            case [table] if project and table:
                return cls(project, table, schema)
            case [owner, table] if schema is not None and project and owner and table:
                return cls(project, table, owner)
            case [owner, table] if owner and table:
                return cls(owner, table)
            case [owner, level, table] if owner and level and table:
                return cls(owner, table, level)
        hint = "" if project else "; a bare table name needs a default project"
        msg = f"not a table name: {name!r}; expected 'table' or 'project.schema.table'{hint}"
        raise ValueError(msg)

    def __str__(self) -> str:
        levels = [self.project, *([self.schema] if self.schema else []), self.table]
        return ".".join(levels)

    def quoted(self) -> str:
        """The name as SQL takes it, every part in back-quotes."""
        levels = [self.project, *([self.schema] if self.schema else []), self.table]
        return ".".join(f"`{level}`" for level in levels)


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """A statement that was handed to the service."""

    project: str
    instance: str

    def __str__(self) -> str:
        return f"{self.project}/{self.instance}"


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition, or the front part of one: column names with their values, in order."""

    items: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        names = [name for name, _ in self.items]
        if len(set(names)) != len(names):
            msg = f"a partition column stands twice in {self.items!r}"
            raise ValueError(msg)
        for name, value in self.items:
            if not _NAME.fullmatch(name):
                msg = f"not a partition column: {name!r} in {self.items!r}"
                raise ValueError(msg)
            if value == "" or any(ord(letter) < ord(" ") for letter in value):
                msg = (
                    f"not a partition value: {name}={value!r}; "
                    "expected text that is not empty and has no control characters"
                )
                raise ValueError(msg)

    @classmethod
    def of(cls, spec: str | Mapping[str, object] | Partition | object) -> Self:
        """Make a partition of ``'pt=1,hh=2'``, of ``{'pt': 1, 'hh': 2}`` or of a partition."""
        if isinstance(spec, Partition):
            return cls(spec.items)
        if isinstance(spec, Mapping):
            for name, value in spec.items():
                if not isinstance(value, str) and str(value) in _MISSING:
                    msg = f"partition column {name!r} is {value!r}; expected a value, such as text"
                    raise ValueError(msg)
            return cls(tuple((str(name), str(value)) for name, value in spec.items()))
        if not isinstance(spec, str):
            msg = f"not a partition: {spec!r}; expected text such as 'pt=20260101' or a mapping"
            raise TypeError(msg)
        return cls.parse(spec)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``pt=1,hh=2`` or ``pt=1/hh=2``; one pair of quotes around a value is dropped.

        A comma or slash parts two columns only where a name and ``=`` follow it, so that a
        value may hold them; a value that itself holds ``,name=`` needs a mapping.
        """
        items: list[tuple[str, str]] = []
        for piece in re.split(r"[,/](?=\s*\w+\s*=)", text):
            name, equals, value = piece.partition("=")
            if not equals:
                msg = f"not a partition: {text!r}; expected text such as 'pt=20260101,hh=01'"
                raise ValueError(msg)
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
                value = value[1:-1]
            items.append((name.strip(), value))
        return cls(tuple(items))

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.items)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(name for name, _ in self.items)

    @property
    def values(self) -> tuple[str, ...]:
        """The values, in order."""
        return tuple(value for _, value in self.items)

    @property
    def speakable(self) -> bool:
        """Whether the text form names this partition to every reader of the protocol.

        The protocol has no escapes (protocol.md §14): readers part at any comma or slash and
        drop blanks and quotes around a value.
        """
        return all(
            not re.search(r"[,/=]", value)
            and value.strip() == value
            and value.strip(_QUOTES) == value
            for value in self.values
        )

    def spoken(self) -> str:
        """The text form, where it names this partition to everybody.

        Raises
        ------
        ValueError
            When it does not.
        """
        if not self.speakable:
            msg = (
                f"partition {dict(self.items)!r} has no text form that everybody reads alike; let "
                "the rows say it, in columns of its name"
            )
            raise ValueError(msg)
        return str(self)

    def quoted(self) -> str:
        """The form of the REST API and of SQL: ``pt='1',hh='2'``, quotes escaped for SQL."""
        return ",".join(
            f"{name}='" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
            for name, value in self.items
        )
