from __future__ import annotations

from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import TableRef
from odps_frames.model.types import parse_type
from odps_frames.wire import ddl

TABLE = TableRef("p", "t")
SCHEMA = TableSchema(
    (
        Column("id", parse_type("bigint"), nullable=False),
        Column("v", parse_type("string"), comment="what's in it"),
    ),
    (Column("pt", parse_type("string")),),
)


def test_a_plain_table() -> None:
    assert ddl.create_table(TABLE, SCHEMA, lifecycle=3) == (
        "CREATE TABLE `p`.`t` (\n"
        "  `id` bigint NOT NULL,\n"
        "  `v` string COMMENT 'what\\'s in it'\n"
        ")\n"
        "PARTITIONED BY (\n"
        "  `pt` string\n"
        ")\n"
        "LIFECYCLE 3"
    )


def test_a_primary_key_makes_a_table_transactional() -> None:
    said = ddl.create_table(
        TABLE,
        SCHEMA,
        primary_key=["id"],
        properties={"acid.data.retain.hours": "48"},
        if_not_exists=True,
    )
    assert said == (
        "CREATE TABLE IF NOT EXISTS `p`.`t` (\n"
        "  `id` bigint NOT NULL,\n"
        "  `v` string COMMENT 'what\\'s in it',\n"
        "  PRIMARY KEY (`id`)\n"
        ")\n"
        "PARTITIONED BY (\n"
        "  `pt` string\n"
        ")\n"
        "TBLPROPERTIES ('transactional'='true', 'acid.data.retain.hours'='48')"
    )


def test_defaults_stand_behind_their_columns() -> None:
    said = ddl.create_table(TABLE, SCHEMA, defaults={"v": "'x'"})
    assert "  `v` string DEFAULT 'x' COMMENT 'what\\'s in it'\n" in said


def test_a_view_names_its_columns() -> None:
    said = ddl.create_view(TABLE, TableSchema(SCHEMA.columns), "SELECT 1, 'x'", comment="it's")
    assert said == (
        "CREATE VIEW IF NOT EXISTS `p`.`t` (\n"
        "  `id`,\n"
        "  `v` COMMENT 'what\\'s in it'\n"
        ")\n"
        "COMMENT 'it\\'s'\n"
        "AS SELECT 1, 'x'"
    )
