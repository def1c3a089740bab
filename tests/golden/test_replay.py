"""Every recorded request, sent as it was to a service behind a socket.

Only what a service makes up is replaced: ids of sessions, of instances and of the table, tokens,
and references to blobs. The answer must have the recorded status and every member that the
recorded answer had; a stream must have the recorded columns.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server
from odps_frames.wire.arrow_stream import ArrowStreamReader
from odps_frames.wire.compression import Compression, decompress
from odps_frames.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.golden.conftest import Golden, Recording

DATA = Path(__file__).parent / "data"
PROJECT = "golden_project"
TARGET = f"projects.{PROJECT}.tables.golden_table"
PLAIN = "id BIGINT, name STRING"
KEYED = "id BIGINT NOT NULL, v STRING, PRIMARY KEY (id)"
BLOBS = "id BIGINT, b BLOB, arr ARRAY<STRUCT<f1:STRING,f2:BLOB>>"

NOT_REPLAYED = {
    "the answer is an error that the service was told to give": (
        r"v2-error-.*|ms-v2-error-.*|ms-v2-retry-\d+-1|rest-table-get-403"
    ),
    "a syntax error comes as the result of the instance": "rest-execute-sql-parse-error",
    "the recorded reference to a blob was answered with a wrong digest on purpose": (
        "v2-blob-write-stream-md5-mismatch"
    ),
}
"""Recordings of what a sound service does not do, by the reason."""

OPTIONAL = {
    *(".WarningMessage", ".Message", ".CommitMessage", ".LatestVersion"),
    *(".StagingId", ".MinUncommittedStagingId", ".QuotaName"),
}
"""Members that the recorded answers had, and that need not be there."""


@dataclass
class Stage:
    """A service with nothing in it yet, and what stands for the recorded names."""

    service: Emulator
    host: str
    names: dict[str, str] = field(default_factory=dict)
    mode: dict[str, str] = field(default_factory=dict)
    """What version 3 says in all that has to do with writing."""
    references: dict[bytes, bytes] = field(default_factory=dict)

    def send(
        self, method: str, address: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request as it is, on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            chunked = headers.get("Transfer-Encoding") == "chunked"
            content = iter([body]) if chunked else body or None
            connection.request(method, address, content, headers, encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    def act(self, action: str, document: object, **query: str) -> Any:
        """Carry out an action of the storage site; bytes are rows or a blob."""
        target = query.pop("Target", TARGET)
        version = 3 if self.mode else 2
        pairs = {"Action": action, "Target": target, **query, **self.mode}
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        address = f"/api/storage/v{version}?{urlencode(pairs)}"
        status, headers, answer = self.send("POST", address, {}, body)
        assert status == 200, answer
        self.names["golden-route-token-1"] = headers.get("x-odps-max-storage-route-token", "")
        return json.loads(answer)

    def run(self, sql: str, *, fails: bool = False) -> str:
        """Run a statement to its end and return the id of its instance."""
        job = (
            "<Instance><Job><Priority>9</Priority><Tasks><SQL><Name>AnonymousSQLTask</Name>"
            f"<Config/><Query><![CDATA[{sql};]]></Query></SQL></Tasks>"
            "<DAG><RunMode>Sequence</RunMode></DAG></Job></Instance>"
        )
        path = f"/api/projects/{PROJECT}/instances"
        status, headers, answer = self.send("POST", path, {}, job.encode())
        assert status == 201, answer
        instance = str(headers["Location"]).rpartition("/")[2]
        while b"Terminated" not in self.send("GET", f"{path}/{instance}", {}, b"")[2]:
            pass
        _, _, result = self.send("GET", f"{path}/{instance}?result", {}, b"")
        assert (b"Failed" in result) == fails, result
        return instance

    def create(self, columns: str = PLAIN, more: str = "PARTITIONED BY (pt STRING)") -> None:
        """Make the table of the recordings."""
        keyed = " TBLPROPERTIES ('transactional'='true')" if "PRIMARY KEY" in columns else ""
        self.run(f"CREATE TABLE {PROJECT}.golden_table ({columns}) {more}{keyed}")

    def fill(self) -> None:
        """Write some rows into two partitions."""
        for partition, ids in (("pt=20240101", range(6)), ("pt=20240102", range(6, 9))):
            self.open_session(partition)
            self.open_stream()
            rows = pa.table({"id": pa.array(ids, pa.int64()), "name": [f"n{n}" for n in ids]})
            self.act("TableWrite", bytes_of(rows), **self.stream(), Count=str(rows.num_rows))
            self.close()
            self.act("TableCommitWriteSession", {}, **self.session())

    def open_session(self, partition: str = "") -> None:
        """Open a write session."""
        body = {"PartialPartitionSpec": partition, "Flags": {}}
        made = self.act("TableCreateWriteSession", body)
        self.names["golden-write-session-id"] = made["SessionId"]

    def open_stream(self, stream: str = "0", version: int = 1, **more: object) -> None:
        """Open a stream of the session."""
        body = {"StreamId": stream, "StreamVersion": version, **more}
        made = self.act("TableCreateWriteStream", body, **self.session())
        self.names["golden-table-id"] = str(made["TableId"])
        if made.get("AccessToken"):
            self.names["golden-access-token"] = made["AccessToken"]

    def write_a_row(self) -> None:
        """Write into the stream what is not committed yet."""
        rows = pa.table({"id": pa.array([1], pa.int64()), "name": ["n1"]})
        self.act("TableWrite", bytes_of(rows), **self.stream(), Count="1")

    def upload(self, data: bytes) -> bytes:
        """Upload a blob and return what rows say of it."""
        query = {"PartitionValues": "", "ColumnIndex": "2"}
        made = self.act("TableWriteBlob", data, **self.stream(), **query)
        return base64.b64decode(made["BlobReference"])

    def close(self, stream: str = "0", version: int = 1) -> None:
        """Close a stream of the session."""
        body = {**self.session(), "StreamId": stream, "StreamVersion": version}
        self.act("TableCloseWriteStream", body, **self.session())

    def session(self) -> dict[str, str]:
        """Name the session in a query."""
        return {"SessionId": self.names["golden-write-session-id"]}

    def stream(self) -> dict[str, str]:
        """Name the stream in a query."""
        return {**self.session(), "StreamId": "0", "StreamVersion": "1"}

    def replay(self, recorded: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Send a recorded request, with the names of this service in it."""
        query = [(name, self.renamed(value)) for name, value in recorded["query"]]
        headers = {name: self.renamed(value) for name, value in recorded["headers"]}
        if "body_base64" in recorded:
            body = self.refilled(base64.b64decode(recorded["body_base64"]))
        else:
            body = self.renamed(recorded.get("body_text", "")).encode()
        address = self.renamed(recorded["path"]) + (f"?{urlencode(query)}" if query else "")
        return self.send(recorded["method"], address, headers, body)

    def refilled(self, body: bytes) -> bytes:
        """Put references of this service where rows have recorded ones."""
        if not self.references:
            return body
        rows = pa.ipc.open_stream(body).read_all()
        references = [
            None if old is None else self.references[old] for old in rows["b"].to_pylist()
        ]
        column = pa.array(references, pa.binary())
        return bytes_of(rows.set_column(1, rows.schema.field("b"), column))

    def renamed(self, text: str) -> str:
        """Put the names of this service where the recorded ones are."""
        for old, new in self.names.items():
            text = text.replace(old, new)
        return text


