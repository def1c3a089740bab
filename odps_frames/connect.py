"""Which client a call uses, and how one is made."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from odps_frames.client import CURRENT, Client
from odps_frames.errors import ConfigError
from odps_frames.resolve import resolve

if TYPE_CHECKING:
    from odps_frames.config import Config, Timeout

__all__ = ["client_of", "connect"]

_LOCK = threading.Lock()
_KEPT: dict[Config, Client] = {}
"""Clients that were made on the way, so that calls share their connections."""


def connect(  # noqa: PLR0913  the front door: every setting by its name
    endpoint: str | None = None,
    *,
    project: str | None = None,
    schema: str | None = None,
    access_id: str | None = None,
    secret_access_key: str | None = None,
    security_token: str | None = None,
    bearer_token: str | None = None,
    region: str | None = None,
    tunnel_endpoint: str | None = None,
    quota: str | None = None,
    tags: str | Sequence[str] = (),
    timezone: str | None = None,
    api_version: str | None = None,
    timeout: float | Timeout | None = None,
    max_attempts: int | None = None,
    profile: str | None = None,
    pickle_credentials: bool | None = None,
    storage_options: Mapping[str, Any] | None = None,
    set_as_default: bool = True,
) -> Client:
    """Make a client; nothing is sent.

    What is not given comes from ``storage_options``, then from the environment
    (``ODPS_ENDPOINT``, ``ODPS_PROJECT_NAME``, ``ODPS_ACCESS_ID``, ``ODPS_ACCESS_KEY``, …), then
    from the profile file.

    Parameters
    ----------
    endpoint : str, optional
        Such as ``https://service.cn-hangzhou.maxcompute.aliyun.com/api``.
    project, schema : str, optional
        Where tables are looked for that are named without them.
    quota : str, optional
        Whose computing resources serve the calls.
    tags : str or sequence of str
        Labels under which the service accounts for storage calls.
    region : str, optional
        Signs with version 4 of the signature, which needs it.
    timeout : float or Timeout, optional
        Seconds for one request with all its attempts and its answer, or
        ``Timeout(connect, idle, total)``. A stream of rows that it cuts is taken up again.
    max_attempts : int
        How often a call is tried, by default 8.
    pickle_credentials : bool
        Let secrets given here travel in pickles of the client.
    set_as_default : bool
        Calls that name no client use this one.

    Raises
    ------
    ConfigError
        When something is missing, with every place that was looked at.
    """
    given = {
        "endpoint": endpoint,
        "project": project,
        "schema": schema,
        "access_id": access_id,
        "secret_access_key": secret_access_key,
        "security_token": security_token,
        "bearer_token": bearer_token,
        "region": region,
        "tunnel_endpoint": tunnel_endpoint,
        "quota": quota,
        "tags": tuple(tags) if isinstance(tags, list) else tags or None,
        "timezone": timezone,
        "api_version": api_version,
        "timeout": timeout,
        "max_attempts": max_attempts,
        "pickle_credentials": pickle_credentials,
    }
    client = Client(resolve(given, storage_options, profile=profile))
    if set_as_default:
        CURRENT.set_default(client)
    return client


def client_of(client: object = None, storage_options: Mapping[str, Any] | None = None) -> Client:
    """Return the client that a call is to use.

    Raises
    ------
    TypeError
        For something that is no client.
    ConfigError
        When there is none and none can be made.
    """
    if client is not None:
        if isinstance(client, Client):
            return client
        if isinstance(client, Mapping):
            return _kept(resolve(client, storage_options))
        if _is_pyodps(client):
            return _kept(resolve(_from_pyodps(client), storage_options))
        msg = (
            f"client={type(client).__name__}; expected a client of connect() or local(), a "
            "pyodps ODPS object, or a mapping of settings"
        )
        raise TypeError(msg)
    if storage_options is not None:
        return _kept(resolve({}, storage_options))
    current = CURRENT.get()
    if current is not None:
        return current
    pyodps = sys.modules.get("odps")
    entry = pyodps.ODPS.from_global() if pyodps is not None else None
    return _kept(resolve({} if entry is None else _from_pyodps(entry)))


def _kept(config: Config) -> Client:
    with _LOCK:
        client = _KEPT.get(config)
        if client is None:
            client = _KEPT[config] = Client(config)
        return client


def _is_pyodps(value: object) -> bool:
    """Whether this is pyodps' entry object; it is not imported for that."""
    entry = getattr(sys.modules.get("odps"), "ODPS", None)
    return isinstance(entry, type) and isinstance(value, entry)


def _from_pyodps(entry: Any) -> dict[str, Any]:  # noqa: ANN401  an object of another package
    keys = _keys_of(entry.account)
    return {
        "endpoint": entry.endpoint,
        "project": entry.project,
        "schema": entry.schema,
        "tunnel_endpoint": getattr(entry, "_tunnel_endpoint", None),
        "region": getattr(entry, "region_name", None),
        **keys,
    }


def _keys_of(account: Any) -> dict[str, str | None]:  # noqa: ANN401  an object of another package
    """What an account of pyodps signs with now; keys that have ended are renewed, as it does."""
    provider = getattr(account, "provider", None)
    if provider is not None:
        ask = getattr(provider, "get_credential", None) or provider.get_credentials
        held = ask()
        return {
            "access_id": held.get_access_key_id(),
            "secret_access_key": held.get_access_key_secret(),
            "security_token": held.get_security_token() or None,
        }
    if hasattr(account, "reload"):
        account.reload()
    if getattr(account, "secret_access_key", None):
        return {
            "access_id": account.access_id,
            "secret_access_key": account.secret_access_key,
            "security_token": getattr(account, "sts_token", None),
        }
    token = getattr(account, "token", None)
    # The token of a sign server opens that server: it is no business of MaxCompute.
    if isinstance(token, str) and not hasattr(account, "access_id"):
        return {"bearer_token": token}
    msg = (
        f"pyodps signs with a {type(account).__name__}, whose keys it does not have; give a client "
        "of connect() with keys, a token or a credential_process"
    )
    raise ConfigError(msg)
