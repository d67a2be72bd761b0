"""Serves an emulator over HTTP, with the standard library only."""

from __future__ import annotations

import logging
import select
import socket
import time
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from django_checkout.emulator.emulator import Emulator
from django_checkout.emulator.messages import DroppedError, Request
from django_checkout.emulator.webhooks.webhook_sender import is_address, is_localhost

logger = logging.getLogger("django_checkout.emulator")

MAX_BODY_BYTES = 4 * 1024 * 1024
HANG_POLL_SECONDS = 0.1


class EmulatorServer(ThreadingHTTPServer):
    """An HTTP server for one emulator, with one thread per connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], emulator: Emulator, *, allowed_hosts: Collection[str] = ()) -> None:
        super().__init__(address, HttpHandler)
        self.emulator = emulator
        self._allowed_hosts = frozenset(name.lower() for name in (*allowed_hosts, address[0]))

    @property
    def url(self) -> str:
        """The base URL of the server."""
        host, port = self.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

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

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log what the base class would print."""
        logger.debug(format, *args)

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self.send_error(413 if length.isdigit() else 400)
            return
        url = urlsplit(self.path)
        host = self.headers.get("Host") or urlsplit(self.server.url).netloc
        if not self.server.is_allowed(host):
            self.close_connection = True
            self.send_error(403, "Host not allowed", "Start the emulator with --allowed-host and this name.")
            return
        request = Request(
            method="GET" if self.command == "HEAD" else self.command,
            base_url=f"http://{host}",
            path="/control/" if url.path == "/" else url.path,
            query=url.query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )
        try:
            answer = self.server.emulator.handle(request)
        except DroppedError as error:
            if error.timeout:
                self._hang()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        logger.info("%s %s %s", self.command, url.path, answer.status)
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

    def _hang(self) -> None:
        """Do not answer until the client gives up, the incident ends or the timeout of a connection passes."""
        incidents, deadline = self.server.emulator.incidents, time.monotonic() + self.timeout
        is_hanging = incidents.outage == "hang"
        while time.monotonic() < deadline and (not is_hanging or incidents.outage == "hang"):
            if select.select([self.connection], [], [], HANG_POLL_SECONDS)[0]:
                return
