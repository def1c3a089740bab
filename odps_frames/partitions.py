"""Which partitions are meant: specs, globs, comparisons, the latest, or a callable."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from odps_frames import filters
from odps_frames.convert.arrow import arrow_type
from odps_frames.errors import SchemaMismatch
from odps_frames.model.schema import TableSchema
from odps_frames.model.table import Partition

if TYPE_CHECKING:
    from odps_frames.model.schema import Column

__all__ = ["Latest", "Selection", "check", "latest", "meeting", "select"]


@dataclass(frozen=True, slots=True)
class Latest:
    """The last ``n`` partitions in the order of their values."""

    n: int = 1

    def __post_init__(self) -> None:
        if self.n < 1:
            msg = f"latest({self.n}); expected at least 1"
            raise ValueError(msg)


def latest(n: int = 1) -> Latest:
    """Select the last partitions of a table, in the order of their values.

    Examples
    --------
    >>> import odps_frames as of
    >>> of.latest()
    Latest(n=1)
    """
    return Latest(n)


Selection: TypeAlias = (
    "str | Mapping[str, object] | Partition | Latest"
    " | Callable[[dict[str, str]], bool] | Sequence[Selection]"
)

_NO_SELECTION = (
    "not a selection of partitions: {!r}; expected 'pt=1', a mapping, a list of these, "
    "a glob, a comparison such as \"pt >= '1'\", latest() or a callable"
)
_COMPARISON = re.compile(r"[<>!]|\b(?:and|or|not|in|between|like|is)\b", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"")
_GLOB = re.compile(r"[*?\[]")


def check(selection: Selection | None, schema: TableSchema, table: object) -> None:
    """Refuse a selection that no partition of this table could be meant by.

    Raises
    ------
    ValueError
        For a table without partitions, or columns that it does not have.
    TypeError
        For what is not a selection.
    """
    if selection is None:
        return
    if not schema.partition_columns:
        msg = f"partitions={selection!r}, but {table} has no partitions; use filters="
        raise ValueError(msg)
    for name in _named(selection, schema):
        if name.lower() not in {known.lower() for known in schema.partition_names}:
            near = difflib.get_close_matches(name, schema.partition_names, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = (
                f"no partition column {name!r} in {table}; "
                f"it has {list(schema.partition_names)}{hint}"
            )
            raise ValueError(msg)


def select(
    selection: Selection, schema: TableSchema, existing: Iterable[Partition]
) -> tuple[Partition, ...]:
    """Return those of the existing partitions that are meant, in the order of the list.

    A value that stands in quotes, or that a partition has as it is, is meant literally; only
    else are ``*``, ``?`` and ``[`` patterns.
    """
    present = _Present(tuple(existing))
    chosen = _chosen(selection, schema, present)
    return tuple(partition for partition in present.all if partition in chosen)


class _Present:
    """The partitions of a table, found by what they are called."""

    def __init__(self, partitions: tuple[Partition, ...]) -> None:
        self.all = partitions
        self._by_items = {_key(partition.items): partition for partition in partitions}
        self._values: dict[str, set[str]] = {}
        for partition in partitions:
            for name, value in partition.items:
                self._values.setdefault(name.lower(), set()).add(value)

    def exactly(self, items: tuple[tuple[str, str], ...]) -> set[Partition]:
        """Those with just these values; the other columns may have any."""
        found = self._by_items.get(_key(items))
        if found is not None:
            return {found}
        if self.all and len(items) == len(self.all[0].items):
            return set()
        wanted = _key(items)
        return {partition for partition in self.all if wanted <= _key(partition.items)}

    def like(self, wanted: Mapping[str, list[str]]) -> set[Partition]:
        """Those whose values are among the wanted ones, or match one of them as a pattern."""
        if all(len(patterns) == 1 for patterns in wanted.values()):
            exact = self.exactly(tuple((name, each[0]) for name, each in wanted.items()))
            if exact:
                return exact
        allowed = {name.lower(): self._matching(name, each) for name, each in wanted.items()}
        return {
            partition
            for partition in self.all
            if all(_value(partition, name) in values for name, values in allowed.items())
        }

    def _matching(self, name: str, patterns: list[str]) -> set[str]:
        present = self._values.get(name.lower(), set())
        found = present.intersection(patterns)
        for pattern in patterns:
            if pattern not in present and _GLOB.search(pattern):
                found.update(value for value in present if fnmatch.fnmatchcase(value, pattern))
        return found


def _key(items: tuple[tuple[str, str], ...]) -> frozenset[tuple[str, str]]:
    return frozenset((name.lower(), value) for name, value in items)


def _named(selection: Selection, schema: TableSchema) -> list[str]:
    match selection:
        case str() if _is_comparison(selection):
            try:
                condition = filters.parse(selection, _as_data(schema))
            except KeyError as unknown:
                raise SchemaMismatch(unknown.args[0]) from None
            return sorted(filters.columns_of(condition) or ()) if condition is not None else []
        case str():
            return list(Partition.parse(selection).names)
        case Partition():
            return list(selection.names)
        case Mapping():
            return [str(name) for name in selection]
        case Latest():
            return []
        case Sequence():
            return [name for each in selection for name in _named(each, schema)]
        case _:
            if not callable(selection):
                raise TypeError(_NO_SELECTION.format(selection))
            return []


def _chosen(selection: Selection, schema: TableSchema, present: _Present) -> set[Partition]:
    match selection:
        case str() if _is_comparison(selection):
            return _compared(selection, schema, present.all)
        case str():
            items = Partition.parse(selection).items
            if "'" in selection or '"' in selection:
                return present.exactly(items)
            return present.like({name: [value] for name, value in items})
        case Partition():
            return present.exactly(selection.items)
        case Mapping():
            return present.like({str(name): _texts(value) for name, value in selection.items()})
        case Latest(n=n):
            ordered = sorted(present.all, key=lambda p: _order(p, schema.partition_columns))
            return set(ordered[-n:])
        case Sequence():
            parts = (_chosen(each, schema, present) for each in selection)
            return {partition for part in parts for partition in part}
        case _:
            keep = selection
            return {partition for partition in present.all if keep(dict(partition.items))}


def _is_comparison(text: str) -> bool:
    """Whether the text compares; quoted values and globs do not count as operators."""
    return bool(_COMPARISON.search(_QUOTED.sub("''", _plain_values(text))))


def _plain_values(text: str) -> str:
    """Take the values of an unquoted ``name=value`` list away: they may hold any word."""
    try:
        partition = Partition.parse(text)
    except ValueError:
        return text
    return ",".join(partition.names) if all(_plain(value) for value in partition.values) else text


def _plain(value: str) -> bool:
    return not re.search(r"\s(?:and|or)\s", value, re.IGNORECASE)


def _texts(value: object) -> list[str]:
    if isinstance(value, list | tuple | set | frozenset):
        return [str(each) for each in value]
    return [str(value)]


def _value(partition: Partition, name: str) -> str | None:
    return next((value for known, value in partition.items if known.lower() == name), None)


def _as_data(schema: TableSchema) -> TableSchema:
    return TableSchema(schema.partition_columns)


def _compared(text: str, schema: TableSchema, present: tuple[Partition, ...]) -> set[Partition]:
    condition = filters.parse(text, _as_data(schema))
    return set(present) if condition is None else set(meeting(condition, schema, present))


def meeting(
    condition: filters.Condition, schema: TableSchema, present: tuple[Partition, ...]
) -> tuple[Partition, ...]:
    """Return the partitions that meet a condition on partition columns."""
    columns = [
        pa.array(
            [_value(partition, column.name.lower()) for partition in present], pa.string()
        ).cast(arrow_type(column.type))
        for column in schema.partition_columns
    ]
    batch = pa.RecordBatch.from_arrays(columns, names=list(schema.partition_names))
    kept = filters.mask(condition, batch).to_pylist()
    return tuple(partition for partition, keep in zip(present, kept, strict=True) if keep)


def _order(partition: Partition, columns: tuple[Column, ...]) -> tuple[object, ...]:
    return tuple(
        pa.scalar(_value(partition, column.name.lower()) or "", pa.string())
        .cast(arrow_type(column.type))
        .as_py()
        for column in columns
    )
