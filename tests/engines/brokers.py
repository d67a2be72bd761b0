"""Brokers of a test's own, which can be stopped: a Redis server, or a proxy in front of the machine's RabbitMQ."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress

RABBITMQ = ("127.0.0.1", 5672)
TIMEOUT_SECONDS = 20


def choose_url(engine: str) -> str:
    """Return a URL with a free port for the broker of an engine."""
    if engine == "database":
        return ""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    is_rabbitmq = engine == "celery-rabbitmq"
    return f"amqp://guest:guest@127.0.0.1:{port}//" if is_rabbitmq else f"redis://127.0.0.1:{port}/0"


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline, f"nothing listens on {port}"
        time.sleep(0.05)


class Redis:
    """A server that stores nothing on disk: when it stops, all tasks are lost."""

    def __init__(self, port: int):
        self.port = port
        self.folder = tempfile.mkdtemp(prefix="engines-redis-")

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  # a fixed command line
        wait_for_port(self.port)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT_SECONDS)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


class Proxy:
    """Forwards a port to RabbitMQ; when it stops, all its connections end and none is accepted."""

    def __init__(self, port: int):
        self.port = port
        self.open: list[socket.socket] = []

    def start(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=50)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self) -> None:
        # Wakes the thread that accepts, which close() does not.
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    close = stop

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(RABBITMQ, TIMEOUT_SECONDS)
            server.settimeout(None)
            self.open += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while received := source.recv(65536):
                target.sendall(received)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
