from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from odps_frames.config import AccessKey, BearerToken, Config, Timeout
from odps_frames.errors import ConfigError
from odps_frames.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = "https://service.cn-test.example.com/api"
SECRET = "canary-secret-4711"


def resolved(
    path: Path,
    arguments: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    **more: Any,
) -> Config:
    return resolve(arguments or {}, environ=environ or {}, path=path / "config.toml", **more)


def test_arguments_come_before_options_environment_and_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        f'[profiles.default]\nendpoint = "{ENDPOINT}/file"\nproject = "file"\nregion = "file"\n'
        'timezone = "Asia/Shanghai"\n'
    )
    environ = {
        "ODPS_ENDPOINT": f"{ENDPOINT}/environ",
        "ODPS_PROJECT": "environ",
        "ODPS_REGION_NAME": "environ",
    }
    options = {"endpoint": f"{ENDPOINT}/options", "project": "options"}
    config = resolved(tmp_path, {"endpoint": ENDPOINT}, environ, storage_options=options)
    assert (config.endpoint, config.project, config.region, config.timezone) == (
        ENDPOINT,
        "options",
        "environ",
        "Asia/Shanghai",
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"ODPS_ACCESS_ID": "i", "ODPS_ACCESS_KEY": "k"}, AccessKey("i", "k")),
        ({"ODPS_ACCESS_ID": "i", "ODPS_SECRET_ACCESS_KEY": "k"}, AccessKey("i", "k")),
        (
            {
                "ODPS_STS_ACCESS_KEY_ID": "i",
                "ODPS_STS_ACCESS_KEY_SECRET": "k",
                "ODPS_STS_TOKEN": "t",
                "ODPS_ACCESS_ID": "other",
            },
            AccessKey("i", "k", "t"),
        ),
        ({"ODPS_BEARER_TOKEN": "b"}, BearerToken("b")),
        (
            {
                "ALIBABA_CLOUD_ACCESS_KEY_ID": "i",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "k",
                "ALIBABA_CLOUD_SECURITY_TOKEN": "t",
            },
            AccessKey("i", "k", "t"),
        ),
    ],
)
def test_credentials_of_the_environment(
    tmp_path: Path, environ: dict[str, str], expected: AccessKey | BearerToken
) -> None:
    assert resolved(tmp_path, {"endpoint": ENDPOINT}, environ).credentials == expected


def test_a_key_of_one_place_is_not_joined_with_a_secret_of_another(tmp_path: Path) -> None:
    environ = {"ODPS_ACCESS_ID": "theirs", "ODPS_ACCESS_KEY": "theirs"}
    with pytest.raises(ConfigError, match=r"half of a key in the arguments.*secret_access_key"):
        resolved(tmp_path, {"endpoint": ENDPOINT, "access_id": "mine"}, environ)


def test_named_profiles(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        f'[profiles.work]\nendpoint = "{ENDPOINT}"\ncredential_process = "print-keys"\n'
    )
    assert resolved(tmp_path, profile="work").credential_process == "print-keys"
    assert resolved(tmp_path, environ={"ODPS_FRAMES_PROFILE": "work"}).endpoint == ENDPOINT
    with pytest.raises(ConfigError, match=r"no profile 'home'.*\['work'\]"):
        resolved(tmp_path, profile="home")
    with pytest.raises(ConfigError, match="no endpoint"):
        resolved(tmp_path)


