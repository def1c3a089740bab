"""Upserts and deletes from frames: one commit, and the last row of a key counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import odps_frames as of
from odps_frames.model.read import ReadSpec
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

FRAME = pd.DataFrame({"id": [1, 2, 3], "v": ["a", "b", "c"]})


def content(client: LocalClient, table: str) -> dict[Any, Any]:
    frame = of.read_odps(table, client=client)
    assert frame["id"].is_unique
    return dict(zip(frame["id"], frame["v"], strict=True))


@pytest.fixture
def keyed(client: LocalClient, table: str) -> str:
    result = of.to_odps(FRAME, table, create=True, primary_key=["id"], client=client)
    assert result.rows == 3
    return table


def test_a_table_is_made_with_its_key(client: LocalClient, keyed: str) -> None:
    info = client.describe(keyed, extended=True)
    assert (info.primary_key, info.transactional, info.retain_hours) == (("id",), True, 24)
    assert [column.nullable for column in info.schema.columns] == [False, True]


def test_a_client_makes_one_too(client: LocalClient, table: str) -> None:
    columns = {"a": "string", "id": "bigint", "v": "double"}
    client.create_table(
        table,
        columns,
        partition_by={"pt": "string"},
        primary_key=["id", "a"],
        properties={"acid.data.retain.hours": "72"},
    )
    info = client.describe(table, extended=True)
    assert (info.primary_key, info.retain_hours) == (("id", "a"), 72)
    assert [column.nullable for column in info.schema.columns] == [False, False, True]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (["x"], "expected data columns out of"),
        (["id", "ID"], "stands twice"),
        (["v"], "'v' is double"),
        (["pt"], "expected data columns"),
    ],
)
def test_keys_that_cannot_be(client: LocalClient, table: str, key: list[str], message: str) -> None:
    columns = {"id": "bigint", "v": "double"}
    with pytest.raises(ValueError, match=message):
        client.create_table(table, columns, partition_by={"pt": "string"}, primary_key=key)
    assert not client.exists(table)


def test_a_bare_name_is_no_list(client: LocalClient, table: str) -> None:
    with pytest.raises(TypeError, match=r"expected a list of names, \['id'\]"):
        client.create_table(table, {"id": "bigint"}, primary_key="id")


def test_rows_take_the_place_of_those_of_their_keys(client: LocalClient, keyed: str) -> None:
    more = pd.DataFrame({"id": [3, 4, 3], "v": ["x", "y", "z"]})
    result = of.to_odps(more, keyed, mode="upsert", client=client)
    assert result.rows == 2  # one a key
    assert content(client, keyed) == {1: "a", 2: "b", 3: "z", 4: "y"}


@pytest.mark.parametrize(
    "marks",
    [
        ["U", "D", "D", "U"],
        ["u", "d", "d", "u"],
        [85, 68, 68, 85],
        pd.array([85, 68, 68, 85], "UInt8"),
        ["insert", "delete", "delete", "update"],
        pd.Categorical(["upsert", "delete", "delete", "upsert"]),
    ],
    ids=repr,
)
def test_a_column_says_what_becomes_of_rows(client: LocalClient, keyed: str, marks: Any) -> None:
    changes = pd.DataFrame({"id": [4, 1, 2, 2], "v": ["x", "?", "?", "y"], "__operation": marks})
    of.to_odps(changes, keyed, mode="upsert", client=client)
    assert content(client, keyed) == {2: "y", 3: "c", 4: "x"}


@pytest.mark.parametrize("coded", [False, True])
def test_operations_as_polars_has_them(client: LocalClient, keyed: str, *, coded: bool) -> None:
    views = pa.array(["D", "U"], pa.string_view())
    coding = pa.DictionaryArray.from_arrays(pa.array([0, 1]), views)
    marks = coding if coded else views
    more = pa.table({"id": [1, 4], "v": pa.array([None, "x"], views.type), "__operation": marks})
    of.to_odps(more, keyed, mode="upsert", client=client)
    assert content(client, keyed) == {2: "b", 3: "c", 4: "x"}


@pytest.mark.parametrize("mode", ["append", "upsert", "overwrite"])
def test_the_letter_case_of_keys_does_not_count(client: LocalClient, table: str, mode: Any) -> None:
    frame = FRAME.rename(columns={"id": "Id"})
    options: dict[str, Any] = {"create": True, "primary_key": "ID", "client": client}
    of.to_odps(frame, table, mode=mode, **options)
    of.to_odps(frame.assign(v="x"), table, mode="upsert", **options)
    assert content(client, table) == dict.fromkeys((1, 2, 3), "x")


def test_operations_are_for_upserts_alone(client: LocalClient, keyed: str) -> None:
    data = FRAME.assign(__operation="D")
    modes: list[Any] = ["strict", "ignore_extra"]
    for schema_mode in modes:
        with pytest.raises(of.SchemaMismatch, match="with mode='upsert'; mode='overwrite' adds"):
            of.to_odps(data, keyed, mode="overwrite", schema_mode=schema_mode, client=client)
    assert content(client, keyed) == {1: "a", 2: "b", 3: "c"}


@pytest.mark.parametrize("where", ["v = 'gone'", [("v", "==", "gone")]])
def test_a_condition_says_which_keys_are_deleted(
    client: LocalClient, keyed: str, where: Any
) -> None:
    changes = pd.DataFrame({"id": [1, 2, 4], "v": ["gone", None, "x"]})
    of.to_odps(changes, keyed, mode="upsert", delete_where=where, client=client)
    rows = of.scan_odps(keyed, client=client).to_arrow().sort_by("id").to_pylist()
    assert rows == [{"id": 2, "v": None}, {"id": 3, "v": "c"}, {"id": 4, "v": "x"}]


def test_keys_are_all_that_a_delete_needs(client: LocalClient, keyed: str) -> None:
    gone = pd.DataFrame({"id": [1, 3], "__operation": ["D", "D"]})
    of.to_odps(gone, keyed, mode="upsert", client=client)
    assert content(client, keyed) == {2: "b"}
    with pytest.raises(of.SchemaMismatch, match=r"lacks the columns \['v'\].* row 1 is not"):
        of.to_odps(gone.assign(__operation=["D", "U"]), keyed, mode="upsert", client=client)


def test_columns_that_are_not_null_may_be_so_in_deletes(client: LocalClient, table: str) -> None:
    schema = of.TableSchema(
        (
            of.Column("id", parse_type("bigint")),
            of.Column("v", parse_type("string"), nullable=False),
        )
    )
    client.create_table(table, schema, primary_key=["id"])
    of.to_odps(FRAME, table, mode="upsert", client=client)
    changes = pd.DataFrame({"id": [1, 2], "v": [None, "x"], "__operation": ["D", "U"]})
    of.to_odps(changes, table, mode="upsert", client=client)
    assert content(client, table) == {2: "x", 3: "c"}
    with pytest.raises(of.CastError, match="'v' is NOT NULL, and row 0"):
        of.to_odps(changes.assign(__operation="U"), table, mode="upsert", client=client)


def test_keys_are_those_of_a_partition(client: LocalClient, table: str) -> None:
    frame = pd.DataFrame({"id": [1, 1, 2], "v": ["a", "b", "c"], "pt": ["x", "y", "x"]})
    of.to_odps(frame, table, create=True, primary_key="id", partition_cols="pt", client=client)
    of.to_odps(
        pd.DataFrame({"id": [1, 3], "v": ["d", "e"]}),
        table,
        mode="upsert",
        partition="pt=y",
        client=client,
    )
    result = of.to_odps(
        frame.assign(__operation=["D", "U", "U"]), table, mode="upsert", client=client
    )
    assert result.partitions == ("pt=x", "pt=y")
    found = of.read_odps(table, client=client).sort_values(["pt", "id"])
    assert found.to_numpy().tolist() == [[2, "c", "x"], [1, "b", "y"], [3, "e", "y"]]


def test_streams_of_any_length_keep_their_order(client: LocalClient, keyed: str) -> None:
    n_rows = 5000
    data = pa.table({"id": [n % 700 for n in range(n_rows)], "v": [str(n) for n in range(n_rows)]})
    reader = pa.RecordBatchReader.from_batches(data.schema, data.to_batches(max_chunksize=64))
    result = of.to_odps(reader, keyed, mode="upsert", n_streams=3, client=client)
    assert result.rows == 700
    expected = {n % 700: str(n) for n in range(n_rows)}
    assert content(client, keyed) == {1: "a", 2: "b", 3: "c"} | expected


def test_overwriting_wants_every_key_once(client: LocalClient, keyed: str) -> None:
    of.to_odps(FRAME[1:], keyed, mode="overwrite", client=client)
    assert content(client, keyed) == {2: "b", 3: "c"}
    twice = pd.concat([FRAME, FRAME[:1]])
    with pytest.raises(of.CastError, match=r"4 rows have 3 keys, such as rows 0 and 3"):
        of.to_odps(twice, keyed, mode="overwrite", client=client)
    assert content(client, keyed) == {2: "b", 3: "c"}


@pytest.mark.parametrize(
    ("changes", "options", "error", "message"),
    [
        ({"id": [1], "v": ["x"]}, {}, ValueError, "use mode='upsert'"),
        ({"id": [1, None, None], "v": ["x"] * 3}, {"mode": "upsert"}, of.CastError, "2 of 3 rows"),
        (
            {"id": [1], "v": ["x"], "__operation": ["X"]},
            {"mode": "upsert"},
            of.CastError,
            "row 0, 'X'; expected 'U' or 85",
        ),
        (
            {"id": [1, 2], "v": ["x", "y"], "__operation": ["U", None]},
            {"mode": "upsert"},
            of.CastError,
            "row 1, None",
        ),
        (
            {"id": [1], "v": ["x"], "__operation": [1.5]},
            {"mode": "upsert"},
            of.CastError,
            "of type double",
        ),
        (
            {"id": [1], "v": ["x"]},
            {"mode": "upsert", "delete_where": " "},
            ValueError,
            "delete_where=' ' is no condition",
        ),
        (
            {"id": [1], "v": ["x"], "gone": [True]},
            {"mode": "upsert", "delete_where": "gone", "schema_mode": "ignore_extra"},
            of.SchemaMismatch,
            "speaks of columns of the table: no column 'gone'",
        ),
        (
            {"id": [1], "v": ["x"], "__operation": ["D"]},
            {"mode": "upsert", "delete_where": "id = 1"},
            ValueError,
            "say the same thing",
        ),
        (
            {"id": [1], "v": ["x"]},
            {"mode": "overwrite", "delete_where": "id = 1"},
            ValueError,
            "only",
        ),
        (
            {"id": [1], "v": ["x"]},
            {"mode": "upsert", "delete_where": "nothing = 1"},
            of.SchemaMismatch,
            "no column 'nothing'",
        ),
        (
            {"id": [1], "v": ["x"], "__operation": ["D"]},
            {"mode": "overwrite"},
            of.SchemaMismatch,
            "__operation",
        ),
        (
            {"id": [1], "v": ["x"]},
            {"mode": "upsert", "primary_key": "v"},
            ValueError,
            "create=True",
        ),
        (
            {"id": [1], "v": ["x"]},
            {"mode": "upsert", "create": True, "primary_key": "v"},
            of.SchemaMismatch,
            r"exists and has the key \['id'\]",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    client: LocalClient,
    keyed: str,
    changes: dict[str, Any],
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    before = len(client.service.requests)
    with pytest.raises(error, match=message):
        of.to_odps(pd.DataFrame(changes), keyed, **options, client=client)
    sent = [record.operation for record in client.service.requests[before:]]
    assert "TableCreateWriteSession" not in sent
    assert content(client, keyed) == {1: "a", 2: "b", 3: "c"}


def test_a_table_without_a_key_takes_no_upserts(client: LocalClient, table: str) -> None:
    of.to_odps(FRAME, table, create=True, client=client)
    with pytest.raises(ValueError, match="has no primary key"):
        of.to_odps(FRAME, table, mode="upsert", client=client)
    with pytest.raises(ValueError, match="has no primary key"):
        of.to_odps(FRAME, f"{table}x", mode="upsert", create=True, client=client)
    with pytest.raises(of.NotFound):
        of.to_odps(FRAME, f"{table}x", mode="upsert", client=client)


def test_such_a_table_is_read_by_rows(client: LocalClient, keyed: str) -> None:
    frame = of.read_odps(keyed, client=client)
    spec = ReadSpec(table=client.ref(keyed))
    session = of.ReadSession.attach(client.transport, spec, frame.attrs["odps"]["session_id"])
    assert (session.info.split_mode, session.info.n_rows) == ("RowOffset", 3)


changes = st.lists(
    st.tuples(st.integers(0, 9), st.text("ab", max_size=2), st.sampled_from("UD")), max_size=20
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(changes, st.booleans(), st.integers(1, 3)), max_size=4))
def test_any_upserts_leave_what_a_dictionary_would(
    client: LocalClient, calls: list[tuple[list[tuple[int, str, str]], bool, int]]
) -> None:
    table = "upserted_by_chance"
    client.drop_table(table, if_exists=True)
    client.create_table(table, {"id": "bigint", "v": "string"}, primary_key=["id"])
    expected: dict[int, str] = {}
    for rows, streamed, step in calls:
        ids, values, marks = zip(*rows, strict=True) if rows else ((), (), ())
        data = pa.table(
            {
                "id": pa.array(ids, pa.int64()),
                "v": pa.array(values, pa.string()),
                "__operation": pa.array(marks, pa.string()),
            }
        )
        of.to_odps(
            data.to_reader(max_chunksize=step) if streamed else data,
            table,
            mode="upsert",
            n_streams=step,
            client=client,
        )
        for key, value, mark in rows:
            expected[key] = value
            if mark == "D":
                del expected[key]
        assert content(client, table) == expected
