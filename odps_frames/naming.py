"""What a table name of two parts means: asked of the service, and never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.errors import ConfigError, NotFound, PermissionDenied, ServiceError
from odps_frames.model.table import TableRef
from odps_frames.wire import catalog

if TYPE_CHECKING:
    from odps_frames.transport.base import Transport
    from odps_frames.wire.http import Request

__all__ = ["Naming"]

_NOT_OFFERED = frozenset({"MethodNotAllowed", "InvalidParameter"})


class Naming:
    """Reads table names with the defaults of one client.

    ``a.b`` is table ``b`` of schema ``a`` for a client that has a default schema (protocol.md
    §17.8). Any other client asks once which of the two ``a`` is, a schema of its project or a
    project, and refuses what is both.
    """

    def __init__(self, transport: Transport, project: str | None, schema: str | None) -> None:
        self._transport = transport
        self._project = project
        self._schema = schema
        self._levels: dict[str, str | None] = {}
        """What is known of first parts: the schema that one is, or None for a project."""

    def ref(self, name: str | TableRef) -> TableRef:
        """Read the name of a table.

        Raises
        ------
        ValueError
            For what is no name of a table.
        ConfigError
            For a name of two parts that may be either.
        NotFound
            When the first of two parts is neither.
        """
        if isinstance(name, TableRef):
            return name
        ref = TableRef.parse(name, project=self._project, schema=self._schema)
        if self._schema is not None or self._project is None or name.count(".") != 1:
            return ref
        first = ref.project.lower()
        if first not in self._levels:
            self._levels[first] = self._asked(ref.project, name)
        schema = self._levels[first]
        return ref if schema is None else TableRef(self._project, ref.table, schema)

    def forget(self, schema: str) -> None:
        """Ask anew of a schema that was made or dropped."""
        self._levels.pop(schema.lower(), None)

    def _asked(self, first: str, name: str) -> str | None:
        """Return the schema that a first part is, or None where it is a project."""
        project = self._project or ""
        own = first.lower() == project.lower()
        try:
            is_schema = self._has(catalog.encode_get_schema(project, first))
        except PermissionDenied:
            is_schema = self._told()
        except ServiceError as error:
            if error.code not in _NOT_OFFERED:
                raise
            is_schema = self._told()
        if not is_schema and own:
            return None
        is_project = own or self._is_project(first)
        if is_schema and is_project:
            table = name.rpartition(".")[2].strip()
            msg = (
                f"{name!r} may be table {table!r} of schema {first!r} in project {project!r}, or "
                f"of project {first!r}; say '{project}.{first}.{table}' or "
                f"'{first}.default.{table}', or give the client a default schema"
            )
            raise ConfigError(msg)
        if not (is_schema or is_project):
            msg = (
                f"no table {name!r}: there is neither a schema {first!r} in project {project!r} "
                f"nor a project {first!r}"
            )
            raise NotFound(msg, status=404, code="NoSuchProject")
        return first if is_schema else None

    def _is_project(self, name: str) -> bool:
        try:
            return self._has(catalog.encode_get_project(name))
        except PermissionDenied:
            return True  # it is known to the service, and its tables may be allowed

    def _told(self) -> bool:
        """Whether the service says that such names begin with a schema."""
        with self._transport.send(catalog.encode_tenants()) as response:
            parameters = catalog.decode_tenant(response).value
        return parameters.get("odps.namespace.schema", "").lower() == "true"

    def _has(self, request: Request) -> bool:
        try:
            with self._transport.send(request) as response:
                catalog.decode_done(response)
        except NotFound:
            return False
        return True
