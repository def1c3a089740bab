"""The front door for reads: a table or a query into a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from odps_frames.chunks import FrameReader
from odps_frames.connect import client_of
from odps_frames.convert.pandas import check_frame
from odps_frames.model.read import TimeUnit
from odps_frames.model.splits import split_by_of, whole
from odps_frames.progress import check_progress
from odps_frames.query import Query
from odps_frames.scan import Scan, ScanOptions
from odps_frames.sources import query_in, refuse, table_name
from odps_frames.wire.compression import Compression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from odps_frames.client import Client
    from odps_frames.config import Config
    from odps_frames.model.splits import SplitBy
    from odps_frames.partitions import Selection
    from odps_frames.progress import ProgressOption
    from odps_frames.scan import DtypeBackend
    from odps_frames.scan_options import BlobsOption

__all__ = [
    "CompressionOption",
    "compression_of",
    "index_names",
    "index_of",
    "read_odps",
    "scan_odps",
]

CompressionOption = Literal["auto", "lz4", "zstd"] | None


class ReadOptions(TypedDict, total=False):
    """The options of ``read_odps`` but ``chunksize``, for type checkers."""

    columns: Sequence[str] | None
    partitions: Selection | None
    filters: Any
    limit: int | None
    index_col: str | Sequence[str] | None
    dtype_backend: DtypeBackend | None
    types_mapper: Callable[[pa.DataType], Any] | None
    timestamp_unit: str | None
    datetime_unit: str | None
    tz: str | None
    preserve_order: bool
    split_size: int | None
    max_workers: int | None
    compression: CompressionOption
    max_bytes: int | None
    blobs: BlobsOption
    snapshot: str | None
    client: Client | object | None
    storage_options: Mapping[str, Any] | None
    progress: ProgressOption
    hints: Mapping[str, object] | None


@overload
def read_odps(
    source: str, *, chunksize: None = None, **options: Unpack[ReadOptions]
) -> pd.DataFrame: ...
@overload
def read_odps(source: str, *, chunksize: int, **options: Unpack[ReadOptions]) -> FrameReader: ...
def read_odps(  # noqa: PLR0913  the front door: every option by its name
    source: str,
    *,
    columns: Sequence[str] | None = None,
    partitions: Selection | None = None,
    filters: Any = None,
    limit: int | None = None,
    index_col: str | Sequence[str] | None = None,
    dtype_backend: DtypeBackend | None = None,
    types_mapper: Callable[[pa.DataType], Any] | None = None,
    timestamp_unit: str | None = None,
    datetime_unit: str | None = None,
    tz: str | None = None,
    chunksize: int | None = None,
    preserve_order: bool = True,
    split_size: int | None = None,
    max_workers: int | None = None,
    compression: CompressionOption = "auto",
    max_bytes: int | None = None,
    blobs: BlobsOption = "refs",
    snapshot: str | None = None,
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: ProgressOption = "auto",
    hints: Mapping[str, object] | None = None,
) -> pd.DataFrame | FrameReader:
    """Read a table or a query into a DataFrame; every row arrives, or an exception.

    Parameters
    ----------
    source : str
        ``table``, ``project.table`` or ``project.schema.table``; or a query, which is what has
        white space and reads as one. ``partitions``, ``split_size`` and ``max_bytes`` are for
        tables alone.
    columns : sequence of str, optional
        Data and partition columns in the order wanted; ``[]`` is none.
    partitions : optional
        ``"pt=20260101"``, a mapping, a list of these, a glob, ``"pt >= '20260101'"``,
        ``latest()``, or a callable on a mapping of a partition. No match is an empty frame.
    filters : optional
        SQL text, tuples as in ``pandas.read_parquet``, a ``pyarrow.compute.Expression`` or a
        ``polars.Expr``. NULL is never equal to anything, nor unequal, as in SQL; expressions of
        engines mean what they mean there.
    limit : int, optional
        Exactly so many rows, where there are as many.
    index_col : str or sequence of str, optional
        Columns that become the index.
    dtype_backend : {None, "pyarrow", "numpy_nullable", "numpy"}
        With None no value changes, and dtypes do not depend on the data.
    timestamp_unit, datetime_unit : {"s", "ms", "us", "ns"}, optional
        Units of times; a value that the unit cannot hold raises.
    tz : str, optional
        Zone in which DATETIME and TIMESTAMP are shown; by default that of the client.
    chunksize : int, optional
        Rows a frame: the result is an iterator of frames and a context manager.
    preserve_order : bool
        Rows in the order of the splits; else as they come.
    split_size : int, optional
        Bytes a split.
    max_workers : int, optional
        Threads that read.
    compression : {"auto", None, "lz4", "zstd"}
        On the way; "auto" is none on this machine, else lz4.
    max_bytes : int, optional
        More than that, by the service's estimate, raises before a byte is read. The estimate
        knows of no blobs; more bytes of them raise as they come.
    blobs : {"refs", "bytes", "files"}
        What stands for a BLOB, also inside arrays, maps and structs: its reference, for
        ``client.read_blobs``; its bytes; or a file, opened when it is read (``StoredBlob``).
    snapshot : str, optional
        The version to read, as ``Scan.snapshot()`` pinned it.
    client, storage_options : optional
        Whom to ask; by default the current client.
    progress : bool, "auto" or callable
        Shows how far it is, or calls with a ``Progress``.
    hints : mapping, optional
        Settings of a query, such as ``{"odps.sql.timezone": "UTC"}``.

    Returns
    -------
    DataFrame or FrameReader
        ``attrs["odps"]`` says where it came from and what it took.

    Raises
    ------
    NotFound, SchemaMismatch, CastError, IncompleteRead, ReadTooLarge, ServiceError
        As their names say.
    SqlError
        When a query failed: with its instance, line and column.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     of.read_odps("t", filters="id > 1")["id"].tolist()
    [2, 3]
    """
    rows = None if chunksize is None else whole("chunksize", chunksize, 1)
    asked = index_names(index_col)
    check_frame(dtype_backend, types_mapper, tz)
    plan = scan_odps(
        source,
        columns=columns,
        partitions=partitions,
        filters=filters,
        limit=limit,
        timestamp_unit=timestamp_unit,
        datetime_unit=datetime_unit,
        preserve_order=preserve_order,
        split_size=split_size,
        max_workers=max_workers,
        compression=compression,
        max_bytes=max_bytes,
        blobs=blobs,
        snapshot=snapshot,
        client=client,
        storage_options=storage_options,
        progress=progress,
        hints=hints,
    )
    index = index_of(asked, plan)
    if rows is not None:
        return FrameReader(
            plan,
            rows,
            index=index,
            dtype_backend=dtype_backend,
            types_mapper=types_mapper,
            tz=tz,
        )
    frame = plan.to_pandas(dtype_backend=dtype_backend, types_mapper=types_mapper, tz=tz)
    return frame.set_index(index) if index else frame


def index_names(index_col: object) -> list[str]:
    """Read ``index_col``, before anything is sent."""
    if index_col is None:
        return []
    names = [index_col] if isinstance(index_col, str) else index_col
    if not isinstance(names, list | tuple) or any(not isinstance(name, str) for name in names):
        msg = f"index_col={index_col!r}; expected the name of a column, or a list of names"
        raise TypeError(msg)
    lower = [name.lower() for name in names]
    if len(set(lower)) != len(lower):
        msg = f"index_col={index_col!r}; a column stands twice"
        raise ValueError(msg)
    return list(names)


def index_of(asked: list[str], plan: Scan) -> list[str]:
    """Name the columns that become the index as the plan has them.

    Raises
    ------
    ValueError
        When they are not read.
    """
    known = {column.name.lower(): column.name for column in plan.schema}
    if missing := [name for name in asked if name.lower() not in known]:
        msg = f"index_col={missing} are not among the columns that are read: {list(known.values())}"
        raise ValueError(msg)
    return [known[name.lower()] for name in asked]


def scan_odps(  # noqa: PLR0913  the front door
    source: str,
    *,
    columns: Sequence[str] | None = None,
    partitions: Selection | None = None,
    filters: Any = None,  # noqa: ANN401  as in read_odps
    limit: int | None = None,
    timestamp_unit: str | None = None,
    datetime_unit: str | None = None,
    preserve_order: bool = True,
    split_size: int | None = None,
    split_by: SplitBy | None = None,
    max_workers: int | None = None,
    compression: CompressionOption = "auto",
    max_bytes: int | None = None,
    blobs: BlobsOption = "refs",
    snapshot: str | None = None,
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: ProgressOption = False,
    hints: Mapping[str, object] | None = None,
) -> Scan:
    """Plan a read of a table or a query; the options are those of ``read_odps``, and one more.

    The table is described, or the query is run, and no row is read before an exit such as
    ``to_pandas``, ``to_arrow`` or ``to_batches``.

    Parameters
    ----------
    split_by : BySize, ByParallelism, ByRows or ByBucket, optional
        How the table is cut into splits, which are read side by side.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     of.scan_odps("t").filter("id > 1").to_arrow().num_rows
    2
    """
    check_progress(progress)
    least = {"limit": 0, "split_size": 1, "max_workers": 1}
    for name, value in zip(least, (limit, split_size, max_workers), strict=True):
        if value is not None:
            whole(name, value, least[name])
    text = query_in(source)
    if text is None:
        refuse({"hints": hints}, "a table", "they are settings of a query")
    else:
        of_tables = {"partitions": partitions, "split_size": split_size, "split_by": split_by}
        of_tables |= {"max_bytes": max_bytes, "snapshot": snapshot}
        refuse(of_tables, "a query", "it is said of tables alone")
    name = table_name(source) if text is None else ""
    asked = client_of(client, storage_options)
    options = ScanOptions(
        timestamp_unit=None if timestamp_unit is None else TimeUnit.of(timestamp_unit),
        datetime_unit=None if datetime_unit is None else TimeUnit.of(datetime_unit),
        split_by=split_by_of(split_size, split_by),
        max_workers=max_workers,
        compression=compression_of(compression, asked.config),
        preserve_order=preserve_order,
        max_bytes=max_bytes,
        blobs=blobs,
        progress=progress,
    )
    if text is None:
        plan = Scan(connection=asked, info=asked.describe(asked.ref(name)), options=options)
    else:
        plan = Query.submit(asked, text, hints).plan(options)
    plan = plan if snapshot is None else plan.at(snapshot)
    if columns is not None:
        if isinstance(columns, str):
            msg = f"columns={columns!r}; expected a list of names, such as [{columns!r}]"
            raise TypeError(msg)
        plan = plan.select(*columns)
    plan = plan.partitions(partitions)
    plan = plan if filters is None else plan.filter(filters)
    return plan if limit is None else plan.limit(limit)


def compression_of(compression: CompressionOption, config: Config) -> Compression:
    """Compression pays on a network slower than about 1 GB/s, and never on loopback."""
    usual = Compression.NONE if config.is_near else Compression.LZ4
    return usual if compression == "auto" else Compression.of(compression)
