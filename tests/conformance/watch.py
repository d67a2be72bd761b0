"""Puts the judge between the stripe library and the emulator, and beside the emulator's events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from django_checkout.emulator import Emulator, Request, Response
from django_checkout.emulator.world import World
from tests.conformance.judge import Judge


@contextmanager
def watching(judge: Judge, *, refused_too: bool) -> Iterator[Judge]:
    """Judge every call of the API, over whichever transport, and every event, of all emulators.

    A request that the emulator refused is judged only where ``refused_too``: tests of refusals send bad ones.
    """
    handle, emit = Emulator.handle, World.emit

    def handle_judged(self: Emulator, request: Request) -> Response:
        is_api = request.path.startswith("/v1/")
        url = f"{request.base_url}{request.path}?{request.query}"
        if is_api and refused_too:
            judge.judge_request(request.method, url, request.headers, request.body)
        response = handle(self, request)
        if is_api:
            if not refused_too and response.status == 200:
                judge.judge_request(request.method, url, request.headers, request.body)
            judge.judge_response(request.method, url, response.status, response.body)
        return response

    def emit_judged(self: World, *args: Any, **options: Any) -> Mapping[str, Any]:
        event = emit(self, *args, **options)
        judge.judge_event({name: value for name, value in event.items() if not name.startswith("_")})
        return event

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Emulator, "handle", handle_judged)
        patch.setattr(World, "emit", emit_judged)
        yield judge
