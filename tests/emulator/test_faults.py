from __future__ import annotations

from typing import Any

import pytest

from odps_frames.emulator.bodies import IncomingBody
from odps_frames.emulator.clock import ServiceClock
from odps_frames.emulator.exchange import Exchange
from odps_frames.emulator.fault_documents import decode_effect, decode_rule, encode_rule
from odps_frames.emulator.fault_effects import EFFECTS
from odps_frames.emulator.faults import (
    Cut,
    DropEndMark,
    Fault,
    Faults,
    Flip,
    Refuse,
    Reset,
    Slow,
    StaleRoute,
    Stall,
    Warn,
)
from odps_frames.errors import ConfigError, NotFound
from odps_frames.wire.http import Headers, Request


def call(
    action: str = "TableRead",
    target: str = "projects.p.tables.t1",
    *,
    client: str | None = None,
    method: str = "POST",
    path: str = "/api/storage/v2",
    **query: str,
) -> Exchange:
    """A call as the service has it when it looks for rules."""
    headers = Headers({} if client is None else {"X-Test-Id": client})
    request = Request(method=method, path=path, query=tuple(query.items()), headers=headers)
    return Exchange(request, IncomingBody(None), "r", operation=action, target=target)


def test_rules_are_counted() -> None:
    faults = Faults()
    rule = Fault(effect=Reset(), action="Table*", target="*.tables.t*", skip=1, times=2)
    other = Fault(effect=Cut(), times=None)
    faults.add(rule, other)
    assert [faults.match(call()) for _ in range(4)] == [other, rule, rule, other]
    assert faults.match(call("GetTable", "/projects/p/tables/t1")) == other
    assert faults.hits == ((rule, 2), (other, 3))
    assert [one.seen for one in faults.rules] == [4, 3]
    faults.clear()
    assert faults.match(call()) is None


def test_rules_that_have_not_hit_are_told() -> None:
    faults = Faults()
    first = faults.add(effect="reset", times=2)
    faults.add(effect="reset", action="GetTable", times=None)
    assert faults.unspent == (first,)
    faults.match(call())
    assert faults.unspent == (first,)
    faults.match(call())
    assert not faults.unspent


@pytest.mark.parametrize(
    ("members", "hit", "missed"),
    [
        ({"session": "s1"}, {"SessionId": "s1"}, {"SessionId": "s2"}),
        ({"session": "u1", "action": "WriteBlock"}, {"uploadid": "u1"}, {"uploadid": "u2"}),
        ({"stream": "a"}, {"StreamId": "a"}, {"StreamId": "b"}),
        ({"stream": "3"}, {"BlockNumber": "3"}, {"StreamId": "4"}),
        ({"split": "7"}, {"Index": "7"}, {"Index": "8"}),
        ({"split": "10,5"}, {"Offset": "10", "Count": "5"}, {"Offset": "10", "Count": "6"}),
        ({"split": "0,10"}, {"rowrange": "(0,10)"}, {"rowrange": "(1,10)"}),
        ({"method": "GET"}, {"method": "GET"}, {"method": "PUT"}),
        ({"path": "/api/storage/v?"}, {"path": "/api/storage/v3"}, {"path": "/projects/p"}),
        ({"client": "one"}, {"client": "one"}, {"client": "two"}),
        ({"client": "one"}, {"client": "one"}, {}),
    ],
)
def test_a_rule_is_about_what_it_names(
    members: dict[str, Any], hit: dict[str, Any], missed: dict[str, Any]
) -> None:
    faults = Faults()
    rule = faults.add(effect="reset", times=None, **members)
    action = members.get("action", "TableRead")
    assert faults.match(call(action, **hit)) == rule
    assert faults.match(call(action, **missed)) is None


def test_a_rule_hits_nothing_where_its_effect_is_none() -> None:
    faults = Faults()
    for effect in ("drop_eos", "bad_crc", "expire_session", "fence_stream"):
        faults.add(effect=effect, times=None)
    faults.add(effect="truncate", at_message=1, times=None)
    assert faults.match(call("GetTable")) is None
    assert faults.match(call("TableWrite", SessionId="s", BlockNumber="1")) == faults.rules[2].fault
    faults.remove("fault-3")
    assert faults.match(call("TableWrite", SessionId="s", BlockNumber="1")) is None
    assert faults.match(call("TableWrite", SessionId="s", StreamId="1")) == faults.rules[2].fault


def test_a_rule_lives_by_the_clock_of_the_service() -> None:
    clock = ServiceClock()
    clock.freeze()
    faults = Faults(clock)
    rule = faults.add(effect="reset", times=None, ttl_s=60)
    clock.advance(seconds=59)
    assert faults.match(call()) == rule
    clock.advance(seconds=1)
    assert faults.match(call()) is None
    assert faults.hits == ((rule, 1),)


