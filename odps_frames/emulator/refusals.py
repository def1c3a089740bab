"""How the service refuses: which status and which code go with what.

No public source lists the codes of the Storage API, so those for sessions and streams are
assumed (protocol.md §16.3). Nothing here is a 5xx: clients would try those again for minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.errors import (
    AuthenticationError,
    Conflict,
    NotFound,
    ServiceError,
    SessionExpired,
)

if TYPE_CHECKING:
    from odps_frames.model.table import Partition, TableRef

__all__ = [
    "changes_gone",
    "conflict",
    "expired_session",
    "invalid",
    "is_view",
    "malformed",
    "no_blob",
    "no_instance",
    "no_partition",
    "no_project",
    "no_result",
    "no_schema",
    "no_session",
    "no_storage",
    "no_stream",
    "no_table",
    "schema_exists",
    "schema_in_use",
    "unauthorized",
    "unsupported",
]


def invalid(message: str) -> ServiceError:
    """Refuse an argument that is wrong whatever the state of things."""
    return ServiceError(message, status=400, code="InvalidArgument")


def malformed(message: str) -> ServiceError:
    """Refuse a body that is no Arrow stream, or not all of one."""
    return ServiceError(message, status=400, code="MalformedDataStream")


def unsupported(message: str) -> ServiceError:
    """Refuse what MaxCompute has and this service has not."""
    return ServiceError(
        f"{message} is not supported by this service", status=400, code="InvalidArgument"
    )


def conflict(message: str, *, code: str = "StatusConflict") -> Conflict:
    """Refuse what the present state of a session, stream or table forbids."""
    return Conflict(message, status=409, code=code)


def changes_gone(message: str) -> Conflict:
    """Refuse changes of which some are not kept any more."""
    return conflict(message, code="DataVersionConflict")


def no_storage(error: Exception) -> ServiceError:
    """Say that the folder could not be read or written, so that nothing of the request counts."""
    # What an error of the system says besides is where the folder is, which is nobody's business.
    what = error.strerror or type(error).__name__ if isinstance(error, OSError) else error
    return ServiceError(
        f"the folder of the service cannot be used: {what}; nothing of the request was kept, make "
        "room or mend the disk, and send it again",
        status=400,
        code="StorageFailure",
    )


def unauthorized(message: str) -> AuthenticationError:
    """Refuse a caller who did not prove who it is."""
    return AuthenticationError(message, status=401, code="Unauthorized")


def no_project(project: str) -> NotFound:
    """Say that there is no such project."""
    return NotFound(f"project {project!r} does not exist", status=404, code="NoSuchProject")


def no_schema(project: str, schema: str) -> NotFound:
    """Say that there is no such schema."""
    return NotFound(f"schema {project}.{schema} does not exist", status=404, code="NoSuchObject")


def schema_exists(project: str, schema: str) -> Conflict:
    """Say that there is a schema of that name already."""
    return Conflict(
        f"schema {project}.{schema} exists already", status=409, code="ObjectAlreadyExists"
    )


def schema_in_use(project: str, schema: str, why: str) -> Conflict:
    """Say that a schema cannot go away."""
    return Conflict(
        f"schema {project}.{schema} cannot be dropped: {why}", status=409, code="SchemaNotEmpty"
    )


def no_table(table: TableRef) -> NotFound:
    """Say that there is no such table."""
    return NotFound(
        f"ODPS-0130131:Table not found - table {table} cannot be resolved",
        status=404,
        code="NoSuchTable",
    )


def is_view(view: TableRef) -> ServiceError:
    """Refuse a view where rows are read or written without a query."""
    return ServiceError(
        f"{view} is a view, which has no rows of its own; read the result of a query over it",
        status=400,
        code="InvalidArgument",
    )


def no_partition(table: TableRef, partition: Partition) -> NotFound:
    """Say that there is no such partition."""
    return NotFound(
        f"ODPS-0110061: partition {partition.quoted()} of table {table} does not exist",
        status=404,
        code="NoSuchPartition",
    )


def no_session(session_id: str) -> NotFound:
    """Say that there is no such session, or none for this table."""
    return NotFound(
        f"session {session_id!r} does not exist for this table", status=404, code="NoSuchObject"
    )


def no_stream(session_id: str, stream: str, version: int) -> NotFound:
    """Say that a session has no such stream."""
    return NotFound(
        f"session {session_id!r} has no stream {stream!r} of version {version}",
        status=404,
        code="NoSuchObject",
    )


def no_blob(reference: str) -> NotFound:
    """Say that a reference leads nowhere."""
    return NotFound(f"blob {reference!r} does not exist", status=404, code="NoSuchObject")


def no_instance(instance: str) -> NotFound:
    """Say that there is no such instance."""
    return NotFound(f"instance {instance!r} does not exist", status=404, code="NoSuchObject")


def no_result(instance: str, status: str) -> ServiceError:
    """Say that an instance has no rows that could be read, or not yet."""
    if status == "Running":
        message, code = f"instance {instance!r} still runs", "InstanceNotTerminate"
    else:
        message = (
            f"instance {instance!r} has no rows to read: it is no query, it did not end well "
            f"({status}), or its result is past its life"
        )
        code = "InstanceTypeNotSupported"
    return ServiceError(message, status=400, code=code)


def expired_session(session_id: str) -> SessionExpired:
    """Say that the life of a session is over."""
    return SessionExpired(
        f"session {session_id!r} is past its life", status=400, code="SessionExpired"
    )
