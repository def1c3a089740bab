from __future__ import annotations

from typing import Any

import pytest

from odps_frames.emulator.sql.parser import parse
from odps_frames.emulator.sql.partition_conditions import Compared, Joined, Matched, Negated
from odps_frames.emulator.sql.statements import (
    AddColumns,
    AddPartitions,
    ChangeColumn,
    Compact,
    CreateTable,
    CreateView,
    DropPartitions,
    DropTable,
    TruncateTable,
)
from odps_frames.emulator.sql.tokens import SqlFault
from odps_frames.model.schema import Column
from odps_frames.model.table import Partition, TableRef
from odps_frames.model.types import parse_type


def column(name: str, type_: str, comment: str = "", *, nullable: bool = True) -> Column:
    return Column(name, parse_type(type_), comment, nullable)


def test_create_table_with_every_clause() -> None:
    statement = parse(
        """
        create table IF NOT EXISTS `P`.default.T ( -- a comment
          a BIGINT not null comment 'it''s',
          B map<string, decimal(10, 2)> COMMENT "say \\"x\\"" NULL,
          `c` struct<x: array<int>, `y z`: varchar(3)>
        )
        comment 'tab\\tle' /* another */
        PARTITIONED BY (pt STRING COMMENT '日', n int)
        TBLPROPERTIES ("k" = 'v', 'w'='')
        lifecycle 7;
        """
    )
    assert isinstance(statement, CreateTable)
    assert statement.name.parts == ("p", "default", "t")
    assert statement.if_not_exists
    assert statement.columns == (
        column("a", "bigint", "it's", nullable=False),
        column("b", "map<string,decimal(10,2)>", 'say "x"'),
        column("c", "struct<x:array<int>,`y z`:varchar(3)>"),
    )
    assert statement.partition_columns == (column("pt", "string", "日"), column("n", "int"))
    assert statement.comment == "tab\tle"
    assert statement.properties == {"k": "v", "w": ""}
    assert statement.lifecycle == 7


def test_short_statements() -> None:
    create = parse("CREATE TABLE t (a int)")
    assert isinstance(create, CreateTable)
    assert (create.comment, create.lifecycle, create.partition_columns) == ("", None, ())
    drop = parse("drop table if exists a.t;")
    assert isinstance(drop, DropTable)
    assert (drop.if_exists, drop.name.parts) == (True, ("a", "t"))
    columns = parse("ALTER TABLE t ADD COLUMNS (c int, d string comment 'x')")
    assert isinstance(columns, AddColumns)
    assert columns.columns == (column("c", "int"), column("d", "string", "x"))


def test_partitions() -> None:
    added = parse(
        "ALTER TABLE t ADD IF NOT EXISTS PARTITION (pt='a\\'b', n=01) PARTITION (pt=-1,n='')"
    )
    assert isinstance(added, AddPartitions)
    assert added.if_not_exists
    assert added.specs == ((("pt", "a'b"), ("n", "01")), (("pt", "-1"), ("n", "")))
    dropped = parse("alter table t drop  partition(`pt`='x'), partition(pt=\"y\")")
    assert isinstance(dropped, DropPartitions)
    assert [one.spec for one in dropped.chosen] == [(("pt", "x"),), (("pt", "y"),)]
    truncated = parse("TRUNCATE TABLE t PARTITION (pt='x')")
    assert isinstance(truncated, TruncateTable)
    assert [one.spec for one in truncated.chosen] == [(("pt", "x"),)]
    whole = parse("truncate table t")
    assert isinstance(whole, TruncateTable)
    assert (whole.name.parts, whole.chosen) == (("t",), ())


@pytest.mark.parametrize("value", ["it's", 'a"b', "a\\b", "\\'", "日本🦆", "`", "--", "/* */", ";"])
def test_quoted_values_come_back_as_they_were(value: str) -> None:
    spec = Partition((("pt", value),)).quoted()
    statement = parse(f"ALTER TABLE {TableRef('p', 't').quoted()} ADD PARTITION ({spec})")
    assert isinstance(statement, AddPartitions)
    assert statement.specs == ((("pt", value),),)