def test_ids_are_made_up_or_taken_as_they_come() -> None:
    faults = Faults()
    assert faults.add(effect="reset").id == "fault-1"
    faults.add(effect="reset", id="fault-2")
    assert faults.add(effect="reset").id == "fault-3"
    with pytest.raises(ConfigError, match="'fault-2' already"):
        faults.add({"effect": "cut"}, {"effect": "cut", "id": "fault-2"})
    with pytest.raises(ConfigError, match="'x' already"):
        faults.add({"effect": "cut", "id": "x"}, {"effect": "cut", "id": "x"})
    assert [rule.fault.id for rule in faults.rules] == ["fault-1", "fault-2", "fault-3"]
    faults.remove("fault-1")
    faults.remove(faults.get("fault-3").fault)
    with pytest.raises(NotFound, match="no rule 'fault-1'; there are: fault-2"):
        faults.remove("fault-1")


def test_a_rule_takes_the_place_of_another_one() -> None:
    faults = Faults()
    faults.add(effect="reset", id="a")
    faults.add(effect="reset", id="b")
    faults.match(call())
    faults.put(Fault(effect=Cut(), id="a"))
    faults.put(Fault(effect=Cut(), id="c"))
    assert [(rule.fault.id, rule.hits) for rule in faults.rules] == [("a", 0), ("b", 0), ("c", 0)]
    assert faults.get("a").fault.effect == Cut()


@pytest.mark.parametrize(
    "document",
    [
        {"effect": {"stall": {"s": 2.5}}, "at_byte": 7},
        {"effect": {"slow": {"bytes_per_s": 10}}, "at_message": 2, "when": "at_message"},
        {
            "id": "x",
            "match": {"action": "TableRead", "target": "*.t", "session": "s", "split": "1"},
            "skip": 2,
            "times": None,
            "ttl_s": 5,
            "effect": {"status": {"status": 429, "headers": {"Retry-After": "3"}}},
            "when": "after",
        },
        {"match": {"stream": "1", "method": "POST", "path": "/a*", "client": "c"}, "effect": "cut"},
        *({"effect": {word: {}}} for word in ("drop_eos", "short_rows", "bad_crc", "stale_route")),
        {"effect": {"corrupt": {"flip": 128}}, "at_byte": 3},
        {"effect": {"cut": {"reset": False}}},
        {"effect": {"wrong_encoding": {"encoding": "zstd"}}},
        {"effect": {"warn": {"message": "mind the gap"}}},
    ],
)
def test_rules_come_back_from_their_documents(document: dict[str, Any]) -> None:
    faults = Faults()
    rule = faults.add(document)
    told = encode_rule(faults.get(rule))
    assert told.pop("hits") == told.pop("seen") == 0
    assert decode_rule(told) == rule
    assert told["id"] == rule.id
    assert told["times"] == document.get("times", 1)


def test_the_ways_to_say_a_rule_are_one() -> None:
    faults = Faults()
    said = [
        faults.add(Fault(effect=Refuse(503), action="TableRead", times=2)),
        faults.add(effect=Refuse(503), action="TableRead", times=2),
        faults.add(effect={"status": {"status": 503}}, action="TableRead", times=2),
        faults.add(
            {"match": {"action": "TableRead"}, "times": 2, "effect": {"status": {"status": 503}}}
        ),
    ]
    assert said == [said[0]] * 4


