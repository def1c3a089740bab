from __future__ import annotations

import pytest

from odps_frames.config import Config
from odps_frames.errors import ConfigError, ServiceError
from odps_frames.transport.address import Addresses
from odps_frames.wire.http import Request, Response, Site


class Answering:
    """A service that names its tunnel endpoint."""

    def __init__(self, authority: str) -> None:
        self.authority = authority
        self.asked: list[Request] = []

    def send(self, request: Request, /) -> Response:
        self.asked.append(request)
        return Response.of(self.authority.encode(), headers={"Content-Type": "text/plain"})


def found(endpoint: str, authority: str) -> str:
    addresses = Addresses(Config(endpoint=endpoint, project="p"))
    return addresses.base(Site.STORAGE, Answering(authority))


@pytest.mark.parametrize("quota", [None, "gold"])
def test_the_endpoint_is_that_of_the_quota(quota: str | None) -> None:
    service = Answering("10.0.0.7")
    config = Config(endpoint="http://10.0.0.7/api", project="p", quota=quota)
    assert Addresses(config).base(Site.STORAGE, service) == "http://10.0.0.7"
    (asked,) = service.asked
    assert (asked.path, asked.parameter("quotaName")) == ("/projects/p/tunnel", quota)


@pytest.mark.parametrize(
    ("endpoint", "authority"),
    [
        (
            "https://service.cn-hangzhou.maxcompute.aliyun.com/api",
            "dt.cn-hangzhou.maxcompute.aliyun.com",
        ),
        ("http://service.cn.maxcompute.aliyun-inc.com/api", "dt.cn.maxcompute.aliyun-inc.com:80"),
        ("http://service.odps.aliyun.com/api", "dt.odps.aliyun.com"),
        ("http://127.0.0.1:8080/api", "127.0.0.1:9090"),
        ("http://localhost:8080/api", "127.0.0.1:9090"),
        ("http://10.0.0.7/api", "10.0.0.7:99"),
        ("https://odps.data.corp.example/api", "tunnel.data.corp.example"),
    ],
)
def test_hosts_that_the_endpoint_vouches_for(endpoint: str, authority: str) -> None:
    assert found(endpoint, authority) == f"{endpoint.partition('://')[0]}://{authority}"


@pytest.mark.parametrize(
    ("endpoint", "authority"),
    [
        ("https://service.cn.maxcompute.aliyun.com/api", "evil.example"),
        ("https://service.cn.maxcompute.aliyun.com/api", "aliyun.com.evil.example"),
        ("https://service.cn.maxcompute.aliyun.com/api", "127.0.0.1:80"),
        ("https://service.cn.maxcompute.aliyun.com/api", "169.254.169.254"),
        ("https://odps.corp.example/api", "elsewhere.example"),
        ("https://odps.example/api", "evil.example"),
        ("https://odps.co.uk/api", "evil.co.uk"),
        ("https://odps.corp.co/api", "tunnel.corp.co"),
        ("http://10.1.2.3/api", "evil.1.2.3"),
        ("http://127.0.0.1/api", "10.0.0.1"),
    ],
)
def test_hosts_that_it_does_not(endpoint: str, authority: str) -> None:
    with pytest.raises(ConfigError, match="tunnel_endpoint="):
        found(endpoint, authority)


@pytest.mark.parametrize("authority", ["user@host", "host/path", "host\r\nX: y", "", "a b"])
def test_answers_that_are_no_host(authority: str) -> None:
    with pytest.raises((ConfigError, ServiceError)):
        found("https://odps.corp.example/api", authority)


def test_the_question_is_asked_once() -> None:
    addresses = Addresses(Config(endpoint="http://127.0.0.1/api", project="p"))
    service = Answering("127.0.0.1:81")
    for _ in range(3):
        assert addresses.base(Site.STORAGE, service) == "http://127.0.0.1:81"
    assert len(service.asked) == 1


def test_a_given_endpoint_wins_and_nothing_is_asked() -> None:
    config = Config(endpoint="http://127.0.0.1/api", tunnel_endpoint="https://t.example/")
    service = Answering("127.0.0.1:81")
    assert Addresses(config).base(Site.STORAGE, service) == "https://t.example"
    assert Addresses(config).base(Site.REST, service) == "http://127.0.0.1/api"
    assert not service.asked


def test_without_a_project_the_message_says_what_to_give() -> None:
    with pytest.raises(ConfigError, match="project="):
        Addresses(Config(endpoint="http://127.0.0.1/api")).base(Site.STORAGE, Answering("x"))