@pytest.mark.parametrize(
    ("sql", "place", "words"),
    [
        ("", "[1,1]", "a statement"),
        ("creat table t", "[1,1]", "'creat'"),
        ("create table t (a int", "[1,22]", "end of the statement"),
        ("create table t (a)", "[1,18]", "a type"),
        ("create table t (a itn)", "[1,19]", "itn"),
        ("create table t (a int) trash", "[1,24]", "TRASH is not supported"),
        ("create table t (a int) comment 'x' comment 'y'", "[1,36]", "twice"),
        ("create table\n  t (a int,\n   日 int c)", "[3,10]", "C of a column"),
        ("drop table t t", "[1,14]", "the end"),
        ("drop table 'x", "[1,12]", "unexpected"),
        ("drop table a.b.c.d", "[1,12]", "3 parts"),
        ("drop table `a b`", "[1,12]", "letters"),
        ("alter table t add partition pt=1", "[1,29]", "'('"),
        ("alter table t add", "[1,18]", "PARTITION"),
        ("alter table t add partition (pt)", "[1,32]", "="),
        ("truncate table t partition (pt=)", "[1,32]", "a value"),
        ("create table t (a array<int)", "[1,19]", "not a MaxCompute type"),
    ],
)
def test_faults_say_where_they_are(sql: str, place: str, words: str) -> None:
    with pytest.raises(SqlFault) as fault:
        parse(sql)
    code = "ODPS-0130071" if "supported" in str(fault.value) else "ODPS-0130161"
    assert str(fault.value).startswith(f"{code}:{place} ")
    assert words in str(fault.value)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT 1", "SELECT"),
        ("insert into t values (1)", "INSERT"),
        ("create table t as select 1", "CREATE TABLE ... AS"),
        ("create or replace table t like u", "CREATE OR REPLACE TABLE ... LIKE"),
        ("create external table t (a int)", "CREATE EXTERNAL TABLE"),
        ("create temporary table t (a int)", "CREATE TEMPORARY TABLE"),
        ("create materialized view v as select 1", "CREATE MATERIALIZED VIEW"),
        ("create view v (@a bigint) as select 1", "a view with parameters"),
        ("create table t (a int) stored as parquet", "CREATE TABLE ... STORED AS"),
        ("create table t (a int) row format serde 'x'", "CREATE TABLE ... ROW FORMAT"),
        ("create table t (a int) location 'x'", "CREATE TABLE ... LOCATION"),
        (
            "create table t (a datetime) auto partitioned by (trunc_time(a, 'day') as pt)",
            "CREATE TABLE ... AUTO PARTITIONED",
        ),
        ("create table t (a int default getdate())", "DEFAULT of anything but"),
        ("create function f as 'x' using 'y'", "CREATE FUNCTION"),
        ("alter table t replace columns (a int)", "ALTER TABLE ... REPLACE COLUMNS"),
        ("alter table t rename column a to b", "ALTER TABLE ... RENAME COLUMN"),
        ("alter table t add constraint c check (a)", "ALTER TABLE ... ADD CONSTRAINT"),
        ("alter table t drop primary key", "ALTER TABLE ... DROP PRIMARY"),
        ("alter table t add columns (a int default 1)", "DEFAULT of a column"),
        ("alter table t change a b int first", "CHANGE COLUMN ... FIRST"),
        ("alter table t change column a not null", "CHANGE COLUMN ... NOT NULL"),
        ("alter table t alter column a set default 1", "ALTER TABLE ... ALTER COLUMN"),
        ("alter table t archive", "ALTER TABLE ... ARCHIVE"),
        ("alter table t partition (p='1') freeze", "ALTER TABLE ... PARTITION ... FREEZE"),
        ("alter table t set changelogs 1", "ALTER TABLE ... SET CHANGELOGS"),
        ("alter table t add partition (pt > '1')", "PARTITION with >"),
        ("alter table t drop partition (length(pt) = 1)", "function length"),
        ("alter table t drop partition (substr(pt, 0) = 1)", "substr from place 0"),
        ("alter view v as select 1", "ALTER VIEW ... AS SELECT"),
        ("drop materialized view v", "DROP MATERIALIZED"),
        ("show functions", "SHOW FUNCTIONS"),
        ("show columns in t", "SHOW COLUMNS"),
        ("show flags", "SHOW FLAGS"),
        ("show p", "SHOW P"),
        ("desc schema s", "DESC SCHEMA"),
        ("explain select 1", "EXPLAIN"),
        ("analyze table t compute statistics", "ANALYZE"),
        ("use p", "USE"),
        ("setproject a=b", "SETPROJECT"),
        ("unset a", "UNSET"),
        ("kill x", "KILL"),
        ("status x", "STATUS"),
        ("list resources", "LIST"),
        ("restore table t", "RESTORE"),
        ("undo table t to x", "UNDO"),
        ("freeze table t", "FREEZE"),
    ],
)
def test_what_is_not_carried_out_is_named(sql: str, named: str) -> None:
    with pytest.raises(SqlFault, match="ODPS-0130071") as fault:
        parse(sql)
    assert named in str(fault.value)
    assert "is not supported here" in str(fault.value)