def test_every_effect_has_a_word() -> None:
    assert set(EFFECTS) == {
        "status", "reset", "cut", "truncate", "corrupt", "slow", "stall", "delay", "drop_eos",
        "short_rows", "bad_crc", "wrong_encoding", "expire_session", "stale_route",
        "fence_stream", "warn",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "members", "when"),
    [
        (Reset(), {}, "before"),
        (Reset(), {"at_byte": 0}, "at_byte"),
        (Reset(), {"at_message": 1}, "at_message"),
        (Cut(), {"when": "at_byte"}, "at_byte"),
        (Flip(), {}, "at_byte"),
        (Stall(1), {}, "at_byte"),
        (DropEndMark(), {}, "after"),
        (StaleRoute("x"), {}, "before"),
        (Warn("x"), {}, "after"),
    ],
)
def test_when_a_rule_strikes_follows_from_the_rest(
    effect: Any, members: dict[str, Any], when: str
) -> None:
    rule = Fault(effect=effect, **members)
    assert rule.when == when
    if when == "at_byte":
        assert rule.at_byte == 0


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({}, "the effect is None; expected a word"),
        ({"effect": "explode"}, "no effect is 'explode'; expected one of status, reset"),
        ({"effect": {"reset": {}, "cut": {}}}, "expected a word, or"),
        ({"effect": {"stall": {}}}, "the effect stall needs the member 's'"),
        ({"effect": {"stall": {"seconds": 1}}}, "stall has no member 'seconds'; expected s"),
        ({"effect": {"stall": {"s": -1}}}, "s is -1; expected a number of seconds"),
        ({"effect": {"stall": {"s": float("nan")}}}, "s is nan"),
        ({"effect": {"stall": {"s": "1"}}}, "s is '1'"),
        ({"effect": {"stall": 1}}, "members of the effect stall are 1"),
        (
            {"effect": {"status": {"status": 200}}},
            "status is 200; expected a whole number from 300",
        ),
        ({"effect": {"status": {"status": 503, "headers": {"A": "b\r\nC: d"}}}}, "header field"),
        ({"effect": {"status": {"status": 503, "headers": ["A"]}}}, "status cannot be"),
        ({"effect": {"corrupt": {"flip": 256}}}, "flip is 256; expected a whole number from 1"),
        ({"effect": {"slow": {"bytes_per_s": 0}}}, "bytes_per_s is 0; expected .* at least 1"),
        ({"effect": {"warn": {"message": ""}}}, "message is ''"),
        ({"effect": {"short_rows": {"rows": True}}}, "rows is True"),
        ({"effect": {"stale_route": {"token": ""}}}, "token is ''"),
        ({"effect": {"wrong_encoding": {"encoding": "a b"}}}, "encoding is 'a b'"),
        ({"effect": "reset", "acton": "TableRead"}, "no member 'acton'; did you mean 'action'"),
        ({"effect": "reset", "action": "TableRaed"}, "no action is 'TableRaed'.* TableRead"),
        ({"effect": "reset", "action": ""}, "action is ''; expected a pattern"),
        ({"effect": "reset", "session": ""}, "session is ''; expected a text"),
        ({"effect": "reset", "id": "a/b"}, "id is 'a/b'; expected up to 100 letters"),
        ({"effect": "reset", "skip": -1}, "skip is -1; expected a whole number of at least 0"),
        ({"effect": "reset", "times": 0}, "times is 0; expected a whole number of at least 1"),
        ({"effect": "reset", "times": 1.5}, "times is 1.5"),
        ({"effect": "reset", "ttl_s": "x"}, "ttl_s is 'x'"),
        ({"effect": "reset", "when": "later"}, "when is 'later'; expected one of before, after"),
        ({"effect": "reset", "when": "before", "at_byte": 1}, "reset is impossible with at_byte"),
        ({"effect": "reset", "at_byte": 1, "at_message": 1}, "expected one of them"),
        ({"effect": "reset", "at_byte": -1}, "at_byte is -1"),
        ({"effect": {"status": {"status": 503}}, "at_byte": 5}, "expected before or after"),
        ({"effect": "truncate", "when": "before"}, "truncate is impossible with before"),
        ({"effect": "drop_eos", "when": "before"}, "drop_eos is impossible with before"),
        ({"effect": "drop_eos", "action": "GetTable"}, "drop_eos is impossible for GetTable"),
        ({"effect": "bad_crc", "action": "TableRead"}, "expected one of BlobRead, ReadRows"),
        ({"effect": "cut", "at_message": 1, "action": "BlobRead"}, "cut at_message is impossible"),
        ({"effect": "fence_stream", "action": "TableRead"}, "fence_stream is impossible"),
    ],
)
def test_rules_without_sense_are_refused_at_once(members: Any, complaint: str) -> None:
    faults = Faults()
    with pytest.raises(ConfigError, match=complaint):
        faults.add(members or {"times": 1}) if not members else faults.add(**members)
    assert faults.rules == ()


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "a rule is an object, not"),
        ({"effect": "reset", "action": "TableRead"}, "a rule has no member 'action'"),
        ({"effect": "reset", "match": {"acton": "x"}}, "match has no member 'acton'"),
        ({"effect": "reset", "match": "TableRead"}, "match is 'TableRead'; expected an object"),
    ],
)
def test_documents_without_sense_are_refused(document: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        decode_rule(document)


def test_a_rule_needs_an_effect() -> None:
    nothing: Any = "reset"
    with pytest.raises(ConfigError, match="the effect is 'reset'; expected one of"):
        Fault(effect=nothing)
    with pytest.raises(ConfigError, match="no rule; expected one"):
        Faults().add()
    assert decode_effect(Slow(5)) == Slow(5)
