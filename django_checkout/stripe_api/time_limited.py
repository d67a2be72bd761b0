"""Connections whose responses are read within the time limit of the call, however slowly they arrive.

The timeout of ``requests`` is for each read of the socket, and every byte that arrives starts it again.
"""

from __future__ import annotations

import io
import math
import socket
from functools import cache
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.poolmanager import PoolManager

from django_checkout.stripe_api.time_limit import seconds_left


class _Reader(io.RawIOBase):
    """Reads a socket; each read may take the time that is left."""

    def __init__(self, connected: socket.socket, raw: io.RawIOBase) -> None:
        self._socket, self._raw = connected, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds = seconds_left()
        if seconds <= 0:
            raise TimeoutError("The time limit of the call has ended.")
        if seconds != math.inf:
            self._socket.settimeout(seconds)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        super().close()
        self._raw.close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(sock, self.fp.detach()))


class TimeLimitedAdapter(HTTPAdapter):
    """Ends each call with its time limit: ``time_limit.time_limit``."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _limit(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)
        return _limit(manager)


def _limit(manager: PoolManager) -> PoolManager:
    pools = manager.pool_classes_by_scheme.items()
    manager.pool_classes_by_scheme = {scheme: _limited(pool) for scheme, pool in pools}
    return manager


@cache
def _limited(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return the same kind of pool, for example a SOCKS proxy's, with connections that read within the time limit."""
    connection: Any = pool.ConnectionCls
    if connection.response_class is _Response:
        return pool
    limited = type(connection.__name__, (connection,), {"response_class": _Response})
    return type(pool.__name__, (pool,), {"ConnectionCls": limited})
