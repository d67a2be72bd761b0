"""Serves the demo from a child process, on a port of its own and with temporary data."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from django_checkout.api_versions import API_VERSIONS, stripe_js_url

HOST = "127.0.0.1"
#: The folder of manage.py.
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90
REQUEST_SECONDS = 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def environment(base_url: str, folder: Path) -> dict[str, str]:
    """Return environment variables that keep the demo away from this project's data and from any Stripe account."""
    version = os.environ.get("CHECKOUT_API_VERSION", API_VERSIONS[0])
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "DEBUG": "True",
        "SECRET_KEY": "",
        "HTTPS": "False",
        "SECURE_SSL_REDIRECT": "False",
        "ALLOWED_HOSTS": f"{HOST},localhost",
        "DATABASE_URL": f"sqlite:///{folder / 'shop.sqlite3'}",
        "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
        "CHECKOUT_BASE_URL": base_url,
        "CHECKOUT_EMULATOR": "True",
        "CHECKOUT_EMULATOR_STORE": str(folder / "emulator.sqlite3"),
        "STRIPE_API_BASE": f"{base_url}/emulator",
        "STRIPE_JS_URL": stripe_js_url(version, f"{base_url}/emulator"),
        "STRIPE_SECRET_KEY": "sk_test_emulator",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_emulator",
        "STRIPE_WEBHOOK_SECRETS": "whsec_emulator",
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def served(base_url: str, folder: Path, log: Path, **changes: str) -> Iterator[None]:
    """Serve the demo until the block ends, however it ends; ``changes`` are made to its environment.

    Raises:
        ConnectionError: the server does not start.
    """
    command = [sys.executable, str(ROOT / "manage.py"), "demo", "--until-stdin-closes"]
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 (our own command)
            [*command, "--port", base_url.rpartition(":")[2]],
            cwd=ROOT,
            env={**environment(base_url, folder), **changes},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_open(server, base_url)
            yield
        finally:
            server.terminate()
            try:
                server.wait(timeout=5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            if server.stdin:
                server.stdin.close()


def wait_until_open(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise ConnectionError(f"The server exited with code {server.returncode}.")
        try:
            with requests.Session() as session:
                session.trust_env = False
                if session.get(url, timeout=REQUEST_SECONDS).ok:
                    return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise ConnectionError(f"The server does not respond at {url} after {START_SECONDS} seconds.")
