"""What changed in a table: read since a version, and where to go on."""

from __future__ import annotations

import functools
import operator
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, SupportsIndex
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from odps_frames import partitions as partition_choice
from odps_frames.changed_rows import OP, rows_of, told_apart
from odps_frames.connect import client_of
from odps_frames.convert.pandas import check_frame, to_pandas
from odps_frames.errors import Conflict, ProtocolError, SchemaMismatch, ServiceError
from odps_frames.frames import compression_of
from odps_frames.model.read import BatchOptions, Incremental, TimeUnit
from odps_frames.model.schema import Column
from odps_frames.model.splits import ByRows, BySize
from odps_frames.model.types import Kind, PrimitiveType
from odps_frames.progress import check_progress, followed
from odps_frames.scan_blobs import delivered, file_maker, shown_blobs
from odps_frames.scan_options import ScanOptions
from odps_frames.scan_reading import BATCH_ROWS
from odps_frames.scan_rows import needed
from odps_frames.scan_session import SPLIT_ROWS
from odps_frames.sources import table_name
from odps_frames.transport.retry import Meter
from odps_frames.wire.schema import OPERATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from odps_frames.client import Client
    from odps_frames.frames import CompressionOption
    from odps_frames.model.catalog import TableInfo
    from odps_frames.partitions import Selection
    from odps_frames.progress import ProgressOption
    from odps_frames.read.blob_bytes import ReadBlobs
    from odps_frames.read.session import ReadSession
    from odps_frames.scan import DtypeBackend
    from odps_frames.scan_options import BlobsOption

__all__ = ["Changes", "read_odps_changes"]

_TOKEN = re.compile(r"(\d+)@(\S*)", re.ASCII)
_OP_COLUMN = Column(OP, PrimitiveType(Kind.STRING), nullable=False)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMPS = (PrimitiveType(Kind.TIMESTAMP), PrimitiveType(Kind.TIMESTAMP_NTZ))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changes:
    """What changed in a table since a version."""

    table: str
    frame: pd.DataFrame
    """The rows, with ``_op``: ``"insert"``, ``"update"``, ``"delete"``; or ``"upsert"``, where the
    service does not say which."""
    version: int
    """The version up to which changes are in it."""
    next: str
    """What to pass as ``since`` to go on from here: nothing is missed, and nothing comes twice."""


def read_odps_changes(  # noqa: PLR0913  the front door: every option by its name
    table: str,
    *,
    since: int | str | datetime,
    until: int | str | datetime | None = None,
    columns: Sequence[str] | None = None,
    partitions: Selection | None = None,
    dtype_backend: DtypeBackend | None = None,
    types_mapper: Callable[[pa.DataType], Any] | None = None,
    timestamp_unit: str | None = None,
    datetime_unit: str | None = None,
    tz: str | None = None,
    max_workers: int | None = None,
    compression: CompressionOption = "auto",
    max_bytes: int | None = None,
    blobs: BlobsOption = "refs",
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: ProgressOption = "auto",
) -> Changes:
    """Read what changed in a table between two versions.

    Rows that are there now and were not are inserts, those that were there and are not are
    deletes, with the values that they had. In a table with a primary key a row that took the
    place of another is one update.

    Parameters
    ----------
    table : str
        A name as in ``read_odps``.
    since : int, str or datetime
        ``Changes.next`` of the call before, a version (``Table.version``; 0 is before the first
        row), or a time, in the client's ``timezone`` where it names none. Changes after it are
        read; one that is still to come is refused.
    until : int, str or datetime, optional
        The last version whose changes are read; by default the present one.
    columns, partitions, dtype_backend, types_mapper, timestamp_unit, datetime_unit, tz : optional
        As in ``read_odps``; partitions that were dropped count too.
    max_workers, compression, max_bytes, blobs, client, storage_options, progress : optional
        As in ``read_odps``.

    Raises
    ------
    Conflict
        When changes since then are not all kept any more, or the table is another one now: read
        the table anew.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2]}), "t", create=True)
    ...     token = of.read_odps_changes("t", since=0).next
    ...     result = of.to_odps(pd.DataFrame({"id": [3]}), "t")
    ...     of.read_odps_changes("t", since=token).frame.to_dict("records")
    [{'id': 3, '_op': 'insert'}]
    """
    check_progress(progress)
    asked = client_of(client, storage_options)
    options = ScanOptions(
        timestamp_unit=None if timestamp_unit is None else TimeUnit.of(timestamp_unit),
        datetime_unit=None if datetime_unit is None else TimeUnit.of(datetime_unit),
        max_workers=max_workers,
        compression=compression_of(compression, asked.config),
        max_bytes=max_bytes,
        progress=progress,
        blobs=blobs,
    )
    zone = asked.config.timezone
    check_frame(dtype_backend, types_mapper, tz or zone)
    info = asked.describe(asked.ref(table_name(table)), extended=True)
    partition_choice.check(partitions, info.schema, info.ref)
    _refuse_latest(partitions)
    output = _output(info, columns)
    first = _bound(since, "since", info, zone)
    last = None if until is None else _bound(until, "until", info, zone)
    if last is None and isinstance(first, int):
        last = info.data_version  # said outright, so that nothing depends on what comes meanwhile
    meter, started = Meter(), time.monotonic()
    session = _session(asked, info, output, Incremental(first, last), options, meter)
    rows = _rows(session, options, meter)
    rows = rows if partitions is None else rows_of(rows, partitions, info.schema)
    read = functools.partial(asked.read_blobs, meter=meter)
    frame = to_pandas(
        _told(rows, info, output, read, options),
        (*output, _OP_COLUMN),
        dtype_backend=dtype_backend,
        types_mapper=types_mapper,
        tz=tz or zone,
        blob_of=file_maker(asked, blobs),
    )
    shown = shown_blobs(output, blobs)
    frame.attrs["odps"] = _facts(session, meter, len(frame), started) | {"blobs": shown}
    version = last if isinstance(last, int) else _end(session)
    return Changes(
        table=str(info.ref), frame=frame, version=version, next=f"{version}@{info.table_id}"
    )


