"""Trouble on demand: rules that make the service fail where a test wants it to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from odps_frames.emulator.bodies import BrokenConnection, OutgoingBody, pieces_of
from odps_frames.errors import ServiceError
from odps_frames.wire.reply import encode_error, encode_warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer

    from odps_frames.wire.http import Response

__all__ = [
    "CarryOut",
    "Cut",
    "DropEndMark",
    "Fault",
    "Faults",
    "Flip",
    "Refuse",
    "Reset",
    "Truncate",
    "Warn",
    "spoil",
]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error."""

    status: int
    code: str = ""
    message: str = "as a rule demands"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection before the answer's framing is complete."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """End the answer early, with its framing complete as if all were well."""


@dataclass(frozen=True, slots=True)
class DropEndMark:
    """Send every row, but not the mark that ends an Arrow stream."""


@dataclass(frozen=True, slots=True)
class Flip:
    """Change one bit of the answer: the lowest of the byte at ``at_byte``."""


@dataclass(frozen=True, slots=True)
class Warn:
    """Answer a storage action as usual, with a warning."""

    message: str


Effect: TypeAlias = Refuse | Reset | Cut | Truncate | DropEndMark | Flip | Warn


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule.

    ``before``: the call is not carried out. ``after``: it is, and its answer is lost or replaced.
    ``at_byte``: the answer breaks off after so many bytes of its body.
    """

    effect: Effect
    action: str = "*"
    """Pattern of the operation: a storage action, or the word of a REST call such as GetTable."""
    target: str = "*"
    """Pattern of the target: ``projects.p.tables.t*``, or the path of a REST call."""
    skip: int = 0
    """So many calls pass unharmed at first."""
    times: int | None = 1
    """So many calls are hit; None hits every one."""
    when: Literal["before", "after", "at_byte"] = "before"
    at_byte: int = 0


class _Rule:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0


class Faults:
    """The rules of a service, in the order in which they were added."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._guard = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Add rules."""
        with self._guard:
            self._rules += map(_Rule, faults)

    def clear(self) -> None:
        """Drop all rules."""
        with self._guard:
            self._rules = []

    @property
    def hits(self) -> tuple[tuple[Fault, int], ...]:
        """Every rule, with how often it was applied."""
        with self._guard:
            return tuple((rule.fault, rule.hits) for rule in self._rules)

    def match(self, operation: str, target: str) -> Fault | None:
        """Return the first rule that applies to a call, and count the call."""
        with self._guard:
            for rule in self._rules:
                fault = rule.fault
                if not (fnmatchcase(operation, fault.action) and fnmatchcase(target, fault.target)):
                    continue
                rule.seen += 1
                spent = fault.times is not None and rule.hits >= fault.times
                if rule.seen > fault.skip and not spent:
                    rule.hits += 1
                    return fault
        return None


class CarryOut(Protocol):
    """Carries a call out and answers it."""

    def __call__(self, *, end_mark: bool) -> Response:
        """Carry it out; a stream may have to go without its end mark."""


def spoil(fault: Fault, carry_out: CarryOut, *, xml: bool, request_id: str) -> Response:
    """Carry out a call as far as a rule lets it, and answer as the rule demands.

    Raises
    ------
    BrokenConnection
        Where there is to be no answer.
    """
    if isinstance(fault.effect, DropEndMark):
        return carry_out(end_mark=False)
    if isinstance(fault.effect, Warn):
        return encode_warning(carry_out(end_mark=True), fault.effect.message)
    if isinstance(fault.effect, Flip):
        response = carry_out(end_mark=True)
        body = OutgoingBody(_flipped(pieces_of(response), fault.at_byte))
        return replace(response, body=body)
    if fault.when == "before":
        return _instead(fault, xml=xml, request_id=request_id)
    response = carry_out(end_mark=True)
    if fault.when == "at_byte" and not isinstance(fault.effect, Refuse):
        return _broken_off(response, fault)
    response.body.close()
    return _instead(fault, xml=xml, request_id=request_id)


def _instead(fault: Fault, *, xml: bool, request_id: str) -> Response:
    effect = fault.effect
    if isinstance(effect, Refuse):
        code = effect.code or _CODES.get(effect.status, "InvalidArgument")
        error = ServiceError(effect.message, status=effect.status, code=code)
        response = encode_error(error, xml=xml, request_id=request_id)
        return replace(response, headers=response.headers.adding(effect.headers))
    msg = f"a rule breaks the connection {fault.when} the call is carried out"
    raise BrokenConnection(msg, reset=isinstance(effect, Reset))


_CODES = {
    429: "FlowExceeded",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "ServiceUnavailable",
}


def _flipped(pieces: Iterable[Buffer], at_byte: int) -> Iterator[Buffer]:
    for piece in pieces:
        view = memoryview(piece).cast("B")
        if 0 <= at_byte < len(view):
            spoilt = bytearray(view)
            spoilt[at_byte] ^= 1
            yield spoilt
        else:
            yield view
        at_byte -= len(view)


def _broken_off(response: Response, fault: Fault) -> Response:
    """Return an answer whose body ends early."""
    length = response.content_length
    if isinstance(fault.effect, Truncate) and length is not None:
        length = min(length, fault.at_byte)
    body = OutgoingBody(_until(pieces_of(response), fault))
    return replace(response, body=body, content_length=length)


def _until(pieces: Iterable[Buffer], fault: Fault) -> Iterator[Buffer]:
    left = fault.at_byte
    for piece in pieces:
        view = memoryview(piece).cast("B")
        if left:
            yield view[:left]
        left -= min(left, len(view))
        if not left:
            break
    if not isinstance(fault.effect, Truncate):
        msg = f"a rule breaks the answer off after {fault.at_byte} bytes"
        raise BrokenConnection(msg, reset=isinstance(fault.effect, Reset))
