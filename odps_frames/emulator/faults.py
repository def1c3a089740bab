"""Trouble on demand: rules that make the service fail where a test wants it to."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypedDict, get_args

from odps_frames.emulator.clock import ServiceClock, checked_seconds
from odps_frames.emulator.exchange import OPERATIONS
from odps_frames.emulator.fault_effects import (
    ARROW_ACTIONS,
    EFFECTS,
    BadChecksum,
    Cut,
    Delay,
    DropEndMark,
    Effect,
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
    When,
    WrongEncoding,
)
from odps_frames.errors import ConfigError, NotFound
from odps_frames.wire import names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from typing_extensions import Unpack

    from odps_frames.emulator.exchange import Exchange

__all__ = [
    "BadChecksum",
    "Cut",
    "Delay",
    "DropEndMark",
    "Effect",
    "ExpireSession",
    "Fault",
    "Faults",
    "FenceStream",
    "Flip",
    "Refuse",
    "Reset",
    "Rule",
    "RuleMembers",
    "ShortRows",
    "Slow",
    "StaleRoute",
    "Stall",
    "Truncate",
    "Warn",
    "When",
    "WrongEncoding",
]

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


class Faults:
    """The rules of a service, in the order in which they were added; the first that applies hits.

    Examples
    --------
    >>> from odps_frames.emulator.faults import Faults, Refuse
    >>> faults = Faults()
    >>> faults.add(effect="reset", action="TableCommitWriteSession", when="after").id
    'fault-1'
    >>> busy = faults.add(effect=Refuse(429, headers={"Retry-After": "3"}), action="TableRead")
    >>> faults.add({"match": {"action": "TableRead"}, "effect": {"stall": {"s": 5}}}).when
    'at_byte'
    >>> faults.remove(busy.id)
    """

    def __init__(self, clock: ServiceClock | None = None) -> None:
        self._clock = clock or ServiceClock()
        self._rules: list[Rule] = []
        self._made = 0
        self._guard = threading.Lock()

    def add(self, *rules: Fault | Mapping[str, object], **members: Unpack[RuleMembers]) -> Fault:
        """Add rules: made already, as they are written over HTTP, or by their members.

        Returns
        -------
        Fault
            The rule with its id; of several the last one.

        Raises
        ------
        ConfigError
            When a rule makes no sense, or its id is taken.
        """
        from odps_frames.emulator.fault_documents import (  # noqa: PLC0415  it knows rules, too
            decode_rule,
            rule_of,
        )

        made = [one if isinstance(one, Fault) else decode_rule(one) for one in rules]
        if members:
            made.append(rule_of(members))
        if not made:
            raise ConfigError("no rule; expected one, or its members such as effect='reset'")
        with self._guard:
            taken = {rule.fault.id for rule in self._rules}
            for fault in made:
                if fault.id in taken:
                    raise ConfigError(
                        f"there is a rule {fault.id!r} already; remove it, or take another id"
                    )
                taken |= {fault.id} - {""}
            for fault in made:
                self._rules.append(self._begun(self._named(fault, taken)))
            return self._rules[-1].fault

    def put(self, fault: Fault) -> Fault:
        """Add a rule in the place of the one that has its id, if there is one."""
        with self._guard:
            fault = self._named(fault, {rule.fault.id for rule in self._rules})
            for place, rule in enumerate(self._rules):
                if rule.fault.id == fault.id:
                    self._rules[place] = self._begun(fault)
                    return fault
            self._rules.append(self._begun(fault))
        return fault

    def get(self, rule: str | Fault) -> Rule:
        """Return a rule by its id, with its counts.

        Raises
        ------
        NotFound
            When there is none.
        """
        with self._guard:
            return self._rules[self._place(rule)]

    def remove(self, rule: str | Fault) -> None:
        """Drop a rule by its id.

        Raises
        ------
        NotFound
            When there is none.
        """
        with self._guard:
            del self._rules[self._place(rule)]

    def clear(self) -> None:
        """Drop all rules."""
        with self._guard:
            self._rules = []

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule with its counts; assigning earlier ones brings them back."""
        with self._guard:
            return tuple(self._rules)

    @rules.setter
    def rules(self, rules: tuple[Rule, ...]) -> None:
        with self._guard:
            self._rules = list(rules)

    @property
    def hits(self) -> tuple[tuple[Fault, int], ...]:
        """Every rule, with how often it was applied."""
        return tuple((rule.fault, rule.hits) for rule in self.rules)

    @property
    def unspent(self) -> tuple[Fault, ...]:
        """The rules that have not yet hit as often as they were to."""
        return tuple(
            rule.fault for rule in self.rules if rule.fault.times is not None and not rule.spent
        )

    def match(self, call: Exchange) -> Fault | None:
        """Return the first rule that applies to a call, and count the call."""
        if not self._rules:
            return None
        with self._guard:
            now = self._clock()
            for place, rule in enumerate(self._rules):
                if rule.ends is not None and rule.ends <= now:
                    continue
                if not rule.fault.matches(call):
                    continue
                seen = rule.seen + 1
                applies = seen > rule.fault.skip and not rule.spent
                self._rules[place] = replace(rule, seen=seen, hits=rule.hits + applies)
                if applies:
                    return rule.fault
        return None

    def _named(self, fault: Fault, taken: set[str]) -> Fault:
        made = fault.id
        while not made or (not fault.id and made in taken):
            self._made += 1
            made = f"fault-{self._made}"
        return replace(fault, id=made)

    def _begun(self, fault: Fault) -> Rule:
        lives = fault.ttl_s
        return Rule(fault, ends=None if lives is None else self._clock.after(lives))

    def _place(self, rule: str | Fault) -> int:
        wanted = rule.id if isinstance(rule, Fault) else rule
        for place, one in enumerate(self._rules):
            if one.fault.id == wanted:
                return place
        there = ", ".join(one.fault.id for one in self._rules) or "none"
        raise NotFound(
            f"there is no rule {wanted!r}; there are: {there}", status=404, code="NoSuchObject"
        )


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
