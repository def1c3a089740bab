"""Rules as JSON: ``{"id", "match": {…}, "skip", "times", "when", "effect": {word: {…}}}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast, get_args

from odps_frames.emulator.fault_effects import EFFECTS, Effect
from odps_frames.emulator.fault_rules import Fault
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odps_frames.emulator.fault_rules import Rule, RuleMembers

__all__ = ["decode_effect", "decode_rule", "encode_rule", "rule_of"]

_MATCH = ("action", "target", "session", "stream", "split", "method", "path", "client")
_PLAIN = ("id", "skip", "times", "ttl_s", "when", "at_byte", "at_message")
_SHORT = {"seconds": "s"}
"""Members whose name outside of Python is another one."""


def decode_rule(document: Mapping[str, object]) -> Fault:
    """Make a rule of what stands for it as JSON.

    Raises
    ------
    ConfigError
        For members that nobody knows, and where the rule makes no sense.
    """
    if not isinstance(document, Mapping):
        raise ConfigError(f"a rule is an object, not {document!r}")
    _check_members("a rule", document, ("match", "effect", *_PLAIN))
    match = document.get("match", {})
    if not isinstance(match, Mapping):
        raise ConfigError(
            f"match is {match!r}; expected an object with some of {', '.join(_MATCH)}"
        )
    _check_members("match", match, _MATCH)
    plain = {name: value for name, value in document.items() if name not in ("match", "effect")}
    return _made({**plain, **match}, document.get("effect"))


def rule_of(members: RuleMembers) -> Fault:
    """Make a rule of its members, all beside each other.

    Raises
    ------
    ConfigError
        As `decode_rule` does.
    """
    _check_members("a rule", members, ("effect", *_MATCH, *_PLAIN))
    return _made({n: v for n, v in members.items() if n != "effect"}, members.get("effect"))


def _made(members: Mapping[str, object], effect: object) -> Fault:
    given = {name: value for name, value in members.items() if value is not None or name == "times"}
    return Fault(effect=decode_effect(effect), **cast("Any", given))


def decode_effect(effect: object) -> Effect:
    """Make an effect of a word, or of a word with its members: ``{"stall": {"s": 5}}``.

    Raises
    ------
    ConfigError
        For words and members that nobody knows, and members that are missing.
    """
    if isinstance(effect, get_args(Effect)):
        return cast("Effect", effect)
    if isinstance(effect, str):
        effect = {effect: {}}
    if not isinstance(effect, Mapping) or len(effect) != 1:
        raise ConfigError(
            f"the effect is {effect!r}; expected a word, or {{word: {{…}}}}, out of "
            f"{', '.join(EFFECTS)}"
        )
    ((word, said),) = effect.items()
    kind = EFFECTS.get(word)
    if kind is None:
        raise ConfigError(f"no effect is {word!r}; expected one of {', '.join(EFFECTS)}")
    if not isinstance(said, Mapping):
        raise ConfigError(f"the members of the effect {word} are {said!r}; expected an object")
    known = {_SHORT.get(one.name, one.name): one for one in fields(kind)}
    _check_members(f"the effect {word}", said, tuple(known))
    for name, one in known.items():
        needed = one.default is MISSING and one.default_factory is MISSING
        if needed and name not in said:
            raise ConfigError(f"the effect {word} needs the member {name!r}")
    values: dict[str, Any] = {known[name].name: value for name, value in said.items()}
    try:
        return kind(**values)
    except (TypeError, AttributeError) as error:
        raise ConfigError(f"the effect {word} cannot be {dict(said)!r}: {error}") from error


def _check_members(what: str, given: Mapping[str, object], known: Iterable[str]) -> None:
    names = tuple(known)
    for name in given:
        if name not in names:
            near = get_close_matches(str(name), names, 1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"expected {', '.join(names) or 'none'}"
            )
            raise ConfigError(f"{what} has no member {name!r}; {hint}")


def encode_rule(rule: Rule) -> dict[str, object]:
    """Return a rule as JSON, with its counts."""
    fault = rule.fault
    unsaid = {one.name: one.default for one in fields(Fault)}
    match = {name: value for name in _MATCH if (value := getattr(fault, name)) != unsaid[name]}
    said = {
        _SHORT.get(one.name, one.name): _plain(getattr(fault.effect, one.name))
        for one in fields(fault.effect)
    }
    return {
        "match": match,
        **{name: value for name in _PLAIN if (value := getattr(fault, name)) is not None},
        "times": fault.times,
        "effect": {fault.effect.word: said},
        "seen": rule.seen,
        "hits": rule.hits,
    }


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value
