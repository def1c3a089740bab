"""Without its package an engine tells what to install, and all else works."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKED = """
import sys
for name in ("dask", "distributed", "duckdb", "polars", "ray"):
    sys.modules[name] = None
import pandas as pd
import odps_frames as of

with of.local():
    of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    scan = of.scan_odps("t").filter("id > 1")
    assert scan.to_arrow().num_rows == 2
    assert len(scan.to_pandas()) == 2
    assert scan.dataset().count_rows() == 2
    for use in (ENGINE_USES):
        try:
            use()
        except ImportError as missing:
            print(missing)
"""
USES = {
    "polars": "scan.lazy, scan.to_polars, lambda: of.polars",
    "duckdb": "scan.to_duckdb, lambda: of.duckdb",
    "dask": "scan.to_dask, lambda: of.dask",
    "ray": "scan.to_ray, lambda: of.ray",
}


@pytest.mark.parametrize("engine", USES)
def test_the_message_names_the_extra(engine: str) -> None:
    script = BLOCKED.replace("ENGINE_USES", USES[engine])
    run = subprocess.run(  # noqa: S603  our own script
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    said = f"{engine} is not installed; pip install 'odps-frames[{engine}]'"
    assert run.stdout.splitlines() == [said] * len(USES[engine].split(","))


def test_importing_the_package_imports_no_engine() -> None:
    script = (
        "import sys, odps_frames; "
        "print(sorted({'dask', 'distributed', 'duckdb', 'polars', 'ray'} & set(sys.modules)))"
    )
    run = subprocess.run(  # noqa: S603  our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
