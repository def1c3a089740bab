from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from odps_frames.emulator.files import Files

if TYPE_CHECKING:
    from pathlib import Path

BATCH = pa.record_batch({"1": [1, 2, 3]})


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


def make(files: Files) -> str:
    name, writer = files.create(BATCH.schema)
    writer.write_batch(BATCH)
    writer.close()
    assert files.finish(name) > 24
    files.settle()
    return name


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "files").iterdir())


def test_a_file_has_its_name_when_it_is_whole(files: Files, tmp_path: Path) -> None:
    name, writer = files.create(BATCH.schema)
    writer.write_batch(BATCH)
    assert name not in names(tmp_path)
    writer.close()
    files.finish(name)
    assert names(tmp_path) == [name]
    assert files.open(name).get_batch(0).equals(BATCH)


def test_a_file_that_is_not_wanted(files: Files, tmp_path: Path) -> None:
    name, writer = files.create(BATCH.schema)
    writer.close()
    files.discard(name)
    assert names(tmp_path) == []


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_with_two_names_is_deleted_twice(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    first = make(files)
    second = files.duplicate(first)
    assert names(tmp_path) == sorted([first, second])
    files.delete([first])
    assert names(tmp_path) == [second]
    assert files.open(second).get_batch(0).equals(BATCH)


def test_sweeping(files: Files, tmp_path: Path) -> None:
    kept, _ = make(files), make(files)
    _, unfinished = files.create(BATCH.schema)
    unfinished.close()
    assert files.sweep({kept: 24}) == 2
    assert names(tmp_path) == [kept]


def test_files_that_are_held_go_when_the_last_reader_lets_go(files: Files, tmp_path: Path) -> None:
    name, other = make(files), make(files)
    first, found = files.hold(lambda: ([name], "found"))
    second, _ = files.hold(lambda: ([name, name], None))
    assert found == "found"
    files.delete([name, other, "unknown"])
    assert names(tmp_path) == [name]
    first.release()
    first.release()
    assert names(tmp_path) == [name]
    second.release()
    assert names(tmp_path) == []


def test_a_hold_ends_with_the_rows(files: Files, tmp_path: Path) -> None:
    name = make(files)
    hold, _ = files.hold(lambda: ([name], None))
    rows = hold.over(iter("abc"))
    files.delete([name])
    assert next(rows) == "a"
    assert names(tmp_path) == [name]
    assert list(rows) == ["b", "c"]
    assert names(tmp_path) == []


@pytest.mark.parametrize("begun", [False, True])
def test_a_hold_ends_when_nobody_has_it_any_more(
    files: Files,
    tmp_path: Path,
    begun: bool,  # noqa: FBT001
) -> None:
    name = make(files)
    hold, _ = files.hold(lambda: ([name], None))
    rows = hold.over(iter("abc"))
    if begun:
        next(rows)
    files.delete([name])
    del hold, rows
    gc.collect()
    assert names(tmp_path) == []


def test_the_garbage_collector_may_let_go_inside_of_anything(files: Files, tmp_path: Path) -> None:
    name = make(files)
    hold, _ = files.hold(lambda: ([name], None))
    files.delete([name])

    def find() -> tuple[list[str], None]:
        hold.release()  # as a collection in the middle of the search would
        return [], None

    files.hold(find)
    assert names(tmp_path) == []
