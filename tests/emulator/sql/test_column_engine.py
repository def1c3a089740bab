"""Columns that come, go and change: old rows keep their values, sessions what they know."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.errors import Conflict, ServiceError
from odps_frames.model.read import Incremental
from odps_frames.model.splits import Split
from odps_frames.wire import catalog
from odps_frames.wire.instance import TaskStatus

KEYED = (
    "CREATE TABLE t (id BIGINT NOT NULL, v INT, w STRING, PRIMARY KEY (id)) "
    "TBLPROPERTIES ('transactional'='true')"
)


def described(service: Any, name: str = "t") -> Any:
    ref = service.ref(name)
    return catalog.decode_table(service.send(catalog.encode_get_table(ref)), ref).value


def types(service: Any) -> dict[str, str]:
    return {column.name: str(column.type) for column in described(service).schema.columns}


def fails(service: Any, sql: str) -> str:
    status, text = service.run(sql)
    assert status is TaskStatus.FAILED
    return str(text)


@pytest.fixture
def table(service: Any) -> Any:
    service.sql("CREATE TABLE t (a INT COMMENT 'the a', b STRING, c FLOAT)")
    service.write(
        pa.table(
            {
                "a": pa.array([1, None], pa.int32()),
                "b": ["x", "y"],
                "c": pa.array([0.5, 1.5], pa.float32()),
            }
        )
    )
    return service


def test_a_dropped_column_is_gone(table: Any) -> None:
    table.sql("ALTER TABLE t DROP COLUMNS b")
    assert table.rows() == [{"a": 1, "c": 0.5}, {"a": None, "c": 1.5}]
    with pytest.raises(ServiceError, match="no data column 'b'"):
        table.open_read(columns=("b",))


@pytest.mark.parametrize("type_", ["STRING", "BIGINT"])
def test_a_column_of_the_same_name_never_shows_old_values(table: Any, type_: str) -> None:
    table.sql("ALTER TABLE t DROP COLUMNS b")
    table.sql(f"ALTER TABLE t ADD COLUMNS (b {type_})")
    assert [row["b"] for row in table.rows()] == [None, None]
    table.sql("ALTER TABLE t DROP COLUMNS (b)")
    table.sql(f"ALTER TABLE t ADD COLUMNS (d {type_})")
    assert [row["d"] for row in table.rows()] == [None, None]


def test_the_last_column_of_a_table_never_comes_back(service: Any, open_service: Any) -> None:
    service.sql("CREATE TABLE t (a INT, b INT)")
    service.write(pa.table({"a": pa.array([1], pa.int32()), "b": pa.array([2], pa.int32())}))
    service.sql("ALTER TABLE t DROP COLUMN b")
    service.emulator.close()
    again = open_service()
    again.sql("ALTER TABLE t ADD COLUMNS b INT")
    assert again.rows() == [{"a": 1, "b": None}]


def test_a_read_session_keeps_the_columns_that_it_began_with(table: Any) -> None:
    session = table.open_read()
    table.sql("ALTER TABLE t DROP COLUMNS b")
    table.sql("ALTER TABLE t CHANGE COLUMN a z BIGINT")
    table.sql("ALTER TABLE t ADD COLUMNS (b INT)")
    kept = table.read_split(Split(session.session_id))
    assert kept.schema.names == ["a", "b", "c"]
    assert kept.schema.field("a").type == pa.int32()
    assert kept["b"].to_pylist() == ["x", "y"]


def test_a_read_session_keeps_its_columns_over_a_restart(table: Any, open_service: Any) -> None:
    session = table.open_read()
    table.sql("ALTER TABLE t DROP COLUMNS b, c")
    table.sql("ALTER TABLE t CHANGE a a STRING")
    table.emulator.close()
    kept = open_service().read_split(Split(session.session_id))
    assert kept["b"].to_pylist() == ["x", "y"]
    assert kept["a"].to_pylist() == [1, None]


def test_a_stream_that_began_before_is_refused(table: Any) -> None:
    session = table.open_session()
    stream, _ = table.open_stream(session)
    table.sql("ALTER TABLE t DROP COLUMNS b")
    with pytest.raises(Conflict) as refused:
        table.send_rows(stream, pa.table({"a": pa.array([1], pa.int32())}))
    assert refused.value.code == "SchemaModified"
    again, _ = table.open_stream(session, version=2)
    rows = pa.table({"a": pa.array([7], pa.int32()), "c": pa.array([2.5], pa.float32())})
    table.send_rows(again, rows)
    table.close_stream(again)
    table.commit(session)
    assert [row["a"] for row in table.rows()] == [1, None, 7]


def test_rows_that_were_staged_before_are_read_right(table: Any) -> None:
    session = table.open_session()
    stream, _ = table.open_stream(session)
    rows = pa.table({"a": pa.array([5], pa.int32()), "b": ["z"], "c": pa.array([9], pa.float32())})
    table.send_rows(stream, rows)
    table.close_stream(stream)
    table.sql("ALTER TABLE t DROP COLUMNS b")
    table.sql("ALTER TABLE t CHANGE COLUMN c c DOUBLE")
    table.sql("ALTER TABLE t ADD COLUMNS (b STRING)")
    table.commit(session)
    assert table.rows()[-1] == {"a": 5, "c": 9.0, "b": None}


def test_with_schema_evolution_streams_go_on_where_their_rows_still_fit(table: Any) -> None:
    session = table.open_session(schema_evolution=True)
    stream, _ = table.open_stream(session)
    table.sql("ALTER TABLE t DROP COLUMNS b")
    table.sql("ALTER TABLE t CHANGE COLUMN a a BIGINT")
    old = pa.table({"a": pa.array([5], pa.int32()), "b": ["z"], "c": pa.array([9], pa.float32())})
    with pytest.raises(ServiceError, match="column 'b' is not expected"):
        table.send_rows(stream, old)
    table.send_rows(stream, old.drop_columns(["b"]))
    table.close_stream(stream)
    table.commit(session)
    assert table.rows()[-1] == {"a": 5, "c": 9.0}


@pytest.mark.parametrize(
    ("old", "values", "new", "expected"),
    [
        ("TINYINT", pa.array([-128, None], pa.int8()), "SMALLINT", [-128, None]),
        ("TINYINT", pa.array([127], pa.int8()), "DOUBLE", [127.0]),
        ("SMALLINT", pa.array([-(2**15)], pa.int16()), "BIGINT", [-(2**15)]),
        ("INT", pa.array([2**31 - 1], pa.int32()), "BIGINT", [2**31 - 1]),
        ("INT", pa.array([2**31 - 1], pa.int32()), "DOUBLE", [2.0**31 - 1]),
        ("BIGINT", pa.array([-(2**63), None], pa.int64()), "STRING", [str(-(2**63)), None]),
        ("FLOAT", pa.array([0.1], pa.float32()), "DOUBLE", [pa.scalar(0.1, pa.float32()).as_py()]),
        ("VARCHAR(2)", pa.array(["ab"]), "VARCHAR(3)", ["ab"]),
        ("VARCHAR(2)", pa.array(["ab"]), "STRING", ["ab"]),
    ],
)
def test_old_rows_are_read_in_the_new_type(
    service: Any, old: str, values: Any, new: str, expected: list[Any]
) -> None:
    service.sql(f"CREATE TABLE t (a {old})")
    service.write(pa.table({"a": values}))
    service.sql(f"ALTER TABLE t CHANGE COLUMN a a {new}")
    assert types(service) == {"a": new.lower()}
    assert service.read()["a"].to_pylist() == expected
    assert service.preview()["a"].to_pylist() == expected
    before = service.read()
    service.write(before)
    assert service.read()["a"].to_pylist() == expected * 2


def test_old_decimals_are_read_in_the_new_type(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT, b DECIMAL(4,2))")
    rows: dict[str, Any] = {"a": [2**63 - 1], "b": pa.array(["12.34"]).cast(pa.decimal128(4, 2))}
    service.write(pa.table(rows))
    service.sql("ALTER TABLE t CHANGE a a DECIMAL(21,2)")
    service.sql("ALTER TABLE t CHANGE b b DECIMAL(10,4)")
    (row,) = service.rows()
    assert [str(value) for value in row.values()] == [f"{2**63 - 1}.00", "12.3400"]


def test_conditions_over_a_changed_column_see_old_rows(table: Any) -> None:
    table.sql("ALTER TABLE t CHANGE a a BIGINT")
    big = pa.table({"a": [2**40], "b": ["z"], "c": pa.array([0], pa.float32())})
    table.write(big)
    found = table.rows(row_filter="a >= 1", columns=("a",))
    assert found == [{"a": 1}, {"a": 2**40}]
    table.sql("ALTER TABLE t CHANGE a a STRING")
    assert table.rows(row_filter="a = '1'", columns=("a",)) == [{"a": "1"}]


def test_changes_since_a_version_before_are_read_in_the_new_type(table: Any) -> None:
    table.sql("ALTER TABLE t CHANGE a a BIGINT")
    table.write(pa.table({"a": [2**40], "b": ["z"], "c": pa.array([0], pa.float32())}))
    found = table.read(incremental=Incremental(0, None), columns=("a",))
    assert found["a"].to_pylist() == [1, None, 2**40]


def test_a_key_table_goes_on_after_other_columns_changed(service: Any) -> None:
    service.sql(KEYED)

    def write(*rows: tuple[int, Any, Any], types: tuple[pa.DataType, ...]) -> None:
        ids, values, more = zip(*rows, strict=True)
        columns: dict[str, Any] = {
            "id": list(ids),
            "v": pa.array(values, types[0]),
            "w": list(more),
        }
        marks = pa.array([85] * len(rows), pa.int8())
        service.write(pa.table({**columns, "__operation": marks}))

    write((1, 10, "a"), (2, 20, "b"), types=(pa.int32(),))
    service.sql("ALTER TABLE t CHANGE v v BIGINT")
    write((2, 2**40, "c"), types=(pa.int64(),))
    found = sorted(tuple(row.values()) for row in service.rows())
    assert found == [(1, 10, "a"), (2, 2**40, "c")]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("ALTER TABLE t DROP COLUMNS id", "part of the PRIMARY KEY; it cannot be dropped"),
        ("ALTER TABLE t CHANGE id id STRING", "it cannot be of another type"),
        ("ALTER TABLE t CHANGE COLUMN id RENAME TO k", "it cannot be renamed"),
        ("ALTER TABLE t CHANGE COLUMN id NULL", "part of the PRIMARY KEY: NOT NULL"),
        ("ALTER TABLE t CHANGE v __operation INT", "the system's own"),
    ],
)
def test_the_key_of_a_table_stays(service: Any, sql: str, words: str) -> None:
    service.sql(KEYED)
    before = described(service)
    assert words in fails(service, sql)
    assert described(service) == before


@pytest.mark.parametrize("column", ["a", "b"])
def test_columns_of_buckets_stay(service: Any, column: str) -> None:
    service.sql(
        "CREATE TABLE t (a INT, b INT, c INT) CLUSTERED BY (a) SORTED BY (b) INTO 4 BUCKETS"
    )
    for action in (f"DROP COLUMNS {column}", f"CHANGE {column} {column} BIGINT"):
        assert f"clustered by {column}" in fails(service, f"ALTER TABLE t {action}")
    service.sql("ALTER TABLE t DROP COLUMNS c")


def test_a_renamed_column_keeps_its_values(table: Any) -> None:
    table.sql("ALTER TABLE t CHANGE COLUMN b RENAME TO name")
    assert [row["name"] for row in table.rows()] == ["x", "y"]
    table.sql("ALTER TABLE t ADD COLUMNS (b STRING)")
    assert [row["b"] for row in table.rows()] == [None, None]


def test_everything_of_a_column_may_change_at_once(table: Any) -> None:
    table.sql("ALTER TABLE t CHANGE COLUMN a number BIGINT COMMENT 'a number' AFTER c")
    columns = described(table).schema.columns
    assert [(c.name, str(c.type), c.comment) for c in columns] == [
        ("b", "string", ""),
        ("c", "float", ""),
        ("number", "bigint", "a number"),
    ]
    assert table.rows()[0] == {"b": "x", "c": 0.5, "number": 1}


def test_a_comment_alone_leaves_writers_in_peace(table: Any) -> None:
    session = table.open_session()
    stream, _ = table.open_stream(session)
    table.sql("ALTER TABLE t CHANGE COLUMN a COMMENT 'another'")
    assert described(table).schema.columns[0].comment == "another"
    rows = pa.table({"a": pa.array([5], pa.int32()), "b": ["z"], "c": pa.array([9], pa.float32())})
    table.send_rows(stream, rows)
    table.close_stream(stream)
    table.commit(session)
    assert len(table.rows()) == 3


def test_a_partition_column_takes_another_comment_and_nothing_else(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT) PARTITIONED BY (pt STRING)")
    service.sql("ALTER TABLE t CHANGE COLUMN pt COMMENT 'the day'")
    service.sql("ALTER TABLE t CHANGE COLUMN pt pt STRING COMMENT 'the day of it'")
    assert described(service).schema.partition_columns[0].comment == "the day of it"
    for change in ("RENAME TO day", "day STRING", "pt BIGINT", "NULL"):
        text = fails(service, f"ALTER TABLE t CHANGE COLUMN pt {change}")
        assert "only its comment can be changed" in text
    assert "no column 'pt'" in fails(service, "ALTER TABLE t DROP COLUMNS pt")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DROP COLUMNS a, a", "stands twice"),
        ("DROP COLUMNS a, b, c", "needs one column at least"),
        ("DROP COLUMNS nope", "no column 'nope'"),
        ("CHANGE nope x INT", "no column 'nope'"),
        ("CHANGE a b INT", "column b exists already"),
        ("CHANGE a a INT AFTER a", "cannot stand after itself"),
        ("CHANGE a a INT AFTER nope", "no column 'nope'"),
        ("CHANGE a a INT NOT NULL", "cannot become NOT NULL"),
        ("CHANGE a a SMALLINT", "from int to smallint is not supported here"),
        ("CHANGE b b VARCHAR(10)", "from string to varchar(10) is not supported here"),
        ("CHANGE c c INT", "from float to int is not supported here"),
        ("ADD COLUMNS (x VARIANT)", "variant"),
        ("ADD COLUMNS (x INT, X INT)", "stand twice"),
    ],
)
def test_changes_that_cannot_be(table: Any, sql: str, words: str) -> None:
    before = described(table)
    text = fails(table, f"ALTER TABLE t {sql}")
    assert text.startswith("ODPS-0130071:[1,13] ")
    assert words in text
    assert described(table) == before


def test_a_column_with_a_default_keeps_its_type(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT DEFAULT 1, b INT)")
    assert "has a DEFAULT" in fails(service, "ALTER TABLE t CHANGE a a BIGINT")
    service.sql("ALTER TABLE t CHANGE COLUMN a RENAME TO z")
    assert "`z` int DEFAULT 1" in service.run("SHOW CREATE TABLE t")[1]
