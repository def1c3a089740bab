"""Peak memory of streaming writes and reads, for tables of more and more rows.

Run as a script on Linux: ``python tests/benchmarks/memory.py``. Every measurement is made in a
fresh process, apart from that of the service. It prints a table, and one of blobs; memory that
grows with the rows is a defect.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_ROWS = 65_536
KIBIBYTES_A_MEGABYTE = 1024
BLOB_BYTES = 1 << 20
BLOB_ACTIONS = ("write", "read", "copy")


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
    if action.startswith("blobs"):
        _blobs(action, n_batches)
        rows = n_batches * BATCH_ROWS
    elif action == "import":
        rows = n_batches * BATCH_ROWS
    elif action == "write":
        rows = of.to_odps(_stream(n_batches), name, mode="overwrite", create=True).rows
    else:
        rows = sum(batch.num_rows for batch in of.scan_odps(name).to_batches())
    if rows != n_batches * BATCH_ROWS:
        raise SystemExit(f"{action} of {name}: {rows} rows")
    print(json.dumps({"peak": _peak_megabytes()}))


def _blobs(action: str, n_blobs: int) -> None:
    """Write, read or copy a table of blobs of a megabyte."""
    name = f"blobs_{n_blobs}"
    found = n_blobs
    if action == "blobs-write":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "blob"
            path.write_bytes(b"megabyte" * (BLOB_BYTES // 8))
            frame = pd.DataFrame({"id": range(n_blobs), "photo": [path] * n_blobs})
            how = {"create": True, "odps_types": {"photo": "blob"}}
            found = of.to_odps(frame, name, mode="overwrite", **how).rows  # type: ignore[call-overload]  # a mapping
    elif action == "blobs-read":
        batches = of.scan_odps(name, blobs="bytes").to_batches()
        found = sum(batch["photo"].nbytes // BLOB_BYTES for batch in batches)
    else:
        found = of.to_odps(
            of.scan_odps(name, blobs="files"), f"{name}_copy", mode="overwrite", create=True
        ).rows
    if found != n_blobs:
        raise SystemExit(f"{action} of {name}: {found} blobs")


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
        settings = _settings(client)
        for n_batches in sizes:
            more = [str(n_batches), json.dumps(settings)]
            peaks = [_run([action, *more]) for action in ("import", "write", "read")]
            size = _batch(0).nbytes * n_batches / 1e6
            rows = n_batches * BATCH_ROWS
            print(f"{rows:>12,} {size:>9,.0f} {peaks[0]:>8.0f} {peaks[1]:>9.0f} {peaks[2]:>14.0f}")


def _blob_table(sizes: list[int]) -> None:
    print(f"{'blobs of 1 MB':>14} {'write MB':>9} {'read MB':>8} {'copy MB':>8}")
    with tempfile.TemporaryDirectory() as folder, of.local(Path(folder)) as client:
        more = json.dumps(_settings(client))
        for n_blobs in sizes:
            peaks = [_run([f"blobs-{how}", str(n_blobs), more]) for how in BLOB_ACTIONS]
            print(f"{n_blobs:>14,} {peaks[0]:>9.0f} {peaks[1]:>8.0f} {peaks[2]:>8.0f}")


def _settings(client: of.Client) -> dict[str, str | None]:
    names = ("endpoint", "project", "access_id", "secret_access_key")
    return {name: getattr(client.config, name) for name in names}


def main() -> None:
    """Measure, or be the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    actions = ["import", "write", "read", *(f"blobs-{how}" for how in BLOB_ACTIONS)]
    parser.add_argument("action", nargs="?", choices=actions)
    parser.add_argument("batches", nargs="?", type=int)
    parser.add_argument("settings", nargs="?")
    options = parser.parse_args()
    if options.action:
        _measure(options.action, options.batches, json.loads(options.settings))
    else:
        _table([64, 256, 1024])
        _blob_table([64, 256, 1024])


if __name__ == "__main__":
    main()
