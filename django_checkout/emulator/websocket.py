"""The server's side of a WebSocket connection, https://www.rfc-editor.org/rfc/rfc6455, without extensions."""

from __future__ import annotations

import base64
import hashlib
import select
import socket

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10
FINAL = MASKED = 0x80
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 65536


class ClosedError(Exception):
    """The client has closed the connection, or sent what the protocol does not allow."""


def accept_key(key: str) -> str:
    """Return the ``Sec-WebSocket-Accept`` for a ``Sec-WebSocket-Key``."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()).decode()


class WebSocket:
    """Messages over a connection whose handshake is done. One thread may use it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = bytearray()
        self._message = bytearray()

    def send(self, text: str) -> None:
        """Send a message. Raises ``ClosedError``."""
        self._send(TEXT, text.encode())

    def receive(self, seconds: float) -> list[str]:
        """Return the messages that arrive, and wait for one at most this long. Raises ``ClosedError``."""
        try:
            if not select.select([self._connection], [], [], seconds)[0]:
                return []
            chunk = self._connection.recv(CHUNK_BYTES)
        except (OSError, ValueError) as error:
            raise ClosedError from error
        if not chunk:
            raise ClosedError
        self._received += chunk
        found = []
        while (frame := self._next_frame()) is not None:
            if (message := self._handle(*frame)) is not None:
                found.append(message)
        return found

    def close(self) -> None:
        """Tell the client that the server goes away."""
        try:
            self._send(CLOSE, (1001).to_bytes(2, "big"))
        except ClosedError:
            return

    def _handle(self, first: int, payload: bytes) -> str | None:
        """Answer a control frame, or return the message that the frame completes."""
        kind = first & 0x0F
        if kind == PING:
            self._send(PONG, payload)
        elif kind in (TEXT, CONTINUATION):
            self._message += payload
            if len(self._message) > MAX_MESSAGE_BYTES:
                raise ClosedError
            if first & FINAL:
                text = self._message.decode(errors="replace")
                self._message.clear()
                return text
        elif kind != PONG:
            raise ClosedError
        return None

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Return the first byte and the payload of the next complete frame. Frames of clients are masked."""
        data = self._received
        if len(data) < 2:
            return None
        if not data[1] & MASKED:
            raise ClosedError
        length, start = data[1] & 0x7F, 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(data[2:start], "big")
        end = start + 4 + length
        if length > MAX_MESSAGE_BYTES:
            raise ClosedError
        if len(data) < end:
            return None
        mask = (data[start : start + 4] * (length // 4 + 1))[:length]
        plain = int.from_bytes(mask, "big") ^ int.from_bytes(data[start + 4 : end], "big")
        first = data[0]
        del data[:end]
        return first, plain.to_bytes(length, "big")

    def _send(self, kind: int, payload: bytes) -> None:
        length = len(payload)
        if length < 126:
            head = bytes([FINAL | kind, length])
        elif length < 1 << 16:
            head = bytes([FINAL | kind, 126]) + length.to_bytes(2, "big")
        else:
            head = bytes([FINAL | kind, 127]) + length.to_bytes(8, "big")
        try:
            self._connection.sendall(head + payload)
        except OSError as error:
            raise ClosedError from error
