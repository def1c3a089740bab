"""A transport that signs: who asks, for which project, at what time."""

from __future__ import annotations

import platform
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from odps_frames.wire import names
from odps_frames.wire.signing import sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.config import Config
    from odps_frames.credentials import CredentialSource
    from odps_frames.transport.base import Transport
    from odps_frames.wire.http import Request, Response

__all__ = ["IdentityTransport", "user_agent"]

REFUSED = (400, 401, 403)
WORTH_LEARNING = timedelta(minutes=2)
MAX_SKEW = timedelta(hours=24)


def user_agent() -> str:
    """The name under which this package asks."""
    return (
        f"odps_frames/{version('odps-frames')} "
        f"{platform.python_implementation()}/{platform.python_version()} "
        f"{platform.system()}/{platform.release()}"
    )


class IdentityTransport:
    """Adds the default project, the user agent and the signature to every request.

    Requests are signed with the clock of this machine; when the service refuses one and its own
    ``Date`` tells that the clocks differ, the difference is kept and the request sent once more.
    """

    def __init__(
        self,
        below: Transport,
        config: Config,
        credentials: CredentialSource,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._below = below
        self._config = config
        self._credentials = credentials
        self._clock = clock
        self._skew = timedelta()
        self._agent = user_agent()

    def send(self, request: Request, /) -> Response:
        """Sign and send; once more where only the clock or an old token was wrong."""
        sent_at = self._clock() + self._skew
        response = self._below.send(self._signed(request, sent_at))
        if response.status not in REFUSED:
            return response
        theirs = _date_of(response)
        skew = theirs - self._clock() if theirs is not None else None
        if skew is not None and abs(skew - self._skew) > WORTH_LEARNING and abs(skew) < MAX_SKEW:
            self._skew = skew
            response.body.close()
            return self._below.send(self._signed(request, self._clock() + skew))
        if response.status == REFUSED[1] and self._config.credentials is None:
            self._credentials.renew()
            response.body.close()
            return self._below.send(self._signed(request, self._clock() + self._skew))
        return response

    def _signed(self, request: Request, now: datetime) -> Request:
        query = [
            (name, value)
            for name, value in (
                (names.CURRENT_PROJECT, self._config.project),
                (names.CURRENT_SCHEMA, self._config.schema),
            )
            if value and request.parameter(name) is None
        ]
        named = request.adding({names.USER_AGENT: self._agent, "User-Agent": self._agent}, query)
        return sign(named, self._credentials.get(), now, region=self._config.region)


def _date_of(response: Response) -> datetime | None:
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
