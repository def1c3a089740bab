"""Blobs of frames under faults: each stands in its own row, or there is an error and nothing."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.faults import Cut, Fault, Flip, Refuse, Reset, Truncate

if TYPE_CHECKING:
    Stand = Any  # the class of a fixture, which no test module can import

N_ROWS = 300
TYPES = {"id": "bigint", "photo": "blob", "album": "array<blob>"}


@functools.cache
def content(number: int, what: str) -> bytes:
    size = (5 << 20) if number == 150 and what == "photo" else number % 50 + 1
    return hashlib.shake_256(f"{what} {number}".encode()).digest(size)


def photo(number: int) -> bytes | None:
    return None if number % 7 == 3 else content(number, "photo")


def album(number: int) -> list[bytes | None] | None:
    if number % 5 == 1:
        return None
    return [content(number, f"album {i}") if i % 3 else None for i in range(number % 4)]


def rows() -> pa.Table:
    numbers = range(N_ROWS)
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "photo": pa.array(map(photo, numbers), pa.binary()),
            "album": pa.array(map(album, numbers), pa.list_(pa.binary())),
        }
    )


def check(stand: Stand, table: str) -> None:
    """Compare every row with what it was made of, by a client that meets no faults."""
    stand.service.faults.clear()
    found = of.scan_odps(table, blobs="bytes", client=stand.client).to_arrow().sort_by("id")
    assert found["id"].to_pylist() == list(range(N_ROWS))
    assert found["photo"].to_pylist() == [photo(number) for number in range(N_ROWS)]
    assert found["album"].to_pylist() == [album(number) for number in range(N_ROWS)]


EFFECTS = [
    Fault(effect=Reset(), when="after", times=2),
    Fault(effect=Cut(), when="at_byte", at_byte=20, times=2),
    Fault(effect=Refuse(503), when="after", times=2),
]
ACTIONS = ["TableWriteBlob", "TableWrite", "Table*Stream", "TableCommit*", "BlobRead"]


@pytest.mark.covers("WriteBlobRequest.column_index", "WriteBlobResponse.blob_references")
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("fault", EFFECTS, ids=lambda f: f"{type(f.effect).__name__}-{f.when}")
def test_no_lost_answer_misplaces_a_blob(
    stand: Stand, table: str, action: str, fault: Fault
) -> None:
    stand.client.create_table(table, TYPES)
    hit = Fault(
        effect=fault.effect, action=action, when=fault.when, at_byte=fault.at_byte, times=2, skip=1
    )
    stand.service.faults.add(hit)
    batches = rows().to_batches(max_chunksize=60)
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches))
    result = of.to_odps(reader, table, client=stand.client, n_streams=3)
    assert result.rows == N_ROWS
    check(stand, table)


def test_blocks_that_are_sent_again_upload_nothing_again(stand: Stand, table: str) -> None:
    stand.client.create_table(table, TYPES)
    of.to_odps(rows(), table, client=stand.client)
    start = len(stand.service.requests)
    of.to_odps(rows(), table, mode="overwrite", client=stand.client)
    usual = stand.operations(start)
    stand.service.faults.add(Fault(effect=Reset(), action="TableWrite", when="after", times=3))
    start = len(stand.service.requests)
    of.to_odps(rows(), table, mode="overwrite", client=stand.client)
    again = stand.operations(start)
    assert again.count("TableWrite") > usual.count("TableWrite")
    assert again.count("TableWriteBlob") == usual.count("TableWriteBlob")
    check(stand, table)


@pytest.mark.parametrize(
    ("action", "effect"),
    [
        *(("BlobRead", effect) for effect in (Reset(), Cut(), Truncate(), Flip())),
        *(("TableRead", effect) for effect in (Reset(), Cut(), Truncate())),
        *(("TableWriteBlob", effect) for effect in (Reset(), Cut())),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_copies_survive_broken_reads_and_writes(
    stand: Stand, table: str, action: str, effect: Any
) -> None:
    stand.client.create_table(table, TYPES)
    of.to_odps(rows(), table, client=stand.client)
    where: Any = {"when": "after"} if isinstance(effect, Reset) else {"at_byte": 37}
    stand.service.faults.add(Fault(effect=effect, action=action, times=2, skip=1, **where))
    copy = f"{table}_copy"
    scan = of.scan_odps(table, blobs="files", client=stand.client)
    of.to_odps(scan, copy, create=True, client=stand.client)
    check(stand, copy)


@pytest.mark.parametrize(
    "effect", [Reset(), Cut(), Truncate(), Flip()], ids=lambda effect: type(effect).__name__
)
@pytest.mark.parametrize("at_byte", [0, 5000, 3 << 20])
def test_reads_of_bytes_are_resumed(stand: Stand, table: str, effect: Any, at_byte: int) -> None:
    stand.client.create_table(table, TYPES)
    of.to_odps(rows(), table, client=stand.client)
    where: Any = {"when": "after"} if isinstance(effect, Reset) else {"at_byte": at_byte}
    for skip in (0, 3):
        stand.service.faults.add(
            Fault(effect=effect, action="BlobRead", times=2, skip=skip, **where)
        )
    scan = of.scan_odps(table, blobs="bytes", client=stand.client)
    found = scan.to_arrow().sort_by("id")
    assert found["photo"].to_pylist() == [photo(number) for number in range(N_ROWS)]
    assert found["album"].to_pylist() == [album(number) for number in range(N_ROWS)]


@pytest.mark.parametrize("action", ["TableWriteBlob", "TableWrite", "BlobRead"])
def test_what_stays_broken_leaves_nothing(stand: Stand, table: str, action: str) -> None:
    stand.client.create_table(table, TYPES)
    of.to_odps(rows(), table, client=stand.client)
    skip = 0 if action == "TableWrite" else 1
    stand.service.faults.add(Fault(effect=Reset(), action=action, times=None, skip=skip))
    scan = of.scan_odps(table, blobs="files", client=stand.client)
    with pytest.raises(of.OdpsError):
        of.to_odps(scan, f"{table}_copy", create=True, client=stand.client)
    stand.service.faults.clear()
    assert not stand.client.exists(f"{table}_copy")
    check(stand, table)
