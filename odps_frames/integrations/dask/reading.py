"""Tables and queries as Dask DataFrames: a partition for each split of one read session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odps_frames.convert.pandas import check_frame
from odps_frames.frames import index_names, index_of, scan_odps
from odps_frames.integrations.dask.expression import frame_of
from odps_frames.integrations.dask.frame_maker import FrameMaker, FrameStyle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import dask.dataframe as dd
    import pyarrow as pa

    from odps_frames.client import Client
    from odps_frames.frames import CompressionOption
    from odps_frames.model.splits import SplitBy
    from odps_frames.partitions import Selection
    from odps_frames.scan import DtypeBackend, Scan
    from odps_frames.scan_options import BlobsOption

__all__ = ["read_odps", "to_dask"]


def read_odps(  # noqa: PLR0913  the front door: every option by its name
    source: str,
    *,
    columns: Sequence[str] | None = None,
    partitions: Selection | None = None,
    filters: Any = None,  # noqa: ANN401  as in pandas
    limit: int | None = None,
    index_col: str | Sequence[str] | None = None,
    dtype_backend: DtypeBackend | None = None,
    types_mapper: Callable[[pa.DataType], Any] | None = None,
    timestamp_unit: str | None = None,
    datetime_unit: str | None = None,
    tz: str | None = None,
    split_size: int | None = None,
    split_by: SplitBy | None = None,
    compression: CompressionOption = "auto",
    max_bytes: int | None = None,
    blobs: BlobsOption = "refs",
    snapshot: str | None = None,
    client: Client | object | None = None,
    storage_options: Mapping[str, Any] | None = None,
    hints: Mapping[str, object] | None = None,
) -> dd.DataFrame:
    """Read a table or a query into a Dask DataFrame, a partition for each split.

    One read session is opened here, and every worker reads its splits from that one: all rows are
    of one version of the table, for as long as the session lives (a day, on the service). No row
    is read for the dtypes, and columns that Dask has no use for are not asked of the service.

    Parameters
    ----------
    source, columns, partitions, filters, limit, index_col : optional
        What to read, as in ``pandas.read_odps``; the index restarts in every partition, or is
        ``index_col``. ``limit`` and ``filters`` do not go together.
    dtype_backend, types_mapper, timestamp_unit, datetime_unit, tz : optional
        The dtypes, as in ``pandas.read_odps``.
    split_size : int, optional
        Bytes a partition, as stored.
    split_by : BySize, ByParallelism, ByRows or ByBucket, optional
        How else the table is cut. With ``ByRows``, and no filter, ``len`` reads nothing.
    compression, max_bytes, blobs, snapshot, client, storage_options, hints : optional
        As in ``pandas.read_odps``; ``blobs`` is ``"refs"`` or ``"bytes"``.

    Returns
    -------
    dask.dataframe.DataFrame
        With unknown divisions; with one partition without rows where there are none. It holds no
        secret: workers find their own, unless the client has ``pickle_credentials=True``.

    Raises
    ------
    NotFound, SchemaMismatch, ReadTooLarge, ServiceError
        As their names say, here; CastError, IncompleteRead, SessionExpired where it is computed.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     int(of.dask.read_odps("t", filters="id > 1")["id"].sum().compute())
    5
    """
    check_frame(dtype_backend, types_mapper, tz)
    asked = index_names(index_col)
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
    style = FrameStyle(
        dtype_backend=dtype_backend,
        types_mapper=types_mapper,
        tz=tz or scan.connection.config.timezone,
        index=tuple(index_of(asked, scan)),
    )
    return _frame(scan, style)


def to_dask(scan: Scan) -> dd.DataFrame:
    """Return the rows of a scan as a Dask DataFrame; see ``read_odps``."""
    zone = scan.connection.config.timezone
    return _frame(scan, FrameStyle(dtype_backend=None, types_mapper=None, tz=zone))


def _frame(scan: Scan, style: FrameStyle) -> dd.DataFrame:
    splits = scan.splits()
    maker = FrameMaker.of(scan, splits[0].reading if splits else None, style)
    return frame_of(maker, [split.plain for split in splits], maker.meta)
