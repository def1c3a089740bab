"""Results of instances by the older tunnel: the service speaks it as recorded.

Our client has no such call, and needs none: it reads results over the Storage API, whose streams
bring their schema and their end mark (protocol.md §10). So the requests are read here, and the
recorded answers are those that the service makes of the same values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from odps_frames.convert.arrow import arrow_schema
from odps_frames.emulator.tunnel.arrow_frames import decode_frames, encode_frames
from odps_frames.emulator.tunnel.calls import OpenDownload, ReadRows, TunnelCall, decode_tunnel
from odps_frames.emulator.tunnel.documents import encode_download
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.table import InstanceRef
from odps_frames.model.types import parse_type
from odps_frames.wire import documents
from odps_frames.wire.arrow_stream import ArrowStreamReader

if TYPE_CHECKING:
    from tests.golden.conftest import Golden

CREATE, READ = "rest-instance-tunnel-create", "rest-instance-tunnel-read-arrow"
RESULT = InstanceRef("golden_project", "20260102030405678ggolden1")
DOWNLOAD = "golden-tunnel-download-id"
SCHEMA = TableSchema((Column("id", parse_type("bigint")), Column("name", parse_type("string"))))

CALLS: dict[str, TunnelCall] = {
    CREATE: OpenDownload(source=RESULT),
    READ: ReadRows(
        source=RESULT, download_id=DOWNLOAD, start=0, count=3, arrow=True, encoding="identity"
    ),
}
COVERED = frozenset(CALLS)


@pytest.mark.parametrize("stem", CALLS)
def test_the_service_reads_the_request(golden: Golden, stem: str) -> None:
    assert decode_tunnel(golden[stem].request) == CALLS[stem]


def test_the_service_tells_of_a_download_as_recorded(golden: Golden) -> None:
    recorded = documents.load(golden[CREATE].response.read())
    answer = encode_download(DOWNLOAD, "NORMAL", 3, SCHEMA, request_id="r")
    assert answer.status == golden[CREATE].response.status
    assert documents.load(answer.read()) == recorded


def test_the_service_frames_rows_as_recorded(golden: Golden) -> None:
    recording = golden[READ]
    recorded = recording.response.read()
    schema = arrow_schema(SCHEMA)
    batches = list(ArrowStreamReader(decode_frames(schema, recording.response.body)))
    assert [batch.num_rows for batch in batches] == recording.parsed["batch_rows"]
    assert pa.Table.from_batches(batches).to_pydict() == {
        "id": [1, 2, 3],
        "name": ["a", None, "c"],
    }
    assert b"".join(encode_frames(batches)) == recorded
