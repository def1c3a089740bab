"""Who asks: signatures and tokens of an unmodified pyodps, and its entry object as our client."""

from __future__ import annotations

import json
import logging
import pickle
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import odps  # type: ignore[import-untyped]
import pandas as pd
import pytest
from odps import accounts
from odps.maxstorage import MaxStorageClient  # type: ignore[import-untyped]

import odps_frames as of
from odps_frames.connect import client_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Sides = Any  # classes of fixtures, which no test module can import
    Stand = Any

FRAME = pd.DataFrame({"id": pd.array([1, None, 3], "Int64"), "name": ["a", None, "杭州"]})
REGION = "cn-interop"
SIGNED = {
    None: r"ODPS (interop|lent)-id:\S+",
    REGION: rf"ODPS (interop|lent)-id/\d{{8}}/{REGION}/odps/aliyun_v4_request:\S+",
}


class Credential:
    """A credential as ``alibabacloud-credentials`` gives it."""

    def __init__(self, stand: Stand, secret: str | None = None) -> None:
        self._stand, self._secret = stand, secret

    def get_access_key_id(self) -> str:
        return str(self._stand.lent.access_id)

    def get_access_key_secret(self) -> str:
        return self._secret or str(self._stand.lent.secret_access_key)

    def get_security_token(self) -> str:
        return str(self._stand.lent.security_token)


class Provider:
    """Gives a credential, and another one later."""

    def __init__(self, credential: Credential) -> None:
        self.credential = credential

    def get_credential(self) -> Credential:
        return self.credential


KEY_PAIRS: dict[str, Callable[[Stand], Any]] = {
    "key": lambda stand: accounts.CloudAccount(stand.access_id, stand.secret),
    "STS": lambda stand: accounts.StsAccount(
        stand.lent.access_id, stand.lent.secret_access_key, stand.lent.security_token
    ),
    "provider": lambda stand: accounts.CredentialProviderAccount(Provider(Credential(stand))),
}
TOKENS: dict[str, Callable[[Stand], Any]] = {
    "token": lambda stand: accounts.BearerTokenAccount(stand.token),
    "token of a function": lambda stand: accounts.BearerTokenAccount(
        get_bearer_token_fun=lambda: stand.token
    ),
}
STRANGERS: dict[str, Callable[[Stand], Any]] = {
    "wrong secret": lambda stand: accounts.CloudAccount(stand.access_id, "guessed-secret"),
    "unknown id": lambda stand: accounts.CloudAccount("stranger", stand.secret),
    "wrong secret with STS": lambda stand: accounts.StsAccount(
        stand.lent.access_id, "guessed-secret", stand.lent.security_token
    ),
    "wrong token with STS": lambda stand: accounts.StsAccount(
        stand.lent.access_id, stand.lent.secret_access_key, "guessed-token"
    ),
    "STS without its token": lambda stand: accounts.CloudAccount(
        stand.lent.access_id, stand.lent.secret_access_key
    ),
    "key with a token of STS": lambda stand: accounts.StsAccount(
        stand.access_id, stand.secret, stand.lent.security_token
    ),
    "unknown token": lambda _: accounts.BearerTokenAccount("guessed-token"),
}
SECRETS = ("interop-secret", "lent-secret", "interop-token", "temporary-secret", "guessed")


@pytest.fixture
def written(stand: Stand, table: str) -> str:
    of.to_odps(FRAME, table, create=True, client=stand.entry())
    return table


def storage_of(entry: Any, stand: Stand) -> Any:
    """Return a client that asks the Storage API first: nothing has let it in before."""
    return MaxStorageClient(entry, tunnel_endpoint=stand.endpoint.removesuffix("/api"))


