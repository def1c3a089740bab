"""What tests in other processes may do to a service: JSON at ``/__odps__/…``, in test mode only.

Nobody signs these requests. They are taken from this machine only, and from no web page: what a
browser sends tells where it comes from, or is asked about beforehand, and both are refused.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from odps_frames.emulator.bodies import IncomingBody
from odps_frames.emulator.exchange import OPERATIONS, TEST_ID
from odps_frames.emulator.fault_documents import decode_rule, encode_rule
from odps_frames.emulator.fault_effects import EFFECTS
from odps_frames.emulator.request_documents import counters_document, document_of
from odps_frames.errors import ConfigError, NotFound, PermissionDenied, ServiceError
from odps_frames.wire import documents
from odps_frames.wire.http import Response
from odps_frames.wire.reply import encode_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from odps_frames.emulator.app import Emulator
    from odps_frames.emulator.session_control import SessionFacts
    from odps_frames.wire.http import Headers, Request

__all__ = ["PREFIX", "AdminSite"]

PREFIX: Final = "/__odps__/"
_JSON: Final = "application/json"
_OF_BROWSERS: Final = ("Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode")
_OF_PROXIES: Final = ("Forwarded", "X-Forwarded-For", "Via")
_WITH_BODY: Final = ("POST", "PUT")


class AdminSite:
    """Carries out what is asked of a service beside its protocol; rules and log know nothing of it.

    Parameters
    ----------
    service : Emulator
        Whose ``faults``, ``clock`` and so on these are.
    """

    def __init__(self, service: Emulator) -> None:
        self._service = service
        self._resources: Mapping[str, Callable[[_Call], object]] = {
            "capabilities": self._capabilities,
            "clock": self._clock,
            "counters": self._counters,
            "faults": self._faults,
            "healthz": self._healthz,
            "requests": self._requests,
            "reset": self._reset,
            "restore": self._restore,
            "sessions": self._sessions,
            "snapshot": self._snapshot,
        }

    def answer(self, request: Request, request_id: str) -> Response:
        """Answer a request; refusals are answers too."""
        try:
            _check_caller(request.headers)
            call = _Call(request)
            resource = self._resources.get(call.resource)
            if resource is None:
                known = ", ".join(PREFIX + name for name in self._resources)
                raise NotFound(f"there is no {request.path}; there are {known}", status=404)
            document = resource(call)
        except ConfigError as error:
            refusal: ServiceError = ServiceError(str(error), status=400, code="InvalidArgument")
        except ServiceError as error:
            refusal = error
        else:
            content = json.dumps(document).encode()
            return Response.of(content, headers={"Content-Type": _JSON})
        return encode_error(refusal, xml=False, request_id=request_id)

    def _faults(self, call: _Call) -> object:
        faults = self._service.faults
        match call.method, call.name:
            case "GET", None:
                return {"faults": [encode_rule(rule) for rule in faults.rules]}
            case "GET", str(name):
                return encode_rule(faults.get(name))
            case "POST", None:
                return encode_rule(faults.get(faults.add(call.document())))
            case "PUT", str(name):
                document = call.document()
                if document.setdefault("id", name) != name:
                    raise ConfigError(f"id is {document['id']!r}, and {name!r} in the address")
                return encode_rule(faults.get(faults.put(decode_rule(document))))
            case "DELETE", None:
                faults.clear()
            case "DELETE", str(name):
                faults.remove(name)
            case _:
                raise call.unknown("GET", "POST", "PUT", "DELETE")
        return {}

    def _requests(self, call: _Call) -> object:
        call.expect("GET")
        query = call.query("action", "session", "since", "limit")
        found = self._service.requests.select(
            action=query.get("action"),
            session=query.get("session"),
            since=_count("since", query.get("since", "0")),
            limit=_count("limit", query["limit"]) if "limit" in query else None,
        )
        return {"requests": [document_of(record) for record in found]}

    def _counters(self, call: _Call) -> object:
        call.expect("GET")
        return counters_document(self._service.counters)

    def _clock(self, call: _Call) -> object:
        clock = self._service.clock
        if call.method != "GET":
            call.expect("POST")
            match tuple(call.document("advance_s", "freeze").items()):
                case (("advance_s", float() | int() as seconds),) if not isinstance(seconds, bool):
                    clock.advance(seconds=seconds)
                case (("freeze", True),):
                    clock.freeze()
                case (("freeze", False),):
                    clock.unfreeze()
                case (("freeze", str() as text),):
                    clock.freeze(_time(text))
                case given:
                    raise ConfigError(
                        f'{dict(given)!r}; expected one of {{"advance_s": seconds}}, {{"freeze": '
                        'true}, {"freeze": false} and {"freeze": "2026-01-02T03:04:05Z"}'
                    )
        return {"now": clock.now().isoformat(), "frozen": clock.frozen}

    def _sessions(self, call: _Call) -> object:
        sessions = self._service.sessions
        match call.method, call.name:
            case "GET", None:
                kind = call.query("kind").get("kind")
                return {"sessions": [_session(one) for one in sessions.list(kind)]}
            case "GET", str(name):
                return _session(sessions.get(name))
            case "POST", str(name):
                document = call.document("expire", "status", "polls", "message")
                if document == {"expire": True}:
                    return _session(sessions.expire(name))
                if "status" not in document or "expire" in document:
                    raise ConfigError(
                        f'{document!r}; expected {{"expire": true}}, or {{"status": …}} with '
                        "polls and message where they belong"
                    )
                return _session(sessions.set_status(name, **document))
            case _:
                raise call.unknown("GET", "POST")

    def _reset(self, call: _Call) -> object:
        call.expect("POST")
        call.document()
        self._service.reset()
        return {}

    def _snapshot(self, call: _Call) -> object:
        if call.method != "GET":
            call.expect("POST")
            self._service.snapshot(_name(call))
        return {"snapshots": list(self._service.snapshots)}

    def _restore(self, call: _Call) -> object:
        call.expect("POST")
        self._service.restore(_name(call))
        return {}

    def _healthz(self, call: _Call) -> object:
        call.expect("GET")
        self._service.check()
        return {"status": "ok"}

    def _capabilities(self, call: _Call) -> object:
        call.expect("GET")
        return {
            "version": _version(),
            "test_mode": self._service.test_mode,
            "storage_api": ["v2", "v3"],
            "queries": find_spec("duckdb") is not None and find_spec("sqlglot") is not None,
            "actions": list(OPERATIONS),
            "effects": {word: list(kind.whens) for word, kind in EFFECTS.items()},
            "resources": [PREFIX + name for name in self._resources],
            "test_id_header": TEST_ID,
        }


class _Call:
    """One request, taken apart; what nobody knows of it is refused."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.method = request.method
        parts = request.path.removeprefix(PREFIX).split("/")
        self.resource = parts[0]
        self.name = parts[1] if len(parts) > 1 else None
        if len(parts) > 2 or self.name == "":  # noqa: PLR2004  a resource and a name
            raise NotFound(f"there is no {request.path}", status=404)
        if self.method in _WITH_BODY:
            kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != _JSON:
                raise ServiceError(
                    f"Content-Type is {kind!r}; expected {_JSON}",
                    status=415,
                    code="InvalidArgument",
                )

    def expect(self, method: str) -> None:
        """Refuse every other method, and a name where there is none."""
        if self.method != method or self.name is not None:
            raise self.unknown(method)

    def unknown(self, *methods: str) -> ServiceError:
        """Say what would have been possible."""
        return ServiceError(
            f"{self.method} {self._request.path}; expected {' or '.join(methods)} of "
            f"{PREFIX}{self.resource}",
            status=405,
            code="MethodNotAllowed",
        )

    def document(self, *members: str) -> dict[str, Any]:
        """Return the body, which may be left out, with no other members than these if any."""
        content = IncomingBody(self._request.body).document()
        try:
            document = documents.load(content or b"{}")
        except ValueError as error:
            raise ConfigError(f"the body is {error}") from error
        if members:
            _check_known("member", document, members)
        return document

    def query(self, *names: str) -> dict[str, str]:
        """Return the parameters, which are some of these."""
        query = dict(self._request.query)
        _check_known("parameter", query, names)
        return query


def _check_caller(headers: Headers) -> None:
    for name in (*_OF_BROWSERS, *_OF_PROXIES):
        if name in headers:
            raise PermissionDenied(
                f"the request has the field {name}: it comes from a web page or by a proxy, which "
                "are not let in here",
                status=403,
                code="NoPermission",
            )


def _check_known(what: str, given: Iterable[str], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            expected = ", ".join(known) or "none"
            raise ConfigError(f"there is no {what} {name!r} here; expected {expected}")


def _name(call: _Call) -> str:
    name = call.document("name").get("name")
    if not isinstance(name, str):
        raise ConfigError(f'name is {name!r}; expected {{"name": …}} of a snapshot')
    return name


def _count(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ConfigError(f"{name} is {text!r}; expected a whole number")
    return int(text)


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        msg = f"freeze is {text!r}; expected a time such as '2026-01-02T03:04:05Z'"
        raise ConfigError(msg) from None


def _session(facts: SessionFacts) -> dict[str, object]:
    return {
        "id": facts.id,
        "kind": facts.kind,
        "of": facts.of,
        "status": facts.status.value,
        "expires": facts.expires.isoformat(),
    }


def _version() -> str:
    try:
        return version("odps-frames")
    except PackageNotFoundError:
        return "unknown"
