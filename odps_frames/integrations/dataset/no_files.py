"""The place of a dataset whose rows are in no file."""

from __future__ import annotations

from io import UnsupportedOperation
from typing import Any, NoReturn

from pyarrow import fs

__all__ = ["NoFiles"]


def _refused(place: NoFiles, *_: object) -> NoReturn:
    msg = (
        f"the rows of {place.table} are in no file that pyarrow could open by itself; give it "
        "dataset.to_table(), or dataset.scanner(…).to_reader() for a stream"
    )
    raise UnsupportedOperation(msg)


_refuse: Any = _refused


class NoFiles(fs.FileSystemHandler):
    """Tells whoever would open a file how the rows are read instead."""

    def __init__(self, table: str) -> None:
        self.table = table

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoFiles) and self.table == other.table

    def __hash__(self) -> int:
        return hash(self.table)

    def get_type_name(self) -> str:
        """Name the kind of place."""
        return "odps"

    def normalize_path(self, path: str) -> str:
        """Return a name as it is."""
        return path

    def get_file_info(self, paths: str | list[str]) -> list[fs.FileInfo]:
        """Tell that there is nothing of these names."""
        names = [paths] if isinstance(paths, str) else paths
        return [fs.FileInfo(name, fs.FileType.NotFound) for name in names]

    get_file_info_selector = open_input_stream = open_input_file = _refuse
    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse
