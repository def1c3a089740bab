"""Functions of arrays, maps and JSON where the documentation's examples do not reach."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import odps_frames as of

Answers = Any  # of a fixture, whose class no test module can import

TYPES = [
    ("size(arr)", "int"),
    ("array_position(arr, 1)", "bigint"),
    ("array_join(arr, ',')", "string"),
    ("array_max(arr)", "bigint"),
    ("transform(arr, x -> x > 1)", "array<boolean>"),
    ("transform(arr, x -> null)", "array<string>"),
    ("zip_with(arr, arr, (x, y) -> concat(x, y))", "array<string>"),
    ("array_reduce(arr, 0.5, (b, e) -> b + e, b -> b > 1)", "boolean"),
    ("map_entries(map('a', 1))", "array<struct<key:string,value:bigint>>"),
    ("transform_keys(map('a', 1), (k, v) -> v)", "map<bigint,bigint>"),
    ("multimap_from_entries(array(struct(1, 'a')))", "map<bigint,array<string>>"),
    ("flatten(array(arr))", "array<bigint>"),
    ("ngrams(arr, 2)", "array<array<bigint>>"),
    ("json_parse(j)", "json"),
    ("json_extract(json_parse(j), '$.a')", "json"),
    ("json_parse(j)['b'][0]", "json"),
    ("json_exists(json_parse(j), '$.a')", "boolean"),
    ("json_length(json_parse(j))", "bigint"),
    ("from_json(j, 'a int, b array<string>')", "struct<a:int,b:array<string>>"),
]


@pytest.mark.parametrize(("expression", "type_"), TYPES, ids=[text for text, _ in TYPES])
def test_results_have_their_types(answers: Answers, expression: str, type_: str) -> None:
    assert answers.types(f"select {expression} as r from t") == {"r": type_}


QUERIES: list[tuple[str, list[list[Any]]]] = [
    # Parameters hide columns of their name, in any letter case, and see the columns around.
    ("select transform(arr, ID -> id * 2) from t where id = 2", [[[40]]]),
    ("select transform(arr, x -> x + id) from t where id = 2", [[[22]]]),
    (
        "select transform(array(arr), x -> transform(x, y -> size(x) + y)) from t where id = 1",
        [[[[12, 13]]]],
    ),
    ("select transform(array(1, 2), x -> transform(array(x, 5), x -> x * 10)[0])", [[[10, 20]]]),
    ("select transform(array(named_struct('f', array(1, 2))), s -> s.f[1])", [[[2]]]),
    # They stand wherever expressions do.
    ("select id from t where any_match(arr, x -> x = 20)", [[2]]),
    (
        "select name, sum(size(filter(arr, x -> x > 10))) n from t group by name order by name",
        [["a", 1], ["b", 1], ["c", 0], ["d", -1]],
    ),
    (
        (
            "select name, transform(sort_array(collect_list(v)), x -> x + 1) from t "
            "where v is not null group by name order by name"
        ),
        [["a", [11, 41]], ["b", [21]], ["c", [31]]],
    ),
    (
        (
            "select id, x from t lateral view explode(transform(arr, e -> e + 1)) q as x "
            "where id = 1 order by x"
        ),
        [[1, 11], [1, 12]],
    ),
    # Elements that are equal keep their order.
    (
        (
            "select array_sort(array('b1', 'a1', 'b2', 'a2'), (x, y) -> case when "
            "substr(x, 1, 1) < substr(y, 1, 1) then -1L when substr(x, 1, 1) > substr(y, 1, 1) "
            "then 1L else 0L end)"
        ),
        [[["a1", "a2", "b1", "b2"]]],
    ),
    (
        (
            "select array_reduce(array(array(1), array(2, 3)), 0, (b, e) -> b + array_reduce(e, 0, "
            "(c, f) -> c + f, c -> c), b -> b)"
        ),
        [[6]],
    ),
    # Numbers keep their digits, large ones too.
    (
        (
            """select get_json_object('{"a":12345678901234567890123,"b":[0.10]}', '$.a'), """
            """get_json_object('{"a":12345678901234567890123,"b":[0.10]}', '$.b')"""
        ),
        [["12345678901234567890123", "[0.10]"]],
    ),
    (
        """select cast(json '12345678901234567' as bigint), cast(json '-1.9' as int)""",
        [[12345678901234567, -1]],
    ),
    (
        "select json_type(json_parse(j)['c']), json_parse(j)['c']['d'] from t where id = 1",
        [["object", '"deep"']],
    ),
    ("select json_type(json_parse(j)), json_parse(j)['a'] from t where id = 2", [[None, None]]),
]


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=[text[:60] for text, _ in QUERIES])
def test_rows(answers: Answers, sql: str, expected: list[list[Any]]) -> None:
    assert answers.rows(sql) == expected


REFUSED: list[tuple[str, str]] = [
    ("select transform(arr, (x, X) -> x) from t", "parameters stand twice: x, x"),
    ("select transform(arr, x -> sum(x)) from t", "neither a key of GROUP BY"),
    ("select transform(arr, x -> row_number() over (order by x)) from t", "not allowed here"),
    ("select filter(1, x -> true)", "argument 1 of function filter is bigint; expected an array"),
    ("select filter(array(1), 1)", "argument 2 of function filter is bigint; expected a function"),
    ("select filter(x -> true, array(1))", "argument 1 of function filter is a function"),
    (
        "select array_reduce(array(1), 0, (b, e) -> 'x' || b, b -> array(b))[0] + array(1)",
        "no number",
    ),
    ("select array_sort(array(1, 2), (x, y) -> array(x))", "does not give a whole number"),
    ("select map_zip_with(map(1, 1), map('a', 1), (k, a, b) -> a)", "differ: bigint and string"),
    ("select json '1' = json '1'", "json and json cannot be compared"),
    ("select json_type('1')", "argument 1 of function json_type is string; expected json"),
    ("select to_json(array(getdate()))", "to_json of array<datetime> is not supported here"),
    ("select from_json('1', 'int')", "'int' of from_json is no type"),
    ("select from_json('{}', 'a nothing')", "'a nothing' of from_json is no type"),
    ("select json_set(json '1', '$.a', json '1')", "function json_set is not supported here"),
    ("select array_normalize(array(1.5), 2)", "function array_normalize is not supported here"),
]


@pytest.mark.parametrize(("sql", "words"), REFUSED, ids=[text[:60] for text, _ in REFUSED])
def test_what_does_not_fit_is_refused(answers: Answers, sql: str, words: str) -> None:
    assert words in str(answers.fault(sql))


def test_a_column_of_json_is_read_as_it_was_written(answers: Answers) -> None:
    answers.client.create_table("json_table", {"id": "bigint", "v": "json"})
    texts = ['{"b": 1, "a": [1, 2.50]}', None, "[3]"]
    data: dict[str, Any] = {
        "id": pa.array([1, 2, 3], pa.int64()),
        "v": pa.array(texts, pa.string()),
    }
    of.to_odps(pa.table(data), "json_table", client=answers.client)
    found = answers.rows(
        "select v, v['a'][1], v[0], json_format(v), cast(v['b'] as bigint) "
        "from json_table order by id limit 9"
    )
    assert found == [
        ['{"b": 1, "a": [1, 2.50]}', "2.5", None, '{"a":[1,2.5],"b":1}', 1],
        [None, None, None, None, None],
        ["[3]", None, "3", "[3]", None],
    ]
