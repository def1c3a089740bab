"""The service drops the rows for which a condition is not true, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.errors import ServiceError
from odps_frames.model.read import Incremental, ReadSpec
from odps_frames.model.splits import ByParallelism, ByRows, RowRange, Split
from odps_frames.wire import read_session

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = (
    "id BIGINT, name STRING, code CHAR(4), flag BOOLEAN, raw BINARY, amount DECIMAL(10,2), "
    "x DOUBLE, day DATE, dt DATETIME, ts TIMESTAMP, wall TIMESTAMP_NTZ, tags ARRAY<STRING>"
)
ROWS = pa.table(
    {
        "id": [1, 2, 3, None],
        "name": ["a", "it's", "b\\c", None],
        "code": ["a", "b  ", "c", None],
        "flag": [True, False, None, None],
        "raw": pa.array([b"", b"\x00\xff", b"a", None], pa.binary()),
        "amount": pa.array(["1.00", "2.50", "-3.00", None]).cast(pa.decimal128(10, 2)),
        "x": [1.5, float("nan"), float("inf"), None],
        "day": pa.array([0, 20_000, -1, None], pa.date32()),
        "dt": pa.array([0, 1_767_323_045_678, -1, None], pa.timestamp("ms")),
        "ts": pa.array([0, 1_767_323_045_678_901_234, -1, None], pa.timestamp("ns")),
        "wall": pa.array([0, 1_767_323_045_678_901_234, -1, None], pa.timestamp("ns")),
        "tags": pa.array([["a"], [], None, None], pa.list_(pa.string())),
    }
)
LETTERS = pa.table({"a": list(range(100)), "s": [chr(65 + n % 26) for n in range(100)]})


@pytest.fixture
def typed(service: Any) -> Any:
    service.sql(f"CREATE TABLE t ({COLUMNS}) PARTITIONED BY (pt STRING, n INT)")
    service.write(ROWS, partition="pt=x,n=1")
    service.write(ROWS.slice(0, 1), partition="pt=y,n=2")
    return service


@pytest.mark.parametrize(
    ("predicate", "ids"),
    [
        # What the builder of one client prints (protocol.md §15).
        ("`id` = 1", [1, 1]),
        ("`id` != 1", [2, 3]),
        ("`id` <> 1", [2, 3]),
        ("`id` in (1, 2)", [1, 2, 1]),
        ("`id` not in (1, 2)", [3]),
        ("`id` is null", [None]),
        ("`id` is not null and (`id` = 1 or `id` = 3)", [1, 3, 1]),
        ("not (`id` < 2)", [2, 3]),
        ("`name` = 'it\\'s'", [2]),
        ("`raw` = X'00ff'", [2]),
        ("`day` = DATE'1970-01-01'", [1, 1]),
        ("`dt` > DATETIME'1970-01-01 00:00:00'", [2]),
        ("`dt` = DATETIME'2026-01-02 03:04:05.678'", [2]),
        ("`ts` = TIMESTAMP'2026-01-02 03:04:05.678901234'", [2]),
        ("`wall` <= TIMESTAMP_NTZ'1969-12-31 23:59:59.999999999'", [3]),
        ("`amount` >= 2.5", [2]),
        # What ours prints besides.
        ("`flag` = true", [1, 1]),
        ("`name` = 'b\\\\c'", [3]),
        ("`name` like 'i%'", [2]),
        ("`id` between 2 and 3", [2, 3]),
        # What stands in other columns.
        ("code = 'b'", [2]),
        ("x > 1", [1, 3, 1]),
        ("not (x > 1)", [2]),
        ("tags is not null", [1, 2, 1]),
        ("pt = 'y'", [1]),
        ("n >= 2 or id = 3", [3, 1]),
        ("n = 7", []),
        ("true", [1, 2, 3, None, 1]),
        ("null", []),
        ("id = null", []),
    ],
)
def test_only_rows_for_which_it_is_true_come(typed: Any, predicate: str, ids: list[int]) -> None:
    session = typed.open_read(row_filter=predicate, split_by=ByRows(10))
    assert session.n_rows == len(ids)
    assert typed.read_split(Split(session.session_id))["id"].to_pylist() == ids
    columns = typed.read(row_filter=predicate, columns=("name",), partition_columns=("n",))
    assert columns.column_names == ["name", "n"]
    assert columns.num_rows == len(ids)


@pytest.mark.parametrize(
    ("predicate", "words"),
    [
        ("nope = 1", "no column 'nope'"),
        ("id = 'one'", "'one'"),
        ("name > 1", "text"),
        ("flag < true", "boolean"),
        ("amount like 'a%'", "no LIKE"),
        ("day = 1", "date"),
        ("tags = 'a'", "cannot be compared"),
    ],
)
@pytest.mark.parametrize("fallback", [False, True])
def test_what_cannot_mean_anything_is_refused_always(
    typed: Any, predicate: str, words: str, fallback: Any
) -> None:
    with pytest.raises(ServiceError, match=words) as refusal:
        typed.open_read(row_filter=predicate, row_filter_fallback=fallback)
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidArgument")


@pytest.mark.covers(
    "CreateReadSessionRequest.filter_predicate",
    "CreateReadSessionRequest.filter_predicate_fallback",
)
@pytest.mark.parametrize(
    "predicate", ["id + 1 = 2", "lower(name) = 'a'", "id =", "id = 1 or", "((((id"]
)
def test_what_cannot_be_read_is_refused_or_all_rows_come(typed: Any, predicate: str) -> None:
    with pytest.raises(ServiceError, match="FilterPredicate") as refusal:
        typed.open_read(row_filter=predicate)
    assert refusal.value.status == 400
    spec: dict[str, Any] = {"row_filter": predicate, "row_filter_fallback": True}
    assert typed.read(**spec)["id"].to_pylist() == [1, 2, 3, None, 1]
    request = read_session.encode_create(ReadSpec(table=typed.ref(), **spec))
    reply = read_session.decode_info(typed.send(request))
    assert reply.warning is not None
    assert "was not applied, all rows come" in reply.warning
    again = read_session.encode_get(typed.ref(), reply.value.session_id)
    assert read_session.decode_info(typed.send(again)).warning == reply.warning


@pytest.fixture
def letters(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT, s STRING)")
    for start in range(0, 100, 30):
        service.write(LETTERS.slice(start, 30))
    return service


EVEN = "a in (" + ", ".join(map(str, range(0, 100, 2))) + ")"


def test_offsets_skips_and_splits_count_the_rows_that_are_left(letters: Any) -> None:
    session = letters.open_read(row_filter=EVEN, split_by=ByRows(7))
    assert session.n_rows == session.stats.estimated_rows == 50
    window = Split(session.session_id, rows=RowRange(10, 5))
    assert letters.read_split(window)["a"].to_pylist() == [20, 22, 24, 26, 28]
    assert letters.read_split(window, skip_rows=3)["a"].to_pylist() == [26, 28]
    with pytest.raises(ServiceError, match="there are 50"):
        letters.read_split(Split(session.session_id, rows=RowRange(45, 6)))
    parts = letters.open_read(row_filter=EVEN, split_by=ByParallelism(4))
    counts = [letters.read_split(one).num_rows for one in parts.splits(ByParallelism(4))]
    assert (sum(counts), len(counts)) == (50, 4)
    none = letters.open_read(row_filter="a < 0")
    assert (none.n_splits, none.stats.estimated_bytes) == (0, 0)


def test_the_rows_are_the_same_after_a_restart(open_service: Callable[..., Any]) -> None:
    service = open_service()
    service.sql("CREATE TABLE t (a BIGINT, s STRING)")
    service.write(LETTERS)
    session = service.open_read(row_filter="s < 'D' and a > 30")
    before = service.read_split(Split(session.session_id))
    service.write(LETTERS, overwrite=True)
    service.emulator.close()
    again = open_service()
    assert again.read_split(Split(session.session_id)).equals(before)
    assert again.read_split(Split(session.session_id, 0), skip_rows=2).equals(before.slice(2))


def test_times_beyond_nanoseconds_are_compared_exactly(service: Any) -> None:
    service.sql("CREATE TABLE t (n BIGINT, ts TIMESTAMP)")
    pairs = [{"sec": 253_402_300_799, "nano": 999_999_999}, {"sec": -62_135_596_800, "nano": 1}]
    pair = pa.struct([("sec", pa.int64()), ("nano", pa.int32())])
    service.write(pa.table({"n": [1, 2, 3], "ts": pa.array([*pairs, None], pair)}))
    for text, n_rows in [
        ("ts = TIMESTAMP'9999-12-31 23:59:59.999999999'", 1),
        ("ts < TIMESTAMP'9999-12-31 23:59:59.999999999'", 1),
        ("ts = TIMESTAMP'0001-01-01 00:00:00'", 0),
        ("ts > TIMESTAMP'0001-01-01 00:00:00'", 2),
        ("ts is null", 1),
    ]:
        assert service.read(row_filter=text, columns=("n",)).num_rows == n_rows, text


def test_columns_that_are_younger_than_the_rows_are_null(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    service.write(pa.table({"a": [1]}))
    service.sql("ALTER TABLE t ADD COLUMNS (b STRING)")
    service.write(pa.table({"a": [2], "b": ["x"]}))
    assert service.read(row_filter="b is null")["a"].to_pylist() == [1]
    assert service.read(row_filter="b != 'y'")["a"].to_pylist() == [2]


def test_many_nots_are_refused_and_do_no_harm(letters: Any) -> None:
    with pytest.raises(ServiceError, match="within each other"):
        letters.open_read(row_filter="not " * 5000 + "a = 1")
    assert letters.read().num_rows == 100


@pytest.fixture
def keyed(service: Any) -> Any:
    service.sql(
        "CREATE TABLE t (k BIGINT NOT NULL, v STRING, PRIMARY KEY (k)) "
        "TBLPROPERTIES ('transactional'='true')"
    )
    upserts = pa.array([85] * 3, pa.int8())
    service.write(pa.table({"k": [1, 2, 3], "v": ["old"] * 3, "__operation": upserts}))
    changes = pa.table(
        {
            "k": [1, 3, 4],
            "v": ["new", None, "new"],
            "__operation": pa.array([85, 68, 85], pa.int8()),
        }
    )
    service.write(changes)
    return service


@pytest.mark.parametrize(
    ("predicate", "keys"),
    [("v = 'old'", [2]), ("v = 'new'", [1, 4]), ("k > 0", [1, 2, 4]), ("v is null", [])],
)
def test_only_the_last_rows_of_keys_are_asked(keyed: Any, predicate: str, keys: list[int]) -> None:
    session = keyed.open_read(row_filter=predicate, split_by=ByRows(10))
    assert session.n_rows == len(keys)
    found: Any = keyed.read_split(Split(session.session_id))["k"].to_pylist()
    assert sorted(found) == keys


def test_changes_are_filtered_like_rows(keyed: Any) -> None:
    spec: dict[str, Any] = {"incremental": Incremental(1), "split_by": ByRows(10)}
    every = keyed.read_split(Split(keyed.open_read(**spec).session_id))
    new = keyed.read_split(Split(keyed.open_read(row_filter="v = 'new'", **spec).session_id))
    assert new.num_rows == sum(v == "new" for v in every["v"].to_pylist()) > 0
    assert new.schema.equals(every.schema)
