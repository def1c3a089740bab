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
