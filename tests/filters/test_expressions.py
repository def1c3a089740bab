"""Expressions of engines, taken as conditions."""

from __future__ import annotations

import datetime as dt
import functools
import math
import operator
import pickle
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pytest

from odps_frames import filters
from odps_frames.filters.arrow_serial import (
    Call,
    Literal,
    Reference,
    Unfamiliar,
    read_expression,
    tree_of,
)
from odps_frames.filters.condition import Expression, Opaque, is_whole
from odps_frames.model.schema import TableSchema

polars = pytest.importorskip("polars")
pc: Any = pa.compute
field, col = pc.field, polars.col
DAY = dt.date(2026, 1, 2)
CLOCK = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  as engines show it


def read(expression: Any, schema: TableSchema) -> Expression:
    condition = filters.parse(expression, schema)
    assert isinstance(condition, Expression)
    return condition


def columns(condition: Any) -> set[str]:
    found = filters.columns_of(condition)
    assert found is not None
    return set(found)


SAID: dict[str, tuple[Any, str]] = {
    "arrow compares": (field("id") > 3, "`id` > 3"),
    "arrow turns round": (pc.scalar(3) < field("tiny"), "`tiny` > 3"),
    "arrow joins": (
        (field("id") > 3) & ((field("name") == "a") | ~(field("flag"))),
        "`id` > 3 and (`name` = 'a' or `flag` != true)",
    ),
    "arrow is_in": (field("id").isin([1, 2]), "`id` in (1, 2) and `id` is not null"),
    "arrow is_in with NULL": (field("id").isin([1, None]), "`id` in (1) or `id` is null"),
    "arrow not is_in": (~field("id").isin([1]), "`id` not in (1) or `id` is null"),
    "arrow is_null": (field("doc").is_null(), "`doc` is null"),
    "arrow is_valid": (field("tags").is_valid(), "`tags` is not null"),
    "arrow starts_with": (pc.starts_with(field("name"), "ab"), "`name` >= 'ab' and `name` < 'ac'"),
    "arrow match_like": (pc.match_like(field("name"), "a%"), "`name` >= 'a' and `name` < 'b'"),
    "arrow casts a constant": (field("id") == pc.scalar(3).cast(pa.int8()), "`id` = 3"),
    "arrow casts to the same": (field("id").cast(pa.int64()) == 3, "`id` = 3"),
    "arrow dates": (field("day") == DAY, "`day` = DATE'2026-01-02'"),
    "arrow clocks": (field("wall") < CLOCK, "`wall` < TIMESTAMP_NTZ'2026-01-02 03:04:05'"),
    "arrow instants": (field("ts") >= CLOCK, "`ts` >= TIMESTAMP'2026-01-01 01:04:05'"),
    "arrow floats": (field("x") > 0.5, "`x` > 0.5"),
    "arrow, but for a part": ((field("id") + 1 > 3) & (field("id") > 2), "`id` > 2"),
    "arrow, quotes": (field("name") == "it's", "`name` = 'it\\'s'"),
    "polars compares": (col("id") > 3, "`id` > 3"),
    "polars turns round": (polars.lit(3) < col("tiny"), "`tiny` > 3"),
    "polars joins": (
        (col("id") > 3) & ((col("name") == "a") | ~col("flag")),
        "`id` > 3 and (`name` = 'a' or `flag` != true)",
    ),
    "polars is_in": (col("id").is_in([1, None]), "`id` in (1)"),
    "polars is_in with NULL": (
        col("id").is_in([1, None], nulls_equal=True),
        "`id` in (1) or `id` is null",
    ),
    "polars not is_in": (~col("id").is_in([1]), "`id` not in (1)"),
    "polars is_null": (col("tags").is_null(), "`tags` is null"),
    "polars is_not_null": (col("doc").is_not_null(), "`doc` is not null"),
    "polars eq_missing": (col("id").eq_missing(1), "`id` = 1 and `id` is not null"),
    "polars ne_missing": (col("id").ne_missing(None), "`id` is not null"),
    "polars is_between": (col("id").is_between(1, 3, closed="left"), "`id` >= 1 and `id` < 3"),
    "polars starts_with": (col("name").str.starts_with("a_"), "`name` >= 'a_' and `name` < 'a`'"),
    "polars clocks": (
        col("wall") < polars.lit(CLOCK, polars.Datetime("ns")),
        "`wall` < TIMESTAMP_NTZ'2026-01-02 03:04:05'",
    ),
    "polars instants": (col("dt") >= CLOCK, "`dt` >= DATETIME'2026-01-01 01:04:05'"),
    "polars dates": (col("day") == DAY, "`day` = DATE'2026-01-02'"),
    "polars NaN is above all": (col("x") < 0.5, "`x` < 0.5"),
    "polars, but for a part": ((col("id") + 1 > 3) & (col("id") > 2), "`id` > 2"),
    "polars, another name": ((col("id") > 2).alias("kept"), "`id` > 2"),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_certain_is_pushed(schema: TableSchema, case: str) -> None:
    expression, said = SAID[case]
    assert filters.pushed(read(expression, schema), schema) == said


UNCERTAIN: dict[str, Any] = {
    "arrow casts": field("id").cast(pa.int8()) > 1,
    "arrow calculates": field("id") + 1 > 3,
    "arrow rounds": field("id") > 1.5,
    "arrow rounds to four bytes": field("f") > 0.1,
    "arrow NaN": pc.equal(field("x"), math.nan),
    "arrow NaN in a set": field("x").isin([1.0, math.nan]),
    "arrow NaN as NULL": field("x").is_null(nan_is_null=True),
    "arrow padding": field("code") == "ab",
    "arrow padding of a beginning": pc.starts_with(field("code"), "ab"),
    "arrow letter case": pc.starts_with(field("name"), "ab", ignore_case=True),
    "arrow escapes": pc.match_like(field("name"), "a\\%"),
    "arrow either": (field("id") + 1 > 3) | (field("id") > 2),
    "arrow not": ~((field("id") + 1 > 3) & (field("id") > 2)),
    "polars above is NaN, too": col("x") > 0.5,
    "polars cuts columns": col("wall") == CLOCK,
    "polars cuts constants": col("dt") == dt.datetime(2026, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001  as shown
    "polars cuts where the service does": col("wall") == polars.lit(1, polars.Datetime("ns")),
    "polars rounds": col("id") > 1.5,
    "polars casts": col("id").cast(polars.Int8) > 1,
    "polars padding": col("code") == "ab",
    "polars bits": (col("id") & 1) == 1,
    "polars patterns": col("name").str.contains("a"),
    "polars exclusive or": col("flag") ^ (col("id") > 1),
}


@pytest.mark.parametrize("case", UNCERTAIN)
def test_what_is_not_certain_stays_with_the_engine(schema: TableSchema, case: str) -> None:
    assert filters.pushed(read(UNCERTAIN[case], schema), schema) is None


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ((field("id") > 1) | pc.is_nan(field("x")), {"id", "x"}),
        (pc.struct_field(pc.make_struct(field("id"), field_names=["a"]), "a") > 1, {"id"}),
        (pc.scalar(True), set()),  # noqa: FBT003  the value
        (col("id") + col("tiny") > 1, {"id", "tiny"}),
        (polars.lit(True), set()),  # noqa: FBT003  the value
    ],
)
def test_columns_are_known(schema: TableSchema, expression: Any, names: set[str]) -> None:
    assert columns(read(expression, schema)) == names


