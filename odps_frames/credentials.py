"""The credentials of this moment: fixed ones, or read anew from a file, a command, a chain."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shlex
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odps_frames.config import AccessKey, BearerToken, Config, Credentials
from odps_frames.errors import ConfigError
from odps_frames.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CredentialSource"]

EARLY = timedelta(minutes=5)
"""Temporary credentials are renewed so long before they end."""
COMMAND_SECONDS = 60


class CredentialSource:
    """Gives the credentials of a config; temporary ones are renewed before they end.

    Parameters
    ----------
    config : Config
        Where they come from. A config without any is resolved from the environment, the
        profile file and ``alibabacloud-credentials`` (where that is installed).
    clock : callable
        Gives the present time.
    """

    def __init__(
        self, config: Config, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._held: tuple[Credentials, datetime | None] | None = None

    def get(self) -> Credentials:
        """Return the credentials to sign with now.

        Raises
        ------
        ConfigError
            When there are none; it names every place that was looked at.
        """
        fixed = self._config.credentials
        if fixed is not None:
            return fixed
        with self._lock:
            held = self._held
            if held is None or (held[1] is not None and held[1] - EARLY <= self._clock()):
                held = self._held = self._obtain(self._config)
            return held[0]

    def renew(self) -> None:
        """Forget what is held; the service refused it."""
        with self._lock:
            self._held = None

    def _obtain(self, config: Config) -> tuple[Credentials, datetime | None]:
        if config.credentials is not None:
            return config.credentials, None
        if config.bearer_token_file:
            # A token file is short and replaced by others: it is read again every minute.
            token = Path(config.bearer_token_file).read_text(encoding="utf-8").strip()
            return BearerToken(token), self._clock() + EARLY + timedelta(minutes=1)
        if config.credential_process:
            return _from_command(config.credential_process)
        found = resolve({"endpoint": config.endpoint}, profile=config.profile)
        if found.credentials or found.bearer_token_file or found.credential_process:
            return self._obtain(found)
        chained = _from_default_chain()
        if chained is not None:
            return chained
        raise ConfigError(_NOWHERE)


_NOWHERE = (
    "no credentials for MaxCompute; looked at the arguments access_id and secret_access_key, "
    "security_token and bearer_token, at storage_options, at the variables "
    "ODPS_STS_ACCESS_KEY_ID, ODPS_ACCESS_ID and ODPS_ACCESS_KEY, ODPS_BEARER_TOKEN, "
    "ODPS_BEARER_TOKEN_FILE and ALIBABA_CLOUD_ACCESS_KEY_ID (none is set), at the profile file "
    "and for the package alibabacloud-credentials; set one of these"
)


def _from_command(command: str) -> tuple[Credentials, datetime | None]:
    """Run a ``credential_process``; it prints our names or those of Alibaba Cloud as JSON."""
    try:
        done = subprocess.run(  # noqa: S603  the user's own command, without a shell
            shlex.split(command),
            capture_output=True,
            check=True,
            timeout=COMMAND_SECONDS,
            text=True,
        )
        document = _object(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        # The output may hold secrets, so it is not quoted, and neither is the cause.
        msg = f"credential_process failed ({type(error).__name__}); it is to print JSON"
        raise ConfigError(msg) from None

    def value(*names: str) -> str | None:
        return next((str(document[name]) for name in names if document.get(name)), None)

    ends = value("expiration", "Expiration")
    until = datetime.fromisoformat(ends) if ends else None
    if token := value("bearer_token", "BearerToken"):
        return BearerToken(token), until
    access_id = value("access_id", "AccessKeyId", "access_key_id")
    secret = value("secret_access_key", "AccessKeySecret", "access_key_secret")
    if not access_id or not secret:
        msg = "credential_process printed no access_id with secret_access_key and no bearer_token"
        raise ConfigError(msg)
    return AccessKey(
        access_id, secret, value("security_token", "SecurityToken", "sts_token")
    ), until


def _object(text: str) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError  # noqa: TRY004  like text that is no JSON at all
    return document


def _from_default_chain() -> tuple[Credentials, datetime | None] | None:
    """Ask ``alibabacloud-credentials``, when installed, through its own default chain."""
    if importlib.util.find_spec("alibabacloud_credentials") is None:
        return None
    module = importlib.import_module("alibabacloud_credentials.client")
    held = module.Client().get_credential()
    token = held.get_security_token() or None
    key = AccessKey(held.get_access_key_id(), held.get_access_key_secret(), token)
    # The chain keeps temporary keys fresh itself, so it is asked again every minute.
    return key, datetime.now(UTC) + EARLY + timedelta(minutes=1)
