"""Every way of writing that public Python has, in both versions of the API."""

from __future__ import annotations

import itertools
import pickle
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.client import Client
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.faults import Fault, Warn
from odps_frames.model.lifecycle import StreamState
from odps_frames.model.write import BlockOptions, StreamId
from odps_frames.wire import names
from odps_frames.write.block_session import BlockSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odps_frames.wire.http import Request, Response

    Stand = Any  # the class of a fixture, which no test module can import

NUMBERS = itertools.count()
SCHEMA = pa.schema([pa.field("id", pa.int64())])
WIDE = pa.schema([*SCHEMA, pa.field("s", pa.string())])
PARTED = pa.schema([*SCHEMA, pa.field("pt", pa.string())])


def rows(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.int64())], schema=SCHEMA)


@pytest.fixture
def name(stand: Stand) -> str:
    name = f"m{next(NUMBERS)}"
    stand.client.create_table(name, {"id": "bigint"})
    return name


@pytest.fixture
def parted(stand: Stand) -> str:
    name = f"m{next(NUMBERS)}"
    stand.client.create_table(name, {"id": "bigint"}, partition_by={"pt": "string"})
    return name


@pytest.fixture(params=["2", "3"])
def client(stand: Stand, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of each version of the API."""
    made = Client(
        replace(stand.client.config, api_version=request.param), policy=stand.time.policy()
    )
    yield made
    made.close()


@pytest.fixture
def third(stand: Stand) -> Iterator[Client]:
    """A client of version 3."""
    made = Client(replace(stand.client.config, api_version="3"), policy=stand.time.policy())
    yield made
    made.close()


def stored(client: Client, name: str) -> list[int]:
    found: list[Any] = of.scan_odps(name, client=client).to_arrow()["id"].to_pylist()
    return sorted(found)


# Versions of streams


@pytest.mark.covers(
    "CreateWriteStreamRequest.session_id",
    "CreateWriteStreamRequest.stream_id",
    "CreateWriteStreamRequest.stream_version",
    "WriteStreamRequest.session_id",
    "WriteStreamRequest.stream_id",
    "WriteStreamRequest.stream_version",
    "CloseWriteStreamRequest.session_id",
    "CloseWriteStreamRequest.stream_id",
    "CloseWriteStreamRequest.stream_version",
    "CreateWriteSessionResponse.session_id",
    "GetWriteSessionResponse.streams",
    "GetWriteStreamResponse.status",
    "GetWriteStreamResponse.record_count",
    "GetWriteStreamResponse.byte_size",
    "GetWriteStreamResponse.error_code",
    "GetWriteStreamResponse.error_message",
    "Status.INIT",
    "Status.RUNNING",
    "Status.OK",
    "WriteMode.BATCH",
)
def test_a_newer_version_of_a_stream_fences_the_older_one(client: Client, name: str) -> None:
    with client.write_session(name) as session:
        old = session.open_stream("a", schema=SCHEMA, version=1)
        opened = session.stream("a", 1)
        assert (opened.state, opened.n_rows) == (StreamState.OPEN, 0)
        old.write(rows(1))
        old.flush()
        running = session.stream("a", 1)
        assert (running.state, running.n_rows) == (StreamState.OPEN, 1)
        new = session.open_stream("a", schema=SCHEMA, version=2)
        new.write(rows(2, 3))
        old.write(rows(4))
        with pytest.raises(of.Conflict, match="abandoned"):
            old.flush()
        fenced = session.stream("a", 1)
        assert (fenced.state, fenced.error_code) == (StreamState.ERROR, "StatusConflict")
        assert fenced.error_message
        new.close()
        closed = session.stream("a", 2)
        assert (closed.state, closed.n_rows) == (StreamState.CLOSED, 2)
        assert closed.n_bytes
        assert session.streams() == (
            (StreamId(session.session_id, "a", 1), StreamState.ERROR),
            (StreamId(session.session_id, "a", 2), StreamState.CLOSED),
        )
        with pytest.raises(of.NotFound):
            session.stream("b")
    assert stored(client, name) == [2, 3]


def test_a_version_that_holds_rows_is_not_opened_twice(client: Client, name: str) -> None:
    session = client.write_session(name)
    writer = session.open_stream("a", schema=SCHEMA, version=1)
    session.open_stream("a", schema=SCHEMA, version=1)  # the answer may have been lost
    writer.write(rows(1))
    writer.flush()
    with pytest.raises(of.Conflict, match="holds 1 rows already; open it under a higher version"):
        session.open_stream("a", schema=SCHEMA, version=1)
    session.abort()


def test_the_commit_takes_the_streams_that_it_names(client: Client, name: str) -> None:
    session = client.write_session(name)
    for stream, version in (("a", 1), ("b", 5), ("c", 0), ("d", 0)):
        with session.open_stream(stream, schema=SCHEMA, version=version) as writer:
            writer.write(rows(ord(stream)))
    session.commit(streams=[("a", 1), "b", StreamId(session.session_id, "c")])
    assert stored(client, name) == [97, 98, 99]


def test_the_commit_takes_what_others_closed(client: Client, name: str) -> None:
    session = client.write_session(name)
    with session.open_stream("mine", schema=SCHEMA) as writer:
        writer.write(rows(1))
    other = client.write_session(name, session_id=session.session_id)
    with other.open_stream("theirs", schema=SCHEMA, version=1) as writer:
        writer.write(rows(2))
    left = other.open_stream("open", schema=SCHEMA, version=1)
    left.write(rows(3))
    left.flush()
    with pytest.warns(of.OdpsWarning, match="1 rows were not committed.*'open' of version 1"):
        session.commit("closed")
    assert stored(client, name) == [1, 2]
    assert len(session.warnings) == 1


def test_someone_who_knows_the_session_closes_and_commits(client: Client, name: str) -> None:
    session = client.write_session(name)
    writer = session.open_stream("a", schema=SCHEMA, version=1)
    writer.write(rows(1))
    writer.flush()
    other = client.write_session(name, session_id=session.session_id)
    other.close_stream("a", 1)
    other.commit()
    assert stored(client, name) == [1]
    late = client.write_session(name, session_id=session.session_id)
    assert late.status == "COMMITTED"
    with pytest.raises(of.Conflict, match="committed already"):
        late.open_stream("b", schema=SCHEMA, version=1)
    with pytest.raises(of.NotFound):
        client.write_session(name, session_id="nobody")


def test_receipts_travel_between_processes(client: Client, name: str) -> None:
    session = client.write_session(name)
    other = client.write_session(name, session_id=session.session_id)
    with other.open_stream("a", schema=SCHEMA) as writer:
        writer.write(rows(1, 2))
    session.accept(pickle.loads(pickle.dumps(other.receipts)))  # noqa: S301  our own bytes
    session.commit()
    assert (stored(client, name), session.n_rows) == ([1, 2], 2)
    stranger = client.write_session(name)
    with pytest.raises(ValueError, match="is not of session"):
        stranger.accept(other.receipts)
    stranger.abort()


@pytest.mark.parametrize("streams", [[], "open", [("a", "b")], [7]])
def test_a_commit_that_names_no_streams_is_refused(client: Client, name: str, streams: Any) -> None:
    session = client.write_session(name)
    with pytest.raises(ValueError, match=r"streams|stream"):
        session.commit(streams)
    session.abort()


@pytest.mark.covers("WriteStreamRequest.compression")
@pytest.mark.parametrize("version", [None, 1])
def test_rows_travel_compressed(stand: Stand, client: Client, name: str, version: Any) -> None:
    sent = {}
    for compression in (None, "lz4", "zstd"):
        before = len(stand.service.requests)
        codec: Any = compression
        with (
            client.write_session(name, overwrite=True) as session,
            session.open_stream("a", schema=SCHEMA, compression=codec, version=version) as writer,
        ):
            writer.write(rows(*[7] * 10_000))
        assert stored(client, name) == [7] * 10_000
        records = stand.service.requests[before:]
        sent[codec] = sum(one.n_bytes for one in records if one.operation == "TableWrite")
    assert max(sent["lz4"], sent["zstd"]) < sent[None] / 10


@pytest.mark.covers(
    "CreateWriteSessionResponse.request_id",
    "GetWriteSessionResponse.request_id",
    "CreateWriteStreamResponse.request_id",
    "GetWriteStreamResponse.request_id",
    "CloseWriteStreamResponse.request_id",
)
def test_every_answer_says_which_request_it_is_of(stand: Stand, client: Client, name: str) -> None:
    seen = {}

    def note(session: of.WriteSession) -> None:
        record = stand.service.requests[-1]
        assert session.request_id == record.request_id
        seen[record.operation] = record.request_id

    session = client.write_session(name)
    note(session)
    session.info()
    note(session)
    writer = session.open_stream("a", schema=SCHEMA, version=1)
    note(session)
    writer.write(rows(1))
    writer.flush()
    note(session)
    session.close_stream("a", 1)
    note(session)
    session.stream("a", 1)
    note(session)
    session.commit()
    note(session)
    assert len(set(seen.values())) == 7


# Exactly once


@pytest.mark.covers(
    "CreateWriteStreamRequest.exactly_once_mode",
    "WriteStreamRequest.row_offset",
    "WriteStreamRequest.access_token",
    "WriteStreamRequest.record_count",
    "CreateWriteStreamResponse.access_token",
    "GetWriteStreamResponse.row_offset",
    "GetWriteStreamResponse.access_token",
    "WriteStreamResponse.exactly_once_row_offset",
)
def test_rows_are_numbered_and_another_process_goes_on(client: Client, name: str) -> None:
    session = client.write_session(name, exactly_once=True)
    writer = session.open_stream("a", schema=SCHEMA)
    for value in range(3):
        writer.write(rows(value, value))
        writer.flush()
    assert writer.row_offset == 6
    del writer  # its process is gone
    joined = client.write_session(name, exactly_once=True, session_id=session.session_id)
    resumed = joined.resume_stream("a", schema=SCHEMA)
    assert resumed.row_offset == 6
    assert joined.stream("a").access_token
    resumed.write(rows(9))
    resumed.close()
    assert joined.n_rows == 7
    joined.commit()
    assert stored(client, name) == [0, 0, 1, 1, 2, 2, 9]


def test_two_writers_of_one_stream_find_out(client: Client, name: str) -> None:
    session = client.write_session(name, exactly_once=True)
    first = session.open_stream("a", schema=SCHEMA)
    first.write(rows(1))
    first.flush()
    second = session.resume_stream("a", schema=SCHEMA)
    second.write(rows(2, 3))
    second.flush()
    first.write(rows(4))
    with pytest.raises(of.Conflict, match="not the body that came last: another writer has"):
        first.flush()
    session.abort()
    assert stored(client, name) == []


@pytest.mark.parametrize("mode", ["batch", "streaming"])
def test_as_many_rows_of_two_writers_are_not_taken_for_the_same(
    third: Client, name: str, mode: str
) -> None:
    session = third.write_session(name, exactly_once=True, mode=mode)
    session.open_stream("a", schema=SCHEMA)
    joined = third.write_session(name, exactly_once=True, mode=mode, session_id=session.session_id)
    first, second = (one.resume_stream("a", schema=SCHEMA) for one in (session, joined))
    first.write(rows(1, 2))
    first.flush()
    second.write(rows(3, 4))
    with pytest.raises(of.Conflict, match="another writer has the stream"):
        second.flush()
    first.write(rows(5))
    first.close()
    if mode == "batch":
        session.commit()
    assert stored(third, name) == [1, 2, 5]


@pytest.mark.parametrize("mode", ["batch", "batch_compatible"])
def test_the_second_of_two_commits_is_told_what_it_left_out(
    client: Client, name: str, mode: str
) -> None:
    sessions = [client.write_session(name, mode=mode)]
    sessions += [client.write_session(name, mode=mode, session_id=sessions[0].session_id)]
    for number, session in enumerate(sessions):
        if isinstance(session, BlockSession):
            session.write_block(number, rows(number))
        else:
            with session.open_stream(number, schema=SCHEMA) as writer:
                writer.write(rows(number))
    first, second = sessions
    first.commit()
    with pytest.raises(of.Conflict, match="committed without") as caught, second:
        pass
    assert [note for note in caught.value.__notes__ if "expires by itself" in note] == []
    assert stored(client, name) == [0]


def test_two_writers_of_one_block_find_out(client: Client, name: str) -> None:
    session = client.write_session(name, mode="batch_compatible")
    joined = client.write_session(name, mode="batch_compatible", session_id=session.session_id)
    assert isinstance(session, BlockSession)
    assert isinstance(joined, BlockSession)
    receipts = [session.write_block(0, rows(1)), joined.write_block(0, rows(2))]
    with pytest.raises(ValueError, match="two writers brought 'block-0', attempt 0"):
        session.accept(receipts)
    with pytest.raises(of.Conflict, match="written again, with other rows"):
        session.commit()
    session.abort()
    assert stored(client, name) == []


def test_receipts_of_older_versions_come_late(client: Client, name: str) -> None:
    session = client.write_session(name)
    told: list[Any] = []
    for version in range(2):
        with session.open_stream("a", schema=SCHEMA, version=version) as writer:
            writer.write(rows(version))
        told += writer.receipts
    session.accept(reversed(told))
    session.commit()
    assert stored(client, name) == [1]


def test_only_numbered_rows_can_be_resumed(client: Client, name: str) -> None:
    plain = client.write_session(name)
    with pytest.raises(ValueError, match="without exactly_once=True"):
        plain.resume_stream("a", schema=SCHEMA)
    plain.abort()
    session = client.write_session(name, exactly_once=True)
    session.open_stream("a", schema=SCHEMA).close()
    with pytest.raises(of.Conflict, match="'a' of version 0 is CLOSED; only an open one"):
        session.resume_stream("a", schema=SCHEMA)
    with pytest.raises(of.NotFound):
        session.resume_stream("b", schema=SCHEMA)
    session.abort()


# Columns that are added under way


@pytest.mark.covers(
    "GetWriteStreamResponse.latest_schema_version",
    "CreateWriteStreamResponse.schema_version",
    "CreateWriteStreamResponse.table_id",
    "CreateWriteStreamResponse.data_schema",
    "CreateWriteSessionRequest.flags",
    "enable_schema_evolution",
)
@pytest.mark.parametrize("version", [None, 1])
def test_writers_follow_the_columns_of_the_table(
    client: Client, name: str, version: int | None
) -> None:
    wide = pa.RecordBatch.from_pydict({"id": [3], "s": ["x"]}, schema=WIDE)
    with client.write_session(name, schema_evolution=True) as session:
        with session.open_stream("a", schema=SCHEMA, version=version) as writer:
            writer.write(rows(1))
            writer.flush()
            client.run(f"ALTER TABLE {name} ADD COLUMNS (s STRING)")
            stream = session.stream("a" if version else "a-0", version or 0)
            assert (stream.schema_version, stream.latest_schema_version) == ("1", "2")
            writer.write(rows(2))
            writer.write(wide)
        other = session.open_stream("b", schema=WIDE, version=1)
        assert session.stream("b", 1).schema_version == "2"
        wanted = session.stream("b", 1).schema
        assert wanted is not None
        assert [column.name for column in wanted.columns] == ["id", "s"]
        other.close()
    found = of.scan_odps(name, client=client).to_arrow().sort_by("id").to_pydict()
    assert found == {"id": [1, 2, 3], "s": [None, None, "x"]}


def test_without_the_flag_a_writer_keeps_its_columns(client: Client, name: str) -> None:
    wide = pa.RecordBatch.from_pydict({"id": [3], "s": ["x"]}, schema=WIDE)
    session = client.write_session(name)
    writer = session.open_stream("a", schema=SCHEMA, version=1)
    with pytest.raises(ValueError, match="for a stream of"):
        writer.write(wide)
    client.run(f"ALTER TABLE {name} ADD COLUMNS (s STRING)")
    writer.write(rows(1))
    with pytest.raises(of.Conflict, match="columns"):
        writer.flush()
    session.abort()


# Warnings


@pytest.mark.covers(
    "CreateWriteSessionResponse.warning_message",
    "GetWriteSessionResponse.warning_message",
    "CloseWriteStreamResponse.warning_message",
    "WriteStreamResponse.warning_message",
)
@pytest.mark.parametrize(
    "action",
    [
        "TableCreateWriteSession",
        "TableGetWriteSession",
        "TableCreateWriteStream",
        "TableGetWriteStream",
        "TableWrite",
        "TableCloseWriteStream",
        "TableCommitWriteSession",
        "TableAbortWriteSession",
    ],
)
@pytest.mark.parametrize("mode", ["batch", "exactly_once", "batch_compatible"])
def test_what_the_service_warns_of_is_heard_once(
    stand: Stand, client: Client, name: str, action: str, mode: str
) -> None:
    stand.service.faults.add(Fault(effect=Warn("mind the gap"), action=action, times=None))
    spec: dict[str, Any] = {"exactly_once": True} if mode == "exactly_once" else {"mode": mode}
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        session = client.write_session(name, **{"mode": "batch"} | spec)
        with session.open_stream(schema=SCHEMA) as writer:
            for value in range(2):
                writer.write(rows(value))
                writer.flush()
                session.info()
        (session.abort if "Abort" in action else session.commit)()
    ((_, hits),) = stand.service.faults.hits
    assert [str(one.message) for one in heard] == ["mind the gap"] * bool(hits)
    assert all(one.category is of.OdpsWarning for one in heard)
    assert session.warnings == ("mind the gap",) * bool(hits)
    unused = {"TableGetWriteStream", "TableCloseWriteStream"}
    assert hits or (mode == "batch_compatible" and action in unused)


def test_warnings_that_are_errors_break_nothing(stand: Stand, client: Client, name: str) -> None:
    stand.service.faults.add(Fault(effect=Warn("mind the gap"), action="TableCommit*"))
    with (
        pytest.raises(of.OdpsWarning, match="mind the gap"),
        client.write_session(name) as session,
        session.open_stream(schema=SCHEMA) as writer,
    ):
        writer.write(rows(1))
    assert stored(client, name) == [1]
    assert session.status == "COMMITTED"


def test_to_odps_tells_what_it_was_warned_of(stand: Stand, client: Client, name: str) -> None:
    stand.service.faults.add(Fault(effect=Warn("mind the gap"), action="TableWrite", times=None))
    with pytest.warns(of.OdpsWarning, match="mind the gap"):
        result = of.to_odps(pa.table({"id": [1]}), name, client=client)
    assert result.warnings == ("mind the gap",)


# Streaming


@pytest.mark.covers("WriteMode.STREAMING", "WriteMode.STREAMING_REALTIME", "StagingId")
@pytest.mark.parametrize("mode", ["streaming", "streaming_realtime"])
def test_rows_show_as_they_stream(third: Client, parted: str, mode: str) -> None:
    batch = pa.RecordBatch.from_pydict({"id": [1, 2], "pt": ["x", "y"]}, schema=PARTED)
    with third.write_session(parted, mode=mode) as session:
        writer = session.open_stream("a", schema=PARTED)
        writer.write(batch)
        writer.flush()
        assert stored(third, parted) == [1, 2]
        first = writer.staging_id
        writer.write(batch)
        writer.close()
        assert writer.staging_id is not None
        assert first is not None
        assert int(writer.staging_id) > int(first)
        assert session.min_uncommitted_staging_id() is None
    assert stored(third, parted) == [1, 1, 2, 2]
    session.commit()
    with pytest.raises(of.Conflict):
        third.write_session(parted, mode=mode).commit(["a"])


@pytest.mark.covers("MinUncommittedStagingId", "StagingId")
def test_rows_of_a_session_of_its_own_stream_up_to_the_commit(third: Client, parted: str) -> None:
    session = third.write_session(parted, mode="streaming", partition="pt=x", autocommit=False)
    writer = session.open_stream("a", schema=SCHEMA)
    writer.write(rows(1))
    writer.flush()
    assert session.min_uncommitted_staging_id() == writer.staging_id
    assert stored(third, parted) == []
    writer.close()
    session.commit()
    assert stored(third, parted) == [1]
    assert session.min_uncommitted_staging_id() is None


def test_who_fails_amid_streaming_is_told_what_shows(third: Client, name: str) -> None:
    def fail() -> None:
        with third.write_session(name, mode="streaming") as session:
            writer = session.open_stream("a", schema=SCHEMA)
            writer.write(rows(1))
            writer.flush()
            raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose") as caught:
        fail()
    assert any("are visible there" in note for note in caught.value.__notes__)
    assert stored(third, name) == [1]


def test_streamed_rows_count_once(third: Client, name: str) -> None:
    with third.write_session(name, mode="streaming", exactly_once=True) as session:
        writer = session.open_stream("a", schema=SCHEMA, version=1)
        writer.write(rows(1))
        writer.flush()
    again = third.write_session(name, mode="streaming", exactly_once=True)
    with pytest.raises(of.Conflict, match="holds 1 rows"):
        again.open_stream("a", schema=SCHEMA, version=1)
    writer = again.resume_stream("a", 1, schema=SCHEMA)
    writer.write(rows(2))
    writer.close()
    assert (writer.row_offset, stored(third, name)) == (2, [1, 2])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"mode": "streaming", "partition": "pt=x"}, "partition='pt=x' for rows that are visible"),
        ({"mode": "streaming", "overwrite": True}, "overwrite=True for rows"),
        ({"mode": "streaming", "schema_evolution": True}, "schema_evolution=True for rows"),
        ({"mode": "sometimes"}, "mode='sometimes'; expected one of"),
        ({"autocommit": True}, "autocommit=True in mode 'batch'"),
        ({"mode": "streaming", "autocommit": True, "session_id": "s"}, "autocommit=True for"),
        ({"blocks": BlockOptions()}, "only BatchCompatible has blocks"),
        ({"mode": "batch_compatible", "exactly_once": True}, "exactly_once=True with blocks"),
        ({"mode": "batch_compatible", "flags": {"a": "b"}}, "flags="),
        ({"mode": "batch_compatible", "schema_evolution": True}, "schema_evolution=True with"),
    ],
)
def test_what_no_session_has_is_refused_before_anything_is_sent(
    stand: Stand, third: Client, parted: str, spec: dict[str, Any], words: str
) -> None:
    before = len(stand.service.requests)
    with pytest.raises(ValueError, match=words):
        third.write_session(parted, **spec)
    assert stand.operations(before) == []


@pytest.mark.parametrize("mode", ["streaming", "streaming_realtime"])
def test_streaming_needs_version_3(stand: Stand, name: str, mode: str) -> None:
    before = len(stand.service.requests)
    with pytest.raises(of.ConfigError, match=r"connect\(api_version='3'\)"):
        stand.client.write_session(name, mode=mode)
    assert stand.operations(before) == []


# Numbered blocks


@pytest.mark.covers("WriteMode.BATCH_COMPATIBLE")
@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_blocks_of_several_processes(
    client: Client,
    parted: str,
    compression: Any,
    enhanced: bool,  # noqa: FBT001  a case
) -> None:
    options = BlockOptions(enhance_write_check=enhanced)
    spec: dict[str, Any] = {"mode": "batch_compatible", "partition": "pt=x", "blocks": options}
    with client.write_session(parted, **spec) as session:
        assert isinstance(session, BlockSession)
        assert session.arrow_schema.names == ["id", "pt"]
        worker = client.write_session(parted, session_id=session.session_id, **spec)
        assert isinstance(worker, BlockSession)
        told = [
            worker.write_block(7, [rows(1), rows(2)], compression=compression),
            worker.write_block(9, pa.table({"id": [3], "pt": ["x"]}), compression=compression),
        ]
        session.accept(pickle.loads(pickle.dumps(told)))  # noqa: S301  our own bytes
        with session.open_stream(schema=SCHEMA, compression=compression) as writer:
            writer.write(rows(4))
            writer.flush()
            writer.write(rows(5))
        assert [receipt.stream.stream for receipt in writer.receipts] == ["block-0", "block-1"]
        assert session.n_rows == 5
        assert stored(client, parted) == []
    assert stored(client, parted) == [1, 2, 3, 4, 5]
    assert of.scan_odps(parted, client=client).to_arrow()["pt"].unique().to_pylist() == ["x"]


def test_a_block_counts_once_whoever_sends_it(client: Client, name: str) -> None:
    with client.write_session(name, mode="batch_compatible") as session:
        assert isinstance(session, BlockSession)
        session.write_block(3, rows(1))
        session.write_block(3, rows(2, 3), attempt=1)
        session.write_block(4, rows())
    assert stored(client, name) == [2, 3]


def test_numbers_of_blocks_do_not_meet(client: Client, name: str) -> None:
    with client.write_session(name, mode="batch_compatible") as session:
        assert isinstance(session, BlockSession)
        session.write_block(0, rows(1))
        with session.open_stream(schema=SCHEMA) as writer:
            writer.write(rows(2))
        with pytest.raises(ValueError, match="number=1 was given to a block of open_stream"):
            session.write_block(1, rows(3))
    assert stored(client, name) == [1, 2]


def test_blocks_overwrite(client: Client, parted: str) -> None:
    of.to_odps(pa.table({"id": [1, 2], "pt": ["x", "y"]}), parted, client=client)
    with client.write_session(
        parted, mode="batch_compatible", partition="pt=x", overwrite=True
    ) as session:
        assert isinstance(session, BlockSession)
        session.write_block(0, rows(3))
    assert stored(client, parted) == [2, 3]
    with client.write_session(parted, mode="batch_compatible", overwrite=True) as session:
        assert isinstance(session, BlockSession)
        session.write_block(0, pa.table({"id": [4, 5], "pt": ["y", "z"]}))
    assert stored(client, parted) == [3, 4, 5]


def test_what_is_wrong_with_a_block_is_said_before_it_is_sent(
    stand: Stand, client: Client, parted: str
) -> None:
    session = client.write_session(parted, mode="batch_compatible")
    assert isinstance(session, BlockSession)
    before = len(stand.service.requests)
    with pytest.raises(ValueError, match="number=20000; the session takes blocks below 20000"):
        session.write_block(20_000, rows(1))
    for number, attempt in ((-1, 0), (0, -1)):
        with pytest.raises(ValueError, match="expected 0 or more"):
            session.write_block(number, rows(1), attempt=attempt)
    with pytest.raises(of.SchemaMismatch, match=r"lack \['pt'\] and have \['extra'\]"):
        session.write_block(0, pa.table({"id": [1], "extra": [1]}))
    with pytest.raises(ValueError, match="no batch"):
        session.write_block(0, [])
    for index, version in ((0, 1), (4, None)):
        with pytest.raises(ValueError, match="no named streams"):
            session.open_stream(index, schema=SCHEMA, version=version)
    with pytest.raises(ValueError, match="has no streams"):
        session.commit(["a"])
    joined = BlockSession(client.transport, session.spec, session.session_id, client.envelope())
    with pytest.raises(ValueError, match="made elsewhere"):
        joined.open_stream(schema=SCHEMA)
    assert stand.operations(before) == []
    session.abort()
    with pytest.raises(of.Conflict, match="ABORTED"):
        session.write_block(0, rows(1))


def test_limits_of_blocks_hold(client: Client, parted: str) -> None:
    options = BlockOptions(max_partitions=1, max_field_bytes=1024)
    session = client.write_session(parted, mode="batch_compatible", blocks=options)
    assert isinstance(session, BlockSession)
    with pytest.raises(of.ServiceError, match="DynamicPartitionLimit is 1"):
        session.write_block(0, pa.table({"id": [1, 2], "pt": ["x", "y"]}))
    session.abort()


# Route tokens


class Listener:
    """A service in this process, and the tokens that it was sent."""

    def __init__(self, service: Emulator) -> None:
        self.service = service
        self.tokens: list[tuple[str, str | None]] = []

    def send(self, request: Request, /) -> Response:
        self.tokens.append((request.operation, request.headers.get(names.ROUTE_TOKEN)))
        return self.service.send(request)


@pytest.mark.covers(
    "CreateWriteSessionResponse.route_token",
    "GetWriteSessionResponse.route_token",
    "CreateWriteStreamResponse.route_token",
    "GetWriteStreamResponse.route_token",
)
@pytest.mark.parametrize(
    ("mode", "exactly_once"), [("batch", False), ("batch", True), ("batch_compatible", False)]
)
def test_calls_go_where_the_first_answer_says(
    tmp_path: Path,
    mode: str,
    exactly_once: bool,  # noqa: FBT001  a case
) -> None:
    config = of.Config(
        endpoint="http://service.invalid/api", project="demo", access_id="a", secret_access_key="b"
    )
    with Emulator(tmp_path) as service:
        listener = Listener(service)
        client = Client(config, transport=listener)
        client.create_table("t", {"id": "bigint"})
        listener.tokens.clear()
        with client.write_session("t", mode=mode, exactly_once=exactly_once) as session:
            with session.open_stream(schema=SCHEMA) as writer:
                writer.write(rows(1))
            joined = client.write_session(
                "t", mode=mode, exactly_once=exactly_once, session_id=session.session_id
            )
            joined.info()
        first, *later = [pair for pair in listener.tokens if "Write" in pair[0]]
        assert first == ("TableCreateWriteSession", None)
        joining = later.index(("TableGetWriteSession", None))  # who joins knows no token yet
        del later[joining]
        assert {token for _, token in later} == {later[0][1]}
        assert later[0][1]


# Rows that somebody still holds


def forget_to_close(session: of.WriteSession, *, flushed: bool) -> None:
    with session:
        writer = session.open_stream(schema=SCHEMA)
        writer.write(rows(1, 2))
        if flushed:
            writer.flush()


WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"exactly_once": True},
    {"mode": "batch_compatible"},
    {"mode": "streaming", "autocommit": False},
)


@pytest.mark.parametrize(
    ("spec", "flushed"),
    [*itertools.product(WAYS, [False, True]), ({"mode": "streaming"}, False)],
    ids=repr,
)
def test_a_writer_that_nobody_closed_stops_the_commit(
    third: Client,
    name: str,
    spec: dict[str, Any],
    flushed: bool,  # noqa: FBT001  a case
) -> None:
    session = third.write_session(name, **spec)
    with pytest.raises(ValueError, match="took rows and were not closed"):
        forget_to_close(session, flushed=flushed)
    assert session.status is of.SessionStatus.ABORTED
    assert stored(third, name) == []


def test_a_writer_beside_others_is_not_forgotten(client: Client, name: str) -> None:
    session = client.write_session(name)
    with session.open_stream("a", schema=SCHEMA) as writer:
        writer.write(rows(1))
    left = session.open_stream("b", schema=SCHEMA)
    left.write(rows(2))
    for streams in (None, "closed"):
        with pytest.raises(ValueError, match=r"streams \['b'\] took rows"):
            session.commit(streams)
    left.close()
    session.commit()
    assert stored(client, name) == [1, 2]


def test_a_failed_writer_alone_is_no_success(client: Client, name: str) -> None:
    session = client.write_session(name)
    writer = session.open_stream(schema=SCHEMA)
    writer.write(rows(1))
    writer.flush()
    failed = RuntimeError("in its with block")
    writer.__exit__(RuntimeError, failed, None)
    with pytest.raises(ValueError, match=r"streams \['0'\] failed, and no other one"):
        session.commit()
    with session.open_stream("again", schema=SCHEMA) as writer:
        writer.write(rows(1, 2))
    session.commit()
    assert stored(client, name) == [1, 2]


def test_two_writers_of_one_name_are_told_apart(client: Client, name: str) -> None:
    session = client.write_session(name)
    with session.open_stream(schema=SCHEMA) as writer:
        writer.write(rows(1))
    with pytest.raises(ValueError, match="stream '0' was opened in this session already"):
        session.open_stream(schema=SCHEMA)
    with session.open_stream(1, schema=SCHEMA) as writer:
        writer.write(rows(2))
    session.commit()
    assert stored(client, name) == [1, 2]


def test_a_stream_that_its_session_closes_is_committed_too(client: Client, name: str) -> None:
    session = client.write_session(name)
    first = session.open_stream("a", schema=SCHEMA, version=1)
    first.write(rows(1))
    with pytest.raises(ValueError, match="holds rows that were not sent; close the writer"):
        session.close_stream("a", 1)
    first.flush()
    session.close_stream("a", 1)
    with pytest.raises(ValueError, match="the writer is closed"):
        first.write(rows(3))
    with session.open_stream("b", schema=SCHEMA, version=1) as second:
        second.write(rows(2))
    session.commit()
    assert stored(client, name) == [1, 2]


def test_what_a_session_is_told_is_what_it_means(client: Client, name: str, parted: str) -> None:
    for option in ("overwrite", "exactly_once", "schema_evolution"):
        said_as_text: dict[str, Any] = {option: "false"}
        with pytest.raises(TypeError, match=f"{option}='false'; expected True or False"):
            client.write_session(name, **said_as_text)
    with pytest.raises(ValueError, match="has no text form that everybody reads alike"):
        client.write_session(parted, partition={"pt": "a,b"})
    made = client.write_session(parted)
    with pytest.raises(ValueError, match=r"overwrite=True for session .* which was made already"):
        client.write_session(parted, session_id=made.session_id, overwrite=True)
    for said in ({"pt": 7}, of.Partition.of("pt=7"), "pt=7"):
        with client.write_session(parted, partition=said) as session:
            assert session.spec.partition == "pt=7"
            with session.open_stream(schema=SCHEMA) as writer:
                writer.write(rows(1))
    assert stored(client, parted) == [1, 1, 1]


def test_a_writer_takes_batches(client: Client, name: str) -> None:
    session = client.write_session(name)
    writer: Any = session.open_stream(schema=SCHEMA)
    with pytest.raises(TypeError, match=r"write\(\) of a Table; expected a pyarrow.RecordBatch"):
        writer.write(pa.table({"id": [1]}))
    session.abort()


def test_an_attempt_at_a_block_is_made_once(client: Client, name: str) -> None:
    with client.write_session(name, mode="batch_compatible") as session:
        assert isinstance(session, BlockSession)
        session.write_block(0, rows(1))
        with pytest.raises(ValueError, match="block 0 was written already, by attempt 0"):
            session.write_block(0, rows(2))
        session.write_block(1, rows(2))
    assert stored(client, name) == [1, 2]
