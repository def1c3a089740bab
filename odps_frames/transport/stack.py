"""The transport of a config, whole: sockets, signatures, retries."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from odps_frames.credentials import CredentialSource
from odps_frames.transport.http import HttpTransport
from odps_frames.transport.identity import IdentityTransport
from odps_frames.transport.retry import Life, RetryingTransport, RetryPolicy

if TYPE_CHECKING:
    from odps_frames.config import Config
    from odps_frames.transport.base import Transport

__all__ = ["shared_transport", "transport_of"]

MAX_SHARED = 16
"""So many transports a process keeps for what comes to it from others."""


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
        recipe=functools.partial(shared_transport, config) if http is not None else None,
        life=None if http is None else Life(http.close),
    )
    if http is not None:
        http.ask = transport
    return transport


def shared_transport(config: Config) -> RetryingTransport:
    """Return the transport of this process for some settings.

    Tasks that come to a worker one by one share it, and so the sockets that it keeps open; a fork
    has one of its own. Nobody closes it.
    """
    return _shared(os.getpid(), config)


@functools.lru_cache(maxsize=MAX_SHARED)
def _shared(pid: int, config: Config) -> RetryingTransport:  # noqa: ARG001  each process has its own
    return transport_of(config)
