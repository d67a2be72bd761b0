"""A stand-in for Stripe that answers lists and their objects from memory, so that benchmarks measure only the app."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

API_BASE = "http://stripe.instant"
PAGE = 100


class InstantAdapter(BaseAdapter):
    """Responds with lists of its objects, newest first; ``calls`` counts the requests."""

    def __init__(self, lists: dict[str, Sequence[bytes]]) -> None:
        super().__init__()
        self.calls = 0
        self._lists = lists

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Return an object or a page. The number after the last underscore of an id is its position."""
        self.calls += 1
        parts = urlsplit(request.url or "")
        folder, _, name = parts.path.rpartition("/")
        if folder in self._lists:
            body = self._lists[folder][_position(name) : _position(name) + 1][0]
        else:
            after = parse_qs(parts.query).get("starting_after", [""])[0]
            items = self._lists.get(parts.path, ())
            start = _position(after) + 1 if after else 0
            page = items[start : start + PAGE]
            has_more = b"true" if start + PAGE < len(items) else b"false"
            body = b'{"object":"list","data":[' + b",".join(page) + b'],"has_more":' + has_more + b"}"
        response = requests.Response()
        response.status_code = 200
        response.headers = CaseInsensitiveDict({"Request-Id": "req_instant", "Content-Type": "application/json"})
        response.url = request.url or ""
        response.request = request
        response.encoding = "utf-8"
        response._content = body
        return response

    def close(self) -> None:
        """Do nothing: no connection is open."""


def _position(stripe_id: str) -> int:
    return int(stripe_id.rpartition("_")[2])


@contextmanager
def instant_stripe(lists: dict[str, Sequence[bytes]]) -> Iterator[InstantAdapter]:
    """Answer every call to ``API_BASE`` at once; the caller sets STRIPE_API_BASE."""
    from django_checkout.stripe_api import transport

    try:
        yield mount(lists)
    finally:
        transport.http_session().adapters.pop(API_BASE, None)


def mount(lists: dict[str, Sequence[bytes]]) -> InstantAdapter:
    """Answer every call to ``API_BASE`` at once, until the process ends."""
    from django_checkout.stripe_api import transport

    adapter = InstantAdapter(lists)
    transport.http_session().mount(API_BASE, adapter)
    return adapter
