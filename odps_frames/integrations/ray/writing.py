"""Ray Datasets into tables: its tasks write, and whoever asked commits once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import ray.data
from ray.exceptions import RayTaskError

from odps_frames.connect import client_of
from odps_frames.errors import OdpsError
from odps_frames.frame_writes import WriteKeywords, write_options
from odps_frames.integrations.ray.sink import OdpsDatasink
from odps_frames.model.splits import whole
from odps_frames.sources import table_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.client import Client
    from odps_frames.connection import Connection
    from odps_frames.frames import CompressionOption
    from odps_frames.model.table import Partition, TableRef
    from odps_frames.write_options import Mode, SchemaMode, WriteOptions, WriteResult

__all__ = ["upload", "write_odps", "written"]


def write_odps(  # noqa: PLR0913  the front door: every option by its name
    dataset: ray.data.Dataset,
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
    null_partition: str | None = None,
    compression: CompressionOption = "auto",
    if_exists: Literal["fail", "append", "replace"] | None = None,
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    concurrency: int | None = None,
) -> WriteResult:
    """Write a Ray Dataset into a table with one commit: it shows all rows, or none.

    Every task writes its blocks into one write session. What a task wrote that was carried out
    twice, or was lost, is never committed. A failure anywhere leaves nothing behind, nor a table
    that was made for the data.

    Parameters
    ----------
    dataset : ray.data.Dataset
        The types of its first block say the columns of a table that is made; for columns without
        a value there, ``odps_types`` does.
    table : str
        ``table``, ``project.table`` or ``project.schema.table``.
    mode, partition, partition_cols, create, schema_mode, fill_missing, odps_types : optional
        As in ``to_odps``. With ``mode="upsert"``, rows of one key are in one block of the data,
        or nothing is written.
    primary_key, delete_where, lifecycle, null_partition, compression, if_exists : optional
        As in ``to_odps``.
    client, storage_options : optional
        Whom to ask; by default the current client.
    concurrency : int, optional
        How many tasks write at a time.

    Returns
    -------
    WriteResult
        What was written.

    Raises
    ------
    SchemaMismatch, CastError, NotFound, Conflict, ServiceError
        Nothing is visible.
    CommitUnknown
        When nobody could tell whether the commit took effect.

    Examples
    --------
    >>> import odps_frames as of
    >>> def copy(table, other):
    ...     return of.ray.write_odps(of.ray.read_odps(table), other, create=True).rows
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
        null_partition=null_partition,
        compression=compression,
        if_exists=if_exists,
    )
    options = write_options(asked.config, said)
    ref = asked.ref(table_name(table))
    n_tasks = None if concurrency is None else whole("concurrency", concurrency, 1)
    _check(dataset)
    return written(dataset, OdpsDatasink(asked, ref, options, dataset), n_tasks)


def upload(
    connection: Connection, data: object, ref: TableRef, options: WriteOptions
) -> WriteResult:
    """Let the tasks of a dataset write, and commit what they wrote."""
    if options.index:
        msg = "index=True of a Ray dataset, which has none; leave it out"
        raise ValueError(msg)
    dataset = _check(data)
    return written(dataset, OdpsDatasink(connection, ref, options, dataset), None)


def written(dataset: ray.data.Dataset, sink: OdpsDatasink, concurrency: int | None) -> WriteResult:
    """Write a dataset into a sink, and say what became of it; a failure leaves nothing."""
    try:
        dataset.write_datasink(sink, concurrency=concurrency)
    except RayTaskError as failure:
        sink.give_up(failure)
        cause: object = failure.cause
        if isinstance(cause, OdpsError):
            raise cause from failure
        raise
    except BaseException as failure:
        sink.give_up(failure)  # Ray tells the sink of errors, not of an interrupt
        raise
    return sink.result()


def _check(data: object) -> ray.data.Dataset:
    if isinstance(data, ray.data.Dataset):
        return data
    msg = f"data of type {type(data).__name__}; expected a ray.data.Dataset"
    raise TypeError(msg)
