"""Whatever breaks a body off, a read brings every row or raises; it never is short."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.faults import Cut, DropEndMark, Fault, Refuse, Reset, Truncate
from odps_frames.model.read import BatchOptions
from odps_frames.model.splits import ByRows, Split
from odps_frames.transport.retry import Meter
from odps_frames.wire.compression import Compression

if TYPE_CHECKING:
    Stand = Any  # the class of a fixture, which no test module can import

    from odps_frames.read.session import ReadSession

SMALL = pa.table({"id": [1, 2, 3, None], "name": ["a", None, "ccc", "🚀"]})
LARGE = pa.table(
    {"id": pa.array(range(30_000)), "name": pa.array([f"name {n}" for n in range(30_000)])}
)
BROKEN = (of.IncompleteRead, of.CorruptStream, of.ServiceUnavailable)


@pytest.fixture(scope="module", autouse=True)
def tables(module_stand: Stand) -> None:
    for name, data in (("small", SMALL), ("large", LARGE)):
        of.to_odps(data, name, create=True, client=module_stand.client)


def read(
    session: ReadSession, split: Split, compression: Compression, rows: int = 4096
) -> tuple[pa.Table, Meter]:
    meter = Meter()
    options = BatchOptions(max_rows=rows, accept_encoding=compression.content_encoding)
    batches = session.read(split, options=options, meter=meter)
    return pa.Table.from_batches(batches, schema=session.arrow_schema), meter


def cut(stand: Stand, effect: Any, at_byte: int, times: int | None = 1) -> None:
    stand.service.faults.clear()
    stand.service.faults.add(
        Fault(effect=effect, action="TableRead", when="at_byte", at_byte=at_byte, times=times)
    )


@pytest.mark.parametrize("compression", list(Compression))
def test_a_body_cut_at_every_byte_is_read_again(stand: Stand, compression: Compression) -> None:
    session = stand.client.read_session("small")
    (split,) = session.splits
    _, meter = read(session, split, compression)
    for at_byte in range(meter.bytes):
        for effect in (Truncate(), Cut()) if at_byte % 7 else (Truncate(), Cut(), Reset()):
            cut(stand, effect, at_byte)
            table, _ = read(session, split, compression)
            assert table.equals(SMALL), (at_byte, effect)
            ((_, hits),) = stand.service.faults.hits
            assert hits == 1


@pytest.mark.parametrize("compression", list(Compression))
def test_a_body_that_is_always_cut_is_never_short(stand: Stand, compression: Compression) -> None:
    session = stand.client.read_session("small")
    (split,) = session.splits
    _, meter = read(session, split, compression)
    outcomes = set()
    for at_byte in range(0, meter.bytes, 5):
        cut(stand, Truncate(), at_byte, times=None)
        try:
            table, _ = read(session, split, compression)
        except BROKEN:
            outcomes.add("refused")
        else:
            assert table.equals(SMALL), at_byte
            outcomes.add("whole")
    assert "refused" in outcomes


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("split_by", [None, ByRows(11_000)])
def test_a_long_body_cut_at_every_message_and_anywhere(
    stand: Stand, compression: Compression, split_by: Any
) -> None:
    session = stand.client.read_session("large", **({"split_by": split_by} if split_by else {}))
    split = session.splits[0]
    whole, meter = read(session, split, compression, rows=1000)
    assert whole.equals(LARGE.slice(0, whole.num_rows))
    places = random.Random(7).sample(range(meter.bytes), 40)  # noqa: S311  a test that can be repeated
    if compression is Compression.NONE:
        places += message_ends(whole.to_batches(), session.arrow_schema)
    for at_byte in places:
        cut(stand, Truncate(), at_byte)
        table, after = read(session, split, compression, rows=1000)
        assert table.equals(whole), at_byte
        assert after.retries <= 1
        # Nothing but the batch that was cut is fetched twice, besides the schema.
        if compression is Compression.NONE:
            assert after.bytes <= meter.bytes + meter.bytes / 10 + 2000


def message_ends(batches: list[pa.RecordBatch], schema: pa.Schema) -> list[int]:
    """Where the messages of a plain stream end."""
    ends = [schema.serialize().size]
    for batch in batches:
        ends.append(ends[-1] + pa.ipc.get_record_batch_size(batch))
    return ends


def test_many_faults_in_one_read_change_nothing(stand: Stand) -> None:
    session = stand.client.read_session("large")
    (split,) = session.splits
    cut(stand, Cut(), 10_000, times=60)
    table, meter = read(session, split, Compression.NONE, rows=200)
    assert table.equals(LARGE)
    assert meter.retries == 60
    assert meter.rows == LARGE.num_rows


def test_a_stream_without_its_end_mark_is_refused_in_the_end(stand: Stand) -> None:
    stand.service.faults.add(Fault(effect=DropEndMark(), action="TableRead", times=None))
    with pytest.raises(of.IncompleteRead, match="end mark"):
        of.read_odps("small", client=stand.client)


def test_an_end_mark_that_is_lost_once_is_asked_for_again(stand: Stand) -> None:
    stand.service.faults.add(Fault(effect=DropEndMark(), action="TableRead"))
    frame = of.read_odps("small", client=stand.client)
    assert len(frame) == 4
    assert frame.attrs["odps"]["retries"] == 1


@pytest.mark.parametrize("action", ["TableCreateReadSession", "TableRead", "GetTable"])
@pytest.mark.parametrize(
    "effect", [Refuse(429), Refuse(500), Refuse(502), Refuse(503), Refuse(504), Reset(), Cut()]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_read_survives_what_passes(stand: Stand, action: str, effect: Any, when: Any) -> None:
    stand.service.faults.add(Fault(effect=effect, action=action, when=when, times=2))
    assert len(of.read_odps("small", client=stand.client)) == 4
    ((_, hits),) = stand.service.faults.hits
    assert hits == 2


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        (Refuse(400), of.ServiceError),
        (Refuse(403, "NoPermission"), of.PermissionDenied),
        (Refuse(404, "NoSuchTable"), of.NotFound),
        (Refuse(401, "SignatureNotMatch"), of.AuthenticationError),
    ],
)
def test_a_refusal_is_asked_for_once(
    stand: Stand, effect: Any, error: type[of.ServiceError]
) -> None:
    session = stand.client.read_session("small")
    stand.service.faults.add(Fault(effect=effect, action="TableRead", times=None))
    with pytest.raises(error) as caught:
        read(session, session.splits[0], Compression.NONE)
    assert caught.value.attempts == 1
    assert caught.value.session_id == session.session_id


def test_an_expired_session_is_refreshed(stand: Stand) -> None:
    session = stand.client.read_session("small")
    stand.service.faults.add(Fault(effect=Refuse(400, "SessionExpired"), action="TableRead"))
    before = len(stand.service.requests)
    table, _ = read(session, session.splits[0], Compression.NONE)
    assert table.equals(SMALL)
    assert stand.operations(before) == ["TableRead", "TableGetReadSession", "TableRead"]


def test_an_error_says_where_the_read_was(stand: Stand) -> None:
    session = stand.client.read_session("small", split_by=ByRows(2))
    stand.service.faults.add(Fault(effect=Refuse(503), action="TableRead", times=None))
    with pytest.raises(of.ServiceUnavailable) as caught:
        read(session, session.splits[1], Compression.NONE)
    (note,) = caught.value.__notes__
    assert "rows 2 to 4 of demo.small" in note
    assert session.session_id in note
