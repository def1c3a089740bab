from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from odps_frames.errors import CorruptStream, IncompleteRead
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import BatchOptions, ReadSessionInfo, ReadSpec
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import TableRef
from odps_frames.model.types import parse_type
from odps_frames.read.session import ReadSession
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.http import Response

if TYPE_CHECKING:
    from odps_frames.wire.http import Request


class ThreeRows:
    """A service that answers every read with three rows."""

    def send(self, _: Request, /) -> Response:
        batch = pa.record_batch({"n": pa.array([1, 2, 3], pa.int64())})
        pieces = encode_stream(batch.schema, [batch])
        return Response.of(b"".join(bytes(memoryview(piece)) for piece in pieces))


def session(n_rows: int | None, row_filter: str | None = None) -> ReadSession:
    info = ReadSessionInfo(
        session_id="s",
        status=SessionStatus.NORMAL,
        schema=TableSchema((Column("n", parse_type("bigint")),)),
        n_splits=2,
        n_rows=n_rows,
    )
    spec = ReadSpec(table=TableRef.parse("p.t"), row_filter=row_filter)
    return ReadSession(ThreeRows(), spec, info)


@pytest.mark.parametrize("n_rows", [6, None])
def test_all_rows_that_were_counted(n_rows: int | None) -> None:
    assert session(n_rows).to_arrow().num_rows == 6


def test_fewer_rows_than_were_counted_are_no_whole_read() -> None:
    with pytest.raises(IncompleteRead) as caught:
        session(7).to_arrow()
    assert (caught.value.expected, caught.value.got) == (7, 6)


def test_more_rows_than_were_counted_are_refused() -> None:
    with pytest.raises(CorruptStream, match="expected 5"):
        session(5).to_arrow()


def test_counts_of_a_session_with_a_filter_are_of_the_rows_that_come() -> None:
    assert session(6, "n > 0").to_arrow().num_rows == 6
    with pytest.raises(IncompleteRead):
        session(7, "n > 0").to_arrow()


def test_the_same_splits_given_by_hand_are_counted_too() -> None:
    reading = session(7)
    with pytest.raises(IncompleteRead):
        list(reading.batches(reversed(reading.splits)))


def test_parts_of_a_session_are_not_counted() -> None:
    reading = session(7)
    assert sum(batch.num_rows for batch in reading.batches(reading.splits[:1])) == 3
    skipping = reading.batches(options=BatchOptions(skip_rows=1))
    assert sum(batch.num_rows for batch in skipping) == 6
