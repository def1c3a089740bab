"""The pytest plugin of odps_frames: a MaxCompute of its own for every test.

It stands beside the package and not in it, so that pytest loads it in no time: the package, with
pandas and pyarrow, is imported when a test first asks for one of the fixtures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from odps_frames.client import Client
    from odps_frames.testing import OdpsService, TableFactory

Scope: TypeAlias = Literal["function", "class", "module", "package", "session"]

SCOPES: tuple[Scope, ...] = ("function", "class", "module", "package", "session")

_RUNNING: list[OdpsService] = []
"""The services of this process whose fixture is set up."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; each is in the settings file too, under the name with underscores."""
    group = parser.getgroup("odps_frames", "a MaxCompute for tests")
    group.addoption(
        "--odps-project", metavar="NAME", help="the project of the odps_service fixture"
    )
    group.addoption(
        "--odps-service-scope", choices=SCOPES, help="how many tests share one odps_service"
    )
    parser.addini("odps_project", "the project of the odps_service fixture", default="demo")
    parser.addini(
        "odps_service_scope",
        f"how many tests share one odps_service: {', '.join(SCOPES)}",
        default="function",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse settings that make no sense before a test runs."""
    scope = _setting(config, "odps_service_scope")
    if scope not in SCOPES:
        raise pytest.UsageError(f"odps_service_scope={scope!r}; expected one of {list(SCOPES)}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Drop the fault rules that a test added, before its fixtures meet them."""
    for service in _RUNNING:
        service.faults.clear()


def _setting(config: pytest.Config, name: str) -> str:
    return str(config.getoption(name) or config.getini(name))


def _scope(fixture_name: str, config: pytest.Config) -> Scope:  # noqa: ARG001  as pytest calls it
    return cast("Scope", _setting(config, "odps_service_scope"))


@pytest.fixture(scope="session")
def odps_service_settings(pytestconfig: pytest.Config) -> Mapping[str, Any]:
    """Settings of the service; override it to change them: see ``running_service``."""
    return {"project": _setting(pytestconfig, "odps_project")}


@pytest.fixture(scope=_scope)
def odps_service(odps_service_settings: Mapping[str, Any]) -> Iterator[OdpsService]:
    """An empty MaxCompute behind a socket of this machine, which goes away with its tables.

    Every test has one of its own, unless ``odps_service_scope`` says that more share one. Fault
    rules are dropped after each test either way.
    """
    from odps_frames.testing import running_service  # noqa: PLC0415  nobody else pays for it

    with running_service(**odps_service_settings) as service:
        _RUNNING.append(service)
        try:
            yield service
        finally:
            _RUNNING.remove(service)


@pytest.fixture
def odps_client(odps_service: OdpsService) -> Iterator[Client]:
    """A client of the service; calls in the test that name none use it."""
    from odps_frames.testing import default_client  # noqa: PLC0415  nobody else pays for it

    with default_client(odps_service.connect()) as client:
        yield client


@pytest.fixture
def odps_table(odps_client: Client) -> Iterator[TableFactory]:
    """Makes tables out of rows or of columns with their types; they are dropped after the test."""
    from odps_frames.testing import TableFactory  # noqa: PLC0415  nobody else pays for it

    factory = TableFactory(odps_client)
    yield factory
    factory.close()
