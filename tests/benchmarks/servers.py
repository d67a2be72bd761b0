"""Serves a site with gunicorn, two sync workers, as a process of its own; tells what its workers consume."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
WORKERS = 2
SECRET = "whsec_tests"
_TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running gunicorn."""

    port: int
    pid: int

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def cpu_seconds(self) -> float:
        """Return the processor time of the workers."""
        return sum(cpu_seconds(pid) for pid in self.workers())

    def megabytes(self) -> float:
        """Return the resident memory of the largest worker."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers()]
        return max(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def serving(
    application: str,
    settings: str,
    *,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
    options: tuple[str, ...] = (),
) -> Iterator[Server]:
    """Serve a WSGI application on a free port until the block ends."""
    port = free_port()
    command = [python, "-m", "gunicorn", application, "--workers", str(WORKERS), "--bind", f"127.0.0.1:{port}"]
    command += ["--log-level", "warning", "--timeout", "600", *options]
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": settings, "PYTHONDEVMODE": "", **(environment or {})}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stderr=log)  # noqa: S603  # our own command
        try:
            _wait(process, port)
            yield Server(port=port, pid=process.pid)
        except Exception:
            log.seek(0)
            sys.stderr.buffer.write(log.read()[-20_000:])
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server responds; both workers have started when they are warmed up."""
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS) as connection:
                connection.sendall(b"GET /nothing/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                if connection.recv(12):
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"gunicorn did not start: {process.args!r}")


def load(server: Server, path: str, bodies: list[str], *, secret: str = SECRET, method: str = "POST") -> dict[str, Any]:
    """Post the events, or get the paths, from another process; return what ``tests.benchmarks.load`` prints."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(bodies, file)
        file.flush()
        command = [sys.executable, "-m", "tests.benchmarks.load", str(server.port), path, file.name]
        command += ["--get"] if method == "GET" else ["--secret", secret]
        found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    result: dict[str, Any] = json.loads(found.stdout)
    return result