def test_selectors_are_asked_of_all_columns(schema: TableSchema) -> None:
    selected = polars.all_horizontal(polars.all() > 1)
    numbers = TableSchema(tuple(map(schema.column, ("tiny", "id"))))
    condition = read(selected, numbers)
    assert columns(condition) == {"tiny", "id"}
    rows = pa.RecordBatch.from_arrays([pa.array([1, 2, 2]), pa.array([5, 1, 5])], ["id", "tiny"])
    assert filters.mask(condition, rows).to_pylist() == [False, False, True]
    with pytest.raises(ValueError, match=r"needs \['big'\], whose digits are too many"):
        filters.parse(selected, schema)


@pytest.mark.parametrize("expression", [field("ID") > 1, col("ID") > 1])
def test_letter_case_of_names_does_not_count(schema: TableSchema, expression: Any) -> None:
    condition = read(expression, schema)
    assert columns(condition) == {"id"}
    rows = pa.RecordBatch.from_pydict({"Id": [1, 2, None]})
    assert filters.mask(condition, rows).to_pylist() == [False, True, False]


@pytest.mark.parametrize("engine", ["arrow", "polars"])
def test_long_lists_of_terms_are_read(schema: TableSchema, engine: str) -> None:
    column, names = {"arrow": (field("id"), 2000), "polars": (col("id"), 80)}[engine]
    long = functools.reduce(operator.or_, (column == n for n in range(names)))
    condition = read(long, schema)
    assert is_whole(condition)
    assert columns(condition) == {"id"}
    rows = pa.RecordBatch.from_pydict({"id": [0, names - 1, names]})
    assert filters.mask(condition, rows).to_pylist() == [True, True, False]


