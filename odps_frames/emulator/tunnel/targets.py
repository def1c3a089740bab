"""Which rows a call of the tunnel is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.emulator.specs import parse_partition
from odps_frames.errors import NotFound, ServiceError

if TYPE_CHECKING:
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.specs import Values

__all__ = ["named_partition", "no_download", "no_upload"]


def named_partition(table: Table, text: str | None) -> Values:
    """Return the partition that a call names; a table without partitions has the empty one.

    Raises
    ------
    ServiceError
        Where a table with partitions is given none, or one without is given one.
    """
    if not table.partition_columns:
        if text is not None:
            raise ServiceError(
                f"partition {text!r}; table {table.ref} has no partitions",
                status=400,
                code="InvalidPartitionSpec",
            )
        return ()
    if text is None:
        expected = ",".join(f"{column.name}=..." for column in table.partition_columns)
        raise ServiceError(
            f"table {table.ref} is partitioned; expected partition={expected}",
            status=400,
            code="MissingPartitionSpec",
        )
    return parse_partition(text, table.partition_columns)


def no_upload(upload_id: str) -> NotFound:
    """Say that there is no such upload, or none to this table and partition."""
    return NotFound(
        f"upload {upload_id!r} does not exist for this table and partition",
        status=404,
        code="NoSuchUpload",
    )


def no_download(download_id: str) -> NotFound:
    """Say that there is no such download, or none of this table and partition."""
    return NotFound(
        f"download {download_id!r} does not exist for this table and partition",
        status=404,
        code="NoSuchDownload",
    )
