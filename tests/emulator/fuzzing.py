"""Sends forms that no client should send to every route, each in the state in which its first example is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_checkout.emulator import Emulator, Request, Response
from django_checkout.emulator.api.routes import ROUTES, find_operation, table
from django_checkout.emulator.messages import NOT_IMPLEMENTED
from tests.conformance.visits import visit_every_route

from .conftest import client_of
from .forms import change, changed, encoded

NOW = 1_790_000_000
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
#: Stripe's types of errors: https://docs.stripe.com/api/errors
KINDS = {"api_error", "card_error", "idempotency_error", "invalid_request_error"}
#: The status of a refused payment, which is stored; other errors change nothing.
REFUSED = 402
#: What follows the form.
TAILS = ("", "\\x", "\xff%", "%ED%A0%80=1&&=")
Judge = Callable[[Request, Response], None]
# Not as a test has patched it.
_handle = Emulator.handle


def fuzz(judge: Judge | None = None, *, examples: int = EXAMPLES, only: str = "") -> dict[str, str]:
    """Return the first fault of each route. ``judge`` raises an ``AssertionError`` for a response that is not valid."""
    faults: dict[str, str] = {}
    seen: set[str] = set()

    def handle(self: Emulator, request: Request) -> Response:
        found = find_operation(request.method, request.path)
        route = found[0] if found else ""
        if route in ROUTES and route not in seen and only in route:
            seen.add(route)
            try:
                _fuzz_route(self, request, route, judge, examples)
            except Exception as error:
                notes = "\n".join(getattr(error, "__notes__", ()))
                faults[route] = f"{type(error).__name__}: {str(error)[:500]}\n{notes[:1500]}"
        return _handle(self, request)

    with pytest.MonkeyPatch.context() as patch, closing(Emulator(wall=lambda: NOW)) as emulator:
        patch.setattr(Emulator, "handle", handle)
        visit_every_route(client_of(emulator), emulator)
    return faults


def _fuzz_route(emulator: Emulator, request: Request, route: str, judge: Judge | None, examples: int) -> None:
    is_post, is_json = request.method == "POST", request.path.startswith("/v2/")
    pairs = [] if is_json else parse_qsl(request.body.decode() if is_post else request.query, keep_blank_values=True)
    with emulator.state.transaction():
        connection = emulator.store._connection
        stored = [
            row[0] for row in connection.execute("SELECT id FROM objects WHERE object NOT GLOB '_*' ORDER BY seq")
        ]
    clean = connection.serialize()
    content = _content(emulator)

    @settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(change(table(route)), min_size=1, max_size=4), st.sampled_from(("", "\\x", "\xff%", "%ED%A0%80=1&&="))
    )
    def check(changes: list[tuple[str, int, str, str]], tail: str) -> None:
        text = encoded(changed(pairs, changes), stored) + tail
        # Without a key, which would replay the response.
        headers = {name: value for name, value in request.headers.items() if name != "idempotency-key"}
        sent = replace(request, headers=headers, query="" if is_post else text)
        if is_post:
            sent = replace(sent, body=(json.dumps({text: text}) if is_json else text).encode("latin-1", "replace"))
        with restored(emulator, clean):
            written = connection.total_changes
            response = _handle(emulator, sent)
            check_response(response)
            if response.status not in (200, REFUSED) and connection.total_changes != written:
                assert _content(emulator) == content, f"{response.status} has changed the state"
            if judge:
                judge(sent, response)

    check()


@contextmanager
def restored(emulator: Emulator, clean: bytes) -> Iterator[None]:
    """Restore a store in memory when the block ends: its content is ``clean``, from SQLite's ``serialize``."""
    connection = emulator.store._connection
    written = connection.total_changes
    try:
        yield
    finally:
        if connection.total_changes != written:
            connection.deserialize(clean)
            emulator.store._indexed.clear()


def check_response(response: Response) -> None:
    """Raise an ``AssertionError`` for a response that is neither an object nor a documented error."""
    document = json.loads(response.body, parse_constant=_no_number)
    if response.status == 200:
        assert "object" in document or "data" in document
        return
    error = document["error"]
    assert error["type"] in KINDS
    assert response.status in range(400, 500) or error["code"] == NOT_IMPLEMENTED, response.body
    assert error["message"]


def _no_number(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")


def _content(emulator: Emulator) -> list[tuple[object, ...]]:
    """Return everything that is stored. Indexes and due jobs do not count: any request may create and run them."""
    rows = emulator.store._connection.execute("SELECT id, object, created, body FROM objects ORDER BY seq").fetchall()
    return [*rows, *emulator.store._connection.execute("SELECT name, value FROM settings ORDER BY name")]
