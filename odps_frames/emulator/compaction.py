"""Many small files of a table made into few, which no version, no change and no session notices.

A joined file holds the rows of others in their order, and row by row the version that brought it;
what went from them goes from it at the same versions. So every version that can be read finds its
rows in it. Sessions that are open keep the files that they were planned on (see `layouts`). Rows
are copied beside everything else; only the exchange of names is a transaction, and a commit that
took one of the files away meanwhile wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.contents import encode_spec, visible_files
from odps_frames.emulator.catalog.erasures import erasures_of
from odps_frames.emulator.catalog.garbage import replaced_files
from odps_frames.emulator.catalog.layouts import exchange
from odps_frames.emulator.catalog.tables import table_by_id
from odps_frames.emulator.catalog.versions import horizon_of
from odps_frames.emulator.joining import alike, join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from odps_frames.emulator.catalog.contents import StoredFile
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.erasures import Positions
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.joining import Joined
    from odps_frames.emulator.specs import Values
    from odps_frames.emulator.store import Store

__all__ = ["Compacted", "compact", "compact_where_it_pays", "groups"]

SMALL_BYTES = 32 << 20
"""Larger files are left as they are."""
JOINED_BYTES = 128 << 20
"""Files are joined up to about this size."""
ENOUGH_FILES = 16
"""So many small files of a partition side by side are joined without being asked for."""
_GROWTH = 4
_LITTLE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of the files of a table."""

    n_before: int = 0
    n_after: int = 0

    def __add__(self, other: Compacted) -> Compacted:
        return Compacted(self.n_before + other.n_before, self.n_after + other.n_after)


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of one moment."""

    table: Table
    files: list[StoredFile]
    erased: Mapping[int, Mapping[int, Positions]]
    horizon: int

    def forgets(self, file: StoredFile) -> bool:
        """Whether a file has rows that nobody may ask for any more."""
        return any(version <= self.horizon for version in self.erased.get(file.id, ()))


def compact(
    store: Store, table_id: str, partitions: Sequence[Values] | None, now: int
) -> Compacted:
    """Join whatever small files there are side by side, and drop the rows that went long ago.

    Parameters
    ----------
    table_id : str
        `Table.id`; a table that is dropped meanwhile is nothing to do.
    partitions : sequence of Values, optional
        As tuples of values; without it the whole table.
    now : int
        Milliseconds since 1970; see `Store.now`.

    Returns
    -------
    Compacted
        How many files were joined, and into how many. It may be fewer than there were, as whoever
        commits meanwhile wins.
    """
    return _compact(store, table_id, partitions, now, lambda files: groups(files, least=1))


def compact_where_it_pays(store: Store, table_id: str, now: int) -> Compacted:
    """Join files where a partition has many small ones, at a cost that its growth pays for.

    A file is copied only together with later ones that make it a quarter larger at least, so that
    each row is copied a few times in its life, however small the commits are.
    """
    with store.database.read() as connection:
        rows = connection.execute(
            "SELECT DISTINCT spec FROM files WHERE table_id = ? AND removed IS NULL "
            "AND n_bytes < ? GROUP BY spec, bucket HAVING count(*) >= ?",
            (table_id, SMALL_BYTES, ENOUGH_FILES),
        )
        crowded = {row["spec"] for row in rows}
    if not crowded:
        return Compacted()

    def choose(files: Sequence[StoredFile]) -> Iterator[list[StoredFile]]:
        if encode_spec(files[0].values) in crowded:
            yield from groups(files, least=ENOUGH_FILES, growth=_GROWTH)

    return _compact(store, table_id, None, now, choose)


def groups(
    files: Sequence[StoredFile], *, least: int, growth: int | None = None
) -> Iterator[list[StoredFile]]:
    """Yield files side by side that are worth joining; they are of one partition and bucket.

    Parameters
    ----------
    least : int
        Fewer files are not worth it.
    growth : int, optional
        A file is left alone when it is so many times larger than all that follow it.
    """
    group: list[StoredFile] = []
    total = 0
    for file in reversed([*files]):
        large = file.n_bytes >= SMALL_BYTES or total + file.n_bytes > JOINED_BYTES
        apart = growth is not None and group and file.n_bytes > max(growth * total, _LITTLE_BYTES)
        if large or apart:
            if len(group) >= least:
                yield group[::-1]
            group, total = [], 0
        if file.n_bytes < SMALL_BYTES:
            group.append(file)
            total += file.n_bytes
    if len(group) >= least:
        yield group[::-1]


def _compact(
    store: Store,
    table_id: str,
    partitions: Sequence[Values] | None,
    now: int,
    choose: Callable[[Sequence[StoredFile]], Iterator[list[StoredFile]]],
) -> Compacted:
    def find() -> tuple[list[str], _Found | None]:
        with store.database.read() as connection:
            found = _find(connection, table_id, partitions, now)
        return ([] if found is None else [file.name for file in found.files]), found

    hold, found = store.files.hold(find)
    done = Compacted()
    try:
        for group in [] if found is None else _chosen(found.files, choose):
            for run in alike(store.files, group):
                if store.is_closing:
                    return done
                if found is not None and (len(run) > 1 or found.forgets(run[0])):
                    done += _join(store, found, run)
    finally:
        hold.release()
    return done


def _find(
    connection: Connection, table_id: str, partitions: Sequence[Values] | None, now: int
) -> _Found | None:
    table = table_by_id(connection, table_id)
    if table is None:
        return None
    files = visible_files(connection, table_id, table.version, partitions)
    erased = erasures_of(connection, [file.id for file in files])
    return _Found(table, files, erased, horizon_of(connection, table, now) or 0)


def _chosen(
    files: Sequence[StoredFile],
    choose: Callable[[Sequence[StoredFile]], Iterator[list[StoredFile]]],
) -> Iterator[list[StoredFile]]:
    def key(file: StoredFile) -> tuple[Values, int]:
        return file.values, -1 if file.bucket is None else file.bucket

    for _, together in groupby(sorted(files, key=lambda file: (*key(file), file.place)), key):
        yield from choose(list(together))


def _join(store: Store, found: _Found, run: list[StoredFile]) -> Compacted:
    joined = join(store.files, found.table, run, found.erased, found.horizon)
    names = [] if joined.new is None else [joined.new.name]
    try:
        store.files.settle()
        taken, doomed = _exchange(store, found.table.id, joined)
    except BaseException:
        store.files.delete(names)
        raise
    store.files.delete(doomed if taken else names)
    return Compacted(len(run), len(names)) if taken else Compacted()


def _exchange(store: Store, table_id: str, joined: Joined) -> tuple[bool, list[str]]:
    """Put a file in the place of others, unless somebody counts on them or took one away."""
    with store.database.write() as connection:
        if store.is_pinned(table_id) or not exchange(connection, table_id, joined):
            return False, []
        return True, replaced_files(connection)
