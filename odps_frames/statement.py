"""A statement handed to the service, and waited for."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from odps_frames.errors import OdpsError, SqlError
from odps_frames.wire.instance import (
    InstanceStatus,
    Statement,
    TaskStatus,
    decode_result_reply,
    decode_status_reply,
    decode_submitted,
    decode_tasks_reply,
    encode_result,
    encode_status,
    encode_stop,
    encode_submit,
    encode_task_status,
    sql_error,
)

if TYPE_CHECKING:
    from odps_frames.model.table import InstanceRef
    from odps_frames.transport.base import Transport
    from odps_frames.transport.retry import RetryPolicy

__all__ = ["run_statement"]

POLL_SECONDS = 0.02
MAX_POLL_SECONDS = 2.0


def run_statement(
    transport: Transport, project: str, statement: Statement, *, policy: RetryPolicy
) -> InstanceRef:
    """Run a statement to its end; stopping the caller stops the statement.

    Raises
    ------
    SqlError
        When it failed, with the instance, and the line and column where the service says them.
    NotFound, PermissionDenied
        When it failed for these reasons.
    """
    statement = replace(statement, uuid=statement.uuid or str(uuid.uuid4()))
    submitted = decode_submitted(transport.send(encode_submit(project, statement)))
    instance = submitted.value
    seconds = POLL_SECONDS
    try:
        while _status(transport, instance) is not InstanceStatus.TERMINATED:
            policy.sleep(seconds)
            seconds = min(seconds * 1.5, MAX_POLL_SECONDS)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        transport.send(encode_stop(instance)).body.close()
        raise
    tasks = decode_tasks_reply(transport.send(encode_task_status(instance))).value
    for task in tasks:
        if task.status is not TaskStatus.SUCCESS:
            raise _failure(transport, instance, task.status)
    return instance


def _status(transport: Transport, instance: InstanceRef) -> InstanceStatus:
    return decode_status_reply(transport.send(encode_status(instance))).value


def _failure(transport: Transport, instance: InstanceRef, status: TaskStatus) -> OdpsError:
    results = decode_result_reply(transport.send(encode_result(instance))).value
    text = "\n".join(result.text for result in results if result.text)
    if status is TaskStatus.CANCELLED:
        return SqlError(f"the statement was cancelled: {text}", instance_id=instance.instance)
    return sql_error(text, instance.instance)
