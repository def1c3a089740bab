"""Tables and queries as Ray Datasets: a task for each split of one read session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ray.data

from odps_frames.frames import scan_odps
from odps_frames.integrations.ray.source import OdpsDatasource
from odps_frames.model.splits import whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.client import Client
    from odps_frames.frames import CompressionOption
    from odps_frames.model.splits import SplitBy
    from odps_frames.partitions import Selection
    from odps_frames.scan import Scan
    from odps_frames.scan_options import BlobsOption

__all__ = ["read_odps", "to_ray"]


def read_odps(  # noqa: PLR0913  the front door: every option by its name
    source: str,
    *,
    columns: Sequence[str] | None = None,
    partitions: Selection | None = None,
    filters: Any = None,  # noqa: ANN401  as in pandas
    limit: int | None = None,
    timestamp_unit: str | None = None,
    datetime_unit: str | None = None,
    split_size: int | None = None,
    split_by: SplitBy | None = None,
    compression: CompressionOption = "auto",
    max_bytes: int | None = None,
    blobs: BlobsOption = "refs",
    snapshot: str | None = None,
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    hints: Mapping[str, object] | None = None,
    override_num_blocks: int | None = None,
    concurrency: int | None = None,
    num_cpus: float | None = None,
    memory: float | None = None,
) -> ray.data.Dataset:
    """Read a table or a query into a Ray Dataset, whose tasks read splits of one read session.

    The session is opened here: all rows are of the version that the table has now, for as long as
    the session lives (a day, on the service), whatever is made of the dataset. Columns that Ray
    has no use for are not asked of the service. Say here, as ``partitions`` and ``filters``, what
    is known here: the service carries it out. Conditions of ``Dataset.filter(expr=…)`` come when
    the session is open; of splits without a row that meets them, no other column is read.

    Parameters
    ----------
    source, columns, partitions, filters, limit : optional
        What to read, as in ``pandas.read_odps``.
    timestamp_unit, datetime_unit : optional
        As in ``pandas.read_odps``.
    split_size : int, optional
        Bytes a split, as stored.
    split_by : BySize, ByParallelism, ByRows or ByBucket, optional
        How else the table is cut. With ``ByRows``, and no filter, ``count()`` reads nothing.
    compression, max_bytes, blobs, snapshot, client, storage_options, hints : optional
        As in ``pandas.read_odps``; ``blobs`` is ``"refs"`` or ``"bytes"``.
    override_num_blocks, concurrency, num_cpus, memory : optional
        As in ``ray.data.read_datasource``.

    Returns
    -------
    ray.data.Dataset
        It holds no secret: workers find their own, unless the client has
        ``pickle_credentials=True``.

    Raises
    ------
    NotFound, SchemaMismatch, ReadTooLarge, ServiceError
        As their names say, here; CastError, IncompleteRead, SessionExpired where it is consumed.

    Examples
    --------
    >>> import odps_frames as of
    >>> def well_paid(table):
    ...     return of.ray.read_odps(table, filters="pay > 100").count()
    """
    scan = scan_odps(
        source,
        columns=columns,
        partitions=partitions,
        filters=filters,
        limit=limit,
        timestamp_unit=timestamp_unit,
        datetime_unit=datetime_unit,
        split_size=split_size,
        split_by=split_by,
        compression=compression,
        max_bytes=max_bytes,
        blobs=blobs,
        snapshot=snapshot,
        client=client,
        storage_options=storage_options,
        hints=hints,
    )
    said = {
        "override_num_blocks": override_num_blocks,
        "concurrency": concurrency,
        "num_cpus": num_cpus,
        "memory": memory,
    }
    for name in ("override_num_blocks", "concurrency"):
        if said[name] is not None:
            whole(name, said[name], 1)
    return _dataset(scan, {name: value for name, value in said.items() if value is not None})


def to_ray(scan: Scan) -> ray.data.Dataset:
    """Return a scan as a Ray Dataset; see ``read_odps``."""
    return _dataset(scan, {})


def _dataset(scan: Scan, options: Mapping[str, Any]) -> ray.data.Dataset:
    limit = scan.row_limit
    if not limit or (scan.condition is None and not scan.selections):
        whole_read: ray.data.Dataset = ray.data.read_datasource(OdpsDatasource(scan), **options)
        return whole_read
    # No split knows how many rows of the others count, but Ray does.
    unlimited = OdpsDatasource(replace(scan, row_limit=None))
    limited: ray.data.Dataset = ray.data.read_datasource(unlimited, **options).limit(limit)
    return limited
