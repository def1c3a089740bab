"""The block protocol as the service keeps it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator.blocks import MAX_BLOCKS
from odps_frames.errors import Conflict, NotFound, ServiceError
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.write import BlockOptions, StreamId, WriteMode, WriteSpec
from odps_frames.wire import block_protocol as blocks
from odps_frames.wire import write_session as wire
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.block_protocol import BlockCall, BlockCommitCall, BlockId
from odps_frames.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odps_frames.model.write import WriteReceipt, WriteSessionInfo


class Session:
    """What the writer of blocks says."""

    def __init__(self, service: Any, version: str = "2", **options: Any) -> None:
        self.service = service
        self.envelope = Envelope(api_version=version)
        spec = {name: options.pop(name) for name in ("partition", "overwrite") if name in options}
        request = blocks.encode_block_create(
            WriteSpec(
                table=service.ref(),
                mode=WriteMode.BATCH_COMPATIBLE,
                blocks=BlockOptions(**options),
                **spec,
            ),
            self.envelope,
        )
        self.info = wire.decode_session(service.send(request)).value
        self.id = self.info.session_id

    def reserve(self, block: int, attempt: int = 0) -> str:
        request = blocks.encode_reserve(
            self.service.ref(), self.id, BlockId(block, attempt), self.envelope
        )
        reply = wire.decode_stream(self.service.send(request))
        assert reply.value.quota_token is not None
        assert reply.route_token is not None
        return reply.value.quota_token

    def put(self, data: pa.Table, block: int, attempt: int, token: str | None) -> WriteReceipt:
        call = BlockCall(
            table=self.service.ref(),
            session_id=self.id,
            block=BlockId(block, attempt),
            quota_token=token,
        )
        body = b"".join(map(bytes, encode_stream(data.schema, data.to_batches())))
        request = blocks.encode_block_write(call, body, envelope=self.envelope)
        return wire.decode_receipt(self.service.send(request)).value

    def write(self, data: pa.Table, block: int, attempt: int = 0) -> str:
        receipt = self.put(data, block, attempt, self.reserve(block, attempt))
        assert receipt.n_rows == data.num_rows
        assert receipt.commit_message is not None
        return receipt.commit_message

    def commit(self, *messages: str) -> WriteSessionInfo:
        call = BlockCommitCall(self.service.ref(), self.id, messages)
        request = blocks.encode_block_commit(call, self.envelope)
        return wire.decode_session(self.service.send(request)).value

    def get(self) -> WriteSessionInfo:
        request = wire.encode_get(
            self.service.ref(), self.id, WriteMode.BATCH_COMPATIBLE, self.envelope
        )
        return wire.decode_session(self.service.send(request)).value

    def abort(self) -> None:
        request = wire.encode_abort(
            self.service.ref(), self.id, WriteMode.BATCH_COMPATIBLE, self.envelope
        )
        wire.decode_done(self.service.send(request))


def numbers(*values: int, **columns: Any) -> pa.Table:
    return pa.table({"a": pa.array(values, pa.int64()), **columns})


@pytest.fixture
def plain(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT)")
    return service


@pytest.fixture
def parted(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING, n INT)")
    return service


def values(service: Any) -> list[int]:
    return sorted(service.read()["a"].to_pylist())


def files(tmp_path: Path) -> int:
    return len(list((tmp_path / "tables" / "files").iterdir()))


@pytest.mark.parametrize("version", ["2", "3"])
def test_the_whole_way(plain: Any, version: str) -> None:
    session = Session(plain, version, enhance_write_check=True)
    info = session.info
    assert (info.status, info.max_blocks) == (SessionStatus.NORMAL, MAX_BLOCKS)
    assert info.enhance_write_check
    assert info.schema is not None
    assert info.schema.names == ("a",)
    messages = [session.write(numbers(n, n + 1), block) for block, n in ((1, 30), (0, 10))]
    assert json.loads(messages[0]) == {
        "BlockNumber": 1,
        "AttemptNumber": 0,
        "WriterStats": {"RecordNum": 2},
        "BodyDigest": blocks.body_of_message(messages[0]),
    }
    assert values(plain) == []
    assert replace(session.get(), streams=()) == info
    assert session.commit(*messages).status is SessionStatus.COMMITTED
    assert plain.read()["a"].to_pylist() == [10, 11, 30, 31]  # in the order of the blocks
    assert session.commit(*messages).status is SessionStatus.COMMITTED
    assert session.get().status is SessionStatus.COMMITTED
    assert values(plain) == [10, 11, 30, 31]


def test_one_attempt_of_a_block_counts(plain: Any, tmp_path: Path) -> None:
    session = Session(plain)
    first, second = session.write(numbers(1), 0), session.write(numbers(1, 2), 0, attempt=1)
    with pytest.raises(ServiceError, match="block 0 is named twice"):
        session.commit(first, second)
    session.commit(second)
    assert values(plain) == [1, 2]
    assert files(tmp_path) == 1


def test_a_body_that_comes_again_takes_the_place_of_the_first(plain: Any, tmp_path: Path) -> None:
    session = Session(plain)
    token = session.reserve(0)
    assert session.reserve(0) == token
    session.put(numbers(1), 0, 0, token)
    first = session.put(numbers(1, 2), 0, 0, token).commit_message
    second = session.put(numbers(3), 0, 0, token).commit_message
    assert files(tmp_path) == 1
    with pytest.raises(Conflict, match="holds 1 rows; the commit says 2"):
        session.commit(str(first))
    session.commit(str(second))
    assert values(plain) == [3]


def test_a_commit_means_the_very_rows_that_it_was_told_of(plain: Any) -> None:
    session = Session(plain)
    token = session.reserve(0)
    first = session.put(numbers(1), 0, 0, token).commit_message
    second = session.put(numbers(2), 0, 0, token).commit_message
    with pytest.raises(Conflict, match="was written again, with other rows"):
        session.commit(str(first))
    assert session.put(numbers(2), 0, 0, token).commit_message == second
    session.commit(str(second))
    assert values(plain) == [2]


def test_a_second_commit_of_other_blocks_is_no_success(plain: Any) -> None:
    session = Session(plain)
    messages = [session.write(numbers(n), n) for n in range(2)]
    session.commit(messages[0])
    session.commit(messages[0])
    for others in (messages, messages[1:]):
        with pytest.raises(Conflict, match="committed without 'block-1-attempt-0'"):
            session.commit(*others)
    assert values(plain) == [0]


def test_an_empty_commit_empties_what_it_overwrites(plain: Any) -> None:
    plain.write(numbers(1))
    Session(plain).commit()
    assert values(plain) == [1]
    session = Session(plain, overwrite=True)
    session.commit(session.write(numbers(), 0))
    assert values(plain) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_rows_say_their_partitions(parted: Any, overwrite: bool) -> None:  # noqa: FBT001  a case
    parted.write(numbers(1, 2, pt=["x", "y"], n=pa.array([7, 7], pa.int32())))
    session = Session(parted, overwrite=overwrite)
    data = numbers(3, 4, pt=["x", "z"], n=pa.array([7, 8], pa.int32()))
    session.commit(session.write(data, 0))
    found = sorted((row["pt"], row["n"], row["a"]) for row in parted.rows())
    kept = [] if overwrite else [("x", 7, 1)]
    assert found == [*kept, ("x", 7, 3), ("y", 7, 2), ("z", 8, 4)]


def test_a_static_partition_stands_in_the_rows_as_well(parted: Any) -> None:
    session = Session(parted, partition="pt=x,n=7")
    seven = pa.array([7], pa.int32())
    message = session.write(numbers(1, pt=["x"], n=seven), 0)
    with pytest.raises(ServiceError, match="the rows say 'y', and the session was opened for 'x'"):
        session.write(numbers(2, pt=["y"], n=seven), 1)
    with pytest.raises(ServiceError, match="'pt' is missing"):
        session.write(numbers(2), 2)
    session.commit(message)
    assert parted.rows() == [{"a": 1, "pt": "x", "n": 7}]


def test_partitions_are_counted(parted: Any) -> None:
    session = Session(parted, max_partitions=2)
    seven = pa.array([7, 7, 7], pa.int32())
    with pytest.raises(ServiceError, match="rows for 3 partitions; DynamicPartitionLimit is 2"):
        session.write(numbers(1, 2, 3, pt=["x", "y", "z"], n=seven), 0)
    messages = [
        session.write(numbers(1, 2, 3, pt=parts, n=seven), block)
        for block, parts in enumerate((["x", "y", "x"], ["y", "z", "y"]))
    ]
    with pytest.raises(ServiceError, match="rows for 3 partitions"):
        session.commit(*messages)
    session.commit(messages[0])
    assert values(parted) == [1, 2, 3]


def test_long_values_are_refused(service: Any) -> None:
    service.sql("CREATE TABLE t (s STRING)")
    session = Session(service, max_field_bytes=1024)
    with pytest.raises(ServiceError, match="'s' has a value of 1025 bytes; MaxFieldSize is 1024"):
        session.write(pa.table({"s": ["a", "b" * 1025, None]}), 0)
    session.commit(session.write(pa.table({"s": ["ü" * 512, None]}), 1))
    assert service.read().num_rows == 2


@pytest.mark.parametrize(("kind", "unit"), [("TIMESTAMP", "ms"), ("DATETIME", "us")])
def test_times_come_in_the_units_of_the_session(service: Any, kind: str, unit: Any) -> None:
    service.sql(f"CREATE TABLE t (w {kind})")
    session = Session(service)
    with pytest.raises(ServiceError, match=f"'w' came in '{unit}'; the ArrowOptions"):
        session.write(pa.table({"w": pa.array([1], pa.timestamp(unit, "UTC"))}), 0)
    usual: Any = {"TIMESTAMP": "ns", "DATETIME": "ms"}[kind]
    session.commit(session.write(pa.table({"w": pa.array([1], pa.timestamp(usual, "UTC"))}), 1))
    assert service.read().num_rows == 1


def test_blocks_that_nobody_reserved(plain: Any) -> None:
    session = Session(plain)
    with pytest.raises(NotFound, match="block-5-attempt-0"):
        session.put(numbers(1), 5, 0, "token")
    token = session.reserve(5)
    for wrong in (None, "guess", session.reserve(6)):
        with pytest.raises(ServiceError, match="quotaToken"):
            session.put(numbers(1), 5, 0, wrong)
    session.put(numbers(1), 5, 0, token)
    with pytest.raises(ServiceError, match="BlockNumber=20000; expected a number below 20000"):
        session.reserve(MAX_BLOCKS)
    request = wire.encode_open(plain.ref(), StreamId(session.id, "0", 1))
    with pytest.raises(ServiceError, match="expected 'block-N-attempt-M'"):
        wire.decode_stream(plain.send(request))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("opaque", "not JSON"),
        ("{}", "was not given out"),
        ('{"BlockNumber": 0, "AttemptNumber": 0}', "was not given out"),
        (blocks.encode_commit_message(BlockId(0, 0), 1), "was not written"),
        (blocks.encode_commit_message(BlockId(1, 0), 1), "was not written"),
    ],
)
def test_a_commit_names_what_was_written(plain: Any, message: str, words: str) -> None:
    session = Session(plain)
    session.reserve(0)
    with pytest.raises(ServiceError, match=words) as refusal:
        session.commit(message)
    assert refusal.value.status == 400
    assert session.get().status is SessionStatus.NORMAL


def test_blocks_and_streams_do_not_mix(plain: Any) -> None:
    session = Session(plain)
    session.write(numbers(1), 0)
    stream = StreamId(session.id, "block-0-attempt-0", 1)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: plain.send_rows(stream, numbers(1)),
        lambda: plain.close_stream(stream),
        lambda: plain.commit(session.info),
        lambda: wire.decode_stream(plain.send(wire.encode_get_stream(plain.ref(), stream))),
    )
    for call in calls:
        with pytest.raises(ServiceError, match="it takes numbered blocks"):
            call()
    other = plain.open_session()
    session.id = other.session_id
    with pytest.raises(ServiceError, match="of mode Batch"):
        session.put(numbers(1), 0, 0, "token")
    assert values(plain) == []


def test_new_columns_need_a_new_attempt(plain: Any) -> None:
    session = Session(plain)
    token = session.reserve(0)
    plain.sql("ALTER TABLE t ADD COLUMNS (s STRING)")
    with pytest.raises(Conflict, match="changed since 'block-0-attempt-0'") as refusal:
        session.put(numbers(1), 0, 0, token)
    assert refusal.value.code == "SchemaModified"
    session.commit(session.write(numbers(1, s=["x"]), 0, attempt=1))
    assert plain.rows() == [{"a": 1, "s": "x"}]


def test_what_is_aborted_never_shows(plain: Any, tmp_path: Path) -> None:
    session = Session(plain)
    message = session.write(numbers(1), 0)
    session.abort()
    session.abort()
    with pytest.raises(Conflict, match="aborted"):
        session.commit(message)
    with pytest.raises(Conflict, match="aborted"):
        session.reserve(1)
    assert (values(plain), files(tmp_path)) == ([], 0)


def test_blocks_outlive_the_service(open_service: Callable[..., Any]) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT)")
    session = Session(service, max_partitions=3, enhance_write_check=True)
    first, token = session.write(numbers(1), 0), session.reserve(1)
    service.emulator.close()
    session.service = again = open_service()
    assert replace(session.get(), streams=()) == session.info
    second = session.put(numbers(2), 1, 0, token).commit_message
    session.commit(first, str(second))
    assert values(again) == [1, 2]
