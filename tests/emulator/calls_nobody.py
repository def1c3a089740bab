"""Uses the service in every way, hostile ones too, and prints whom the process called.

Run by ``test_safety_surroundings``.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

log: list[tuple[str, tuple[Any, ...]]] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in (
        "socket.connect",
        "socket.sendto",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.bind",
        "urllib.Request",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "webbrowser.open",
    ):
        log.append((event, arguments))


sys.addaudithook(watch)
import pandas as pd

import odps_frames as of
from odps_frames.testing import running_service

trap = socket.create_server(("127.0.0.1", 0))
trap.settimeout(0)
url = f"http://127.0.0.1:{trap.getsockname()[1]}/x"
with running_service() as service, service.connect() as client:
    mine = int(service.endpoint.split(":")[2].split("/")[0])
    frame = pd.DataFrame({"id": [1, 2, 3], "pt": ["a", "b", "b"]})
    of.to_odps(frame, "t", create=True, partition_cols=["pt"], client=client)
    assert len(of.read_odps("t", client=client, filters="id > 1")) == 2
    assert len(of.read_odps("SELECT pt, count(*) AS n FROM t GROUP BY pt", client=client)) == 2
    of.to_odps(frame, "k", create=True, primary_key="id", client=client, mode="upsert")
    client.preview("t")
    client.tables()
    hostile = [
        f"SELECT * FROM read_csv('{url}.csv')",
        f"SELECT * FROM '{url}.parquet'",
        f"SELECT * FROM read_parquet('{url}')",
        f"SELECT * FROM read_json_auto('{url}')",
        f"SELECT * FROM read_text('{url}')",
        f"SELECT read_blob('{url}')",
        "SELECT getenv('HOME')",
        "INSTALL httpfs",
        "LOAD httpfs",
        f"INSTALL x FROM '{url}'",
        f"ATTACH '{url}' AS x",
        f"COPY t TO '{url}'",
        f"COPY t FROM '{url}'",
        f"EXPORT DATABASE '{url}'",
        "PRAGMA database_list",
        "CALL pragma_version()",
        f"SELECT * FROM glob('{url}')",
        "SET enable_external_access=true; SELECT 1 AS a",
        f"SET custom_user_agent='{url}'; SELECT 1 AS a",
        f"SELECT * FROM sqlite_scan('{url}', 'x')",
        f"SELECT * FROM postgres_scan('{url}', 'a', 'b')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_secrets()",
        f"SELECT * FROM iceberg_scan('{url}')",
        "CREATE SECRET s (TYPE S3)",
        "SELECT * FROM frame",
        f"SELECT * FROM `{url}`",
        "SELECT current_setting('home_directory')",
        "SELECT sniff_csv('x')",
        "CREATE EXTERNAL TABLE x (a BIGINT) LOCATION 'oss://a/b'",
        f"ADD JAR {url}",
    ]
    for sql in hostile:
        try:
            result = client.sql(sql).result()
        except (of.OdpsError, ValueError):
            continue
        assert sql.startswith("SET"), sql
        assert result.to_pylist() == [{"a": 1}], sql
    (body,) = ("<!DOCTYPE a [<!ENTITY b SYSTEM '" + url + "'>]><a>&b;</a>",)
    connection = socket.create_connection(("127.0.0.1", mine))
    connection.sendall(
        (
            "POST /api/projects/demo/instances HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
    )
    connection.recv(1 << 16)
    connection.close()
strangers = []
for event, arguments in log:
    if event == "socket.connect" and arguments[1][:2] == ("127.0.0.1", mine):
        continue  # our client, in the same process
    if event == "socket.bind" and arguments[1][0] in ("127.0.0.1", "::1"):
        continue  # the server and the trap
    if event == "socket.getaddrinfo" and arguments[0] in ("127.0.0.1", "localhost"):
        continue
    strangers.append((event, arguments[1:]))
try:
    trapped = bool(trap.accept())
except BlockingIOError:
    trapped = False
print(strangers, trapped, any(event == "socket.connect" for event, _ in log))
