"""A service behind a socket, and a client whose waits take no time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from odps_frames.client import Client
from odps_frames.config import Config
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server
from odps_frames.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator


class VirtualTime:
    """A clock that moves when somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def policy(self, max_attempts: int = 8) -> RetryPolicy:
        return RetryPolicy(
            max_attempts=max_attempts,
            sleep=self.sleep,
            clock=lambda: self.now,
            jitter=lambda: 0.5,
        )


@dataclass
class Stand:
    """A service, and a client of it."""

    service: Emulator
    client: Client
    time: VirtualTime

    def operations(self, since: int = 0) -> list[str]:
        return [record.operation for record in self.service.requests[since:]]


@pytest.fixture(scope="module", params=["chunked", "length"])
def framing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def module_stand(framing: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    service = Emulator(
        tmp_path_factory.mktemp("stand"),
        accounts={"id": "secret"},
        content_length_answers=framing == "length",
    )
    with service, Server(service) as server:
        time = VirtualTime()
        config = Config(
            endpoint=server.endpoint,
            project="demo",
            access_id="id",
            secret_access_key="secret",
            given_in_code=True,
            pickle_credentials=True,
        )
        client = Client(config, policy=time.policy())
        yield Stand(service, client, time)
        client.close()


@pytest.fixture
def stand(module_stand: Stand) -> Iterator[Stand]:
    """The stand of the module with a client of its own: no faults, and a full retry budget."""
    module_stand.service.faults.clear()
    time = VirtualTime()
    client = Client(module_stand.client.config, policy=time.policy())
    yield Stand(module_stand.service, client, time)
    client.close()
    module_stand.service.faults.clear()
