"""The front door for writes: a DataFrame, or anything like one, into a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from odps_frames.connect import client_of
from odps_frames.engines import engine, engine_of
from odps_frames.frames import compression_of
from odps_frames.model.table import Partition
from odps_frames.progress import check_progress
from odps_frames.sources import refuse, table_name
from odps_frames.upload import upload
from odps_frames.write.fan import DEFAULT_STREAMS
from odps_frames.write_options import Mode, SchemaMode, WriteOptions, WriteResult, names_in
from odps_frames.write_plan import WritePlan, plan_upload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.client import Client
    from odps_frames.config import Config
    from odps_frames.frames import CompressionOption
    from odps_frames.progress import ProgressOption

__all__ = ["SharedKeywords", "WriteKeywords", "to_odps", "write_options"]

IF_EXISTS: Mapping[str, Mode] = {"fail": "error", "append": "append", "replace": "overwrite"}


class SharedKeywords(TypedDict, total=False):
    """The options of ``to_odps`` for data whose workers write."""

    mode: Mode | None
    partition: str | Mapping[str, object] | Partition | None
    partition_cols: str | Sequence[str] | None
    create: bool
    schema_mode: SchemaMode
    fill_missing: bool
    odps_types: Mapping[str, str] | None
    primary_key: str | Sequence[str] | None
    delete_where: Any
    lifecycle: int | None
    index: bool
    null_partition: str | None
    compression: CompressionOption
    if_exists: Literal["fail", "append", "replace"] | None
    client: Client | object | None
    storage_options: Mapping[str, Any] | None


class WriteKeywords(SharedKeywords, total=False):
    """The options of ``to_odps`` but ``dry_run``, for type checkers."""

    n_streams: int | None
    progress: ProgressOption


@overload
def to_odps(
    data: object, table: str, *, dry_run: Literal[False] = False, **options: Unpack[WriteKeywords]
) -> WriteResult: ...
@overload
def to_odps(
    data: object, table: str, *, dry_run: Literal[True], **options: Unpack[WriteKeywords]
) -> WritePlan: ...
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
    delete_where: Any = None,
    lifecycle: int | None = None,
    index: bool = False,
    null_partition: str | None = None,
    n_streams: int | None = None,
    compression: CompressionOption = "auto",
    dry_run: bool = False,
    if_exists: Literal["fail", "append", "replace"] | None = None,
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: ProgressOption = "auto",
) -> WriteResult | WritePlan:
    """Write data into a table with one commit: it shows all rows of this call, or none.

    Parameters
    ----------
    data : DataFrame, Table, RecordBatchReader, Dataset, …
        Anything with ``__arrow_c_stream__``, or a callable that returns such a thing; a Dask
        DataFrame, whose workers write (``odps_frames.dask.to_odps``).
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
        Types of columns of a table that is made, such as ``{"price": "decimal(18,2)"}``. Cells of
        a BLOB are bytes, paths, open files, ``Blob`` or what ``blobs="files"`` gave; never text.
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
    dry_run : bool
        Read, cast and count the data and write nothing; the result says what would be done. Not
        of a ``RecordBatchReader``, whose rows come once: give a callable.
    if_exists : {"fail", "append", "replace"}, optional
        Another word for ``mode``, as in ``DataFrame.to_sql``.
    client, storage_options, progress : optional
        As in ``read_odps``.

    Returns
    -------
    WriteResult
        Or, with ``dry_run``, a WritePlan.

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
    said = WriteKeywords(
        mode=mode,
        partition=partition,
        partition_cols=partition_cols,
        create=create,
        schema_mode=schema_mode,
        fill_missing=fill_missing,
        odps_types=odps_types,
        primary_key=primary_key,
        delete_where=delete_where,
        lifecycle=lifecycle,
        index=index,
        null_partition=null_partition,
        n_streams=n_streams,
        compression=compression,
        if_exists=if_exists,
        progress=progress,
    )
    options = write_options(asked.config, said)
    ref = asked.ref(table_name(table))
    workers = engine_of(data)
    if workers is not None:
        shown = None if progress in ("auto", False) else progress
        here = {"dry_run": dry_run or None, "n_streams": n_streams, "progress": shown}
        refuse(here, f"data of {workers}", "its workers write; it is said of data in this process")
        done: WriteResult = engine(workers).upload(asked, data, ref, options)
        return done
    if dry_run:
        return plan_upload(asked, data, ref, options)
    return upload(asked, data, ref, options)


def write_options(config: Config, said: WriteKeywords) -> WriteOptions:
    """Read the options of ``to_odps``."""
    partition, n_streams = said.get("partition"), said.get("n_streams")
    return WriteOptions(
        mode=_mode(said.get("mode"), said.get("if_exists")),
        partition=None if partition is None else Partition.of(partition),
        partition_cols=names_in(said.get("partition_cols")),
        create=said.get("create", False),
        schema_mode=said.get("schema_mode", "strict"),
        fill_missing=said.get("fill_missing", False),
        odps_types=dict(said.get("odps_types") or {}),
        primary_key=names_in(said.get("primary_key")) or (),
        delete_where=said.get("delete_where"),
        lifecycle=said.get("lifecycle"),
        index=said.get("index", False),
        null_partition=said.get("null_partition"),
        n_streams=DEFAULT_STREAMS if n_streams is None else n_streams,
        compression=compression_of(said.get("compression", "auto"), config),
        progress=said.get("progress", False),
    )


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