def test_an_error_lists_every_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(tmp_path)
    for place in ("argument", "storage_options", "ODPS_ENDPOINT", "config.toml", "local()"):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"endpoint": ENDPOINT, "sekret": "x"}, "unknown settings"),
        ({"endpoint": "ftp://x"}, "not an endpoint"),
        ({"endpoint": "https://user:pw@host/api"}, "not an endpoint"),
        ({"endpoint": ENDPOINT, "api_version": "4"}, "api_version='4'"),
        ({"endpoint": ENDPOINT, "timezone": "Mars/Olympus"}, "timezone='Mars/Olympus'"),
        ({"endpoint": ENDPOINT, "max_attempts": 0}, "max_attempts=0"),
        ({"endpoint": ENDPOINT, "max_attempts": "many"}, "max_attempts='many'"),
        ({"endpoint": ENDPOINT, "timeout": -1}, "timeout total"),
        ({"endpoint": ENDPOINT, "timeout": "soon"}, "timeout='soon'"),
    ],
)
def test_bad_settings_are_refused(
    tmp_path: Path, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        resolved(tmp_path, arguments)
    assert "pw" not in str(caught.value)


def test_timeouts() -> None:
    assert Timeout.of(5) == Timeout(total=5.0)
    assert Timeout.of(Timeout(1, 2, 3)) == Timeout(1, 2, 3)


def with_secrets(**more: Any) -> Config:
    return Config(
        endpoint=ENDPOINT,
        access_id="id",
        secret_access_key=SECRET,
        security_token=SECRET,
        bearer_token=SECRET,
        **more,
    )


def test_secrets_are_masked() -> None:
    config = with_secrets()
    assert SECRET not in repr(config)
    assert "secret_access_key='***'" not in repr(config)
    assert "secret_access_key=***" in repr(config)
    assert SECRET not in repr(config.credentials)


@pytest.mark.parametrize(
    ("given", "allowed", "travels"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_secrets_travel_only_when_given_and_allowed(
    given: bool,  # noqa: FBT001  a row of the table
    allowed: bool,  # noqa: FBT001  a row of the table
    travels: bool,  # noqa: FBT001  rows of a table
) -> None:
    config = with_secrets(given_in_code=given, pickle_credentials=allowed)
    data = pickle.dumps(config)
    assert (SECRET.encode() in data) is travels
    back = pickle.loads(data)  # noqa: S301  our own bytes
    assert (back.credentials is not None) is travels
    assert back.endpoint == config.endpoint
    assert (copy.copy(config) == config) is travels


@pytest.mark.parametrize(
    "name", ["access_id", "secret_access_key", "security_token", "bearer_token"]
)
def test_secrets_are_stripped_and_hold_printable_ascii(name: str) -> None:
    plain = {"access_id": "i", "secret_access_key": "k"}
    stripped = Config(endpoint=ENDPOINT, **{**plain, name: f" {SECRET}\r\n"})  # type: ignore[arg-type]  # by name
    assert getattr(stripped, name) == SECRET
    for letter in ("\n", "\x00", "é", "密"):
        with pytest.raises(ConfigError, match=f"{name} holds letters") as caught:
            Config(endpoint=ENDPOINT, **{**plain, name: SECRET + letter + "x"})  # type: ignore[arg-type]  # by name
        assert SECRET not in str(caught.value)


def test_credentials_of_files_and_processes_are_cleaned_alike() -> None:
    assert BearerToken(SECRET + "\n").token == SECRET
    assert AccessKey("i\n", f"{SECRET}\n", "t\n") == AccessKey("i", SECRET, "t")
    with pytest.raises(ConfigError, match="bearer_token"):
        BearerToken("a\nb")


@pytest.mark.parametrize(
    ("url", "shown", "missing"),
    [
        ("service.example/api", "'service.example/api'", True),
        (f"https://user:{SECRET}@host/api", "'host/api'", False),
        (f"user:{SECRET}@host/api", "'host/api'", True),
        (f"https://user:x/{SECRET}@host/api", "'what was given'", False),
        (f"https://host/api?token={SECRET}", "'host/api'", False),
        ("https://host:port/api", "'host:port/api'", False),
        ("http://[::1", "'[::1'", False),
    ],
)
def test_an_endpoint_that_is_none_is_shown_without_secrets(
    url: str, shown: str, *, missing: bool
) -> None:
    with pytest.raises(ConfigError, match="not an endpoint: ") as caught:
        Config(endpoint=url)
    assert shown in str(caught.value)
    assert SECRET not in str(caught.value)
    assert ("is missing" in str(caught.value)) is missing
