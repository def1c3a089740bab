"""A version of a table that several scans read: a read session, as a text that travels."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from odps_frames.model.read import ArrowOptions, ReadSpec
from odps_frames.model.splits import ByBucket, ByParallelism, ByRows, BySize
from odps_frames.model.table import Partition, TableRef

if TYPE_CHECKING:
    from odps_frames.model.read import ReadSessionInfo
    from odps_frames.model.splits import SplitBy

__all__ = ["Pinned", "Snapshot"]

PREFIX = "odps-snapshot-1."
MAX_BYTES = 16 << 20
_WAYS: dict[str, type[SplitBy]] = {
    way.__name__: way for way in (BySize, ByParallelism, ByRows, ByBucket)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a token says: the session, how it was asked for, and the partitions that it has."""

    table: TableRef
    session_id: str
    split_by: SplitBy
    arrow: ArrowOptions
    partitions: tuple[Partition, ...] | None
    """None for a table without partitions."""

    @property
    def token(self) -> str:
        """The text that stands for it."""
        document = {
            "table": [self.table.project, self.table.schema, self.table.table],
            "session": self.session_id,
            "split": [type(self.split_by).__name__, asdict(self.split_by)],
            "units": [self.arrow.timestamp_unit.value, self.arrow.datetime_unit.value],
            "partitions": None
            if self.partitions is None
            else [list(each.items) for each in self.partitions],
        }
        packed = zlib.compress(json.dumps(document).encode(), level=9)
        return PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def parse(cls, token: object) -> Self:
        """Read a token.

        Raises
        ------
        ValueError
            For what ``Scan.snapshot()`` never gave.
        """
        try:
            return cls._of(_document(token))
        except (ValueError, TypeError, KeyError, zlib.error, binascii.Error):
            shown = token if not isinstance(token, str) or len(token) < len(PREFIX) * 4 else ""
            msg = f"snapshot={shown or '…'!r}; expected the text that Scan.snapshot() gave, whole"
            raise ValueError(msg) from None

    @classmethod
    def _of(cls, document: dict[str, Any]) -> Self:
        project, schema, table = document["table"]
        way, fields = document["split"]
        parts = document["partitions"]
        return cls(
            table=TableRef(project, table, schema),
            session_id=str(document["session"]),
            split_by=_WAYS[way](**fields),
            arrow=ArrowOptions(*document["units"]),
            partitions=None
            if parts is None
            else tuple(Partition(tuple(map(tuple, each))) for each in parts),
        )

    def spec(self) -> ReadSpec:
        """Return how the session was asked for, as far as reading it needs that."""
        return ReadSpec(table=self.table, split_by=self.split_by, arrow=self.arrow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A snapshot that was found to be there, and its session."""

    snapshot: Snapshot
    info: ReadSessionInfo
    route_token: str | None


def _document(token: object) -> dict[str, Any]:
    if not isinstance(token, str) or not token.startswith(PREFIX):
        raise ValueError
    text = token.removeprefix(PREFIX)
    packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    found = json.loads(zlib.decompressobj().decompress(packed, MAX_BYTES))
    if not isinstance(found, dict):
        raise TypeError
    return found
