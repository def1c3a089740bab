"""What a request of the REST API asks for, as one of a closed set of calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.errors import NotFound, ServiceError
from odps_frames.model.table import InstanceRef, Partition, TableRef
from odps_frames.wire import names
from odps_frames.wire.instance import decode_submit
from odps_frames.wire.partition_list import decode_spec
from odps_frames.wire.schema_calls import (
    CreateSchema,
    DropSchema,
    GetSchema,
    ListSchemas,
    SchemaCall,
    decode_schema_call,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.wire.http import Request
    from odps_frames.wire.job_document import Statement

__all__ = [
    "CreateSchema",
    "DiscoverEndpoint",
    "DropSchema",
    "GetDetail",
    "GetHead",
    "GetInstance",
    "GetLogviewHost",
    "GetPartition",
    "GetProgress",
    "GetProject",
    "GetResult",
    "GetSchema",
    "GetSource",
    "GetSummary",
    "GetTable",
    "GetTaskStatus",
    "GetTenant",
    "GetWebconsoleHost",
    "ListPartitions",
    "ListSchemas",
    "ListTables",
    "PutLogs",
    "RestCall",
    "SchemaCall",
    "StopInstance",
    "SubmitInstance",
    "decode_rest",
]


@dataclass(frozen=True, slots=True)
class GetTenant:
    """The tenant and its parameters."""


@dataclass(frozen=True, slots=True)
class GetLogviewHost:
    """Where statements can be watched."""


@dataclass(frozen=True, slots=True)
class GetWebconsoleHost:
    """Where the console is."""


@dataclass(frozen=True, slots=True)
class GetProject:
    """One project."""

    project: str


@dataclass(frozen=True, slots=True)
class DiscoverEndpoint:
    """Where the storage endpoint of a project is."""

    project: str
    quota: str | None = None


@dataclass(frozen=True, slots=True)
class PutLogs:
    """Counts of what a client used; nobody reads them."""

    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTables:
    """A page of the tables of a project or schema."""

    project: str
    schema: str | None = None
    prefix: str | None = None
    owner: str | None = None
    type: str | None = None
    marker: str | None = None


@dataclass(frozen=True, slots=True)
class GetTable:
    """One table."""

    table: TableRef
    extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPartitions:
    """A page of the partitions of a table."""

    table: TableRef
    prefix: Partition | None = None
    marker: str | None = None
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class GetPartition:
    """One partition."""

    table: TableRef
    partition: Partition
    extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHead:
    """The first rows of a table, as text."""

    table: TableRef
    n_rows: int
    partition: str | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SubmitInstance:
    """Run a statement."""

    project: str
    statement: Statement
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class GetInstance:
    """Whether an instance still runs."""

    instance: InstanceRef


@dataclass(frozen=True, slots=True)
class GetTaskStatus:
    """How the tasks of an instance stand."""

    instance: InstanceRef


@dataclass(frozen=True, slots=True)
class GetResult:
    """What an instance gave."""

    instance: InstanceRef


@dataclass(frozen=True, slots=True)
class GetSource:
    """The statement of an instance."""

    instance: InstanceRef


@dataclass(frozen=True, slots=True)
class GetProgress:
    """How far a task is."""

    instance: InstanceRef
    task: str = ""


@dataclass(frozen=True, slots=True)
class GetSummary:
    """What a task cost."""

    instance: InstanceRef
    task: str = ""


@dataclass(frozen=True, slots=True)
class GetDetail:
    """How a task was carried out."""

    instance: InstanceRef
    task: str = ""


@dataclass(frozen=True, slots=True)
class StopInstance:
    """Stop an instance."""

    instance: InstanceRef


RestCall: TypeAlias = (
    GetTenant
    | GetLogviewHost
    | GetWebconsoleHost
    | GetProject
    | DiscoverEndpoint
    | PutLogs
    | SchemaCall
    | ListTables
    | GetTable
    | ListPartitions
    | GetPartition
    | GetHead
    | SubmitInstance
    | GetInstance
    | GetTaskStatus
    | GetResult
    | GetSource
    | GetProgress
    | GetSummary
    | GetDetail
    | StopInstance
)


def decode_rest(request: Request) -> RestCall:
    """Read what a request asks for.

    Raises
    ------
    ServiceError
        Code ``MethodNotAllowed`` for what this API does not offer, ``InvalidArgument`` for what
        it cannot read; NotFound for names that nothing can have.
    """
    segments = tuple(request.path.removeprefix("/").split("/"))
    match (request.method, *segments):
        case ("GET", "tenants"):
            return GetTenant()
        case ("GET", "logview", "host"):
            return GetLogviewHost()
        case ("GET", "webconsole", "host"):
            return GetWebconsoleHost()
        case (method, "projects", project, *rest) if project:
            call = _project_call(method, project, tuple(rest), request)
            if call is not None:
                return call
    raise _not_offered(request)


def _project_call(  # noqa: PLR0911  one line a resource
    method: str, project: str, rest: tuple[str, ...], request: Request
) -> RestCall | None:
    match (method, *rest):
        case ("GET",):
            return GetProject(project)
        case ("GET", "tunnel") if _has(request, "service"):
            return DiscoverEndpoint(project, request.parameter(names.QUOTA_NAME))
        case ("PUT", "logs"):
            return PutLogs(project)
        case (_, "schemas", *further):
            return decode_schema_call(method, project, tuple(further), request)
        case ("GET", "tables"):
            return _list_tables(project, request)
        case ("GET", "tables", table):
            return _table_call(project, table, request)
        case ("POST", "instances"):
            return _submit(project, request)
        case (_, "instances", instance):
            return _instance_call(method, InstanceRef(project, instance), request)
        case _:
            return None


def _list_tables(project: str, request: Request) -> ListTables:
    return ListTables(
        project=project,
        schema=request.parameter(names.CURRENT_SCHEMA) or None,
        prefix=request.parameter("name") or None,
        owner=request.parameter("owner") or None,
        type=request.parameter("type") or None,
        marker=request.parameter("marker") or None,
    )


def _table_call(project: str, name: str, request: Request) -> RestCall | None:
    schema = request.parameter(names.CURRENT_SCHEMA) or None
    if _has(request, "data"):  # who asks for the first rows names the schema otherwise
        schema = request.parameter("schema_name") or schema
    try:
        table = TableRef(project, name, schema)
    except ValueError as error:
        raise NotFound(str(error), status=404, code="NoSuchObject") from None
    spec = request.parameter("partition")
    extended = _has(request, "extended")
    if _has(request, "data"):
        return _head(table, request)
    if _has(request, "partitions"):
        return ListPartitions(
            table=table,
            prefix=_partition(spec) if spec else None,
            marker=request.parameter("marker") or None,
            reverse=_has(request, "reverse"),
        )
    if spec is not None:
        return GetPartition(table, _partition(spec), extended)
    return GetTable(table, extended)


def _head(table: TableRef, request: Request) -> GetHead:
    said = request.parameter("linenum") or ""
    if not (said.isascii() and said.isdigit()):
        raise _invalid(f"linenum={said!r}; expected how many rows are wanted")
    columns = request.parameter("cols")
    return GetHead(
        table=table,
        n_rows=int(said),
        partition=request.parameter("partition") or None,
        columns=tuple(columns.split(",")) if columns else None,
    )


def _instance_call(method: str, instance: InstanceRef, request: Request) -> RestCall | None:
    if method == "PUT":
        return StopInstance(instance) if not _words(request) else None
    if method != "GET":
        return None
    words = _words(request) - {"taskname"}
    if not words or words == {"instancestatus"}:
        return GetInstance(instance)
    if len(words) > 1:
        return None
    (word,) = words
    if plain := _PLAIN.get(word):
        return plain(instance)
    of_task = _OF_TASK.get(word)
    task = request.parameter("taskname") or request.parameter(word) or ""
    return of_task(instance, task) if of_task else None


_PLAIN: Mapping[str, type[GetTaskStatus | GetResult | GetSource]] = {
    "taskstatus": GetTaskStatus,
    "result": GetResult,
    "source": GetSource,
}
_OF_TASK: Mapping[str, type[GetProgress | GetSummary | GetDetail]] = {
    "instanceprogress": GetProgress,
    "instancesummary": GetSummary,
    "instancedetail": GetDetail,
}


def _submit(project: str, request: Request) -> SubmitInstance:
    try:
        statement = decode_submit(request)
    except ValueError as error:
        raise _invalid(f"no statement in the request: {error}") from None
    return SubmitInstance(project, statement, request.parameter(names.CURRENT_SCHEMA) or None)


def _words(request: Request) -> set[str]:
    return {name for name, _ in request.query} - {names.CURRENT_PROJECT, names.CURRENT_SCHEMA}


def _has(request: Request, name: str) -> bool:
    return any(name == key for key, _ in request.query)


def _partition(text: str) -> Partition:
    try:
        return decode_spec(text)
    except ValueError as error:
        raise _invalid(str(error)) from None


def _invalid(message: str) -> ServiceError:
    return ServiceError(message, status=400, code="InvalidArgument")


def _not_offered(request: Request) -> ServiceError:
    words = "&".join(sorted(name for name, value in request.query if not value))
    shown = f"{request.method} {request.path}{'?' + words if words else ''}"
    return ServiceError(
        f"{shown} is not offered by this service", status=405, code="MethodNotAllowed"
    )
