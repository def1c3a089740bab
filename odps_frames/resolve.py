"""From arguments, environment and profile to one Config; every place that was looked at is said."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from odps_frames.config import Config, Timeout
from odps_frames.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SETTINGS", "profile_path", "resolve"]

CREDENTIALS = (
    "access_id",
    "secret_access_key",
    "security_token",
    "bearer_token",
    "bearer_token_file",
    "credential_process",
)
SETTINGS = (
    "endpoint",
    "project",
    "schema",
    *CREDENTIALS,
    "region",
    "tunnel_endpoint",
    "quota",
    "tags",
    "timezone",
    "api_version",
    "timeout",
    "max_attempts",
    "pickle_credentials",
)

ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "endpoint": ("ODPS_ENDPOINT",),
    "project": ("ODPS_PROJECT_NAME", "ODPS_PROJECT"),
    "schema": ("ODPS_SCHEMA",),
    "tunnel_endpoint": ("ODPS_TUNNEL_ENDPOINT",),
    "region": ("ODPS_REGION_NAME",),
}
ENVIRONMENT_CREDENTIALS: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {
        "access_id": ("ODPS_STS_ACCESS_KEY_ID",),
        "secret_access_key": ("ODPS_STS_ACCESS_KEY_SECRET",),
        "security_token": ("ODPS_STS_TOKEN",),
    },
    {
        "access_id": ("ODPS_ACCESS_ID",),
        "secret_access_key": ("ODPS_ACCESS_KEY", "ODPS_SECRET_ACCESS_KEY"),
    },
    {"bearer_token": ("ODPS_BEARER_TOKEN",)},
    {"bearer_token_file": ("ODPS_BEARER_TOKEN_FILE",)},
    {
        "access_id": ("ALIBABA_CLOUD_ACCESS_KEY_ID",),
        "secret_access_key": ("ALIBABA_CLOUD_ACCESS_KEY_SECRET",),
        "security_token": ("ALIBABA_CLOUD_SECURITY_TOKEN",),
    },
)


def profile_path() -> Path:
    """Where the profile file is looked for."""
    return Path(platformdirs.user_config_dir("odps_frames")) / "config.toml"


def resolve(
    arguments: Mapping[str, Any],
    storage_options: Mapping[str, Any] | None = None,
    *,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    path: Path | None = None,
) -> Config:
    """Resolve settings: argument, then storage option, environment and profile file.

    Credentials are taken whole from the first place that has any; a key from one place is never
    joined with a secret from another.

    Raises
    ------
    ConfigError
        For an unknown name, or when something needed stands nowhere: with every place looked at.
    """
    environ = os.environ if environ is None else environ
    options = dict(storage_options or {})
    profile = profile or options.pop("profile", None) or environ.get("ODPS_FRAMES_PROFILE")
    if unknown := sorted((set(arguments) | set(options)) - set(SETTINGS)):
        msg = f"unknown settings {unknown}; expected some of {list(SETTINGS)}"
        raise ConfigError(msg)
    path = path or profile_path()
    sources: list[tuple[str, Mapping[str, Any]]] = [
        ("arguments", _given(arguments)),
        ("storage_options", _given(options)),
        ("environment", _from_environment(environ)),
        (f"profile file {path}", _from_profile(path, profile)),
    ]
    settings: dict[str, Any] = {}
    for name in SETTINGS:
        if name not in CREDENTIALS:
            found = [source[name] for _, source in sources if name in source]
            if found:
                settings[name] = found[0]
    if not settings.get("endpoint"):
        raise ConfigError(_nowhere(path, profile))
    for place, source in sources:
        found_here = {name: source[name] for name in CREDENTIALS if name in source}
        if found_here:
            settings |= _whole(found_here, place)
            settings["given_in_code"] = place in ("arguments", "storage_options")
            break
    settings["timeout"] = Timeout.of(settings.get("timeout"))
    if "max_attempts" in settings:
        settings["max_attempts"] = _whole_number("max_attempts", settings["max_attempts"])
    return Config(profile=profile, **settings)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, variables in ENVIRONMENT.items():
        for variable in variables:
            if environ.get(variable):
                found.setdefault(name, environ[variable])
    for group in ENVIRONMENT_CREDENTIALS:
        values = {
            name: environ[variable]
            for name, variables in group.items()
            for variable in reversed(variables)
            if environ.get(variable)
        }
        if values:
            return found | values
    return found


def _from_profile(path: Path, profile: str | None) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if profile is None:
            return {}
        msg = f"no profile {profile!r}: there is no file {path}"
        raise ConfigError(msg) from None
    try:
        profiles = tomllib.loads(text).get("profiles", {})
    except tomllib.TOMLDecodeError as error:
        msg = f"the profile file {path} is not TOML: {error}"
        raise ConfigError(msg) from None
    chosen = profiles.get(profile or "default")
    if chosen is None:
        if profile is None:
            return {}
        msg = f"no profile {profile!r} in {path}; it has {sorted(profiles)}"
        raise ConfigError(msg)
    if unknown := sorted(set(chosen) - set(SETTINGS)):
        msg = f"unknown keys {unknown} in profile {profile or 'default'!r} of {path}"
        raise ConfigError(msg)
    return dict(chosen)


def _whole(found: dict[str, Any], place: str) -> dict[str, Any]:
    """Refuse half a key pair."""
    pair = {"access_id", "secret_access_key"}
    missing = pair - found.keys()
    if missing and (pair & found.keys() or found.keys() == {"security_token"}):
        msg = (
            f"half of a key in the {place}: {sorted(found)} without {sorted(missing)}; "
            "give both, or neither"
        )
        raise ConfigError(msg)
    return found


def _whole_number(name: str, value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        msg = f"{name}={value!r}; expected a whole number"
        raise ConfigError(msg) from None


def _nowhere(path: Path, profile: str | None) -> str:
    there = "is there" if path.exists() else "is not there"
    return (
        "no endpoint of MaxCompute; looked at the argument 'endpoint', at "
        "storage_options['endpoint'], at the variable ODPS_ENDPOINT (not set) and at the key "
        f"'endpoint' in [profiles.{profile or 'default'}] of {path} ({there}). "
        "Set one of these, or work without an account: with odps_frames.local(): ..."
    )
