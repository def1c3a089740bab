from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.convert.arrow import arrow_schema, arrow_type
from odps_frames.convert.infer import infer_schema, odps_type
from odps_frames.errors import SchemaMismatch
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (pa.int8(), "tinyint"),
        (pa.int16(), "smallint"),
        (pa.int32(), "int"),
        (pa.int64(), "bigint"),
        (pa.uint8(), "smallint"),
        (pa.uint16(), "int"),
        (pa.uint32(), "bigint"),
        (pa.uint64(), "decimal(20,0)"),
        (pa.float16(), "float"),
        (pa.float32(), "float"),
        (pa.float64(), "double"),
        (pa.bool_(), "boolean"),
        (pa.string(), "string"),
        (pa.large_string(), "string"),
        (pa.string_view(), "string"),
        (pa.dictionary(pa.int8(), pa.string()), "string"),
        (pa.dictionary(pa.int8(), pa.int64()), "bigint"),
        (pa.run_end_encoded(pa.int32(), pa.date32()), "date"),
        (pa.null(), "string"),
        (pa.binary(), "binary"),
        (pa.large_binary(), "binary"),
        (pa.binary_view(), "binary"),
        (pa.binary(16), "binary"),
        (pa.date32(), "date"),
        (pa.date64(), "date"),
        (pa.timestamp("s"), "timestamp_ntz"),
        (pa.timestamp("ns"), "timestamp_ntz"),
        (pa.timestamp("ms", "Asia/Shanghai"), "timestamp"),
        (pa.duration("us"), "interval_day_time"),
        (pa.decimal128(38, 38), "decimal(38,38)"),
        (pa.decimal32(5, 2), "decimal(5,2)"),
        (pa.decimal128(5, -2), "decimal(7,0)"),
        (pa.decimal128(2, 5), "decimal(5,5)"),
        (pa.list_(pa.int8()), "array<tinyint>"),
        (pa.large_list(pa.list_view(pa.int8())), "array<array<tinyint>>"),
        (pa.list_(pa.float32(), 3), "array<float>"),
        (pa.map_(pa.string(), pa.uint8()), "map<string,smallint>"),
        (pa.struct([("B", pa.int8()), ("a", pa.null())]), "struct<B:tinyint,a:string>"),
        (pa.uuid(), "binary"),
        (pa.json_(), "json"),
    ],
)
def test_every_arrow_type_has_a_type_that_holds_it(type_: Any, expected: str) -> None:
    assert odps_type(type_) == parse_type(expected)


@pytest.mark.parametrize(
    "type_",
    [
        pa.time64("us"),
        pa.month_day_nano_interval(),
        pa.decimal256(39, 0),
        pa.decimal128(38, -1),
        pa.struct([]),
        pa.list_(pa.time32("s")),
        pa.map_(pa.string(), pa.time32("s")),
        pa.struct([("a", pa.time32("s"))]),
    ],
)
def test_a_type_without_counterpart_is_refused_by_name(type_: Any) -> None:
    with pytest.raises(ValueError, match="no type of MaxCompute"):
        odps_type(type_)
    with pytest.raises(ValueError, match="column 'when'"):
        infer_schema(pa.schema([("when", type_)]))


BY_METADATA = pa.field("x", pa.binary(), metadata={"ARROW:extension:name": "maps.point"})


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (pa.field("x", pa.opaque(pa.binary(), "point", "maps")), "arrow.opaque"),
        (pa.field("x", pa.bool8()), "arrow.bool8"),
        (BY_METADATA, "maps.point"),
    ],
)
def test_extension_types_are_refused_by_name(field: Any, name: str) -> None:
    with pytest.raises(ValueError, match=rf"column 'x' .* '{name}'.* such as what it stores"):
        infer_schema(pa.schema([field]))
    if field is not BY_METADATA:
        with pytest.raises(ValueError, match="no type of MaxCompute"):
            odps_type(pa.list_(field.type))


def test_the_remedy_for_times_of_day_and_long_decimals_is_named() -> None:
    types: list[Any] = [("t", pa.time64("us")), ("d", pa.decimal256(50, 2))]
    schema = pa.schema(types)
    with pytest.raises(ValueError, match=r"odps_types=\{'t': 'string'\}"):
        infer_schema(schema)
    with pytest.raises(ValueError, match=r"odps_types=\{'d': 'decimal\(38,18\)'\}"):
        infer_schema(schema, overrides={"T": "string"})
    found = infer_schema(schema, overrides={"T": "string", "d": "decimal(38,2)"})
    assert [str(column.type) for column in found.columns] == ["string", "decimal(38,2)"]


@pytest.mark.parametrize(
    "type_",
    [
        "tinyint",
        "bigint",
        "double",
        "boolean",
        "string",
        "binary",
        "date",
        "timestamp_ntz",
        "decimal(10,2)",
        "array<date>",
        "map<string,int>",
        "struct<a:int>",
    ],
)
def test_types_survive_the_way_to_arrow_and_back(type_: str) -> None:
    assert odps_type(arrow_type(parse_type(type_))) == parse_type(type_)


def test_partition_columns_stand_apart_in_the_order_asked_for() -> None:
    fields: list[Any] = [
        pa.field("a", pa.int8(), nullable=False),
        pa.field("Hour", pa.int8(), nullable=False),
        pa.field("day", pa.date32()),
        pa.field("city", pa.dictionary(pa.int8(), pa.large_string())),
    ]
    schema = pa.schema(fields)
    found = infer_schema(schema, partition_by=("CITY", "day", "hour"))
    assert found == TableSchema(
        (Column("a", parse_type("tinyint"), nullable=False),),
        (
            Column("city", parse_type("string")),
            Column("day", parse_type("date")),
            Column("Hour", parse_type("bigint")),
        ),
    )
    assert arrow_schema(found).names == ["a", "city", "day", "Hour"]


def test_the_type_of_a_partition_column_can_be_said() -> None:
    schema = pa.schema([("a", pa.int8()), ("pt", pa.int64())])
    found = infer_schema(schema, partition_by=("pt",), overrides={"PT": "smallint"})
    assert str(found.partition_columns[0].type) == "smallint"


@pytest.mark.parametrize("type_", [pa.float64(), pa.timestamp("ms"), pa.binary(), pa.uint64()])
def test_a_column_that_cannot_say_a_partition_is_refused(type_: Any) -> None:
    with pytest.raises(ValueError, match=r"column 'pt' .* cannot say the partition"):
        infer_schema(pa.schema([("a", pa.int8()), ("pt", type_)]), partition_by=("pt",))


def test_names_that_are_not_there_are_refused() -> None:
    schema = pa.schema([("a", pa.int8())])
    with pytest.raises(SchemaMismatch, match=r"partition_cols .*\['b'\].*\['a'\]"):
        infer_schema(schema, partition_by=("b",))
    with pytest.raises(SchemaMismatch, match=r"odps_types .*\['c'\]"):
        infer_schema(schema, overrides={"A": "int", "c": "int"})
    with pytest.raises(SchemaMismatch, match="letter case"):
        infer_schema(pa.schema([("a", pa.int8()), ("A", pa.int8())]))
    with pytest.raises(ValueError, match="not a MaxCompute type"):
        infer_schema(schema, overrides={"a": "number"})
