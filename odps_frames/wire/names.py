"""Every name of the wire: actions, query parameters, header fields (protocol.md §4, §5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What a storage request asks for; the only key that the service dispatches on."""

    CREATE_READ_SESSION = "TableCreateReadSession"
    GET_READ_SESSION = "TableGetReadSession"
    READ = "TableRead"
    PREVIEW = "TablePreview"
    CREATE_WRITE_SESSION = "TableCreateWriteSession"
    GET_WRITE_SESSION = "TableGetWriteSession"
    CREATE_WRITE_STREAM = "TableCreateWriteStream"
    GET_WRITE_STREAM = "TableGetWriteStream"
    WRITE = "TableWrite"
    CLOSE_WRITE_STREAM = "TableCloseWriteStream"
    COMMIT_WRITE_SESSION = "TableCommitWriteSession"
    ABORT_WRITE_SESSION = "TableAbortWriteSession"
    GET_WRITE_SCHEMA = "TableGetWriteSchema"
    CREATE_INSTANCE_SESSION = "InstanceCreateReadSession"
    GET_INSTANCE_SESSION = "InstanceGetReadSession"
    READ_INSTANCE = "InstanceRead"
    WRITE_BLOB = "TableWriteBlob"
    READ_BLOB = "BlobRead"


STORAGE_PATH: Final = "/api/storage/v"

ACTION: Final = "Action"
TARGET: Final = "Target"
SESSION_ID: Final = "SessionId"
SESSION_REFRESH: Final = "session_refresh"
STREAM_ID: Final = "StreamId"
STREAM_VERSION: Final = "StreamVersion"
WRITE_MODE: Final = "WriteMode"
QUOTA_NAME: Final = "quotaName"
CURRENT_PROJECT: Final = "curr_project"
CURRENT_SCHEMA: Final = "curr_schema"

ACCEPT_ENCODING: Final = "Accept-Encoding"
REQUEST_ID: Final = "x-odps-request-id"
ROUTE_TOKEN: Final = "x-odps-max-storage-route-token"  # noqa: S105  a name
ACCESS_TOKEN: Final = "x-odps-max-storage-write-access-token"  # noqa: S105  a name
TUNNEL_TAGS: Final = "odps-tunnel-tags"
TRACE_ID: Final = "odps-tunnel-retry-trace-id"
TRACE_INDEX: Final = "odps-tunnel-retry-index"
USER_AGENT: Final = "x-odps-user-agent"
BEARER_TOKEN: Final = "x-odps-bearer-token"  # noqa: S105  a name
STS_TOKEN: Final = "authorization-sts-token"  # noqa: S105  a name

JSON: Final = "application/json; charset=utf-8"
OCTETS: Final = "application/octet-stream"
ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
XML: Final = "application/xml"