@pytest.mark.parametrize("spec", ["", " PARTITION (pt='1')"])
@pytest.mark.parametrize("how", ["MERGE SMALLFILES", "COMPACT MINOR", "COMPACT MAJOR"])
def test_compaction_is_told_from_merging_partitions(spec: str, how: str) -> None:
    found = parse(f"alter table t{spec} {how.lower()}")
    assert isinstance(found, Compact)
    assert found.how == how
    assert found.spec == ((("pt", "1"),) if spec else None)


def test_conditions_over_partitions() -> None:
    dropped = parse(
        "alter table t drop partition (not a < 1 and b in ('x'), c like 'y%' or d = -1)"
    )
    assert isinstance(dropped, DropPartitions)
    (chosen,) = dropped.chosen
    assert chosen.spec is None
    first, second = chosen.conditions
    assert isinstance(first, Joined)
    assert first.word == "AND"
    assert isinstance(first.parts[0], Negated)
    assert isinstance(second, Joined)
    assert second.word == "OR"
    matched, compared = second.parts
    assert isinstance(matched, Matched)
    assert (matched.operand.column, matched.word, matched.pattern) == ("c", "LIKE", "y%")
    assert isinstance(compared, Compared)
    assert (compared.sign, compared.value.value) == ("=", "-1")


def test_the_query_of_a_view_is_kept_as_it_stands() -> None:
    made = parse(
        "create or replace view if not exists p.v (a comment 'x', b) comment 'y' as\n"
        "  SELECT 1, ';' -- a comment\n  FROM t ; "
    )
    assert isinstance(made, CreateView)
    assert made.query == "SELECT 1, ';' -- a comment\n  FROM t"
    assert made.columns == (("a", "x"), ("b", ""))
    assert (made.comment, made.replace, made.if_not_exists) == ("y", True, True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("column a rename to b", {"column": "a", "new_name": "b"}),
        ("a comment 'x'", {"column": "a", "comment": "x"}),
        ("column a null", {"column": "a", "nullable": True}),
        (
            "comment b decimal(4,2) not null comment 'x' after c",
            {
                "column": "comment",
                "new_name": "b",
                "type": parse_type("decimal(4,2)"),
                "comment": "x",
                "nullable": False,
                "after": "c",
            },
        ),
    ],
)
def test_changes_of_columns(change: str, expected: dict[str, Any]) -> None:
    found = parse(f"alter table t change {change}")
    assert isinstance(found, ChangeColumn)
    assert found == ChangeColumn(name=found.name, **expected)


@pytest.mark.parametrize("name", ["select", "From", "TABLE", "null"])
def test_reserved_words_are_names_in_quotes_only(name: str) -> None:
    with pytest.raises(SqlFault, match="is a reserved word") as fault:
        parse(f"create table t ({name} int)")
    assert "[1,17]" in str(fault.value)
    made = parse(f"create table t (`{name}` int)")
    assert isinstance(made, CreateTable)
    assert made.columns[0].name == name.lower()
