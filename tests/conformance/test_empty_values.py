"""An empty text unsets a parameter: no route fails at one, or shows it, whatever else is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest

from django_checkout.emulator import Emulator, Request
from django_checkout.emulator.api.document import Parameter
from django_checkout.emulator.api.routes import ROUTES, find_operation, table
from tests.conformance.fixtures import session_validator, validator
from tests.conformance.visits import visit_every_route
from tests.emulator.conftest import client_of
from tests.emulator.fuzzing import NOW, check_response, restored

__all__ = ["session_validator", "validator"]

pytestmark = pytest.mark.conformance


def emptied(parameter: Parameter, prefix: str = "") -> Iterator[str]:
    """Yield the keys of the parameters that may be empty, in the first item of a list."""
    for name, child in parameter.children.items():
        key, kind = f"{prefix}[{name}]" if prefix else name, child.kind
        if not child.is_played:
            continue
        if child.may_be_empty:
            yield key
        while kind.startswith("[] "):
            key, kind = f"{key}[0]", kind[3:]
        yield from emptied(child, f"{key}[eur]" if kind.startswith("<>") else key)


def with_empty_values(request: Request, operation: str) -> Iterator[Request]:
    """Yield a request with one parameter emptied, for each parameter that may be empty."""
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True)
    # Without a key, which would replay the response.
    headers = {name: value for name, value in request.headers.items() if name != "idempotency-key"}
    for key in emptied(table(operation)):
        kept = [pair for pair in pairs if pair[0] != key and not pair[0].startswith(f"{key}[")]
        yield replace(request, headers=headers, body=urlencode([*kept, (key, "")]).encode())


def test_no_route_fails_at_an_empty_value_or_shows_it(validator):
    handle, seen, faults = Emulator.handle, set(), []

    def handle_emptied(self: Emulator, request: Request):
        found = find_operation(request.method, request.path)
        if request.method == "POST" and found and found[0] in ROUTES and "/v2/" not in request.path:
            names = frozenset(name for name, _ in parse_qsl(request.body.decode("latin-1")))
            if (found[0], names) not in seen:
                seen.add((found[0], names))
                faults.extend(faults_of(self, request, found[0]))
        return handle(self, request)

    def faults_of(emulator: Emulator, request: Request, operation: str) -> Iterator[str]:
        clean = emulator.store._connection.serialize()
        for sent in with_empty_values(request, operation):
            with restored(emulator, clean):
                try:
                    response = handle(emulator, sent)
                    check_response(response)
                except Exception as error:
                    yield f"{operation} {sent.body!r}: {type(error).__name__} {error}"
                    continue
            if response.status == 200:
                validator.check_response("POST", request.path, 200, response.body)

    with pytest.MonkeyPatch.context() as patch, closing(Emulator(wall=lambda: NOW)) as emulator:
        patch.setattr(Emulator, "handle", handle_emptied)
        visit_every_route(client_of(emulator), emulator)

    assert faults == []
    validator.raise_faults()
