"""Read sessions: one version of a table, read as often as one likes."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from odps_frames.emulator.catalog.layouts import layout_of
from odps_frames.emulator.catalog.sessions import (
    KeptReadSession,
    find_read_session,
    prolong_read_session,
)
from odps_frames.emulator.catalog.tables import need_rows, table_by_id
from odps_frames.emulator.changes import span_of
from odps_frames.emulator.facts import TimeFact, joined_times
from odps_frames.emulator.planner import window
from odps_frames.emulator.read_plan import check_times, find_partitions, make_plan
from odps_frames.emulator.refusals import (
    conflict,
    expired_session,
    invalid,
    no_session,
    unsupported,
)
from odps_frames.emulator.routed import Routed
from odps_frames.emulator.row_stream import resized
from odps_frames.emulator.row_view import RowView, Selection, select
from odps_frames.emulator.snapshots import open_snapshot
from odps_frames.emulator.times import is_instant
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import (
    ArrowOptions,
    BatchOptions,
    DataFormat,
    ReadSessionInfo,
    ReadSpec,
    SessionStats,
    TimeUnit,
)
from odps_frames.model.schema import TableSchema
from odps_frames.model.splits import Split
from odps_frames.model.table import TableRef
from odps_frames.wire import names, read_session
from odps_frames.wire.envelope import encode_target
from odps_frames.wire.http import Request
from odps_frames.wire.schema import OPERATION_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.planner import Pieces
    from odps_frames.emulator.preparing import Preparations
    from odps_frames.emulator.read_plan import ReadPlan
    from odps_frames.emulator.store import Store
    from odps_frames.model.table import InstanceRef
    from odps_frames.model.types import DataType
    from odps_frames.wire.read_session import GetReadSession, PreviewCall, ReadCall

__all__ = ["ReadSessions", "RowStream"]

MAX_BATCH_ROWS = 1 << 20
PREVIEW_ROWS = 100
"""How many rows a preview has that names no limit; an assumption (protocol.md §6.5)."""
_CACHED_PLANS = 64


@dataclass(frozen=True, slots=True)
class RowStream:
    """Rows on their way; whoever drops the iterator lets go of the files."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    token: str | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A session that can be read."""

    kept: KeptReadSession
    spec: ReadSpec
    plan: ReadPlan


