"""The time limit of a call changes nothing else about its connections: those of a SOCKS proxy stay a proxy's."""

from __future__ import annotations

import socket

import pytest
from requests import ConnectionError as NotConnectedError
from requests import Session
from urllib3 import HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPSConnection

from django_checkout.stripe_api.time_limit import time_limit
from django_checkout.stripe_api.time_limited import TimeLimitedAdapter, _Reader

pytestmark = pytest.mark.core


class _ProxyConnection(HTTPSConnection):
    pass


class _ProxyPool(HTTPSConnectionPool):
    ConnectionCls = _ProxyConnection


class _ProxyManager(PoolManager):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.pool_classes_by_scheme = {"https": _ProxyPool}


def test_connections_of_a_proxy_stay_the_proxys(monkeypatch):
    monkeypatch.setattr("requests.adapters.proxy_from_url", lambda url, **kwargs: _ProxyManager())
    adapter = TimeLimitedAdapter()

    kinds = [
        adapter.proxy_manager_for("http://proxy.example").connection_from_url("https://api.stripe.com").ConnectionCls
        for _ in range(2)
    ]

    assert issubclass(kinds[0], _ProxyConnection)
    assert kinds[0] is kinds[1]
    assert kinds[0].response_class is not HTTPSConnection.response_class


def test_calls_go_through_a_socks_proxy():
    pytest.importorskip("socks")
    with Session() as session:
        session.mount("https://", TimeLimitedAdapter())
        with pytest.raises(NotConnectedError, match="SOCKS"):
            session.get("https://api.stripe.com", proxies={"https": "socks5h://127.0.0.1:9"}, timeout=5)


def test_each_read_may_take_the_time_that_is_left():
    """Otherwise a response that pauses shortly before the end may take twice the limit."""
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb", buffering=0) as raw, _Reader(ours, raw) as reader:
        ours.settimeout(300)
        theirs.send(b"ab")
        assert (reader.read(1), ours.gettimeout()) == (b"a", 300)
        with time_limit(60):
            assert reader.read(1) == b"b"
        assert ours.gettimeout() <= 60
