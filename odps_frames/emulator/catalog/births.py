"""The versions that brought the rows of a file, where they are of several.

A file that is written by a commit is of one version. One that joins such files keeps, row by row,
what each of them said, so that every version finds in it the rows that it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.erasures import Positions

__all__ = ["decode_births", "encode_births", "unborn"]

_RUNS = np.dtype([("version", "<i8"), ("n_rows", "<i8")])


def encode_births(versions: Positions) -> bytes | None:
    """Write the version of each row as runs; None where it is the same one for all."""
    starts = np.flatnonzero(np.diff(versions, prepend=versions[:1] - 1))
    if len(starts) <= 1:
        return None
    runs = np.empty(len(starts), _RUNS)
    runs["version"] = versions[starts]
    runs["n_rows"] = np.diff(starts, append=len(versions))
    return runs.tobytes()


def decode_births(births: bytes | None, added: int, n_rows: int) -> Positions:
    """Return the version of each row."""
    if births is None:
        return np.full(n_rows, added, np.int64)
    runs = np.frombuffer(births, _RUNS)
    return np.repeat(runs["version"], runs["n_rows"])


def unborn(births: bytes, version: int) -> Positions:
    """Return the places of the rows that came after a version, ascending."""
    runs = np.frombuffer(births, _RUNS)
    later = np.repeat(runs["version"] > version, runs["n_rows"])
    return np.flatnonzero(later)
