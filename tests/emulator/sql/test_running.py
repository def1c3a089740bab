"""How DuckDB is set up for a query."""

from __future__ import annotations

from pathlib import Path

from odps_frames.emulator.files import Files
from odps_frames.emulator.sql.planning import Planned
from odps_frames.emulator.sql.running import Run
from odps_frames.model.schema import Column
from odps_frames.model.types import parse_type


def test_what_does_not_fit_memory_goes_to_a_folder_of_its_own_that_is_gone_afterwards(
    tmp_path: Path,
) -> None:
    sql = "SELECT current_setting('temp_directory') AS c0"
    planned = Planned(sql, (Column("at", parse_type("string")),), (), "UTC")
    batches = Run(planned).batches(Files(tmp_path / "files"))
    folder = str(next(batches).column(0)[0])
    assert Path(folder).is_dir()
    assert Path.cwd() not in Path(folder).parents
    assert list(batches) == []
    assert not Path(folder).exists()


def test_a_query_takes_a_share_of_the_machine(tmp_path: Path) -> None:
    sql = "SELECT current_setting('memory_limit') AS c0, current_setting('threads') AS c1"
    columns = (Column("memory", parse_type("string")), Column("threads", parse_type("bigint")))
    (batch,) = Run(Planned(sql, columns, (), "UTC")).batches(Files(tmp_path / "files"))
    ((memory, threads),) = [row.values() for row in batch.to_pylist()]
    assert memory == "2.0 GiB"
    assert 1 <= threads <= 4
