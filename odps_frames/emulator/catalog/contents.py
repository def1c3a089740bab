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


def visible_files(
    connection: Connection,
    table_id: str,
    version: int,
    selectors: Sequence[Selector] | None = None,
) -> list[StoredFile]:
    """Return the files of a version, in the order in which their rows are read."""
    rows = connection.execute(
        "SELECT * FROM files WHERE table_id = ? AND added <= ? "
        "AND (removed IS NULL OR removed > ?) ORDER BY spec, id",
        (table_id, version, version),
    )
    found = ((decode_spec(row["spec"]), row) for row in rows)
    return [_decode_file(values, row) for values, row in found if chosen(values, selectors)]


def _decode_file(values: Values, row: sqlite3.Row) -> StoredFile:
    return StoredFile(
        id=row["id"],
        values=values,
        bucket=row["bucket"],
        name=row["name"],
        n_rows=row["n_rows"],
        n_bytes=row["n_bytes"],
        facts=FileFacts.decode(row["facts"]),
    )


def unknown_files(connection: Connection, names: Iterable[str]) -> list[str]:
    """Return those of some files that the catalog does not know (any more)."""
    sought = "SELECT 1 FROM files WHERE name = ?"
    return [name for name in names if connection.execute(sought, (name,)).fetchone() is None]


def add_files(
    connection: Connection, table_id: str, version: int, files: Iterable[NewFile]
) -> list[int]:
    """Make files part of a version and of those that follow; return their numbers."""
    numbers = []
    for file in files:
        made = connection.execute(
            "INSERT INTO files (table_id, spec, bucket, name, n_rows, n_bytes, facts, added) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                table_id,
                encode_spec(file.values),
                file.bucket,
                file.name,
                file.n_rows,
                file.n_bytes,
                file.facts.encode(),
                version,
            ),
        )
        numbers.append(int(made.fetchone()[0]))
    return numbers


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


def known_files(connection: Connection) -> set[str]:
    """Return the names of all files with rows, of tables, streams and results."""
    rows = connection.execute(
        "SELECT name FROM files UNION ALL SELECT name FROM staged "
        "UNION ALL SELECT name FROM result_files"
    )
    return {row["name"] for row in rows}


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
