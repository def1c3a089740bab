"""Uploads that are no Arrow streams, or ones that nobody would send: an answer, never a crash."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from odps_frames.errors import CorruptStream, ServiceError
from odps_frames.wire.arrow_stream import ArrowStreamReader, encode_stream
from odps_frames.wire.http import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Callable

    Upload = Callable[..., Any]


def stream(table: pa.Table, codec: Any = None) -> bytes:
    return b"".join(map(bytes, encode_stream(table.schema, table.to_batches(), codec=codec)))


@pytest.fixture
def upload(service: Any) -> Upload:
    """Send a body to a table and commit whatever was taken."""

    def send(body: bytes, columns: str = "a BIGINT") -> Any:
        service.sql(f"CREATE TABLE IF NOT EXISTS t ({columns})")
        session = service.open_session()
        written, _ = service.open_stream(session)
        try:
            return service.send_rows(written, body)
        finally:
            service.close_stream(written)
            service.commit(session)

    return send


def claim(body: bytes, at: bytes, claimed: int) -> bytes:
    """Let the first compressed buffer claim another size."""
    place = body.index(at)
    return body[: place - 8] + struct.pack("<q", claimed) + body[place:]


RUNS: Any = pa.RunEndEncodedArray.from_arrays(pa.array([9], pa.int32()), pa.array([1]))
ZSTD = b"\x28\xb5\x2f\xfd"
LZ4 = b"\x04\x22\x4d\x18"


@pytest.mark.parametrize(("codec", "magic"), [("zstd", ZSTD), ("lz4", LZ4)])
@pytest.mark.parametrize("claimed", [1 << 31, 1 << 40, (1 << 63) - 1, -2, -(1 << 63), 1 << 30])
def test_buffers_that_claim_to_become_too_large(
    service: Any, upload: Upload, codec: str, magic: bytes, claimed: int
) -> None:
    body = claim(stream(pa.table({"a": [0] * 5_000}), codec), magic, claimed)
    with pytest.raises(ServiceError, match=r"MalformedDataStream"):
        upload(body)
    assert service.rows() == []


def test_a_bomb_of_zeros_is_found_before_it_goes_off(service: Any, upload: Upload) -> None:
    rows = pa.table({"a": pa.array(["\0" * (96 << 20)])})
    body = stream(rows, "zstd")
    assert len(body) < 32_000
    with pytest.raises(ServiceError, match="claims to become"):
        upload(body, "a STRING")
    assert service.rows() == []


def test_constant_columns_are_no_bomb(service: Any, upload: Upload) -> None:
    upload(stream(pa.table({"a": [7] * 1_000_000}), "zstd"))
    assert service.read().num_rows == 1_000_000


def test_views_of_the_same_bytes_are_found_before_they_are_written_out(
    service: Any, upload: Upload
) -> None:
    n_rows, text = 6_000, b"x" * (1 << 20)
    view = struct.pack("<i4sii", len(text), text[:4], 0, 0)
    buffers = [None, pa.py_buffer(view * n_rows), pa.py_buffer(text)]
    array = pa.Array.from_buffers(pa.string_view(), n_rows, buffers)
    with pytest.raises(ServiceError, match="expected at most 16 times as many"):
        upload(stream(pa.table({"a": array})), "a STRING")
    assert service.rows() == []


def test_lists_of_the_same_elements_are_found_too(service: Any, upload: Upload) -> None:
    n_rows, n_elements = 60_000, 1 << 20
    zeros: Any = np.zeros(n_rows, np.int32)
    kind: Any = pa.ListViewArray
    array = kind.from_arrays(
        pa.array(zeros), pa.array(zeros + n_elements), pa.array(np.zeros(n_elements, np.int64))
    )
    with pytest.raises(ServiceError, match="expected at most 16 times as many"):
        upload(stream(pa.table({"a": array})), "a ARRAY<BIGINT>")
    assert service.rows() == []


def test_views_that_are_what_they_seem(service: Any, upload: Upload) -> None:
    rows = ["x" * 50, None, "", "y"]
    upload(stream(pa.table({"a": pa.array(rows, pa.string_view())})), "a STRING")
    assert [row["a"] for row in service.rows()] == rows


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        (b"", "a BIGINT"),
        (b"\xff" * 4, "a BIGINT"),
        (b"\xff\xff\xff\xff\x00\x00\x00\x00", "a BIGINT"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"x" * 100, "a BIGINT"),
        (b"\xff\xff\xff\xff\x00\x00\x00\x80" + b"x" * 100, "a BIGINT"),
        (b"ARROW1\x00\x00" + b"x" * 100, "a BIGINT"),
        (b"GET / HTTP/1.1\r\n\r\n", "a BIGINT"),
        (stream(pa.table({"a": pa.array(["x"] * 9).dictionary_encode()})), "a STRING"),
        (stream(pa.table({"a": RUNS})), "a BIGINT"),
        (stream(pa.table({"a": ["1"]})), "a BIGINT"),
        (stream(pa.table({"b": [1]})), "a BIGINT"),
        (stream(pa.table({"a": [1], "b": [1]})), "a BIGINT"),
        (stream(pa.table({"a": [1]})) + b"x", "a BIGINT"),
        (stream(pa.table({"a": [1]})) * 2, "a BIGINT"),
        (stream(pa.table({"a": [1]}))[:-8], "a BIGINT"),
        (stream(pa.table({"a": [1]}))[:-9], "a BIGINT"),
    ],
)
def test_bodies_that_are_refused(service: Any, upload: Upload, body: bytes, columns: str) -> None:
    with pytest.raises(ServiceError) as refused:
        upload(body, columns)
    assert (refused.value.status, refused.value.code) in (
        (400, "MalformedDataStream"),
        (400, "InvalidArgument"),
    )
    assert service.rows() == []


def test_a_column_of_nothing_is_no_column_of_everything(service: Any, upload: Upload) -> None:
    body = stream(pa.table({"a": pa.nulls(1_234_567)}))
    body = body.replace(struct.pack("<q", 1_234_567), struct.pack("<q", 1 << 40))
    with pytest.raises(ServiceError, match="a batch claims 1099511627776 rows"):
        upload(body)
    assert service.rows() == []


def test_heads_of_messages_that_are_broken_are_found() -> None:
    body = bytearray(stream(pa.table({"a": list(range(100))}), "zstd"))
    start = bytes(body).index(ZSTD) - 8
    for place in range(start - 200, start):
        mutant = bytearray(body)
        mutant[place] ^= 0xFF
        try:
            for _ in ArrowStreamReader(ChunkReader([bytes(mutant)])):
                pass
        except (CorruptStream, EOFError):
            continue


MUTANTS = """
import random, sys, tempfile, pathlib, logging
import pyarrow as pa
sys.path.insert(0, sys.argv[1])
from conftest import Clock, Service
from odps_frames.emulator.app import Emulator
from odps_frames.errors import OdpsError
from odps_frames.wire.arrow_stream import encode_stream

