"""The log of API requests, as Stripe's dashboard shows it."""

from __future__ import annotations

import json
import queue
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django_checkout.emulator.messages import Request, Response

KEPT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """An API request and the status of its response; None if the emulator did not answer it."""

    id: str
    created: int
    method: str
    path: str
    status: int | None
    version: str
    idempotency_key: str | None
    #: The error of the response, without its message's details: type, code, param, message.
    error: dict[str, Any] | None = None


class RequestLog:
    """The last ``KEPT`` requests of this process. All methods are thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[LoggedRequest] = deque(maxlen=KEPT)
        self._followers: list[queue.SimpleQueue[LoggedRequest]] = []

    def add(self, request: Request, response: Response | None, headers: dict[str, str], created: int) -> None:
        """Record a request, with the headers that its response has in any case."""
        entry = LoggedRequest(
            id=headers["Request-Id"],
            created=created,
            method=request.method,
            path=request.path,
            status=response.status if response else None,
            version=headers["Stripe-Version"],
            idempotency_key=headers.get("Idempotency-Key"),
            error=_error_of(response) if response else None,
        )
        with self._lock:
            self._requests.appendleft(entry)
            followers = list(self._followers)
        for follower in followers:
            follower.put(entry)

    def latest(self, count: int = KEPT) -> list[LoggedRequest]:
        """Return the newest requests, newest first."""
        with self._lock:
            return list(self._requests)[:count]

    @contextmanager
    def following(self) -> Iterator[queue.SimpleQueue[LoggedRequest]]:
        """Yield a queue that gets every request from now on."""
        follower: queue.SimpleQueue[LoggedRequest] = queue.SimpleQueue()
        with self._lock:
            self._followers.append(follower)
        try:
            yield follower
        finally:
            with self._lock:
                self._followers.remove(follower)


def _error_of(response: Response) -> dict[str, Any] | None:
    if response.status < 400:
        return None
    try:
        error = json.loads(response.body)["error"]
    except (ValueError, KeyError, TypeError):
        return None
    return {name: error[name] for name in ("type", "code", "decline_code", "message", "param") if name in error}
