"""What a rule can do to an exchange, each as a frozen value that is checked when it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

from odps_frames.emulator.clock import checked_seconds
from odps_frames.errors import ConfigError
from odps_frames.wire.http import Headers

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BadChecksum",
    "Cut",
    "Delay",
    "DropEndMark",
    "Effect",
    "ExpireSession",
    "FenceStream",
    "Flip",
    "Refuse",
    "Reset",
    "ShortRows",
    "Slow",
    "StaleRoute",
    "Stall",
    "Truncate",
    "Warn",
    "When",
    "WrongEncoding",
]

When: TypeAlias = Literal["before", "after", "at_byte", "at_message"]

AROUND: tuple[When, ...] = ("before", "after")
INSIDE: tuple[When, ...] = ("at_byte", "at_message")
AFTERWARDS: tuple[When, ...] = ("after",)

ARROW_ACTIONS = frozenset({"TableRead", "TablePreview", "InstanceRead"})
"""Whose answers are Arrow streams."""
ROW_ACTIONS = ARROW_ACTIONS | {"ReadRows", "PreviewRows"}
CHECKED_ACTIONS = frozenset({"BlobRead", "ReadRows"})
"""Whose answers carry checksums."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIRST_STATUS, _LAST_STATUS = 300, 599
_BITS = 255


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error."""

    word: ClassVar = "status"
    whens: ClassVar = AROUND
    actions: ClassVar[frozenset[str] | None] = None

    status: int
    code: str = ""
    message: str = "as a rule demands"
    headers: Mapping[str, str] = field(default_factory=Headers)
    """Further fields, such as ``Retry-After``."""

    def __post_init__(self) -> None:
        _check_number("status", self.status, _FIRST_STATUS, _LAST_STATUS)
        for name, value in self.headers.items():
            if not (_HEADER.fullmatch(name) and isinstance(value, str) and value.isprintable()):
                raise ConfigError(f"not a header field: {name!r}: {value!r}")
        object.__setattr__(self, "headers", Headers(self.headers))


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection; inside an answer between two chunks of it."""

    word: ClassVar = "reset"
    whens: ClassVar = (*AROUND, *INSIDE)
    actions: ClassVar[frozenset[str] | None] = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the connection in the middle of a chunk, before the answer's framing is complete."""

    word: ClassVar = "cut"
    whens: ClassVar = (*AROUND, *INSIDE)
    actions: ClassVar[frozenset[str] | None] = None

    reset: bool = True
    """With a reset, or with the orderly end of a server that had to go."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """End the answer early, with its framing complete as if all were well."""

    word: ClassVar = "truncate"
    whens: ClassVar = INSIDE
    actions: ClassVar[frozenset[str] | None] = None


@dataclass(frozen=True, slots=True)
class Flip:
    """Change bits of one byte of the answer: the lowest one, unless said otherwise."""

    word: ClassVar = "corrupt"
    whens: ClassVar = INSIDE
    actions: ClassVar[frozenset[str] | None] = None

    flip: int = 1
    """The bits, as a number from 1 to 255."""

    def __post_init__(self) -> None:
        _check_number("flip", self.flip, 1, _BITS)


@dataclass(frozen=True, slots=True)
class Slow:
    """Send the answer, from some place on, no faster than this."""

    word: ClassVar = "slow"
    whens: ClassVar = INSIDE
    actions: ClassVar[frozenset[str] | None] = None

    bytes_per_s: int

    def __post_init__(self) -> None:
        _check_number("bytes_per_s", self.bytes_per_s, 1, None)


@dataclass(frozen=True, slots=True)
class Stall:
    """Send the answer up to some place, then nothing for a while, then the rest."""

    word: ClassVar = "stall"
    whens: ClassVar = INSIDE
    actions: ClassVar[frozenset[str] | None] = None

    seconds: float

    def __post_init__(self) -> None:
        checked_seconds("s", self.seconds)


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait before the call is carried out, or before its answer begins."""

    word: ClassVar = "delay"
    whens: ClassVar = AROUND
    actions: ClassVar[frozenset[str] | None] = None

    seconds: float

    def __post_init__(self) -> None:
        checked_seconds("s", self.seconds)


