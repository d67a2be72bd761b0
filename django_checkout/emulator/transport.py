"""Connects the real ``stripe`` library to an emulator in the same process, without sockets.

``stripe.StripeClient(key, http_client=stripe.RequestsClient(session=requests_session(emulator)))``
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from typing import TYPE_CHECKING

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from django_checkout.emulator.messages import DroppedError, Request

if TYPE_CHECKING:
    import httpx

    from django_checkout.emulator.emulator import Emulator


class EmulatorAdapter(BaseAdapter):
    """A transport adapter of ``requests`` that sends requests to an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self._emulator = emulator

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Return the emulator's response, or raise the error of ``requests`` for a dropped response."""
        body = request.body or b""
        sent = Request.from_url(
            request.method or "GET",
            request.url or "",
            headers={str(name): _text(value) for name, value in request.headers.items()},
            body=body.encode() if isinstance(body, str) else bytes(body),
        )
        try:
            answer = self._emulator.handle(sent)
        except DroppedError as error:
            if error.timeout:
                raise requests.exceptions.ReadTimeout("the emulator did not answer", request=request) from error
            raise requests.exceptions.ConnectionError("the emulator closed the connection", request=request) from error
        response = requests.Response()
        response.status_code = answer.status
        response.reason = http.client.responses.get(answer.status, "")
        response.headers = CaseInsensitiveDict(answer.headers)
        response.url = request.url or ""
        response.request = request
        response.encoding = "utf-8"
        response._content = answer.body
        return response

    def close(self) -> None:
        """Do nothing: no connection is open."""


def async_transport(emulator: Emulator) -> httpx.AsyncBaseTransport:
    """Return a transport of ``httpx`` that sends every request to the emulator, in a thread."""
    import httpx

    async def answer(request: httpx.Request) -> httpx.Response:
        sent = Request.from_url(
            request.method, str(request.url), headers=dict(request.headers), body=await request.aread()
        )
        try:
            received = await asyncio.to_thread(emulator.handle, sent)
        except DroppedError as error:
            failed = httpx.ReadTimeout if error.timeout else httpx.RemoteProtocolError
            raise failed("the emulator did not answer", request=request) from error
        return httpx.Response(received.status, headers=dict(received.headers), content=received.body)

    return httpx.MockTransport(answer)


def requests_session(emulator: Emulator) -> requests.Session:
    """Return a session that sends every request to the emulator."""
    session = requests.Session()
    session.trust_env = False
    adapter = EmulatorAdapter(emulator)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