def _told(
    rows: pa.Table,
    info: TableInfo,
    output: tuple[Column, ...],
    read: ReadBlobs,
    options: ScanOptions,
) -> pa.Table:
    """Tell the rows apart, in the columns that are wanted, with blobs as they are wanted."""
    key = (*info.schema.partition_names, *info.primary_key) if info.primary_key else ()
    told = told_apart(rows, key).select([*(column.name for column in output), OP])
    batches = delivered(iter(told.to_batches()), output, read, options)
    return pa.Table.from_batches(batches, schema=told.schema)


def _refuse_latest(selection: Selection | None) -> None:
    if isinstance(selection, partition_choice.Latest):
        msg = "partitions=latest() of changes, whose partitions may be gone; name them"
        raise ValueError(msg)  # noqa: TRY004  it is one of several selections
    if isinstance(selection, list | tuple | set | frozenset):
        for each in selection:
            _refuse_latest(each)


def _facts(session: ReadSession, meter: Meter, n_rows: int, started: float) -> dict[str, object]:
    return {
        "source": str(session.spec.table),
        "session_id": session.session_id,
        "rows": n_rows,
        "bytes": meter.bytes,
        "retries": meter.retries,
        "seconds": round(time.monotonic() - started, 3),
    }


def _end(session: ReadSession) -> int:
    """Return the version up to which a session reads."""
    version = session.info.latest_version
    if version is None:
        msg = "the service does not say up to which version changes were read"
        raise ProtocolError(msg, session_id=session.session_id)
    return version


def _output(info: TableInfo, columns: Sequence[str] | None) -> tuple[Column, ...]:
    known = info.schema
    if isinstance(columns, str):
        msg = f"columns={columns!r}; expected a list of names, such as [{columns!r}]"
        raise TypeError(msg)
    if columns is None:
        found = known.all_columns
    elif missing := [name for name in columns if known.find(name) is None]:
        raise SchemaMismatch(known.unknown(missing))
    else:
        found = tuple(known.column(name) for name in columns)
    for name in (OP, OPERATION):
        if any(column.name.lower() == name for column in found):
            msg = (
                f"{info.ref} has a column {name!r}, which is to say what changed; leave it out: "
                "name the others in columns="
            )
            raise SchemaMismatch(msg)
    if len(set(found)) != len(found):
        msg = f"columns={list(columns or ())}; each may stand once"
        raise ValueError(msg)
    return found


def _bound(given: object, name: str, info: TableInfo, zone: str) -> int | str:
    """Read a bound: a version is a number, a time its milliseconds since 1970 as text."""
    if isinstance(given, datetime) and not pd.isna(given):
        aware = given if given.tzinfo is not None else given.replace(tzinfo=ZoneInfo(zone))
        milliseconds = max((aware - _EPOCH) // timedelta(milliseconds=1), 0)
        return f"{milliseconds:013d}"  # fewer digits would be seconds
    if isinstance(given, SupportsIndex) and not isinstance(given, bool) and given.__index__() >= 0:
        return operator.index(given)
    found = _TOKEN.fullmatch(given) if isinstance(given, str) else None
    if isinstance(given, Changes):
        msg = f"{name}= is Changes of {given.table} themselves; give their next, {given.next!r}"
        raise TypeError(msg)
    if found is None:
        msg = f"{name}={given!r}; expected a version, a datetime, or what Changes.next was"
        raise ValueError(msg)
    version, table_id = found.groups()
    if table_id != info.table_id:
        msg = (
            f"{name}={given!r} is of another table than {info.ref}, which was made anew under its "
            "name; read all of it, and go on from its version"
        )
        raise Conflict(msg)
    return int(version)


def _session(
    asked: Client,
    info: TableInfo,
    output: tuple[Column, ...],
    span: Incremental,
    options: ScanOptions,
    meter: Meter,
) -> ReadSession:
    names = tuple(column.name for column in output)
    data, partition = needed(info.schema, (*names, *info.primary_key), None, by_partition=True)
    wanted = [options.arrow]
    if options.timestamp_unit is None and any(
        info.schema.column(name).type in _TIMESTAMPS for name in data
    ):
        # A service refuses nanoseconds for times that these cannot hold.
        wanted.append(replace(options.arrow, timestamp_unit=TimeUnit.MICRO))
    refusals = []
    for arrow in wanted:
        try:
            session = asked.read_session(
                info.ref,
                meter=meter,
                columns=data,
                partition_columns=partition,
                incremental=span,
                arrow=arrow,
                split_by=ByRows(SPLIT_ROWS) if info.is_transactional else BySize(),
            )
        except ServiceError as refused:
            if refused.status != 400:  # noqa: PLR2004  what is wrong in the request itself
                raise
            refusals.append(refused)
        else:
            options.check_size(str(info.ref), session.info.stats.estimated_bytes)
            return session
    raise refusals[0]


def _rows(session: ReadSession, options: ScanOptions, meter: Meter) -> pa.Table:
    batches = session.batches(
        options=BatchOptions(
            max_rows=BATCH_ROWS, accept_encoding=options.compression.content_encoding
        ),
        max_workers=options.max_workers,
        meter=meter,
    )
    shown = followed(
        batches,
        meter,
        options.progress,
        label=f"reading changes of {session.spec.table}",
        total=session.info.stats.estimated_rows,
    )
    return pa.Table.from_batches(shown, schema=session.arrow_schema)