@dataclass(frozen=True, slots=True)
class DropEndMark:
    """Send every row, but not the mark that ends an Arrow stream."""

    word: ClassVar = "drop_eos"
    whens: ClassVar = AFTERWARDS
    actions: ClassVar[frozenset[str] | None] = ARROW_ACTIONS


@dataclass(frozen=True, slots=True)
class ShortRows:
    """Leave the last rows out of a stream that looks whole."""

    word: ClassVar = "short_rows"
    whens: ClassVar = AFTERWARDS
    actions: ClassVar[frozenset[str] | None] = ROW_ACTIONS

    rows: int = 1

    def __post_init__(self) -> None:
        _check_number("rows", self.rows, 1, None)


@dataclass(frozen=True, slots=True)
class BadChecksum:
    """Spoil the last checksum of an answer that has some: blobs, and rows of the tunnel."""

    word: ClassVar = "bad_crc"
    whens: ClassVar = AFTERWARDS
    actions: ClassVar[frozenset[str] | None] = CHECKED_ACTIONS


@dataclass(frozen=True, slots=True)
class WrongEncoding:
    """Say in ``Content-Encoding`` that the answer is compressed as it is not."""

    word: ClassVar = "wrong_encoding"
    whens: ClassVar = AFTERWARDS
    actions: ClassVar[frozenset[str] | None] = None

    encoding: str | None = None
    """What is said; when left out, zstd of what is not, and x-lz4-frame of what is."""

    def __post_init__(self) -> None:
        said = self.encoding
        if said is not None and not (isinstance(said, str) and _HEADER.fullmatch(said)):
            raise ConfigError(f"encoding is {said!r}; expected a word such as 'zstd'")


@dataclass(frozen=True, slots=True)
class ExpireSession:
    """End the life of the session that the call names."""

    word: ClassVar = "expire_session"
    whens: ClassVar = AROUND
    actions: ClassVar[frozenset[str] | None] = None


@dataclass(frozen=True, slots=True)
class StaleRoute:
    """Send the caller elsewhere: by a refusal with status 308, or by another route token."""

    word: ClassVar = "stale_route"
    whens: ClassVar = AROUND
    actions: ClassVar[frozenset[str] | None] = None

    token: str | None = None
    """The call is carried out, and its answer names this token."""

    def __post_init__(self) -> None:
        said = self.token
        if said is not None and not (isinstance(said, str) and said and said.isprintable()):
            raise ConfigError(f"token is {said!r}; expected the text of a route token")


@dataclass(frozen=True, slots=True)
class FenceStream:
    """Open a newer version of the stream that the call names, as another writer would."""

    word: ClassVar = "fence_stream"
    whens: ClassVar = AROUND
    actions: ClassVar[frozenset[str] | None] = frozenset(
        {"TableWrite", "TableWriteBlob", "TableGetWriteStream"}
    )


@dataclass(frozen=True, slots=True)
class Warn:
    """Answer a storage action as usual, with a warning."""

    word: ClassVar = "warn"
    whens: ClassVar = AFTERWARDS
    actions: ClassVar[frozenset[str] | None] = None

    message: str

    def __post_init__(self) -> None:
        if not isinstance(self.message, str) or not self.message:
            raise ConfigError(f"message is {self.message!r}; expected the text of the warning")


Effect: TypeAlias = (
    Refuse
    | Reset
    | Cut
    | Truncate
    | Flip
    | Slow
    | Stall
    | Delay
    | DropEndMark
    | ShortRows
    | BadChecksum
    | WrongEncoding
    | ExpireSession
    | StaleRoute
    | FenceStream
    | Warn
)
EFFECTS: dict[str, type[Effect]] = {kind.word: kind for kind in get_args(Effect)}
"""By the word that stands for it outside of Python."""


def _check_number(name: str, value: object, least: int, most: int | None) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    number = value if isinstance(value, int) else 0
    if not whole or number < least or (most is not None and number > most):
        bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
        raise ConfigError(f"{name} is {value!r}; expected a whole number {bounds}")
