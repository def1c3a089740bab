from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import (
    ArrayType,
    CharType,
    DataType,
    DecimalType,
    Field,
    Kind,
    MapType,
    PrimitiveType,
    StructType,
    VarcharType,
    parse_type,
)
from odps_frames.model.write_schema import WriteColumn, WriteSchema
from odps_frames.wire.schema import (
    OPERATION,
    OPERATION_COLUMN,
    decode_data_schema,
    decode_system_columns,
    decode_write_schema,
    encode_data_schema,
    encode_write_schema,
    write_schema_of,
)

FLAT = (
    st.sampled_from([kind for kind in Kind if kind is not Kind.GEOGRAPHY]).map(PrimitiveType)
    | st.integers(1, 65535).map(CharType)
    | st.integers(1, 65535).map(VarcharType)
    | st.integers(1, 38).flatmap(
        lambda precision: st.builds(DecimalType, st.just(precision), st.integers(0, precision))
    )
)
NAMES = st.text("abcXYZ_09`: <中", min_size=1, max_size=6)
TYPES: st.SearchStrategy[DataType] = st.recursive(
    FLAT,
    lambda inner: (
        st.builds(ArrayType, inner)
        | st.builds(MapType, inner, inner)
        | st.lists(st.builds(Field, NAMES, inner), min_size=1, max_size=3).map(
            lambda fields: StructType(tuple(fields))
        )
    ),
    max_leaves=6,
)
COLUMNS = st.builds(Column, NAMES, TYPES, st.text(max_size=5), st.booleans())
SCHEMAS = st.lists(COLUMNS, max_size=6, unique_by=lambda column: column.name.lower()).flatmap(
    lambda columns: st.integers(0, len(columns)).map(
        lambda n: TableSchema(tuple(columns[:n]), tuple(columns[n:]))
    )
)


@given(schema=SCHEMAS)
def test_schemas_come_back(schema: TableSchema) -> None:
    assert decode_data_schema(encode_data_schema(schema)) == schema


@given(schema=SCHEMAS)
def test_write_schemas_come_back(schema: TableSchema) -> None:
    keys = schema.names[:1]
    written = write_schema_of(schema, primary_key=keys)
    assert decode_write_schema(encode_write_schema(written)) == written
    assert [(c.name, c.type, c.nullable, c.comment) for c in written.columns] == [
        (c.name, c.type, c.nullable, c.comment) for c in schema.columns
    ]


@given(schema=SCHEMAS)
def test_columns_are_numbered_from_one_without_gaps(schema: TableSchema) -> None:
    numbers = [c.column_id for top in write_schema_of(schema).columns for c in walk(top)]
    assert numbers == list(range(1, len(numbers) + 1))


def walk(column: WriteColumn) -> list[WriteColumn]:
    return [column, *(inner for child in column.children for inner in walk(child))]


def test_members_are_numbered_depth_first() -> None:
    schema = TableSchema(
        (
            Column("id", parse_type("bigint"), nullable=False),
            Column("m", parse_type("map<string,array<struct<a:int,b:blob>>>")),
            Column("z", parse_type("date")),
        ),
        (Column("pt", parse_type("string")),),
    )
    written = write_schema_of(schema, primary_key=("ID",))
    assert [(c.name, c.column_id) for top in written.columns for c in walk(top)] == [
        ("id", 1),
        ("m", 2),
        ("key", 3),
        ("value", 4),
        ("element", 5),
        ("a", 6),
        ("b", 7),
        ("z", 8),
    ]
    assert [column.distribution_key for column in written.columns] == [True, False, False]
    assert written.system_columns == (
        WriteColumn(name=OPERATION, type=PrimitiveType(Kind.TINYINT)),
    )
    assert written.partition_columns == ()


def test_only_tables_with_a_key_have_an_operation() -> None:
    schema = TableSchema((Column("id", parse_type("bigint")),))
    assert write_schema_of(schema).system_columns == ()


CODES = {
    "bigint": 0,
    "double": 1,
    "boolean": 2,
    "datetime": 3,
    "string": 4,
    "tinyint": 6,
    "smallint": 7,
    "int": 8,
    "binary": 11,
    "date": 12,
    "timestamp": 13,
    "float": 14,
    "interval_year_month": 15,
    "interval_day_time": 16,
    "json": 20,
    "timestamp_ntz": 21,
    "blob": 22,
    "variant": 23,
}


