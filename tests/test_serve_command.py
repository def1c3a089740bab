"""How the command finds out what to serve, and to whom."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames import serve_command
from odps_frames.cli import main
from odps_frames.config import AccessKey

if TYPE_CHECKING:
    from pathlib import Path

    from odps_frames.emulator.serve import Service


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Service, dict[str, Any]]]:
    """What would have been served."""
    found: list[tuple[Service, dict[str, Any]]] = []
    monkeypatch.setattr(serve_command, "serve", lambda one, **how: found.append((one, how)))
    return found


def serve(asked: list[Any], *arguments: str) -> Service:
    assert main(["serve", *arguments]) == 0
    service: Service = asked[-1][0]
    return service


def test_nothing_said_is_a_folder_that_passes_and_a_key_that_is_made_up(asked: Any) -> None:
    service = serve(asked)
    assert (service.path, service.key, service.tokens) == (None, None, ())
    assert (service.host, service.port, service.projects) == ("127.0.0.1", 0, ("demo",))
    assert not service.test_mode
    assert not service.expose


def test_all_that_can_be_said(asked: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    (tmp_path / "tokens").write_text("two\n\n three \n")
    service = serve(
        asked,
        *("--path", "tables", "--host", "0.0.0.0", "--port", "80"),  # noqa: S104  not listened to
        *("--project", "a", "--project", "b", "--expose", "--allow-host", "box"),
        *("--access-id", "me", "--secret-file", str(tmp_path / "secret")),
        *("--token", "one", "--token-file", str(tmp_path / "tokens")),
        *("--test-mode", "--grace", "1.5", "--json"),
    )
    assert service.path == "tables"
    assert (service.host, service.port) == ("0.0.0.0", 80)  # noqa: S104  as above
    assert service.projects == ("a", "b")
    assert (service.expose, service.allowed_hosts) == (True, ("box",))
    assert service.key == AccessKey("me", "hush")
    assert service.tokens == ("one", "two", "three")
    assert (service.test_mode, service.grace_seconds) == (True, 1.5)
    assert asked[-1][1]["json"] is True


@pytest.mark.parametrize(
    ("environment", "arguments", "expected"),
    [
        ({"ODPS_ACCESS_ID": "i", "ODPS_ACCESS_KEY": "k"}, [], AccessKey("i", "k")),
        ({"ODPS_ACCESS_ID": "i", "ODPS_SECRET_ACCESS_KEY": "k"}, [], AccessKey("i", "k")),
        ({"ODPS_ACCESS_ID": "i"}, [], None),
        ({"ODPS_ACCESS_KEY": "k"}, [], None),
        ({"ODPS_ACCESS_KEY": "k"}, ["--access-id", "me"], AccessKey("me", "k")),
        ({"ODPS_ACCESS_KEY": "k"}, ["--access-id", "me", "--secret", "s"], AccessKey("me", "s")),
    ],
)
def test_a_key_comes_from_the_environment_too(
    asked: Any,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    arguments: list[str],
    expected: AccessKey | None,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert serve(asked, *arguments).key == expected


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"])
def test_a_file_without_a_secret_is_one_clear_error(
    asked: Any, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    assert main(["serve", "--access-id", "me", "--secret-file", str(file)]) == 1
    error = capsys.readouterr().err
    assert str(file) in error
    assert error.count("\n") == 1
    assert asked == []


def test_the_options_are_described() -> None:
    parser = argparse.ArgumentParser()
    serve_command.add_options(parser)
    text = parser.format_help()
    assert "ODPS_ACCESS_KEY" in text
    assert "--exit-with-stdin" in text
