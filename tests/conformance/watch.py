"""Puts the judge between the stripe library and the emulator, and beside the emulator's events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from django_checkout.emulator import Emulator, Request, Response
from django_checkout.emulator.messages import API_VERSION
from django_checkout.emulator.world import World
from tests.conformance.judge import Judge

VERSION_HEADER = "stripe-version"


@contextmanager
def watching(judge: Judge, *, refused_too: bool) -> Iterator[Judge]:
    """Judge every call of the API, over whichever transport, and every event, of all emulators.

    Without ``refused_too``, what the emulator refused is left out, and calls of other versions too: tests of the
    emulator send both on purpose, and by hand.
    """
    handle, emit = Emulator.handle, World.emit

    def handle_judged(self: Emulator, request: Request) -> Response:
        version = request.headers.get(VERSION_HEADER, API_VERSION)
        if not request.path.startswith("/v1/") or (version != API_VERSION and not refused_too):
            return handle(self, request)
        # The path alone: an emulator that a site serves stands under a path of that site.
        method, url = request.method, f"{request.path}?{request.query}"
        if refused_too:
            judge.judge_request(method, url, request.headers, request.body)
        response = handle(self, request)
        if not refused_too and response.status == 200:
            judge.judge_request(method, url, {VERSION_HEADER: API_VERSION, **request.headers}, request.body)
        if refused_too or response.status == 200 or judge.knows(method, url):
            judge.judge_response(method, url, response.status, response.body)
        return response

    def emit_judged(self: World, *args: Any, **options: Any) -> Mapping[str, Any]:
        event = emit(self, *args, **options)
        judge.judge_event({name: value for name, value in event.items() if not name.startswith("_")})
        return event

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Emulator, "handle", handle_judged)
        patch.setattr(World, "emit", emit_judged)
        yield judge
