"""Read sessions as they are opened: kept first, so that their files are, and planned afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from odps_frames.emulator.catalog.sessions import add_read_session, drop_read_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.sessions import KeptReadSession
    from odps_frames.emulator.store import Store

__all__ = ["open_snapshot"]

T = TypeVar("T")


def open_snapshot(
    store: Store,
    begin: Callable[[Connection], KeptReadSession],
    plan: Callable[[Connection, KeptReadSession], T],
) -> tuple[KeptReadSession, T]:
    """Keep a read session and plan it, which may read rows, while others write.

    A plan that is refused takes the session with it.
    """
    with store.database.write() as connection:
        kept = begin(connection)
        add_read_session(connection, kept)
    try:
        with store.database.read() as connection:
            # A table that is dropped now keeps its files for as long as this looks into them.
            _, planned = store.files.hold(lambda: ((), plan(connection, kept)))
            return kept, planned
    except BaseException:
        with store.database.write() as connection:
            drop_read_session(connection, kept.id)
        raise
