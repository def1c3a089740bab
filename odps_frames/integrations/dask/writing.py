"""Dask DataFrames into tables: workers write, and whoever asked commits once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

import dask.dataframe as dd
import pandas as pd
from dask.delayed import Delayed, delayed

from odps_frames.connect import client_of
from odps_frames.frame_writes import SharedKeywords, WriteKeywords, write_options
from odps_frames.shared_write import CommitTask, SharedWrite
from odps_frames.sources import table_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.client import Client
    from odps_frames.connection import Connection
    from odps_frames.frames import CompressionOption
    from odps_frames.model.table import Partition, TableRef
    from odps_frames.shared_write import PartReceipt, WriteTask
    from odps_frames.write_options import Mode, SchemaMode, WriteOptions, WriteResult

__all__ = ["to_odps", "upload"]

_NO_RECEIPTS = pd.Series([], dtype=object)


@overload
def to_odps(
    ddf: dd.DataFrame,
    table: str,
    *,
    compute: Literal[True] = True,
    **options: Unpack[SharedKeywords],
) -> WriteResult: ...
@overload
def to_odps(
    ddf: dd.DataFrame,
    table: str,
    *,
    compute: Literal[False],
    **options: Unpack[SharedKeywords],
) -> Delayed: ...
def to_odps(  # noqa: PLR0913  the front door: every option by its name
    ddf: dd.DataFrame,
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
    compression: CompressionOption = "auto",
    if_exists: Literal["fail", "append", "replace"] | None = None,
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    compute: bool = True,
) -> WriteResult | Delayed:
    """Write a Dask DataFrame into a table with one commit: it shows all rows, or none.

    Every partition is written by the worker that has it, into one write session. What a task
    wrote that was carried out twice, or was lost, is never committed. A failure anywhere leaves
    nothing behind, nor a table that was made for the data.

    Parameters
    ----------
    ddf : dask.dataframe.DataFrame
        Its dtypes say the columns of a table that is made; for objects, ``odps_types`` does.
    table : str
        ``table``, ``project.table`` or ``project.schema.table``.
    mode, partition, partition_cols, create, schema_mode, fill_missing, odps_types : optional
        As in ``to_odps``. With ``mode="upsert"``, rows of one key are in one partition of the
        data, or nothing is written.
    primary_key, delete_where, lifecycle, index, null_partition, compression, if_exists : optional
        As in ``to_odps``.
    client, storage_options : optional
        Whom to ask; by default the current client.
    compute : bool
        False: open the session, and return a ``Delayed`` that writes and commits once, however
        often it is computed. The table must be there.

    Returns
    -------
    WriteResult
        Or, with ``compute=False``, a Delayed of it.

    Raises
    ------
    SchemaMismatch, CastError, NotFound, Conflict, ServiceError
        Nothing is visible.
    CommitUnknown
        When nobody could tell whether the commit took effect.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     frame = dd.from_pandas(pd.DataFrame({"id": [1, 2, 3]}), npartitions=2)
    ...     of.dask.to_odps(frame, "t", create=True).rows
    3
    """
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
        compression=compression,
        if_exists=if_exists,
    )
    options = write_options(asked.config, said)
    ref = asked.ref(table_name(table))
    return upload(asked, ddf, ref, options) if compute else _later(asked, ddf, ref, options)


def upload(
    connection: Connection, data: object, ref: TableRef, options: WriteOptions
) -> WriteResult:
    """Let the workers write, and commit what they wrote."""
    ddf = _frame(data)
    with SharedWrite(connection, ddf._meta, ref, options) as write:  # noqa: SLF001  its dtypes
        receipts = _receipts(ddf, write.task).compute().tolist() if write.task else []
        return write.commit(receipts)


def _later(connection: Connection, data: object, ref: TableRef, options: WriteOptions) -> Delayed:
    ddf = _frame(data)
    end = CommitTask.open(connection, ddf._meta, ref, options)  # noqa: SLF001  its dtypes
    parts = _receipts(ddf, end.task).to_delayed()
    name = f"commit-odps-{end.task.recipe.session_id}"
    commit: Delayed = delayed(_Commit(end), pure=False)(parts, dask_key_name=name)
    return commit


def _frame(data: object) -> dd.DataFrame:
    if isinstance(data, dd.DataFrame):
        return data
    hint = "; call its to_frame()" if isinstance(data, dd.Series | dd.Index) else ""
    msg = f"data of type {type(data).__name__}; expected a Dask DataFrame{hint}"
    raise TypeError(msg)


def _receipts(ddf: dd.DataFrame, task: WriteTask) -> dd.Series:
    """A receipt of each partition, which its worker writes as it has it."""
    found: dd.Series = ddf.map_partitions(_Write(task), meta=_NO_RECEIPTS, enforce_metadata=False)
    return found


class _Write:
    """Writes a partition; it is named by its session."""

    __name__ = "write-odps"

    def __init__(self, task: WriteTask) -> None:
        self._task = task

    def __call__(self, frame: pd.DataFrame) -> pd.Series[Any]:
        return pd.Series([self._task.write(frame)], dtype=object)

    def __dask_tokenize__(self) -> tuple[str, ...]:
        return ("odps_frames write", self._task.recipe.session_id)


class _Commit:
    """Commits what partitions became."""

    def __init__(self, end: CommitTask) -> None:
        self._end = end

    def __call__(self, parts: list[pd.Series[Any]]) -> WriteResult:
        receipts: list[PartReceipt] = [receipt for part in parts for receipt in part]
        return self._end.commit(receipts)

    def __dask_tokenize__(self) -> tuple[str, ...]:
        return ("odps_frames commit", self._end.task.recipe.session_id)
