"""Posts events to a server and prints how fast it responded, as JSON: ``python -m tests.benchmarks.load``.

It runs as a process of its own, imports neither Django nor this app, and posts each event of a file once, over a new
connection, as a proxy does. Some connections wait at a time.
"""

from __future__ import annotations

import argparse
import hmac
import json
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path


def main() -> None:
    """Post the events and print the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("file", type=Path, help="a JSON list of bodies")
    parser.add_argument("--secret", default="")
    parser.add_argument("--get", action="store_true", help="the file is a list of paths to get")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=120, help="stop after this time (default: %(default)s)")
    options = parser.parse_args()
    bodies = json.loads(options.file.read_text())
    if options.get:
        requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode() for path in bodies]
    else:
        requests = [_request(options.path, body.encode(), options.secret) for body in bodies]
    json.dump(post(options.port, requests, options.connections, options.seconds), sys.stdout)


def post(port: int, requests: list[bytes], connections: int, seconds: float) -> dict[str, object]:
    """Post the requests in their order; return the statuses and, in seconds, how long they and all of it took."""
    waiting = iter(requests)
    lock = threading.Lock()
    statuses: Counter[int] = Counter()
    taken: list[float] = []
    began = time.perf_counter()

    def work() -> None:
        while time.perf_counter() - began < seconds:
            with lock:
                request = next(waiting, None)
            if request is None:
                return
            started = time.perf_counter()
            status = _send(port, request)
            ended = time.perf_counter()
            with lock:
                statuses[status] += 1
                taken.append(ended - started)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"seconds": time.perf_counter() - began, "statuses": statuses, "taken": sorted(taken)}


def _request(path: str, body: bytes, secret: str) -> bytes:
    now = int(time.time())
    signature = hmac.new(secret.encode(), b"%d." % now + body, "sha256").hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nStripe-Signature: t={now},v1={signature}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _send(port: int, request: bytes) -> int:
    """Return the status of the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        response = b""
        while part := connection.recv(65536):
            response += part
    return int(response[9:12] or 0)


if __name__ == "__main__":
    main()
