"""Queries of an unmodified pyodps: run, followed, read in each of its ways, stopped."""

from __future__ import annotations

import warnings
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from odps.config import option_context  # type: ignore[import-untyped]

import odps_frames as of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.client import Client

    Sides = Any  # the class of a fixture, which no test module can import

N_ROWS = 12_345
TEXTS = ["a", None, 'q"\\x', "杭 州\n", ""]
ROWS = pa.table({"id": range(N_ROWS), "s": [TEXTS[n % len(TEXTS)] for n in range(N_ROWS)]})
ENDLESS = "SELECT count(*) FROM {0} a JOIN {0} b JOIN {0} c WHERE a.id + b.id + c.id < 0"


@pytest.fixture
def filled(ours: Client, table: str) -> Iterator[str]:
    of.to_odps(ROWS, table, client=ours, create=True)
    yield table
    ours.drop_table(table)


def read(session: Any, **options: Any) -> pa.Table:
    with session.open_arrow_reader(task_name="AnonymousSQLTask_", **options) as reader:
        return pa.Table.from_batches(list(reader))


def test_results_are_read_over_the_storage_api(sides: Sides, filled: str) -> None:
    instance = sides.theirs.execute_sql(f"SELECT * FROM {filled} ORDER BY id")
    session = sides.storage.create_instance_read_session(instance.id)
    assert session.record_count == N_ROWS
    assert [column.name for column in session.table_schema.columns] == ["id", "s"]
    assert read(session).equals(ROWS)
    again = sides.storage.create_instance_read_session(instance.id, session_id=session.id)
    assert (again.id, again.record_count) == (session.id, N_ROWS)
    for codec in ("zstd", "lz4"):
        part = read(again, offset=100, count=5, columns=["s"], compress_algo=codec)
        assert part.equals(ROWS.select(["s"]).slice(100, 5))


def test_a_limit_that_is_allowed_holds(sides: Sides, filled: str) -> None:
    instance = sides.theirs.execute_sql(f"SELECT * FROM {filled} ORDER BY id")
    session = sides.storage.create_instance_read_session(instance.id, enable_limit=True)
    assert session.record_count == 10_000
    assert read(session, enable_limit=True).num_rows == 10_000


def test_results_are_read_as_text(theirs: Any, filled: str) -> None:
    instance = theirs.execute_sql(f"SELECT * FROM {filled} ORDER BY id LIMIT 5")
    with instance.open_reader(tunnel=False) as reader:
        assert [list(record.values) for record in reader] == [
            [n, text] for n, text in enumerate(TEXTS)
        ]


def test_texts_that_are_not_all_are_not_given_as_all(theirs: Any, filled: str) -> None:
    instance = theirs.execute_sql(f"SELECT * FROM {filled} ORDER BY id")
    with pytest.raises(odps.errors.NotSupportedError, match="truncated"):
        instance.open_reader(tunnel=False, limit=False)
    with instance.open_reader(tunnel=False, limit=True) as reader:
        assert sum(1 for _ in reader) == 10_000


def test_values_as_text(theirs: Any) -> None:
    instance = theirs.execute_sql(
        "SELECT date'2020-01-02' d, datetime'2020-01-02 03:04:05' t, 1.50BD x, true b, "
        "array(1, 2) l, map('k', 1) m, 0.1 f, cast(null AS bigint) n",
        hints={"odps.sql.timezone": "UTC"},
    )
    with option_context() as options, instance.open_reader(tunnel=False) as reader:
        options.local_timezone = False
        (record,) = reader
    assert list(record.values) == [
        date(2020, 1, 2),
        datetime(2020, 1, 2, 3, 4, 5),  # noqa: DTZ001  as text they have no zone
        Decimal("1.5"),
        True,
        [1, 2],
        {"k": 1},
        0.1,
        None,
    ]


def test_records_of_the_tunnel_or_of_text(theirs: Any, filled: str) -> None:
    """It tries the tunnel, and takes the text where there is none."""
    instance = theirs.execute_sql(f"SELECT id FROM {filled} ORDER BY id LIMIT 3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with instance.open_reader() as reader:
            assert [record[0] for record in reader] == [0, 1, 2]


@pytest.mark.parametrize(
    ("sql", "kind", "words"),
    [
        ("SELECT * FROM no_such_table", odps.errors.NoSuchTable, r"\[1,15\] Table not found"),
        ("SELECT nope FROM {}", odps.errors.ODPSError, r"ODPS-0130071:\[1,8\]"),
        ("SELECT (1", odps.errors.ParseError, r"ODPS-0130161:\[1,9\]"),
        ("SELECT nothing(1)", odps.errors.ODPSError, "function nothing cannot be resolved"),
    ],
)
def test_errors(theirs: Any, filled: str, sql: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        theirs.execute_sql(sql.format(filled))


def test_a_query_is_followed_and_stopped(theirs: Any, filled: str) -> None:
    instance = theirs.run_sql(ENDLESS.format(filled))
    assert instance.is_running()
    assert instance.get_task_progress(
        instance.get_task_names()[0]
    ).get_stage_progress_formatted_string()
    assert instance.get_sql_query().strip().startswith("SELECT count(*)")
    instance.stop()
    instance.wait_for_completion(interval=0.1)
    assert instance.is_terminated()
    assert not instance.is_successful()


def test_hints_reach_the_query(theirs: Any) -> None:
    sql = "SELECT cast(from_unixtime(0) AS STRING) AS at"
    with theirs.execute_sql(sql, hints={"odps.sql.timezone": "UTC"}).open_reader(
        tunnel=False
    ) as reader:
        assert [record[0] for record in reader] == ["1970-01-01 00:00:00"]


def test_a_query_of_ours_is_read_by_theirs(sides: Sides, filled: str) -> None:
    query = sides.ours.sql(f"SELECT id FROM {filled} ORDER BY id DESC")
    session = sides.storage.create_instance_read_session(query.id)
    assert read(session)["id"].to_pylist() == list(range(N_ROWS - 1, -1, -1))
    assert theirs_says(sides, query.id) == query.sql + ";"


def theirs_says(sides: Sides, instance: str) -> str:
    return str(sides.theirs.get_instance(instance).get_sql_query())
