"""Downloads: one version of a table, or of a partition, read as often as one likes.

A download is kept as a read session is, so that its files stay and a restart does not end it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from odps_frames.emulator.catalog.layouts import layout_of
from odps_frames.emulator.catalog.sessions import (
    KeptReadSession,
    find_read_session,
)
from odps_frames.emulator.catalog.tables import need_rows, table_by_id
from odps_frames.emulator.facts import joined_times
from odps_frames.emulator.planner import window
from odps_frames.emulator.read_plan import find_partitions, make_plan
from odps_frames.emulator.refusals import conflict, expired_session
from odps_frames.emulator.row_stream import resized
from odps_frames.emulator.row_view import RowView, Selection, select
from odps_frames.emulator.snapshots import open_snapshot
from odps_frames.emulator.times import is_instant
from odps_frames.emulator.tunnel.columns import check_arrow, check_nanoseconds, check_records
from odps_frames.emulator.tunnel.targets import named_partition, no_download
from odps_frames.model.read import ArrowOptions, ReadSpec
from odps_frames.model.splits import Split
from odps_frames.model.table import TableRef
from odps_frames.wire import names, read_session
from odps_frames.wire.envelope import encode_target
from odps_frames.wire.http import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from odps_frames.emulator.catalog.database import Connection
    from odps_frames.emulator.catalog.tables import Table
    from odps_frames.emulator.read_plan import ReadPlan
    from odps_frames.emulator.store import Store
    from odps_frames.emulator.tunnel.calls import GetDownload, OpenDownload, ReadRows
    from odps_frames.model.schema import TableSchema
    from odps_frames.model.types import DataType

__all__ = ["Download", "Downloads", "Rows", "TableDownloads"]

BATCH_ROWS = 8192
PROTOCOL = "tunnel"


@dataclass(frozen=True, slots=True)
class Download:
    """How a download stands."""

    id: str
    status: str
    n_rows: int
    schema: TableSchema


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows on their way; times in records come as pairs of seconds and nanoseconds."""

    types: Sequence[DataType]
    batches: Iterator[pa.RecordBatch]


class Downloads(Protocol):
    """What the tunnel can read."""

    def open(self, call: OpenDownload, /) -> Download:
        """Fix what is to be read."""
        ...

    def get(self, call: GetDownload, /) -> Download:
        """Tell how a download stands."""
        ...

    def read(self, call: ReadRows, /) -> Rows:
        """Read some rows."""
        ...


class TableDownloads:
    """Downloads of tables."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, call: OpenDownload) -> Download:
        """Fix the present version of a table, or of one of its partitions."""
        ref = _table_of(call)
        partitions = None if call.partition is None else (call.partition,)
        spec = ReadSpec(table=ref, partitions=partitions)

        def begin(connection: Connection) -> KeptReadSession:
            table = need_rows(connection, ref)
            named_partition(table, call.partition)
            return KeptReadSession(
                id=self._store.new_id(),
                table_id=table.id,
                version=table.version,
                layout=layout_of(connection, table.id),
                definition=table.definition(),
                target=encode_target(table.ref),
                request=read_session.encode_create(spec).read_body().decode(),
                token=PROTOCOL,
                expires=self._store.now() + self._store.session_milliseconds,
            )

        def plan_it(connection: Connection, download: KeptReadSession) -> tuple[Table, ReadPlan]:
            table = need_rows(connection, ref).as_defined(download.definition)
            plan = self._plan(connection, table, download, spec)
            find_partitions(connection, table, spec)
            return table, plan

        download, (table, plan) = open_snapshot(self._store, begin, plan_it)
        return Download(download.id, "NORMAL", plan.n_rows, table.schema)

    def _plan(
        self, connection: Connection, table: Table, download: KeptReadSession, spec: ReadSpec
    ) -> ReadPlan:
        files, version = self._store.files, download.version
        return make_plan(connection, table, version, spec, files, layout=download.layout)

    def get(self, call: GetDownload) -> Download:
        """Tell how a download stands."""
        with self._store.database.read() as connection:
            download, table, plan = self._find(connection, call)
        status = "EXPIRED" if self._store.now() >= download.expires else "NORMAL"
        return Download(download.id, status, plan.n_rows, table.schema)

    def read(self, call: ReadRows) -> Rows:
        """Read some rows; those that are asked for beyond the end are not there."""

        def find() -> tuple[list[str], tuple[Table, ReadPlan]]:
            with self._store.database.read() as connection:
                download, table, plan = self._find(connection, call)
            if self._store.now() >= download.expires:
                raise expired_session(download.id)
            return [file.stored.name for file in plan.files], (table, plan)

        hold, (table, plan) = self._store.files.hold(find)
        selection = _chosen(table, call)

        def as_pair(_: str, type_: DataType) -> bool:
            return not call.arrow and is_instant(type_)

        columns = [stored.column for stored in selection.data]
        if call.arrow:
            check_arrow(columns)
            times = joined_times(file.stored.facts for file in plan.files)
            check_nanoseconds(selection.data, times)
        else:
            check_records(columns)
        view = RowView(selection, ArrowOptions(), as_pair)
        pieces = window(plan.pieces(Split(""), 0), call.start, call.count)
        rows = hold.over(view.rows(self._store.files, plan.files, pieces))
        return Rows([column.type for column in columns], resized(rows, BATCH_ROWS, None))

    def _find(
        self, connection: Connection, call: GetDownload | ReadRows
    ) -> tuple[KeptReadSession, Table, ReadPlan]:
        ref = _table_of(call)
        download = find_read_session(connection, call.download_id)
        table = need_rows(connection, ref)
        if download is None or download.token != PROTOCOL:
            raise no_download(call.download_id)
        if download.table_id != table.id:
            if table_by_id(connection, download.table_id) is not None:
                raise no_download(call.download_id)
            raise conflict(
                f"table {table.ref} was dropped since download {download.id!r} was opened, and is "
                "another one now",
                code="TableModified",
            )
        table = table.as_defined(download.definition)
        spec = _kept_spec(download)
        said = spec.partitions[0] if spec.partitions else None
        same = call.partition in (None, said) or (
            named_partition(table, call.partition) == named_partition(table, said)
        )
        if not same:
            raise no_download(call.download_id)
        return download, table, self._plan(connection, table, download, spec)


def _table_of(call: OpenDownload | GetDownload | ReadRows) -> TableRef:
    if not isinstance(call.source, TableRef):
        raise TypeError(call.source)
    return call.source


def _kept_spec(download: KeptReadSession) -> ReadSpec:
    """Read what was asked for out of the request that is kept."""
    query = ((names.TARGET, download.target),)
    request = Request(method="POST", path="/", query=query, body=download.request.encode())
    return read_session.decode_create(request)


def _chosen(table: Table, call: ReadRows) -> Selection:
    """Choose data columns: in the order asked for in records, in that of the table in Arrow.

    So pyodps numbers the fields of records, and makes the schema that Arrow does not bring.
    """
    chosen = select(table, call.columns, ())
    if not call.arrow:
        return chosen
    wanted = {stored.field for stored in chosen.data}
    return Selection(
        tuple(stored for stored in table.columns if stored.field in wanted), chosen.partitions
    )
