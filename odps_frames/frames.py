"""The front door: read a table into a DataFrame, write a DataFrame into a table."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload
from urllib.parse import urlsplit

from odps_frames.chunks import FrameReader
from odps_frames.connect import client_of
from odps_frames.model.read import TimeUnit
from odps_frames.model.splits import split_by_of
from odps_frames.model.table import Partition
from odps_frames.progress import check_progress
from odps_frames.scan import Scan, ScanOptions
from odps_frames.upload import upload
from odps_frames.wire.compression import Compression
from odps_frames.write.fan import DEFAULT_STREAMS
from odps_frames.write_options import Mode, SchemaMode, WriteOptions, WriteResult, names_in

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

__all__ = ["read_odps", "scan_odps", "to_odps"]

CompressionOption = Literal["auto", "lz4", "zstd"] | None
IF_EXISTS: Mapping[str, Mode] = {"fail": "error", "append": "append", "replace": "overwrite"}


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
    client: Client | object | None
    storage_options: Mapping[str, Any] | None
    progress: ProgressOption


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
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: ProgressOption = "auto",
) -> pd.DataFrame | FrameReader:
    """Read a table into a DataFrame; every row arrives, or an exception.

    Parameters
    ----------
    source : str
        ``table``, ``project.table`` or ``project.schema.table``.
    columns : sequence of str, optional
        Data and partition columns in the order wanted; ``[]`` is none.
    partitions : optional
        ``"pt=20260101"``, a mapping, a list of these, a glob, ``"pt >= '20260101'"``,
        ``latest()``, or a callable on a mapping of a partition. No match is an empty frame.
    filters : optional
        SQL text, tuples as in ``pandas.read_parquet``, or a ``pyarrow.compute.Expression``.
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
        More than that, by the service's estimate, raises before a byte is read.
    client, storage_options : optional
        Whom to ask; by default the current client.
    progress : bool, "auto" or callable
        Shows how far it is, or calls with a ``Progress``.

    Returns
    -------
    DataFrame or FrameReader
        ``attrs["odps"]`` says where it came from and what it took.

    Raises
    ------
    NotFound, SchemaMismatch, CastError, IncompleteRead, ReadTooLarge, ServiceError
        As their names say.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     of.read_odps("t", filters="id > 1")["id"].tolist()
    [2, 3]
    """
    if chunksize is not None and (isinstance(chunksize, bool) or chunksize < 1):
        msg = f"chunksize={chunksize!r}; expected a number of rows, at least 1"
        raise ValueError(msg)
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
        client=client,
        storage_options=storage_options,
        progress=progress,
    )
    index = [index_col] if isinstance(index_col, str) else list(index_col or ())
    names = [column.name for column in plan.schema]
    if missing := [name for name in index if name not in names]:
        msg = f"index_col={missing} are not among the columns that are read: {names}"
        raise ValueError(msg)
    if chunksize is not None:
        return FrameReader(
            plan,
            chunksize,
            index=index,
            dtype_backend=dtype_backend,
            types_mapper=types_mapper,
            tz=tz,
        )
    frame = plan.to_pandas(dtype_backend=dtype_backend, types_mapper=types_mapper, tz=tz)
    return frame.set_index(index) if index else frame


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
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: ProgressOption = False,
) -> Scan:
    """Plan a read of a table; the options are those of ``read_odps``, and one more.

    The table is described, and no row is read before an exit such as ``to_pandas``,
    ``to_arrow`` or ``to_batches``.

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
    for name, value in (("split_size", split_size), ("max_workers", max_workers)):
        if value is not None and (isinstance(value, bool) or value < 1):
            msg = f"{name}={value!r}; expected at least 1"
            raise ValueError(msg)
    asked = client_of(client, storage_options)
    ref = asked.ref(_table_name(source))
    options = ScanOptions(
        timestamp_unit=None if timestamp_unit is None else TimeUnit.of(timestamp_unit),
        datetime_unit=None if datetime_unit is None else TimeUnit.of(datetime_unit),
        split_by=split_by_of(split_size, split_by),
        max_workers=max_workers,
        compression=_compression(compression, asked.config),
        preserve_order=preserve_order,
        max_bytes=max_bytes,
        progress=progress,
    )
    plan = Scan(connection=asked, info=asked.describe(ref), options=options)
    if columns is not None:
        if isinstance(columns, str):
            msg = f"columns={columns!r}; expected a list of names, such as [{columns!r}]"
            raise TypeError(msg)
        plan = plan.select(*columns)
    plan = plan.partitions(partitions)
    plan = plan if filters is None else plan.filter(filters)
    return plan if limit is None else plan.limit(limit)


