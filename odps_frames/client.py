"""The client: tables by name, definitions, sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeAlias

from odps_frames.connection import Connection
from odps_frames.current import Current
from odps_frames.errors import Conflict, NotFound
from odps_frames.model.buckets import Buckets
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import TableRef
from odps_frames.model.types import parse_type
from odps_frames.query import Query
from odps_frames.table import Table
from odps_frames.wire import ddl
from odps_frames.wire.catalog import decode_done, encode_create_schema, encode_drop_schema
from odps_frames.wire.http import Repeat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa

    from odps_frames.model.table import Partition
    from odps_frames.model.types import DataType

__all__ = ["CURRENT", "Client"]

Columns: TypeAlias = "TableSchema | Mapping[str, str | DataType]"


class Client(Connection):
    """What one caller does with one service; made by ``connect`` or ``local``.

    A ``with`` block makes it the client that calls inside the block use.
    """

    def table(self, name: str | TableRef) -> Table:
        """Return a table; nothing is asked before it is needed, but what ``a.b`` means."""
        return Table(self, self.ref(name))

    def tables(self, prefix: str | None = None, *, schema: str | None = None) -> list[str]:
        """List the names of the tables of the default schema, or of another one."""
        return [entry.name for entry in self.list_tables(prefix, schema)]

    def schemas(self) -> list[str]:
        """List the names of the schemas of the default project."""
        return [entry.name for entry in self.list_schemas()]

    def create_schema(self, name: str, *, if_not_exists: bool = False) -> None:
        """Create a schema: ``name`` in the default project, or ``project.name``.

        Raises
        ------
        Conflict
            When there is one of that name.
        """
        project, schema = self._schema_of(name)
        repeat = Repeat.ALWAYS if if_not_exists else Repeat.UNSENT
        try:
            decode_done(self.transport.send(encode_create_schema(project, schema, repeat=repeat)))
        except Conflict:
            if not if_not_exists:
                raise
        finally:
            self.naming.forget(schema)

    def drop_schema(self, name: str, *, if_exists: bool = False) -> None:
        """Drop a schema, which must have no tables.

        Raises
        ------
        Conflict
            When it has some.
        NotFound
            When there is no such schema.
        """
        project, schema = self._schema_of(name)
        repeat = Repeat.ALWAYS if if_exists else Repeat.UNSENT
        try:
            decode_done(self.transport.send(encode_drop_schema(project, schema, repeat=repeat)))
        except NotFound:
            if not if_exists:
                raise
        finally:
            self.naming.forget(schema)

    def _schema_of(self, name: str) -> tuple[str, str]:
        """Read the name of a schema: its project, and its own."""
        *owner, schema = name.split(".")
        if len(owner) > 1 or not schema:
            msg = f"not the name of a schema: {name!r}; expected 'schema' or 'project.schema'"
            raise ValueError(msg)
        project = owner[0] if owner else self.project
        TableRef(project, schema)  # names of schemas and tables are alike
        return project, schema

    def create_table(  # noqa: PLR0913  what a table is made of, each by its name
        self,
        name: str | TableRef,
        schema: Columns,
        *,
        partition_by: Columns | None = None,
        primary_key: Sequence[str] = (),
        buckets: Buckets | Mapping[str, object] | None = None,
        lifecycle: int | None = None,
        comment: str | None = None,
        properties: Mapping[str, str] | None = None,
        if_not_exists: bool = False,
    ) -> Table:
        """Create a table.

        Parameters
        ----------
        name : str
            Name of the table.
        schema : mapping or TableSchema
            Columns with their types, such as ``{"id": "bigint", "price": "decimal(18,2)"}``.
        partition_by : mapping, optional
            Partition columns with their types.
        primary_key : sequence of str, optional
            Columns whose values name a row in its partition; such a table takes upserts.
        buckets : Buckets or mapping, optional
            How rows are put into buckets, such as ``{"columns": ["id"], "n": 16}``.
        lifecycle : int, optional
            Days after which unchanged data goes away.
        comment : str, optional
            Shown beside the table.
        properties : mapping, optional
            Further properties of the table.
        if_not_exists : bool
            Leave a table of that name alone.

        Examples
        --------
        >>> import odps_frames as of
        >>> with of.local() as client:
        ...     table = client.create_table("t", {"id": "bigint"}, partition_by={"pt": "string"})
        ...     table.schema.names
        ('id',)
        """
        ref = self.ref(name)
        made = _schema(schema, partition_by).keyed(primary_key)
        clustered = None if buckets is None else _buckets(buckets, made)
        sql = ddl.create_table(
            ref,
            made,
            primary_key=primary_key,
            comment=comment,
            lifecycle=lifecycle,
            properties=properties,
            buckets=clustered,
            if_not_exists=if_not_exists,
        )
        self.run(sql, task="SQLCreateTableTask", table=ref)
        return Table(self, ref)

    def drop_table(self, name: str | TableRef, *, if_exists: bool = False) -> None:
        """Drop a table."""
        self.table(name).drop(if_exists=if_exists)

    def sql(
        self, text: str, *, hints: Mapping[str, object] | None = None, wait: bool = True
    ) -> Query:
        """Run a statement.

        Parameters
        ----------
        text : str
            The statement. It is handed in once: an answer that gets lost is an error, which says
            how to find what may be running, and never a second run.
        hints : mapping, optional
            Settings of the statement, such as ``{"odps.sql.timezone": "UTC"}``.
        wait : bool
            Wait for its end. Stopping the caller, as Ctrl-C does, stops the statement too.

        Examples
        --------
        >>> import odps_frames as of
        >>> with of.local() as client:
        ...     client.sql("SELECT 1 AS a, 'x' AS b").result().to_pylist()
        [{'a': 1, 'b': 'x'}]
        """
        query = Query.submit(self, text, hints)
        return query.wait() if wait else query

    def preview(
        self,
        name: str | TableRef,
        limit: int | None = 10,
        *,
        partition: str | Mapping[str, object] | Partition | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Read the first rows of a table, or of one partition.

        Parameters
        ----------
        name : str
            Name of the table.
        limit : int, optional
            How many rows, exactly where there are as many; None leaves it to the service.
        partition : str or mapping, optional
            The partition that they are to come from.
        columns : sequence of str, optional
            Those wanted, in this order.

        Examples
        --------
        >>> import pandas as pd
        >>> import odps_frames as of
        >>> with of.local() as client:
        ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
        ...     client.preview("t", 2)["id"].to_pylist()
        [1, 2]
        """
        return self.table(name).preview(limit, partition=partition, columns=columns)

    def __enter__(self) -> Self:
        CURRENT.enter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        CURRENT.leave(self)

    def close(self) -> None:
        """Close the connections; it is no longer the default client, and of no more use."""
        CURRENT.forget(self)
        super().close()

    def __repr__(self) -> str:
        where = self.config.endpoint
        project = ".".join(p for p in (self.config.project, self.config.schema) if p)
        return f"Client({where}, project={project or None!r})"


CURRENT: Current[Client] = Current("odps_frames.client")
"""The client that a call without one uses."""


def _schema(columns: Columns, partition_by: Columns | None) -> TableSchema:
    if isinstance(columns, TableSchema):
        if partition_by is None:
            return columns
        return TableSchema(columns.columns, _columns(partition_by))
    return TableSchema(_columns(columns), _columns(partition_by or {}))


def _buckets(given: Buckets | Mapping[str, object], schema: TableSchema) -> Buckets:
    buckets = Buckets.of(given)
    known = {name.lower() for name in schema.names}
    named = (*buckets.columns, *buckets.sort_names)
    if missing := [name for name in named if name.lower() not in known]:
        msg = f"buckets name {missing}, which are no data columns; these are: {schema.names}"
        raise ValueError(msg)
    return buckets


def _columns(columns: Columns) -> tuple[Column, ...]:
    if isinstance(columns, TableSchema):
        return columns.columns
    made = []
    for name, kind in columns.items():
        made.append(Column(name, parse_type(kind) if isinstance(kind, str) else kind))
    return tuple(made)
