"""Upserts and deletes: which rows of a table a commit takes away (protocol.md §8.9).

Files never change. What a commit brings is added as it came, with one operation a row; of the
rows of a key only the last one of the commit is left, and that only if it is no delete. The rows
that the table had under the same keys are erased. In memory are the keys of the commit, and those
of some millions of rows of the table at a time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from odps_frames.convert.timestamps import duration_to_pair, is_pair
from odps_frames.convert.untyped import pc
from odps_frames.emulator.catalog.contents import remove_file, visible_files
from odps_frames.emulator.catalog.erasures import erase, erased_positions
from odps_frames.emulator.refusals import invalid
from odps_frames.emulator.times import is_instant
from odps_frames.wire.schema import DELETE, OPERATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from odps_frames.convert.untyped import AnyArray
    from odps_frames.emulator.catalog.contents import StoredFile
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.erasures import Positions
    from odps_frames.emulator.catalog.tables import StoredColumn, Table
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.files import Files, Kept
    from odps_frames.emulator.specs import Values

__all__ = ["Merge", "take_away"]

_PROBED_ROWS = 1 << 22
"""So many keys of the table are looked through at once."""
_NONE = np.empty(0, dtype=np.int64)
_FILE, _PLACE, _ROW, _STREAM = "file", "place", "row", "stream"


class Merge:
    """Finds the rows that a commit replaces or deletes: first beside others, then for good.

    `prepare` reads keys while everybody else goes on. `carry_out` is part of the transaction of
    the commit and reads what came since then, which is little; without `prepare` it reads all.

    Parameters
    ----------
    table : Table
        It has a primary key.
    added : sequence of NewFile
        What the commit brings.
    """

    def __init__(self, table: Table, added: Sequence[NewFile], files: Files) -> None:
        self._table = table
        self._files = files
        self._keys = _Keys(table)
        self._groups: dict[Values, list[int]] = {}
        for number, file in enumerate(added):
            self._groups.setdefault(file.values, []).append(number)
        self._added = added
        self._incoming: dict[Values, _Incoming] = {}

    @property
    def names(self) -> list[str]:
        """The files that the commit brings."""
        return [file.name for file in self._added]

    def prepare(self, present: Iterable[StoredFile]) -> None:
        """Look for the keys of the commit in files, which are held meanwhile.

        Raises
        ------
        ServiceError
            When a key stands in several streams: nobody could tell which row is the last one.
        """
        by_partition = _by_partition(present)
        for values in self._groups:
            self._look(values, by_partition.get(values, ()))

    def carry_out(self, connection: Connection, version: int, numbers: Sequence[int]) -> None:
        """Take away what the rows of a version replace or delete.

        Parameters
        ----------
        connection, version
            The transaction of the commit, and the version that it makes.
        numbers : sequence of int
            Those that the catalog gave the files of the commit.

        Raises
        ------
        ServiceError
            As ``prepare``.
        """
        gone = erased_positions(connection, self._table.id, version)
        selectors = list(self._groups)
        new = set(numbers)
        visible = visible_files(connection, self._table.id, version, selectors)
        present = _by_partition(file for file in visible if file.id not in new)
        for values, group in self._groups.items():
            found = self._look(values, present.get(values, ()))
            for place, places in zip(group, found.settled, strict=True):
                n_rows = self._added[place].n_rows
                take_away(connection, version, numbers[place], n_rows, places)
            for file in present.get(values, ()):
                if file.id in found.replaced:
                    known = gone.get(file.id, _NONE)
                    left = np.setdiff1d(found.replaced[file.id], known, assume_unique=True)
                    take_away(connection, version, file.id, file.n_rows - len(known), left)

    def _look(self, values: Values, present: Iterable[StoredFile]) -> _Incoming:
        """Read the keys of a partition that were not read yet."""
        found = self._incoming.get(values)
        if found is None:
            found = self._incoming[values] = self._settle(self._groups[values])
        unread = [file for file in present if file.id not in found.read]
        for some in _grouped(unread):
            found.replaced |= {
                file.id: places
                for file, places in _matching(self._keys, some, found.wanted, self._files)
            }
        found.read |= {file.id for file in unread}
        return found

    def _settle(self, group: Sequence[int]) -> _Incoming:
        files = [self._added[place] for place in group]
        rows = _rows_of(self._keys, (file.name for file in files), self._files, OPERATION)
        last = _last_rows(self._keys, rows, [file.stream for file in files])
        settled = list(_settled(rows, last, len(files)))
        return _Incoming(settled, last.select(self._keys.names))


@dataclass(slots=True)
class _Incoming:
    """What is known of the rows that come to a partition."""

    settled: list[Positions]
    """For each file that comes, the rows of it that do not stay."""
    wanted: pa.Table
    """The keys that come."""
    replaced: dict[int, Positions] = field(default_factory=dict)
    """Rows under the same keys, by file of the table."""
    read: set[int] = field(default_factory=set)
    """Files of the table whose keys were looked through."""


def _by_partition(files: Iterable[StoredFile]) -> dict[Values, list[StoredFile]]:
    found: dict[Values, list[StoredFile]] = {}
    for file in files:
        found.setdefault(file.values, []).append(file)
    return found


def take_away(
    connection: Connection, version: int, file: int, n_left: int, places: Positions
) -> None:
    """Erase rows; a file that has no others is removed, so that it can be deleted one day."""
    if len(places) == n_left:
        remove_file(connection, file, version)
    elif len(places):
        erase(connection, file, version, places)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The key of a table, as columns that can be compared."""

    columns: tuple[StoredColumn, ...]

    def __init__(self, table: Table) -> None:
        by_name = {stored.column.name.lower(): stored for stored in table.columns}
        found = tuple(by_name[name.lower()] for name in table.primary_key)
        object.__setattr__(self, "columns", found)

    @property
    def names(self) -> list[str]:
        """The names of the columns that `of` returns."""
        return [
            f"{place}.{part}"
            for place, stored in enumerate(self.columns)
            for part in range(1 + is_instant(stored.column.type))
        ]

    def of(self, batch: Kept) -> list[AnyArray]:
        """Return the key of each row; a time that is kept as a number is made a pair, too."""
        found: list[AnyArray] = []
        for stored in self.columns:
            array: AnyArray = batch.column(stored.field)
            if is_instant(stored.column.type):
                pairs = array
                if not is_pair(array.type):
                    pairs = duration_to_pair(array.view(pa.duration("ns")))
                found += pairs.flatten()
            else:
                found.append(array)
        return found


