"""Which kind of write session is asked for, and whether this service could have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odps_frames.errors import ConfigError
from odps_frames.model.write import AUTO_COMMIT, WriteMode
from odps_frames.write.block_session import BlockSession
from odps_frames.write.session import WriteSession

if TYPE_CHECKING:
    from odps_frames.model.write import WriteSpec
    from odps_frames.transport.base import Transport
    from odps_frames.transport.retry import Meter, RetryPolicy
    from odps_frames.wire.envelope import Envelope

__all__ = ["open_write_session"]


def open_write_session(
    transport: Transport,
    spec: WriteSpec,
    envelope: Envelope,
    *,
    session_id: str | None = None,
    autocommit: bool | None = None,
    policy: RetryPolicy | None = None,
    meter: Meter | None = None,
) -> WriteSession:
    """Make a write session, or join one.

    Parameters
    ----------
    spec : WriteSpec
        What is to be written, and how.
    session_id : str, optional
        The session to join.
    autocommit : bool, optional
        In the streaming modes: whether rows are visible as they are taken, which is the usual
        (the session ``default``, made by nobody), or with the commit of a session made for them.

    Raises
    ------
    ConfigError
        For a mode that the version of the API does not have.
    ValueError
        For a combination that no session has.
    """
    if spec.mode.streams and envelope.api_version == "2":
        raise ConfigError(
            f"mode={spec.mode.name.lower()!r} needs version 3 of the Storage API, and this client "
            "speaks version '2'; make one with connect(api_version='3')"
        )
    if autocommit is not None and not spec.mode.streams:
        raise ValueError(
            f"autocommit={autocommit} in mode {spec.mode.name.lower()!r}; only the streaming modes "
            "have it"
        )
    kind = BlockSession if spec.mode is WriteMode.BATCH_COMPATIBLE else WriteSession
    if session_id is None and spec.mode.streams and autocommit is not False:
        _check_auto_commit(spec)
        return kind(transport, spec, AUTO_COMMIT, envelope, policy=policy, meter=meter)
    if session_id is None:
        return kind.create(transport, spec, envelope, policy=policy, meter=meter)
    if autocommit:
        raise ValueError(
            f"autocommit=True for session {session_id!r}, which is committed; leave it"
        )
    for name, value in (("overwrite", spec.overwrite), ("flags", spec.flags)):
        if value:
            raise ValueError(
                f"{name}={value!r} for session {session_id!r}, which was made already, with it or "
                "without; leave it out"
            )
    return kind.attach(transport, spec, session_id, envelope, policy=policy, meter=meter)


def _check_auto_commit(spec: WriteSpec) -> None:
    said = {
        "partition": spec.partition,
        "overwrite": spec.overwrite,
        "schema_evolution": spec.schema_evolution,
        "flags": spec.flags,
    }
    for name, value in said.items():
        if value:
            raise ValueError(
                f"{name}={value!r} for rows that are visible as they are taken: that session is "
                "made by nobody, so nothing can be said to it; leave it out, or autocommit=False"
            )
