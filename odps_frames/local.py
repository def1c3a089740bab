"""A MaxCompute in this process, and a client of it."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from odps_frames.client import CURRENT, Client
from odps_frames.config import Config
from odps_frames.emulator.app import Emulator
from odps_frames.emulator.moments import wipe
from odps_frames.emulator.server import Server
from odps_frames.emulator.store import CATALOG
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["LocalClient", "local"]


class LocalClient(Client):
    """A client together with the service that it talks to; ``close`` ends both."""

    def __init__(
        self,
        config: Config,
        *,
        server: Server | None = None,
        service: Emulator | None = None,
        folder: str | None = None,
    ) -> None:
        super().__init__(config)
        self._server = server
        self._service = service
        self._folder = folder
        self._pid = os.getpid()

    @property
    def service(self) -> Emulator:
        """The embedded service, where this client was made."""
        if self._service is None:
            msg = "the service is not in this process, or was closed"
            raise RuntimeError(msg)
        return self._service

    def close(self) -> None:
        """Stop the service; a folder that was named keeps its tables."""
        super().close()
        if self._pid != os.getpid():
            return  # a fork of the process that has the service, which goes on there
        server, self._server = self._server, None
        if server is not None:
            server.stop()
        service, self._service = self._service, None
        if service is not None:
            service.close()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        self.close()


def local(
    path: str | os.PathLike[str] | None = None,
    *,
    project: str = "demo",
    schema: str | None = None,
    fresh: bool = False,
) -> LocalClient:
    """Start a MaxCompute in this process and connect to it: no account, no network.

    The client is the default until it is closed, by ``close()`` or by leaving a ``with`` block.

    Parameters
    ----------
    path : path, optional
        Folder that keeps the tables; by default one that goes away with the service.
    project : str
        The project that tables are in.
    schema : str, optional
        The schema of tables that are named without one; made where it is missing.
    fresh : bool
        Delete what an earlier service left in the folder.

    Raises
    ------
    Conflict
        When another process uses the folder.
    ConfigError
        When ``fresh`` would delete what no service made.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2]}), "t", create=True)
    ...     len(of.read_odps("t"))
    2
    """
    temporary = None
    if path is None:
        temporary = tempfile.mkdtemp(prefix="odps-frames-")
        folder = Path(temporary)
    else:
        folder = Path(path)
        if fresh:
            _wipe(folder)
    access_id, secret = f"local-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    service = Emulator(folder, accounts={access_id: secret}, project=project)
    server = Server(service).start()
    config = Config(
        endpoint=server.endpoint,
        project=project,
        schema=schema,
        access_id=access_id,
        secret_access_key=secret,
        # The keys open nothing but this service, so that worker processes may have them.
        given_in_code=True,
        pickle_credentials=True,
    )
    client = LocalClient(config, server=server, service=service, folder=temporary)
    try:
        if schema is not None:
            client.create_schema(schema, if_not_exists=True)
    except BaseException:
        client.close()
        raise
    CURRENT.set_default(client)
    return client


def _wipe(folder: Path) -> None:
    """Delete what a service left in a folder; what it did not make stays."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / CATALOG).exists():
        msg = f"fresh=True, but {folder} holds something else than the tables of a service"
        raise ConfigError(msg)
    # Opening it first makes sure that no other process uses it.
    Emulator(folder).close()
    wipe(folder)
