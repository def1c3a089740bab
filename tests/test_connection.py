from __future__ import annotations

import pytest

from odps_frames.config import Config
from odps_frames.connection import Connection
from odps_frames.errors import ProtocolError
from odps_frames.model.table import TableRef
from odps_frames.wire.http import Request, Response


class Circling:
    """A service whose every page of a list points at the same next one."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.asked = 0

    def send(self, _: Request, /) -> Response:
        self.asked += 1
        return Response.of(self.page.encode())


@pytest.mark.parametrize("kind", ["Tables", "Partitions"])
def test_a_list_that_leads_round_ends_with_an_error(kind: str) -> None:
    service = Circling(f"<{kind}><Marker>m</Marker><MaxItems>1</MaxItems></{kind}>")
    config = Config(
        endpoint="http://127.0.0.1/api", project="p", access_id="i", secret_access_key="k"
    )
    connection = Connection(config, transport=service)
    table = TableRef.parse("p.t")
    pages = connection.list_tables() if kind == "Tables" else connection.list_partitions(table)
    with pytest.raises(ProtocolError, match="came back to the marker 'm'"):
        list(pages)
    assert service.asked == 2
