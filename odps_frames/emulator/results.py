"""Results of queries, read by ranges of rows as often as one likes (protocol.md §10)."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.results import (
    KeptResult,
    KeptResultSession,
    add_result_session,
    find_result,
    find_result_session,
    prolong_result_session,
)
from odps_frames.emulator.catalog.tables import StoredColumn
from odps_frames.emulator.facts import TimeFact, joined_times
from odps_frames.emulator.planner import Extent, whole, window
from odps_frames.emulator.read_sessions import MAX_BATCH_ROWS, RowStream
from odps_frames.emulator.refusals import (
    expired_session,
    invalid,
    no_instance,
    no_result,
    no_session,
    unsupported,
)
from odps_frames.emulator.routed import Routed
from odps_frames.emulator.row_stream import resized
from odps_frames.emulator.row_view import RowView, Selection, check_units
from odps_frames.emulator.survivors import PlannedFile, Survivors
from odps_frames.emulator.times import is_instant
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import (
    ArrowOptions,
    DataFormat,
    ReadSessionInfo,
    ReadSpec,
    SessionStats,
    TimeUnit,
)
from odps_frames.model.schema import TableSchema
from odps_frames.model.splits import BySize
from odps_frames.model.table import InstanceRef
from odps_frames.wire import documents, names, read_session
from odps_frames.wire.envelope import encode_target
from odps_frames.wire.http import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.files import Hold
    from odps_frames.emulator.store import Store
    from odps_frames.model.table import TableRef
    from odps_frames.model.types import DataType
    from odps_frames.wire.read_session import GetReadSession, ReadCall

__all__ = ["LIMITED_ROWS", "Results"]

LIMITED_ROWS = 10_000
"""So many rows a reader gets that lets the service limit what it reads (protocol.md §17.7)."""


class Results:
    """Opens results and reads them.

    Parameters
    ----------
    struct_timestamps : bool
        TIMESTAMP and TIMESTAMP_NTZ travel as pairs of seconds and nanoseconds.
    """

    def __init__(self, store: Store, *, struct_timestamps: bool = False) -> None:
        self._store = store
        self._struct_timestamps = struct_timestamps

    def create(self, spec: ReadSpec) -> Routed[ReadSessionInfo]:
        """Open a session over a result."""
        ref = _instance_of(spec.table)
        _refuse_unsupported(spec)
        with self._store.database.write() as connection:
            result = need_result(connection, ref)
            selection = _selection(result, spec.columns)
            check_units(selection, _times(result), spec.arrow, self._pairs(result, spec.arrow))
            kept = KeptResultSession(
                id=self._store.new_id(),
                instance=ref.instance,
                request=_kept_request(spec),
                token=f"result-{secrets.token_hex(8)}",
                expires=self._store.now() + self._store.session_milliseconds,
            )
            add_result_session(connection, kept)
        return Routed(self._info(kept, spec, result), kept.token)

    def get(self, call: GetReadSession) -> Routed[ReadSessionInfo]:
        """Tell how a session stands; refreshing prolongs its life, or brings it back."""
        ref = _instance_of(call.table)
        with self._store.database.write() if call.refresh else self._store.database.read() as c:
            kept, result = self._find(c, ref, call.session_id)
            if call.refresh:
                kept = replace(kept, expires=self._store.now() + self._store.session_milliseconds)
                prolong_result_session(c, kept.id, kept.expires)
        return Routed(self._info(kept, _spec_of(ref, kept), result), kept.token)

    def read(self, call: ReadCall) -> RowStream:
        """Read a range of rows; those beyond the end are not there."""
        ref = _instance_of(call.table)
        if call.options.format != DataFormat():
            raise unsupported(f"DataFormat {call.options.format}")
        if call.split.index is not None:
            raise invalid("Index is given; a result is read by Offset and Count")

        def find() -> tuple[list[str], tuple[KeptResultSession, KeptResult]]:
            with self._store.database.read() as connection:
                kept, result = self._find(connection, ref, call.split.session_id)
            if self._status(kept) is SessionStatus.EXPIRED:
                raise expired_session(kept.id)
            return [file.name for file in result.files], (kept, result)

        hold, (kept, result) = self._store.files.hold(find)
        spec = _spec_of(ref, kept)
        limited = spec.result.limited or call.options.result.limited
        n_rows = min(result.n_rows, LIMITED_ROWS) if limited else result.n_rows
        start = (call.split.rows.offset if call.split.rows else 0) + call.options.skip_rows
        count = call.split.rows.count - call.options.skip_rows if call.split.rows else n_rows
        if start > n_rows:
            raise invalid(f"rows from {start} on are wanted; there are {n_rows}")
        found = self.rows(
            result,
            hold,
            start=start,
            count=max(min(count, n_rows - start), 0),
            columns=call.options.columns or spec.columns,
            arrow=spec.arrow,
        )
        max_rows = min(call.options.max_rows, MAX_BATCH_ROWS)
        batches = resized(found.batches, max_rows, call.options.max_bytes)
        return RowStream(found.schema, batches, kept.token)

    def rows(
        self,
        result: KeptResult,
        hold: Hold,
        *,
        start: int = 0,
        count: int | None = None,
        columns: Sequence[str] | None = None,
        arrow: ArrowOptions | None = None,
        as_pair: Callable[[str, DataType], bool] | None = None,
    ) -> RowStream:
        """Return some rows of a result whose files are held."""
        options = arrow or ArrowOptions()
        selection = _selection(result, columns)
        view = RowView(selection, options, as_pair or self._pairs(result, options))
        planned = [PlannedFile(file, Survivors.all(file.facts.batches)) for file in result.files]
        pieces = window(whole([Extent(f.n_rows, f.n_bytes) for f in result.files]), start, count)
        return RowStream(view.schema, hold.over(view.rows(self._store.files, planned, pieces)))

    def hold(self, ref: InstanceRef) -> tuple[Hold, KeptResult]:
        """Keep the files of a result and return what is known of it.

        Raises
        ------
        ServiceError
            When the instance has none.
        """

        def find() -> tuple[list[str], KeptResult]:
            with self._store.database.read() as connection:
                result = need_result(connection, ref)
            return [file.name for file in result.files], result

        return self._store.files.hold(find)

    def _find(
        self, connection: Connection, ref: InstanceRef, session_id: str
    ) -> tuple[KeptResultSession, KeptResult]:
        kept = find_result_session(connection, session_id)
        if kept is None or kept.instance != ref.instance:
            raise no_session(session_id)
        return kept, need_result(connection, ref)

    def _info(self, kept: KeptResultSession, spec: ReadSpec, result: KeptResult) -> ReadSessionInfo:
        n_rows = min(result.n_rows, LIMITED_ROWS) if spec.result.limited else result.n_rows
        selection = _selection(result, spec.columns)
        return ReadSessionInfo(
            session_id=kept.id,
            status=self._status(kept),
            schema=TableSchema(tuple(stored.column for stored in selection.data)),
            expires_at=datetime.fromtimestamp(kept.expires / 1000, UTC),
            n_rows=n_rows,
            split_mode="RowOffset",
            stats=SessionStats(sum(file.n_bytes for file in result.files), n_rows),
        )

    def _status(self, kept: KeptResultSession) -> SessionStatus:
        expired = self._store.now() >= kept.expires
        return SessionStatus.EXPIRED if expired else SessionStatus.NORMAL

    def _pairs(self, result: KeptResult, options: ArrowOptions) -> Callable[[str, DataType], bool]:
        times = _times(result)

        def as_pair(path: str, type_: DataType) -> bool:
            # Newer clients cannot say a unit, so what nanoseconds cannot hold travels as pairs.
            nanos = options.timestamp_unit is TimeUnit.NANO
            fits = times.get(path, TimeFact()).holds(TimeUnit.NANO)
            return is_instant(type_) and (self._struct_timestamps or (nanos and not fits))

        return as_pair


def need_result(connection: Connection, ref: InstanceRef) -> KeptResult:
    """Return the result of an instance.

    Raises
    ------
    ServiceError
        When there is no such instance, it still runs, failed, or gave no rows.
    """
    row = connection.execute(
        "SELECT status FROM instances WHERE id = ? AND project = ?",
        (ref.instance, ref.project.lower()),
    ).fetchone()
    if row is None:
        raise no_instance(ref.instance)
    result = find_result(connection, ref.instance)
    if result is None:
        raise no_result(ref.instance, row["status"])
    return result


def _instance_of(target: TableRef | InstanceRef) -> InstanceRef:
    if not isinstance(target, InstanceRef):
        raise invalid(f"target {target}; expected an instance")
    return target


def _refuse_unsupported(spec: ReadSpec) -> None:
    if spec.row_filter:
        raise unsupported(f"FilterPredicate={spec.row_filter!r} on the result of an instance")
    for name, asked in (
        ("IncrementalRead", spec.incremental),
        ("RequiredBucketIds", spec.buckets),
        ("RequiredPartitions", spec.partitions),
        ("RequiredPartitionColumns", spec.partition_columns),
    ):
        if asked is not None:
            raise unsupported(f"{name} on the result of an instance")


def _selection(result: KeptResult, columns: Sequence[str] | None) -> Selection:
    stored = {
        column.name.lower(): StoredColumn(str(number), column)
        for number, column in enumerate(result.columns, 1)
    }
    asked = list(stored) if columns is None else [name.lower() for name in columns]
    if unknown := [name for name in asked if name not in stored]:
        raise invalid(f"no column {unknown[0]!r} in the result; expected: {', '.join(stored)}")
    if len(set(asked)) != len(asked):
        raise invalid(f"a column is asked for twice: {', '.join(asked)}")
    return Selection(tuple(stored[name] for name in asked), ())


def _times(result: KeptResult) -> dict[str, TimeFact]:
    return joined_times(file.facts for file in result.files)


def _kept_request(spec: ReadSpec) -> str:
    """Write what was asked for; older clients choose columns here and not when they read."""
    plain = replace(spec, columns=None, split_by=BySize())
    document = documents.load(read_session.encode_create(plain).read_body())
    return json.dumps(document | {"RequiredDataColumns": list(spec.columns or ())})


def _spec_of(ref: InstanceRef, kept: KeptResultSession) -> ReadSpec:
    """Read what was asked for out of the request that is kept."""
    query = ((names.TARGET, encode_target(ref)),)
    request = Request(method="POST", path="/", query=query, body=kept.request.encode())
    return read_session.decode_create(request)
