"""The tables that every engine is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integrations.questions import Tables, scans, whole, write

if TYPE_CHECKING:
    from odps_frames.local import LocalClient


@pytest.fixture(scope="session")
def asked_client(shared_client: LocalClient) -> LocalClient:
    """A client of a project that has the tables."""
    write(shared_client)
    return shared_client


@pytest.fixture(scope="session")
def plans(asked_client: LocalClient) -> Tables:
    """A scan of each table."""
    return scans(asked_client)


@pytest.fixture(scope="session")
def frames(asked_client: LocalClient) -> Tables:
    """Each table as pandas has it."""
    return whole(asked_client)
