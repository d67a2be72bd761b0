"""`manage.py demo --check`: one whole purchase over real sockets, step by step, in a shop made for it."""

from __future__ import annotations

import os
import quopri
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from django.core.management import CommandError
from django.core.management.base import OutputWrapper

from example_project.shop.html import Element, parse
from example_project.shop.management.commands.demo import ADMIN, HOST, PASSWORD

T = TypeVar("T")

#: The folder of manage.py.
ROOT = Path(__file__).resolve().parents[2]
CARD = {"card_number": "4242 4242 4242 4242", "card_expiry": "12 / 34", "card_cvc": "123"}
PARCEL = {
    "shipping_name": "Demo Check",
    "shipping_line1": "4 Quay Lane",
    "shipping_postal_code": "20457",
    "shipping_city": "Hamburg",
    "shipping_country": "DE",
}
START_SECONDS = 90
WAIT_SECONDS = 15
REQUEST_SECONDS = 15
#: What the timeline of a purchase must tell: how the news came, and what it led to.
EVENT = "checkout.session.completed"


class StepError(Exception):
    """A step of the purchase did not go as it should."""


class Visitor:
    """A browser without a screen: it keeps cookies, follows redirects, and sends the forms that it is shown."""

    def __init__(self, base_url: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Accept-Language"] = "en"
        self.url = base_url
        self.page = Element("document")

    def get(self, address: str) -> Element:
        return self._take(self.session.get(urljoin(self.url, address), timeout=REQUEST_SECONDS))

    def submit(self, form: Element, **values: str) -> Element:
        """Send a form as it stands on the page, with `values` typed into it."""
        address = urljoin(self.url, form.attributes.get("action", ""))
        fields = {**form.fields, **values}
        if form.attributes.get("method", "get").lower() == "get":
            return self._take(self.session.get(address, params=fields, timeout=REQUEST_SECONDS))
        headers = {"Referer": self.url, "Origin": "{0.scheme}://{0.netloc}".format(urlsplit(self.url))}
        return self._take(self.session.post(address, fields, headers=headers, timeout=REQUEST_SECONDS))

    def form(self, action: str) -> Element:
        """Return the form on the page whose address matches."""
        for form in self.page.find_all("form"):
            if re.search(action, urljoin(self.url, form.attributes.get("action", ""))):
                return form
        raise StepError(f"{self.url} shows no form to {action}.")

    def _take(self, response: requests.Response) -> Element:
        if not response.ok:
            title = parse(response.text).find("title")
            said = f": {''.join(str(part) for part in title.children).strip()}" if title else ""
            raise StepError(f"{response.request.method} {response.url} answered {response.status_code}{said}")
        self.url, self.page = response.url, parse(response.text)
        return self.page


class Purchase:
    """The steps, in order. Each leaves what the next one needs."""

    def __init__(self, base_url: str, log: Path) -> None:
        self.base_url = base_url
        self.log = log
        self.shopper = Visitor(base_url)
        self.number = ""
        self.timeline: list[str] = []

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        return [
            ("put a product from the catalogue into the cart", self.fill_cart),
            ("check out as a guest", self.check_out),
            ("start the payment", self.start),
            ("pay on the payment page", self.pay),
            ("come back to the shop, paid", self.come_back),
            ("find the order paid in the shop", self.see_order),
            ("follow the link in the confirmation mail", self.read_mail),
            ("read the timeline in the admin", self.read_timeline),
        ]

    def fill_cart(self) -> None:
        self.shopper.get("/")
        product = self.shopper.page.find_class("product-card")
        link = product.find("a") if product else None
        if link is None:
            raise StepError("The catalogue shows no product.")
        self.shopper.get(link.attributes["href"])
        self.shopper.submit(self.shopper.form("/cart/add/"), quantity="2")
        if self.shopper.page.find_class("line") is None:
            raise StepError("The cart is empty.")

    def check_out(self) -> None:
        self.shopper.get("/cart/checkout/")
        self.shopper.submit(self.shopper.form("/cart/checkout/"), email="check@example.com", name="Demo Check")
        self.number = self.shopper.url.rstrip("/").split("/")[-2]

    def start(self) -> None:
        self.shopper.submit(self.shopper.form("/checkout/start/"))
        if "/emulator/" not in self.shopper.url:
            raise StepError(f"The payment did not lead to the emulator's page but to {self.shopper.url}")

    def pay(self) -> None:
        self.shopper.submit(self.shopper.form("/emulator/pay/"), **CARD, **PARCEL)
        if "/checkout/return/" not in self.shopper.url:
            alert = self.shopper.page.find("*", role="alert")
            raise StepError(f"The payment page did not let go: {alert.text if alert else self.shopper.url}")

    def come_back(self) -> None:
        def paid() -> bool:
            return self.shopper.get(self.shopper.url).find_class("checkout-outcome-paid") is not None

        _wait_for(paid, f"{self.shopper.url} does not say paid")

    def see_order(self) -> None:
        self.shopper.get(f"/orders/{self.number}/")
        badge = self.shopper.page.find_class("paid")
        if badge is None:
            raise StepError(f"{self.shopper.url} does not show the order as paid.")

    def read_mail(self) -> None:
        pattern = re.compile(re.escape(self.base_url) + r"/orders/open/\S+")
        link = _wait_for(lambda: pattern.search(self._printed()), "no confirmation mail was sent")
        reader = Visitor(self.base_url)
        if self.number not in reader.get(link.group()).text:
            raise StepError("The link in the mail does not show the order.")

    def _printed(self) -> str:
        """Return what the server printed, mails included; since Django 6.0 they are quoted-printable (RFC 2045)."""
        printed = self.log.read_bytes()
        if b"Content-Transfer-Encoding: quoted-printable" in printed:
            printed = quopri.decodestring(printed)
        return printed.decode(errors="replace")

    def read_timeline(self) -> None:
        merchant = Visitor(self.base_url)
        merchant.get("/admin/login/?next=/admin/django_checkout/order/")
        merchant.submit(merchant.form("/admin/login/"), username=str(ADMIN["username"]), password=PASSWORD)
        merchant.get(f"/admin/django_checkout/order/?q={self.number}")
        links = [link.attributes.get("href", "") for link in merchant.page.find_all("a")]
        link = next((link for link in links if re.search(r"/admin/django_checkout/order/[^/]+/change/", link)), "")
        if not link:
            raise StepError(f"The admin does not list order {self.number}.")

        def complete() -> bool:
            timeline = merchant.get(link).find("*", id="checkout-timeline")
            self.timeline = [item.text for item in timeline.find_all("li")] if timeline else []
            return any(EVENT in entry for entry in self.timeline)

        _wait_for(complete, f"the timeline at {urljoin(merchant.url, link)} does not tell of {EVENT}")


def _wait_for(found: Callable[[], T | None], otherwise: str) -> T:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        result = found()
        if result:
            return result
        if time.monotonic() > deadline:
            raise StepError(f"After {WAIT_SECONDS} seconds {otherwise}.")
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(base_url: str, folder: Path) -> dict[str, str]:
    """Return the environment of the shop under check: nothing of it reaches this project's data or Stripe's account."""
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
        "STRIPE_JS_URL": f"{base_url}/emulator/stripe.js",
        "STRIPE_SECRET_KEY": "sk_test_emulator",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_emulator",
        "STRIPE_WEBHOOK_SECRETS": "whsec_emulator",
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def served(base_url: str, folder: Path, log: Path, **environment: str) -> Iterator[None]:
    """Serve the demo from a child process until the block ends, however it ends; ``environment`` changes its own."""
    command = [sys.executable, str(ROOT / "manage.py"), "demo", "--until-stdin-closes"]
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 (our own command)
            [*command, "--port", base_url.rpartition(":")[2]],
            cwd=ROOT,
            env={**_environment(base_url, folder), **environment},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_open(server, base_url)
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


def _wait_until_open(server: subprocess.Popen[bytes], base_url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise StepError(f"The server ended with exit code {server.returncode}.")
        try:
            with requests.Session() as session:
                session.trust_env = False
                if session.get(base_url, timeout=REQUEST_SECONDS).ok:
                    return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise StepError(f"The server does not answer at {base_url} after {START_SECONDS} seconds.")


def _on_sigterm(*_: Any) -> NoReturn:
    raise SystemExit(143)


def run(output: OutputWrapper) -> None:
    """Make the purchase and print its timeline.

    Raises:
        CommandError: a step failed; the message names it, and the server's last words precede it.
    """
    before = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        _run(output)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(output: OutputWrapper) -> None:
    base_url = f"http://{HOST}:{free_port()}"
    step = "start the demo server"
    with tempfile.TemporaryDirectory(prefix="checkout-demo-") as name:
        log = Path(name) / "server.log"
        try:
            output.write(f"{step} at {base_url}")
            with served(base_url, Path(name), log):
                purchase = Purchase(base_url, log)
                for step, act in purchase.steps():
                    output.write(step)
                    act()
        except (StepError, requests.RequestException) as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
            output.write(f"\nThe server's last words:\n{tail}\n")
            raise CommandError(f"The demo's check failed at the step: {step}. {error}") from error
    output.write(f"\nOrder {purchase.number} is paid. Its timeline, as the admin shows it:\n")
    output.write("\n".join(f"  {entry}" for entry in purchase.timeline))
