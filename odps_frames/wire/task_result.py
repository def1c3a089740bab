"""What the tasks of an instance gave (protocol.md §17.6, §17.7)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from odps_frames.wire import documents, rest_answer
from odps_frames.wire.xml import Element, element

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odps_frames.wire.http import Response
    from odps_frames.wire.reply import Reply

__all__ = [
    "TaskResult",
    "TaskStatus",
    "decode_result_reply",
    "encode_result_reply",
    "results_document",
    "task_status",
    "tasks_of",
]


class TaskStatus(StrEnum):
    """Where a task stands; the value is its name on the wire."""

    WAITING = "Waiting"
    RUNNING = "Running"
    SUCCESS = "Success"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """What a task gave: ``text`` is CSV or, for definitions and failures, plain text."""

    name: str
    text: str
    format: str = "text"
    status: TaskStatus = TaskStatus.SUCCESS
    descriptor: Mapping[str, object] | None = None
    """Types of the CSV's columns, as the service writes them (protocol.md §17.7)."""


def encode_result_reply(results: tuple[TaskResult, ...], *, request_id: str = "") -> Response:
    """Answer what the tasks of an instance gave."""
    return rest_answer.xml_answer(results_document(results), request_id=request_id)


def decode_result_reply(response: Response) -> Reply[tuple[TaskResult, ...]]:
    """Read what the tasks of an instance gave."""
    root = rest_answer.read_xml(response, "Instance")
    try:
        found = tuple(map(_read_result, tasks_of(root)))
    except ValueError as error:
        raise rest_answer.broken(response, f"the result of an instance: {error}") from None
    return rest_answer.reply_of(found, response)


def results_document(results: tuple[TaskResult, ...]) -> Element:
    """Write what tasks gave; also the body of a statement that was done at once."""
    return element("Instance", element("Tasks", *map(_write_result, results)))


def _write_result(result: TaskResult) -> Element:
    text = base64.b64encode(result.text.encode()).decode()
    descriptor = (
        element("ResultDescriptor", json.dumps(dict(result.descriptor)), cdata=True)
        if result.descriptor is not None
        else None
    )
    return element(
        "Task",
        element("Name", result.name),
        element(
            "Result",
            text,
            # Texts of statements hold any character; XML does not.
            attributes={"Transform": "Base64", "Format": result.format},
            cdata=True,
        ),
        descriptor,
        element("Status", result.status.value),
        attributes={"Type": "SQL"},
    )


def _read_result(task: Element) -> TaskResult:
    node = task.find("Result") or element("Result")
    text = node.text
    if node.attributes.get("Transform") == "Base64":
        text = base64.b64decode("".join(text.split()), validate=True).decode()
    descriptor = task.text_of("ResultDescriptor")
    return TaskResult(
        name=task.text_of("Name") or "",
        text=text,
        format=node.attributes.get("Format", "text"),
        status=task_status(task),
        descriptor=documents.load(descriptor.encode()) if descriptor else None,
    )


def tasks_of(root: Element) -> tuple[Element, ...]:
    """Return the tasks in the document of an instance."""
    tasks = root.find("Tasks")
    return tuple(tasks.all("Task")) if tasks else ()


def task_status(task: Element) -> TaskStatus:
    """Read where a task stands, in any letter case; what nobody knows is UNKNOWN."""
    return _STATUSES.get((task.text_of("Status") or "").lower(), TaskStatus.UNKNOWN)


_STATUSES = {status.lower(): status for status in TaskStatus}
