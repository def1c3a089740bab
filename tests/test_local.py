from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import odps_frames as of

FRAME = pd.DataFrame({"id": pd.array([1, 2], "Int64")})


def test_a_folder_keeps_its_tables(tmp_path: Path) -> None:
    with of.local(tmp_path / "warehouse"):
        of.to_odps(FRAME, "t", create=True)
    client = of.local(tmp_path / "warehouse")
    pd.testing.assert_frame_equal(of.read_odps("demo.t"), FRAME)
    client.close()
    with of.local(tmp_path / "warehouse", fresh=True) as again:
        assert again.tables() == []


def test_without_a_folder_nothing_is_left() -> None:
    with of.local(project="mine") as client:
        of.to_odps(FRAME, "t", create=True)
        folder = client._folder  # noqa: SLF001  where it keeps its files
        assert client.tables() == ["t"]
        assert len(of.read_odps("mine.t")) == 2
    assert folder is not None
    assert not Path(folder).exists()


def test_what_no_service_made_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(of.ConfigError, match="something else"):
        of.local(tmp_path, fresh=True)
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    with of.local(tmp_path) as client:
        with pytest.raises(of.Conflict, match="process"):
            of.local(tmp_path)
        with pytest.raises(of.Conflict, match="process"):
            of.local(tmp_path, fresh=True)
        program = "import sys, odps_frames as of; of.local(sys.argv[1])"
        other = subprocess.run(  # noqa: S603  our own program
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert other.returncode == 1
        assert "Conflict" in other.stderr
        assert client.tables() == []


def test_blocks_nest_and_end_where_they_began(tmp_path: Path) -> None:
    with of.local(tmp_path / "a") as outer:
        of.to_odps(FRAME, "only_a", create=True)
        with of.local(tmp_path / "b") as inner:
            assert inner.tables() == []
            assert not inner.exists("only_a")
            with pytest.raises(of.NotFound):
                of.read_odps("only_a")
        assert len(of.read_odps("only_a")) == 2
        assert outer.tables() == ["only_a"]


def test_an_error_in_the_block_closes_the_service_too(tmp_path: Path) -> None:
    def fail() -> None:
        with of.local(tmp_path):
            raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        fail()
    with of.local(tmp_path) as client:
        assert client.tables() == []


def test_closing_twice_is_closing(tmp_path: Path) -> None:
    client = of.local(tmp_path)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        _ = client.service


def test_fresh_deletes_only_what_a_service_made(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("ten years of work")
    with of.local(tmp_path):
        of.to_odps(FRAME, "t", create=True)
    with of.local(tmp_path, fresh=True) as client:
        assert client.tables() == []
    assert (tmp_path / "notes" / "thesis.txt").exists()


def test_a_closed_client_says_so(tmp_path: Path) -> None:
    client = of.local(tmp_path)
    client.close()
    with pytest.raises(of.ConfigError, match="was closed"):
        client.tables()


def test_a_fork_leaves_the_service_to_its_parent(tmp_path: Path) -> None:
    program = """
import os, sys, odps_frames as of
with of.local(sys.argv[1]) as client:
    child = os.fork()
    if child == 0:
        client.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert client.tables() == []
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)  # noqa: S603  our own program
