"""A Stripe that accepts connections, reads requests and never responds, and a site with a fixed number of threads."""

from __future__ import annotations

import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

#: How long ``DrippingStripe`` waits before each byte.
DRIP_SECONDS = 0.2


class SilentStripe(socketserver.ThreadingTCPServer):
    """Never responds until ``release`` closes every connection; ``asked`` counts the requests."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Listener)
        self.asked = threading.Semaphore(0)
        self.number_asked = 0
        self._released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def release(self):
        self._released.set()

    def note(self):
        self.number_asked += 1
        self.asked.release()

    def wait(self):
        self._released.wait(300)


class _Listener(socketserver.BaseRequestHandler):
    def handle(self):
        if self.request.recv(65536):
            self.server.note()
            self.server.wait()


class DrippingStripe(socketserver.ThreadingTCPServer):
    """Responds one byte at a time, in its headers or its body, and never ends; ``sent`` counts the bytes."""

    daemon_threads = True

    def __init__(self, *, head=b"HTTP/1.1 200 OK\r\n"):
        super().__init__(("127.0.0.1", 0), _Dripper)
        self.head, self.sent = head, 0
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Dripper(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(65536)
        with suppress(OSError):
            self.request.sendall(self.server.head)
            while not self.server.released.wait(DRIP_SECONDS):
                self.request.sendall(b"a")
                self.server.sent += 1


class PooledSite(WSGIServer):
    """Serves a WSGI application with a fixed number of threads, as a worker of an application server does."""

    request_queue_size = 128

    def __init__(self, application, *, threads):
        super().__init__(("127.0.0.1", 0), _QuietHandler)
        self.set_app(application)
        self._pool = ThreadPoolExecutor(threads)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request, client_address):
        self._pool.submit(self._process, request, client_address)

    def _process(self, request, client_address):
        try:
            self.finish_request(request, client_address)
        finally:
            self.shutdown_request(request)

    def server_close(self):
        super().server_close()
        self._pool.shutdown()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format, *args):  # noqa: A002  # the base class's name
        pass
