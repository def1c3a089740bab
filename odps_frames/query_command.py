"""``odps-frames sql``: a query on the command line."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pandas as pd

from odps_frames.sources import query_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.client import Client

__all__ = ["answer_lines"]

MIN_WIDTH = 20


def answer_lines(
    client: Client, sql: str, *, as_json: bool, limit: int | None, width: int
) -> Iterator[str]:
    """Run a statement and yield what is to be printed.

    Rows are JSON objects, one a line and all of them, or a table that fits into ``width``;
    of other statements, their text.
    """
    try:
        is_query = query_in(sql) is not None
    except ValueError:
        is_query = False
    query = client.sql(sql)
    if not is_query:
        yield json.dumps({"text": query.text}, ensure_ascii=False) if as_json else query.text
        return
    scan = query.scan()
    if as_json:
        reader = (scan if limit is None else scan.limit(limit)).to_batches()
        for batch in reader:
            for row in batch.to_pylist(maps_as_pydicts="strict"):
                yield json.dumps(_plain(row), ensure_ascii=False, allow_nan=False)
        return
    shown = 100 if limit is None else limit
    frame = scan.limit(shown + 1).to_pandas()
    with pd.option_context(
        *("display.width", max(width, MIN_WIDTH), "display.max_columns", 0),
        *("display.max_rows", None, "display.show_dimensions", False),
        *("display.max_colwidth", max(width // 2, MIN_WIDTH)),
    ):
        head = frame.head(shown)
        yield head.to_string(index=False) if frame.empty else repr(head)
    more = "+" if len(frame) > shown else ""
    yield f"{min(len(frame), shown)}{more} rows"


def _plain(value: object) -> object:
    """Return a value as JSON can hold it; what it has no word for becomes text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return value.hex()
        case dict():
            return {_name(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return str(value)


def _name(key: object) -> str:
    """Return the key of a map as JSON writes it."""
    found = _plain(key)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
