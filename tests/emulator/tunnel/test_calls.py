"""Requests of the tunnel: what they ask for, and what is refused by name."""

from __future__ import annotations

import pytest

from odps_frames.emulator.tunnel.calls import (
    CommitUpload,
    GetDownload,
    GetUpload,
    OpenDownload,
    OpenUpload,
    PreviewRows,
    ReadRows,
    TunnelCall,
    WriteBlock,
    decode_tunnel,
)
from odps_frames.errors import NotFound, ServiceError
from odps_frames.model.table import InstanceRef, TableRef
from odps_frames.wire.http import Request

TABLE, RESULT = TableRef("p", "t"), InstanceRef("p", "i")


def request(method: str, path: str, query: str = "") -> Request:
    pairs = [item.partition("=") for item in query.split("&") if item]
    return Request(
        method=method,
        path=f"/projects/p/{path}",
        query=tuple((name, value) for name, _, value in pairs),
    )


@pytest.mark.parametrize(
    ("method", "query", "call"),
    [
        ("POST", "uploads=1&reload=False", OpenUpload(table=TABLE)),
        (
            "POST",
            "uploads=1&partition=x&overwrite=true&create_partition=true&quotaName=q",
            OpenUpload(table=TABLE, partition="x", overwrite=True, create_partition=True),
        ),
        ("POST", "uploads&overwrite=", OpenUpload(table=TABLE, overwrite=True)),
        ("GET", "uploadid=u&reload=True", GetUpload(table=TABLE, upload_id="u")),
        ("POST", "uploadid=u", CommitUpload(table=TABLE, upload_id="u")),
        ("PUT", "uploadid=u&blockid=7", WriteBlock(table=TABLE, upload_id="u", block=7)),
        (
            "PUT",
            "uploadid=u&blockid=0&arrow=&partition=x",
            WriteBlock(table=TABLE, upload_id="u", block=0, arrow=True, partition="x"),
        ),
        ("POST", "downloads=&asyncmode=true", OpenDownload(source=TABLE)),
        ("GET", "downloadid=d", GetDownload(source=TABLE, download_id="d")),
        (
            "GET",
            "data&downloadid=d&rowrange=(2,3)&columns=a,b",
            ReadRows(source=TABLE, download_id="d", start=2, count=3, columns=("a", "b")),
        ),
        (
            "GET",
            "data&arrow&downloadid=d&rowrange=(0,0)",
            ReadRows(source=TABLE, download_id="d", start=0, count=0, arrow=True),
        ),
    ],
)
def test_calls_of_tables(method: str, query: str, call: TunnelCall) -> None:
    assert decode_tunnel(request(method, "tables/t", query)) == call


def test_calls_of_results() -> None:
    opened = decode_tunnel(request("POST", "instances/i", "downloads"))
    assert opened == OpenDownload(source=RESULT)
    limited = request("POST", "instances/i", "downloads&instance_tunnel_limit_enabled")
    assert decode_tunnel(limited) == OpenDownload(source=RESULT, limited=True)


def test_schemas_stand_in_the_path_or_beside_it() -> None:
    wanted = OpenDownload(source=TableRef("p", "t", "s"))
    assert decode_tunnel(request("POST", "schemas/s/tables/t", "downloads")) == wanted
    assert decode_tunnel(request("POST", "tables/t", "downloads&curr_schema=s")) == wanted


def test_previews() -> None:
    path = "schemas/default/tables/t/preview"
    everything = decode_tunnel(request("GET", path, "limit=-1"))
    assert everything == PreviewRows(table=TableRef("p", "t", "default"))
    some = decode_tunnel(request("GET", "tables/t/preview", "limit=5&columns=a&partition=x"))
    assert some == PreviewRows(table=TABLE, limit=5, columns=("a",), partition="x")


@pytest.mark.parametrize(
    ("method", "path", "query", "named"),
    [
        ("POST", "tables/t/upserts", "", "upsert sessions"),
        ("POST", "tables/t/streams", "", "stream sessions"),
        ("GET", "volumes/v", "", "volumes/v"),
        ("DELETE", "tables/t", "uploadid=u", "DELETE"),
        ("PUT", "tables/t", "uploadid=u", "uploadid"),
        ("POST", "tables/t", "uploads=1&shard=2", "shard"),
        ("GET", "tables/t", "downloadid=d&data&rowrange=(0,1)&raw_size=9", "raw_size"),
        ("GET", "instances/i", "cached&taskname=x&queryid=1&data", "cached"),
        ("GET", "tables/t", "downloadid=d&data&rowrange=(0,-1)", "rowrange"),
        ("GET", "tables/t", "downloadid=d&data", "rowrange"),
        ("PUT", "tables/t", "uploadid=u&blockid=x", "blockid"),
        ("POST", "tables/t", "uploads=1&overwrite=maybe", "overwrite"),
        ("POST", "tables/t/preview", "", "preview"),
    ],
)
def test_what_is_not_offered_is_named(method: str, path: str, query: str, named: str) -> None:
    with pytest.raises(ServiceError, match=named) as refused:
        decode_tunnel(request(method, path, query))
    assert refused.value.status == 400


def test_names_that_no_table_has() -> None:
    with pytest.raises(NotFound):
        decode_tunnel(request("GET", "tables/a b", "downloadid=d"))
