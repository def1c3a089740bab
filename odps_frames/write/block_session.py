"""A write session of the block protocol: numbered blocks, each sent whole (protocol.md §9)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pyarrow as pa

from odps_frames.convert.arrow import arrow_type
from odps_frames.errors import ProtocolError, SchemaMismatch
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.table import Partition
from odps_frames.model.write import BlockOptions
from odps_frames.wire.block_protocol import (
    BlockCommitCall,
    BlockId,
    encode_block_commit,
    encode_block_create,
)
from odps_frames.write.attempts import in_attempts
from odps_frames.write.numbered_block import BlockAttempt, NumberedBlocks
from odps_frames.write.session import WriteSession
from odps_frames.write.stream import TableWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.write import WriteSessionInfo, WriteSpec
    from odps_frames.transport.base import Transport
    from odps_frames.transport.retry import Meter, RetryPolicy
    from odps_frames.wire.envelope import Envelope
    from odps_frames.wire.http import Request
    from odps_frames.write.block import BlockReceipt
    from odps_frames.write.recipe import SessionRecipe
    from odps_frames.write.session import Codec, Named

__all__ = ["BlockSession"]


class BlockSession(WriteSession):
    """Numbered blocks on their way into a table; the commit names one attempt at each."""

    COMMITTED_AS: ClassVar[tuple[SessionStatus, ...]] = (SessionStatus.COMMITTED,)
    """The answer to a commit of blocks must say it."""

    table_info: WriteSessionInfo
    """What the service said of the session: columns, how many blocks, which checks."""

    def __init__(
        self,
        transport: Transport,
        spec: WriteSpec,
        session_id: str,
        envelope: Envelope | None = None,
        *,
        policy: RetryPolicy | None = None,
        meter: Meter | None = None,
    ) -> None:
        _check_spec(spec)
        super().__init__(transport, spec, session_id, envelope, policy=policy, meter=meter)
        self._numbers: Iterator[int] | None = None
        """Of the next blocks, where nobody else numbers any."""
        self._numbered: set[int] = set()
        self._names = itertools.count()

    @classmethod
    def _opening(cls, spec: WriteSpec, envelope: Envelope) -> Request:
        _check_spec(spec)
        return encode_block_create(spec, envelope)

    def _opened(self, info: WriteSessionInfo) -> None:
        self._numbers = itertools.count()
        self._learn(info)

    def _joined(self, info: WriteSessionInfo) -> None:
        """Learn of a session that somebody else made; blocks are then numbered by the caller."""
        self._learn(info)
        self.status = info.status

    def recipe(self) -> SessionRecipe:
        """Refuse it: numbers of blocks are given out by whoever knows them all."""
        raise ValueError(
            "recipe() of a session with numbered blocks; let workers join it by its id, with "
            "numbers of their own (write_session(…, session_id=…)), or use mode='batch'"
        )

    def _learn(self, info: WriteSessionInfo) -> None:
        if info.schema is None:
            msg = "the service does not say which columns blocks have (DataSchema)"
            raise ProtocolError(msg, session_id=self.session_id)
        self.table_info = info

    @property
    def schema(self) -> TableSchema:
        """The columns of the table; rows carry all of them, partition columns last."""
        schema = self.table_info.schema
        assert schema is not None  # noqa: S101  _learn made sure
        return schema

    @property
    def arrow_schema(self) -> pa.Schema:
        """The columns of a block as they travel."""
        units = (self.spec.blocks or BlockOptions()).arrow
        return pa.schema(
            [
                pa.field(column.name, arrow_type(column.type, units), column.nullable)
                for column in self.schema.all_columns
            ]
        )

    def write_block(
        self,
        number: int,
        rows: pa.Table | pa.RecordBatch | Sequence[pa.RecordBatch],
        *,
        attempt: int = 0,
        compression: Codec = None,
    ) -> BlockReceipt:
        """Send a block; an attempt whose outcome is not known is followed by the next one.

        Partition columns that the session was opened for may be left out of the rows. The commit
        of this session names the block; another process hands the receipt over to ``accept``.

        Parameters
        ----------
        number : int
            Unique in the session: the same number is the same block, of which one attempt counts.
        rows : pyarrow.Table, pyarrow.RecordBatch or list of these
            All rows of the block.
        attempt : int
            Of this block; who repeats the work of somebody else begins with a higher one.
        compression : {"lz4", "zstd"}, optional
            Of the body.

        Raises
        ------
        ValueError
            For a number that the session does not take, or an attempt that was made here already.
        SchemaMismatch
            For rows that lack a column, or have one that the table has not.
        ServiceUnavailable
            When no attempt of those that the policy allows got through.
        """
        self._check_number(number, attempt)
        with self._lock:
            known = self._receipts.get(f"block-{number}")
            if number in self._numbered:
                raise ValueError(f"number={number} was given to a block of open_stream() already")
            if known and attempt <= known.stream.version:
                raise ValueError(
                    f"block {number} was written already, by attempt {known.stream.version}; give "
                    "other rows another number, or a higher attempt= to replace those"
                )
        return self._send_block(number, rows, attempt=attempt, compression=compression)

    def _send_block(
        self,
        number: int,
        rows: pa.Table | pa.RecordBatch | Sequence[pa.RecordBatch],
        *,
        attempt: int,
        compression: Codec,
    ) -> BlockReceipt:
        self._require_normal()
        batches = self._complete(rows)
        link = self.blocks(batches[0].schema, compression)
        enhanced = bool(self.table_info.enhance_write_check)
        receipt = in_attempts(
            lambda tried: BlockAttempt(link, BlockId(number, tried), enhanced=enhanced).send(
                batches
            ),
            self._policy,
            self.meter,
            first=attempt,
        )
        self.accept([receipt])
        self.notices.tell()
        return receipt

    def _next_number(self, numbers: Iterator[int]) -> int:
        with self._lock:
            number = next(n for n in numbers if f"block-{n}" not in self._receipts)
            self._numbered.add(number)
        self._check_number(number, 0)
        return number

    def open_stream(
        self,
        index: int | str = 0,
        *,
        schema: pa.Schema,
        compression: Codec = None,
        version: int | None = None,
    ) -> TableWriter:
        """Open a writer that cuts its rows into blocks and numbers them by itself.

        Only the one who made the session can do that; others number with ``write_block``.
        """
        if version is not None or index != 0:
            raise ValueError(
                f"open_stream({index!r}, version={version!r}) in a session of blocks, which has "
                "no named streams; leave both out, or use write_block(number, rows)"
            )
        numbers = self._numbers
        if numbers is None:
            raise ValueError(
                "this session was made elsewhere, where blocks may be numbered as well; say the "
                "numbers yourself: write_block(number, rows)"
            )

        def send(number: int, batches: list[pa.RecordBatch]) -> BlockReceipt:
            return self._send_block(number, batches, attempt=0, compression=compression)

        writer = TableWriter(self, NumberedBlocks(schema, lambda: self._next_number(numbers), send))
        return self._writers.add(f"writer {next(self._names)}", writer, replaces=True)

    def commit(self, streams: Iterable[Named] | Literal["closed"] | None = None) -> None:
        """Make the blocks visible whose receipts are known here, all at once."""
        if streams is not None:
            raise ValueError("a session of blocks has no streams; commit() takes its receipts")
        if self.status is SessionStatus.COMMITTED:
            return
        self._require_normal()
        self._writers.check_finished(n_receipts=len(self.receipts), shown=False)
        messages = tuple(receipt.message or "" for receipt in self.receipts)
        call = BlockCommitCall(self.spec.table, self.session_id, messages)
        self._commit(encode_block_commit(call, self._envelope))

    def _check_number(self, number: int, attempt: int) -> None:
        for name, value in (("number", number), ("attempt", attempt)):
            if isinstance(value, bool) or value < 0:
                raise ValueError(f"{name}={value!r}; expected 0 or more")
        bound = self.table_info.max_blocks
        if bound is not None and number >= bound:
            raise ValueError(f"number={number}; the session takes blocks below {bound}")

    def _complete(
        self, rows: pa.Table | pa.RecordBatch | Sequence[pa.RecordBatch]
    ) -> list[pa.RecordBatch]:
        """Put the columns in order, with the static partition where the rows do not say it."""
        match rows:
            case pa.Table():
                table = rows
            case pa.RecordBatch():
                table = pa.Table.from_batches([rows])
            case _ if rows:
                table = pa.Table.from_batches(list(rows))
            case _:
                raise ValueError("no batch for the block; give one, which may have no rows")
        places = {name.lower(): place for place, name in enumerate(table.column_names)}
        static = _static(self.spec)
        columns, missing = [], []
        for column in self.schema.all_columns:
            name = column.name.lower()
            if (place := places.pop(name, None)) is not None:
                columns.append(table.column(place))
            elif name in static:
                columns.append(_constant(static[name], column, table.num_rows))
            else:
                missing.append(column.name)
        if missing or places:
            raise SchemaMismatch(
                f"the rows of a block lack {missing} and have {list(places)} beyond the columns "
                f"of {self.spec.table}: {list(self.arrow_schema.names)}"
            )
        names = [column.name for column in self.schema.all_columns]
        whole = pa.Table.from_arrays(columns, names=names)
        return whole.to_batches() or [pa.RecordBatch.from_pylist([], schema=whole.schema)]


def _check_spec(spec: WriteSpec) -> None:
    said = {
        "exactly_once": spec.exactly_once,
        "schema_evolution": spec.schema_evolution,
        "flags": spec.flags,
    }
    for name, value in said.items():
        if value:
            raise ValueError(
                f"{name}={value!r} with blocks, which have no such thing; leave it out"
            )


def _static(spec: WriteSpec) -> dict[str, str]:
    items = Partition.of(spec.partition).items if spec.partition else ()
    return {name.lower(): value for name, value in items}


def _constant(text: str, column: Column, n_rows: int) -> pa.ChunkedArray[Any]:
    value: Any = pa.scalar(text).cast(arrow_type(column.type))
    return pa.chunked_array([pa.repeat(value, n_rows)])
