"""A scan as a dataset of pyarrow: engines ask it for columns and filters, and get no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.integrations.dataset.datasets import OdpsDataset
from odps_frames.integrations.dataset.fragment import SplitFragment
from odps_frames.integrations.dataset.scanner import DatasetScanner

if TYPE_CHECKING:
    from odps_frames.scan import Scan

__all__ = ["DatasetScanner", "OdpsDataset", "SplitFragment", "dataset_of"]


def dataset_of(scan: Scan) -> OdpsDataset:
    """Return a scan as a dataset of pyarrow.

    Examples
    --------
    >>> import pandas as pd
    >>> import pyarrow.compute as pc
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     of.scan_odps("t").dataset().to_table(filter=pc.field("id") > 1).num_rows
    2
    """
    return OdpsDataset(scan)
