"""A folder of tables: copied while it is used."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def store_of(service: Any) -> Any:
    return service.emulator.store


def test_a_copy_is_a_folder_of_its_own(open_service: Callable[..., Any], tmp_path: Path) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    service.write(pa.table({"a": [1, 2], "pt": ["x", "y"]}))
    session = service.open_session()
    stream, _ = service.open_stream(session)
    service.send_rows(stream, pa.table({"a": [3], "pt": ["x"]}))
    store_of(service).copy_to(tmp_path / "copy")
    service.sql("DROP TABLE t")
    copy = open_service("copy")
    assert sorted(row["a"] for row in copy.rows()) == [1, 2]
    copy.close_stream(stream)
    copy.commit(session)
    assert sorted(row["a"] for row in copy.rows()) == [1, 2, 3]


def test_a_copy_takes_no_folder_that_is_there(service: Any, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(FileExistsError):
        store_of(service).copy_to(tmp_path / "copy")


def test_copies_are_of_one_moment(open_service: Callable[..., Any], tmp_path: Path) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    service.sql("CREATE TABLE u (a BIGINT)")
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            rows = pa.table({"a": [number] * 8, "pt": ["x", "y"] * 4})
            service.write(rows, overwrite=True)
            service.write(pa.table({"a": [number]}), "u")

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(6):
        store_of(service).copy_to(tmp_path / f"copy{number}")
    done.set()
    writer.join()
    for number in range(6):
        copy = open_service(f"copy{number}")
        table, followers = copy.read(), copy.read("u")["a"].to_pylist()
        assert table.num_rows in (0, 8)
        (last,) = table["a"].unique().to_pylist() or [0]
        assert followers in (list(range(1, last + 1)), list(range(1, last)))
