"""A shop's page on one origin and the emulator on another, in headless Chromium, under a strict policy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe
from playwright.sync_api import Frame, Page

from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from tests.browser.conftest import (
    SCREENS,
    base_url,
    browser,
    browser_type,
    browser_type_launch_args,
    complaints,
    launch_browser,
    playwright,
    screen,
)
from tests.emulator.conftest import client_of

__all__ = [
    "base_url",
    "browser",
    "browser_type",
    "browser_type_launch_args",
    "complaints",
    "launch_browser",
    "playwright",
    "screen",
]

UNTIL_SECONDS = 10
PAGES = Path(__file__).parent / "pages"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self' {emulator}; frame-src {emulator}; connect-src 'self' {emulator}; "
    "style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def until(page: Page | Frame, expression: str) -> None:
    """Wait until an expression is true; Playwright's own waiting is refused by the policy of the page."""
    deadline = time.monotonic() + UNTIL_SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"{expression} did not come true"
        page.wait_for_timeout(50)


class ShopHandler(BaseHTTPRequestHandler):
    """Serves the files of ``pages/``; the address after the last slash may be anything."""

    server: ShopServer

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        file = PAGES / name if (PAGES / name).is_file() else PAGES / "shop.html"
        body = file.read_text().replace("{emulator}", self.server.emulator_url).encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{TYPES[file.suffix]}; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY.format(emulator=self.server.emulator_url))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class ShopServer(ThreadingHTTPServer):
    """The shop."""

    daemon_threads = True

    def __init__(self, emulator_url: str) -> None:
        super().__init__(("127.0.0.1", 0), ShopHandler)
        self.emulator_url = emulator_url
        self.url = f"http://localhost:{self.server_address[1]}"


def serving(server: ThreadingHTTPServer) -> Iterator[Any]:
    """Serve until the test ends."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def emulator_server(emulator: Emulator) -> Iterator[EmulatorServer]:
    """The emulator on a port."""
    yield from serving(EmulatorServer(("127.0.0.1", 0), emulator))


@pytest.fixture
def shop(emulator_server: EmulatorServer) -> Iterator[ShopServer]:
    """The shop on another origin."""
    yield from serving(ShopServer(emulator_server.url))


@pytest.fixture
def client(emulator: Emulator, emulator_server: EmulatorServer) -> stripe.StripeClient:
    """The real library; the emulator's addresses are those that the browser reaches."""
    client = client_of(emulator)
    return stripe.StripeClient(
        "sk_test_tests",
        stripe_version="2026-08-26.dahlia",
        http_client=client._requestor._get_http_client(),
        base_addresses={"api": emulator_server.url},
    )


@pytest.fixture
def browser_context_args(screen: str) -> dict[str, Any]:
    """Every test is a desktop's and a phone's."""
    return {"viewport": SCREENS[screen], "locale": "en-GB"}


@pytest.fixture
def open_shop(page: Page, shop: ShopServer) -> Callable[[str], Page]:
    """Open the shop's checkout with a client secret in its address; the script waits for tests to use it."""

    def opened(client_secret: str) -> Page:
        page.goto(f"{shop.url}/checkout/?client_secret={client_secret}")
        return page

    return opened
