from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.model.table import InstanceRef, TableRef
from odps_frames.wire.envelope import Envelope, decode_target, encode_target
from odps_frames.wire.http import Repeat, Site
from odps_frames.wire.names import Action

NAMES = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True)
TARGETS = st.builds(TableRef, NAMES, NAMES, st.none() | NAMES) | st.builds(
    InstanceRef, NAMES, NAMES
)
TOKENS = st.text("abc123=/+", min_size=1)
ENVELOPES = st.builds(
    Envelope,
    api_version=st.sampled_from(["2", "3"]),
    route_token=st.none() | TOKENS,
    quota=st.none() | TOKENS,
    tags=st.lists(TOKENS, max_size=3).map(tuple),
)


@given(target=TARGETS)
def test_targets_come_back(target: TableRef | InstanceRef) -> None:
    assert decode_target(encode_target(target)) == target


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (TableRef("p", "t"), "projects.p.tables.t"),
        (TableRef("p", "t", "s"), "projects.p.schemas.s.tables.t"),
        (TableRef("p", "t", "default"), "projects.p.schemas.default.tables.t"),
        (InstanceRef("p", "i"), "projects.p.instances.i"),
    ],
)
def test_targets_are_written_as_the_protocol_has_them(
    target: TableRef | InstanceRef, text: str
) -> None:
    assert encode_target(target) == text


@pytest.mark.parametrize(
    "text",
    ["", "t", "projects.p", "projects.p.tables", "projects.p.tables.a.b", "projects.p.volumes.v"],
)
def test_other_targets_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a target"):
        decode_target(text)


@given(envelope=ENVELOPES)
def test_envelopes_come_back(envelope: Envelope) -> None:
    assert Envelope.of(envelope.request(Action.READ, "x", document={})) == envelope


def test_action_and_target_come_first() -> None:
    request = Envelope(quota="q", api_version="3").request(
        Action.READ, "x", query=[("Index", "1")], document={"a": [1]}
    )
    assert (request.method, request.path, request.site) == (
        "POST",
        "/api/storage/v3",
        Site.STORAGE,
    )
    assert request.query == (
        ("Action", "TableRead"),
        ("Target", "x"),
        ("quotaName", "q"),
        ("Index", "1"),
    )
    assert json.loads(request.read_body()) == {"a": [1]}
    assert request.operation == "TableRead"


def test_a_body_keeps_its_own_type_and_rules() -> None:
    request = Envelope().request(
        Action.WRITE,
        "x",
        body=b"rows",
        content_length=4,
        headers={"Content-Type": "application/octet-stream"},
        repeat=Repeat.UNSENT,
    )
    assert request.body == b"rows"
    assert request.content_length == 4
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert request.repeat is Repeat.UNSENT


def test_a_new_token_takes_the_place_of_the_old_one() -> None:
    first = Envelope(quota="q").routed("1")
    assert first == Envelope(quota="q", route_token="1")
    assert first.routed(None) is first
    assert first.routed("2").route_token == "2"
