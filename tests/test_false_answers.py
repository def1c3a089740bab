"""A service that answers falsely, or a table that becomes another one: errors, never other rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.client import Client
from odps_frames.config import Config
from odps_frames.emulator.app import Emulator
from odps_frames.errors import ProtocolError
from odps_frames.model.types import parse_type
from odps_frames.wire.arrow_stream import encode_stream
from odps_frames.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from odps_frames.local import LocalClient
    from odps_frames.wire.http import Request

    Answer = Callable[[Response], Response]

ROWS = pa.RecordBatch.from_pydict(
    {
        "id": pa.array(range(20), pa.int64()),
        "pt": pa.array(["a"] * 10 + ["b"] * 10),
        "hh": pa.array([1, 2] * 10, pa.int64()),
    }
)


class Between:
    """Stands between a client and a service, and puts other answers in the places of some."""

    def __init__(self, service: Emulator) -> None:
        self.service = service
        self.answers: dict[str, Answer] = {}

    def send(self, request: Request, /) -> Response:
        answer = self.answers.get(request.operation)
        given = self.service.send(request)
        return given if answer is None else answer(given)

    def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def between(tmp_path: Path) -> Iterator[Between]:
    with Emulator(tmp_path, accounts={"id": "secret"}) as service:
        yield Between(service)


@pytest.fixture
def client(between: Between) -> Client:
    config = Config(
        endpoint="http://local/api", project="demo", access_id="id", secret_access_key="secret"
    )
    client = Client(config, transport=between)
    client.create_table("t", {"id": "bigint"}, partition_by={"pt": "string", "hh": "bigint"})
    of.to_odps(pa.Table.from_batches([ROWS]), "t", partition_cols=["pt", "hh"], client=client)
    return client


def stream(*batches: pa.RecordBatch) -> Answer:
    pieces = encode_stream(batches[0].schema, batches)
    body = b"".join(bytes(memoryview(piece)) for piece in pieces)
    return lambda _: Response.of(body)


def member(**members: object) -> Answer:
    """Return an answer of which some members are other ones."""

    def changed(given: Response) -> Response:
        document = {**json.loads(given.read()), **members}
        return Response.of(json.dumps(document).encode(), headers=dict(given.headers))

    return changed


def test_ranges_of_rows_that_are_not_kept_to_are_no_rows_twice(
    between: Between, client: Client
) -> None:
    between.answers["TableRead"] = stream(*(ROWS.slice(start, 5) for start in range(0, 20, 5)))
    scan = of.scan_odps("t", split_by=of.ByRows(5), client=client)
    with pytest.raises(of.CorruptStream, match="brought 10 rows or more; expected 5"):
        scan.to_arrow()


@pytest.mark.parametrize("wanted", ["pt=a", "pt=a,hh=1", {"pt": ["a"], "hh": [1, 2]}])
def test_rows_of_partitions_that_were_not_asked_for(
    between: Between, client: Client, wanted: Any
) -> None:
    between.answers["TableRead"] = stream(ROWS)
    with pytest.raises(of.CorruptStream, match=r"'pt': 'b'.*was not asked for"):
        of.read_odps("t", partitions=wanted, client=client)


def test_partitions_are_told_by_all_of_their_columns(between: Between, client: Client) -> None:
    client.create_table("two", {"id": "bigint"}, partition_by={"pt": "string", "hh": "varchar(2)"})
    rows = ROWS.set_column(2, "hh", pa.array(["1", "2"] * 10))
    table = pa.Table.from_batches([rows])
    of.to_odps(table, "two", partition_cols=["pt", "hh"], client=client)
    wanted = ["pt=a,hh=1", "pt=b,hh=2"]
    assert len(of.read_odps("two", partitions=wanted, client=client)) == 10
    between.answers["TableRead"] = stream(rows.slice(0, 2))
    with pytest.raises(of.CorruptStream, match="'pt': 'a', 'hh': '2'"):
        of.read_odps("two", partitions=wanted, client=client)


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"SessionId": "another"}, "the service told of another"),
        (
            {"DataSchema": {"DataColumns": [{"Name": "n", "Type": "string"}]}},
            "became others while it was read",
        ),
    ],
)
def test_a_session_that_becomes_another_one(
    between: Between, client: Client, told: dict[str, object], complaint: str
) -> None:
    session = client.read_session("t")
    between.answers["TableGetReadSession"] = member(**told)
    with pytest.raises(ProtocolError, match=complaint):
        session.refresh()


def test_a_session_whose_columns_are_not_told_again_keeps_them(
    between: Between, client: Client
) -> None:
    session = client.read_session("t")
    between.answers["TableGetReadSession"] = member(DataSchema=None)
    assert session.refresh().to_arrow().num_rows == 20


def test_the_error_of_a_split_is_told_where_the_service_is_in_this_process(
    between: Between, client: Client
) -> None:
    between.answers["TableCreateReadSession"] = member(SplitsCount=2)
    with pytest.raises(of.ServiceError, match="Index=1; the session has 1 splits"):
        of.read_odps("t", client=client)


@pytest.mark.parametrize(
    ("now", "complaint"),
    [("bigint", "'n' is int64; int32 was planned"), ("int", "'n' holds NULL; NOT NULL was")],
)
def test_a_table_that_became_another_one_under_a_plan(
    shared_client: LocalClient, table: str, now: str, complaint: str
) -> None:
    client = shared_client
    client.create_table(table, of.TableSchema((of.Column("n", parse_type("int"), nullable=False),)))
    scan = of.scan_odps(table, client=client)
    client.drop_table(table)
    client.create_table(table, {"n": now})
    kind = pa.int64() if now == "bigint" else pa.int32()
    data = pa.table({"n": pa.array([1 << 20, None], kind)})
    of.to_odps(data, table, client=client)
    with pytest.raises(of.SchemaMismatch, match=complaint):
        scan.to_arrow()
    with pytest.raises(pa.ArrowInvalid, match=complaint):
        pa.table(scan)  # what takes a stream looks at no schema but the first


def test_letter_case_and_not_null_of_a_session_do_not_count(
    between: Between, client: Client
) -> None:
    columns = [{"Name": "ID", "Type": "bigint", "Nullable": False}]
    parts = [{"Name": "PT", "Type": "string"}, {"Name": "HH", "Type": "bigint"}]
    told = {"DataColumns": columns, "PartitionColumns": parts}
    between.answers["TableCreateReadSession"] = member(DataSchema=told)
    frame = of.read_odps("t", partitions="pt=a", filters="id < 5", client=client)
    assert sorted(frame["id"]) == [0, 1, 2, 3, 4]
