from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.errors import ServiceError
from odps_frames.wire import catalog
from odps_frames.wire.arrow_stream import encode_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

at = datetime.fromisoformat  # times without a zone


def numbers(*values: int, **columns: Any) -> pa.Table:
    return pa.table({"a": list(values), **columns})


@pytest.fixture
def plain(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT)")
    return service


@pytest.fixture
def parted(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING, n INT)")
    return service


def values(service: Any) -> list[int]:
    return sorted(service.read()["a"].to_pylist())


def files(tmp_path: Path) -> int:
    return len(list((tmp_path / "tables" / "files").iterdir()))


def by_partition(service: Any) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in service.rows():
        found.setdefault(f"{row['pt']}/{row['n']}", []).append(row["a"])
    return found


def test_appending_keeps_what_is_there(plain: Any) -> None:
    plain.write(numbers(1))
    plain.write(numbers(2))
    assert values(plain) == [1, 2]


def test_overwriting_a_table(plain: Any, tmp_path: Path) -> None:
    plain.write(numbers(1))
    plain.write(numbers(2), overwrite=True)
    assert values(plain) == [2]
    assert files(tmp_path) == 2  # the older one tells what changed


def test_overwriting_with_nothing_empties(plain: Any) -> None:
    plain.write(numbers(1))
    plain.commit(plain.open_session(overwrite=True))
    assert values(plain) == []


def test_a_static_partition(parted: Any) -> None:
    parted.write(numbers(1), partition="pt=x,n=1")
    parted.write(numbers(2), partition="n='01'/pt='x'")
    parted.write(numbers(3), partition="pt=x,n=2")
    assert by_partition(parted) == {"x/1": [1, 2], "x/2": [3]}
    parted.write(numbers(4), partition="pt=x,n=1", overwrite=True)
    assert by_partition(parted) == {"x/1": [4], "x/2": [3]}
    parted.write(numbers(), partition="pt=y,n=1")
    assert len(_partitions(parted)) == 3


def _partitions(service: Any) -> list[str]:
    reply = catalog.decode_partitions(service.send(catalog.encode_list_partitions(service.ref())))
    return [str(info.partition) for info in reply.value.items]


def test_dynamic_partitions(parted: Any) -> None:
    parted.write(numbers(1, 2, 3, pt=["x", "y", "x"], n=[1, 1, 1]))
    parted.write(numbers(4, n=["7"]), partition="pt=x")
    assert by_partition(parted) == {"x/1": [1, 3], "x/7": [4], "y/1": [2]}


def test_overwriting_dynamic_partitions_spares_those_not_in_the_data(parted: Any) -> None:
    parted.write(numbers(1, 2, 3, pt=["x", "y", "x"], n=[1, 1, 2]))
    parted.write(numbers(9, n=[1]), partition="pt=x", overwrite=True)
    assert by_partition(parted) == {"x/1": [9], "x/2": [3], "y/1": [2]}
    parted.write(numbers(pt=[], n=[]), overwrite=True)
    assert by_partition(parted) == {"x/1": [9], "x/2": [3], "y/1": [2]}


def test_partition_columns_of_every_type(service: Any) -> None:
    service.sql("CREATE TABLE t (a INT) PARTITIONED BY (d DATE, v VARCHAR(3), i TINYINT)")
    days = pa.array([date(2024, 2, 29), date(1, 1, 1)])
    service.write(pa.table({"a": [1, 2], "D": days, "v": ["a/b", "日本"], "i": [-1, 1]}))
    assert service.rows() == [
        {"a": 2, "d": date(1, 1, 1), "v": "日本", "i": 1},
        {"a": 1, "d": date(2024, 2, 29), "v": "a/b", "i": -1},
    ]


AWKWARD = ["it's", 'say "x"', "a/b", "a=b", "a,b", "50%", "a b ", "日本", "🦆", "a\\b", ",pt=1"]


def test_awkward_partition_values_come_back_as_they_were(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    service.write(numbers(*range(len(AWKWARD)), pt=AWKWARD))
    assert {row["pt"]: row["a"] for row in service.rows()} == {
        value: place for place, value in enumerate(AWKWARD)
    }


@pytest.mark.parametrize("value", ["", "a\nb", "\0"])
def test_partition_values_that_nothing_can_carry(service: Any, value: str) -> None:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING)")
    with pytest.raises(ServiceError, match="partition column 'pt'"):
        service.write(numbers(1, 2, pt=["x", value]))
    assert values(service) == []


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1]}, "column 's' is missing"),
        ({"a": [1], "s": ["x"], "z": [1]}, "column 'z' is not expected"),
        ({"A": ["1"], "s": ["x"]}, "column 'a': expected bigint; it came as string"),
        ({"a": [1.0], "s": ["x"]}, "'a'"),
        ({"a": pa.array([2**63], pa.uint64()), "s": ["x"]}, "row 0.*9223372036854775808"),
        ({"a": [1, None], "s": ["x", "y"]}, "column 'a', row 1: NULL"),
        ({"a": [1], "s": [b"x"]}, "'s'"),
    ],
)
def test_rows_that_do_not_fit_change_nothing(
    service: Any, tmp_path: Path, columns: dict[str, Any], words: str
) -> None:
    service.sql("CREATE TABLE t (a BIGINT NOT NULL, s STRING)")
    session = service.open_session()
    stream, _ = service.open_stream(session)
    with pytest.raises(ServiceError, match=words) as refusal:
        service.send_rows(stream, pa.table(columns))
    assert (refusal.value.code, refusal.value.status) == ("InvalidArgument", 400)
    service.close_stream(stream)
    service.commit(session)
    assert service.read().num_rows == 0
    assert files(tmp_path) == 0


