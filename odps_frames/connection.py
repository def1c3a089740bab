"""A connection: the transport of one config, and what is asked of the service through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from odps_frames.errors import ConfigError, NotFound, ProtocolError
from odps_frames.model.read import BatchOptions, ReadSpec
from odps_frames.model.table import InstanceRef, Partition
from odps_frames.model.write import WriteMode, WriteSpec
from odps_frames.naming import Naming
from odps_frames.read.blobs import read_blobs
from odps_frames.read.session import ReadSession
from odps_frames.read.stream import StreamPlan, decode_batches
from odps_frames.statement import run_statement
from odps_frames.transport.retry import Meter, RetryPolicy
from odps_frames.transport.stack import shared_transport, transport_of
from odps_frames.wire.catalog import (
    decode_partitions,
    decode_schemas,
    decode_table,
    decode_tables,
    encode_get_table,
    encode_list_partitions,
    encode_list_schemas,
    encode_list_tables,
)
from odps_frames.wire.compression import Compression
from odps_frames.wire.envelope import Envelope
from odps_frames.wire.instance import Statement
from odps_frames.wire.read_session import encode_preview
from odps_frames.write.opening import open_write_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pyarrow as pa
    from typing_extensions import Buffer

    from odps_frames.config import Config
    from odps_frames.model.blob import BlobRef
    from odps_frames.model.catalog import Page, PartitionInfo, SchemaEntry, TableEntry, TableInfo
    from odps_frames.model.read import ReadSessionInfo
    from odps_frames.model.schema import Column
    from odps_frames.model.table import TableRef
    from odps_frames.read.blobs import BlobFile
    from odps_frames.transport.base import Transport
    from odps_frames.write.session import WriteSession

__all__ = ["Connection"]

T = TypeVar("T")


class Connection:
    """Talks to one service as one caller; safe to share between threads.

    Parameters
    ----------
    config : Config
        Where the service is and who asks.
    transport : Transport, optional
        Carries the signed requests; by default HTTP. An embedded service may stand here.
    policy : RetryPolicy, optional
        How calls are tried again.
    shared : bool
        Share the sockets with all others of this process that have the same settings, as tasks do
        that come to a worker one by one; it is not to be closed.
    """

    def __init__(
        self,
        config: Config,
        *,
        transport: Transport | None = None,
        policy: RetryPolicy | None = None,
        shared: bool = False,
    ) -> None:
        self.config = config
        self.policy = policy or RetryPolicy(
            max_attempts=config.max_attempts, total_seconds=config.timeout.total
        )
        if shared:
            self.transport = shared_transport(config)
        else:
            self.transport = transport_of(config, carrier=transport, policy=self.policy)
        self.naming = Naming(self.transport, config.project, config.schema)

    def close(self) -> None:
        """Close idle connections."""
        self.transport.close()

    def __reduce__(self) -> tuple[type[Self], tuple[Config]]:
        return type(self), (self.config,)

    def envelope(self) -> Envelope:
        """What storage requests of this connection carry."""
        config = self.config
        return Envelope(api_version=config.api_version, quota=config.quota, tags=config.tags)

    def ref(self, name: str | TableRef) -> TableRef:
        """Read the name of a table; the service is asked what ``a.b`` means, once for each ``a``.

        Raises
        ------
        ConfigError
            When ``a`` is the name of a project and of a schema.
        """
        return self.naming.ref(name)

    def describe(self, table: str | TableRef, *, extended: bool = False) -> TableInfo:
        """Ask for a table; ``extended`` asks for its key, versions and files too.

        Raises
        ------
        NotFound
            When it does not exist.
        """
        ref = self.ref(table)
        info = decode_table(self.transport.send(encode_get_table(ref)), ref).value
        return self.further(info) if extended else info

    def further(self, info: TableInfo) -> TableInfo:
        """Ask for what the plain description of a table leaves out."""
        request = encode_get_table(info.ref, extended=True)
        return decode_table(self.transport.send(request), info.ref, known=info).value

    def exists(self, table: str | TableRef) -> bool:
        """Whether there is such a table; trouble is an error, not an absence."""
        try:
            self.describe(table)
        except NotFound:
            return False
        return True

    def list_tables(
        self, prefix: str | None = None, schema: str | None = None
    ) -> Iterator[TableEntry]:
        """Yield the tables of a schema of the default project, page by page."""
        schema = schema or self.config.schema

        def page(marker: str | None) -> Page[TableEntry]:
            request = encode_list_tables(self.project, prefix=prefix, schema=schema, marker=marker)
            return decode_tables(self.transport.send(request)).value

        return _items(page)

    def list_schemas(self) -> Iterator[SchemaEntry]:
        """Yield the schemas of the default project, page by page."""

        def page(marker: str | None) -> Page[SchemaEntry]:
            request = encode_list_schemas(self.project, marker=marker)
            return decode_schemas(self.transport.send(request)).value

        return _items(page)

    def list_partitions(
        self, table: TableRef, prefix: Partition | None = None
    ) -> Iterator[PartitionInfo]:
        """Yield the partitions of a table that begin with ``prefix``, page by page."""

        def page(marker: str | None) -> Page[PartitionInfo]:
            request = encode_list_partitions(table, prefix=prefix, marker=marker)
            return decode_partitions(self.transport.send(request)).value

        return _items(page)

    def run(
        self,
        sql: str,
        *,
        task: str = "AnonymousSQLTask",
        hints: dict[str, str] | None = None,
        table: TableRef | None = None,
    ) -> None:
        """Run a statement that has no result, and wait for its end."""
        statement = self.statement(sql, task=task, hints=hints, table=table)
        run_statement(self.transport, self.project, statement, policy=self.policy)

    def statement(
        self,
        sql: str,
        *,
        task: str = "AnonymousSQLTask",
        hints: Mapping[str, str] | None = None,
        table: TableRef | None = None,
    ) -> Statement:
        """Return a statement with the settings that go with this connection; hints win."""
        schema = table.schema if table is not None else self.config.schema
        settings: dict[str, str] = {}
        if schema:
            settings |= {
                "odps.sql.allow.namespace.schema": "true",
                "odps.namespace.schema": "true",
                "odps.default.schema": schema,
            }
        elif table is not None:
            # Two parts are project and table, whatever the service would take them for.
            settings["odps.namespace.schema"] = "false"
        return Statement(sql=sql, hints=settings | dict(hints or {}), name=task)

    @property
    def project(self) -> str:
        """The default project.

        Raises
        ------
        ConfigError
            When there is none.
        """
        if not self.config.project:
            msg = "no default project; give project=, or set ODPS_PROJECT_NAME"
            raise ConfigError(msg)
        return self.config.project

    def read_session(
        self,
        table: str | TableRef | InstanceRef,
        *,
        meter: Meter | None = None,
        **spec: Any,  # noqa: ANN401  fields of ReadSpec
    ) -> ReadSession:
        """Open a read session; ``spec`` are the fields of ``ReadSpec``."""
        transport = self.transport if meter is None else self.transport.metered(meter)
        target = table if isinstance(table, InstanceRef) else self.ref(table)
        wanted = ReadSpec(table=target, **spec)
        session = ReadSession.create(transport, wanted, self.envelope(), policy=self.policy)
        return session.wait()

    def known_session(
        self,
        spec: ReadSpec,
        info: ReadSessionInfo,
        route_token: str | None = None,
        *,
        meter: Meter | None = None,
    ) -> ReadSession:
        """Go on with a read session of which all is known already; nothing is asked."""
        transport = self.transport if meter is None else self.transport.metered(meter)
        envelope = self.envelope().routed(route_token)
        return ReadSession(transport, spec, info, envelope, policy=self.policy)

    def join_read_session(
        self, spec: ReadSpec, session_id: str, *, meter: Meter | None = None
    ) -> ReadSession:
        """Join a read session that somebody else made; ``spec`` says how it was asked for."""
        transport = self.transport if meter is None else self.transport.metered(meter)
        session = ReadSession.attach(
            transport, spec, session_id, self.envelope(), policy=self.policy
        )
        return session.wait()

    def write_session(
        self,
        table: str | TableRef,
        *,
        mode: str = WriteMode.BATCH,
        session_id: str | None = None,
        autocommit: bool | None = None,
        meter: Meter | None = None,
        **spec: Any,  # noqa: ANN401  fields of WriteSpec
    ) -> WriteSession:
        """Open a write session; ``spec`` are the other fields of ``WriteSpec``.

        ``partition`` may be a mapping or a ``Partition`` too.

        Parameters
        ----------
        table : str
            Name of the table.
        mode : str
            ``"batch"``, ``"batch_compatible"`` (numbered blocks), ``"streaming"`` or
            ``"streaming_realtime"`` (version 3 only).
        session_id : str, optional
            The session to join, instead of making one.
        autocommit : bool, optional
            In the streaming modes: whether rows are visible as they are taken, which is the
            usual, or with the commit.
        meter : Meter, optional
            Counts what the session costs.
        """
        transport = self.transport if meter is None else self.transport.metered(meter)
        front = spec.pop("partition", None) or ""
        wanted = WriteSpec(
            table=self.ref(table),
            partition=front if isinstance(front, str) else Partition.of(front).spoken(),
            quota=self.config.quota,
            mode=WriteMode.of(mode),
            **spec,
        )
        return open_write_session(
            transport,
            wanted,
            self.envelope(),
            session_id=session_id,
            autocommit=autocommit,
            policy=self.policy,
            meter=meter,
        )

    def read_blobs(
        self,
        refs: Iterable[BlobRef | str | Buffer],
        *,
        compression: Literal["lz4", "zstd"] | None = None,
        meter: Meter | None = None,
    ) -> Iterator[BlobFile]:
        """Read blobs by what a BLOB column holds, in order, each as a file that streams.

        Every block is verified, and what breaks off is resumed. A file can be read until the next
        one is asked for: ``read``, ``readinto``, ``chunks``, or all of it as ``bytes``.

        Raises
        ------
        ValueError, TypeError
            At once, for what is no reference out of a BLOB column.
        """
        transport = self.transport if meter is None else self.transport.metered(meter)
        return read_blobs(
            transport,
            refs,
            self.envelope(),
            compression=Compression.of(compression),
            policy=self.policy,
            meter=meter,
        )

    def preview_batches(
        self,
        table: TableRef,
        stream_columns: tuple[Column, ...],
        *,
        limit: int | None,
        partition: str | None = None,
        columns: tuple[str, ...] | None = None,
        meter: Meter | None = None,
    ) -> list[pa.RecordBatch]:
        """Ask for the first rows without a session; the service may give fewer than ``limit``.

        ``stream_columns`` are those that are to come: all, or the ``columns`` that are named.
        """
        meter = meter or Meter()
        request = encode_preview(
            table, limit=limit, partition=partition, columns=columns, envelope=self.envelope()
        )
        plan = StreamPlan(
            table=table,
            columns=stream_columns,
            arrow=ReadSpec(table=table).arrow,
            options=BatchOptions(max_rows=max(limit or 1, 1)),
        )
        with self.transport.metered(meter).send(request) as response:
            return list(decode_batches(response, plan, meter))


def _items(page_at: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """Yield what stands on the pages; a marker that comes again would lead round for ever."""
    marker = None
    seen = set()
    while True:
        page = page_at(marker)
        yield from page.items
        marker = page.marker
        if not marker:
            return
        if marker in seen:
            msg = f"a list came back to the marker {marker!r}; expected a new one for each page"
            raise ProtocolError(msg)
        seen.add(marker)
