from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from odps_frames.emulator.catalog.database import _FORM, Database
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


@pytest.mark.parametrize(("form", "which"), [(99, "a newer"), (1, "an older")])
def test_a_form_of_another_version_is_refused(
    tmp_path: Path, database: Database, form: int, which: str
) -> None:
    with database.write() as connection:
        connection.execute(f"PRAGMA user_version = {form}")
    database.close()
    with pytest.raises(ConfigError, match=f"form {form}; expected 3 to .* with {which} version"):
        Database(tmp_path / "catalog.sqlite")


def test_an_older_form_takes_the_steps_that_it_lacks(tmp_path: Path, database: Database) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"{_FORM} PRAGMA user_version = 3;")
        old.execute("INSERT INTO projects VALUES ('a', 0)")
        old.commit()
    raised = Database(path)
    assert names(raised) == ["a"]
    assert form_of(raised) == form_of(database)
    raised.close()


def form_of(database: Database) -> list[tuple[str, str]]:
    with database.read() as connection:
        return sorted(
            (row["name"], row["sql"])
            for row in connection.execute("SELECT name, sql FROM sqlite_schema")
        )


def test_a_step_that_fails_leaves_the_catalog_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"{_FORM} CREATE TABLE layouts (x); PRAGMA user_version = 3;")
    with pytest.raises(sqlite3.OperationalError, match="layouts"):
        Database(path)
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (3,)
        assert not old.execute("SELECT 1 FROM sqlite_schema WHERE name = 'replaced'").fetchone()


def test_a_catalog_that_was_overwritten_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"no catalog at all" * 400)
    with pytest.raises(ConfigError, match=r"cannot be read.*put back a copy"):
        Database(tmp_path / "catalog.sqlite")


def test_a_catalog_that_was_cut_is_refused(tmp_path: Path, database: Database) -> None:
    database.close()
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ConfigError, match="is damaged"):
        Database(path)


@pytest.mark.parametrize("what", ["missing", "empty", "another"])
def test_a_catalog_that_must_be_there_is_not_made_anew(tmp_path: Path, what: str) -> None:
    path = tmp_path / "catalog.sqlite"
    if what == "empty":
        path.touch()
    if what == "another":
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE something (x)")
    with pytest.raises(ConfigError, match="is damaged: it is missing or empty"):
        Database(path, may_be_new=False)
