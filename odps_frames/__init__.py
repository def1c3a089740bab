"""MaxCompute (ODPS) tables as dataframes, over the Storage API V2.

Importing the package adds ``pandas.read_odps`` and ``DataFrame.to_odps``.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from odps_frames.changes import Changes, read_odps_changes
from odps_frames.chunks import FrameReader
from odps_frames.client import Client
from odps_frames.config import Config, Timeout
from odps_frames.connect import connect
from odps_frames.engines import ENGINES, engine
from odps_frames.errors import (
    AuthenticationError,
    CastError,
    CommitUnknown,
    ConfigError,
    Conflict,
    CorruptStream,
    IncompleteRead,
    NotFound,
    OdpsError,
    OdpsWarning,
    PermissionDenied,
    ProtocolError,
    ReadTooLarge,
    SchemaMismatch,
    ServiceError,
    ServiceUnavailable,
    SessionExpired,
    SqlError,
    Throttled,
)
from odps_frames.frame_writes import to_odps
from odps_frames.frames import read_odps, scan_odps
from odps_frames.local import local
from odps_frames.model.blob import Blob, BlobRef, Checksum, StagedBlob
from odps_frames.model.buckets import Buckets
from odps_frames.model.lifecycle import SessionStatus
from odps_frames.model.read import (
    ArrowOptions,
    BatchOptions,
    DataFormat,
    Incremental,
    ReadSessionInfo,
    ReadSpec,
    TimeUnit,
)
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.splits import ByBucket, ByParallelism, ByRows, BySize, RowRange, Split
from odps_frames.model.table import Partition, TableRef
from odps_frames.model.write import BlockOptions, StreamId
from odps_frames.partitions import latest
from odps_frames.progress import Progress
from odps_frames.queries import read_odps_query, read_odps_table
from odps_frames.query import Query
from odps_frames.read.blobs import BlobFile
from odps_frames.read.session import ReadSession
from odps_frames.read.stored_blob import StoredBlob
from odps_frames.registration import register, unregister
from odps_frames.scan import Scan
from odps_frames.scan_plan import Plan
from odps_frames.scan_split import ScanSplit, read_split
from odps_frames.table import Table
from odps_frames.write.block_session import BlockSession
from odps_frames.write.session import WriteSession
from odps_frames.write.stream import TableWriter
from odps_frames.write_options import WriteResult
from odps_frames.write_plan import WritePlan

if TYPE_CHECKING:
    from types import ModuleType

__version__ = version("odps-frames")

__all__ = [
    "ArrowOptions",
    "AuthenticationError",
    "BatchOptions",
    "Blob",
    "BlobFile",
    "BlobRef",
    "BlockOptions",
    "BlockSession",
    "Buckets",
    "ByBucket",
    "ByParallelism",
    "ByRows",
    "BySize",
    "CastError",
    "Changes",
    "Checksum",
    "Client",
    "Column",
    "CommitUnknown",
    "Config",
    "ConfigError",
    "Conflict",
    "CorruptStream",
    "DataFormat",
    "FrameReader",
    "IncompleteRead",
    "Incremental",
    "NotFound",
    "OdpsError",
    "OdpsWarning",
    "Partition",
    "PermissionDenied",
    "Plan",
    "Progress",
    "ProtocolError",
    "Query",
    "ReadSession",
    "ReadSessionInfo",
    "ReadSpec",
    "ReadTooLarge",
    "RowRange",
    "Scan",
    "ScanSplit",
    "SchemaMismatch",
    "ServiceError",
    "ServiceUnavailable",
    "SessionExpired",
    "SessionStatus",
    "Split",
    "SqlError",
    "StagedBlob",
    "StoredBlob",
    "StreamId",
    "Table",
    "TableRef",
    "TableSchema",
    "TableWriter",
    "Throttled",
    "TimeUnit",
    "Timeout",
    "WritePlan",
    "WriteResult",
    "WriteSession",
    "__version__",
    "connect",
    "latest",
    "local",
    "read_odps",
    "read_odps_changes",
    "read_odps_query",
    "read_odps_table",
    "read_split",
    "register",
    "scan_odps",
    "to_odps",
    "unregister",
]


def __getattr__(name: str) -> ModuleType:
    """Import an engine when it is first asked for: ``odps_frames.polars``."""
    if name in ENGINES:
        return engine(name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


register()
