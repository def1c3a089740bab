"""One split as batches: resumed where it broke off, and complete or an error."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from odps_frames.convert.arrow import check_stream_schema, normalise
from odps_frames.errors import (
    CastError,
    CorruptStream,
    IncompleteRead,
    ServiceUnavailable,
    SessionExpired,
)
from odps_frames.model.read import BatchOptions
from odps_frames.model.splits import RowRange
from odps_frames.read.cancel import Cancellation
from odps_frames.transport.retry import Meter, RetryPolicy
from odps_frames.wire.arrow_stream import ArrowStreamReader
from odps_frames.wire.compression import Compression, decompress
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.read_session import encode_read

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import pyarrow as pa

    from odps_frames.errors import OdpsError
    from odps_frames.model.read import ArrowOptions
    from odps_frames.model.schema import Column
    from odps_frames.model.splits import Split
    from odps_frames.model.table import InstanceRef, TableRef
    from odps_frames.transport.base import Transport
    from odps_frames.wire.http import BodyReader, Request, Response

__all__ = ["StreamPlan", "decode_batches", "read_batches"]

ROW_SLACK = 16
"""A batch may have so many times the rows that were asked for before it counts as broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """What every stream of one session has in common."""

    table: TableRef | InstanceRef
    columns: tuple[Column, ...]
    """The columns of the stream, in order."""
    output: tuple[str, ...] | None = None
    """Those of them that are wanted, in another order perhaps; None means all."""
    arrow: ArrowOptions
    options: BatchOptions = field(default_factory=BatchOptions)
    envelope: Envelope = field(default_factory=Envelope)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    validate: bool = True
    filtered: bool = False
    """Whether the service leaves rows out: nobody says if ``SkipRowNum`` counts these."""
    refresh: Callable[[], None] | None = None
    """Brings an expired session back to life."""


class _Surplus(CorruptStream):
    """More rows than a range has: to ask again would bring them again."""


class _Counted:
    """A body that counts its bytes."""

    def __init__(self, body: BodyReader, meter: Meter) -> None:
        self._body = body
        self._meter = meter

    def readinto(self, buffer: memoryview, /) -> int:
        got = self._body.readinto(buffer)
        self._meter.add(n_bytes=got)
        return got

    def close(self) -> None:
        self._body.close()


