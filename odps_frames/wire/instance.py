"""Statements handed to the service as instances (protocol.md §17.5, §17.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from odps_frames.model.table import InstanceRef
from odps_frames.wire import names, rest_answer, xml
from odps_frames.wire.http import Headers, Repeat, Request, Response, Site
from odps_frames.wire.job_document import Statement, decode_job, encode_job
from odps_frames.wire.reply import decode_error
from odps_frames.wire.rest_path import get, instance_path, project_path
from odps_frames.wire.sql_error import sql_error
from odps_frames.wire.task_result import (
    TaskResult,
    TaskStatus,
    decode_result_reply,
    encode_result_reply,
    results_document,
    task_status,
    tasks_of,
)
from odps_frames.wire.xml import element

if TYPE_CHECKING:
    from datetime import datetime

    from odps_frames.wire.reply import Reply

__all__ = [
    "InstanceStatus",
    "Statement",
    "TaskInfo",
    "TaskResult",
    "TaskStatus",
    "decode_progress_reply",
    "decode_result_reply",
    "decode_source_reply",
    "decode_status_reply",
    "decode_submit",
    "decode_submitted",
    "decode_tasks_reply",
    "encode_detail_reply",
    "encode_progress",
    "encode_progress_reply",
    "encode_result",
    "encode_result_reply",
    "encode_source",
    "encode_source_reply",
    "encode_status",
    "encode_status_reply",
    "encode_stop",
    "encode_stopped",
    "encode_submit",
    "encode_submitted",
    "encode_summary_reply",
    "encode_task_status",
    "encode_tasks_reply",
    "sql_error",
]


class InstanceStatus(StrEnum):
    """Whether an instance still runs; the value is its name on the wire."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"
    TERMINATED = "Terminated"


