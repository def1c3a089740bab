"""The service as a process: what it says, what it logs, and how it ends."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.config import AccessKey
from odps_frames.emulator.serve import Service, serve
from odps_frames.errors import ConfigError, Conflict
from odps_frames.model.table import InstanceRef
from odps_frames.wire import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DATA = pa.table({"a": pa.array([1, 2, 3])})


def test_the_first_line_is_the_endpoint(tmp_path: Path) -> None:
    lines, ended = _run(Service(path=tmp_path, projects=("p", "q")))
    assert lines[0].startswith("http://127.0.0.1:")
    assert lines[1:3] == [f"export ODPS_ENDPOINT={lines[0]}", "export ODPS_PROJECT_NAME=p"]
    assert [line.partition("=")[0] for line in lines[3:]] == [
        "export ODPS_ACCESS_ID",
        "export ODPS_ACCESS_KEY",
    ]
    assert ended


def test_all_of_it_as_json(tmp_path: Path) -> None:
    (line,), _ = _run(Service(path=tmp_path, test_mode=True), json=True)
    facts = json.loads(line)
    assert facts.pop("endpoint").startswith("http://127.0.0.1:")
    assert facts.pop("access_id")
    assert facts.pop("secret_access_key")
    assert isinstance(facts.pop("pid"), int)
    assert facts == {
        "project": "demo",
        "projects": ["demo"],
        "path": str(tmp_path),
        "test_mode": True,
    }


def test_a_secret_that_is_known_is_not_said() -> None:
    lines, _ = _run(Service(key=AccessKey("me", "hush")))
    assert lines[-1] == "export ODPS_ACCESS_ID=me"
    (line,), _ = _run(Service(key=AccessKey("me", "hush"), tokens=("token",)), json=True)
    assert '"hush"' not in line
    assert '"token"' not in line
    assert "hush" not in repr(Service(key=AccessKey("me", "hush"), tokens=("token",)))
    assert "token='" not in repr(Service(tokens=("token",)))


def test_keys_that_are_made_up_are_new_each_time() -> None:
    first, second = (json.loads(_run(Service(), json=True)[0][0]) for _ in range(2))
    assert first["access_id"] != second["access_id"]
    assert first["secret_access_key"] != second["secret_access_key"]


def test_a_service_needs_a_project() -> None:
    with pytest.raises(ConfigError, match="no project is named"):
        Service(projects=())


def test_an_address_that_is_taken_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1:{port}: .*another port"):
            serve(Service(port=port))
    with pytest.raises(ConfigError, match=r"cannot listen at 203.0.113.9:0: .*of this machine"):
        serve(Service(host="203.0.113.9", expose=True))


def test_other_machines_are_not_let_in_unasked() -> None:
    with pytest.raises(ConfigError, match=r"'0.0.0.0' would let other machines in"):
        serve(Service(host="0.0.0.0"))  # noqa: S104  on purpose


def _run(service: Service, **options: Any) -> tuple[list[str], bool]:
    """Serve until the last line is said."""
    stopped = threading.Event()
    lines: list[str] = []
    spoken = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        if options.get("json") or line.startswith(("export ODPS_ACCESS_KEY", *_last(service))):
            spoken.set()

    thread = threading.Thread(
        target=lambda: serve(service, say=say, stopped=stopped, **options), daemon=True
    )
    thread.start()
    assert spoken.wait(20)
    stopped.set()
    thread.join(20)
    return lines, not thread.is_alive()


def _last(service: Service) -> list[str]:
    return [] if service.key is None else ["export ODPS_ACCESS_ID"]


class Process:
    """The command in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.facts = json.loads(process.stdout.readline())

    def client(self) -> of.Client:
        return of.connect(
            self.facts["endpoint"],
            project=self.facts["project"],
            access_id=self.facts["access_id"],
            secret_access_key=self.facts["secret_access_key"],
            set_as_default=False,
            max_attempts=1,
        )

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Tell it to end; return its exit status and its log."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log


