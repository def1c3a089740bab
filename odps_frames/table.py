"""A table: what it is, what is in it, and its definitions."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from odps_frames.convert.arrow import normal_schema
from odps_frames.errors import NotFound, ProtocolError
from odps_frames.model.splits import ByRows
from odps_frames.model.table import Partition
from odps_frames.scan import Scan, ScanOptions
from odps_frames.scan_rows import previewed, shaped
from odps_frames.transport.retry import Meter
from odps_frames.wire import ddl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.connection import Connection
    from odps_frames.model.buckets import Buckets
    from odps_frames.model.catalog import TableInfo
    from odps_frames.model.schema import TableSchema
    from odps_frames.model.table import TableRef

__all__ = ["Table"]

Spec: TypeAlias = "str | Mapping[str, object] | Partition"


class Table:
    """A table of the service; what is asked once is kept until ``reload``."""

    def __init__(self, connection: Connection, ref: TableRef) -> None:
        self._connection = connection
        self.ref = ref

    @cached_property
    def info(self) -> TableInfo:
        """All that the catalog says of the table."""
        return self._connection.describe(self.ref)

    def reload(self) -> Table:
        """Forget what is known of the table."""
        self.__dict__.pop("info", None)
        return self

    @property
    def name(self) -> str:
        """The full name."""
        return str(self.ref)

    @property
    def schema(self) -> TableSchema:
        """Data columns and partition columns."""
        return self.info.schema

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of batches that are read."""
        return normal_schema(self.info.schema.all_columns)

    @property
    def buckets(self) -> Buckets | None:
        """How its rows are put into buckets; None for a table that is not clustered."""
        return self._connection.further(self.info).buckets

    @property
    def version(self) -> int:
        """The present version of its rows; asked for anew each time."""
        found = self._connection.describe(self.ref, extended=True).data_version
        if found is None:
            session = self._connection.read_session(self.ref, split_by=ByRows(rows=1))
            found = session.info.latest_version
        if found is None:
            msg = f"the service does not say the version of table {self.name}"
            raise ProtocolError(msg)
        return found

    def partitions(self, prefix: Spec | None = None) -> list[Partition]:
        """List the partitions, or those that begin with ``prefix``."""
        front = None if prefix is None else Partition.of(prefix)
        found = self._connection.list_partitions(self.ref, front)
        return [info.partition for info in found]

    def scan(self, **options: Any) -> Scan:  # noqa: ANN401  fields of ScanOptions
        """Plan a read; the options are how it is carried out, and change none of its rows."""
        return Scan(connection=self._connection, info=self.info, options=ScanOptions(**options))

    def preview(
        self,
        n: int | None = 10,
        *,
        partition: Spec | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Read the first rows of the table, or of one partition.

        Parameters
        ----------
        n : int, optional
            How many, exactly where there are as many; None leaves it to the service.
        partition : str or mapping, optional
            The partition that they are to come from.
        columns : sequence of str, optional
            Those wanted, in this order.
        """
        scan = self.scan() if columns is None else self.scan().select(*columns)
        if n is not None:
            return scan.limit(n).partitions(partition).to_arrow()
        chosen = None if partition is None else (Partition.of(partition),)
        scan = scan.partitions(partition)
        batches = previewed(
            self._connection, self.info, scan.columns, chosen, limit=None, meter=Meter()
        )
        rows = shaped(iter(batches), scan.arrow_schema)
        return pa.Table.from_batches(rows, schema=scan.arrow_schema)

    def create_partition(self, partition: Spec, *, if_not_exists: bool = False) -> None:
        """Make an empty partition."""
        spec = Partition.of(partition)
        sql = ddl.add_partition(self.ref, spec, if_not_exists=if_not_exists)
        self._connection.run(sql, task="SQLAddPartitionTask", table=self.ref)

    def drop_partition(self, partition: Spec, *, if_exists: bool = False) -> None:
        """Drop a partition with its rows."""
        spec = Partition.of(partition)
        sql = ddl.drop_partition(self.ref, spec, if_exists=if_exists)
        self._connection.run(sql, task="SQLDropPartitionTask", table=self.ref)

    def truncate(self, partition: Spec | None = None) -> None:
        """Delete the rows of the table, or those of one partition."""
        spec = None if partition is None else Partition.of(partition)
        self._connection.run(
            ddl.truncate(self.ref, spec), task="SQLTruncateTableTask", table=self.ref
        )

    def drop(self, *, if_exists: bool = False) -> None:
        """Drop the table."""
        sql = ddl.drop_table(self.ref, if_exists=if_exists)
        self._connection.run(sql, task="SQLDropTableTask", table=self.ref)

    def exists(self) -> bool:
        """Whether the table is there now."""
        try:
            self.reload().info  # noqa: B018  asking is the point
        except NotFound:
            return False
        return True

    def __repr__(self) -> str:
        info = self.info
        width = max(len(column.name) for column in info.schema.all_columns)
        lines = [f"Table {self.name}" + (f": {info.comment}" if info.comment else "")]
        for title, columns in (
            ("columns", info.schema.columns),
            ("partitioned by", info.schema.partition_columns),
        ):
            if columns:
                lines.append(f"  {title}")
            for column in columns:
                extra = "" if column.nullable else "  not null"
                comment = f"  {column.comment}" if column.comment else ""
                lines.append(f"    {column.name:<{width}}  {column.type}{extra}{comment}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(column.name)}</td><td>{html.escape(str(column.type))}</td>"
            f"<td>{'partition' if column in self.schema.partition_columns else ''}</td>"
            f"<td>{html.escape(column.comment)}</td></tr>"
            for column in self.schema.all_columns
        )
        return (
            f"<b>{html.escape(self.name)}</b> {html.escape(self.info.comment)}"
            f"<table><tr><th>column</th><th>type</th><th></th><th>comment</th></tr>{rows}</table>"
        )