def to_odps(  # noqa: PLR0913  the front door: every option by its name
    data: object,
    table: str,
    *,
    mode: Mode | None = None,
    partition: str | Mapping[str, object] | Partition | None = None,
    partition_cols: str | Sequence[str] | None = None,
    create: bool = False,
    schema_mode: SchemaMode = "strict",
    fill_missing: bool = False,
    odps_types: Mapping[str, str] | None = None,
    primary_key: str | Sequence[str] | None = None,
    delete_where: Any = None,  # noqa: ANN401  as filters
    lifecycle: int | None = None,
    index: bool = False,
    null_partition: str | None = None,
    n_streams: int | None = None,
    compression: CompressionOption = "auto",
    if_exists: Literal["fail", "append", "replace"] | None = None,
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: ProgressOption = "auto",
) -> WriteResult:
    """Write data into a table with one commit: it shows all rows of this call, or none.

    Parameters
    ----------
    data : DataFrame, Table, RecordBatchReader, Dataset, …
        Anything with ``__arrow_c_stream__``, or a callable that returns such a thing.
    table : str
        ``table``, ``project.table`` or ``project.schema.table``.
    mode : {"append", "overwrite", "overwrite_partitions", "upsert", "error", "ignore"}
        Default "append". "overwrite" replaces a table without partitions, or the ``partition``
        that is named; "overwrite_partitions" those that the data has rows for; "upsert" rows of
        the same primary key, or deletes them where a column ``__operation`` says "D".
    partition : str or mapping, optional
        Static partition, or its first columns.
    partition_cols : str or sequence of str, optional
        Columns of the data that say the partition of each row; missing partitions are made.
    create : bool
        Make the table from the data's columns when there is none.
    schema_mode : {"strict", "ignore_extra", "add_columns"}
        Whether columns that the table does not have raise, are left out, or are added to it
        before the rows are sent, for rows that have no value there to be NULL.
    fill_missing : bool
        Let columns that the data does not have become NULL.
    odps_types : mapping, optional
        Types of columns of a table that is made, such as ``{"price": "decimal(18,2)"}``.
    primary_key : str or sequence of str, optional
        Key columns of a table that is made.
    delete_where : optional
        With "upsert": keys of the rows that meet it are deleted; said as ``filters``.
    lifecycle : int, optional
        Days that a table which is made keeps unchanged data.
    index : bool
        Write the index of a pandas frame too.
    null_partition : str, optional
        The partition of rows that have NULL there; without it they raise.
    n_streams : int, optional
        Streams that write side by side.
    compression : {"auto", None, "lz4", "zstd"}
        On the way; "auto" is none on this machine, else lz4.
    if_exists : {"fail", "append", "replace"}, optional
        Another word for ``mode``, as in ``DataFrame.to_sql``.
    client, storage_options, progress : optional
        As in ``read_odps``.

    Returns
    -------
    WriteResult

    Raises
    ------
    SchemaMismatch, CastError
        Before anything is sent where the data is in memory; in any case nothing is visible.
    NotFound, Conflict, ServiceError
        Nothing is visible.
    CommitUnknown
        When nobody could tell whether the commit took effect.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     frame = pd.DataFrame({"id": [1, 2], "pt": ["a", "b"]})
    ...     of.to_odps(frame, "t", partition_cols=["pt"], create=True).partitions
    ('pt=a', 'pt=b')
    """
    check_progress(progress)
    asked = client_of(client, storage_options)
    options = WriteOptions(
        mode=_mode(mode, if_exists),
        partition=None if partition is None else Partition.of(partition),
        partition_cols=names_in(partition_cols),
        create=create,
        schema_mode=schema_mode,
        fill_missing=fill_missing,
        odps_types=dict(odps_types or {}),
        primary_key=names_in(primary_key) or (),
        delete_where=delete_where,
        lifecycle=lifecycle,
        index=index,
        null_partition=null_partition,
        n_streams=DEFAULT_STREAMS if n_streams is None else n_streams,
        compression=_compression(compression, asked.config),
        progress=progress,
    )
    return upload(asked, data, asked.ref(_table_name(table)), options)


def _table_name(source: object) -> str:
    if not isinstance(source, str):
        msg = f"a table of type {type(source).__name__}; expected its name, 'project.table'"
        raise TypeError(msg)
    if "://" in source or any(letter.isspace() for letter in source.strip()):
        msg = f"not a table name: {source!r}; expected 'table' or 'project.table'"
        raise ValueError(msg)
    return source.strip()


def _mode(mode: Mode | None, if_exists: str | None) -> Mode:
    if if_exists is None:
        return mode or "append"
    if mode is not None:
        msg = f"mode={mode!r} and if_exists={if_exists!r} say the same thing; give one of them"
        raise ValueError(msg)
    if if_exists not in IF_EXISTS:
        msg = f"if_exists={if_exists!r}; expected one of {list(IF_EXISTS)}"
        raise ValueError(msg)
    return IF_EXISTS[if_exists]


def _compression(compression: CompressionOption, config: Config) -> Compression:
    """Compression pays on a network slower than about 1 GB/s, and never on loopback."""
    if compression != "auto":
        return Compression.of(compression)
    host = urlsplit(config.tunnel_endpoint or config.endpoint).hostname or ""
    try:
        near = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    return Compression.NONE if near else Compression.LZ4
