from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.config import AccessKey, BearerToken
from odps_frames.errors import AuthenticationError
from odps_frames.wire import signing
from odps_frames.wire.http import Headers, Request
from odps_frames.wire.signing import canonical_string, sign, verify

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = AccessKey("me", "very-secret")
SECRETS = {"me": "very-secret", "you": "other-secret"}
REQUEST = Request(method="POST", path="/api/storage/v2", query=(("Action", "TableRead"),))
PAIRS = st.lists(st.tuples(st.text(min_size=1, max_size=4), st.text(max_size=4)), max_size=4)
FIELDS = st.dictionaries(
    st.sampled_from(["Content-Type", "content-md5", "x-odps-a", "X-ODPS-B", "Other"]),
    st.text("abc /=;", max_size=6),
)
REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=st.text("abc/中 %?;[", max_size=6).map("/".__add__),
    query=PAIRS.map(tuple),
    headers=FIELDS.map(Headers),
)
REGIONS = st.none() | st.just("cn-somewhere")


@given(request=REQUESTS, region=REGIONS)
def test_the_service_knows_who_signed(request: Request, region: str | None) -> None:
    assert verify(sign(request, KEY, NOW, region=region), SECRETS, NOW) == "me"


@given(request=REQUESTS, region=REGIONS)
def test_another_secret_does_not_do(request: Request, region: str | None) -> None:
    signed = sign(request, AccessKey("you", KEY.secret_access_key), NOW, region=region)
    with pytest.raises(AuthenticationError) as raised:
        verify(signed, SECRETS, NOW)
    assert (raised.value.code, raised.value.status) == ("SignatureNotMatch", 403)
    assert KEY.secret_access_key not in str(raised.value)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/api/storage/v3"},
        {"query": (("Action", "TableWrite"),)},
        {"headers": Headers({"x-odps-user-agent": "other"})},
    ],
)
@pytest.mark.parametrize("region", [None, "cn-somewhere"])
def test_nothing_that_is_signed_can_be_changed(change: dict[str, Any], region: str | None) -> None:
    signed = sign(REQUEST, KEY, NOW, region=region)
    changed = replace(signed, **change)
    if "headers" in change:
        changed = replace(changed, headers=signed.headers.adding(changed.headers))
    with pytest.raises(AuthenticationError, match="does not match"):
        verify(changed, SECRETS, NOW)


def test_the_date_is_added_only_where_there_is_none() -> None:
    eastern = NOW.astimezone(timezone(timedelta(hours=8)))
    assert sign(REQUEST, KEY, eastern).headers["Date"] == "Fri, 02 Jan 2026 03:04:05 GMT"
    dated = REQUEST.adding({"date": "Sat, 03 Jan 2026 00:00:00 GMT"})
    assert sign(dated, KEY, NOW).headers["Date"] == "Sat, 03 Jan 2026 00:00:00 GMT"


def test_the_day_of_the_newer_way_is_that_of_the_clock_in_utc() -> None:
    late = datetime(2026, 1, 2, 23, 59, tzinfo=timezone(timedelta(hours=-3)))
    signed = sign(REQUEST, KEY, late, region="cn-somewhere")
    assert "/20260103/cn-somewhere/odps/aliyun_v4_request:" in signed.headers["Authorization"]


def test_the_token_of_a_temporary_key_is_not_signed() -> None:
    plain = sign(REQUEST, KEY, NOW)
    lent = sign(REQUEST, replace(KEY, security_token="token"), NOW)
    assert lent.headers["authorization-sts-token"] == "token"
    assert lent.headers["Authorization"] == plain.headers["Authorization"]
    assert verify(lent, SECRETS, NOW) == "me"


def test_a_bearer_token_needs_no_signature() -> None:
    sent = sign(REQUEST, BearerToken("token"), NOW, region="cn-somewhere")
    assert dict(sent.headers) == {
        "Date": "Fri, 02 Jan 2026 03:04:05 GMT",
        "x-odps-bearer-token": "token",
    }


@pytest.mark.parametrize(
    "authorization",
    ["", "ODPS", "ODPS ", "ODPS me", "ODPS :x", "Basic me:x", "ODPS nobody:x", "ODPS me/a:x"],
)
def test_strangers_are_refused(authorization: str) -> None:
    request = REQUEST.adding({"Authorization": authorization})
    with pytest.raises(AuthenticationError, match=r"not known|no signature") as raised:
        verify(request, SECRETS, NOW)
    assert (raised.value.code, raised.value.status) == ("Unauthorized", 401)


@pytest.mark.parametrize("region", [None, "cn-somewhere"])
@pytest.mark.parametrize("minutes", [-15, 0, 15])
def test_a_quarter_of_an_hour_is_borne(minutes: int, region: str | None) -> None:
    # Around midnight, where the days of both clocks differ.
    midnight = datetime(2026, 1, 2, tzinfo=UTC)
    signed = sign(REQUEST, KEY, midnight + timedelta(minutes=minutes), region=region)
    assert verify(signed, SECRETS, midnight) == "me"


@pytest.mark.parametrize("seconds", [-901, 901])
def test_more_is_not(seconds: int) -> None:
    signed = sign(REQUEST, KEY, NOW + timedelta(seconds=seconds))
    with pytest.raises(
        AuthenticationError, match=r"max_interval_date:900000,expire_date:"
    ) as raised:
        verify(signed, SECRETS, NOW)
    assert raised.value.code == "RequestTimeTooSkewed"
    assert "now_date:2026-01-02T03:04:05.000000Z" in raised.value.message


def test_an_old_day_of_the_newer_way_is_refused() -> None:
    dated = REQUEST.adding({"Date": "Fri, 02 Jan 2026 03:04:05 GMT"})
    signed = sign(dated, KEY, NOW - timedelta(days=2), region="cn-somewhere")
    with pytest.raises(AuthenticationError) as raised:
        verify(signed, SECRETS, NOW)
    assert raised.value.code == "RequestTimeTooSkewed"


def test_a_date_that_is_none_is_refused() -> None:
    signed = sign(REQUEST.adding({"Date": "today"}), KEY, NOW)
    with pytest.raises(AuthenticationError, match="Date is 'today'"):
        verify(signed, SECRETS, NOW)


def test_another_prefix_makes_another_scheme() -> None:
    signed = sign(REQUEST, KEY, NOW, region="cn-somewhere")
    with pytest.raises(AuthenticationError, match="not known"):
        verify(signed, SECRETS, NOW, prefix="other_v4")


@given(request=REQUESTS)
def test_either_decoding_is_taken(request: Request) -> None:
    dated = request.adding({"Date": "Fri, 02 Jan 2026 03:04:05 GMT"})
    try:
        text = canonical_string(dated, dated.headers, decoded_twice=True)
    except ValueError:
        return  # such an address cannot be signed so
    signer = signing._Signer("me")  # noqa: SLF001  signs as pyodps does, which ours never does
    signed = dated.adding({"Authorization": signer.authorization("very-secret", text)})
    assert verify(signed, SECRETS, NOW) == "me"


def test_no_secret_is_ever_shown() -> None:
    signed = sign(REQUEST, replace(KEY, security_token="token"), NOW, region="cn-somewhere")
    shown = [repr(KEY), repr(BearerToken("token")), repr(signed), repr(signing._signing_key)]  # noqa: SLF001  the cache
    assert not [text for text in shown if "very-secret" in text or "'token'" in text]
