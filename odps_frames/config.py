"""Where the service is and who asks: Config, Credentials and how they are resolved."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["AccessKey", "BearerToken", "Credentials"]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair, with a token when it is a temporary one."""

    access_id: str
    secret_access_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token that stands for the caller."""

    token: str = field(repr=False)


Credentials = AccessKey | BearerToken
