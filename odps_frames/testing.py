"""A MaxCompute for tests; ``odps_service``, ``odps_client`` and ``odps_table`` are its fixtures.

Where the package is installed, pytest has the fixtures already. Where plugins are not loaded by
themselves, ``pytest_plugins = ["odps_frames.testing"]`` brings them.
"""

from __future__ import annotations

import inspect
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from odps_frames.client import CURRENT, Client
from odps_frames.config import Config
from odps_frames.convert.infer import infer_schema
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server
from odps_frames.errors import ConfigError, Conflict
from odps_frames.frame_writes import to_odps
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import DataType, parse_type
from odps_frames.preparation import prepare
from odps_frames.write_options import WriteOptions, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.emulator.app import RequestRecord
    from odps_frames.emulator.faults import Faults
    from odps_frames.model.buckets import Buckets
    from odps_frames.model.table import TableRef
    from odps_frames.table import Table

__all__ = ["OdpsService", "TableFactory", "default_client", "running_service"]

pytest_plugins = ["pytest_odps_frames"]

PartitionBy: TypeAlias = "str | Sequence[str] | Mapping[str, str | DataType] | None"

_OURS = ("path", "accounts", "tokens")
"""Settings of a service that are made up here."""


class OdpsService:
    """A MaxCompute in this process, behind a socket that only this machine reaches."""

    def __init__(self, service: Emulator, config: Config) -> None:
        self.service = service
        """The service itself."""
        self.config = config
        """Settings of a client that may ask it."""

    @property
    def endpoint(self) -> str:
        """Its address, for any client."""
        return self.config.endpoint

    @property
    def project(self) -> str:
        """The project that it has from the start."""
        return str(self.config.project)

    @property
    def access_id(self) -> str:
        """Who may ask."""
        return str(self.config.access_id)

    @property
    def secret_access_key(self) -> str:
        """What belongs to the access id."""
        return str(self.config.secret_access_key)

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which this package and others look for a service."""
        return {
            "ODPS_ENDPOINT": self.endpoint,
            "ODPS_PROJECT_NAME": self.project,
            "ODPS_ACCESS_ID": self.access_id,
            "ODPS_ACCESS_KEY": self.secret_access_key,
        }

    @property
    def faults(self) -> Faults:
        """Rules that make it fail."""
        return self.service.faults

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """What it was asked, the last request last."""
        return self.service.requests

    def connect(self, **settings: Any) -> Client:  # noqa: ANN401  fields of Config
        """Make a client; ``settings`` are those of ``connect``. It is not the default one."""
        return Client(replace(self.config, **settings))

    def __repr__(self) -> str:
        return f"OdpsService({self.endpoint}, project={self.project!r})"


@contextmanager
def running_service(*, project: str = "demo", **settings: Any) -> Iterator[OdpsService]:  # noqa: ANN401  those of Emulator
    """Run an empty service for the length of a block.

    Parameters
    ----------
    project : str
        The project that it has.
    settings : optional
        Further ones of the service, such as ``projects=["other"]`` or ``finish_at_once=True``.

    Raises
    ------
    ConfigError
        For settings that no service has.
    """
    known = [name for name in inspect.signature(Emulator).parameters if name not in _OURS]
    if unknown := [name for name in settings if name not in known]:
        msg = f"a service for tests has no settings {unknown}; it has {known}"
        raise ConfigError(msg)
    access_id, secret = f"test-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="odps-frames-", ignore_cleanup_errors=True)
        path = Path(stack.enter_context(folder))
        service = stack.enter_context(
            Emulator(path, accounts={access_id: secret}, project=project, **settings)
        )
        server = stack.enter_context(Server(service))
        yield OdpsService(
            service,
            Config(
                endpoint=server.endpoint,
                project=project,
                access_id=access_id,
                secret_access_key=secret,
                # The keys open nothing but this service, so that worker processes may have them.
                given_in_code=True,
                pickle_credentials=True,
            ),
        )


@contextmanager
def default_client(client: Client) -> Iterator[Client]:
    """Make a client the default of the process for the length of a block, and close it then.

    Other threads use it too, as they would not with ``with client:``.
    """
    CURRENT.set_default(client)
    try:
        yield client
    finally:
        client.close()


class TableFactory:
    """Makes tables for a test, and drops them when it is closed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._made: list[Table] = []

    def __call__(  # noqa: PLR0913  what a table is made of, each by its name
        self,
        content: object,
        name: str | None = None,
        *,
        partition_by: PartitionBy = None,
        primary_key: str | Sequence[str] = (),
        odps_types: Mapping[str, str] | None = None,
        buckets: Buckets | Mapping[str, object] | None = None,
        lifecycle: int | None = None,
        comment: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> Table:
        """Make a table.

        Parameters
        ----------
        content : DataFrame, Table, mapping, list, TableSchema, Schema
            Its rows: whatever ``to_odps`` takes, lists of values by column, or a list of mappings.
            Or its columns, for a table without rows: types by column, or a schema.
        name : str, optional
            Its name; made up when left out.
        partition_by : str, sequence of str or mapping, optional
            Columns of the content that say the partition, with their types where a mapping is
            given; such a mapping may also name columns that a table without rows has besides.
        odps_types : mapping, optional
            Types of columns, where those that follow from the rows will not do.
        primary_key, buckets, lifecycle, comment, properties : optional
            As in ``Client.create_table``.

        Raises
        ------
        Conflict, SqlError
            When there is a table of that name.
        TypeError, ValueError, SchemaMismatch
            For content that makes no table.
        """
        ref = self._client.ref(name or f"t_{secrets.token_hex(6)}")
        keys = names_in(primary_key) or ()
        parted, types = _partition_by(partition_by, odps_types)
        rows = _rows(content)
        if rows is None:
            schema = _partitioned(_columns(content, types), parted, types)
        else:
            schema = self._planned(
                rows,
                ref,
                WriteOptions(
                    mode="error", create=True, partition_cols=parted or None, odps_types=types
                ),
            )
        table = self._client.create_table(
            ref,
            schema,
            primary_key=keys,
            buckets=buckets,
            lifecycle=lifecycle,
            comment=comment,
            properties=properties,
        )
        self._made.append(table)
        if rows is not None:
            to_odps(
                rows,
                str(ref),
                mode="upsert" if keys else "append",
                partition_cols=parted or None,
                client=self._client,
                progress=False,
            )
        return table

    def _planned(self, rows: object, ref: TableRef, options: WriteOptions) -> TableSchema:
        """Return the schema of the table that ``to_odps`` would make for rows."""
        prepared = prepare(self._client, rows, ref, options)
        if prepared is None:
            msg = f"there is a table {ref} already; give another name, or none"
            raise Conflict(msg)
        return prepared.schema

    def close(self) -> None:
        """Drop the tables that were made; those that a test dropped itself do not matter."""
        made, self._made = self._made, []
        for table in reversed(made):
            table.drop(if_exists=True)


def _partition_by(
    said: PartitionBy, odps_types: Mapping[str, str] | None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the names of the partition columns, and the types that are said of any column."""
    types = dict(odps_types or {})
    if isinstance(said, Mapping):
        return tuple(said), types | {name: str(kind) for name, kind in said.items()}
    return names_in(said) or (), types


def _rows(content: object) -> object:
    """Return content as ``to_odps`` takes it; None where it says columns and has no rows.

    Raises
    ------
    TypeError
        When it is neither.
    """
    match content:
        case TableSchema() | pa.Schema():
            return None
        case pa.RecordBatchReader():
            return content.read_all()  # it is looked at first, and its rows come once
        case Mapping() if not content:
            msg = "no columns; expected types or values by column, such as {'id': 'bigint'}"
        case Mapping() if all(isinstance(one, str | DataType) for one in content.values()):
            return None
        case Mapping():
            return pa.table(dict(content))
        case list() if content and all(isinstance(one, Mapping) for one in content):
            return pa.Table.from_pylist([dict(one) for one in content])
        case str() | bytes() | list() | tuple() | None:
            msg = (
                f"{content!r:.80} makes no table; give rows (a DataFrame, {{'id': [1, 2]}}, "
                "[{'id': 1}]) or columns ({'id': 'bigint'}) first, then a name"
            )
        case _:
            return content
    raise TypeError(msg)


def _columns(content: object, types: Mapping[str, str]) -> TableSchema:
    if isinstance(content, pa.Schema):
        known = {name.lower() for name in content.names}
        return infer_schema(
            content, overrides={name: kind for name, kind in types.items() if name.lower() in known}
        )
    if isinstance(content, TableSchema):
        return content
    columns = content.items() if isinstance(content, Mapping) else ()
    return TableSchema(
        tuple(
            Column(name, parse_type(kind) if isinstance(kind, str) else kind)
            for name, kind in columns
        )
    )


def _partitioned(
    schema: TableSchema, names: Sequence[str], types: Mapping[str, str]
) -> TableSchema:
    """Return a schema whose named columns say the partition; a type makes one that is missing."""
    if not names:
        return schema
    parts = []
    for name in names:
        column = schema.find(name)
        if name in types:
            column = Column(name, parse_type(types[name]))
        if column is None:
            msg = (
                f"partition_by={name!r} is none of the columns {list(schema.names)}; give its "
                f"type too: partition_by={{{name!r}: 'string'}}"
            )
            raise ValueError(msg)
        parts.append(column)
    said = {name.lower() for name in names}
    others = (column for column in schema.columns if column.name.lower() not in said)
    return TableSchema(tuple(others), tuple(parts))
