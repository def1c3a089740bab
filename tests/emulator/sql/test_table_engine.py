"""What is said of tables as a whole: names, owners, comments, properties, buckets, lifecycle."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.errors import Conflict, NotFound
from odps_frames.model.buckets import Buckets
from odps_frames.model.read import Incremental
from odps_frames.model.splits import ByBucket, Split
from odps_frames.wire import catalog
from odps_frames.wire.instance import TaskStatus


def described(service: Any, name: str = "t", *, extended: bool = False) -> Any:
    ref = service.ref(name)
    plain = catalog.decode_table(service.send(catalog.encode_get_table(ref)), ref).value
    if not extended:
        return plain
    more = service.send(catalog.encode_get_table(ref, extended=True))
    return catalog.decode_table(more, ref, known=plain).value


def fails(service: Any, sql: str) -> str:
    status, text = service.run(sql)
    assert status is TaskStatus.FAILED
    return str(text)


def numbers(*values: int) -> pa.Table:
    return pa.table({"a": pa.array(values, pa.int64())})


@pytest.fixture
def table(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(numbers(1, 2))
    return service


def test_a_renamed_table_has_its_rows_and_its_sessions_do_not_find_it(table: Any) -> None:
    session = table.open_read()
    table.sql("ALTER TABLE t RENAME TO u")
    assert [row["a"] for row in table.rows("u")] == [1, 2]
    with pytest.raises(NotFound):
        table.read_split(Split(session.session_id))
    kept = table.read_split(Split(session.session_id), "u")
    assert kept["a"].to_pylist() == [1, 2]


def test_names_in_full_may_be_said_of_the_new_one(table: Any) -> None:
    table.sql("ALTER TABLE demo.t RENAME TO demo.default.u")
    table.sql("ALTER TABLE u RENAME TO demo.v")
    assert described(table, "v").ref.table == "v"


def test_a_table_stays_in_its_schema(table: Any) -> None:
    table.sql("CREATE SCHEMA s")
    assert "RENAME leaves it in its schema" in fails(table, "ALTER TABLE t RENAME TO demo.s.t")
    table.sql("CREATE TABLE demo.s.t (a INT)")
    table.sql("ALTER TABLE demo.s.t RENAME TO u")
    assert table.run("SHOW TABLES IN demo.s")[1] == "ALIYUN$local:u"


def test_no_version_comes_twice_under_a_name(table: Any) -> None:
    """Who reads the changes of a name, version by version, must not be led astray by RENAME."""
    for value in range(3):
        table.write(numbers(value))
    before = described(table, extended=True).data_version
    table.sql("CREATE TABLE u (a BIGINT)")
    table.write(numbers(7), "u")
    table.sql("DROP TABLE t")
    table.sql("ALTER TABLE u RENAME TO t")
    renamed = described(table, extended=True).data_version
    assert renamed > before
    table.write(numbers(8))
    found = table.read(incremental=Incremental(renamed, None))
    assert found["a"].to_pylist() == [8]
    assert sorted(row["a"] for row in table.rows()) == [7, 8]
    table.sql("CREATE TABLE u (a BIGINT)")
    assert described(table, "u", extended=True).data_version > 1


def test_a_view_under_the_name_of_a_table_leads_nobody_astray(table: Any) -> None:
    version = described(table, extended=True).data_version
    table.sql("DROP TABLE t")
    table.sql("CREATE VIEW v AS SELECT 1 AS a")
    table.sql("ALTER VIEW v RENAME TO t")
    table.sql("DROP VIEW t")
    table.sql("CREATE TABLE t (a BIGINT)")
    assert described(table, extended=True).data_version > version


def test_comment_owner_and_lifecycle_are_changed(table: Any) -> None:
    table.sql("ALTER TABLE t SET COMMENT 'it''s new'")
    table.sql("ALTER TABLE t CHANGEOWNER TO 'ALIYUN$somebody@example.com'")
    table.sql("ALTER TABLE t SET LIFECYCLE 30")
    info = described(table)
    assert (info.comment, info.owner) == ("it's new", "ALIYUN$somebody@example.com")
    assert info.lifecycle == 30
    assert "expected an account" in fails(table, "ALTER TABLE t CHANGEOWNER TO ' '")


def test_definitions_and_rows_have_times_of_their_own(table: Any) -> None:
    before = described(table)
    table.clock.advance(hours=1)
    table.sql("ALTER TABLE t SET COMMENT 'x'")
    table.clock.advance(hours=1)
    table.sql("ALTER TABLE t TOUCH")
    after = described(table)
    assert (after.ddl_at - before.ddl_at).total_seconds() == 3600
    assert (after.modified_at - before.modified_at).total_seconds() == 7200
    assert after.created_at == before.created_at


def test_properties_come_and_go(table: Any) -> None:
    table.sql("ALTER TABLE t SET TBLPROPERTIES ('a'='1', \"b\"='2')")
    table.sql("ALTER TABLE t SET TBLPROPERTIES ('b'='3')")
    assert described(table).properties == {"a": "1", "b": "3"}
    table.sql("ALTER TABLE t UNSET TBLPROPERTIES ('a')")
    assert described(table).properties == {"b": "3"}
    assert "no property 'a'; expected one of: b" in fails(
        table, "ALTER TABLE t UNSET TBLPROPERTIES ('a')"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SET TBLPROPERTIES ('transactional'='false')",
        "SET TBLPROPERTIES ('write.bucket.num'='8')",
        "UNSET TBLPROPERTIES ('transactional')",
    ],
)
def test_a_table_with_a_key_stays_one(service: Any, sql: str) -> None:
    service.sql(
        "CREATE TABLE t (id INT NOT NULL, PRIMARY KEY (id)) TBLPROPERTIES "
        "('transactional'='true', 'write.bucket.num'='4')"
    )
    assert "cannot be changed" in fails(service, f"ALTER TABLE t {sql}")
    service.sql("ALTER TABLE t SET TBLPROPERTIES ('acid.data.retain.hours'='72')")
    assert described(service, extended=True).retain_hours == 72


def test_an_empty_table_is_clustered_anew(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT, b STRING)")
    service.sql("ALTER TABLE t CLUSTERED BY (a) SORTED BY (b DESC) INTO 4 BUCKETS")
    wanted = Buckets(columns=("a",), n=4, sorted_by=("b DESC",))
    assert described(service, extended=True).buckets == wanted
    service.write(pa.table({"a": list(range(20)), "b": ["x"] * 20}))
    info = service.open_read(split_by=ByBucket())
    found = [
        service.read_split(Split(info.session_id, index))["a"].to_pylist()
        for index in range(info.n_splits)
    ]
    assert sorted(value for part in found for value in part) == list(range(20))


def test_rows_in_no_bucket_are_never_lost_to_buckets(table: Any) -> None:
    clustered = "ALTER TABLE t CLUSTERED BY (a) INTO 4 BUCKETS"
    assert "which has rows, is not supported here" in fails(table, clustered)
    table.sql("TRUNCATE TABLE t")
    session = table.open_session()
    stream, _ = table.open_stream(session)
    table.send_rows(stream, numbers(5))
    table.close_stream(stream)
    assert "which has rows, is not supported here" in fails(table, clustered)
    table.abort(session)
    table.sql(clustered)


def test_a_stream_that_knows_no_buckets_is_refused(table: Any) -> None:
    table.sql("TRUNCATE TABLE t")
    session = table.open_session()
    stream, _ = table.open_stream(session)
    table.sql("ALTER TABLE t RANGE CLUSTERED BY (a) INTO 4 BUCKETS")
    with pytest.raises(Conflict):
        table.send_rows(stream, numbers(5))


def test_buckets_are_given_up_with_rows_in_them(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT) CLUSTERED BY (a) INTO 4 BUCKETS")
    service.write(numbers(*range(10)))
    service.sql("ALTER TABLE t NOT CLUSTERED")
    service.sql("ALTER TABLE t NOT CLUSTERED")
    service.write(numbers(10))
    assert described(service, extended=True).buckets is None
    assert sorted(row["a"] for row in service.rows()) == list(range(11))
    assert "which has rows" in fails(service, "ALTER TABLE t CLUSTERED BY (a) INTO 2 BUCKETS")


def test_buckets_need_columns_that_are_there(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT, b DOUBLE)")
    for column, words in (("c", "there is no data column c"), ("b", "of type double")):
        assert words in fails(service, f"ALTER TABLE t CLUSTERED BY ({column}) INTO 2 BUCKETS")


def test_like_copies_all_that_a_table_says_but_its_lifecycle_and_rows(service: Any) -> None:
    service.sql(
        "CREATE TABLE t (a BIGINT NOT NULL DEFAULT 7 COMMENT 'A', b STRING) COMMENT 'tab' "
        "PARTITIONED BY (pt STRING COMMENT 'P') CLUSTERED BY (a) SORTED BY (a) INTO 4 BUCKETS "
        "TBLPROPERTIES ('k'='v') LIFECYCLE 9"
    )
    service.sql("ALTER TABLE t CHANGEOWNER TO 'ALIYUN$other'")
    service.write(pa.table({"a": [1], "b": ["x"], "pt": ["p"]}))
    service.sql("CREATE TABLE u LIKE t")
    service.sql("CREATE TABLE w LIKE t LIFECYCLE 3")
    one, other = described(service, extended=True), described(service, "u", extended=True)
    for same in ("schema", "comment", "properties", "buckets", "primary_key"):
        assert getattr(one, same) == getattr(other, same)
    assert (other.lifecycle, described(service, "w").lifecycle) == (None, 3)
    assert (other.n_rows, other.owner, other.data_version) == (0, "ALIYUN$local", 0)
    assert service.run("SHOW PARTITIONS u")[1] == ""
    assert "DEFAULT 7" in service.run("SHOW CREATE TABLE u")[1]
    service.write(pa.table({"a": [5], "b": ["y"], "pt": ["q"]}), "u")
    assert [row["a"] for row in service.rows("t")] == [1]
    service.sql("CREATE TABLE IF NOT EXISTS u LIKE w")
    assert [row["a"] for row in service.rows("u")] == [5]


def test_replacing_a_table_leaves_nothing_of_the_old_one(table: Any) -> None:
    session = table.open_read()
    version = described(table, extended=True).data_version
    table.sql("CREATE OR REPLACE TABLE t (b STRING)")
    info = described(table, extended=True)
    assert (info.schema.names, info.n_rows) == (("b",), 0)
    assert info.data_version > version
    with pytest.raises(Conflict) as refused:
        table.read_split(Split(session.session_id))
    assert refused.value.code == "TableModified"


def test_a_view_is_not_replaced_by_a_table(service: Any) -> None:
    service.sql("CREATE VIEW v AS SELECT 1 AS a")
    text = fails(service, "CREATE OR REPLACE TABLE v (a INT)")
    assert text.startswith("ODPS-0130211:")
    assert service.run("DROP TABLE IF EXISTS v")[0] is TaskStatus.FAILED


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("a BIGINT DEFAULT 1.5", "DEFAULT 1.5"),
        ("a BIGINT DEFAULT 9223372036854775808", "DEFAULT 9223372036854775808"),
        ("a BIGINT NOT NULL DEFAULT NULL", "DEFAULT NULL"),
        ("a STRING DEFAULT 1", "DEFAULT 1"),
        ("a VARCHAR(2) DEFAULT 'abc'", "DEFAULT 'abc'"),
        ("a DECIMAL(4,2) DEFAULT 100", "DEFAULT 100"),
        ("a DECIMAL(4,2) DEFAULT 1.234", "DEFAULT 1.234"),
        ("a BOOLEAN DEFAULT 'true'", "DEFAULT 'true'"),
        ("a DATETIME DEFAULT '2026-01-01 00:00:00'", "DEFAULT '2026-01-01"),
        ("a ARRAY<INT> DEFAULT '1'", "DEFAULT '1'"),
    ],
)
def test_a_default_must_be_a_value_of_its_column(service: Any, columns: str, words: str) -> None:
    text = fails(service, f"CREATE TABLE t ({columns})")
    assert text.startswith("ODPS-0130071:[1,14] ")
    assert words in text


def test_too_many_columns(service: Any) -> None:
    columns = ", ".join(f"c{number} INT" for number in range(1201))
    assert "1201 columns; expected 1200 at most" in fails(service, f"CREATE TABLE t ({columns})")
    service.sql(f"CREATE TABLE t ({columns.removesuffix(', c1200 INT')})")


def test_streams_that_go_on_whatever_changes_keep_a_table_as_it_is(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    session = service.open_session(schema_evolution=True)
    clustered = "ALTER TABLE t CLUSTERED BY (a) INTO 4 BUCKETS"
    assert "which has rows" in fails(service, clustered)
    service.abort(session)
    service.sql(clustered)


def test_a_default_is_shown_with_the_escapes_of_queries(service: Any) -> None:
    service.sql("CREATE TABLE t (a STRING DEFAULT 'it''s \\\\ so')")
    assert r"`a` string DEFAULT 'it\'s \\ so'" in service.run("SHOW CREATE TABLE t")[1]
