"""Queries over a few tables, as rows of plain values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.client import CURRENT
from odps_frames.convert.arrow import normal_type
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odps_frames.local import LocalClient

CORPUS = json.loads((Path(__file__).parent / "corpus.json").read_text(encoding="utf-8"))
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Answers:
    """What the service answers to queries."""

    client: LocalClient

    def table(self, sql: str, **hints: str) -> pa.Table:
        dotted = {name.replace("_", "."): value for name, value in hints.items()}
        return self.client.sql(sql, hints=dotted).result()

    def rows(self, sql: str, **hints: str) -> list[list[Any]]:
        """Return the rows, with values as the corpus writes them."""
        return self.given(sql, {name.replace("_", "."): value for name, value in hints.items()})

    def given(self, sql: str, hints: Mapping[str, str]) -> list[list[Any]]:
        """Return the rows under hints of any name."""
        found = self.client.sql(sql, hints=hints).result()
        return [list(map(plain, row.values())) for row in found.to_pylist()]

    def types(self, sql: str) -> dict[str, str]:
        """Return the columns of the result with their types."""
        return {c.name: str(c.type) for c in self.client.sql(sql).scan().schema}

    def fault(self, sql: str, **hints: str) -> of.SqlError:
        """Return the error of a query that fails."""
        with pytest.raises(of.SqlError) as failed:
            self.table(sql, **hints)
        return failed.value


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        shown = value.replace(tzinfo=UTC).astimezone(ZONE).replace(tzinfo=None)
        return {"datetime": str(shown)[:26]}  # the corpus writes no finer digits
    if isinstance(value, date):
        return {"date": str(value)}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return value


def arrow_column(values: list[Any], type_: str) -> Any:
    def given(value: Any) -> Any:
        return [tuple(pair) for pair in value["map"]] if isinstance(value, dict) else value

    return pa.array([given(value) for value in values], normal_type(parse_type(type_)))


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """A service with the tables of the corpus."""
    client = of.local(tmp_path_factory.mktemp("queries"), project="proj")
    CURRENT.forget(client)
    for name, table in CORPUS["tables"].items():
        partitions = table.get("partitions", {})
        columns = {**table["columns"], **partitions}
        client.create_table(name, table["columns"], partition_by=partitions or None)
        data = {
            column: arrow_column([row[place] for row in table["rows"]], type_)
            for place, (column, type_) in enumerate(columns.items())
        }
        of.to_odps(pa.table(data), name, client=client, partition_cols=list(partitions) or None)
    yield Answers(client)
    client.close()
