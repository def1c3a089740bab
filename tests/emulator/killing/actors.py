"""What goes on in the service when it is killed: several callers, each with a table of its own.

Each says what it begins and what was acknowledged in a log that outlives the kill. What an
operation does follows from its number, so that `judging` can tell what must be there.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sqlite3
import threading
import time
import traceback
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from odps_frames.emulator.compaction import compact
from odps_frames.emulator.tunnel.arrow_frames import encode_frames
from odps_frames.errors import NotFound
from odps_frames.model.splits import BySize, Split
from odps_frames.model.write import StreamId, WriteMode
from odps_frames.wire import blobs, instance, write_session
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.http import Request
from odps_frames.wire.instance import Statement, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTED = "(a BIGINT, i BIGINT) PARTITIONED BY (pt STRING)"
TABLES = {
    "plain": f"CREATE TABLE IF NOT EXISTS plain {PARTED}",
    "old": "CREATE TABLE IF NOT EXISTS old (a BIGINT, i BIGINT)",
    "over": (
        f"CREATE TABLE IF NOT EXISTS over {PARTED} TBLPROPERTIES ('acid.data.retain.hours'='0')"
    ),
    "keyed": (
        "CREATE TABLE IF NOT EXISTS keyed (a BIGINT NOT NULL, i BIGINT, PRIMARY KEY (a)) "
        "TBLPROPERTIES ('transactional'='true')"
    ),
    "flow": "CREATE TABLE IF NOT EXISTS flow (a BIGINT, i BIGINT)",
    "pics": "CREATE TABLE IF NOT EXISTS pics (a BIGINT, p BLOB)",
}
BATCH = 8
DEFINITIONS = (
    "CREATE TABLE d (a BIGINT) PARTITIONED BY (pt STRING)",
    "ALTER TABLE d ADD PARTITION (pt='x') PARTITION (pt='y')",
    "ALTER TABLE d ADD COLUMNS (b BIGINT, c BIGINT)",
    "ALTER TABLE d DROP PARTITION (pt='x'), PARTITION (pt='y')",
    "DROP TABLE d",
)
STATES: tuple[Any, ...] = ([1, 0], [1, 2], [3, 2], [3, 0], None)
"""Columns and partitions after each of them."""
KEYS = 40
KNOWN_SECONDS = 20
"""So long sessions and results are asked for again; they live a while longer."""
MODE: dict[str, Any] = {"mode": WriteMode.STREAMING, "envelope": Envelope(api_version="3")}
STREAMING: dict[str, Any] = {"exactly_once": True, **MODE}


class Log:
    """Lines that are there when their writer is not."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def say(self, **facts: Any) -> None:
        # A line that a kill cut is followed by a whole one.
        os.write(self._handle, b"\n" + json.dumps(facts).encode())