def _rows_of(keys: _Keys, names: Iterable[str], files: Files, *further: str) -> pa.Table:
    """Return the keys of the rows of some files, with the number of the file and the place."""
    parts = []
    for number, name in enumerate(names):
        reader = files.open(name)
        start = 0
        for place in range(reader.num_record_batches):
            batch = reader.get_batch(place)
            n_rows = batch.num_rows
            arrays = [
                *keys.of(batch),
                pa.repeat(pa.scalar(number, pa.int32()), n_rows),
                pa.array(np.arange(start, start + n_rows)),
                *(batch.column(one) for one in further),
            ]
            parts.append(pa.RecordBatch.from_arrays(arrays, [*keys.names, _FILE, _PLACE, *further]))
            start += n_rows
    return pa.Table.from_batches(parts)


def _last_rows(keys: _Keys, rows: pa.Table, stream_of: Sequence[str]) -> pa.Table:
    """Return every key that comes, with its last row; ``stream_of`` is that of each file."""
    streams = {name: number for number, name in enumerate(dict.fromkeys(stream_of))}
    of_file = np.array([streams[name] for name in stream_of], dtype=np.int32)
    numbered = rows.append_column(_ROW, pa.array(np.arange(len(rows))))
    numbered = numbered.append_column(_STREAM, pa.array(of_file[rows.column(_FILE).to_numpy()]))
    last = numbered.group_by(keys.names).aggregate(
        [(_ROW, "max"), (_STREAM, "min"), (_STREAM, "max")]
    )
    _check_streams(keys, last, list(streams))
    return last


def _settled(rows: pa.Table, last: pa.Table, n_files: int) -> Iterator[Positions]:
    """Yield for each file the places of the rows that are not the last of a key, or deletes."""
    left = np.zeros(len(rows), dtype=bool)
    left[last.column(f"{_ROW}_max").to_numpy()] = True
    left &= rows.column(OPERATION).to_numpy() != DELETE
    file, place = rows.column(_FILE).to_numpy(), rows.column(_PLACE).to_numpy()
    ends = np.searchsorted(file, np.arange(n_files + 1))  # rows are in the order of their files
    for start, end in itertools.pairwise(ends):
        yield place[start:end][~left[start:end]]


def _check_streams(keys: _Keys, last: pa.Table, streams: Sequence[str]) -> None:
    apart = last.filter(pc.not_equal(last.column(f"{_STREAM}_min"), last.column(f"{_STREAM}_max")))
    if apart.num_rows:
        first = apart.slice(0, 1).to_pylist()[0]
        named = [streams[first[f"{_STREAM}_{which}"]] for which in ("min", "max")]
        key = tuple(first[name] for name in keys.names)
        raise invalid(
            f"{apart.num_rows} keys stand in several streams of the commit, such as {key} in "
            f"{named[0]!r} and {named[1]!r}; streams have no order, so that nobody can tell which "
            "row of a key is the last one: send the rows of a key in one stream"
        )


def _grouped(files: Iterable[StoredFile]) -> Iterator[list[StoredFile]]:
    """Yield files of so many rows together that looking for keys in them pays."""
    group: list[StoredFile] = []
    n_rows = 0
    for file in files:
        group.append(file)
        n_rows += file.n_rows
        if n_rows >= _PROBED_ROWS:
            yield group
            group, n_rows = [], 0
    if group:
        yield group


def _matching(
    keys: _Keys, present: Sequence[StoredFile], wanted: pa.Table, files: Files
) -> Iterator[tuple[StoredFile, Positions]]:
    """Yield the places of the rows whose keys are wanted, ascending, file by file."""
    rows = _rows_of(keys, (file.name for file in present), files)
    if len(keys.names) == 1:
        (name,) = keys.names
        found = rows.filter(pc.is_in(rows.column(name), value_set=wanted.column(name)))
    else:
        found = rows.join(wanted, keys.names, join_type="left semi")
    found = found.sort_by([(_FILE, "ascending"), (_PLACE, "ascending")])
    file, place = found.column(_FILE).to_numpy(), found.column(_PLACE).to_numpy()
    numbers, starts = np.unique(file, return_index=True)
    ends = np.append(starts, len(file))
    for number, (start, end) in zip(numbers, itertools.pairwise(ends), strict=True):
        yield present[number], place[start:end]
