"""What a request of the tunnel asks for, as one of a closed set of calls.

The forms are those of pyodps 0.13.2 (protocol.md §17.7 for results of instances).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from odps_frames.emulator.refusals import invalid, unsupported
from odps_frames.errors import NotFound
from odps_frames.model.table import InstanceRef, TableRef
from odps_frames.wire import names

if TYPE_CHECKING:
    from odps_frames.wire.http import Request

__all__ = [
    "CommitUpload",
    "GetDownload",
    "GetUpload",
    "OpenDownload",
    "OpenUpload",
    "PreviewRows",
    "ReadRows",
    "Source",
    "TunnelCall",
    "WriteBlock",
    "decode_tunnel",
    "is_tunnel",
]

Source: TypeAlias = TableRef | InstanceRef

_ROWS = re.compile(r"\(\s*([0-9]{1,18})\s*,\s*([0-9]{1,18})\s*\)")
_IGNORED = frozenset(
    {names.CURRENT_PROJECT, names.CURRENT_SCHEMA, names.QUOTA_NAME, "asyncmode", "reload"}
)
"""They choose resources that this service has only one of, or say what the method says too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """Begin to bring rows to a table, or to one partition of it."""

    table: TableRef
    partition: str | None = None
    overwrite: bool = False
    create_partition: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUpload:
    """How an upload stands, and which blocks have come."""

    table: TableRef
    upload_id: str
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBlock:
    """Bring the rows of one block; they replace those that came under its number before."""

    table: TableRef
    upload_id: str
    block: int
    partition: str | None = None
    arrow: bool = False
    encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitUpload:
    """Make the rows of all blocks visible."""

    table: TableRef
    upload_id: str
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDownload:
    """Fix what is to be read."""

    source: Source
    partition: str | None = None
    limited: bool = False
    """Only the first rows of a result, of which there are fewer to protect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDownload:
    """How a download stands."""

    source: Source
    download_id: str
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRows:
    """Read some rows of a download."""

    source: Source
    download_id: str
    start: int
    count: int
    columns: tuple[str, ...] | None = None
    partition: str | None = None
    arrow: bool = False
    encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRows:
    """The first rows of a table, without a session."""

    table: TableRef
    limit: int | None = None
    columns: tuple[str, ...] | None = None
    partition: str | None = None


TunnelCall: TypeAlias = (
    OpenUpload
    | GetUpload
    | WriteBlock
    | CommitUpload
    | OpenDownload
    | GetDownload
    | ReadRows
    | PreviewRows
)


def is_tunnel(request: Request) -> bool:
    """Whether a request to the storage endpoint is one of the older protocol."""
    return request.path.startswith("/projects/")


def decode_tunnel(request: Request) -> TunnelCall:
    """Read what a request asks for.

    Raises
    ------
    ServiceError
        For what this service does not offer, naming it.
    """
    schema = request.parameter(names.CURRENT_SCHEMA) or None
    match request.path.removeprefix("/projects/").split("/"):
        case [project, "tables", table]:
            return _table_call(_Asked(request), _table(project, schema, table))
        case [project, "schemas", schema, "tables", table]:
            return _table_call(_Asked(request), _table(project, schema, table))
        case [project, "tables", table, "preview"]:
            return _preview(_Asked(request), _table(project, schema, table))
        case [project, "schemas", schema, "tables", table, "preview"]:
            return _preview(_Asked(request), _table(project, schema, table))
        case [project, "instances", instance]:
            return _download_call(_Asked(request), InstanceRef(project, instance))
        case [*_, ("upserts" | "streams") as kind]:
            raise unsupported(f"{kind.removesuffix('s')} sessions of the tunnel; the Storage API")
        case _:
            raise _not_offered(request)


class _Asked:
    """The parameters of a request; those that nobody asked about are refused at the end."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.method = request.method
        self._given = dict(request.query)
        self._known = set(_IGNORED)

    def has(self, name: str) -> bool:
        self._known.add(name)
        return name in self._given

    def text(self, name: str) -> str | None:
        self._known.add(name)
        return self._given.get(name) or None

    def flag(self, name: str) -> bool:
        """Read true or false; a name alone, as some clients send it, is true."""
        if not self.has(name):
            return False
        value = self._given[name].lower()
        if value not in ("", "true", "false"):
            raise invalid(f"{name}={self._given[name]!r}; expected true or false")
        return value != "false"

    def number(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise invalid(f"{name}={value!r}; expected a whole number")
        return int(value)

    def columns(self) -> tuple[str, ...] | None:
        said = self.text("columns")
        return None if said is None else tuple(name.strip() for name in said.split(","))

    def finish(self) -> None:
        unknown = sorted(
            name
            for name in self._given
            if name not in self._known and not name.lower().startswith("x-odps-")
        )
        if unknown:
            raise unsupported(f"the parameter {unknown[0]!r} of {self.method} {self.request.path}")


def _table(project: str, schema: str | None, table: str) -> TableRef:
    try:
        return TableRef(project, table, schema)
    except ValueError as error:
        raise NotFound(str(error), status=404, code="NoSuchTable") from None


def _table_call(asked: _Asked, table: TableRef) -> TunnelCall:
    partition = asked.text("partition")
    if asked.method == "POST" and asked.has("uploads"):
        call: TunnelCall = OpenUpload(
            table=table,
            partition=partition,
            overwrite=asked.flag("overwrite"),
            create_partition=asked.flag("create_partition"),
        )
    elif (upload_id := asked.text("uploadid")) is not None:
        call = _upload_call(asked, table, upload_id)
    else:
        return _download_call(asked, table)
    asked.finish()
    return call


def _upload_call(asked: _Asked, table: TableRef, upload_id: str) -> TunnelCall:
    partition = asked.text("partition")
    if asked.method == "GET":
        asked.flag("create_partition")  # repeated on every look, though it was done at the start
        return GetUpload(table=table, upload_id=upload_id, partition=partition)
    if asked.method == "POST":
        return CommitUpload(table=table, upload_id=upload_id, partition=partition)
    block = asked.number("blockid")
    if asked.method != "PUT" or block is None:
        raise _not_offered(asked.request)
    return WriteBlock(
        table=table,
        upload_id=upload_id,
        block=block,
        partition=partition,
        arrow=asked.flag("arrow"),
        encoding=asked.request.headers.get("Content-Encoding"),
    )


def _download_call(asked: _Asked, source: Source) -> TunnelCall:
    partition = asked.text("partition") if isinstance(source, TableRef) else None
    download_id = asked.text("downloadid")
    if asked.method == "POST" and asked.has("downloads"):
        limited = isinstance(source, InstanceRef) and asked.flag("instance_tunnel_limit_enabled")
        call: TunnelCall = OpenDownload(source=source, partition=partition, limited=limited)
    elif asked.method != "GET" or download_id is None:
        raise _not_offered(asked.request)
    elif not asked.has("data"):
        call = GetDownload(source=source, download_id=download_id, partition=partition)
    else:
        said = asked.text("rowrange") or ""
        rows = _ROWS.fullmatch(said)
        if rows is None:
            raise invalid(f"rowrange={said!r}; expected (start,count)")
        call = ReadRows(
            source=source,
            download_id=download_id,
            start=int(rows[1]),
            count=int(rows[2]),
            columns=asked.columns(),
            partition=partition,
            arrow=asked.flag("arrow"),
            encoding=asked.request.headers.get("Accept-Encoding"),
        )
    asked.finish()
    return call


def _preview(asked: _Asked, table: TableRef) -> PreviewRows:
    if asked.method != "GET":
        raise _not_offered(asked.request)
    limit = asked.number("limit")
    call = PreviewRows(
        table=table,
        limit=None if limit is None or limit < 0 else limit,
        columns=asked.columns(),
        partition=asked.text("partition"),
    )
    asked.finish()
    return call


def _not_offered(request: Request) -> Exception:
    words = "&".join(sorted(name for name, _ in request.query if name not in _IGNORED))
    shown = f"{request.method} {request.path}{'?' + words if words else ''}"
    return unsupported(f"{shown} (the tunnel before the Storage API)")
