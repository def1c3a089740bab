"""Rules: which calls they hit, and what happens to them; checked when they are made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypedDict, get_args

from odps_frames.emulator.clock import checked_seconds
from odps_frames.emulator.exchange import OPERATIONS
from odps_frames.emulator.fault_effects import (
    ARROW_ACTIONS,
    EFFECTS,
    Effect,
    ExpireSession,
    FenceStream,
    When,
)
from odps_frames.errors import ConfigError
from odps_frames.wire import names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from odps_frames.emulator.exchange import Exchange

__all__ = ["Fault", "Rule", "RuleMembers"]

_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule: which calls it hits, and what happens to them.

    ``before``: what happens comes before the call is carried out. ``after``: it is carried out,
    and its answer is lost or replaced. ``at_byte``: inside the answer, after so many bytes of its
    body. ``at_message``: after so many messages of its Arrow stream, of which the schema is the
    first; that is before the stream is compressed.

    Raises
    ------
    ConfigError
        When no call could ever be hit, or the effect is impossible there.
    """

    effect: Effect
    id: str = field(default="", compare=False)
    """Made up when left out."""
    action: str = "*"
    """Pattern of the operation: a storage action, or the word of a REST call such as GetTable."""
    target: str = "*"
    """Pattern of the target: ``projects.p.tables.t*``, or the path of a REST call."""
    path: str = "*"
    """Pattern of the path."""
    method: str | None = None
    session: str | None = None
    stream: str | None = None
    """Of a stream its id, of a block its number."""
    split: str | None = None
    """The index of a split, or ``offset,count`` of rows."""
    client: str | None = None
    """Only calls with this value in the field ``x-test-id``."""
    skip: int = 0
    """So many calls pass unharmed at first."""
    times: int | None = 1
    """So many calls are hit; None hits every one."""
    ttl_s: float | None = None
    """After so many seconds by the clock of the service the rule is past its life."""
    when: When | None = None
    """Left out, it follows from the place that is given, else from the effect."""
    at_byte: int | None = None
    at_message: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.effect, get_args(Effect)):
            words = ", ".join(EFFECTS)
            raise ConfigError(f"the effect is {self.effect!r}; expected one of {words}")
        _check_texts(self)
        _check_count("skip", self.skip, 0)
        if self.times is not None:
            _check_count("times", self.times, 1)
        if self.ttl_s is not None:
            checked_seconds("ttl_s", self.ttl_s)
        object.__setattr__(self, "when", _when_of(self))
        _check_actions(self)

    def matches(self, call: Exchange) -> bool:
        """Whether a call is one that the rule is about."""
        exact = (
            (self.method, call.request.method),
            (self.session, call.session),
            (self.stream, call.stream),
            (self.split, call.split),
            (self.client, call.client),
        )
        return (
            fnmatchcase(call.operation, self.action)
            and fnmatchcase(call.target, self.target)
            and fnmatchcase(call.request.path, self.path)
            and all(wanted is None or wanted == found for wanted, found in exact)
            and self._can_hit(call)
        )

    def _can_hit(self, call: Exchange) -> bool:
        possible = _possible_actions(self)
        if possible is not None and call.operation not in possible:
            return False
        if isinstance(self.effect, ExpireSession | FenceStream) and call.session is None:
            return False
        fences = isinstance(self.effect, FenceStream)
        return not fences or call.request.parameter(names.STREAM_ID) is not None


class RuleMembers(TypedDict, total=False):
    """What a rule can be made of; the effect may be a word, or a word with its members."""

    effect: Effect | str | Mapping[str, object]
    id: str
    action: str
    target: str
    path: str
    method: str | None
    session: str | None
    stream: str | None
    split: str | None
    client: str | None
    skip: int
    times: int | None
    ttl_s: float | None
    when: When | None
    at_byte: int | None
    at_message: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a service, and what came of it."""

    fault: Fault
    seen: int = 0
    """So many calls matched it while it lived."""
    hits: int = 0
    """So many of them it was applied to."""
    ends: datetime | None = None
    """When it is past its life."""

    @property
    def spent(self) -> bool:
        """Whether it hits nothing any more, because it has hit as often as it was to."""
        return self.fault.times is not None and self.hits >= self.fault.times


def _check_texts(fault: Fault) -> None:
    if fault.id and not _ID.fullmatch(fault.id):
        raise ConfigError(
            f"id is {fault.id!r}; expected up to 100 letters, digits, '.', '_' and '-'"
        )
    for name in ("action", "target", "path"):
        value = getattr(fault, name)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{name} is {value!r}; expected a pattern such as 'Table*'")
    for name in ("method", "session", "stream", "split", "client"):
        value = getattr(fault, name)
        if value is not None and (not isinstance(value, str) or not value):
            raise ConfigError(f"{name} is {value!r}; expected a text")


def _check_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{name} is {value!r}; expected a whole number of at least {least}")


def _when_of(fault: Fault) -> When:
    """Find out when a rule strikes, which may be said by its place only."""
    places = [name for name in ("at_byte", "at_message") if getattr(fault, name) is not None]
    for name in places:
        _check_count(name, getattr(fault, name), 0)
    if len(places) > 1:
        raise ConfigError("at_byte and at_message are given; expected one of them")
    possible: tuple[When, ...] = fault.effect.whens
    when = fault.when
    if when is None:
        when = next((one for one in possible if one in places), None)
        if when is None and not places:
            when = possible[0]
    elif when not in get_args(When):
        raise ConfigError(f"when is {when!r}; expected one of {', '.join(get_args(When))}")
    if when not in possible or any(place != when for place in places):
        given = when if when is not None and not places else places[0]
        raise ConfigError(
            f"the effect {fault.effect.word} is impossible with {given}; "
            f"expected {' or '.join(possible)}"
        )
    if when in ("at_byte", "at_message") and not places:
        object.__setattr__(fault, when, 0)
    return when


def _possible_actions(fault: Fault) -> frozenset[str] | None:
    if fault.when == "at_message":
        return ARROW_ACTIONS
    return fault.effect.actions


def _check_actions(fault: Fault) -> None:
    matching = [name for name in OPERATIONS if fnmatchcase(name, fault.action)]
    if not matching:
        near = get_close_matches(fault.action, OPERATIONS, 3) or OPERATIONS
        raise ConfigError(f"no action is {fault.action!r}; expected one such as {', '.join(near)}")
    possible = _possible_actions(fault)
    if possible is not None and not possible.intersection(matching):
        place = " at_message" if fault.when == "at_message" else ""
        raise ConfigError(
            f"the effect {fault.effect.word}{place} is impossible for {fault.action}; "
            f"expected one of {', '.join(sorted(possible))}"
        )
