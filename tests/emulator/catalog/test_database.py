from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from odps_frames.emulator.catalog.database import Database
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "catalog.sqlite")
    yield database
    database.close()


def add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO projects VALUES (?, 0)", (name,))


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM projects")]


def test_what_is_written_is_there_after_a_restart(tmp_path: Path, database: Database) -> None:
    add(database, "a")
    database.close()
    again = Database(tmp_path / "catalog.sqlite")
    assert names(again) == ["a"]
    again.close()


def test_a_failure_undoes_all_of_a_transaction(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO projects VALUES ('a', 0)")
            connection.execute("INSERT INTO projects VALUES ('a', 0)")

    with pytest.raises(sqlite3.IntegrityError):
        fail()
    assert names(database) == []
    add(database, "c")
    assert names(database) == ["c"]


def test_a_reader_has_one_view(database: Database) -> None:
    add(database, "a")
    with database.read() as connection:
        query = "SELECT count(*) FROM projects"
        assert connection.execute(query).fetchone()[0] == 1
        add(database, "b")
        assert connection.execute(query).fetchone()[0] == 1
    assert names(database) == ["a", "b"]


def test_writers_take_turns(database: Database) -> None:
    threads = [threading.Thread(target=add, args=(database, str(n))) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 20


def test_readers_that_are_busy_at_the_end_close_after_themselves(database: Database) -> None:
    with database.read() as connection:
        database.close()
        assert connection.execute("SELECT 1").fetchone()[0] == 1
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


def test_everything_is_brought_to_the_disk(database: Database) -> None:
    with database.write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_form_of_another_version_is_refused(tmp_path: Path, database: Database) -> None:
    with database.write() as connection:
        connection.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ConfigError, match="form 99; expected 3"):
        Database(tmp_path / "catalog.sqlite")
