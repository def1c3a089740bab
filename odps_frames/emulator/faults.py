"""Trouble on demand: rules that make the service fail where a test wants it to."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.emulator.clock import ServiceClock
from odps_frames.emulator.fault_documents import decode_rule, rule_of
from odps_frames.emulator.fault_effects import (
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
from odps_frames.emulator.fault_rules import Fault, Rule, RuleMembers
from odps_frames.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

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
