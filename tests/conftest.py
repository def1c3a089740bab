"""Fixtures for every test."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import odps_frames as of
from odps_frames.client import CURRENT
from tests.integrations import ray_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.local import LocalClient


_NUMBERS = itertools.count()

# No example fails for being slow: a test says what holds, not how fast the machine is.
settings.register_profile("repository", deadline=None)
settings.load_profile("repository")


@pytest.fixture(scope="session")
def repository(pytestconfig: pytest.Config) -> Path:
    """The folder that holds everything."""
    return Path(pytestconfig.rootpath)


@pytest.fixture(scope="session", autouse=True)
def no_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings of the person who runs the tests decide nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name.startswith(("ODPS_", "ALIBABA_CLOUD_")):
                patch.delenv(name)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClient]:
    """A client of one service for many tests; each uses tables of its own."""
    client = of.local(tmp_path_factory.mktemp("service"))
    CURRENT.forget(client)  # tests of the default client find none but their own
    yield client
    client.close()


@pytest.fixture
def client(shared_client: LocalClient) -> Iterator[LocalClient]:
    """The shared client; a test finds no requests of others, and leaves no faults to them."""
    shared_client.service.forget_requests()
    yield shared_client
    shared_client.service.faults.clear()


@pytest.fixture
def table(request: pytest.FixtureRequest) -> str:
    """A table name that no other test uses."""
    return f"t_{abs(hash(request.node.nodeid)):x}_{next(_NUMBERS)}"


@pytest.fixture(autouse=True)
def no_client_left() -> Iterator[None]:
    """A client that a test left behind would be the default of the next one."""
    before = CURRENT.get()
    yield
    assert CURRENT.get() is before


@pytest.fixture(scope="session", autouse=True)
def no_cluster_left() -> Iterator[None]:
    """A Ray that a test started ends with the last of them."""
    yield
    ray_cluster.stop()
