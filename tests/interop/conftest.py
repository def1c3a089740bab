"""One service behind a socket, signatures checked, and two clients that share no code."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.client import Client
from odps_frames.config import AccessKey, Config
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

with warnings.catch_warnings():
    # While it is imported, and then only, pyodps 0.13.2 calls what Python 3.12 has deprecated.
    warnings.filterwarnings("ignore", r"datetime\.datetime\.utcfrom", DeprecationWarning)
    import odps  # type: ignore[import-untyped]
    from odps.maxstorage import MaxStorageClient  # type: ignore[import-untyped]

ACCESS_ID, SECRET, TOKEN = "interop-id", "interop-secret", "interop-token"
LENT = AccessKey("lent-id", "lent-secret", "temporary-secret")
REGIONS = {"V1": None, "V4": "cn-interop"}
"""A client that knows its region signs in the newer way."""


@dataclass(frozen=True)
class Stand:
    """A service and who may ask it."""

    service: Emulator
    endpoint: str
    access_id: str = ACCESS_ID
    lent: AccessKey = LENT
    """A key for a while, whose security token has to come with it."""
    secret: str = SECRET
    token: str = TOKEN

    def entry(self, account: Any = None, **settings: Any) -> Any:
        """Make pyodps' entry object, which would else become that of the whole process."""
        if account is None:
            settings = {"access_id": ACCESS_ID, "secret_access_key": SECRET} | settings
        else:
            settings["account"] = account
        settings = {"project": "demo", "endpoint": self.endpoint} | settings
        return odps.ODPS(overwrite_global=False, **settings)

    def config(self, **settings: Any) -> Config:
        keys = {"access_id": ACCESS_ID, "secret_access_key": SECRET, "project": "demo"} | settings
        return Config(endpoint=self.endpoint, **keys)


@dataclass(frozen=True)
class Sides:
    """Both clients of one service."""

    ours: Client
    theirs: Any
    """pyodps' entry object."""
    storage: Any
    """pyodps' client of the Storage API."""

    def read(self, table: str, **spec: Any) -> pa.Table:
        """Return all rows of a new session, as pyodps reads them."""
        return self.read_session(self.storage.create_table_read_session(table, **spec))

    def read_session(self, session: Any, **options: Any) -> pa.Table:
        """Return the rows of all splits of a session."""
        batches: list[pa.RecordBatch] = []
        schema = None
        for split in session.splits:
            with session.open_arrow_reader(split, **options) as reader:
                schema = schema or reader.arrow_schema
                batches += reader
        # pyodps gives times where the stream says pairs, so that its batches know better.
        schema = batches[0].schema if batches else schema or session.arrow_schema
        return pa.Table.from_batches(batches, schema)

    def write(
        self,
        table: str,
        batches: Iterable[pa.RecordBatch],
        *,
        streams: int = 1,
        compress: str | None = None,
        **spec: Any,
    ) -> None:
        """Add rows, as pyodps writes them, in several streams by turns."""
        session = self.storage.create_table_write_session(table, **spec)
        self.send(session, batches, streams=streams, compress=compress)
        session.commit()

    def send(
        self,
        session: Any,
        batches: Iterable[pa.RecordBatch],
        *,
        streams: int = 1,
        compress: str | None = None,
    ) -> None:
        """Bring rows to a session that is committed or aborted later."""
        writers = [
            session.open_arrow_writer(str(number), compress_algo=compress)
            for number in range(streams)
        ]
        for number, batch in enumerate(batches):
            writers[number % streams].write_batch(batch)
        for writer in writers:
            writer.close()

    def stored(self, table: str, **options: Any) -> pa.Table:
        """Return the rows of a table, as our client reads them."""
        return of.scan_odps(table, client=self.ours, **options).to_arrow()


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    service = Emulator(
        tmp_path_factory.mktemp("interop"),
        accounts={ACCESS_ID: SECRET, LENT.access_id: LENT},
        tokens=(TOKEN,),
    )
    with service, Server(service) as server:
        yield Stand(service, server.endpoint)


@pytest.fixture(scope="session")
def all_sides(stand: Stand) -> Iterator[dict[str, Sides]]:
    made = {}
    for version, region in REGIONS.items():
        theirs = stand.entry(region_name=region)
        ours = Client(stand.config(region=region))
        made[version] = Sides(ours, theirs, MaxStorageClient(theirs))
    yield made
    for sides in made.values():
        sides.ours.close()


@pytest.fixture(params=REGIONS)
def sides(request: pytest.FixtureRequest, all_sides: dict[str, Sides]) -> Sides:
    """Both clients, signing in one of the two ways."""
    return all_sides[request.param]


@pytest.fixture
def ours(sides: Sides) -> Client:
    return sides.ours


@pytest.fixture
def theirs(sides: Sides) -> Any:
    return sides.theirs