class ReadSessions:
    """Makes read sessions and reads them.

    Parameters
    ----------
    preparations : Preparations
        How they become ready.
    struct_timestamps : bool
        TIMESTAMP and TIMESTAMP_NTZ travel as pairs of seconds and nanoseconds, as some services
        do it (protocol.md §12).
    large_strings : bool
        Texts and bytes travel with offsets of 64 bits, and sessions say so.
    """

    def __init__(
        self,
        store: Store,
        preparations: Preparations,
        *,
        struct_timestamps: bool,
        large_strings: bool = False,
    ) -> None:
        self._store = store
        self._struct_timestamps = struct_timestamps
        self._large_strings = large_strings
        self._preparations = preparations
        self._plans: OrderedDict[str, ReadPlan] = OrderedDict()
        self._guard = threading.Lock()

    def create(self, spec: ReadSpec) -> Routed[ReadSessionInfo]:
        """Open a session on the present version of a table."""
        ref = _table_of(spec.table)
        now = self._store.now()

        def begin(connection: Connection) -> KeptReadSession:
            table = need_rows(connection, ref)
            since, version = None, table.version
            if spec.incremental is not None:
                since, version = span_of(connection, table, spec.incremental, now)
            return KeptReadSession(
                id=self._store.new_id(),
                table_id=table.id,
                version=version,
                since=since,
                layout=layout_of(connection, table.id),
                definition=table.definition(),
                target=encode_target(table.ref),
                request=read_session.encode_create(spec).read_body().decode(),
                token=f"read-{secrets.token_hex(8)}",
                expires=now + self._store.session_milliseconds,
            )

        def plan_it(connection: Connection, kept: KeptReadSession) -> ReadPlan:
            table = need_rows(connection, ref).as_defined(kept.definition)
            plan = self._plan(connection, table, kept, spec)
            find_partitions(connection, table, spec)
            check_times(plan, spec, self._as_pair, self._store.files)
            return plan

        kept, plan = open_snapshot(self._store, begin, plan_it)
        self._remember(kept.id, plan)
        self._preparations.begin(kept.id)
        return Routed(self._info(kept, plan), kept.token, plan.warning)

    def _plan(
        self, connection: Connection, table: Table, kept: KeptReadSession, spec: ReadSpec
    ) -> ReadPlan:
        return make_plan(
            connection,
            table,
            kept.version,
            spec,
            self._store.files,
            since=kept.since,
            layout=kept.layout,
        )

    def get(self, call: GetReadSession) -> Routed[ReadSessionInfo]:
        """Tell how a session stands; refreshing prolongs its life, or brings it back."""
        ref = _table_of(call.table)
        with self._store.database.write() if call.refresh else self._store.database.read() as c:
            ready = self._find(c, ref, call.session_id)
            kept = ready.kept
            if call.refresh:
                kept = replace(kept, expires=self._store.now() + self._store.session_milliseconds)
                prolong_read_session(c, kept.id, kept.expires)
        self._preparations.poll(kept.id)
        return Routed(self._info(kept, ready.plan), kept.token, ready.plan.warning)

    def read(self, call: ReadCall) -> RowStream:
        """Read a split."""
        ref = _table_of(call.table)
        if call.options.format != DataFormat():
            raise unsupported(f"DataFormat {call.options.format}")

        def find() -> tuple[list[str], tuple[_Ready, Pieces]]:
            with self._store.database.read() as connection:
                ready = self._find(connection, ref, call.split.session_id)
            self._check_ready(ready.kept)
            pieces = ready.plan.pieces(call.split, call.options.skip_rows)
            files = {piece.file for piece in pieces}
            return [ready.plan.files[index].stored.name for index in files], (ready, pieces)

        hold, (ready, pieces) = self._store.files.hold(find)
        selection = _narrowed(ready.plan.selection, call.options)
        view = RowView(selection, ready.spec.arrow, self._as_pair, large=self._large_strings)
        rows = hold.over(view.rows(self._store.files, ready.plan.files, pieces))
        max_rows = min(call.options.max_rows, MAX_BATCH_ROWS)
        return RowStream(
            view.schema, resized(rows, max_rows, call.options.max_bytes), ready.kept.token
        )

    def preview(self, call: PreviewCall) -> RowStream:
        """Read the first rows of a table or of one of its partitions."""
        limit = PREVIEW_ROWS if call.limit is None else call.limit
        partitions = (call.partition,) if call.partition else None
        spec = ReadSpec(table=call.table, partitions=partitions)

        def find() -> tuple[list[str], tuple[Table, ReadPlan]]:
            with self._store.database.read() as connection:
                table = need_rows(connection, call.table)
                plan = make_plan(connection, table, table.version, spec, self._store.files)
                find_partitions(connection, table, spec)
            return [file.stored.name for file in plan.files], (table, plan)

        hold, (table, plan) = self._store.files.hold(find)
        times = joined_times(file.stored.facts for file in plan.files)

        def as_pair(path: str, type_: DataType) -> bool:
            # A preview names no unit, so times that nanoseconds cannot hold travel as pairs.
            fits = times.get(path, TimeFact()).holds(TimeUnit.NANO)
            return is_instant(type_) and (self._struct_timestamps or not fits)

        view = RowView(_previewed(table, call.columns), ArrowOptions(), as_pair)
        pieces = window(plan.pieces(Split(""), 0), 0, limit)
        rows = hold.over(view.rows(self._store.files, plan.files, pieces))
        return RowStream(view.schema, resized(rows, BatchOptions().max_rows, None))

    def _find(self, connection: Connection, ref: TableRef, session_id: str) -> _Ready:
        kept = find_read_session(connection, session_id)
        table = need_rows(connection, ref)
        if kept is None:
            raise no_session(session_id)
        if kept.table_id != table.id:
            if table_by_id(connection, kept.table_id) is not None:
                raise no_session(session_id)
            raise conflict(
                f"table {ref} was dropped since session {session_id!r} was opened, and is another "
                "one now",
                code="TableModified",
            )
        spec = _spec_of(kept)
        with self._guard:
            plan = self._plans.get(session_id)
        if plan is None:
            plan = self._plan(connection, table.as_defined(kept.definition), kept, spec)
            self._remember(session_id, plan)
        return _Ready(kept, spec, plan)

    def _remember(self, session_id: str, plan: ReadPlan) -> None:
        """Keep a plan at hand, which costs as much as reading where there is a condition."""
        with self._guard:
            self._plans[session_id] = plan
            if len(self._plans) > _CACHED_PLANS:
                self._plans.popitem(last=False)

    def _info(self, kept: KeptReadSession, plan: ReadPlan) -> ReadSessionInfo:
        state = self._preparations.state(kept.id)
        if state is not None:
            return ReadSessionInfo(
                session_id=kept.id,
                status=state[0],
                message=state[1],
                schema=TableSchema(()),
                expires_at=datetime.fromtimestamp(kept.expires / 1000, UTC),
            )
        return ReadSessionInfo(
            session_id=kept.id,
            status=self._status(kept),
            schema=plan.schema,
            expires_at=datetime.fromtimestamp(kept.expires / 1000, UTC),
            n_splits=None if plan.cut.splits is None else len(plan.cut.splits),
            n_rows=plan.n_rows if plan.cut.splits is None else None,
            split_mode=plan.cut.mode,
            bucket_ids=plan.cut.bucket_ids,
            stats=SessionStats(plan.n_bytes, plan.n_rows),
            latest_version=kept.version,
            system_columns=(OPERATION_COLUMN,) if plan.selection.operation else (),
            incremental=_spec_of(kept).incremental,
            large_strings=self._large_strings,
        )

    def _check_ready(self, kept: KeptReadSession) -> None:
        state = self._preparations.state(kept.id)
        if state is not None:
            raise conflict(f"session {kept.id!r} is {state[0]}, not NORMAL: {state[1]}")
        if self._status(kept) is SessionStatus.EXPIRED:
            raise expired_session(kept.id)

    def _status(self, kept: KeptReadSession) -> SessionStatus:
        expired = self._store.now() >= kept.expires
        return SessionStatus.EXPIRED if expired else SessionStatus.NORMAL

    def _as_pair(self, _: str, type_: DataType) -> bool:
        return self._struct_timestamps and is_instant(type_)