def read_batches(
    transport: Transport,
    plan: StreamPlan,
    split: Split,
    *,
    meter: Meter | None = None,
    cancel: Cancellation | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of one split, normalised; it ends only when the split is complete.

    A stream that breaks off, ends early or is damaged is asked for again from the row after the
    last whole batch: row ranges by a shorter range, indexed splits by ``SkipRowNum``, and those
    of a session with a filter from their start, of which the rows that came are passed over.

    Raises
    ------
    IncompleteRead, CorruptStream, ServiceUnavailable
        When it still is not whole after as many attempts in a row as the policy allows.
    """
    meter = meter or Meter()
    cancel = cancel or Cancellation()
    expected = _expected(plan, split)
    rows = failures = 0
    while True:
        attempt = _attempt(transport, plan, split, rows, meter, cancel)
        try:
            with contextlib.closing(attempt):
                for batch in attempt:
                    rows += batch.num_rows
                    failures = 0
                    yield batch
        except SessionExpired:
            failures += 1
            if plan.refresh is None or failures > 1:
                raise
            plan.refresh()
        except _Surplus as surplus:
            # Not even what came before is certain: who ignores a count may ignore the offset.
            raise CorruptStream(str(surplus)) from None
        except (IncompleteRead, CorruptStream, ServiceUnavailable) as error:
            if rows == expected:
                return  # every row came whole; only the end of the stream was lost
            failures += 1
            if cancel.requested or failures >= plan.policy.max_attempts:
                _note_place(error, plan, split, rows)
                raise
            _try_again(plan, failures, meter)
        else:
            return


def _try_again(plan: StreamPlan, failures: int, meter: Meter) -> None:
    if failures > 1:  # what broke once is worth asking for again at once
        plan.policy.pause(failures)
    meter.add(retries=1)


def _attempt(
    transport: Transport,
    plan: StreamPlan,
    split: Split,
    rows: int,
    meter: Meter,
    cancel: Cancellation,
) -> Generator[pa.RecordBatch, None, None]:
    """Yield what is left of a split after so many rows, as far as one answer brings it."""
    expected = _expected(plan, split)
    passed = rows if plan.filtered and split.rows is None else 0
    with transport.send(_rest_of(plan, split, rows - passed)) as response:
        cancel.watch(response)
        decoded = _decoded(response, plan, split, rows - passed, meter)
        for batch in _behind(decoded, passed):
            if expected is not None and rows + batch.num_rows > expected:
                msg = f"{split} brought {rows + batch.num_rows} rows or more; expected {expected}"
                raise _Surplus(msg)
            rows += batch.num_rows
            meter.add(rows=batch.num_rows)
            yield batch
        cancel.forget(response)
    if expected is not None and rows < expected:
        msg = f"{split} ended after {rows} of {expected} rows"
        raise IncompleteRead(msg, expected=expected, got=rows)


def _behind(batches: Iterator[pa.RecordBatch], passed: int) -> Iterator[pa.RecordBatch]:
    """Pass over rows that came before.

    Raises
    ------
    IncompleteRead
        When there are fewer than came before.
    """
    left = passed
    for batch in batches:
        fresh = batch.slice(left) if left else batch
        left -= batch.num_rows - fresh.num_rows
        if fresh.num_rows:
            yield fresh
    if left:
        msg = f"a split brought {passed} rows, and {passed - left} when it was asked for again"
        raise IncompleteRead(msg, expected=passed, got=passed - left)


def _decoded(
    response: Response, plan: StreamPlan, split: Split, rows: int, meter: Meter
) -> Iterator[pa.RecordBatch]:
    start = rows + plan.options.skip_rows + (split.rows.offset if split.rows else 0)
    try:
        yield from decode_batches(response, plan, meter, first_row=start)
    except CastError as error:
        _note_place(error, plan, split, rows)
        raise


def decode_batches(
    response: Response, plan: StreamPlan, meter: Meter, *, first_row: int = 0
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of one answer, checked against what the session promised.

    Complaints about single values count rows from ``first_row``.
    """
    compression = Compression.of_encoding(response.headers.get("Content-Encoding"))
    body = decompress(_Counted(response.body, meter), compression)
    reader = ArrowStreamReader(
        body,
        validate=plan.validate,
        max_batch_rows=max(plan.options.max_rows * ROW_SLACK, 1 << 20),
    )
    columns = _arranged(plan, reader.schema.names)
    check_stream_schema(reader.schema, columns, plan.arrow)
    output = plan.output
    if output is None and columns != plan.columns:
        output = tuple(column.name for column in plan.columns)
    for batch in reader:
        normal = normalise(batch, columns, plan.arrow, first_row=first_row)
        first_row += batch.num_rows
        yield normal if output is None else normal.select(list(output))


def _arranged(plan: StreamPlan, names: list[str]) -> tuple[Column, ...]:
    """Return the columns in the order in which a stream has them, where it may choose it.

    Columns chosen for one stream may come in any order where that was allowed, and without the
    partition columns where none of these is wanted.
    """
    came = [name.lower() for name in names]
    known = {column.name.lower(): column for column in plan.columns}
    if plan.options.columns is None or came == list(known):
        return plan.columns
    wanted = known.keys() if plan.output is None else {name.lower() for name in plan.output}
    enough = wanted <= set(came) <= known.keys()
    ordered = plan.options.columns_unordered or came == [name for name in known if name in came]
    if not (enough and ordered and len(set(came)) == len(came)):
        return plan.columns  # of which the check will say what is wrong
    return tuple(known[name] for name in came)


def _expected(plan: StreamPlan, split: Split) -> int | None:
    """How many rows a split brings, where that is known beforehand."""
    return None if split.rows is None else max(split.rows.count - plan.options.skip_rows, 0)


def _rest_of(plan: StreamPlan, split: Split, rows: int) -> Request:
    """The request for what is left of a split after so many rows."""
    options = plan.options
    if rows and split.rows is not None:
        passed = options.skip_rows + rows
        left = RowRange(split.rows.offset + passed, split.rows.count - passed)
        split, options = replace(split, rows=left), replace(options, skip_rows=0)
    elif rows:
        options = replace(options, skip_rows=options.skip_rows + rows)
    return encode_read(plan.table, split, options, plan.envelope)


def _note_place(error: OdpsError, plan: StreamPlan, split: Split, rows: int) -> None:
    where = f"split {split.index}" if split.index is not None else "the session"
    if split.rows is not None:
        where = f"rows {split.rows.offset} to {split.rows.offset + split.rows.count}"
    error.add_note(
        f"while reading {where} of {plan.table}, session {split.session_id}, "
        f"after {rows} whole rows"
    )
