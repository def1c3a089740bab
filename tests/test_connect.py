from __future__ import annotations

import importlib
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest

import odps_frames as of
from odps_frames.connect import client_of
from odps_frames.current import Current

if TYPE_CHECKING:
    from types import ModuleType

    from odps_frames.local import LocalClient

SETTINGS = {
    "endpoint": "http://127.0.0.1:9/api",
    "project": "p",
    "access_id": "id",
    "secret_access_key": "canary-secret",
}


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch) -> Current[Any]:
    """A process without any default client."""
    fresh: Current[Any] = Current("fresh")
    for name in ("odps_frames.connect", "odps_frames.client"):
        module: ModuleType = importlib.import_module(name)
        monkeypatch.setattr(module, "CURRENT", fresh)
    return fresh


def connected(**more: Any) -> of.Client:
    return of.connect(**SETTINGS | more)


def test_the_newest_client_is_the_default(current: Current[Any]) -> None:
    first = connected()
    assert client_of() is first
    second = connected()
    assert client_of() is second
    connected(set_as_default=False)
    assert client_of() is second
    second.close()
    assert client_of() is first
    assert current.get() is first


def test_a_block_comes_before_the_default(current: Current[Any]) -> None:
    outer, inner, newest = connected(), connected(), connected()
    with outer:
        assert client_of() is outer
        with inner:
            assert client_of() is inner
        assert client_of() is outer
    assert client_of() is newest
    assert current.get() is newest


def test_a_block_of_one_thread_is_not_that_of_another(current: Current[Any]) -> None:
    default, entered = connected(), connected(set_as_default=False)
    seen: list[of.Client] = []
    with entered:
        thread = threading.Thread(target=lambda: seen.append(client_of()))
        thread.start()
        thread.join()
    assert seen == [default]
    assert current.get() is default


def test_settings_make_one_client_and_keep_it(current: Current[Any]) -> None:
    assert client_of(SETTINGS) is client_of(storage_options=SETTINGS)
    assert client_of(SETTINGS) is not client_of(SETTINGS | {"project": "q"})
    assert current.get() is None


def test_the_environment_is_asked_last(
    current: Current[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "odps", None)
    with pytest.raises(of.ConfigError, match="no endpoint of MaxCompute"):
        client_of()
    monkeypatch.setenv("ODPS_ENDPOINT", "http://127.0.0.1:9/api")
    monkeypatch.setenv("ODPS_PROJECT_NAME", "from-environment")
    assert client_of().config.project == "from-environment"
    assert current.get() is None


def test_what_is_no_client_is_refused() -> None:
    with pytest.raises(TypeError, match="client=int; expected"):
        client_of(7)
    with pytest.raises(of.ConfigError, match="unknown settings"):
        client_of({"endpoint": "http://127.0.0.1:9/api", "projekt": "p"})


def test_connecting_sends_nothing_and_shows_no_secret(current: Current[Any]) -> None:
    client = connected()  # nothing listens there
    shown = f"{client!r} {client.config!r} {vars(client)!r}"
    assert "canary-secret" not in shown
    assert client.config.access_id == "id"
    assert current.get() is client


def test_a_client_travels_as_its_config(client: LocalClient, current: Current[Any]) -> None:
    secret = connected()
    assert b"canary-secret" not in pickle.dumps(secret)
    assert b"canary-secret" in pickle.dumps(connected(pickle_credentials=True))
    back = pickle.loads(pickle.dumps(client))  # noqa: S301  our own bytes
    assert back.tables("no-such-prefix") == []
    with pytest.raises(RuntimeError, match="not in this process"):
        _ = back.service
    assert current.get() is not None


def test_a_client_without_secrets_says_where_it_looked(
    current: Current[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "odps", None)
    traveller = pickle.loads(pickle.dumps(connected()))  # noqa: S301  our own bytes
    with pytest.raises(of.ConfigError, match="no credentials for MaxCompute"):
        traveller.tables()
    assert current.get() is not None