def bytes_of(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def set_for_reading(stage: Stage, stem: str) -> None:
    """A table with rows, and a session of the kind that the recording reads."""
    clustered = "full" in stem or "bucket" in stem
    more = " CLUSTERED BY (id) SORTED BY (id) INTO 4 BUCKETS" if clustered else ""
    stage.create(more="PARTITIONED BY (pt STRING)" + more)
    stage.fill()
    for _ in range(3 if "full" in stem else 0):
        stage.fill()  # so that there are the versions that the recording names
    by: dict[str, object] = {"SplitMode": "Size", "SplitNumber": 1 << 20, "CrossPartition": False}
    if "offset-count" in stem:
        by = {"SplitMode": "RowOffset", "SplitNumber": 4}
    made = stage.act("TableCreateReadSession", {"SplitOptions": by})
    stage.names["golden-read-session-id"] = made["SessionId"]


def set_for_schema(stage: Stage, _: str) -> None:
    stage.run(f"CREATE SCHEMA {PROJECT}.golden_schema")
    partitioned = f"({PLAIN}) PARTITIONED BY (pt STRING)"
    stage.run(f"CREATE TABLE {PROJECT}.golden_schema.golden_table {partitioned}")
    stage.run(f"CREATE TABLE {PROJECT}.golden_schema.golden_s_table ({PLAIN})")


def set_for_writing(stage: Stage, stem: str) -> None:
    """A write session with the stream that the recording writes to, or closes, or commits."""
    columns = KEYED if "delta" in stem else BLOBS if "blob" in stem else PLAIN
    columns = "id BIGINT, b BLOB" if "auto" in stem else columns
    stage.create(columns, "" if "delta" in stem or "auto" in stem else "PARTITIONED BY (pt STRING)")
    query = dict(json.loads((DATA / f"{stem}.json").read_text())["request"]["query"])
    stage.mode = {"WriteMode": query["WriteMode"]} if "WriteMode" in query else {}
    dynamic = "delta" in stem or "blob" in stem or "struct" in stem
    stage.open_session("" if dynamic else "pt=20240101")
    if stem in {"v2-table-get-write-session", "v3-table-get-write-session"}:
        stage.open_stream()
        stage.write_a_row()
    if "create-write-stream" in stem or ("get-write-s" in stem and "stream" not in stem):
        return
    exactly = {"ExactlyOnceMode": True} if "exactly-once" in stem else {}
    stage.open_stream("default" if re.search("ms-.*(lz4|zstd)$", stem) else "0", 1, **exactly)
    offset = {"ms-v2-table-write-exactly-once-2": 2, "ms-v3-table-write-exactly-once-2": 2}
    before = 3 if stem == "v2-table-write-exactly-once" else offset.get(stem, 0)
    if before:
        rows = pa.table({"id": pa.array(range(before), pa.int64()), "name": ["x"] * before})
        address = {**stage.stream(), **stage.mode, "Count": str(before), "RowOffset": "0"}
        token = {"x-odps-max-storage-write-access-token": stage.names["golden-access-token"]}
        address |= {"Action": "TableWrite", "Target": TARGET}
        path = f"/api/storage/v{3 if stage.mode else 2}?{urlencode(address)}"
        assert stage.send("POST", path, token, bytes_of(rows))[0] == 200
    if stem == "ms-v3-blob-auto-upload-table-write":
        for old, data in ((b"ref0", b"x"), (b"ref1", b"yy")):
            stage.references[old] = stage.upload(data)
    if "commit" in stem:
        stage.close()
        if stem == "v2-table-commit-write-session-streams":
            stage.open_stream("1", 2)
            stage.close("1", 2)


def set_for_streaming(stage: Stage, stem: str) -> None:
    """A stream of the session that nobody makes."""
    stage.create(more="")
    stage.mode = {"WriteMode": "Streaming"}
    stage.names["golden-write-session-id"] = "default"
    if "create" not in stem:
        stage.open_stream()
    if "get-write-session" in stem:
        stage.write_a_row()


def set_for_blocks(stage: Stage, _: str) -> None:
    """A session of the block protocol with one reservation and one block."""
    stage.create()
    recorded = json.loads((DATA / "ms-v2-batch-compatible-1-create-session.json").read_text())
    made = json.loads(stage.replay(recorded["request"])[2])
    session = made["SessionId"]
    stage.names["golden-bc-session-id"] = session
    body = {"StreamId": "block-0-attempt-0", "StreamVersion": 1}
    held = stage.act("TableCreateWriteStream", body, SessionId=session)
    stage.names["golden-quota-token"] = held["QuotaToken"]


def set_for_commit_of_blocks(stage: Stage, stem: str) -> None:
    set_for_blocks(stage, stem)
    recorded = json.loads((DATA / "ms-v2-batch-compatible-3-write-block.json").read_text())
    answer = json.loads(stage.replay(recorded["request"])[2])
    said = json.dumps(answer["CommitMessage"])[1:-1]
    old = json.loads((DATA / "ms-v2-batch-compatible-4-commit.json").read_text())
    message = old["request"]["body_json"]["CommitMessages"][0]
    stage.names[json.dumps(message)[1:-1]] = said


def set_for_blob_reading(stage: Stage, _: str) -> None:
    """Three blobs that a table refers to."""
    stage.create(BLOBS, "")
    stage.open_session()
    stage.open_stream()
    refs = [stage.upload(data) for data in (b"first", b"second", b"")]
    nested = pa.list_(pa.struct([("f1", pa.string()), ("f2", pa.binary())]))
    rows = pa.table(
        {
            "id": pa.array(range(3), pa.int64()),
            "b": pa.array(refs, pa.binary()),
            "arr": pa.nulls(3, nested),
        }
    )
    stage.act("TableWrite", bytes_of(rows), **stage.stream(), Count="3")
    stage.close()
    stage.act("TableCommitWriteSession", {}, **stage.session())
    read = stage.act("TableCreateReadSession", {})
    path = f"/api/storage/v2?{urlencode({'Action': 'TableRead', 'Target': TARGET})}"
    answer = stage.send("POST", f"{path}&SessionId={read['SessionId']}&Index=0", {}, b"{}")
    found: list[Any] = pa.ipc.open_stream(answer[2]).read_all()["b"].to_pylist()
    for old, new in zip(("ref-a", "ref-b", "ref-c"), found, strict=True):
        stage.names[old] = new.decode()


def set_for_statements(stage: Stage, stem: str) -> None:
    """The instances that the recordings ask about."""
    stage.create()
    stage.fill()
    set_for_schema(stage, stem)
    sql = "SELECT id, name FROM golden_table ORDER BY id LIMIT 3"
    stage.names["20260102030405678ggolden1"] = instance = stage.run(sql)
    stage.names["20260102030405678ggolden2"] = stage.run("SELECT * FROM golden_missing", fails=True)
    target = f"projects.{PROJECT}.instances.{instance}"
    made = stage.act("InstanceCreateReadSession", {"EnableLimit": False}, Target=target)
    stage.names["golden-download-id"] = made["DownloadID"]
    stage.names["console_query_task_1"] = "AnonymousSQLTask"
    stage.names['"QueryId": 7'] = '"QueryId": 0'


def set_for_rest(stage: Stage, stem: str) -> None:
    """Tables, partitions and schemas with the recorded names."""
    set_for_schema(stage, stem)
    stage.create()
    stage.fill()
    for name in ("golden_table2", "golden_d_table"):
        stage.run(f"CREATE TABLE {PROJECT}.{name} ({PLAIN})")
    if stem == "rest-delete-schema":
        stage.run(f"CREATE SCHEMA {PROJECT}.golden_schema2")
    stage.names |= {"bWFya2Vy": ""}  # a marker means something only to who gave it


def set_for_tunnel(stage: Stage, stem: str) -> None:
    set_for_statements(stage, stem)
    instance = stage.names["20260102030405678ggolden1"]
    address = f"/projects/{PROJECT}/instances/{instance}?downloads"
    made = json.loads(stage.send("POST", address, {"x-odps-tunnel-version": "6"}, b"")[2])
    stage.names["golden-tunnel-download-id"] = made["DownloadID"]


SCENES: list[tuple[str, Callable[[Stage, str], None]]] = [
    (r".*batch-compatible-4-commit", set_for_commit_of_blocks),
    (r"ms-.*batch-compatible-(?!1).*", set_for_blocks),
    (r".*blob-read.*", set_for_blob_reading),
    (r"rest-instance-tunnel.*", set_for_tunnel),
    (
        r"(ms-)?v\d-instance.*|rest-instance-.*|rest-execute-sql.*|rest-create-table-[23].*",
        set_for_statements,
    ),
    (r"rest-.*", set_for_rest),
    (r"ms-v2-schema-.*|v2-target-with-schema", set_for_schema),
    (r"ms-v3-streaming-.*", set_for_streaming),
    (r".*(read-session|table-read|preview|retry).*", set_for_reading),
    (r".*create-write-session.*|.*batch-compatible-1-.*", lambda stage, _: stage.create()),
    (r".*", set_for_writing),
]

COVERED = frozenset[str]()  # other modules name what they cover; here it is done once more


def replayed() -> list[str]:
    refused = re.compile("|".join(NOT_REPLAYED.values()))
    stems = {path.stem for path in DATA.glob("*.json")} - {"signatures"}
    return sorted(stem for stem in stems if not refused.fullmatch(stem))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with (
        Emulator(tmp_path, project=PROJECT, session_seconds=86_400) as service,
        Server(service) as server,
    ):
        yield Stage(service, server.endpoint.split("/")[2])


@pytest.mark.parametrize("stem", replayed())
def test_the_service_takes_what_was_recorded(stage: Stage, golden: Golden, stem: str) -> None:
    prepare = next(scene for pattern, scene in SCENES if re.fullmatch(pattern, stem))
    prepare(stage, stem)
    recording = golden[stem]
    status, fields, body = stage.replay(recording.document["request"])
    assert status == recording.document["response"]["status"], body[:2000]
    check_answer(recording, fields, body)


def check_answer(recording: Recording, headers: dict[str, str], body: bytes) -> None:
    """The answer has all that the recorded one had."""
    recorded = recording.document["response"]
    action = dict(recording.request.query).get("Action", "")
    submitted = recorded["status"] == 201  # an answer without results comes before them
    if recorded.get("body_json") is not None:
        missing = paths_of(recorded["body_json"]) - paths_of(json.loads(body))
        assert missing <= OPTIONAL
    elif "xml" in dict(recorded["headers"]).get("Content-Type", "") and (body or not submitted):
        assert root_of(body) == root_of(recorded["body_text"].encode())
    elif action in {"TableRead", "TablePreview", "InstanceRead"}:
        encoding = headers.get("Content-Encoding")
        assert (encoding or "identity") == recording.request.headers.get(
            "Accept-Encoding", "identity"
        )
        answer = Response.of(body, headers=headers)
        whole = decompress(answer.body, Compression.of_encoding(encoding))
        reader = ArrowStreamReader(whole, max_batch_rows=4096)
        assert sum(batch.num_rows for batch in reader) >= 0
        assert reader.schema.names


def paths_of(document: Any, path: str = "") -> set[str]:
    """The members of a document, at every depth; items of a list are alike."""
    if isinstance(document, list):
        return {found for item in document[:1] for found in paths_of(item, f"{path}[]")}
    if not isinstance(document, dict):
        return set()
    return {
        found
        for name, value in document.items()
        for found in {f"{path}.{name}", *paths_of(value, f"{path}.{name}")}
    }


def root_of(text: bytes) -> str:
    """The name of a document."""
    return ET.fromstring(text).tag  # noqa: S314  our own service
