"""A statement handed to the service, waited for, and stopped when its caller is."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.errors import OdpsError, ServiceUnavailable, SqlError
from odps_frames.wire.instance import (
    InstanceStatus,
    Statement,
    TaskStatus,
    decode_progress_reply,
    decode_result_reply,
    decode_status_reply,
    decode_submitted,
    decode_tasks_reply,
    encode_progress,
    encode_result,
    encode_status,
    encode_stop,
    encode_submit,
    encode_task_status,
    sql_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.model.table import InstanceRef
    from odps_frames.transport.base import Transport
    from odps_frames.transport.retry import RetryPolicy

__all__ = [
    "await_end",
    "how_far",
    "raise_failure",
    "run_statement",
    "status_of",
    "stop",
    "submit",
    "text_of",
]

POLL_SECONDS = 0.02
MAX_POLL_SECONDS = 2.0


def submit(transport: Transport, project: str, statement: Statement) -> InstanceRef:
    """Hand a statement in; it is sent once, so that nothing runs twice.

    Raises
    ------
    ServiceUnavailable
        When no answer came: the statement may be running, and the error says how to find it.
    """
    statement = replace(statement, uuid=statement.uuid or str(uuid.uuid4()))
    try:
        return decode_submitted(transport.send(encode_submit(project, statement))).value
    except ServiceUnavailable as lost:
        if not lost.sent:
            raise
        raise ServiceUnavailable(
            f"no answer to the statement {_short(statement.sql)!r} came, and it may be running; it "
            f"was not sent again. Look for it among the instances of project {project!r} "
            f"(SHOW INSTANCES, or Logview) by its uuid {statement.uuid}, and stop or read it "
            f"there, before it is run again: {lost.message}",
            status=lost.status,
            code=lost.code,
            request_id=lost.request_id,
            attempts=lost.attempts,
        ) from lost


def await_end(
    transport: Transport,
    instance: InstanceRef,
    *,
    policy: RetryPolicy,
    timeout: float | None = None,
    report: Callable[[float], None] | None = None,
) -> None:
    """Wait for the end of a statement; stopping the caller stops the statement.

    Asks first after 20 ms, later every 2 s.

    Raises
    ------
    TimeoutError
        When it still runs after so many seconds; it goes on.
    """
    seconds = POLL_SECONDS
    end = None if timeout is None else policy.clock() + timeout
    try:
        while status_of(transport, instance) is not InstanceStatus.TERMINATED:
            if end is not None and policy.clock() >= end:
                msg = f"instance {instance.instance} still runs after {timeout:g} s"
                raise TimeoutError(msg)
            if report is not None:
                report(how_far(transport, instance))
            policy.sleep(seconds if end is None else min(seconds, max(end - policy.clock(), 0)))
            seconds = min(seconds * 1.5, MAX_POLL_SECONDS)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        with contextlib.suppress(OdpsError, OSError):  # the caller is to learn what stopped it
            stop(transport, instance)
        raise


def raise_failure(transport: Transport, instance: InstanceRef) -> None:
    """Make sure that a statement which ended did so well.

    Raises
    ------
    SqlError
        When it failed, with the instance, and the line and column where the service says them.
    NotFound, PermissionDenied
        When it failed for these reasons.
    """
    tasks = decode_tasks_reply(transport.send(encode_task_status(instance))).value
    for task in tasks:
        if task.status is not TaskStatus.SUCCESS:
            raise _failure(transport, instance, task.status)


def run_statement(
    transport: Transport, project: str, statement: Statement, *, policy: RetryPolicy
) -> InstanceRef:
    """Run a statement to its end; see `submit`, `await_end` and `raise_failure`."""
    instance = submit(transport, project, statement)
    await_end(transport, instance, policy=policy)
    raise_failure(transport, instance)
    return instance


def status_of(transport: Transport, instance: InstanceRef) -> InstanceStatus:
    """Ask whether a statement still runs."""
    return decode_status_reply(transport.send(encode_status(instance))).value


def how_far(transport: Transport, instance: InstanceRef) -> float:
    """Ask how far a statement is, in percent."""
    return decode_progress_reply(transport.send(encode_progress(instance))).value


def text_of(transport: Transport, instance: InstanceRef) -> str:
    """Ask for what a statement gave, as text."""
    results = decode_result_reply(transport.send(encode_result(instance))).value
    return "\n".join(result.text for result in results if result.text)


def stop(transport: Transport, instance: InstanceRef) -> None:
    """Ask to stop a statement."""
    with transport.send(encode_stop(instance)) as response:
        if not response.ok:
            decode_status_reply(response)


def _failure(transport: Transport, instance: InstanceRef, status: TaskStatus) -> OdpsError:
    text = text_of(transport, instance)
    if status is TaskStatus.CANCELLED:
        return SqlError(f"the statement was cancelled: {text}", instance_id=instance.instance)
    return sql_error(text, instance.instance)


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004  letters of a message
