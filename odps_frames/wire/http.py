"""The two values of every exchange: a request, and its response as it streams in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

__all__ = ["Body", "BodyReader", "ChunkReader", "Headers", "Repeat", "Request", "Response", "Site"]

Body: TypeAlias = "bytes | Callable[[], Iterable[Buffer]] | None"
"""What a request carries. A streamed body is a function that makes it anew for every attempt."""

ERROR_BODY_BYTES = 1 << 20
"""More of an error's text is never read."""


class Site(Enum):
    """Which of the two endpoints a request goes to."""

    REST = "rest"
    STORAGE = "storage"


class Repeat(Enum):
    """When a request may be sent again without asking anyone."""

    ALWAYS = "always"
    """The operation may be carried out twice."""
    UNSENT = "unsent"
    """Only when the service certainly did not act: no connection, or throttled."""
    NEVER = "never"
    """Its body cannot be made a second time."""


class Headers(Mapping[str, str]):
    """Header fields; letter case of names does not count."""

    def __init__(self, fields: Iterable[tuple[str, str]] | Mapping[str, str] = ()) -> None:
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        self._fields = {name.lower(): (name, value) for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __repr__(self) -> str:
        hidden = {"authorization", "authorization-sts-token", "x-odps-bearer-token"}
        shown = {n: "***" if n.lower() in hidden else v for n, v in self._fields.values()}
        return f"Headers({shown!r})"

    def __reduce__(self) -> tuple[type[Headers], tuple[list[tuple[str, str]]]]:
        return Headers, (list(self._fields.values()),)

    def adding(self, fields: Mapping[str, str]) -> Headers:
        """Return a copy with these fields added or replaced."""
        return Headers([*self._fields.values(), *fields.items()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call, before it is signed and given an address.

    ``path`` begins with a slash, is relative to the endpoint of its ``site`` and is not
    percent-encoded; the pairs of ``query`` are not either, and their order is kept.
    """

    method: str
    path: str
    site: Site = Site.STORAGE
    query: tuple[tuple[str, str], ...] = ()
    headers: Headers = field(default_factory=Headers)
    body: Body = None
    content_length: int | None = None
    """Length of a streamed body, where it is known; else it is sent in chunks."""
    repeat: Repeat = Repeat.ALWAYS
    operation: str = ""
    """What the request does, for messages and rules: the action, or a word for REST calls."""
    seconds: float | None = None
    """So long may it take, with its answer, where that is bounded; nothing of it is sent."""

    def parameter(self, name: str) -> str | None:
        """Return the last value of a query parameter, or None."""
        return dict(self.query).get(name)

    def adding(
        self,
        headers: Mapping[str, str] | None = None,
        query: Iterable[tuple[str, str]] = (),
    ) -> Self:
        """Return a copy with header fields added or replaced and parameters appended."""
        return replace(
            self, headers=self.headers.adding(headers or {}), query=self.query + tuple(query)
        )

    def read_body(self) -> bytes:
        """The whole body; for the small ones."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else b"".join(map(bytes, self.body()))


class BodyReader(Protocol):
    """A body as it arrives.

    ``readinto`` fills as much of the buffer as is there and returns how much that was; zero is
    the true end. A body that ends before its framing says so raises ServiceUnavailable.
    """

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there."""
        ...

    def close(self) -> None:
        """Give up what is not read."""
        ...


class ChunkReader:
    """A body out of pieces that are at hand or made as they are asked for."""

    def __init__(self, chunks: Iterable[Buffer]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readinto(self, buffer: memoryview, /) -> int:
        """Copy out of the present piece, or of the next one that is not empty."""
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks)).cast("B")
            except StopIteration:
                return 0
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def close(self) -> None:
        """Drop what is left."""
        self._rest = memoryview(b"")
        close = getattr(self._chunks, "close", None)
        if close is not None:
            # Another thread may be in the middle of the next piece, which then is the last one.
            with contextlib.suppress(ValueError):
                close()
        self._chunks = iter(())


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; its body streams in and is closed by leaving the ``with`` block."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: BodyReader = field(default_factory=lambda: ChunkReader(()))
    content_length: int | None = None
    """Length of the body where it is known beforehand."""

    @classmethod
    def of(
        cls,
        content: bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Make an answer whose body is at hand."""
        return cls(status, Headers(headers or {}), ChunkReader([content]), len(content))

    @property
    def ok(self) -> bool:
        """Whether the call was carried out; a redirection is not an answer here."""
        return 200 <= self.status < 300  # noqa: PLR2004  the range is the definition

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.body.close()

    def read(self, limit: int | None = None) -> bytes:
        """Read the body, or its first ``limit`` bytes, and close it."""
        pieces: list[bytes] = []
        left = limit
        window = memoryview(bytearray(1 << 16))
        with self:
            while left is None or left > 0:
                got = self.body.readinto(window if left is None else window[:left])
                if not got:
                    break
                pieces.append(bytes(window[:got]))
                left = None if left is None else left - got
        return b"".join(pieces)
