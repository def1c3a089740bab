"""The transport of a config, whole: sockets, signatures, retries."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from odps_frames.credentials import CredentialSource
from odps_frames.transport.http import HttpTransport
from odps_frames.transport.identity import IdentityTransport
from odps_frames.transport.retry import Life, RetryingTransport, RetryPolicy

if TYPE_CHECKING:
    from odps_frames.config import Config
    from odps_frames.transport.base import Transport

__all__ = ["transport_of"]


def transport_of(
    config: Config, *, carrier: Transport | None = None, policy: RetryPolicy | None = None
) -> RetryingTransport:
    """Put the transport of a config together.

    Parameters
    ----------
    config : Config
        Where the service is and who asks.
    carrier : Transport, optional
        Carries the signed requests, by default over HTTP; an embedded service may stand here.
    policy : RetryPolicy, optional
        How calls are tried again.
    """
    http = HttpTransport(config) if carrier is None else None
    lowest: Transport = http if http is not None else carrier  # type: ignore[assignment]  # one of them is there
    transport = RetryingTransport(
        IdentityTransport(lowest, config, CredentialSource(config)),
        policy or RetryPolicy(max_attempts=config.max_attempts, total_seconds=config.timeout.total),
        recipe=functools.partial(transport_of, config) if http is not None else None,
        life=None if http is None else Life(http.close),
    )
    if http is not None:
        http.ask = transport
    return transport
