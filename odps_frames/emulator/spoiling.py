"""Carries calls out as rules let it, and answers as they demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from odps_frames.emulator.bodies import BrokenConnection, OutgoingBody, pieces_of
from odps_frames.emulator.fault_effects import (
    BadChecksum,
    Cut,
    Delay,
    DropEndMark,
    ExpireSession,
    FenceStream,
    Flip,
    Refuse,
    Reset,
    ShortRows,
    Slow,
    StaleRoute,
    Stall,
    Truncate,
    Warn,
    WrongEncoding,
)
from odps_frames.emulator.shaping import Shape
from odps_frames.errors import ServiceError
from odps_frames.wire import names
from odps_frames.wire.error_codes import SLOT_REASSIGNED
from odps_frames.wire.reply import encode_error, encode_warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

    from odps_frames.emulator.clock import ServiceClock
    from odps_frames.emulator.exchange import Exchange
    from odps_frames.emulator.fault_rules import Fault
    from odps_frames.wire.http import Response

__all__ = ["CarryOut", "Spoiler", "Tampering"]

_CODES = {
    SLOT_REASSIGNED: "SlotReassigned",
    429: "FlowExceeded",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "ServiceUnavailable",
}
_TURNS_A_SECOND = 20
_LARGEST_TURN = 1 << 20
FLUSH = b""
"""A piece without bytes: what is there is sent before the next one is waited for."""


class CarryOut(Protocol):
    """Carries a call out and answers it."""

    def __call__(self, shape: Shape, /) -> Response:
        """Carry it out; the rows of the answer leave in this shape."""


class Tampering(Protocol):
    """What a rule does to sessions."""

    def expire(self, session_id: str, /) -> object:
        """End the life of a session."""

    def fence(self, exchange: Exchange, /) -> None:
        """Open a newer version of the stream that a request names."""


@dataclass(frozen=True, slots=True)
class Spoiler:
    """Applies one rule to one call.

    Parameters
    ----------
    wakes : int
        The count of `ServiceClock.wakes` when the call came; all waits end with the next one.
    """

    fault: Fault
    exchange: Exchange
    clock: ServiceClock
    sessions: Tampering
    xml: bool
    wakes: int

    def answer(self, carry_out: CarryOut) -> Response:
        """Carry a call out as far as the rule lets it, and answer as the rule demands.

        Raises
        ------
        BrokenConnection
            Where there is to be no answer.
        """
        if self.fault.when in ("before", "after"):
            return self._around(carry_out)
        if self.fault.when == "at_byte":
            response = carry_out(Shape(self.exchange))
            return self._inside(response, lambda: self.fault.at_byte)
        return self._between_messages(carry_out)

    def _around(self, carry_out: CarryOut) -> Response:
        match self.fault.effect:
            case Refuse() as refusal:
                return self._in_place(carry_out, lambda: self._refusal(refusal))
            case Reset() | Cut():
                return self._in_place(carry_out, self._break)
            case StaleRoute(token=None):
                moved = Refuse(SLOT_REASSIGNED, message="the session is served elsewhere now")
                return self._in_place(carry_out, lambda: self._refusal(moved))
            case StaleRoute(token=str() as token):
                response = carry_out(Shape(self.exchange))
                return _with_fields(response, {names.ROUTE_TOKEN: token})
            case Delay(seconds=seconds):
                return self._beside(carry_out, lambda: self._pause(seconds))
            case ExpireSession():
                session = self.exchange.session or ""
                return self._beside(carry_out, lambda: self.sessions.expire(session))
            case FenceStream():
                return self._beside(carry_out, lambda: self.sessions.fence(self.exchange))
            case _:
                return self._altered(carry_out)

    def _in_place(self, carry_out: CarryOut, answer: Callable[[], Response]) -> Response:
        """Answer otherwise than the call would, whether it is carried out or not."""
        if self.fault.when == "after":
            carry_out(Shape(self.exchange)).body.close()
        return answer()

    def _beside(self, carry_out: CarryOut, act: Callable[[], object]) -> Response:
        """Do something before the call is carried out, or before its answer begins."""
        if self.fault.when == "before":
            act()
        response = carry_out(Shape(self.exchange))
        if self.fault.when == "after":
            act()
        return response

    def _altered(self, carry_out: CarryOut) -> Response:
        match self.fault.effect:
            case DropEndMark():
                return carry_out(Shape(self.exchange, end_mark=False))
            case ShortRows(rows=rows):
                return carry_out(Shape(self.exchange, left_out=rows))
            case BadChecksum():
                return carry_out(Shape(self.exchange, bad_checksum=True))
            case WrongEncoding(encoding=encoding):
                response = carry_out(Shape(self.exchange))
                true = response.headers.get("Content-Encoding", "")
                wrong = encoding or ("x-lz4-frame" if true == "zstd" else "zstd")
                return _with_fields(response, {"Content-Encoding": wrong})
            case Warn(message=message):
                return encode_warning(carry_out(Shape(self.exchange)), message)
            case _:
                raise TypeError(self.fault.effect)  # a rule makes sure of it

    def _refusal(self, refusal: Refuse) -> Response:
        code = refusal.code or _CODES.get(refusal.status, "InvalidArgument")
        error = ServiceError(refusal.message, status=refusal.status, code=code)
        self.exchange.code = code
        response = encode_error(error, xml=self.xml, request_id=self.exchange.request_id)
        return replace(
            response,
            status=refusal.status,
            headers=response.headers.adding(dict(refusal.headers)),
        )

    def _break(self, where: str = "") -> Response:
        effect = self.fault.effect
        reset = isinstance(effect, Reset) or (isinstance(effect, Cut) and effect.reset)
        where = where or f"{self.fault.when} the call is carried out"
        msg = f"rule {self.fault.id} breaks the connection {where}"
        raise BrokenConnection(msg, reset=reset, inside=isinstance(effect, Cut))

    def _pause(self, seconds: float) -> None:
        if not self.clock.wait(seconds, self.wakes):
            msg = f"the service stopped while rule {self.fault.id} held the answer back"
            raise BrokenConnection(msg)

    def _inside(self, response: Response, place: Callable[[], int | None]) -> Response:
        length = response.content_length
        if isinstance(self.fault.effect, Truncate) and length is not None:
            length = min(length, place() or 0)
        body = OutgoingBody(self._struck(pieces_of(response), place))
        return replace(response, body=body, content_length=length)

    def _between_messages(self, carry_out: CarryOut) -> Response:
        """Strike where a stream is not compressed yet, so that its messages can be counted."""
        breaks = isinstance(self.fault.effect, Reset | Cut)
        shape = Shape(
            self.exchange,
            end_mark=not (breaks or isinstance(self.fault.effect, Truncate)),
            messages=self.fault.at_message,
            strike=_ended if breaks else self._struck,
        )
        response = carry_out(shape)
        if not breaks:
            return response
        length = response.content_length
        body = OutgoingBody(self._broken_off(pieces_of(response)))
        return replace(response, body=body, content_length=None if length is None else length + 1)

    def _struck(
        self, pieces: Iterator[Buffer], place: Callable[[], int | None]
    ) -> Iterator[Buffer]:
        """Yield what comes before the place, and then what the rule makes of the rest."""
        before, rest = _parted(pieces, place)
        yield from before
        match self.fault.effect:
            case Truncate():
                return
            case Reset() | Cut():
                self._break(f"after {self.fault.at_byte} bytes of the answer")
            case Flip(flip=bits):
                yield from _flipped(rest(), bits)
            case Stall(seconds=seconds):
                yield FLUSH
                self._pause(seconds)
                yield from rest()
            case Slow(bytes_per_s=pace):
                yield from self._slowly(rest(), pace)
            case _:
                raise TypeError(self.fault.effect)  # a rule makes sure of it

    def _slowly(self, pieces: Iterator[Buffer], pace: int) -> Iterator[Buffer]:
        turn = min(max(pace // _TURNS_A_SECOND, 1), _LARGEST_TURN)
        for piece in pieces:
            view = memoryview(piece).cast("B")
            for start in range(0, len(view), turn):
                part = view[start : start + turn]
                yield part
                yield FLUSH
                self._pause(len(part) / pace)

    def _broken_off(self, pieces: Iterator[Buffer]) -> Iterator[Buffer]:
        yield from pieces
        self._break(f"after {self.fault.at_message} messages of the answer")


def _with_fields(response: Response, fields: dict[str, str]) -> Response:
    return replace(response, headers=response.headers.adding(fields))


def _ended(pieces: Iterator[Buffer], place: Callable[[], int | None]) -> Iterator[Buffer]:
    before, _ = _parted(pieces, place)
    yield from before


def _parted(
    pieces: Iterator[Buffer], place: Callable[[], int | None]
) -> tuple[Iterator[Buffer], Callable[[], Iterator[Buffer]]]:
    """Part pieces at a place; what comes after it is there once the first part is used up."""
    over: list[memoryview] = []

    def before() -> Iterator[Buffer]:
        n_bytes = 0
        if place() == 0:
            return
        for piece in pieces:
            view = memoryview(piece).cast("B")
            end = place()
            left = len(view) if end is None else end - n_bytes
            yield view[:left]
            n_bytes += len(view)
            if end is not None and n_bytes >= end:
                over.append(view[left:])
                return

    def rest() -> Iterator[Buffer]:
        yield from over
        yield from pieces

    return before(), rest


def _flipped(pieces: Iterator[Buffer], bits: int) -> Iterator[Buffer]:
    done = False
    for piece in pieces:
        view = memoryview(piece).cast("B")
        if done or not len(view):
            yield view
            continue
        spoilt = bytearray(view)
        spoilt[0] ^= bits
        done = True
        yield spoilt
