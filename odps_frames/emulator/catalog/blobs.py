"""Blobs as the catalog knows them: two references, and where the bytes are."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from odps_frames.emulator.catalog.database import Connection

__all__ = [
    "KeptBlob",
    "add_blobs",
    "blob_files",
    "commit_blobs",
    "drop_unneeded",
    "find_blob",
    "find_staged",
]

_MAX_PARAMETERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBlob:
    """A blob. Those of one upload lie one behind the other in one file."""

    ref: str
    """What tables hold; good for readers after the commit."""
    staged: bytes
    """What the uploader was told; good in rows of its session."""
    session: str
    table_id: str
    column_id: int
    name: str
    """Of the file."""
    position: int
    n_bytes: int
    mime_type: str | None = None
    file_name: str | None = None
    committed: bool = False


_NAMES = [field.name for field in fields(KeptBlob)]


def add_blobs(connection: Connection, blobs: Iterable[KeptBlob]) -> None:
    """Keep blobs."""
    connection.executemany(
        f"INSERT INTO blobs ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})",  # noqa: S608  names of ours
        map(astuple, blobs),
    )


def find_staged(
    connection: Connection, session: str, staged: Collection[bytes]
) -> dict[bytes, KeptBlob]:
    """Return those blobs of a session that were uploaded under these references."""
    found: dict[bytes, KeptBlob] = {}
    wanted = list(staged)
    for start in range(0, len(wanted), _MAX_PARAMETERS):
        part = wanted[start : start + _MAX_PARAMETERS]
        rows = connection.execute(
            f"SELECT * FROM blobs WHERE session = ? AND staged IN ({', '.join('?' * len(part))})",  # noqa: S608  only marks
            (session, *part),
        )
        found |= {row["staged"]: KeptBlob(**dict(row)) for row in rows}
    return found


def find_blob(connection: Connection, ref: str) -> KeptBlob | None:
    """Return a blob that readers may see, or None."""
    row = connection.execute("SELECT * FROM blobs WHERE ref = ? AND committed", (ref,)).fetchone()
    return KeptBlob(**dict(row)) if row else None


def commit_blobs(connection: Connection, session: str) -> None:
    """Let readers see the blobs of a session."""
    connection.execute("UPDATE blobs SET committed = 1 WHERE session = ?", (session,))


def drop_unneeded(connection: Connection) -> list[str]:
    """Forget blobs whose session ended without a commit, or whose table is gone.

    Blobs of one file are of one session and one table, so that they go together.
    """
    dropped = connection.execute(
        "DELETE FROM blobs WHERE table_id IN (SELECT DISTINCT table_id FROM blobs EXCEPT "
        "SELECT id FROM tables) RETURNING name"
    ).fetchall()
    given_up = connection.execute(
        "DELETE FROM blobs WHERE NOT committed "
        "AND session NOT IN (SELECT id FROM write_sessions WHERE status = 'NORMAL') "
        "RETURNING name"
    ).fetchall()
    return list({row["name"] for row in (*dropped, *given_up)})


def blob_files(connection: Connection) -> dict[str, int]:
    """Return all files that blobs are in, and how many bytes they have at least."""
    rows = connection.execute("SELECT name, max(position + n_bytes) FROM blobs GROUP BY name")
    return dict(rows.fetchall())
