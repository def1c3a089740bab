"""Requests over sockets: a pool of connections that stay open, verified TLS, three timeouts."""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from odps_frames.errors import ServiceUnavailable
from odps_frames.transport.address import Addresses, url_of
from odps_frames.wire.http import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

    from odps_frames.config import Config, Timeout
    from odps_frames.transport.base import Transport
    from odps_frames.wire.http import Body, Request

__all__ = ["HttpTransport"]

POOL_CONNECTIONS = 32


class HttpTransport:
    """Carries requests over HTTP/1.1; safe to share between threads, and across a fork.

    Nothing of the process is touched: no global setting, no proxy or certificate variable but
    those that ``requests`` itself honours, read once. Redirections are answers, never followed.
    """

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._session = self._new_session()
        self.addresses = Addresses(config)
        self.ask: Transport = self
        """The transport that carries the question for the tunnel endpoint, signed."""

    def send(self, request: Request, /) -> Response:
        """Carry one request; the body of the answer streams.

        Raises
        ------
        ServiceUnavailable
            When no answer came; ``sent`` is False when the request cannot have arrived.
        """
        base = self.addresses.base(request.site, self.ask)
        timeout = self._config.timeout
        limits = [each for each in (timeout.total, request.seconds) if each is not None]
        deadline = self._clock() + min(limits) if limits else None
        headers = {"Accept-Encoding": "identity", **request.headers}
        if request.body is None and request.method not in ("GET", "HEAD"):
            headers["Content-Length"] = "0"
        try:
            answer = self._live_session().request(
                request.method,
                url_of(base, request),
                headers=headers,
                data=_data(request.body),  # type: ignore[arg-type]  # any buffers will do
                timeout=_timeouts(timeout, deadline, self._clock),
                stream=True,
                allow_redirects=False,
            )
        except requests.exceptions.ConnectTimeout as error:
            raise _unavailable(request, base, error, sent=False) from error
        except requests.exceptions.SSLError as error:
            raise _unavailable(request, base, error, sent=not _refused(error)) from error
        except requests.exceptions.ConnectionError as error:
            raise _unavailable(request, base, error, sent=not _never_connected(error)) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _unavailable(request, base, error, sent=True) from error
        length = answer.headers.get("Content-Length")
        return Response(
            answer.status_code,
            Headers(answer.headers),
            _SocketReader(answer, request, deadline, self._clock),
            int(length) if length and length.isascii() and length.isdigit() else None,
        )

    def close(self) -> None:
        """Close the idle connections; the transport opens new ones when it is used again."""
        self._session.close()

    def _live_session(self) -> requests.Session:
        """The pool of this process: sockets of a parent must not be shared by its fork."""
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._session = self._new_session()
                    self._pid = os.getpid()
        return self._session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        adapter = HTTPAdapter(
            pool_connections=4, pool_maxsize=POOL_CONNECTIONS, max_retries=0, pool_block=False
        )
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        session.headers.clear()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # requests looks proxies and certificates up for every request; once is enough.
        session.trust_env = False
        session.proxies.update(get_environ_proxies(self._config.endpoint))
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        session.verify = bundle or True
        return session


class _SocketReader:
    """The body of an answer, straight off the connection, not decompressed."""

    def __init__(
        self,
        answer: requests.Response,
        request: Request,
        deadline: float | None,
        clock: Callable[[], float],
    ) -> None:
        self._answer = answer
        self._request = request
        self._deadline = deadline
        self._clock = clock
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what is there; a body that ends before its framing says so raises."""
        if self._ended or not len(buffer):
            return 0
        if self._deadline is not None and self._clock() > self._deadline:
            self.close()
            msg = f"{self._request.operation}: the whole call took longer than its timeout"
            raise ServiceUnavailable(msg)
        try:
            piece = self._answer.raw.read(len(buffer), decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # AttributeError is what http.client raises when another thread has closed the body.
            self.close()
            msg = f"{self._request.operation}: the answer broke off: {_reason(error)}"
            raise ServiceUnavailable(msg) from error
        if not piece:
            self._ended = True
            self._answer.close()
            return 0
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Give the connection back; one whose body is not read to its end is shut down."""
        if not self._ended:
            # shutdown wakes a thread that waits for this body; urllib3 raises when it is over.
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                self._answer.raw.shutdown()
        self._ended = True
        self._answer.close()


def _data(body: Body) -> bytes | Iterator[Buffer] | None:
    return iter(body()) if callable(body) else body


def _timeouts(
    timeout: Timeout, deadline: float | None, clock: Callable[[], float]
) -> tuple[float, float]:
    if deadline is None:
        return timeout.connect, timeout.idle
    left = max(deadline - clock(), 0.001)
    return min(timeout.connect, left), min(timeout.idle, left)


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Whether no connection was made, so that the request cannot have been carried out."""
    causes = [error.args[0] if error.args else None]
    causes.append(getattr(causes[0], "reason", None))
    never = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return any(isinstance(cause, never) for cause in causes)


def _refused(error: BaseException) -> bool:
    """Whether the certificate of the service was refused, which is before anything is sent.

    Every other fault of TLS may come when the request has been written.
    """
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None)]
            waiting += cause.args
    return False


def _unavailable(
    request: Request, base: str, error: Exception, *, sent: bool
) -> ServiceUnavailable:
    state = "no answer from" if sent else "no connection to"
    return ServiceUnavailable(f"{request.operation}: {state} {base}: {_reason(error)}", sent=sent)


def _reason(error: BaseException) -> str:
    """The innermost cause in a few words; addresses with queries are left out."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return f"{type(inner).__name__}: {str(inner)[:200]}"