generator = random.Random(int(sys.argv[2]))
rows = pa.table({
    "i": pa.array([1, None, 3] * 20, pa.int64()),
    "s": pa.array(["a", None, "longer than a view"] * 20),
    "l": pa.array([[1], [], None] * 20, pa.list_(pa.int64())),
    "m": pa.array([[("k", 1)], None, []] * 20, pa.map_(pa.string(), pa.int64())),
    "t": pa.array([{"x": 1, "y": "z"}, None, {"x": None, "y": ""}] * 20),
    "d": pa.array([0, 10**15, None] * 20, pa.timestamp("ns", "UTC")),
})
columns = ("i BIGINT, s STRING, l ARRAY<BIGINT>, m MAP<STRING,BIGINT>, "
           "t STRUCT<x:BIGINT,y:STRING>, d TIMESTAMP")
taken = refused = 0
with tempfile.TemporaryDirectory() as folder:
    emulator = Emulator(pathlib.Path(folder))
    service = Service(emulator.send, emulator, Clock())
    service.sql(f"CREATE TABLE t ({columns})")
    session = service.open_session()
    for codec in (None, "zstd", "lz4"):
        body = b"".join(map(bytes, encode_stream(rows.schema, rows.to_batches(), codec=codec)))
        for number in range(int(sys.argv[3])):
            mutant = bytearray(body)
            for _ in range(generator.choice([1, 1, 2, 8])):
                mutant[generator.randrange(len(mutant))] = generator.choice([0, 1, 127, 128, 255])
            stream, _ = service.open_stream(session, stream=f"{codec}{number}")
            try:
                service.send_rows(stream, bytes(mutant))
            except OdpsError as error:
                assert error.status == 400, error
                assert error.code != "EmulatorFault", error
                refused += 1
            else:
                want = pa.ipc.open_stream(bytes(mutant)).read_all().num_rows
                assert want == rows.num_rows
                taken += 1
    emulator.close()
print(taken > 0, refused > 0)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_no_mutant_kills_the_process(seed: int, repository: Any) -> None:
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", MUTANTS, str(repository / "tests" / "emulator"), str(seed), "100"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout == "True True\n"


@pytest.mark.parametrize("codec", [None, "zstd"])
def test_no_cut_is_taken_for_the_whole(service: Any, upload: Upload, codec: str | None) -> None:
    body = stream(pa.table({"a": list(range(10))}), codec)
    generator = random.Random(7)  # noqa: S311  no secret
    for end in sorted(generator.sample(range(len(body)), 40)):
        with pytest.raises(ServiceError, match="MalformedDataStream"):
            upload(body[:end])
    assert service.rows() == []
