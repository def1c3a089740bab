from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from odps_frames.config import AccessKey, BearerToken, Config
from odps_frames.credentials import CredentialSource
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = "https://service.example.com/api"
START = datetime(2026, 1, 2, tzinfo=UTC)


def printing(folder: Path, document: object) -> str:
    """A command that prints a document and notes that it ran."""
    script = folder / "keys.py"
    script.write_text(
        "import pathlib\n"
        f"with open({str(folder / 'runs')!r}, 'a') as runs: runs.write('.')\n"
        f"print({json.dumps(document)!r})\n"
    )
    return f"{sys.executable} {script}"


def test_fixed_keys_are_given_as_they_are() -> None:
    config = Config(endpoint=ENDPOINT, access_id="i", secret_access_key="s")
    assert CredentialSource(config).get() == AccessKey("i", "s")


def test_a_command_is_run_again_before_its_keys_end(tmp_path: Path) -> None:
    ends = START + timedelta(hours=1)
    document = {
        "AccessKeyId": "i",
        "AccessKeySecret": "s",
        "SecurityToken": "t",
        "Expiration": ends.isoformat(),
    }
    now = START
    config = Config(endpoint=ENDPOINT, credential_process=printing(tmp_path, document))
    source = CredentialSource(config, clock=lambda: now)
    assert source.get() == AccessKey("i", "s", "t")
    source.get()
    assert (tmp_path / "runs").read_text() == "."
    now = ends - timedelta(minutes=4)
    source.get()
    assert (tmp_path / "runs").read_text() == ".."
    source.renew()
    source.get()
    assert (tmp_path / "runs").read_text() == "..."


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    now = START
    config = Config(endpoint=ENDPOINT, bearer_token_file=str(path))
    source = CredentialSource(config, clock=lambda: now)
    assert source.get() == BearerToken("first")
    path.write_text("second")
    assert source.get() == BearerToken("first")
    now = START + timedelta(minutes=2)
    assert source.get() == BearerToken("second")


@pytest.mark.parametrize("document", ["no object", {}, {"access_id": "half"}])
def test_a_command_that_prints_no_keys_is_an_error(tmp_path: Path, document: object) -> None:
    config = Config(endpoint=ENDPOINT, credential_process=printing(tmp_path, document))
    with pytest.raises(ConfigError, match="credential_process"):
        CredentialSource(config).get()


def test_the_output_of_a_failing_command_is_not_shown(tmp_path: Path) -> None:
    script = tmp_path / "keys.py"
    script.write_text("print('canary-secret'); raise SystemExit(3)")
    config = Config(endpoint=ENDPOINT, credential_process=f"{sys.executable} {script}")
    with pytest.raises(ConfigError) as caught:
        CredentialSource(config).get()
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_any_every_place_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    source = CredentialSource(Config(endpoint=ENDPOINT))
    with pytest.raises(ConfigError) as caught:
        source.get()
    for place in ("access_id", "storage_options", "ODPS_ACCESS_ID", "ODPS_BEARER_TOKEN_FILE"):
        assert place in str(caught.value)
    monkeypatch.setenv("ODPS_ACCESS_ID", "i")
    monkeypatch.setenv("ODPS_ACCESS_KEY", "s")
    assert source.get() == AccessKey("i", "s")
