"""Partitions renamed, merged and dropped: rows move whole, earlier versions stay as they were."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.model.read import Incremental
from odps_frames.model.splits import ByBucket, Split
from odps_frames.wire import catalog
from odps_frames.wire.instance import TaskStatus


def shown(service: Any, table: str = "t") -> list[str]:
    status, text = service.run(f"SHOW PARTITIONS {table}")
    assert status is TaskStatus.SUCCESS
    return list(text.splitlines())


def fails(service: Any, sql: str) -> str:
    status, text = service.run(sql)
    assert status is TaskStatus.FAILED
    return str(text)


def rows(service: Any, **spec: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in service.rows(**spec))


@pytest.fixture
def parted(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING, n INT)")
    service.write(pa.table({"a": [1, 2, 3, 4], "pt": ["x", "x", "y", "z"], "n": [1, 2, 1, 1]}))
    return service


def test_a_renamed_partition_has_its_rows(parted: Any) -> None:
    parted.clock.advance(hours=1)
    before = found_partition(parted, "x", 1)
    parted.sql("ALTER TABLE t PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='w',n=07)")
    assert shown(parted) == ["pt=w/n=7", "pt=x/n=2", "pt=y/n=1", "pt=z/n=1"]
    assert rows(parted) == [(1, "w", 7), (2, "x", 2), (3, "y", 1), (4, "z", 1)]
    after = found_partition(parted, "w", 7)
    assert (after.created_at, after.n_rows) == (before.created_at, 1)


def found_partition(service: Any, pt: str, n: int) -> Any:
    reply = catalog.decode_partitions(service.send(catalog.encode_list_partitions(service.ref())))
    (found,) = (one for one in reply.value.items if str(one.partition) == f"pt={pt},n={n}")
    return found


def test_an_earlier_session_has_the_old_name(parted: Any, open_service: Any) -> None:
    session = parted.open_read()
    parted.sql("ALTER TABLE t PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='w',n=1)")
    parted.sql("ALTER TABLE t MERGE PARTITION (n=1) OVERWRITE PARTITION (pt='all',n=0)")
    expected = [{"a": 1, "pt": "x", "n": 1}, {"a": 2, "pt": "x", "n": 2}]
    assert parted.read_split(Split(session.session_id)).to_pylist()[:2] == expected
    parted.emulator.close()
    again = open_service()
    assert again.read_split(Split(session.session_id)).to_pylist()[:2] == expected
    assert rows(again) == [(1, "all", 0), (2, "x", 2), (3, "all", 0), (4, "all", 0)]


def test_what_was_dropped_under_the_new_name_stays_gone(parted: Any) -> None:
    parted.sql("ALTER TABLE t DROP PARTITION (pt='z',n=1)")
    parted.sql("ALTER TABLE t PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='z',n=1)")
    assert rows(parted) == [(1, "z", 1), (2, "x", 2), (3, "y", 1)]
    parted.sql("ALTER TABLE t ADD PARTITION (pt='x',n=1)")
    assert rows(parted, partitions=("pt=x,n=1",)) == []


def test_merging_takes_the_place_of_what_is_there(parted: Any) -> None:
    parted.sql("ALTER TABLE t MERGE PARTITION (pt='x') OVERWRITE PARTITION (pt='y',n=1)")
    assert shown(parted) == ["pt=y/n=1", "pt=z/n=1"]
    assert rows(parted) == [(1, "y", 1), (2, "y", 1), (4, "z", 1)]


def test_merging_into_one_of_them_keeps_its_rows(parted: Any) -> None:
    parted.sql(
        "ALTER TABLE t MERGE PARTITION (pt='x',n=1), PARTITION (pt='y') "
        "OVERWRITE PARTITION (pt='x',n=1) PURGE"
    )
    assert shown(parted) == ["pt=x/n=1", "pt=x/n=2", "pt=z/n=1"]
    assert rows(parted) == [(1, "x", 1), (2, "x", 2), (3, "x", 1), (4, "z", 1)]


def test_merging_one_into_itself_changes_nothing(parted: Any) -> None:
    before = rows(parted)
    parted.sql("ALTER TABLE t MERGE PARTITION (pt='x',n=1) OVERWRITE PARTITION (pt='x',n=1)")
    assert rows(parted) == before


def test_rows_that_were_deleted_stay_deleted(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (id BIGINT NOT NULL, PRIMARY KEY (id)) PARTITIONED BY (pt STRING) "
        "TBLPROPERTIES ('transactional'='true')"
    )

    def write(*changes: tuple[int, int]) -> None:
        ids, marks = zip(*changes, strict=True)
        columns = {"id": list(ids), "pt": ["x"] * len(ids)}
        service.write(pa.table({**columns, "__operation": pa.array(marks, pa.int8())}))

    write((1, 85), (2, 85), (3, 85))
    write((2, 68))
    service.sql("ALTER TABLE t PARTITION (pt='x') RENAME TO PARTITION (pt='y')")
    assert rows(service) == [(1, "y"), (3, "y")]
    found = rows(service, incremental=Incremental(2, None))
    assert found == [(1, "x", 68), (1, "y", 85), (3, "x", 68), (3, "y", 85)]
    assert "transactional" in fails(
        service, "ALTER TABLE t MERGE PARTITION (pt='y') OVERWRITE PARTITION (pt='z')"
    )


def test_buckets_of_moved_rows_are_still_told_apart(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING) CLUSTERED BY (a) INTO 4 BUCKETS"
    )
    service.write(pa.table({"a": list(range(50)), "pt": ["x", "y"] * 25}))
    service.sql("ALTER TABLE t MERGE PARTITION (pt >= '') OVERWRITE PARTITION (pt='all')")
    assert [row[0] for row in rows(service)] == list(range(50))
    info = service.open_read(split_by=ByBucket())
    read = [
        service.read_split(Split(info.session_id, index))["a"].to_pylist()
        for index in range(info.n_splits)
    ]
    assert sorted(value for part in read for value in part) == list(range(50))


def test_a_statement_that_fails_leaves_no_files(parted: Any, tmp_path: Any) -> None:
    files = sorted((tmp_path / "tables" / "files").iterdir())
    script = (
        "ALTER TABLE t PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='w',n=1);"
        "ALTER TABLE t ADD PARTITION (pt='w',n=1)"
    )
    status, _ = parted.run(script, hints={"odps.sql.submit.mode": "script"})
    assert status is TaskStatus.FAILED
    assert rows(parted) == [(1, "x", 1), (2, "x", 2), (3, "y", 1), (4, "z", 1)]
    parted.emulator.close()
    assert set(files) <= set((tmp_path / "tables" / "files").iterdir())


def test_files_of_the_old_name_go_when_nobody_needs_them(
    parted: Any, tmp_path: Any, open_service: Any
) -> None:
    folder = tmp_path / "tables" / "files"
    parted.sql("ALTER TABLE t PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='w',n=1)")
    assert len(list(folder.iterdir())) == 5
    parted.clock.advance(days=3)
    parted.sql("CREATE TABLE other (a INT)")
    assert len(list(folder.iterdir())) == 4
    parted.emulator.close()
    assert rows(open_service()) == [(1, "w", 1), (2, "x", 2), (3, "y", 1), (4, "z", 1)]


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("PARTITION (pt='x') RENAME TO PARTITION (pt='w',n=1)", "0130071", "lacks a column"),
        ("PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='w')", "0130071", "lacks a column"),
        ("PARTITION (pt='q',n=1) RENAME TO PARTITION (pt='w',n=1)", "0110061", "not exist"),
        ("PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='y',n=1)", "0130221", "exists already"),
        ("PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='x',n=1)", "0130221", "exists already"),
        ("MERGE PARTITION (pt='q') OVERWRITE PARTITION (pt='x',n=1)", "0110061", "not exist"),
        ("MERGE PARTITION (pt='x') OVERWRITE PARTITION (pt='x')", "0130071", "lacks a column"),
        ("DROP PARTITION (a = 1)", "0130071", "a is no partition column; expected one of: pt, n"),
        ("DROP PARTITION (n LIKE '1')", "0130071", "LIKE of partition column n, a int"),
        ("DROP PARTITION (n > 'x')", "0130071", "not a whole number: 'x'"),
        ("DROP PARTITION (pt RLIKE '(')", "0130071", "RLIKE '('"),
        ("DROP PARTITION (substr(n, 1) = '1')", "0130071", "substr of partition column n"),
        ("TOUCH PARTITION (pt='q',n=1)", "0110061", "not exist"),
    ],
)
def test_what_cannot_be_done_to_partitions(parted: Any, sql: str, code: str, words: str) -> None:
    before = rows(parted), shown(parted)
    text = fails(parted, f"ALTER TABLE t {sql}")
    assert text.startswith(f"ODPS-{code}:[1,")
    assert words in text
    assert (rows(parted), shown(parted)) == before


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("pt='x'", ["y1", "z1"]),
        ("n=1", ["x2"]),
        ("n=01, pt<>'x'", ["x1", "x2"]),
        ("n in (1, 2), pt not in ('x', 'y')", ["x1", "x2", "y1"]),
        ("pt not like '_'", ["x1", "x2", "y1", "z1"]),
        ("pt not between 'x' and 'y'", ["x1", "x2", "y1"]),
        ("not (n > 1 or n = 1)", ["x1", "x2", "y1", "z1"]),
        ("pt == 'x' and pt != 'y'", ["y1", "z1"]),
        ("substr(pt, -1, 1) >= 'y'", ["x1", "x2"]),
        ("n < 1 + 1", None),
    ],
)
def test_conditions_choose_partitions(parted: Any, condition: str, left: list[str] | None) -> None:
    sql = f"ALTER TABLE t DROP IF EXISTS PARTITION ({condition})"
    if left is None:
        assert fails(parted, sql).startswith("ODPS-0130161:")
        return
    parted.sql(sql)
    assert [f"{pt}{n}" for _, pt, n in rows(parted)] == left


def test_dates_are_compared_as_dates(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT) PARTITIONED BY (d DATE)")
    service.sql("ALTER TABLE t ADD PARTITION (d='2026-01-31') PARTITION (d='2026-02-01')")
    service.sql("ALTER TABLE t DROP PARTITION (d < '2026-02-01')")
    assert shown(service) == ["d=2026-02-01"]
    assert "date" in fails(service, "ALTER TABLE t DROP PARTITION (d < 'yesterday')")


def test_truncating_by_a_condition_keeps_the_partitions(parted: Any) -> None:
    parted.sql("TRUNCATE TABLE t PARTITION (n > 1), PARTITION (pt='y')")
    assert rows(parted) == [(1, "x", 1), (4, "z", 1)]
    assert len(shown(parted)) == 4


def test_a_table_without_partitions_has_none_to_drop(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT)")
    assert "has no partitions" in fails(service, "ALTER TABLE t DROP PARTITION (a = 1)")
    assert "has no partitions" in fails(service, "TRUNCATE TABLE t PARTITION (a = 1)")


@pytest.mark.parametrize("partition", ["", " PARTITION (pt='x',n=1)"])
def test_small_files_are_joined(parted: Any, partition: str) -> None:
    for value in range(5):
        parted.write(pa.table({"a": [10 + value], "pt": ["x"], "n": [1]}))
    session = parted.open_read()
    before, version = rows(parted), parted.open_read().latest_version
    n_files = found_files(parted)
    parted.sql(f"ALTER TABLE t{partition} MERGE SMALLFILES")
    assert found_files(parted) == n_files - 5
    assert rows(parted) == before
    assert parted.open_read().latest_version == version
    assert parted.read_split(Split(session.session_id)).num_rows == len(before)
    since = rows(parted, incremental=Incremental(version - 1, None))
    assert since == [(14, "x", 1, 85)]
    parted.sql("ALTER TABLE t PARTITION (pt='x',n=1) RENAME TO PARTITION (pt='w',n=1)")
    assert len(rows(parted, partitions=("pt=w,n=1",))) == 6


def found_files(service: Any) -> int:
    plain = service.send(catalog.encode_get_table(service.ref()))
    known = catalog.decode_table(plain, service.ref()).value
    more = service.send(catalog.encode_get_table(service.ref(), extended=True))
    found = catalog.decode_table(more, service.ref(), known=known).value.n_files
    assert found is not None
    return int(found)


def test_files_of_two_types_of_a_column_are_joined_apart(parted: Any) -> None:
    parted.sql("ALTER TABLE t CHANGE COLUMN a a STRING")
    parted.sql("ALTER TABLE t ADD COLUMNS (b INT)")
    for value in ("p", "q"):
        parted.write(
            pa.table({"a": [value], "b": pa.array([1], pa.int32()), "pt": ["x"], "n": [1]})
        )
    before = rows(parted)
    parted.sql("ALTER TABLE t MERGE SMALLFILES")
    assert rows(parted) == before
    parted.sql("ALTER TABLE t DROP COLUMNS b")
    parted.sql("ALTER TABLE t MERGE SMALLFILES")
    assert [row[0] for row in rows(parted)] == ["1", "2", "3", "4", "p", "q"]


def test_compaction_is_of_transactional_tables(parted: Any) -> None:
    text = fails(parted, "ALTER TABLE t COMPACT MAJOR")
    assert "COMPACT MAJOR takes transactional tables" in text
    assert "not exist" in fails(parted, "ALTER TABLE t PARTITION (pt='q',n=1) MERGE SMALLFILES")
    parted.sql("CREATE TABLE u (a BIGINT) TBLPROPERTIES ('transactional'='true')")
    parted.write(pa.table({"a": [1]}), "u")
    parted.write(pa.table({"a": [2]}), "u")
    parted.sql("ALTER TABLE u COMPACT MINOR")
    parted.sql("ALTER TABLE u COMPACT MAJOR")
    assert sorted(row["a"] for row in parted.rows("u")) == [1, 2]