def _table_of(target: TableRef | InstanceRef) -> TableRef:
    if not isinstance(target, TableRef):
        raise unsupported("reading the result of an instance")
    return target


def _spec_of(kept: KeptReadSession) -> ReadSpec:
    """Read what was asked for out of the request that is kept."""
    query = ((names.TARGET, kept.target),)
    request = Request(method="POST", path="/", query=query, body=kept.request.encode())
    return read_session.decode_create(request)


def _narrowed(selection: Selection, options: BatchOptions) -> Selection:
    """Choose among the data columns of a session; its partition columns always follow."""
    columns = options.columns
    if columns is None:
        return selection
    data = {stored.column.name.lower(): stored for stored in selection.data}
    partitions = {column.name.lower() for _, column in selection.partitions}
    asked = [name.lower() for name in columns]
    unknown = [name for name in asked if name not in data and name not in partitions]
    if unknown or len(set(asked)) != len(asked):
        raise invalid(
            f"DataColumns {list(columns)}; expected each of these at most once: {', '.join(data)}"
        )
    order = list(data) if options.columns_unordered else asked
    chosen = tuple(data[name] for name in order if name in asked and name in data)
    return replace(selection, data=chosen)


def _previewed(table: Table, columns: tuple[str, ...] | None) -> Selection:
    """Choose columns by name; without any, all of them."""
    if columns is None:
        return select(table, None, None)
    parts = {column.name.lower() for column in table.partition_columns}
    return select(
        table,
        [name for name in columns if name.lower() not in parts],
        [name for name in columns if name.lower() in parts],
    )