@contextlib.contextmanager
def _process(*options: str) -> Iterator[Process]:
    command = [sys.executable, "-m", "odps_frames", "serve", "--json", *options]
    with subprocess.Popen(  # noqa: S603  our own
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Process(process)
        finally:
            process.kill()


def test_a_life(tmp_path: Path) -> None:
    """Rows are served, every request is logged, nothing of a secret is, and SIGTERM ends it."""
    with _process("--path", str(tmp_path)) as service, service.client() as client:
        of.to_odps(DATA, "t", create=True, client=client)
        client.exists("nope")
        status, log = service.end()
    assert status == 0
    lines = [line.split(" ", 3)[2:] for line in log.splitlines()]
    assert {level for level, _ in lines} == {"INFO"}
    told = [text for _, text in lines]
    assert told[0] == (
        f"process {service.facts['pid']} serves {tmp_path} at {service.facts['endpoint']}"
    )
    assert any(" TableWrite projects.demo.tables.t 200 in=" in line for line in told)
    assert any(
        " GetTable /projects/demo/tables/nope 404 NoSuchTable in=0 out=" in line for line in told
    )
    assert service.facts["secret_access_key"] not in log
    with of.local(tmp_path) as again:
        assert again.exists("t")


def test_the_end_finishes_what_is_under_way_and_loses_no_session(tmp_path: Path) -> None:
    with _process("--path", str(tmp_path), "--test-mode") as service:
        client = service.client()
        client.create_table("t", {"a": "bigint"})
        session = client.write_session("t")
        with session.open_stream(schema=DATA.schema) as writer:
            writer.write(DATA.to_batches()[0])
        host, port = service.facts["endpoint"].split("/")[2].split(":")
        with socket.create_connection((host, int(port)), timeout=30) as busy:
            head = b"PUT /__odps__/faults/x HTTP/1.1\r\nHost: localhost\r\n"
            head += b"Content-Type: application/json\r\nContent-Length: 18\r\n"
            busy.sendall(head + b"Expect: 100-continue\r\n\r\n")
            assert busy.recv(100).startswith(b"HTTP/1.1 100")
            service.process.send_signal(signal.SIGINT)
            _wait_until_ending(service)
            busy.sendall(b'{"effect":"reset"}')
            assert busy.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert service.process.wait(30) == 0
        client.close()
    with of.local(tmp_path) as again:
        facts = again.service.sessions.get(session.session_id)
        assert (facts.kind, facts.status) == ("write", "NORMAL")


def _wait_until_ending(service: Process) -> None:
    """Wait until the service says that it ends."""
    assert service.process.stderr is not None
    while "requests under way have" not in service.process.stderr.readline():
        assert service.process.poll() is None


def test_a_second_signal_ends_it_at_once() -> None:
    with _process("--grace", "1000000", "--test-mode") as service:
        host, port = service.facts["endpoint"].split("/")[2].split(":")
        with socket.create_connection((host, int(port)), timeout=30) as busy:
            head = b"PUT /__odps__/faults/x HTTP/1.1\r\nHost: localhost\r\n"
            head += b"Content-Type: application/json\r\nContent-Length: 18\r\n"
            busy.sendall(head + b"Expect: 100-continue\r\n\r\n")
            assert busy.recv(100).startswith(b"HTTP/1.1 100")
            service.process.send_signal(signal.SIGTERM)
            _wait_until_ending(service)
            assert service.process.poll() is None
            assert service.end()[0] == 0


def test_it_ends_with_its_input() -> None:
    with _process("--exit-with-stdin") as service:
        assert service.process.stdin is not None
        service.process.stdin.close()
        assert service.process.wait(30) == 0


def test_queries_are_cancelled_at_the_end(tmp_path: Path) -> None:
    endless = "SELECT count(*) FROM (SELECT sequence(1, 3000) AS s) a " + " ".join(
        f"LATERAL VIEW explode(a.s) t{n} AS c{n}" for n in range(5)
    )
    with _process("--path", str(tmp_path)) as service:
        client = service.client()
        query = client.sql(endless, wait=False)
        status, _ = service.end()
        assert status == 0
        client.close()
    with of.local(tmp_path) as again:
        found = again.service._instances.get(_instance(query))  # noqa: SLF001  as it is kept
        assert found.status in ("Cancelled", "Failed")


def _instance(query: Any) -> Any:
    return InstanceRef("demo", query.id)


def test_a_folder_that_another_process_serves_is_refused(
    tmp_path: Path, open_service: Callable[..., Any]
) -> None:
    with _process("--path", str(tmp_path / "tables")) as service:
        with pytest.raises(Conflict, match=str(service.process.pid)):
            open_service()
        command = [sys.executable, "-m", "odps_frames", "serve", "--path", str(tmp_path / "tables")]
        second = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr.count("\n") == 1
        assert f"process {service.process.pid}" in second.stderr
        service.process.kill()
        service.process.wait(20)
        assert open_service().send(catalog.encode_tenants()).ok


def test_nothing_of_queries_is_loaded_before_there_is_one() -> None:
    program = (
        "import sys, threading; from odps_frames.emulator.serve import Service, serve; "
        "e = threading.Event(); e.set(); serve(Service(), stopped=e); "
        "sys.exit('duckdb' in sys.modules or 'sqlglot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)  # noqa: S603  our own
    assert done.returncode == 0, done.stderr


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Leave the loggers as they were."""
    level = logging.getLogger("odps_frames").level
    yield
    logging.getLogger("odps_frames").setLevel(level)