_STATUSES = {status.lower(): status for status in InstanceStatus}


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task of an instance."""

    name: str
    status: TaskStatus
    type: str = "SQL"


def encode_submit(project: str, statement: Statement) -> Request:
    """Hand a statement in; sent again only where it certainly did not arrive."""
    return Request(
        method="POST",
        path=project_path(project, "instances"),
        site=Site.REST,
        headers=Headers({"Content-Type": names.XML}),
        body=xml.serialize(element("Instance", encode_job(statement)), pretty=True),
        repeat=Repeat.UNSENT,
        operation="SubmitInstance",
    )


def decode_submit(request: Request) -> Statement:
    """Read a statement that was handed in.

    Raises
    ------
    ValueError
        When the body is not the document of one SQL task.
    """
    root = xml.parse(request.read_body())
    job = root.find("Job")
    if root.name != "Instance" or job is None:
        msg = f"<{root.name}> without a job; expected <Instance><Job>"
        raise ValueError(msg)
    return decode_job(job)


def encode_submitted(
    project: str,
    instance_id: str,
    *,
    base_url: str,
    request_id: str = "",
    results: tuple[TaskResult, ...] | None = None,
) -> Response:
    """Answer that a statement was taken; with ``results`` when it is already done."""
    path = f"/projects/{quote(project)}/instances/{quote(instance_id)}"
    location = base_url.rstrip("/") + path
    fields = {"Location": location}
    if results is not None:
        return rest_answer.xml_answer(
            results_document(results), status=201, headers=fields, request_id=request_id
        )
    return Response.of(b"", status=201, headers={names.REQUEST_ID: request_id, **fields})


def decode_submitted(response: Response) -> Reply[InstanceRef]:
    """Read which instance runs a statement, out of the ``Location`` field."""
    if not response.ok:
        raise decode_error(response)
    response.body.close()
    location = response.headers.get("Location", "")
    match [unquote(part) for part in urlsplit(location).path.rstrip("/").split("/")]:
        case [*_, "projects", project, "instances", instance] if project and instance:
            return rest_answer.reply_of(InstanceRef(project, instance), response)
    raise rest_answer.broken(
        response, f"Location {location!r}; expected '.../projects/P/instances/I'"
    )


def encode_status(instance: InstanceRef) -> Request:
    """Ask whether an instance still runs."""
    return get("GetInstanceStatus", instance_path(instance), (("instancestatus", ""),))


def encode_task_status(instance: InstanceRef) -> Request:
    """Ask how the tasks of an instance stand."""
    return get("GetTaskStatus", instance_path(instance), (("taskstatus", ""),))


def encode_result(instance: InstanceRef) -> Request:
    """Ask what an instance gave."""
    return get("GetInstanceResult", instance_path(instance), (("result", ""),))


def encode_source(instance: InstanceRef) -> Request:
    """Ask for the statement of an instance."""
    return get("GetInstanceSource", instance_path(instance), (("source", ""),))


def encode_progress(instance: InstanceRef, task: str = "AnonymousSQLTask") -> Request:
    """Ask how far a task is."""
    query = (("instanceprogress", task), ("taskname", task))
    return get("GetInstanceProgress", instance_path(instance), query)


def encode_stop(instance: InstanceRef) -> Request:
    """Ask to stop an instance."""
    status = element("Status", InstanceStatus.TERMINATED.value)
    return Request(
        method="PUT",
        path=instance_path(instance),
        site=Site.REST,
        headers=Headers({"Content-Type": names.XML}),
        body=xml.serialize(element("Instance", status), pretty=True),
        operation="StopInstance",
    )


def encode_stopped(*, request_id: str = "") -> Response:
    """Answer that an instance will stop."""
    return Response.of(b"", headers={names.REQUEST_ID: request_id})


def encode_status_reply(
    status: InstanceStatus,
    *,
    owner: str = "",
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    request_id: str = "",
) -> Response:
    """Answer whether an instance still runs."""
    root = element("Instance", element("Status", status.value))
    fields = _instance_headers(owner, started_at, ended_at)
    return rest_answer.xml_answer(root, headers=fields, request_id=request_id)


def decode_status_reply(response: Response) -> Reply[InstanceStatus]:
    """Read whether an instance still runs."""
    text = rest_answer.read_xml(response, "Instance").text_of("Status")
    status = _STATUSES.get((text or "").lower())
    if status is None:
        raise rest_answer.broken(
            response, f"status {text!r} of an instance; expected Running, Suspended or Terminated"
        )
    return rest_answer.reply_of(status, response)


def encode_tasks_reply(
    status: InstanceStatus,
    tasks: tuple[TaskInfo, ...],
    *,
    owner: str = "",
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    request_id: str = "",
) -> Response:
    """Answer how the tasks of an instance stand."""
    rows = [
        element(
            "Task",
            element("Name", task.name),
            element("StartTime", rest_answer.rfc822(started_at)),
            element("EndTime", rest_answer.rfc822(ended_at)),
            element("Status", task.status.value),
            element("Histories"),
            attributes={"Type": task.type},
        )
        for task in tasks
    ]
    root = element("Instance", element("Status", status.value), element("Tasks", *rows))
    fields = _instance_headers(owner, started_at, ended_at)
    return rest_answer.xml_answer(root, headers=fields, request_id=request_id)


def decode_tasks_reply(response: Response) -> Reply[tuple[TaskInfo, ...]]:
    """Read how the tasks of an instance stand."""
    root = rest_answer.read_xml(response, "Instance")
    found = tuple(
        TaskInfo(task.text_of("Name") or "", task_status(task), task.attributes.get("Type", "SQL"))
        for task in tasks_of(root)
    )
    return rest_answer.reply_of(found, response)


def encode_source_reply(statement: Statement, *, request_id: str = "") -> Response:
    """Answer with the statement of an instance."""
    return rest_answer.xml_answer(encode_job(statement), request_id=request_id)


def decode_source_reply(response: Response) -> Reply[Statement]:
    """Read the statement of an instance."""
    root = rest_answer.read_xml(response, "Job")
    try:
        return rest_answer.reply_of(decode_job(root), response)
    except ValueError as error:
        raise rest_answer.broken(response, f"the source of an instance: {error}") from None


def encode_progress_reply(percentage: int, *, request_id: str = "") -> Response:
    """Answer how far a task is, as one stage of one worker."""
    done = percentage >= 100  # noqa: PLR2004  all of it
    counts = {
        "BackupWorkers": 0,
        "TerminatedWorkers": int(done),
        "RunningWorkers": int(not done),
        "TotalWorkers": 1,
        "InputRecords": 0,
        "OutputRecords": 0,
        "FinishedPercentage": percentage,
    }
    rows = [element(name, str(count)) for name, count in counts.items()]
    root = element("Progress", element("Stage", *rows, attributes={"ID": "M1_job_0"}))
    return rest_answer.xml_answer(root, request_id=request_id)


def decode_progress_reply(response: Response) -> Reply[float]:
    """Read how far a task is: the mean of its stages, in percent."""
    root = rest_answer.read_xml(response, "Progress")
    stages = [
        rest_answer.whole_number(stage.text_of("FinishedPercentage")) or 0
        for stage in root.all("Stage")
    ]
    return rest_answer.reply_of(sum(stages) / len(stages) if stages else 0.0, response)


def encode_summary_reply(*, request_id: str = "") -> Response:
    """Answer with the summary of a task, of which nothing is known here."""
    document = {"Instance": {"JsonSummary": "{}", "Summary": ""}}
    return rest_answer.json_answer(document, request_id=request_id)


def encode_detail_reply(*, request_id: str = "") -> Response:
    """Answer with the detail of a task, of which nothing is known here."""
    return rest_answer.json_answer({"Instance": {}}, request_id=request_id)


def _instance_headers(
    owner: str, started_at: datetime | None, ended_at: datetime | None
) -> dict[str, str]:
    fields = {
        "x-odps-owner": owner,
        "x-odps-start-time": rest_answer.rfc822(started_at),
        "x-odps-end-time": rest_answer.rfc822(ended_at),
    }
    return {name: value for name, value in fields.items() if value}  # readers parse what is there
