"""The members that requests for rows may have; what is none of them is refused by name."""

from __future__ import annotations

from typing import Final

__all__ = ["CREATE", "PREVIEW", "READ", "SPLIT_OPTIONS", "UNITS"]

CREATE: Final = (
    *("RequiredDataColumns", "RequiredPartitionColumns", "RequiredPartitions"),
    *("RequiredBucketIds", "SplitOptions", "ArrowOptions", "FilterPredicate"),
    *("FilterPredicateFallback", "SplitMaxFileNum", "IncrementalRead", "IncrementalReadOptions"),
    "EnableLimit",  # of instances (protocol.md §10)
)
SPLIT_OPTIONS: Final = ("SplitMode", "SplitUnit", "SplitNumber", "CrossPartition")
UNITS: Final = ("TimestampUnit", "DatetimeUnit")
READ: Final = (
    *("MaxBatchRows", "SkipRowNum", "MaxBatchRawSize", "DataFormat", "DataColumns"),
    "DataColumnsUnordered",
    *("TaskName", "QueryId", "EnableLimit", "Columns"),  # of instances
)
PREVIEW: Final = ("Limit", "Partition", "Columns")
