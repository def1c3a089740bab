"""A dataframe into a table: checked, cast, cut into blocks, committed once."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from odps_frames.blob_placing import BlobPlacer
from odps_frames.creation import Place, TakenError, existing_schema
from odps_frames.errors import Conflict, ProtocolError
from odps_frames.preparation import prepare
from odps_frames.progress import followed, tell_end
from odps_frames.transport.retry import Meter
from odps_frames.widening import add_columns
from odps_frames.write.fan import write_blocks
from odps_frames.write_options import WriteResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.connection import Connection
    from odps_frames.model.schema import Column
    from odps_frames.model.table import TableRef
    from odps_frames.model.types import DataType
    from odps_frames.preparation import Prepared
    from odps_frames.write_options import WriteOptions

__all__ = ["check_same", "refused", "table_ready", "upload"]


def upload(
    connection: Connection, data: object, ref: TableRef, options: WriteOptions
) -> WriteResult:
    """Write data into a table with one commit; see ``to_odps`` for the contract."""
    started = time.monotonic()
    prepared = prepare(connection, data, ref, options)
    if prepared is None:
        return refused(ref, options, started)
    try:
        with table_ready(connection, ref, prepared, options):
            return _send(connection, ref, prepared, started)
    except TakenError:
        return refused(ref, options, started)


@contextlib.contextmanager
def table_ready(
    connection: Connection, ref: TableRef, prepared: Prepared, options: WriteOptions
) -> Iterator[None]:
    """Make what is missing of the place; it goes again when the block fails and left it empty.

    Raises
    ------
    TakenError
        When the place was to be ours, and somebody else had it first.
    """
    flow, key = prepared.flow, prepared.key
    fresh = options.mode in ("error", "ignore")
    alone = fresh or (bool(key) and options.mode != "upsert")
    place = Place(connection, ref, options.partition if fresh and not flow.target.dynamic else None)
    with place.made(
        prepared.schema if prepared.new else None,
        lifecycle=options.lifecycle,
        alone=alone,
        primary_key=key,
    ):
        add_columns(connection, ref, prepared.added)
        yield


def refused(ref: TableRef, options: WriteOptions, started: float) -> WriteResult:
    """What becomes of a write to a place that is taken."""
    if options.mode == "ignore":
        return _nothing(ref, started)
    if options.mode not in ("error", "ignore"):
        msg = f"somebody else made {ref} while this was about to; see what is in it"
        raise Conflict(msg)
    what = f"partition {options.partition} of {ref}" if options.partition else str(ref)
    msg = f"{what} exists, and mode='error' writes only what does not; see the other modes"
    raise Conflict(msg)


def _send(
    connection: Connection,
    ref: TableRef,
    prepared: Prepared,
    started: float,
) -> WriteResult:
    flow, meter = prepared.flow, Meter()
    options, target = flow.options, flow.target
    session = connection.write_session(
        ref,
        meter=meter,
        partition=str(target.partition) if target.partition else "",
        overwrite=target.overwrite,
    )
    with session:
        check_same(connection, ref, prepared)
        placer = BlobPlacer(
            session, flow.schema, prepared.blobs, connection, n_workers=options.n_streams
        )
        blocks = session.blocks(placer.schema, options.compression.ipc_codec)
        batches = placer.placed(prepared.batches)
        shown = followed(batches, meter, options.progress, label=f"writing {ref.table}")
        session.accept(write_blocks(blocks, shown, n_streams=options.n_streams))
        tell_end(options.progress, meter)
        if session.n_rows != flow.rows:
            msg = f"{flow.rows} rows were to be written and {session.n_rows} arrived; none is kept"
            raise ProtocolError(msg, session_id=session.session_id)
        flow.check_named(options)
    return WriteResult(
        table=str(ref),
        rows=flow.rows,
        bytes=meter.bytes,
        partitions=flow.partitions(),
        session_id=session.session_id,
        retries=meter.retries,
        seconds=round(time.monotonic() - started, 3),
        resumed=session.settled,
        warnings=session.warnings,
    )


def check_same(connection: Connection, ref: TableRef, prepared: Prepared) -> None:
    """Refuse a table that was made anew, with other columns, since the write was planned.

    The session is of the table that was there when it was opened, and refuses every later one.
    Columns of a table that is new are compared by name only, as DDL may spell types otherwise.
    """
    planned, found = prepared.schema, existing_schema(connection, ref)
    typed = not prepared.new
    if found is not None and (
        _kinds(found.partition_columns, typed=typed)
        == _kinds(planned.partition_columns, typed=typed)
    ):
        kinds = _kinds(found.columns, typed=typed)
        if all(one in kinds for one in _kinds(planned.columns, typed=typed)):
            return
    msg = f"{ref} was made anew or changed while this was about to write; nothing is written"
    raise Conflict(msg, code="TableModified")


def _kinds(columns: tuple[Column, ...], *, typed: bool) -> list[tuple[str, DataType | None]]:
    return [(column.name.lower(), column.type if typed else None) for column in columns]


def _nothing(ref: TableRef, started: float) -> WriteResult:
    return WriteResult(
        table=str(ref),
        rows=0,
        bytes=0,
        partitions=(),
        session_id=None,
        retries=0,
        seconds=round(time.monotonic() - started, 3),
    )