@pytest.mark.parametrize("expression", [field("id").isin([1, 2]), col("id").is_in([1, 2])])
def test_expressions_travel_to_other_processes(schema: TableSchema, expression: Any) -> None:
    condition = read(expression, schema)
    moved = pickle.loads(pickle.dumps(condition))  # noqa: S301  our own bytes
    rows = pa.RecordBatch.from_pydict({"id": [1, None, 3]})
    assert filters.mask(moved, rows).to_pylist() == [True, False, False]
    assert filters.pushed(moved, schema) == filters.pushed(condition, schema)


def test_dictionaries_are_taken_for_their_values(schema: TableSchema) -> None:
    rows = pa.RecordBatch.from_pydict({"name": pa.array(["a", None, "b"]).dictionary_encode()})
    for expression in (field("name") == "b", col("name") == "b"):
        condition = read(expression, schema)
        assert filters.mask(condition, rows).to_pylist() == [False, False, True]


@pytest.mark.parametrize(("value", "kept"), [(True, [True, True]), (False, [False, False])])
def test_constants_are_for_every_row(schema: TableSchema, value: bool, kept: list[bool]) -> None:  # noqa: FBT001  the value
    rows = pa.RecordBatch.from_pydict({"id": [1, None]})
    for expression in (pc.scalar(value), polars.lit(value)):
        assert filters.mask(read(expression, schema), rows).to_pylist() == kept
        none = filters.mask(read(expression, schema), rows.slice(0, 0))
        assert (len(none), none.type) == (0, pa.bool_())


def test_rows_that_polars_cannot_take_are_an_error(schema: TableSchema) -> None:
    condition = read(col("id").cast(polars.Int8) > 1, schema)
    rows = pa.RecordBatch.from_pydict({"id": [300]})
    with pytest.raises(ValueError, match="cannot be asked of the columns id: int64: conversion"):
        filters.mask(condition, rows)


def test_an_expression_is_read_with_all_that_it_holds() -> None:
    tree = read_expression((field("a", "b") > 1) & field("c").isin([1, None]))
    assert isinstance(tree, Call)
    nested, among = tree.arguments
    assert isinstance(nested, Call)
    assert nested.arguments == (Reference(("a", "b")), Literal(pa.scalar(1)))
    assert isinstance(among, Call)
    assert (among.function, among.arguments) == ("is_in", (Reference(("c",)),))
    assert among.options["value_set"].as_py() == [1, None]


@pytest.mark.parametrize(
    "items",
    [
        [],
        [("call", "equal"), ("field_ref", "a")],
        [("call", "equal"), ("field_ref", "a"), ("end", "less")],
        [("field_ref", "a"), ("field_ref", "b")],
        [("nested_field_ref", "2"), ("field_ref", "a"), ("literal", "0")],
        [("new_sort", "a")],
        [("options", "0")],
        [("call", "f"), ("options", "0"), ("options", "0"), ("end", "f")],
    ],
)
def test_a_form_that_is_not_known_is_not_guessed_at(items: list[tuple[str, str]]) -> None:
    with pytest.raises(Unfamiliar):
        tree_of(items, [pa.scalar(1)])


def test_what_has_no_words_is_applied_whole_to_all_columns(schema: TableSchema) -> None:
    condition = Expression(field("id") > 1, None, Opaque())
    assert filters.columns_of(condition) is None
    assert filters.columns_of(filters.both(condition, condition)) is None
    assert filters.pushed(condition, schema) is None
    assert filters.about_partitions(condition, schema) is None
    assert filters.to_sql(condition) is None
    assert filters.described(condition) == "(id > 1)"
    rows = pa.RecordBatch.from_pydict({"id": [1, 2]})
    assert filters.mask(condition, rows).to_pylist() == [False, True]


def test_polars_is_not_imported_for_conditions_of_others() -> None:
    code = (
        "import sys, odps_frames as of, pyarrow.compute as pc\n"
        "from odps_frames import filters\n"
        "from odps_frames.model.schema import Column, TableSchema\n"
        "from odps_frames.model.types import parse_type\n"
        "schema = TableSchema((Column('id', parse_type('bigint')),))\n"
        "for some in ('id > 1', [('id', '>', 1)], pc.field('id') > 1):\n"
        "    assert filters.parse(some, schema) is not None\n"
        "sys.exit('polars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603  our own code
