"""Where the service is and who asks: the resolved, frozen settings of a client."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, fields
from typing import Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from odps_frames.errors import ConfigError

__all__ = ["AccessKey", "BearerToken", "Config", "Credentials", "Timeout"]

SECRETS = frozenset({"secret_access_key", "security_token", "bearer_token"})


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair, with a token when it is a temporary one."""

    access_id: str
    secret_access_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("access_id", "secret_access_key", "security_token"):
            object.__setattr__(self, name, _clean(name, getattr(self, name)))


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token that stands for the caller."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", _clean("bearer_token", self.token))


Credentials = AccessKey | BearerToken


@dataclass(frozen=True, slots=True)
class Timeout:
    """Seconds to wait: for a connection, for the next byte, and for a whole call."""

    connect: float = 10.0
    idle: float = 120.0
    total: float | None = None

    def __post_init__(self) -> None:
        for name in ("connect", "idle", "total"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                msg = f"timeout {name}={value!r}; expected seconds above zero"
                raise ConfigError(msg)

    @classmethod
    def of(cls, timeout: float | Timeout | None) -> Self:
        """Read seconds for a whole call, or a timeout, or None for the defaults."""
        if timeout is None:
            return cls()
        if isinstance(timeout, Timeout):
            return cls(timeout.connect, timeout.idle, timeout.total)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float):
            msg = f"timeout={timeout!r}; expected seconds or Timeout(connect, idle, total)"
            raise ConfigError(msg)
        return cls(total=float(timeout))


@dataclass(frozen=True, repr=False, kw_only=True)
class Config:
    """Resolved settings; fields are named as the parameters of ``connect``.

    Secrets never stand in the ``repr``. They travel in a pickle only when they were given in
    code together with ``pickle_credentials=True``; else whoever unpickles resolves them anew.
    """

    endpoint: str
    project: str | None = None
    schema: str | None = None
    access_id: str | None = None
    secret_access_key: str | None = None
    security_token: str | None = None
    bearer_token: str | None = None
    bearer_token_file: str | None = None
    credential_process: str | None = None
    region: str | None = None
    tunnel_endpoint: str | None = None
    quota: str | None = None
    tags: tuple[str, ...] = ()
    timezone: str = "UTC"
    api_version: str = "2"
    timeout: Timeout = field(default_factory=Timeout)
    max_attempts: int = 8
    profile: str | None = None
    pickle_credentials: bool = False
    given_in_code: bool = False
    """Whether the credentials were arguments, not found in the environment or a file."""

    def __post_init__(self) -> None:
        for name in ("access_id", *sorted(SECRETS)):
            object.__setattr__(self, name, _clean(name, getattr(self, name)))
        object.__setattr__(self, "endpoint", _checked_url("endpoint", self.endpoint))
        if self.tunnel_endpoint:
            url = _checked_url("tunnel_endpoint", self.tunnel_endpoint)
            object.__setattr__(self, "tunnel_endpoint", url)
        object.__setattr__(self, "tags", _tags(self.tags))
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            msg = f"timezone={self.timezone!r}; expected a name such as 'UTC' or 'Asia/Shanghai'"
            raise ConfigError(msg) from None
        if self.api_version not in ("2", "3"):
            msg = f"api_version={self.api_version!r}; expected '2' or '3'"
            raise ConfigError(msg)
        if self.max_attempts < 1:
            msg = f"max_attempts={self.max_attempts!r}; expected at least 1"
            raise ConfigError(msg)

    @property
    def credentials(self) -> Credentials | None:
        """The credentials that stand in this value, if any do."""
        if self.access_id and self.secret_access_key:
            return AccessKey(self.access_id, self.secret_access_key, self.security_token)
        return BearerToken(self.bearer_token) if self.bearer_token else None

    @property
    def is_near(self) -> bool:
        """Whether the data travels within this machine."""
        host = urlsplit(self.tunnel_endpoint or self.endpoint).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def __repr__(self) -> str:
        shown = []
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None or each.name == "given_in_code":
                continue
            shown.append(f"{each.name}={'***' if each.name in SECRETS else repr(value)}")
        return f"Config({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        travel = self.given_in_code and self.pickle_credentials
        state = {
            each.name: None if each.name in SECRETS and not travel else getattr(self, each.name)
            for each in fields(self)
        }
        return _restore, (state,)


def _restore(state: dict[str, Any]) -> Config:
    return Config(**state)


def _clean(name: str, secret: str | None) -> str | None:
    """Strip a secret, which files and variables often end with a line feed; check its letters."""
    if secret is None:
        return None
    stripped = secret.strip()
    if not (stripped.isascii() and stripped.isprintable()):
        msg = f"{name} holds letters that no header can carry; expected printable ASCII"
        raise ConfigError(msg)
    return stripped


def _tags(given: object) -> tuple[str, ...]:
    """Take a tag, or several; they travel in one header, parted by commas."""
    tags = (given,) if isinstance(given, str) else given
    if isinstance(tags, list | tuple) and all(isinstance(tag, str) for tag in tags):
        found = tuple(tag.strip() for tag in tags)
        if all(tag and tag.isascii() and tag.isprintable() and "," not in tag for tag in found):
            return found
    msg = f"tags={given!r}; expected texts of printable ASCII without commas, such as ('nightly',)"
    raise ConfigError(msg)


def _checked_url(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        parts = None
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
        or parts.password is not None
        or parts.query
        or parts.fragment
    ):
        article = "an" if name[0] in "aeiou" else "a"
        hint = "" if "://" in url else "; http:// or https:// is missing"
        msg = f"not {article} {name}: {_shown(url)!r}; expected http(s)://host[:port][/path]{hint}"
        raise ConfigError(msg)
    return url.rstrip("/")


def _shown(url: str) -> str:
    """Host and path of what was given; never user info or a query, which may be secret."""
    rest = url.partition("://")[2] if "://" in url else url
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if "@" in rest[len(authority) :]:
        return "what was given"  # a password may hold these letters: nobody knows where it ends
    return re.split(r"[?#]", rest, maxsplit=1)[0].rpartition("@")[2]
