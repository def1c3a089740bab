"""Statements handed to the service as instances (protocol.md §17.5, §17.6)."""
from __future__ import annotations
# Statement(frozen): sql: str, hints: Mapping[str,str] = {}, name: str = "AnonymousSQLTask", priority: int = 9, uuid: str
# InstanceStatus(StrEnum): RUNNING, SUSPENDED, TERMINATED
# TaskInfo(frozen): name, status: TaskStatus(StrEnum WAITING RUNNING SUCCESS FAILED SUSPENDED CANCELLED UNKNOWN), type="SQL"
# TaskResult(frozen): name, text: str, format: str ("text"|"csv"), status: TaskStatus
# encode_submit(project, statement) -> Request (repeat=UNSENT)   decode_submit(request) -> Statement
# encode_submitted(project, instance_id, *, base_url, request_id) -> Response (201 + Location)   decode_submitted(response) -> Reply[InstanceRef(...)]  (id = last path segment of Location)
# encode_status(ref)/encode_task_status(ref)/encode_result(ref)/encode_stop(ref) -> Request ; encode_/decode_ of the answers:
#   encode_status_reply(InstanceStatus, ...)/decode_status_reply; encode_tasks_reply(status, tuple[TaskInfo])/decode_tasks_reply; encode_result_reply(tuple[TaskResult])/decode_result_reply
# sql_error(text: str, instance_id: str) -> SqlError | ServiceError : reads "ODPS-0130131:[1,15] Table not found - ..." (code, line, column) → SqlError; NoSuchTable-like codes (0130131) → NotFound