def test_a_column_that_comes_twice(plain: Any) -> None:
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "A"])
    with pytest.raises(ServiceError, match="comes twice"):
        plain.send_rows(stream, twice)


def test_null_partitions_are_refused(parted: Any) -> None:
    with pytest.raises(ServiceError, match=r"'n': 1 NULL"):
        parted.write(numbers(1, 2, pt=["x", "y"], n=[1, None]))
    with pytest.raises(ServiceError, match=r"'n': expected int; it came as double"):
        parted.write(numbers(1, pt=["x"], n=[1.0]))
    with pytest.raises(ServiceError, match="does not fit int"):
        parted.write(numbers(1, pt=["x"], n=[2**40]))


def test_columns_are_matched_by_name(service: Any) -> None:
    service.sql("CREATE TABLE t (first BIGINT, Second STRING)")
    service.write(pa.table({"SECOND": ["x"], "First": [1]}))
    assert service.rows() == [{"first": 1, "second": "x"}]


def test_wider_and_narrower_columns_are_cast_where_every_value_fits(service: Any) -> None:
    service.sql("CREATE TABLE t (i TINYINT, f FLOAT, d DECIMAL(5,2), s VARCHAR(3), at TIMESTAMP)")
    data = pa.table(
        {
            "i": pa.array([127], pa.int64()),
            "f": pa.array([0.5], pa.float64()),
            "d": pa.array([Decimal("1.5000")], pa.decimal128(38, 4)),
            "s": pa.array(["日本語"], pa.large_string()),
            "at": pa.array([at("2020-01-01")], pa.timestamp("s", "Asia/Shanghai")),
        }
    )
    service.write(data)
    row = {"i": 127, "f": 0.5, "d": Decimal("1.50"), "s": "日本語", "at": at("2020-01-01")}
    assert service.rows() == [row]


def _bodies() -> Iterator[tuple[str, bytes]]:
    data = numbers(1, 2, 3)
    stream = b"".join(map(bytes, encode_stream(data.schema, data.to_batches(max_chunksize=1))))
    yield "nothing", b""
    yield "no stream", b"no stream at all"
    yield "no end mark", stream[:-8]
    yield "half an end mark", stream[:-4]
    yield "more behind it", stream + b"x"
    yield "two streams", stream + stream
    for part in (1, 2, 3):
        yield f"{part}/4 of it", stream[: len(stream) * part // 4]


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in _bodies()])
def test_a_body_that_is_not_whole_changes_nothing(
    any_service: Any, tmp_path: Path, body: bytes
) -> None:
    any_service.sql("CREATE TABLE t (a BIGINT)")
    session = any_service.open_session()
    stream, _ = any_service.open_stream(session)
    with pytest.raises(ServiceError) as refusal:
        any_service.send_rows(stream, body)
    assert (refusal.value.status, refusal.value.code) == (400, "MalformedDataStream")
    any_service.close_stream(stream)
    any_service.commit(session)
    assert values(any_service) == []
    assert files(tmp_path) == 0


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_bodies_may_be_compressed_inside(plain: Any, codec: Any) -> None:
    data = numbers(*range(10_000))
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    plain.send_rows(stream, lambda: encode_stream(data.schema, data.to_batches(), codec=codec))
    plain.close_stream(stream)
    plain.commit(session)
    assert plain.read().equals(data)


def test_a_failure_of_the_caller_is_the_callers_own(plain: Any, tmp_path: Path) -> None:
    data = numbers(1)

    def broken() -> Iterator[Any]:
        yield from list(encode_stream(data.schema, data.to_batches()))[:1]
        raise LookupError("of the caller")

    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    with pytest.raises(LookupError, match="of the caller"):
        plain.send_rows(stream, broken)
    assert files(tmp_path) == 0


def test_small_batches_are_joined_and_large_ones_cut(plain: Any, tmp_path: Path) -> None:
    data = numbers(*range(200_000))
    session = plain.open_session()
    stream, _ = plain.open_stream(session)
    batches = [*data.slice(0, 1000).to_batches(max_chunksize=1), *data.slice(1000).to_batches()]
    plain.send_rows(stream, lambda: encode_stream(data.schema, batches))
    plain.close_stream(stream)
    plain.commit(session)
    (path,) = (tmp_path / "tables" / "files").iterdir()
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        sizes = [reader.get_batch(n).num_rows for n in range(reader.num_record_batches)]
    assert max(sizes) <= 65_536
    assert len(sizes) < 8
    assert plain.read().equals(data)


def test_many_partitions_at_once(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt BIGINT)")
    count = 600
    data = pa.table({"a": list(range(count * 4)), "pt": [n % count for n in range(count * 4)]})
    service.write(data)
    table = service.read()
    assert sorted(table["a"].to_pylist()) == data["a"].to_pylist()
    assert all(row["a"] % count == row["pt"] for row in table.to_pylist())
