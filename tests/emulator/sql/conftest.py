"""Queries over a few tables, as rows of plain values."""

from __future__ import annotations

import itertools
import json
from contextlib import contextmanager
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
from odps_frames.emulator.queries import AT_ONCE
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odps_frames.local import LocalClient
    from odps_frames.query import Query

CORPUS = json.loads((Path(__file__).parent / "corpus.json").read_text(encoding="utf-8"))
NUMBERS = itertools.count()
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


@dataclass(frozen=True)
class Place:
    """A schema of its own, in which a test changes tables as it likes."""

    client: LocalClient
    schema: str

    @property
    def hints(self) -> dict[str, str]:
        return {"odps.default.schema": self.schema}

    def run(self, *statements: str) -> Query:
        (*_, last) = [self.client.sql(sql, hints=self.hints) for sql in statements]
        return last

    def begin(self, sql: str) -> Query:
        return self.client.sql(sql, hints=self.hints, wait=False)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows in an order of their own, whatever the table has them in."""
        found = self.run(sql).result()
        return sorted((tuple(row.values()) for row in found.to_pylist()), key=repr)

    def fault(self, sql: str) -> of.OdpsError:
        with pytest.raises(of.OdpsError) as failed:
            self.run(sql)
        return failed.value

    def name(self, table: str) -> str:
        return f"proj.{self.schema}.{table}"

    def version(self, table: str) -> int:
        return self.client.table(self.name(table)).version

    def endless(self) -> str:
        """Return the end of a query that goes on as long as anybody waits."""
        name = f"many_{next(NUMBERS)}"
        rows = pa.table({"id": range(1000)})
        of.to_odps(rows, self.name(name), client=self.client, create=True)
        aliases = "abcdef"
        joined = " JOIN ".join(f"{name} {alias}" for alias in aliases)
        return f"FROM {joined} WHERE {' + '.join(f'{alias}.id' for alias in aliases)} < 0"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let every statement that takes its time wait for its turn, already understood."""
        # Queries that run as long would do it too, but may come to their turns after others.
        turns = self.client.service._instances._queries._turns  # noqa: SLF001  see above
        for _ in range(AT_ONCE):
            turns.acquire()
        try:
            yield
        finally:
            turns.release(AT_ONCE)


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
    if isinstance(value, dict):  # of a struct
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return {"map": [[plain(key), plain(item)] for key, item in value]}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def arrow_column(values: list[Any], type_: str) -> Any:
    def given(value: Any) -> Any:
        return [tuple(pair) for pair in value["map"]] if isinstance(value, dict) else value

    return pa.array([given(value) for value in values], normal_type(parse_type(type_)))


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """A service with the tables of the corpus, which no test changes."""
    yield from corpus_in(tmp_path_factory.mktemp("queries"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Answers]:
    """A service with the tables of the corpus, which the test may change."""
    yield from corpus_in(tmp_path)


def corpus_in(folder: Path) -> Iterator[Answers]:
    client = of.local(folder, project="proj")
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


@pytest.fixture
def place(answers: Answers) -> Place:
    schema = f"place_{next(NUMBERS)}"
    answers.client.create_schema(schema)
    return Place(answers.client, schema)
