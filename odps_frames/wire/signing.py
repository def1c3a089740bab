"""Signatures: V1 and V4, STS and bearer tokens (protocol.md §3)."""

from __future__ import annotations

import base64
import contextlib
import functools
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlparse

from odps_frames.config import AccessKey, BearerToken
from odps_frames.errors import AuthenticationError
from odps_frames.wire import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.config import Credentials
    from odps_frames.wire.http import Headers, Request

__all__ = ["application_signature", "canonical_string", "sign", "verify"]

PREFIX: Final = "aliyun_v4"
AUTHORIZATION: Final = "Authorization"
DATE: Final = "Date"
LARGEST_SKEW: Final = timedelta(minutes=15)
_SCHEME: Final = "ODPS "
_SIGNED: Final = "x-odps-"
_FIXED: Final = ("content-md5", "content-type", "date")
_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def canonical_string(request: Request, headers: Headers, *, decoded_twice: bool = False) -> str:
    """Return the text that is signed (§3.2).

    With ``decoded_twice`` it is the one of pyodps, which takes path and query apart once more
    after they were decoded.

    Raises
    ------
    ValueError
        When the decoded address cannot be taken apart again.
    """
    path, parameters = request.path, dict(request.query)
    if decoded_twice and request.query:
        query = "&".join(f"{name}={value}" for name, value in request.query)
        again = urlparse(f"{path}?{query}", allow_fragments=False)
        path, parameters = again.path, dict(parse_qsl(again.query, keep_blank_values=True))
    signed = dict.fromkeys(_FIXED, "")
    for name, value in headers.items():
        if name.lower() in signed or name.lower().startswith(_SIGNED):
            signed[name.lower()] = value
    signed |= {name: value for name, value in parameters.items() if name.startswith(_SIGNED)}
    lines = [
        f"{name}:{value}" if name.startswith(_SIGNED) else value
        for name, value in sorted(signed.items())
    ]
    pairs = (f"{name}={value}" if value else name for name, value in sorted(parameters.items()))
    resource = f"{path}?{'&'.join(pairs)}" if parameters else path
    return "\n".join([request.method, *lines, resource])


def sign(
    request: Request, credentials: Credentials, now: datetime, *, region: str | None = None
) -> Request:
    """Return the request with its date and what shows who asks.

    An access key signs in the V4 way where the region is known, else in the V1 way (§3.3).
    """
    if DATE not in request.headers:
        request = request.adding({DATE: format_datetime(now.astimezone(UTC), usegmt=True)})
    match credentials:
        case BearerToken(token=token):
            return request.adding({names.BEARER_TOKEN: token})
        case AccessKey(access_id=access_id, secret_access_key=secret, security_token=token):
            text = canonical_string(request, request.headers)
            signer = _Signer(access_id, _day(now) if region else None, region)
            added = {AUTHORIZATION: signer.authorization(secret, text)}
            return request.adding(added | ({names.STS_TOKEN: token} if token else {}))


def application_signature(authorization: str, app_id: str, app_secret: str) -> str:
    """Return the ``application-authentication`` field of an application account (§3.1)."""
    signature = _base64(_hmac(app_secret.encode(), authorization, "sha1"))
    return (
        "account_provider:aliyun,signature_method:hmac-sha1,"
        f"access_id:{app_id},signature:{signature}"
    )


def verify(
    request: Request, secrets: Mapping[str, str], now: datetime, *, prefix: str = PREFIX
) -> str:
    """Return who signed a request; ``secrets`` holds the secrets of all access ids.

    V1 and V4 are taken, over the address decoded once or, as pyodps does, twice.

    Raises
    ------
    AuthenticationError
        When the id is unknown, the signature does not match, or the date is off by more than
        15 minutes.
    """
    given = request.headers.get(AUTHORIZATION, "")
    signer = _Signer.parse(given, prefix)
    secret = None if signer is None else secrets.get(signer.access_id)
    if signer is None or secret is None:
        who = f"access id {signer.access_id!r} is not known" if signer else "no signature"
        msg = f"{who}; expected an Authorization field of the form 'ODPS <id>:<signature>'"
        raise AuthenticationError(msg, status=401, code="Unauthorized")
    if not any(
        hmac.compare_digest(_bytes(signer.authorization(secret, text)), _bytes(given))
        for text in _canonical_strings(request)
    ):
        msg = (
            f"the signature of access id {signer.access_id!r} does not match its secret and "
            f"{request.method} {request.path}; check the secret, and that nothing on the way "
            "changes the address or the header fields"
        )
        raise AuthenticationError(msg, status=403, code="SignatureNotMatch")
    _check_date(request.headers.get(DATE, ""), signer, now)
    return signer.access_id


def _canonical_strings(request: Request) -> list[str]:
    texts = [canonical_string(request, request.headers)]
    with contextlib.suppress(ValueError):  # an address that pyodps itself cannot sign
        texts.append(canonical_string(request, request.headers, decoded_twice=True))
    return texts


def _check_date(text: str, signer: _Signer, now: datetime) -> None:
    now = now.astimezone(UTC)
    try:
        said = parsedate_to_datetime(text)
        said = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"Date is {text[:80]!r}; expected a time such as 'Fri, 02 Jan 2026 03:04:05 GMT'"
        raise AuthenticationError(msg, status=401, code="Unauthorized") from None
    days = {_day(now - LARGEST_SKEW), _day(now), _day(now + LARGEST_SKEW)}
    if abs(now - said) > LARGEST_SKEW or (signer.day is not None and signer.day not in days):
        # The figures of the message are what pyodps reads out of it (§16.3).
        msg = (
            "ODPS-0410031: the clocks of caller and service differ too much, "
            f"max_interval_date:{LARGEST_SKEW // timedelta(milliseconds=1)},"
            f"expire_date:{said.strftime(_TIME)},now_date:{now.strftime(_TIME)}"
        )
        raise AuthenticationError(msg, status=401, code="RequestTimeTooSkewed")


@dataclass(frozen=True, slots=True)
class _Signer:
    """Who signs, and for which day and region where the V4 way is taken."""

    access_id: str
    day: str | None = None
    region: str | None = None
    prefix: str = PREFIX

    @classmethod
    def parse(cls, authorization: str, prefix: str) -> _Signer | None:
        """Read the front part of an ``Authorization`` field."""
        front, colon, _ = authorization.removeprefix(_SCHEME).rpartition(":")
        if not (authorization.startswith(_SCHEME) and colon and front):
            return None
        match front.split("/"):
            case [access_id, day, region, "odps", request] if request == f"{prefix}_request":
                return cls(access_id, day, region, prefix)
        return cls(front)

    def authorization(self, secret: str, text: str) -> str:
        """Return the ``Authorization`` field for a text."""
        if self.day is None or self.region is None:
            return f"{_SCHEME}{self.access_id}:{_base64(_hmac(secret.encode(), text, 'sha1'))}"
        key = _signing_key(secret, self.day, self.region, self.prefix)
        scope = f"{self.access_id}/{self.day}/{self.region}/odps/{self.prefix}_request"
        # The last step is SHA-1 in the V4 way too.
        return f"{_SCHEME}{scope}:{_base64(_hmac(key, text, 'sha1'))}"


def _day(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y%m%d")


@functools.lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, prefix: str) -> bytes:
    key = (prefix + secret).encode()
    for part in (day, region, "odps", f"{prefix}_request"):
        key = _hmac(key, part, "sha256")
    return key


def _hmac(key: bytes, text: str, digest: str) -> bytes:
    return hmac.digest(key, _bytes(text), digest)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # so that no request can make signing fail


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
