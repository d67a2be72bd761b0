"""A shop's page and the emulator on different origins, in headless Chromium, with a strict policy."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import stripe

from django_checkout.emulator.messages import API_VERSION
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
from tests.emulator.conftest import client_of, session_params
from tests.serving import serving

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

UNTIL_SECONDS = 60
PAGES = Path(__file__).parent / "pages"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self' {emulator}; frame-src {emulator}; connect-src 'self' {emulator}; "
    "style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def until(page, expression):
    """Wait until an expression is true. The policy of the page refuses Playwright's own waiting."""
    deadline = time.monotonic() + UNTIL_SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"{expression} did not become true"
        page.wait_for_timeout(50)


class ShopHandler(BaseHTTPRequestHandler):
    """Serves the files of ``pages/``, and ``shop.html`` for all other names."""

    server: ShopServer

    def do_GET(self):
        """Send a file."""
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

    def log_message(self, format, *args):  # noqa: A002 - the base class's name
        """Log nothing."""


class ShopServer(ThreadingHTTPServer):
    """The shop."""

    daemon_threads = True

    def __init__(self, emulator_url):
        super().__init__(("127.0.0.1", 0), ShopHandler)
        self.emulator_url = emulator_url
        self.url = f"http://localhost:{self.server_address[1]}"


@pytest.fixture
def emulator_server(emulator):
    """The emulator on a port."""
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
        yield server


@pytest.fixture
def shop(emulator_server):
    """The shop on another origin."""
    with serving(ShopServer(emulator_server.url)) as server:
        yield server


@pytest.fixture
def client(emulator, emulator_server):
    """The real library, with URLs that the browser can open."""
    client = client_of(emulator)
    return stripe.StripeClient(
        "sk_test_tests",
        stripe_version=API_VERSION,
        http_client=client._requestor._get_http_client(),
        base_addresses={"api": emulator_server.url},
    )


def create_session(client, shop, ui_mode, /, **params):
    """Create a session for the shop's page. A parameter that is None is left out."""
    parameters = session_params(ui_mode=ui_mode, return_url=f"{shop.url}/return/?id={{CHECKOUT_SESSION_ID}}")
    del parameters["success_url"], parameters["cancel_url"]
    parameters |= params
    return client.v1.checkout.sessions.create({k: v for k, v in parameters.items() if v is not None})


@pytest.fixture
def browser_context_args(screen):
    """Run every test with the screens of a desktop and a phone."""
    return {"viewport": SCREENS[screen], "locale": "en-GB"}


@pytest.fixture
def open_shop(page, shop):
    """Open the shop's checkout with a client secret in its URL. Tests call the script of the page."""

    def opened(client_secret):
        page.goto(f"{shop.url}/checkout/?client_secret={client_secret}")
        return page

    return opened
