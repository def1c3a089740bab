"""Who may ask the service, and how callers prove who they are (protocol.md §3)."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from odps_frames.config import AccessKey
from odps_frames.emulator.refusals import unauthorized
from odps_frames.wire import names
from odps_frames.wire.signing import verify

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from odps_frames.wire.http import Request

__all__ = ["Callers"]


class Callers:
    """Those whom a service knows.

    Parameters
    ----------
    accounts : mapping, optional
        Secrets by access id, or whole keys: a temporary one has a security token, which has to
        come with every request.
    tokens : collection of str
        Bearer tokens that are accepted.
    """

    def __init__(
        self, accounts: Mapping[str, str | AccessKey] | None, tokens: Collection[str]
    ) -> None:
        keys = {
            access_id: key if isinstance(key, AccessKey) else AccessKey(access_id, key)
            for access_id, key in (accounts or {}).items()
        }
        self.known = accounts is not None or bool(tokens)
        """Whether callers have to prove who they are; else anybody may ask."""
        self._secrets = {access_id: key.secret_access_key for access_id, key in keys.items()}
        self._security_tokens = {access_id: key.security_token for access_id, key in keys.items()}
        self._tokens = tuple(tokens)

    def check(self, request: Request, now: datetime) -> None:
        """Let a request pass.

        Raises
        ------
        AuthenticationError
            When it does not prove that it comes from one of them, or not that it is of now.
        """
        if not self.known:
            return
        given = request.headers.get(names.BEARER_TOKEN)
        if given is None:
            access_id = verify(request, self._secrets, now)
            self._check_security_token(access_id, request.headers.get(names.STS_TOKEN))
        elif not sum(_same(given, token) for token in self._tokens):  # all of them, in equal time
            raise unauthorized("the bearer token is not known to this service")

    def _check_security_token(self, access_id: str, given: str | None) -> None:
        expected = self._security_tokens[access_id]
        if expected is None and given is not None:
            raise unauthorized(
                f"access id {access_id!r} is no temporary one; leave the security token out"
            )
        if expected is not None and given is None:
            raise unauthorized(
                f"access id {access_id!r} is a temporary one; its security token has to come in "
                f"the field {names.STS_TOKEN}"
            )
        if expected is not None and given is not None and not _same(given, expected):
            raise unauthorized(f"the security token is not that of access id {access_id!r}")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
