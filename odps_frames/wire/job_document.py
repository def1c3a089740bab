"""A statement as it is handed in: a job of one SQL task (protocol.md §17.5)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from odps_frames.wire import documents
from odps_frames.wire.xml import Element, element

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Statement", "decode_job", "encode_job"]

DEFAULT_PRIORITY = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A SQL statement, with the settings it is to run under."""

    sql: str
    hints: Mapping[str, str] = field(default_factory=dict)
    name: str = "AnonymousSQLTask"
    """Name of the task; definitions have names of their own, as ``SQLCreateTableTask``."""
    priority: int = DEFAULT_PRIORITY
    uuid: str = ""
    """Tells a repeated submission from a second one."""


def encode_job(statement: Statement) -> Element:
    """Write a ``<Job>``; a statement travels without blanks around it and ends with ``;``."""
    sql = statement.sql.strip()
    settings = json.dumps(dict(statement.hints))
    config = element(
        "Config",
        _property("settings", settings),
        _property("uuid", statement.uuid) if statement.uuid else None,
    )
    query = element("Query", sql if sql.endswith(";") else sql + ";", cdata=True)
    task = element("SQL", element("Name", statement.name), config, query)
    return element(
        "Job",
        element("Priority", str(statement.priority)),
        element("Tasks", task),
        element("DAG", element("RunMode", "Sequence")),
    )


def decode_job(job: Element) -> Statement:
    """Read a ``<Job>``; the statement keeps its ``;``.

    Raises
    ------
    ValueError
        When it has no SQL task, or settings that are not an object of texts.
    """
    tasks = job.find("Tasks")
    if tasks is None or [task.name for task in tasks.children] != ["SQL"]:
        names = [task.name for task in tasks.children] if tasks else []
        msg = f"a job with the tasks {names}; expected one task, SQL"
        raise ValueError(msg)
    (task,) = tasks.children
    properties = _properties(task)
    priority = job.text_of("Priority") or ""
    return Statement(
        sql=task.text_of("Query") or "",
        hints=_settings(properties.get("settings", "")),
        name=task.text_of("Name") or "AnonymousSQLTask",
        priority=int(priority) if priority.isascii() and priority.isdigit() else DEFAULT_PRIORITY,
        uuid=properties.get("uuid", ""),
    )


def _property(name: str, value: str) -> Element:
    return element("Property", element("Name", name), element("Value", value))


def _properties(task: Element) -> dict[str, str]:
    config = task.find("Config")
    return {
        item.text_of("Name") or "": item.text_of("Value") or ""
        for item in (config.all("Property") if config else ())
    }


def _settings(text: str) -> dict[str, str]:
    settings = documents.load(text.encode()) if text else {}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }
