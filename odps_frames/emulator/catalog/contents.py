"""The partitions of a table and the files that hold its rows, version by version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from odps_frames.emulator.facts import FileFacts
from odps_frames.emulator.specs import chosen

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.file_writer import NewFile
    from odps_frames.emulator.specs import Selector, Values

__all__ = [
    "Contents",
    "KeptPartition",
    "StoredFile",
    "add_files",
    "add_partition",
    "contents",
    "count_partitions",
    "decode_spec",
    "drop_partition",
    "encode_spec",
    "find_partition",
    "has_partition",
    "known_files",
    "list_partitions",
    "remove_file",
    "remove_files",
    "rename_partition",
    "touch_partition",
    "unknown_files",
    "visible_files",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that the catalog knows."""

    id: int
    values: Values
    bucket: int | None
    name: str
    n_rows: int
    n_bytes: int
    facts: FileFacts
    added: int = 0
    """The version that brought it, or the first of its rows where they are of several."""
    births: bytes | None = None
    """The versions of its rows, where they are of several; see `catalog.births`."""
    place: int = 0
    """Where it stands among the files of its partition."""


@dataclass(frozen=True, slots=True)
class Contents:
    """How much there is."""

    n_rows: int
    n_bytes: int
    n_files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPartition:
    """A partition, empty ones included; times are milliseconds since 1970."""

    values: Values
    created: int
    modified: int
    contents: Contents


def encode_spec(values: Values) -> str:
    """Write the values of a partition, as the catalog orders and compares them."""
    return json.dumps(values, ensure_ascii=False)


def decode_spec(text: str) -> Values:
    """Read the values of a partition back."""
    return tuple(json.loads(text))


_COLUMNS = (
    "id, spec, bucket, name, n_rows, n_bytes, facts, added, births, coalesce(place, id) AS position"
)
_VISIBLE = "table_id = :table AND added <= :version AND (removed IS NULL OR removed > :version)"
_PRESENT = f"SELECT {_COLUMNS} FROM files WHERE {_VISIBLE}"  # noqa: S608  the texts above
_PRESENT_THEN = f"{_PRESENT} AND laid <= :layout"
_REPLACED_SINCE = (
    f"SELECT {_COLUMNS} FROM replaced "  # noqa: S608  the texts above
    f"WHERE {_VISIBLE} AND laid <= :layout AND layout > :layout"
)


def visible_files(
    connection: Connection,
    table_id: str,
    version: int,
    selectors: Sequence[Selector] | None = None,
    *,
    layout: int | None = None,
) -> list[StoredFile]:
    """Return the files of a version, in the order in which their rows are read.

    Parameters
    ----------
    layout : int, optional
        How the rows lie in files: as they did for a session of that time. Without it as now.
    """
    named = _named_partitions(selectors)
    parts = [_PRESENT] if layout is None else [_PRESENT_THEN, _REPLACED_SINCE]
    only = "" if named is None else " AND spec = :spec"
    query = " UNION ALL ".join(part + only for part in parts)
    values = {"table": table_id, "version": version, "layout": layout}
    order = " ORDER BY spec, position"
    found = (
        (decode_spec(row["spec"]), row)
        for spec in ([None] if named is None else sorted(named))
        for row in connection.execute(query + order, values | {"spec": spec})
    )
    return [_decode_file(values, row) for values, row in found if chosen(values, selectors)]


def _named_partitions(selectors: Sequence[Selector] | None) -> set[str] | None:
    """Return the partitions that are wanted where all of them are named in full."""
    if selectors is None or any(None in selector for selector in selectors):
        return None
    return {json.dumps(selector, ensure_ascii=False) for selector in selectors}


def _decode_file(values: Values, row: sqlite3.Row) -> StoredFile:
    return StoredFile(
        id=row["id"],
        values=values,
        bucket=row["bucket"],
        name=row["name"],
        n_rows=row["n_rows"],
        n_bytes=row["n_bytes"],
        facts=FileFacts.decode(row["facts"]),
        added=row["added"],
        births=row["births"],
        place=row["position"],
    )


def unknown_files(connection: Connection, names: Iterable[str]) -> list[str]:
    """Return those of some files that the catalog does not know (any more)."""
    sought = "SELECT 1 FROM files WHERE name = ?"
    return [name for name in names if connection.execute(sought, (name,)).fetchone() is None]


