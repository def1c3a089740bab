"""What every storage request carries besides its own parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from odps_frames.model.table import InstanceRef, TableRef
from odps_frames.wire import names
from odps_frames.wire.http import Body, Headers, Repeat, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Envelope", "decode_target", "encode_target"]

API_VERSIONS = ("2", "3")
DEFAULT_SCHEMA = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """API version, and the tokens and labels that storage requests repeat."""

    api_version: str = "2"
    route_token: str | None = None
    """Affinity token of the session, as the service last sent it; opaque."""
    quota: str | None = None
    tags: tuple[str, ...] = ()

    def routed(self, token: str | None) -> Self:
        """Return a copy that carries this token, or the old one where there is no new one."""
        return replace(self, route_token=token) if token else self

    def request(  # noqa: PLR0913  the one place where a storage request is put together
        self,
        action: names.Action,
        target: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        document: Mapping[str, object] | None = None,
        body: Body = None,
        content_length: int | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        repeat: Repeat = Repeat.ALWAYS,
    ) -> Request:
        """Make the request of an action; a ``document`` is sent as JSON."""
        fields = {"Content-Type": names.JSON, **(headers or {})}
        if self.route_token is not None:
            fields[names.ROUTE_TOKEN] = self.route_token
        if self.tags:
            fields[names.TUNNEL_TAGS] = ",".join(self.tags)
        pairs = [(names.ACTION, action.value), (names.TARGET, target)]
        if self.quota:
            pairs.append((names.QUOTA_NAME, self.quota))
        if document is not None:
            body = json.dumps(document).encode()
        return Request(
            method=method,
            path=names.STORAGE_PATH + self.api_version,
            query=(*pairs, *query),
            headers=Headers(fields),
            body=body,
            content_length=content_length,
            repeat=repeat,
            operation=action.value,
        )

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the envelope of a request."""
        tags = request.headers.get(names.TUNNEL_TAGS)
        return cls(
            api_version=request.path.removeprefix(names.STORAGE_PATH),
            route_token=request.headers.get(names.ROUTE_TOKEN),
            quota=request.parameter(names.QUOTA_NAME),
            tags=tuple(tags.split(",")) if tags else (),
        )


def encode_target(target: TableRef | InstanceRef) -> str:
    """``projects.P[.schemas.S].tables.T`` or ``projects.P.instances.I`` (protocol.md §4)."""
    match target:
        case InstanceRef(project=project, instance=instance):
            return f"projects.{project}.instances.{instance}"
        case TableRef(project=project, table=table, schema=None):
            return f"projects.{project}.tables.{table}"
        case TableRef(project=project, table=table, schema=schema):
            return f"projects.{project}.schemas.{schema}.tables.{table}"


def decode_target(text: str) -> TableRef | InstanceRef:
    """Read a target; the schema ``default`` is kept as it was said."""
    match text.split("."):
        case ["projects", project, "tables", table]:
            return TableRef(project, table)
        case ["projects", project, "schemas", schema, "tables", table]:
            return TableRef(project, table, schema)
        case ["projects", project, "instances", instance]:
            return InstanceRef(project, instance)
        case _:
            pass
    msg = f"not a target: {text!r}; expected 'projects.P.tables.T'"
    raise ValueError(msg)
