from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import odps_frames as of
from odps_frames.model.schema import Column
from odps_frames.model.types import parse_type
from odps_frames.read.blob_bytes import BlobLimits, with_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (
    Column("id", parse_type("bigint")),
    Column("photo", parse_type("blob")),
    Column("album", parse_type("array<blob>")),
)
FIELDS: list[Any] = [
    pa.field("id", pa.int64()),
    pa.field("photo", pa.binary()),
    pa.field("album", pa.list_(pa.field("element", pa.binary()))),
]
SCHEMA = pa.schema(FIELDS)
Rows: TypeAlias = list[tuple[int | None, list[int | None]]]


class File:
    """A blob of as many bytes as its reference says."""

    def __init__(self, ref: bytes, *, sized: bool) -> None:
        self.bytes = ref.rjust(int(ref), b".")
        self.size = len(self.bytes) if sized else None


class Store:
    """Gives blobs whose references are their sizes, and remembers which were asked for."""

    def __init__(self) -> None:
        self.asked: list[list[bytes]] = []
        self.read: list[bytes] = []

    def __call__(self, refs: list[bytes]) -> Iterator[Any]:
        self.asked.append(refs)
        for ref in refs:
            self.read.append(ref)
            yield File(ref, sized=len(refs) > 1)


def batches(rows: Rows) -> Iterator[pa.RecordBatch]:
    def ref(size: int | None) -> bytes | None:
        return None if size is None else f"{size:05}".encode()

    made = [
        {"id": i, "photo": ref(photo), "album": [ref(size) for size in album]}
        for i, (photo, album) in enumerate(rows)
    ]
    return iter(pa.Table.from_pylist(made, SCHEMA).to_batches(max_chunksize=7))


def cells(row: dict[str, Any]) -> list[bytes | None]:
    return [row["photo"], *row["album"]]


SIZES = st.none() | st.integers(5, 40)


@given(
    st.lists(st.tuples(SIZES, st.lists(SIZES, max_size=3)), max_size=20),
    st.integers(1, 8),
    st.integers(1, 100),
)
def test_rows_are_whole_and_batches_bounded(rows: Rows, n_rows: int, n_bytes: int) -> None:
    limits = BlobLimits(rows=n_rows, batch_bytes=n_bytes)
    found = list(with_bytes(batches(rows), COLUMNS, Store(), limits))
    table = pa.Table.from_batches(found, SCHEMA)
    assert table["id"].to_pylist() == list(range(len(rows)))
    sizes = [[b if b is None else len(b) for b in cells(row)] for row in table.to_pylist()]
    assert sizes == [[photo, *album] for photo, album in rows]
    for batch in found:
        held = [sum(map(len, filter(None, cells(row)))) for row in batch.to_pylist()]
        assert sum(held) <= n_bytes or not any(held[1:])
        assert batch.num_rows <= n_rows


def test_duplicates_are_fetched_once_and_count_as_often_as_they_stand() -> None:
    store = Store()
    rows: Rows = [(30, [30, 20]), (20, [30]), (30, [])]
    found = list(with_bytes(batches(rows), COLUMNS, store))
    assert [batch.num_rows for batch in found] == [3]
    assert store.asked == [[b"00030", b"00020"]]
    store = Store()
    limits = BlobLimits(batch_bytes=130)
    found = list(with_bytes(batches(rows), COLUMNS, store, limits))
    assert [batch.num_rows for batch in found] == [2, 1]
    assert store.read == [b"00030", b"00020", b"00030"]


@pytest.mark.parametrize("album", [[], [60, 50]])
def test_a_row_of_too_many_bytes(album: list[int | None]) -> None:
    rows: Rows = [
        (10, []),
        (101, []) if not album else (9, album),
    ]
    limits = BlobLimits(row_bytes=100, batch_bytes=50)
    reading = with_bytes(batches(rows), COLUMNS, Store(), limits)
    assert next(reading).num_rows == 1
    with pytest.raises(of.ReadTooLarge, match=r"holds 100 at most; read it with blobs='files'"):
        next(reading)


def test_all_bytes_are_counted() -> None:
    rows: Rows = [(30, [])] * 4
    for batch_bytes in (30, 60, 1000):
        enough = BlobLimits(batch_bytes=batch_bytes, total_bytes=120)
        assert sum(b.num_rows for b in with_bytes(batches(rows), COLUMNS, Store(), enough)) == 4
        limits = BlobLimits(batch_bytes=batch_bytes, total_bytes=119)
        with pytest.raises(of.ReadTooLarge, match="max_bytes=119"):
            list(with_bytes(batches(rows), COLUMNS, Store(), limits))


def test_memory_does_not_grow_with_the_table() -> None:
    size = 99_999
    rows: Rows = [(size, []) for _ in range(2000)]
    limits = BlobLimits(batch_bytes=1 << 20)
    arrow = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        n_bytes = 0
        for batch in with_bytes(batches(rows), COLUMNS, Store(), limits):
            photos: Any = batch["photo"].to_pylist()
            n_bytes += sum(map(len, photos))
            del batch
            assert pa.total_allocated_bytes() - arrow < 8 << 20
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_bytes == size * 2000
    assert most < 8 << 20


def test_closing_closes_what_is_read() -> None:
    closed = []

    def source() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches([(10, [])] * 20)
        finally:
            closed.append(True)

    reading = with_bytes(source(), COLUMNS, Store())
    next(reading)
    reading.close()
    assert closed == [True]
