"""A service with checked signatures behind a socket, pyodps and our client side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pytest
from odps.maxstorage import MaxStorageClient  # type: ignore[import-untyped]

from odps_frames.client import Client
from odps_frames.config import Config
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS_ID, SECRET = "interop-id", "interop-secret"


@dataclass
class Sides:
    """Both clients of one service."""

    service: Emulator
    endpoint: str
    client: Client
    theirs: Any
    """pyodps' entry object."""
    storage: Any
    """pyodps' client of the Storage API."""

    def entry(self, **more: Any) -> Any:
        keys = {"access_id": ACCESS_ID, "secret_access_key": SECRET} | more
        return odps.ODPS(project="demo", endpoint=self.endpoint, **keys)

    def read(self, table: str, **options: Any) -> Any:
        """All rows of a table, as pyodps reads them."""
        return self.read_session(self.storage.create_table_read_session(table, **options))

    def read_session(self, session: Any, **options: Any) -> Any:
        batches = []
        for split in session.splits:
            reader = session.open_arrow_reader(split, **options)
            while (batch := reader.read()) is not None:
                batches.append(batch)
            reader.close()
        return batches

    def write(self, table: str, batches: list[Any], *, streams: int = 1, **options: Any) -> None:
        """Rows into a table, as pyodps writes them."""
        compress = options.pop("compress_algo", None)
        session = self.storage.create_table_write_session(table, **options)
        for number in range(streams):
            writer = session.open_arrow_writer(str(number), compress_algo=compress)
            for batch in batches[number::streams]:
                writer.write_batch(batch)
            writer.close()
        session.commit()


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    service = Emulator(
        tmp_path_factory.mktemp("interop"),
        accounts={ACCESS_ID: SECRET},
        tokens=("interop-token",),
        finish_at_once=True,  # pyodps polls a statement once a second
    )
    with service, Server(service) as server:
        config = Config(
            endpoint=server.endpoint,
            project="demo",
            access_id=ACCESS_ID,
            secret_access_key=SECRET,
        )
        theirs = odps.ODPS(ACCESS_ID, SECRET, project="demo", endpoint=server.endpoint)
        storage = MaxStorageClient(theirs)
        with Client(config) as client:
            yield Sides(service, server.endpoint, client, theirs, storage)
        client.close()


@pytest.fixture
def ours(sides: Sides) -> Client:
    return sides.client
