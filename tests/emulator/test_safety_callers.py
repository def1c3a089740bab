"""Who may ask: keys, tokens, clocks, and the addresses that a server listens at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import odps_frames as of
from odps_frames.config import AccessKey, BearerToken
from odps_frames.emulator.server import Server
from odps_frames.wire import catalog
from odps_frames.wire.http import Headers
from odps_frames.wire.reply import decode_error
from odps_frames.wire.signing import sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.config import Credentials
    from odps_frames.wire.http import Request

KEY = AccessKey("known", "secret-of-known")
LENT = AccessKey("lent", "secret-of-lent", "token-of-lent")
SECRETS = ("secret-of-known", "secret-of-lent", "token-of-lent", "shown-secret")


@pytest.fixture(params=[None, "cn-somewhere"], ids=["V1", "V4"])
def ask(request: pytest.FixtureRequest, open_service: Callable[..., Any]) -> Any:
    """Ask for the tenant as somebody, and return the status and code of the answer."""
    service = open_service(
        accounts={KEY.access_id: KEY.secret_access_key, LENT.access_id: LENT},
        tokens=("shown-secret",),
    )

    def ask_as(
        who: Credentials,
        change: Callable[[Request], Request] = lambda request: request,
        **skew: float,
    ) -> tuple[int, str]:
        said_at = service.clock() + timedelta(**skew)
        signed = sign(catalog.encode_tenants(), who, said_at, region=request.param)
        answer = service.send(change(signed))
        if answer.ok:
            return 200, ""
        error = decode_error(answer)
        assert not any(secret in error.message for secret in SECRETS)
        return int(error.status or 0), error.code

    return ask_as


def without(name: str) -> Callable[[Request], Request]:
    return lambda request: replace(
        request,
        headers=Headers({n: v for n, v in request.headers.items() if n.lower() != name}),
    )


def adding(**fields: str) -> Callable[[Request], Request]:
    return lambda request: request.adding({n.replace("_", "-"): v for n, v in fields.items()})


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (KEY, (200, "")),
        (LENT, (200, "")),
        (BearerToken("shown-secret"), (200, "")),
        (BearerToken("guessed"), (401, "Unauthorized")),
        (AccessKey("known", "guessed"), (403, "SignatureNotMatch")),
        (AccessKey("unknown", "secret-of-known"), (401, "Unauthorized")),
        (AccessKey("known", "secret-of-known", "token-of-lent"), (401, "Unauthorized")),
        (AccessKey("lent", "secret-of-lent"), (401, "Unauthorized")),
        (AccessKey("lent", "secret-of-lent", "token-of-len"), (401, "Unauthorized")),
        (AccessKey("lent", "guessed", "token-of-lent"), (403, "SignatureNotMatch")),
    ],
)
def test_who_is_let_in(ask: Any, who: Credentials, expected: tuple[int, str]) -> None:
    assert ask(who) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without("authorization"), (401, "Unauthorized")),
        (without("date"), (403, "SignatureNotMatch")),
        (adding(Authorization="ODPS"), (401, "Unauthorized")),
        (adding(Authorization="ODPS known"), (401, "Unauthorized")),
        (adding(Authorization="ODPS known:"), (403, "SignatureNotMatch")),
        (adding(Authorization="Basic a25vd246c2VjcmV0"), (401, "Unauthorized")),
        (
            adding(Authorization="ODPS known/1/2/odps/aliyun_v4_request:é"),
            (403, "SignatureNotMatch"),
        ),
        (adding(x_odps_new="1"), (403, "SignatureNotMatch")),
        (adding(x_odps_bearer_token="guessed"), (401, "Unauthorized")),
        (lambda request: request.adding(query=[("a", "b")]), (403, "SignatureNotMatch")),
    ],
)
def test_what_was_changed_on_the_way_is_refused(
    ask: Any, change: Callable[[Request], Request], expected: tuple[int, str]
) -> None:
    assert ask(KEY, change) == expected


@pytest.mark.parametrize(
    ("skew", "expected"),
    [
        ({"minutes": 15}, (200, "")),
        ({"minutes": -15}, (200, "")),
        ({"minutes": 15, "seconds": 1}, (401, "RequestTimeTooSkewed")),
        ({"minutes": -15, "seconds": -1}, (401, "RequestTimeTooSkewed")),
        ({"days": 366}, (401, "RequestTimeTooSkewed")),
        ({"days": -366}, (401, "RequestTimeTooSkewed")),
    ],
)
def test_clocks_may_differ_by_a_quarter_of_an_hour(
    ask: Any, skew: dict[str, float], expected: tuple[int, str]
) -> None:
    assert ask(KEY, **skew) == expected


@pytest.mark.parametrize(
    "date",
    ["yesterday", "Fri, 02 Jan 2026 03:04:05 +9999999999", "Fri, 31 Dec 9999 23:59:59 -0500"],
)
def test_dates_that_are_none(open_service: Callable[..., Any], date: str) -> None:
    service = open_service(accounts={KEY.access_id: KEY.secret_access_key})
    request = catalog.encode_tenants().adding({"Date": date})
    error = decode_error(service.send(sign(request, KEY, service.clock())))
    assert (error.status, error.code) == (401, "Unauthorized")
    assert "expected a time such as" in error.message


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])  # noqa: S104
def test_other_machines_are_let_in_on_purpose_only(
    open_service: Callable[..., Any], host: str
) -> None:
    known = open_service("known", accounts={"known": "secret"})
    with pytest.raises(of.ConfigError, match=r"let other machines in; give expose=True"):
        Server(known.emulator, host)
    anybody = open_service("anybody")
    with pytest.raises(of.ConfigError, match=r"let anybody in, .* neither accounts nor tokens"):
        Server(anybody.emulator, host, expose=True)


def test_an_exposed_server_has_an_endpoint(open_service: Callable[..., Any]) -> None:
    known = open_service(accounts={"known": "secret"})
    with Server(known.emulator, "0.0.0.0", expose=True) as server:  # noqa: S104  on purpose
        assert server.endpoint.startswith("http://127.0.0.1:")
