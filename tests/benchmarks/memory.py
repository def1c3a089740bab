"""Peak memory of streaming writes and reads, for tables of more and more rows.

Run as a script on Linux: ``python tests/benchmarks/memory.py``. Every measurement is made in a
fresh process, apart from that of the service. It prints a table; memory that grows with the
rows is a defect.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_ROWS = 65_536
KIBIBYTES_A_MEGABYTE = 1024


def _batch(number: int) -> pa.RecordBatch:
    ids = pa.array(range(number * BATCH_ROWS, (number + 1) * BATCH_ROWS), pa.int64())
    text = pa.repeat(pa.scalar(f"some text of batch {number:06d}"), BATCH_ROWS)
    columns: list[pa.Array[Any]] = [ids, ids.cast(pa.float64()), text]
    return pa.RecordBatch.from_arrays(columns, names=["id", "amount", "text"])


def _stream(n_batches: int) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(n_batches):
            yield _batch(number)

    return pa.RecordBatchReader.from_batches(_batch(0).schema, batches())


def _measure(action: str, n_batches: int, settings: dict[str, str]) -> None:
    """Do one thing and print the peak of this process in megabytes."""
    of.connect(**settings)  # type: ignore[arg-type]  # settings are text
    name = f"stream_{n_batches}"
    if action == "import":
        rows = n_batches * BATCH_ROWS
    elif action == "write":
        rows = of.to_odps(_stream(n_batches), name, mode="overwrite", create=True).rows
    else:
        rows = sum(batch.num_rows for batch in of.scan_odps(name).to_batches())
    if rows != n_batches * BATCH_ROWS:
        raise SystemExit(f"{action} of {name}: {rows} rows")
    print(json.dumps({"peak": _peak_megabytes()}))


def _peak_megabytes() -> float:
    """The most memory that this process ever held; getrusage would count its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / KIBIBYTES_A_MEGABYTE


def _run(arguments: list[str]) -> float:
    done = subprocess.run(  # noqa: S603  this file
        [sys.executable, __file__, *arguments], capture_output=True, check=True, text=True
    )
    return float(json.loads(done.stdout)["peak"])


def _table(sizes: list[int]) -> None:
    print(f"{'rows':>12} {'Arrow MB':>9} {'idle MB':>8} {'write MB':>9} {'to_batches MB':>14}")
    with tempfile.TemporaryDirectory() as folder, of.local(Path(folder)) as client:
        config = client.config
        settings = {
            "endpoint": config.endpoint,
            "project": config.project,
            "access_id": config.access_id,
            "secret_access_key": config.secret_access_key,
        }
        for n_batches in sizes:
            more = [str(n_batches), json.dumps(settings)]
            peaks = [_run([action, *more]) for action in ("import", "write", "read")]
            size = _batch(0).nbytes * n_batches / 1e6
            rows = n_batches * BATCH_ROWS
            print(f"{rows:>12,} {size:>9,.0f} {peaks[0]:>8.0f} {peaks[1]:>9.0f} {peaks[2]:>14.0f}")


def main() -> None:
    """Measure, or be the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", nargs="?", choices=["import", "write", "read"])
    parser.add_argument("batches", nargs="?", type=int)
    parser.add_argument("settings", nargs="?")
    options = parser.parse_args()
    if options.action:
        _measure(options.action, options.batches, json.loads(options.settings))
    else:
        _table([64, 256, 1024])


if __name__ == "__main__":
    main()
