from __future__ import annotations

import pickle

import pytest

from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type

STRING = parse_type("string")
SCHEMA = TableSchema(
    (Column("Amount", parse_type("double")), Column("city", STRING)), (Column("pt", STRING),)
)


def test_partition_columns_stand_last() -> None:
    assert SCHEMA.names == ("Amount", "city")
    assert SCHEMA.partition_names == ("pt",)
    assert [column.name for column in SCHEMA.all_columns] == ["Amount", "city", "pt"]


def test_columns_are_found_whatever_their_letter_case() -> None:
    assert SCHEMA.column("aMOUNT") is SCHEMA.columns[0]
    assert SCHEMA.find("PT") is SCHEMA.partition_columns[0]
    assert SCHEMA.find("none") is None


def test_an_unknown_column_brings_its_neighbours() -> None:
    with pytest.raises(KeyError, match=r"no column 'amonut'; did you mean 'Amount'\?"):
        SCHEMA.column("amonut")
    assert SCHEMA.unknown(["xyz"]) == "no column 'xyz'; did you mean 'Amount' or 'city' or 'pt'?"


@pytest.mark.parametrize("twin", ["city", "CITY", "pt"])
def test_no_name_stands_twice(twin: str) -> None:
    with pytest.raises(ValueError, match="stand twice"):
        TableSchema((*SCHEMA.columns, Column(twin, STRING)), SCHEMA.partition_columns)


def test_schemas_are_values() -> None:
    copy: object = pickle.loads(pickle.dumps(SCHEMA))  # noqa: S301  our own bytes
    assert copy == SCHEMA
    assert {SCHEMA: 1}[TableSchema(SCHEMA.columns, SCHEMA.partition_columns)] == 1
