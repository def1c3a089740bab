"""Exchanges of the tunnel that clients have when something is wrong, or never."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.emulator.faults import Cut, Fault, Flip, Refuse
from odps_frames.emulator.tunnel.arrow_frames import decode_frames, encode_frames
from odps_frames.emulator.tunnel.record_reader import read_records
from odps_frames.emulator.tunnel.record_writer import encode_records
from odps_frames.errors import ServiceError, ServiceUnavailable
from odps_frames.model.schema import Column
from odps_frames.model.splits import ByBucket, Split
from odps_frames.model.types import parse_type
from odps_frames.wire.arrow_stream import ArrowStreamReader
from odps_frames.wire.http import ChunkReader, Headers, Request
from odps_frames.wire.reply import decode_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from odps_frames.wire.http import Body, Response

    Service = Any  # the class of a fixture, which no test module can import

COLUMNS = [Column("id", parse_type("bigint")), Column("name", parse_type("string"))]
TYPES = [column.type for column in COLUMNS]
ROWS = pa.RecordBatch.from_pylist([{"id": 1, "name": "a"}, {"id": 2, "name": None}])


@dataclass
class Tunnel:
    """The tunnel to one table."""

    service: Service
    path: str = "/projects/demo/tables/t"

    def send(
        self, method: str, query: dict[str, Any], body: Body = None, **headers: str
    ) -> Response:
        fields = Headers({name.replace("_", "-"): value for name, value in headers.items()})
        pairs = tuple((name, str(value)) for name, value in query.items())
        request = Request(method=method, path=self.path, query=pairs, headers=fields, body=body)
        answer: Response = self.service.send(request)
        if not answer.ok:
            raise decode_error(answer)
        return answer

    def ask(self, method: str, **query: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.send(method, query).read())
        return found

    def upload(self, **query: Any) -> str:
        return str(self.ask("POST", uploads=1, **query)["UploadID"])

    def put(self, upload: str, block: int, data: bytes, **query: Any) -> None:
        self.send("PUT", {"uploadid": upload, "blockid": block, **query}, data).read()

    def download(self) -> str:
        return str(self.ask("POST", downloads="")["DownloadID"])

    def rows(self, download: str, start: int, count: int, **query: Any) -> list[list[Any]]:
        asked = {"downloadid": download, "data": "", "rowrange": f"({start},{count})", **query}
        data = self.send("GET", asked).read()
        found = read_records(COLUMNS, ChunkReader([data]))
        return [list(row.values()) for batch in found for row in batch.to_pylist()]


@pytest.fixture
def tunnel(any_service: Service) -> Tunnel:
    any_service.sql("CREATE TABLE t (id BIGINT, name STRING)")
    return Tunnel(any_service)


@pytest.fixture
def inside(service: Service) -> Tunnel:
    """The tunnel to a service in this process, where how it is reached says nothing."""
    service.sql("CREATE TABLE t (id BIGINT, name STRING)")
    return Tunnel(service)


def records(*batches: pa.RecordBatch) -> bytes:
    return b"".join(encode_records(TYPES, batches))


def test_rows_go_in_and_come_out(tunnel: Tunnel) -> None:
    upload = tunnel.upload()
    tunnel.put(upload, 0, records(ROWS))
    tunnel.put(upload, 1, b"".join(encode_frames([ROWS])), arrow="")
    assert tunnel.ask("GET", uploadid=upload)["UploadedBlockList"] == [
        {"BlockID": 0},
        {"BlockID": 1},
    ]
    assert tunnel.service.rows() == []
    assert tunnel.ask("POST", uploadid=upload)["Status"] == "closed"
    assert tunnel.service.rows() == ROWS.to_pylist() * 2
    download = tunnel.download()
    assert tunnel.rows(download, 1, 2) == [[2, None], [1, "a"]]
    asked = {"downloadid": download, "data": "", "rowrange": "(0,4)", "arrow": ""}
    frames = decode_frames(ROWS.schema, ChunkReader([tunnel.send("GET", asked).read()]))
    assert pa.Table.from_batches(ArrowStreamReader(frames)).to_pylist() == ROWS.to_pylist() * 2


@pytest.mark.parametrize(("start", "count", "found"), [(0, 9, 2), (1, 9, 1), (2, 1, 0), (9, 1, 0)])
def test_what_is_beyond_the_end_is_not_there(
    inside: Tunnel, start: int, count: int, found: int
) -> None:
    inside.service.write(pa.Table.from_batches([ROWS]))
    assert len(inside.rows(inside.download(), start, count)) == found


@pytest.mark.parametrize("block", [-1, 20_000])
def test_numbers_that_no_block_has(inside: Tunnel, block: int) -> None:
    with pytest.raises(ServiceError, match="expected 0 to 19999"):
        inside.put(inside.upload(), block, records(ROWS))


@pytest.mark.parametrize("data", [b"", b"x", records(ROWS)[:-1], records(ROWS) * 2])
def test_bodies_that_are_not_whole_leave_nothing(inside: Tunnel, data: bytes) -> None:
    upload = inside.upload()
    inside.put(upload, 0, records(ROWS))
    with pytest.raises(ServiceError) as refused:
        inside.put(upload, 0, data)
    assert refused.value.code == "MalformedDataStream"
    inside.ask("POST", uploadid=upload)
    assert inside.service.rows() == ROWS.to_pylist()


def test_a_body_that_breaks_off_leaves_nothing(inside: Tunnel) -> None:
    upload = inside.upload()

    def body() -> Iterable[bytes]:
        yield records(ROWS)
        raise ServiceUnavailable("the line is dead")

    with pytest.raises(ServiceUnavailable):
        inside.send("PUT", {"uploadid": upload, "blockid": 0}, body)
    assert inside.ask("GET", uploadid=upload)["UploadedBlockList"] == []


def test_cut_answers_are_found_out(inside: Tunnel) -> None:
    inside.service.write(pa.Table.from_batches([ROWS]))
    download = inside.download()
    asked = {"downloadid": download, "data": "", "rowrange": "(0,2)"}
    whole = inside.send("GET", asked).read()
    last = len(whole) - 1
    for fault in (
        Fault(effect=Cut(), action="ReadRows", when="at_byte", at_byte=last),
        Fault(effect=Flip(), action="ReadRows", when="at_byte", at_byte=last - 1),
    ):
        inside.service.emulator.faults.add(fault)
        with pytest.raises((ServiceError, ServiceUnavailable)):
            inside.rows(download, 0, 2)
    assert inside.rows(download, 0, 2) == [[1, "a"], [2, None]]


def test_faults_know_the_calls_by_their_names(inside: Tunnel) -> None:
    inside.service.emulator.faults.add(Fault(effect=Refuse(429), action="OpenUpload"))
    with pytest.raises(ServiceError) as refused:
        inside.upload()
    assert refused.value.status == 429
    assert inside.upload()
    names = [record.operation for record in inside.service.emulator.requests]
    assert names[-2:] == ["OpenUpload", "OpenUpload"]


def test_blocks_that_come_at_once_are_all_there(inside: Tunnel) -> None:
    upload = inside.upload()
    blocks = [
        records(pa.RecordBatch.from_pylist([{"id": number, "name": "x"}])) for number in range(8)
    ]
    threads = [
        threading.Thread(target=inside.put, args=(upload, number, block))
        for number, block in enumerate(blocks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    inside.ask("POST", uploadid=upload)
    assert [row["id"] for row in inside.service.rows()] == list(range(8))


def test_columns_that_came_meanwhile(inside: Tunnel) -> None:
    upload, download = inside.upload(), inside.download()
    inside.put(upload, 0, records(ROWS))
    inside.service.sql("ALTER TABLE t ADD COLUMNS (more STRING)")
    columns = inside.ask("GET", downloadid=download)["Schema"]["columns"]
    assert [column["name"] for column in columns] == ["id", "name"]
    with pytest.raises(ServiceError) as refused:
        inside.put(upload, 1, records(ROWS))
    assert refused.value.code == "SchemaModified"
    with pytest.raises(ServiceError) as refused:
        inside.ask("POST", uploadid=upload)
    assert refused.value.code == "SchemaModified"
    assert inside.service.rows() == []


@pytest.mark.parametrize("kind", ["CLUSTERED BY (id)", "RANGE CLUSTERED BY (id)"])
def test_rows_go_into_their_buckets(inside: Tunnel, kind: str) -> None:
    inside.service.sql(
        f"CREATE TABLE c (id BIGINT, name STRING) {kind} SORTED BY (id) INTO 4 BUCKETS"
    )
    there = Tunnel(inside.service, "/projects/demo/tables/c")
    upload = there.upload()
    for block in range(3):
        rows = [{"id": 10 * block + number, "name": "x"} for number in range(10)]
        there.put(upload, block, records(pa.RecordBatch.from_pylist(rows)))
    there.ask("POST", uploadid=upload)
    info = inside.service.open_read("c", split_by=ByBucket())
    buckets = [
        {
            row["id"]
            for row in inside.service.read_split(Split(info.session_id, bucket), "c").to_pylist()
        }
        for bucket in range(4)
    ]
    assert sorted(id_ for bucket in buckets for id_ in bucket) == list(range(30))
    assert sorted(row[0] for row in there.rows(there.download(), 0, 30)) == list(range(30))


def test_what_nobody_commits_leaves_no_file(
    open_service: Callable[..., Service], clock: Any, tmp_path: Path
) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (id BIGINT, name STRING)")
    tunnel = Tunnel(service)
    tunnel.put(tunnel.upload(), 0, records(ROWS))
    files = tmp_path / "tables" / "files"
    assert len(list(files.iterdir())) == 1
    service.emulator.close()
    clock.advance(hours=25)
    open_service()
    assert not list(files.iterdir())


def test_uploads_replace_no_keys(inside: Tunnel) -> None:
    inside.service.sql(
        "CREATE TABLE k (id BIGINT NOT NULL, name STRING, PRIMARY KEY (id)) "
        "TBLPROPERTIES ('transactional'='true')"
    )
    keyed = Tunnel(inside.service, "/projects/demo/tables/k")
    with pytest.raises(ServiceError, match="primary key"):
        keyed.upload()
    assert keyed.rows(keyed.download(), 0, 1) == []


def test_nulls_that_may_not_be(inside: Tunnel) -> None:
    inside.service.sql("CREATE TABLE n (id BIGINT NOT NULL, name STRING)")
    strict = Tunnel(inside.service, "/projects/demo/tables/n")
    empty = pa.RecordBatch.from_pylist([{"id": None, "name": "a"}], schema=ROWS.schema)
    with pytest.raises(ServiceError, match="NOT NULL"):
        strict.put(strict.upload(), 0, records(empty))
    (column, _) = strict.ask("POST", downloads="")["Schema"]["columns"]
    assert column["nullable"] == "false"


@pytest.mark.parametrize("kind", ["blob"])
def test_types_that_the_tunnel_does_not_carry(inside: Tunnel, kind: str) -> None:
    inside.service.sql(f"CREATE TABLE b (id BIGINT, v {kind})")
    other = Tunnel(inside.service, "/projects/demo/tables/b")
    with pytest.raises(ServiceError, match=f"'v' of type {kind}"):
        other.put(other.upload(), 0, records(ROWS))
    download = other.download()
    with pytest.raises(ServiceError, match=f"'v' of type {kind}"):
        other.rows(download, 0, 1)
    assert other.rows(download, 0, 1, columns="id") == []


def test_tables_of_schemas(inside: Tunnel) -> None:
    inside.service.sql("CREATE SCHEMA s")
    inside.service.run(
        "CREATE TABLE demo.s.t (id BIGINT, name STRING)", hints={"odps.namespace.schema": "true"}
    )
    there = Tunnel(inside.service, "/projects/demo/schemas/s/tables/t")
    upload = there.upload()
    there.put(upload, 0, records(ROWS))
    there.ask("POST", uploadid=upload)
    assert there.rows(there.download(), 0, 2) == [[1, "a"], [2, None]]
    assert inside.service.rows() == []
    with pytest.raises(ServiceError) as refused:
        inside.ask("GET", uploadid=upload)
    assert refused.value.code == "NoSuchUpload"


def test_downloads_of_other_tables(inside: Tunnel) -> None:
    download = inside.download()
    inside.service.sql("CREATE TABLE u (id BIGINT)")
    with pytest.raises(ServiceError) as refused:
        Tunnel(inside.service, "/projects/demo/tables/u").ask("GET", downloadid=download)
    assert refused.value.code == "NoSuchDownload"