@pytest.mark.parametrize("region", SIGNED)
@pytest.mark.parametrize("account", KEY_PAIRS)
def test_pyodps_signs_with_keys(
    stand: Stand, written: str, account: str, region: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    entry = stand.entry(KEY_PAIRS[account](stand), region_name=region)
    with caplog.at_level(logging.DEBUG, logger="odps.accounts"):
        assert entry.exist_table(written)
        rows = storage_of(entry, stand).preview_table(written, limit=3).read().num_rows
    assert rows == 3
    signed = [text for text in caplog.messages if text.startswith("headers after signing")]
    assert len(signed) >= 2
    assert all(re.search(f"'Authorization': '{SIGNED[region]}'", text) for text in signed)


@pytest.mark.parametrize("account", TOKENS)
def test_pyodps_shows_a_token(stand: Stand, written: str, account: str) -> None:
    entry = stand.entry(TOKENS[account](stand))
    assert entry.exist_table(written)
    assert storage_of(entry, stand).preview_table(written, limit=3).read().num_rows == 3


@pytest.mark.parametrize("region", SIGNED)
@pytest.mark.parametrize("account", STRANGERS)
def test_strangers_are_refused(
    stand: Stand, written: str, account: str, region: str | None
) -> None:
    entry = stand.entry(STRANGERS[account](stand), region_name=region)
    before = len(stand.service.requests)
    attempts: list[Callable[[], object]] = [
        lambda: list(entry.list_tables()),
        lambda: entry.delete_table(written),
        lambda: storage_of(entry, stand).preview_table(written),
        lambda: storage_of(entry, stand).create_table_write_session(written, overwrite=True),
    ]
    for attempt in attempts:
        with pytest.raises(odps.errors.ODPSError) as caught:
            attempt()
        assert caught.value.status_code in (401, 403)
        assert not any(secret in str(caught.value) for secret in SECRETS)
    with pytest.raises(of.AuthenticationError):
        of.read_odps(written, client=entry)
    assert {one.status for one in stand.service.requests[before:]} <= {401, 403}
    assert len(of.read_odps(written, client=stand.entry())) == len(FRAME)


@pytest.mark.parametrize("region", SIGNED)
@pytest.mark.parametrize("account", [*KEY_PAIRS, *TOKENS])
def test_their_entry_object_is_a_client_of_ours(
    stand: Stand,
    table: str,
    account: str,
    region: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="odps_frames")
    entry = stand.entry((KEY_PAIRS | TOKENS)[account](stand), region_name=region)
    assert of.to_odps(FRAME, table, create=True, client=entry).rows == len(FRAME)
    back = of.read_odps(table, client=entry)
    pd.testing.assert_frame_equal(back, FRAME.astype({"name": "str"}))
    made = client_of(entry)
    assert client_of(entry) is made
    settings = (made.config.endpoint, made.config.project, made.config.region)
    assert settings == (stand.endpoint, "demo", region)
    shown = [repr(made), repr(made.config), repr(made.transport), str(vars(made)), caplog.text]
    for text in shown:
        assert not any(secret in text for secret in SECRETS)
    assert not any(secret.encode() in pickle.dumps(made) for secret in SECRETS)


def test_settings_of_their_entry_object_are_kept(stand: Stand, written: str) -> None:
    tunnel = stand.endpoint.removesuffix("/api").replace("127.0.0.1", "localhost")
    entry = stand.entry(tunnel_endpoint=tunnel, schema="default")
    config = client_of(entry).config
    assert (config.tunnel_endpoint, config.schema) == (tunnel, "default")
    before = len(stand.service.requests)
    assert len(of.read_odps(written, client=entry)) == len(FRAME)
    asked = [one.operation for one in stand.service.requests[before:]]
    assert "TableRead" in asked
    assert "DiscoverEndpoint" not in asked


def test_what_derives_from_their_entry_object_will_do(stand: Stand, written: str) -> None:
    class Derived(odps.ODPS):  # type: ignore[misc]
        """What a company makes of it."""

    entry = Derived(
        stand.access_id,
        stand.secret,
        project="demo",
        endpoint=stand.endpoint,
        overwrite_global=False,
    )
    assert len(of.read_odps(written, client=entry)) == len(FRAME)


def test_keys_of_theirs_are_those_of_the_moment(stand: Stand, written: str) -> None:
    provider = Provider(Credential(stand, "ended"))
    entry = stand.entry(accounts.CredentialProviderAccount(provider))
    with pytest.raises(of.AuthenticationError):
        of.read_odps(written, client=entry)
    provider.credential = Credential(stand)
    assert len(of.read_odps(written, client=entry)) == len(FRAME)


def test_tokens_of_theirs_are_those_of_the_moment(stand: Stand, written: str) -> None:
    tokens = ["ended"]
    account = accounts.BearerTokenAccount(expired_hours=0, get_bearer_token_fun=lambda: tokens[-1])
    entry = stand.entry(account)
    with pytest.raises(of.AuthenticationError):
        of.read_odps(written, client=entry)
    tokens.append(stand.token)
    assert len(of.read_odps(written, client=entry)) == len(FRAME)


def test_a_sign_server_keeps_its_keys(stand: Stand, written: str) -> None:
    account = accounts.SignServerAccount(
        stand.access_id, sign_endpoint=("127.0.0.1", 9), token=stand.token
    )
    entry = stand.entry(account, logview_host="http://127.0.0.1:9")
    before = len(stand.service.requests)
    with pytest.raises(of.ConfigError, match="SignServerAccount"):
        of.read_odps(written, client=entry)
    assert len(stand.service.requests) == before


GLOBAL = """
import json, sys
import pandas as pd
import odps_frames as of

given = json.load(sys.stdin)
said = {}
try:
    of.read_odps(given["table"])
except of.ConfigError as error:
    said["before"] = str(error)
said["imported"] = "odps" in sys.modules

import odps

try:
    of.read_odps(given["table"])
except of.ConfigError as error:
    said["without an entry"] = str(error)
keys = given["access_id"], given["secret_access_key"]
odps.ODPS(*keys, project="demo", endpoint=given["endpoint"])
said["written"] = of.to_odps(pd.DataFrame({"id": [1, 2]}), given["table"], create=True).rows
said["read"] = of.read_odps(given["table"])["id"].tolist()
with of.connect(given["endpoint"], project="nowhere", access_id=keys[0], secret_access_key=keys[1]):
    try:
        of.read_odps(given["table"])
    except of.NotFound as error:
        said["ours comes first"] = str(error)
print(json.dumps(said))
"""


def test_their_global_entry_object_is_picked_up(stand: Stand, table: str) -> None:
    given = {
        "endpoint": stand.endpoint,
        "access_id": stand.access_id,
        "secret_access_key": stand.secret,
        "table": table,
    }
    done = subprocess.run(  # noqa: S603  this interpreter, whose modules no other test has imported
        [sys.executable, "-c", GLOBAL],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert "endpoint" in said["before"]
    assert said["imported"] is False
    assert said["without an entry"] == said["before"]
    assert (said["written"], said["read"]) == (2, [1, 2])
    assert "nowhere" in said["ours comes first"]
    assert stand.secret not in done.stdout + done.stderr
