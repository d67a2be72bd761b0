"""A shop in another origin, which buys through the JSON API of the demo from its own server."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

FOLDER = Path(__file__).parent
APP = "teashop://return"
TYPES = {".html": "text/html", ".js": "text/javascript"}
POLICY = (
    "default-src 'none'; script-src 'self' {site}; frame-src {site}; connect-src 'self' {site}; "
    "style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
)


class Handler(BaseHTTPRequestHandler):
    """Serves the files of this folder, and remembers what a browser asked for with which referrer."""

    server: Elsewhere

    def do_GET(self) -> None:
        """Send a file."""
        name = self.path.partition("?")[0].strip("/") or "shop.html"
        file = FOLDER / (name if "." in name else f"{name}.html")
        self.server.asked.append((self.path, self.headers.get("Referer", "")))
        body = file.read_text().replace("{script}", self.server.script).encode() if file.is_file() else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", f"{TYPES.get(file.suffix, 'text/plain')}; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY.format(site=self.server.site))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


class Elsewhere(ThreadingHTTPServer):
    """The shop; its host has another name than the demo's, so that it is another site too."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server_address[1]}"
        self.site = self.script = ""
        self.asked: list[tuple[str, str]] = []

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, token: str = "") -> dict[str, Any]:
        """Call the demo's API."""
        headers = {"Content-Type": "application/json", "Checkout-Token": token}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.site}/api/orders/{path}", data, headers, method=method)) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
        return answer

    def buy(self, ui_mode: str, return_url: str = "") -> dict[str, Any]:
        """Place an order and start a session; return the order's reference and token, the session, and its page."""
        lines = [{"sku": "moon-teapot", "quantity": 2}]
        order = self.ask("POST", "", {"lines": lines, "currency": "eur", "email": "guest@example.com"})
        path, token = f"{order['reference']}/", order["token"]
        started = {"ui_mode": ui_mode, "return_url": return_url or f"{self.url}/done?cart=7#/end"}
        session = self.ask("POST", f"{path}sessions/", started, token)
        url = session["url"]
        if ui_mode != "hosted_page":
            keys = self.ask("GET", f"{path}sessions/{session['id']}/client-secret/", token=token)
            self.script = keys["stripe_js_url"]
            ui = ui_mode.removesuffix("_page")
            shown = {"ui": ui, "key": keys["publishable_key"], "secret": keys["client_secret"]}
            url = f"{self.url}/?{urlencode(shown)}"
        if ui_mode == "elements":
            address = {"country": "DE", "line1": "4 Quay Lane", "postal_code": "20457", "city": "Hamburg"}
            self.ask("POST", f"{path}shipping/", {"name": "A Guest", "address": address}, token)
        return {"reference": order["reference"], "token": token, "session": session, "url": url}
