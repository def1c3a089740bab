from __future__ import annotations

import pandas as pd
import pytest

from odps_frames.demo.data import PARTITION, load


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return load()


def test_all_five_tables_are_there(frames: dict[str, pd.DataFrame]) -> None:
    assert {name: len(frame) for name, frame in frames.items()} == {
        "flights": 336_776,
        "weather": 26_115,
        "airports": 1_458,
        "airlines": 16,
        "planes": 3_322,
    }


def test_numbers_with_gaps_stay_whole(frames: dict[str, pd.DataFrame]) -> None:
    delays = frames["flights"]["dep_delay"]
    assert delays.dtype == pd.Int16Dtype()
    assert delays.isna().sum() == 8_255
    assert delays.max() == 1_301


def test_the_month_is_a_column_and_the_order(frames: dict[str, pd.DataFrame]) -> None:
    months = frames["flights"][PARTITION]
    assert months.is_monotonic_increasing
    assert months.unique().tolist() == [f"2013{month:02}" for month in range(1, 13)]


def test_hours_are_instants(frames: dict[str, pd.DataFrame]) -> None:
    first = frames["flights"]["time_hour"].iloc[0]
    assert first == pd.Timestamp("2013-01-01T10:00:00Z")


def test_a_missing_package_comes_with_the_remedy() -> None:
    with pytest.raises(
        ModuleNotFoundError, match=r"'no_such_data'.*pip install 'odps-frames\[demo\]'"
    ):
        load("no_such_data")
