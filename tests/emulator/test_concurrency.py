from __future__ import annotations

import threading
from typing import Any

import pyarrow as pa

from odps_frames.model.splits import Split

N_ROWS = 500
ROUNDS = 30


def test_readers_never_see_half_of_an_overwrite(any_service: Any) -> None:
    service = any_service
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    service.write(_version(0))
    done = threading.Event()
    seen: list[tuple[int, int]] = []

    def read() -> None:
        while True:
            last = done.is_set()
            session = service.open_read()
            table = service.read_split(Split(session.session_id))
            seen.append((table.num_rows, len(table["a"].unique())))
            if last:
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, ROUNDS):
        service.write(_version(number), overwrite=True)
    done.set()
    for reader in readers:
        reader.join()
    assert set(seen) == {(N_ROWS, 1)}
    assert service.read()["a"].unique().to_pylist() == [ROUNDS - 1]


def _version(number: int) -> pa.Table:
    return pa.table({"a": [number] * N_ROWS, "pt": ["x", "y"] * (N_ROWS // 2)})


def test_writers_do_not_lose_each_others_rows(any_service: Any) -> None:
    service = any_service
    service.sql("CREATE TABLE t (a BIGINT)")

    def write(first: int) -> None:
        for number in range(first, first + 10):
            service.write(pa.table({"a": [number]}))

    writers = [threading.Thread(target=write, args=(n * 10,)) for n in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(service.read()["a"].to_pylist()) == list(range(60))
    assert service.open_read().latest_version == 60


def test_a_commit_that_comes_from_everywhere_counts_once(any_service: Any) -> None:
    service = any_service
    service.sql("CREATE TABLE t (a BIGINT)")
    session = service.open_session()
    stream, _ = service.open_stream(session)
    service.send_rows(stream, pa.table({"a": [1]}))
    service.close_stream(stream)
    threads = [threading.Thread(target=service.commit, args=(session,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.read()["a"].to_pylist() == [1]
    assert service.open_read().latest_version == 1