def test_system_columns_of_a_session_stand_apart() -> None:
    schema = TableSchema((Column("id", parse_type("bigint")),))
    document = encode_data_schema(schema, (OPERATION_COLUMN,))
    assert document["SystemColumns"] == [
        {"Name": "__operation", "Type": "tinyint", "Comment": "", "Nullable": False}
    ]
    assert decode_data_schema(document) == schema
    assert decode_system_columns(document) == (OPERATION_COLUMN,)
    assert "SystemColumns" not in encode_data_schema(schema)
    assert decode_system_columns({}) == ()


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_codes_are_those_of_the_protocol(name: str, code: int) -> None:
    assert node_of(name) == {"MemberName": "c", "ColumnId": 1, "Type": code, "Nullable": True}


def node_of(type_name: str) -> dict[str, Any]:
    schema = write_schema_of(TableSchema((Column("c", parse_type(type_name)),)))
    (column,) = decoded(encode_write_schema(schema)["DataColumns"])
    assert (column["comment"], column["label"]) == ("", "")
    found: dict[str, Any] = column["columnType"]
    return found


def decoded(columns: object) -> list[dict[str, Any]]:
    assert isinstance(columns, list)
    return columns


def test_parameters_of_types_are_written() -> None:
    assert node_of("decimal(10,2)").items() >= {"Type": 5, "Precision": 10, "Scale": 2}.items()
    assert node_of("char(7)").items() >= {"Type": 9, "SpecifiedLength": 7}.items()
    assert node_of("varchar(8)").items() >= {"Type": 10, "SpecifiedLength": 8}.items()


@pytest.mark.parametrize("name", ["geography", "vector(float,3)"])
def test_types_without_a_code_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"column 'c' of type .*; no write schema"):
        node_of(name)


def read_node(node: dict[str, object]) -> DataType:
    document = {"DataColumns": [{"columnType": {"MemberName": "c", **node}}]}
    (column,) = decode_write_schema(document).columns
    return column.type


def test_a_decimal_without_figures_is_the_widest() -> None:
    assert read_node({"Type": 5}) == DecimalType(54, 18)
    assert read_node({"Type": 5, "Precision": 10}) == DecimalType(10, 0)


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"Type": 24},
        {"Type": -1},
        {"Type": "bigint"},
        {"Type": 9},
        {"Type": 9, "SpecifiedLength": 0},
        {"Type": 5, "Precision": 99},
        {"Type": 17},
        {"Type": 17, "SubTypes": [{"Type": 0}, {"Type": 0}]},
        {"Type": 18, "SubTypes": [{"Type": 0}]},
        {"Type": 19, "SubTypes": []},
        {"Type": 17, "SubTypes": [{"Type": 99}]},
    ],
)
def test_a_type_is_never_guessed(node: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"column '(c|element)'|Type="):
        read_node(node)


def test_members_of_a_struct_need_names() -> None:
    with pytest.raises(ValueError, match="without MemberName"):
        read_node({"Type": 19, "SubTypes": [{"Type": 0}]})


def test_members_of_lists_and_maps_have_their_usual_names() -> None:
    node = {"Type": 18, "SubTypes": [{"Type": 4}, {"Type": 17, "SubTypes": [{"Type": 0}]}]}
    document = {"DataColumns": [{"columnType": {"MemberName": "c", **node}}]}
    (column,) = decode_write_schema(document).columns
    assert [member.name for member in walk(column)] == ["c", "key", "value", "element"]
    assert column.type == parse_type("map<string,array<bigint>>")


def test_what_is_missing_has_its_usual_meaning() -> None:
    schema = {
        "SystemColumns": [{"comment": "no type"}, {"columnType": {"MemberName": "x", "Type": 6}}]
    }
    assert decode_write_schema(schema) == WriteSchema(
        (), (WriteColumn(name="x", type=PrimitiveType(Kind.TINYINT)),)
    )
    assert decode_data_schema({"DataColumns": [{"Name": "a", "Type": "INT"}]}) == TableSchema(
        (Column("a", PrimitiveType(Kind.INT)),)
    )
    assert decode_data_schema({}) == TableSchema(())


def test_unknown_types_fail_by_the_name_of_the_column() -> None:
    with pytest.raises(ValueError, match=r"^column 'a': not a MaxCompute type: 'hyperint'"):
        decode_data_schema({"DataColumns": [{"Name": "a", "Type": "hyperint"}]})


def test_members_may_be_left_to_the_type() -> None:
    bare = WriteSchema((WriteColumn(name="a", type=parse_type("array<int>"), column_id=1),))
    (column,) = decode_write_schema(encode_write_schema(bare)).columns
    assert column.children == (WriteColumn(name="element", type=PrimitiveType(Kind.INT)),)


def test_partition_columns_travel_where_there_are_any() -> None:
    schema = WriteSchema((), (), (WriteColumn(name="pt", type=PrimitiveType(Kind.STRING)),))
    assert decode_write_schema(encode_write_schema(schema)) == schema
    assert "PartitionColumns" not in encode_write_schema(WriteSchema(()))
