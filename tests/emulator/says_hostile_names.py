"""Says hostile names wherever a name can be said, and prints what came of it on the disk.

Run by ``test_safety_surroundings``: the folder of the fixtures, and a folder to work in.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pathlib
import random
import re
import sys
from typing import Any

import pyarrow as pa

from odps_frames.emulator.app import Emulator
from odps_frames.errors import OdpsError
from odps_frames.model.blob import Checksum
from odps_frames.model.table import TableRef
from odps_frames.model.write import StreamId
from odps_frames.wire import blobs as wire
from odps_frames.wire.blob_frame import UploadHeader, encode_frame, encode_upload_header
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.http import Request, Site

sys.path.insert(0, sys.argv[1])
conftest: Any = importlib.import_module("conftest")

top = pathlib.Path(sys.argv[2])
root = top / "a" / "b" / "root"
root.parent.mkdir(parents=True)
touched: set[str] = set()
WATCHED = (
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.listdir",
    "os.scandir",
    "sqlite3.connect",
    "shutil.rmtree",
)


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in WATCHED:
        for one in arguments[:2]:
            if isinstance(one, str | bytes | os.PathLike):
                touched.add(os.path.abspath(os.fsdecode(one)))  # noqa: PTH100  links are not followed


emulator = Emulator(root, project="demo")
service = conftest.Service(emulator.send, emulator, conftest.Clock())
service.sql("CREATE TABLE t (id BIGINT, photo BLOB) PARTITIONED BY (pt STRING)")
service.sql("CREATE TABLE p (id BIGINT) PARTITIONED BY (pt STRING)")
sys.addaudithook(watch)

chance = random.Random(5)  # noqa: S311  no secret
NAMES = [
    "..",
    ".",
    "../../x",
    "/etc/passwd",
    "/",
    "a/b",
    "a\\b",
    "C:\\x",
    "C:",
    "\\\\host\\share",
    "nul",
    "CON",
    "aux.txt",
    "x\0y",
    "\0",
    " ",
    "",
    "~",
    "~root",
    "$HOME",
    "%2e%2e%2f",
    "*",
    "?",
    "a" * 300,
    "..\u2215x",
    "\u202e",
    "\ufeff",
    "caf\u00e9",
    "cafe\u0301",
    "-rf",
    "a\nb",
    "x.arrow",
    "catalog.sqlite",
    "lock",
    "files",
    "file:///etc/passwd",
    "'; drop table t; --",
    "`",
    '"',
    *(
        "".join(
            chr(
                chance.choice(
                    [chance.randrange(1, 0xD800), chance.randrange(0xE000, 0x110000), 46, 47, 92]
                )
            )
            for _ in range(chance.randrange(1, 12))
        )
        for _ in range(40)
    ),
]


def send(
    method: str, path: str, body: bytes | None = None, site: Site = Site.REST, **query: Any
) -> None:
    request = Request(method=method, path=path, site=site, query=tuple(query.items()), body=body)
    answer = service.send(request)
    content = answer.read()
    assert b"EmulatorFault" not in content, (method, path, query, content)
    assert str(top).encode() not in content


def storage(body: bytes = b"{}", **query: str) -> None:
    send("POST", "/api/storage/v3", body, Site.STORAGE, **query)


rows = pa.table({"id": [1]})
for name in NAMES:
    quoted = name.replace("`", "``")
    for path in (
        f"/projects/{name}",
        f"/projects/demo/tables/{name}",
        f"/projects/{name}/tables",
        f"/projects/demo/instances/{name}",
        f"/projects/demo/schemas/{name}",
        f"/projects/demo/tunnel/{name}",
        f"/{name}",
    ):
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
            send(method, path, b"")
    for query in (
        {"partition": name},
        {"partitions": "", "name": name},
        {"partition": f"pt={name}"},
        {"curr_schema": name},
        {"marker": name},
    ):
        send("GET", "/projects/demo/tables/t", **query)  # type: ignore[arg-type]  # only parameters
    for action in (
        "TableCreateReadSession",
        "TableGetReadSession",
        "TableRead",
        "TablePreview",
        "TableCreateWriteSession",
        "TableGetWriteSession",
        "TableCreateWriteStream",
        "TableWrite",
        "TableCommitWriteSession",
        "InstanceCreateReadSession",
        "BlobRead",
    ):
        for target in (
            f"projects.{name}.tables.t",
            f"projects.demo.schemas.{name}.tables.t",
            f"projects.demo.tables.{name}",
            f"projects.demo.instances.{name}",
            "projects.demo.tables.t",
            name,
        ):
            storage(Action=action, Target=target, SessionId=name, StreamId=name, StreamVersion="1")
    for sql in (
        f"CREATE TABLE `{quoted}` (id BIGINT)",
        f"CREATE TABLE x (`{quoted}` BIGINT)",
        f"CREATE SCHEMA `{quoted}`",
        f"DROP TABLE IF EXISTS `{quoted}`",
        "DROP TABLE IF EXISTS x",
    ):
        with contextlib.suppress(ValueError, OdpsError):  # no XML, or no name
            service.run(sql)
    with contextlib.suppress(ValueError, OdpsError):
        spec = f"pt={name}"
        session = service.open_session("p", partition=spec)
        stream, _ = service.open_stream(session, name or "s", table="p")
        service.send_rows(stream, rows, "p")
        service.close_stream(stream, "p")
        service.commit(session, table="p")
        assert {"id": 1, "pt": name} in service.rows("p")
    with contextlib.suppress(ValueError, OdpsError):
        session = service.open_session("t", partition="pt=1")
        head = encode_upload_header(
            UploadHeader(
                column_index=2, partition_values=("pt=1",), file_name=name, mime_type=name
            ),
            "3",
        )
        body = b"".join(map(bytes, encode_frame(head, [b"data"], 4, Checksum.CRC32)))
        request = wire.encode_write_blobs(
            TableRef("demo", "t"),
            StreamId(session.session_id, name, 1),
            body,
            envelope=Envelope(api_version="3"),
        )
        wire.decode_receipt(service.send(request), 1)
emulator.close()

ALLOWED = re.compile(
    r"(catalog\.sqlite(-wal|-shm|-journal)?|lock|scratch|\.?snapshots-of-service|"
    r"(files(/[0-9a-f]{32}\.arrow(\.part)?)?|blobs(/[0-9a-f]{32}\.blobs(\.part)?)?))?"
)
below = {path for path in touched if path.startswith(str(top))}
strange = [
    path for path in below if not ALLOWED.fullmatch(os.path.relpath(path, root).removeprefix("."))
]
written = [str(path.relative_to(root)) for path in root.rglob("*")]
strange += [path for path in written if not ALLOWED.fullmatch(path)]
others = [
    path
    for path in top.rglob("*")
    if root not in path.parents and path not in (root, *root.parents)
]
secret = [path for path in touched if re.search("passwd|^/x$|^/etc/[a-z]+$", path)]
print(len(NAMES), strange, others, secret, any("files/" in path for path in written))