def said(path: str, start: int = 0) -> list[dict[str, Any]]:
    """Return what a log says; a line that was cut says nothing."""
    found = []
    with open(path, "rb") as file:  # noqa: PTH123  a log is a path from a command line
        file.seek(start)
        for line in file.read().split(b"\n"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def batch(number: int) -> pa.Table:
    return pa.table({"a": [number] * BATCH, "i": range(BATCH), "pt": ["x", "y"] * (BATCH // 2)})


def upserts(number: int) -> dict[int, int | None]:
    """What one commit does to the keys: a value, or None to delete."""
    random_ = random.Random(number)  # noqa: S311  nothing secret
    keys = random_.sample(range(KEYS), 12)
    return {key: None if place < 3 else number for place, key in enumerate(keys)}


def picture(number: int) -> bytes:
    return sha256(str(number).encode()).digest() * (1 + number % 100)


def digest(rows: list[Any]) -> str:
    return sha256(json.dumps(rows).encode()).hexdigest()


def splits(service: Any, table: str, session: str, n_splits: int) -> str:
    """Read all of a session and return its digest."""
    rows = [
        service.read_split(Split(session, index), table).to_pylist() for index in range(n_splits)
    ]
    return digest(rows)


class Actors:
    """Callers that go on until they are killed."""

    def __init__(self, service: Any, log: Log, resolved: dict[str, Any], seed: int) -> None:
        self._service = service
        self._log = log
        self._resolved = resolved
        self._seed = seed
        self._count = itertools.count()
        self._work = [
            self.append,
            self.upload,
            self.overwrite,
            self.upsert,
            self.stream,
            self.define,
            self.upload_blob,
            self.query,
            self.join,
            self.look,
            self.checkpoint,
        ]

    def start(self) -> None:
        for work in self._work:
            threading.Thread(target=self._repeat, args=(work,), daemon=True).start()

    def take_turns(self) -> None:
        """Do everything once, one after the other, and come to an end."""
        for work in self._work:
            work(next(self._count) + self._seed * 10_000)

    def _repeat(self, work: Callable[[int], None]) -> None:
        random_ = random.Random(f"{self._seed} {work.__name__}")  # noqa: S311  nothing secret
        try:
            while True:
                time.sleep(random_.random() * self._pause(work))
                work(next(self._count) + self._seed * 10_000)
        except BaseException:  # noqa: BLE001  whatever it is, it must be seen
            self._log.say(failure=traceback.format_exc())
            os._exit(3)

    def _pause(self, work: Callable[[int], None]) -> float:
        """Let those that take long not take everything."""
        return 0.2 if work in (self.query, self.join, self.look, self.checkpoint) else 0.01

    @contextmanager
    def _doing(self, kind: str, number: int, **facts: Any) -> Iterator[dict[str, Any]]:
        self._log.say(begin=number, kind=kind, **facts)
        found: dict[str, Any] = {}
        yield found
        self._log.say(ack=number, kind=kind, **facts, **found)

    def _step(self, kind: str, number: int, step: str) -> None:
        self._log.say(step=step, kind=kind, number=number)

    def _write(self, kind: str, number: int, data: list[pa.Table], **spec: Any) -> None:
        """Write one stream for each table of rows and commit them together."""
        session = self._service.open_session(kind, **spec)
        for place, rows in enumerate(data):
            stream, _ = self._service.open_stream(session, f"s{place}", table=kind)
            self._step(kind, number, "write")
            self._service.send_rows(stream, rows, kind)
            self._service.close_stream(stream, kind)
        self._step(kind, number, "commit")
        self._service.commit(session, table=kind)

    def append(self, number: int) -> None:
        rows = batch(number)
        with self._doing("plain", number):
            self._write("plain", number, [rows.slice(0, 3), rows.slice(3)])

    def overwrite(self, number: int) -> None:
        rows = batch(number)
        with self._doing("over", number):
            self._write("over", number, [rows.slice(0, 4), rows.slice(4)], overwrite=True)

    def upsert(self, number: int) -> None:
        changes = upserts(number)
        data = pa.table(
            {
                "a": pa.array(changes, pa.int64()),
                "i": pa.array(changes.values(), pa.int64()),
                "__operation": pa.array(
                    [68 if value is None else 85 for value in changes.values()], pa.int8()
                ),
            }
        )
        with self._doing("keyed", number):
            self._write("keyed", number, [data])

    def stream(self, number: int) -> None:
        """Send some rows more to a stream that counts each of them once, whoever sends it."""
        service, ref = self._service, self._service.ref("flow")
        stream = StreamId("default", "s", 1)
        try:
            request = write_session.encode_get_stream(ref, stream, **STREAMING)
            info = write_session.decode_stream(service.send(request)).value
        except NotFound:
            request = write_session.encode_open(ref, stream, **STREAMING)
            info = write_session.decode_stream(service.send(request)).value
        first = info.row_offset or 0
        data = pa.table({"a": range(first, first + 5), "i": [number] * 5})
        with self._doing("flow", number, until=first + 5):
            told: dict[str, Any] = {"row_offset": first, "access_token": info.access_token}
            service.send_rows(stream, data, "flow", **told, **MODE)

    def upload(self, number: int) -> None:
        """Write through the tunnel of before, as records of Arrow."""

        def send(method: str, body: bytes | None = None, **query: Any) -> bytes:
            pairs = tuple((name, str(value)) for name, value in query.items())
            path = "/projects/demo/tables/old"
            answer = self._service.send(Request(method=method, path=path, query=pairs, body=body))
            assert answer.ok, answer.read()
            return bytes(answer.read())

        with self._doing("old", number):
            upload = json.loads(send("POST", uploads=1))["UploadID"]
            for block in range(2):
                self._step("old", number, "write")
                rows = batch(number).select(["a", "i"]).slice(block * 4, 4)
                body = b"".join(encode_frames(rows.combine_chunks().to_batches()))
                send("PUT", body, uploadid=upload, blockid=block, arrow="")
            self._step("old", number, "commit")
            send("POST", uploadid=upload)

    def define(self, number: int) -> None:
        place = (self._resolved["d"] + 1) % len(DEFINITIONS)
        with self._doing("d", number, place=place):
            self._service.sql(DEFINITIONS[place])
        self._resolved["d"] = place

    def upload_blob(self, number: int) -> None:
        service = self._service
        with self._doing("pics", number):
            session = service.open_session("pics")
            stream = StreamId(session.session_id, "p", 1)
            self._step("pics", number, "write")
            request = blobs.encode_write_blob(
                service.ref("pics"), stream, picture(number), column_index=2
            )
            (ref,) = blobs.decode_receipt(service.send(request), 1).value.refs
            stream, _ = service.open_stream(session, table="pics")
            service.send_rows(
                stream, pa.table({"a": [number], "p": pa.array([ref], pa.binary())}), "pics"
            )
            service.close_stream(stream, "pics")
            self._step("pics", number, "commit")
            service.commit(session, table="pics")

    def query(self, number: int) -> None:
        service = self._service
        sql = "SELECT count(*) AS n, count(DISTINCT a) AS a FROM over"
        with self._doing("query", number) as found:
            submitted = service.send(instance.encode_submit("demo", Statement(sql=sql)))
            ref = instance.decode_submitted(submitted).value
            found["instance"] = ref.instance
            found["text"] = result_of(service, ref)
            found["until"] = time.time() + KNOWN_SECONDS

    def join(self, number: int) -> None:
        store = self._service.emulator.store
        with store.database.read() as connection:
            ids = [row["id"] for row in connection.execute("SELECT id FROM tables")]
        with self._doing("join", number):
            for table_id in ids:
                compact(store, table_id, None, store.now())

    def checkpoint(self, number: int) -> None:
        """Have the log of the catalog carried over, which happens by itself now and then."""
        path = self._service.emulator.store.path / "catalog.sqlite"
        with self._doing("checkpoint", number), closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def look(self, number: int) -> None:
        table = ("plain", "over", "keyed")[number % 3]
        with self._doing("look", number, table=table) as found:
            session = self._service.open_read(table, split_by=BySize(400))
            found["session"], found["splits"] = session.session_id, session.n_splits
            found["digest"] = splits(self._service, table, session.session_id, session.n_splits)
            found["until"] = time.time() + KNOWN_SECONDS


def result_of(service: Any, ref: Any) -> str:
    """Wait for a query and return what it gave."""
    while True:
        reply = instance.decode_result_reply(service.send(instance.encode_result(ref)))
        if reply.value:
            (result,) = reply.value
            if result.status is not TaskStatus.RUNNING:
                assert result.status is TaskStatus.SUCCESS, result
                return str(result.text)
        time.sleep(0.002)
