"""Queries carried out by DuckDB, in memory and cut off from everything else."""

from __future__ import annotations

import os
import re
import threading
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from odps_frames.emulator.sql.json_rows import JSON_ROW_FUNCTIONS
from odps_frames.emulator.sql.macros import macros
from odps_frames.emulator.sql.row_functions import ROW_FUNCTIONS
from odps_frames.emulator.sql.row_places import placed_rows
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.model.splits import Split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.emulator.files import Files
    from odps_frames.emulator.sql.planning import Planned, Source

__all__ = ["Cancelled", "Run"]

BATCH_ROWS = 65_536
INTERRUPT_SECONDS = 0.02
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": "2GiB",
    "threads": min(os.cpu_count() or 1, 4),
}
"""No file, no address and no variable of this process can be named in a query.

A query takes a share of the machine that leaves room for the process around it; what does not fit
goes to a temporary folder.
"""


_QUIET = ("SET enable_progress_bar = true", "SET enable_progress_bar_print = false")
"""DuckDB counts how far it is only when it might show it."""


_LOCK = "SET lock_configuration = true"
"""Whatever a query may come to say, it changes none of these settings."""


class Cancelled(Exception):
    """The query was stopped before its end."""


class Run:
    """One query on its way; another thread may stop it."""

    def __init__(self, planned: Planned) -> None:
        self._planned = planned
        self._guard = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._cancelled = False
        self._ended = threading.Event()

    def batches(self, files: Files) -> Iterator[pa.RecordBatch]:
        """Carry the query out and yield its rows.

        Raises
        ------
        Cancelled
            After ``cancel``.
        SqlFault
            When a value cannot be calculated.
        """
        spill = TemporaryDirectory(prefix="odps-frames-query-", dir=files.scratch)
        connection = duckdb.connect(":memory:", config=_SETTINGS | {"temp_directory": spill.name})
        with self._guard:
            self._connection = connection
        try:
            self.stop_if_cancelled()
            words = macros(self._planned.zone, self._planned.sql)
            for statement in (*_QUIET, *words):
                connection.execute(statement)
            _define_row_functions(connection, " ".join((self._planned.sql, *words)))
            for number, source in enumerate(self._planned.sources):
                connection.register(f"a{number}", _table_of(source, files))
            connection.execute(_LOCK)
            for batch in connection.sql(self._planned.sql).to_arrow_reader(BATCH_ROWS):
                self.stop_if_cancelled()
                yield batch
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            self.stop_if_cancelled()
            raise _fault(error) from None
        except Exception:
            self.stop_if_cancelled()
            raise
        finally:
            self._ended.set()
            with self._guard:
                self._connection = None
            connection.close()
            spill.cleanup()

    def cancel(self) -> None:
        """Stop the query wherever it is."""
        with self._guard:
            first, self._cancelled = not self._cancelled, True
        if first:
            threading.Thread(target=self._interrupt, name="odps-interrupt", daemon=True).start()

    def _interrupt(self) -> None:
        """Interrupt until it ended: DuckDB forgets what comes while it still plans a query."""
        while not self._ended.is_set():
            with self._guard:
                if self._connection is not None:
                    self._connection.interrupt()
            self._ended.wait(INTERRUPT_SECONDS)

    @property
    def progress(self) -> float:
        """How much is done, in percent, as far as DuckDB knows."""
        with self._guard:
            if self._connection is None:
                return 0.0
            return max(0.0, float(self._connection.query_progress()))

    def stop_if_cancelled(self) -> None:
        """End here where the query was stopped.

        Raises
        ------
        Cancelled
            After ``cancel``.
        """
        if self._cancelled:
            self._ended.set()
            raise Cancelled


def _define_row_functions(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    known = {**ROW_FUNCTIONS, **JSON_ROW_FUNCTIONS}
    for name in {*re.findall(r"\bmc_py_\w+", sql)} & known.keys():
        function = known[name]
        connection.create_function(
            name,
            function.of_columns(),
            [duckdb.sqltype(type_) for type_ in function.takes],
            duckdb.sqltype(function.gives),
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def _table_of(source: Source, files: Files) -> pa.Table:
    pieces = source.plan.pieces(Split(""), 0)
    batches = source.view.rows(files, source.plan.files, pieces)
    if source.placed:
        return placed_rows(source, batches)
    return pa.Table.from_batches(list(batches), source.view.schema).rename_columns(
        list(source.names)
    )


def _fault(error: Exception) -> SqlFault:
    """Say what DuckDB could not calculate, without the text that it was given."""
    what = str(error).split("\n\nLINE ", 1)[0].strip()
    what = re.sub(r"^Invalid Input Error: (Python exception [^:]*: \w+: )?", "", what)
    return SqlFault("ODPS-0121035", f"Illegal type cast or calculation - {what}")
