"""Lets the real ``stripe`` library talk to an emulator in the same process, without sockets.

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

from .messages import DroppedError, Request

if TYPE_CHECKING:
    import httpx

    from .emulator import Emulator


class EmulatorAdapter(BaseAdapter):
    """A transport adapter of ``requests`` that asks an emulator."""

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
        """Return the emulator's answer; a dropped one is the error that ``requests`` raises for it."""
        body = request.body or b""
        asked = Request.from_url(
            request.method or "GET",
            request.url or "",
            headers={str(name): _text(value) for name, value in request.headers.items()},
            body=body.encode() if isinstance(body, str) else bytes(body),
        )
        try:
            answer = self._emulator.handle(asked)
        except DroppedError as error:
            if error.timeout:
                raise requests.exceptions.ReadTimeout("the emulator did not answer", request=request) from error
            raise requests.exceptions.ConnectionError("the emulator hung up", request=request) from error
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
        """Nothing is held open."""


def async_transport(emulator: Emulator) -> httpx.AsyncBaseTransport:
    """Return a transport of ``httpx`` whose every request goes to the emulator, in a thread of its own."""
    import httpx

    async def answer(request: httpx.Request) -> httpx.Response:
        asked = Request.from_url(
            request.method, str(request.url), headers=dict(request.headers), body=await request.aread()
        )
        try:
            said = await asyncio.to_thread(emulator.handle, asked)
        except DroppedError as error:
            failed = httpx.ReadTimeout if error.timeout else httpx.RemoteProtocolError
            raise failed("the emulator did not answer", request=request) from error
        return httpx.Response(said.status, headers=dict(said.headers), content=said.body)

    return httpx.MockTransport(answer)


def requests_session(emulator: Emulator) -> requests.Session:
    """Return a session whose every request goes to the emulator."""
    session = requests.Session()
    session.trust_env = False
    adapter = EmulatorAdapter(emulator)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