def add_files(
    connection: Connection, table_id: str, version: int, files: Iterable[NewFile]
) -> list[int]:
    """Make files part of a version and of those that follow; return their numbers."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'files'").fetchone()
    first = (row["seq"] if row else 0) + 1
    rows = [
        (
            number,
            table_id,
            encode_spec(file.values),
            file.bucket,
            file.name,
            file.n_rows,
            file.n_bytes,
            file.facts.encode(),
            version,
        )
        for number, file in enumerate(files, first)
    ]
    connection.executemany(
        "INSERT INTO files (id, table_id, spec, bucket, name, n_rows, n_bytes, facts, added) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    return list(range(first, first + len(rows)))


def remove_file(connection: Connection, file: int, version: int) -> None:
    """Take a whole file away; ``version`` lacks it."""
    connection.execute("UPDATE files SET removed = ? WHERE id = ?", (version, file))


def remove_files(
    connection: Connection, table_id: str, version: int, partitions: Iterable[Values] | None
) -> None:
    """Take away what is there, in these partitions or (None) everywhere; ``version`` lacks it."""
    if partitions is None:
        connection.execute(
            "UPDATE files SET removed = ? WHERE table_id = ? AND removed IS NULL AND added < ?",
            (version, table_id, version),
        )
        return
    connection.executemany(
        "UPDATE files SET removed = ? "
        "WHERE table_id = ? AND spec = ? AND removed IS NULL AND added < ?",
        [(version, table_id, encode_spec(values), version) for values in partitions],
    )


def add_partition(connection: Connection, table_id: str, values: Values, now: int) -> bool:
    """Make a partition; return False when it was there."""
    made = connection.execute(
        "INSERT OR IGNORE INTO partitions VALUES (?, ?, ?, ?)",
        (table_id, encode_spec(values), now, now),
    )
    return made.rowcount == 1


def touch_partition(connection: Connection, table_id: str, values: Values, now: int) -> None:
    """Note that the rows of a partition changed, and make it where it is missing."""
    if not add_partition(connection, table_id, values, now):
        connection.execute(
            "UPDATE partitions SET modified = ? WHERE table_id = ? AND spec = ?",
            (now, table_id, encode_spec(values)),
        )


def drop_partition(connection: Connection, table_id: str, values: Values) -> bool:
    """Forget a partition, but not its files; return False when there was none."""
    gone = connection.execute(
        "DELETE FROM partitions WHERE table_id = ? AND spec = ?", (table_id, encode_spec(values))
    )
    return gone.rowcount == 1


def count_partitions(connection: Connection, table_id: str) -> int:
    """Return how many partitions a table has."""
    row = connection.execute("SELECT count(*) FROM partitions WHERE table_id = ?", (table_id,))
    return int(row.fetchone()[0])


def rename_partition(connection: Connection, table_id: str, values: Values, to: Values) -> None:
    """Give a partition other values, but not its files."""
    connection.execute(
        "UPDATE partitions SET spec = ? WHERE table_id = ? AND spec = ?",
        (encode_spec(to), table_id, encode_spec(values)),
    )


def has_partition(connection: Connection, table_id: str, values: Values) -> bool:
    """Whether a table has a partition."""
    row = connection.execute(
        "SELECT 1 FROM partitions WHERE table_id = ? AND spec = ?",
        (table_id, encode_spec(values)),
    ).fetchone()
    return row is not None


def known_files(connection: Connection) -> dict[str, int]:
    """Return all files with rows, of tables, streams and results, and their sizes in bytes."""
    parts = [
        f"SELECT name, n_bytes FROM {table}"  # noqa: S608  the names below
        for table in ("files", "replaced", "staged", "result_files")
    ]
    return dict(connection.execute(" UNION ALL ".join(parts)).fetchall())


_ROWS = "total(f.n_rows - coalesce((SELECT sum(e.n_rows) FROM erased e WHERE e.file = f.id), 0))"
"""How many rows are left of files."""

_PARTITIONS = (  # the texts are those above
    f"SELECT p.*, count(f.id) AS n_files, {_ROWS} AS n_rows, total(f.n_bytes) AS n_bytes "  # noqa: S608
    "FROM partitions p LEFT JOIN files f "
    "ON f.table_id = p.table_id AND f.spec = p.spec AND f.removed IS NULL WHERE p.table_id = ? "
)


def list_partitions(
    connection: Connection,
    table_id: str,
    *,
    after: str = "",
    backwards: bool = False,
) -> Iterable[KeptPartition]:
    """Yield partitions in the order of their values."""
    beyond, order = ("<", "DESC") if backwards else (">", "ASC")
    rows = connection.execute(
        f"{_PARTITIONS} AND (? = '' OR p.spec {beyond} ?) GROUP BY p.spec ORDER BY p.spec {order}",
        (table_id, after, after),
    )
    return map(_decode_partition, rows)


def find_partition(connection: Connection, table_id: str, values: Values) -> KeptPartition | None:
    """Return a partition, or None."""
    rows = connection.execute(
        f"{_PARTITIONS} AND p.spec = ? GROUP BY p.spec", (table_id, encode_spec(values))
    )
    row = rows.fetchone()
    return _decode_partition(row) if row else None


def _decode_partition(row: sqlite3.Row) -> KeptPartition:
    return KeptPartition(
        values=decode_spec(row["spec"]),
        created=row["created"],
        modified=row["modified"],
        contents=Contents(int(row["n_rows"]), int(row["n_bytes"]), row["n_files"]),
    )


def contents(connection: Connection, table_id: str) -> Contents:
    """Return how much there is in a table now."""
    row = connection.execute(
        f"SELECT {_ROWS} AS n_rows, total(f.n_bytes) AS n_bytes, count(*) AS n_files "  # noqa: S608  the text above
        "FROM files f WHERE f.table_id = ? AND f.removed IS NULL",
        (table_id,),
    ).fetchone()
    return Contents(int(row["n_rows"]), int(row["n_bytes"]), row["n_files"])
