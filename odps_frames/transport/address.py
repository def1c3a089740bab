"""A transport that knows the way: REST to the endpoint, storage calls to the tunnel endpoint."""

from __future__ import annotations

import ipaddress
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from odps_frames.errors import ConfigError
from odps_frames.wire.catalog import decode_endpoint, encode_discover
from odps_frames.wire.http import Site

if TYPE_CHECKING:
    from odps_frames.config import Config
    from odps_frames.transport.base import Transport
    from odps_frames.wire.http import Request

__all__ = ["Addresses", "url_of"]

TRUSTED_DOMAINS = (".aliyuncs.com", ".aliyun-inc.com", ".aliyun.com", ".alibaba-inc.com")


def url_of(base: str, request: Request) -> str:
    """Write the address of a request; a parameter without a value stands as a bare word."""
    pairs = [
        urlencode([(name, value)]) if value else quote(name, safe="")
        for name, value in request.query
    ]
    return base + quote(request.path, safe="/") + ("?" + "&".join(pairs) if pairs else "")


class Addresses:
    """The two endpoints of one config; the tunnel's is asked for when first needed."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._tunnel = config.tunnel_endpoint

    def base(self, site: Site, ask: Transport) -> str:
        """Return the endpoint of a site; ``ask`` carries the question where it is not known.

        Raises
        ------
        ConfigError
            When the answer leads to a host that the endpoint does not vouch for.
        """
        if site is Site.REST:
            return self._config.endpoint
        with self._lock:
            if self._tunnel is None:
                self._tunnel = self._discover(ask)
            return self._tunnel

    def _discover(self, ask: Transport) -> str:
        if not self._config.project:
            msg = "no project; the tunnel endpoint is found by asking for that of a project"
            raise ConfigError(msg + ": give project= or tunnel_endpoint=")
        question = encode_discover(self._config.project, quota=self._config.quota)
        address = decode_endpoint(ask.send(question)).value
        endpoint = urlsplit(self._config.endpoint)
        found = urlsplit(f"{endpoint.scheme}://{address}")
        if not _vouched(found.hostname or "", endpoint.hostname or ""):
            msg = (
                f"the service named {found.hostname!r} as its tunnel endpoint, which is outside "
                f"the domain of {endpoint.hostname!r}; signed requests go there only when "
                "tunnel_endpoint= says so"
            )
            raise ConfigError(msg)
        return f"{endpoint.scheme}://{address}"


def _vouched(host: str, endpoint: str) -> bool:
    """Whether signed requests may go to a host that an endpoint named."""
    host, endpoint = host.lower(), endpoint.lower()
    if host == endpoint or (_is_loopback(host) and _is_loopback(endpoint)):
        return True
    if _address(host) is not None:
        return False
    if any(host.endswith(domain) and endpoint.endswith(domain) for domain in TRUSTED_DOMAINS):
        return True
    if any(host.endswith(d) for d in TRUSTED_DOMAINS[:2]) and any(
        endpoint.endswith(d) for d in TRUSTED_DOMAINS
    ):
        return True
    if _address(endpoint) is not None:
        return False
    # Two labels may be a suffix under which anybody registers names, such as co.uk.
    parent = re.sub(r"^[^.]+\.", "", endpoint)
    return parent.count(".") >= 2 and host.endswith("." + parent)  # noqa: PLR2004  see above


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
