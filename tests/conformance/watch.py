"""Validates the calls and events of all emulators."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from django_checkout.emulator import Emulator, Request, Response
from django_checkout.emulator.api.versions import shown
from django_checkout.emulator.messages import API_VERSION
from django_checkout.emulator.state.state import State
from tests.conformance.validator import Validator

VERSION_HEADER = "stripe-version"


@contextmanager
def watching(validator: Validator, *, refused_too: bool) -> Iterator[Validator]:
    """Check every API call, over any transport, and every event, of all emulators.

    Without ``refused_too``, refused calls, calls of other API versions and responses that an incident has cut off are
    skipped: tests of the emulator make them on purpose.
    """
    handle, emit = Emulator.handle, State.emit

    def handle_checked(self: Emulator, request: Request) -> Response:
        version = request.headers.get(VERSION_HEADER, API_VERSION)
        if not request.path.startswith("/v1/") or (version != API_VERSION and not refused_too):
            return handle(self, request)
        # Without the base URL: a site serves the emulator under a path of its own.
        method, url = request.method, f"{request.path}?{request.query}"
        if refused_too:
            validator.check_request(method, url, request.headers, request.body)
        response = handle(self, request)
        if not refused_too and _is_cut(response):
            return response
        if not refused_too and response.status == 200:
            validator.check_request(method, url, {VERSION_HEADER: API_VERSION, **request.headers}, request.body)
        if refused_too or response.status == 200 or validator.knows(method, url):
            validator.check_response(method, url, response.status, response.body)
        return response

    def emit_checked(self: State, *args: Any, **options: Any) -> Mapping[str, Any]:
        event = emit(self, *args, **options)
        validator.check_event(shown(event))
        return event

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Emulator, "handle", handle_checked)
        patch.setattr(State, "emit", emit_checked)
        yield validator


def _is_cut(response: Response) -> bool:
    try:
        json.loads(response.body)
    except ValueError:
        return True
    return False
