"""Downloads of results: what a query gave, read as often as one likes.

A download is kept as a read session over the result is, so that its files stay as long.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.results import (
    KeptResultSession,
    add_result_session,
    find_result_session,
)
from odps_frames.emulator.catalog.tables import StoredColumn
from odps_frames.emulator.facts import joined_times
from odps_frames.emulator.refusals import expired_session, invalid
from odps_frames.emulator.results import LIMITED_ROWS, need_result
from odps_frames.emulator.row_stream import resized
from odps_frames.emulator.times import is_instant
from odps_frames.emulator.tunnel.columns import check_arrow, check_nanoseconds, check_records
from odps_frames.emulator.tunnel.downloads import BATCH_ROWS, PROTOCOL, Download, Rows
from odps_frames.emulator.tunnel.targets import no_download
from odps_frames.model.schema import TableSchema
from odps_frames.model.table import InstanceRef

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.results import KeptResult
    from odps_frames.emulator.results import Results
    from odps_frames.emulator.store import Store
    from odps_frames.emulator.tunnel.calls import GetDownload, OpenDownload, ReadRows
    from odps_frames.model.types import DataType

__all__ = ["ResultDownloads"]

LIMITED = "limited"


class ResultDownloads:
    """Downloads of results of instances."""

    def __init__(self, store: Store, results: Results) -> None:
        self._store = store
        self._results = results

    def open(self, call: OpenDownload) -> Download:
        """Open the result of an instance; it never changes."""
        ref = _instance_of(call)
        with self._store.database.write() as connection:
            result = need_result(connection, ref)
            session = KeptResultSession(
                id=self._store.new_id(),
                instance=ref.instance,
                request=json.dumps({LIMITED: call.limited}),
                token=PROTOCOL,
                expires=self._store.now() + self._store.session_milliseconds,
            )
            add_result_session(connection, session)
        return self._told(session, result)

    def get(self, call: GetDownload) -> Download:
        """Tell how a download stands."""
        with self._store.database.read() as connection:
            session = _need_session(connection, call)
            result = need_result(connection, _instance_of(call))
        return self._told(session, result)

    def read(self, call: ReadRows) -> Rows:
        """Read some rows; those that are asked for beyond the end are not there."""
        with self._store.database.read() as connection:
            session = _need_session(connection, call)
        if self._store.now() >= session.expires:
            raise expired_session(session.id)
        hold, result = self._results.hold(_instance_of(call))
        chosen = _chosen(result, call)
        columns = [stored.column for stored in chosen]
        if call.arrow:
            check_arrow(columns)
            times = joined_times(file.facts for file in result.files)
            check_nanoseconds(chosen, times)
        else:
            check_records(columns)
        rows = self._results.rows(
            result,
            hold,
            start=call.start,
            count=max(min(call.count, _n_rows(session, result) - call.start), 0),
            columns=[column.name for column in columns],
            as_pair=_travels_in_arrow if call.arrow else _travels_in_records,
        )
        return Rows([column.type for column in columns], resized(rows.batches, BATCH_ROWS, None))

    def _told(self, session: KeptResultSession, result: KeptResult) -> Download:
        status = "EXPIRED" if self._store.now() >= session.expires else "NORMAL"
        return Download(
            session.id, status, _n_rows(session, result), TableSchema(tuple(result.columns))
        )


def _instance_of(call: OpenDownload | GetDownload | ReadRows) -> InstanceRef:
    if not isinstance(call.source, InstanceRef):
        raise TypeError(call.source)
    return call.source


def _need_session(connection: Connection, call: GetDownload | ReadRows) -> KeptResultSession:
    session = find_result_session(connection, call.download_id)
    ours = session is not None and session.token == PROTOCOL
    if session is None or not ours or session.instance != _instance_of(call).instance:
        raise no_download(call.download_id)
    return session


def _n_rows(session: KeptResultSession, result: KeptResult) -> int:
    limited = json.loads(session.request)[LIMITED]
    return min(result.n_rows, LIMITED_ROWS) if limited else result.n_rows


def _chosen(result: KeptResult, call: ReadRows) -> list[StoredColumn]:
    """Choose columns in the order in which those of a table are."""
    known = {
        column.name.lower(): StoredColumn(str(number), column)
        for number, column in enumerate(result.columns, 1)
    }
    asked = list(known) if call.columns is None else [name.lower() for name in call.columns]
    if not set(asked) <= set(known) or len(set(asked)) != len(asked):
        raise invalid(
            f"columns {', '.join(asked)}; expected each of these at most once: {', '.join(known)}"
        )
    return [known[name] for name in (known if call.arrow else asked) if name in asked]


def _travels_in_records(_: str, type_: DataType) -> bool:
    return is_instant(type_)


def _travels_in_arrow(path: str, type_: DataType) -> bool:
    """Results travel with pairs for times, but not inside other values (protocol.md §17.7)."""
    return is_instant(type_) and "." not in path
