"""Serves an emulator over HTTP, with the standard library only."""

from __future__ import annotations

import logging
import select
import socket
import sys
import time
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from django_checkout.emulator.api.resources.command_line import SUBSCRIBE
from django_checkout.emulator.emulator import Emulator
from django_checkout.emulator.messages import DroppedError, Request, Response
from django_checkout.emulator.webhooks.listening import PROTOCOL, UNKNOWN_ID
from django_checkout.emulator.webhooks.webhook_sender import is_address, is_localhost
from django_checkout.emulator.websocket import WebSocket, accept_key

logger = logging.getLogger("django_checkout.emulator")

MAX_BODY_BYTES = 20 * 1024 * 1024
MAX_LENGTH_DIGITS = 20
HANG_POLL_SECONDS = 0.1


class RefusedError(Exception):
    """The request does not reach the emulator. The response has this status, and its connection is closed."""

    def __init__(self, status: int, message: str | None = None, explanation: str | None = None) -> None:
        super().__init__(status)
        self.status, self.message, self.explanation = status, message, explanation


class EmulatorServer(ThreadingHTTPServer):
    """An HTTP server for one emulator, with one thread per connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], emulator: Emulator, *, allowed_hosts: Collection[str] = ()) -> None:
        super().__init__(address, HttpHandler)
        self.emulator = emulator
        self.is_closing = False
        emulator.state.has_websockets = True
        self._allowed_hosts = frozenset(name.lower() for name in (*allowed_hosts, address[0]))

    @property
    def url(self) -> str:
        """The base URL of the server."""
        host, port = self.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def shutdown(self) -> None:
        """Stop serving, and end the connections that stay open."""
        self.is_closing = True
        super().shutdown()

    def server_close(self) -> None:
        """Close the socket, and end the connections that stay open."""
        self.is_closing = True
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Log an error of a connection. Clients may leave at any time."""
        is_gone = isinstance(sys.exception(), ConnectionError)
        logger.log(logging.DEBUG if is_gone else logging.ERROR, "A connection has ended.", exc_info=not is_gone)

    def is_allowed(self, host: str) -> bool:
        """Return whether a ``Host`` header is allowed. Other names are refused because of DNS rebinding."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_localhost(name) or is_address(name) or name in self._allowed_hosts


class HttpHandler(BaseHTTPRequestHandler):
    """Passes HTTP requests to the emulator."""

    protocol_version = "HTTP/1.1"
    server: EmulatorServer
    timeout = 60
    # A response is several small writes, which must not wait for acknowledgements.
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Any:
        """Pass every method to the emulator: the base class calls ``do_`` and the method's name."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log what the base class would print."""
        logger.debug(format, *args)

    def _answer(self) -> None:
        try:
            request = self._read()
        except RefusedError as refused:
            self.close_connection = True
            self.send_error(refused.status, refused.message, refused.explanation)
            return
        if request.path.startswith(SUBSCRIBE) and self.headers.get("Upgrade", "").lower() == "websocket":
            self._listen()
            return
        try:
            answer = self.server.emulator.handle(request)
        except DroppedError as error:
            if error.timeout:
                self._hang()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        except Exception:
            # A closed connection would look like a fault of the network.
            logger.exception("The emulator failed at %s %s.", self.command, request.path)
            message = "The emulator failed; its log has the traceback. Please report it."
            answer = Response.from_json(500, {"error": {"message": message, "type": "api_error"}})
        logger.info("%s %s %s", self.command, request.path, answer.status)
        self._send(answer)

    def _read(self) -> Request:
        """Return the whole request, or raise ``RefusedError``. A request that is cut off must not be performed."""
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdecimal()):
            raise RefusedError(400)
        if len(length) > MAX_LENGTH_DIGITS or int(length) > MAX_BODY_BYTES:
            raise RefusedError(413)
        if "Transfer-Encoding" in self.headers:
            raise RefusedError(411)
        try:
            url = urlsplit(self.path)
        except ValueError:
            raise RefusedError(400) from None
        host = self.headers.get("Host") or urlsplit(self.server.url).netloc
        if not self.server.is_allowed(host):
            raise RefusedError(403, "Host not allowed", "Start the emulator with --allowed-host and this name.")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise RefusedError(400)
        return Request(
            method="GET" if self.command == "HEAD" else self.command,
            base_url=f"http://{host}",
            path="/control/" if url.path == "/" else url.path,
            query=url.query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )

    def _send(self, answer: Response) -> None:
        # Not send_response: it would add the date of the system clock to the API's.
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Date" not in answer.headers:
            self.send_header("Date", self.date_time_string())
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _listen(self) -> None:
        """Answer the handshake of Stripe's command line, and send it events until it leaves."""
        self.close_connection = True
        listening = self.server.emulator.listening
        session = listening.find(self.headers.get("Websocket-Id", ""))
        key = self.headers.get("Sec-WebSocket-Key")
        if session is None or not key:
            self._send(Response.from_json(401, {"error": {"message": UNKNOWN_ID}}))
            return
        self.send_response_only(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept_key(key))
        self.send_header("Sec-WebSocket-Protocol", PROTOCOL)
        self.end_headers()
        logger.info("The command line listens.")
        listening.serve(session, WebSocket(self.connection), lambda: self.server.is_closing)

    def _hang(self) -> None:
        """Do not answer until the client gives up, the incident ends or the timeout of a connection passes."""
        incidents, deadline = self.server.emulator.incidents, time.monotonic() + self.timeout
        is_hanging = incidents.outage == "hang"
        while time.monotonic() < deadline and (not is_hanging or incidents.outage == "hang"):
            if select.select([self.connection], [], [], HANG_POLL_SECONDS)[0]:
                return
