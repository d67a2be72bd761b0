"""`manage.py demo --check`: a complete purchase over real sockets, in a shop with temporary data."""

from __future__ import annotations

import quopri
import re
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from django.core.management import CommandError
from django.core.management.base import OutputWrapper

from example_project.shop.demo_accounts import ADMIN, PASSWORD
from example_project.shop.demo_server import HOST, REQUEST_SECONDS, free_port, served
from example_project.shop.html import Element, parse

T = TypeVar("T")

CARD = {"card_number": "4242 4242 4242 4242", "card_expiry": "12 / 34", "card_cvc": "123"}
PARCEL = {
    "shipping_name": "Demo Check",
    "shipping_line1": "4 Quay Lane",
    "shipping_postal_code": "20457",
    "shipping_city": "Hamburg",
    "shipping_country": "DE",
}
WAIT_SECONDS = 15
#: The event that the timeline of a purchase must show.
EVENT = "checkout.session.completed"


class StepError(Exception):
    """A step of the purchase failed."""


class Visitor:
    """A browser without a screen: it keeps cookies, follows redirects and submits forms."""

    def __init__(self, base_url: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Accept-Language"] = "en"
        self.url = base_url
        self.page = Element("document")

    def get(self, address: str) -> Element:
        return self._read(self.session.get(urljoin(self.url, address), timeout=REQUEST_SECONDS))

    def submit(self, form: Element, **values: str) -> Element:
        """Submit a form of the page with `values` filled in."""
        address = urljoin(self.url, form.attributes.get("action", ""))
        fields = {**form.fields, **values}
        if form.attributes.get("method", "get").lower() == "get":
            return self._read(self.session.get(address, params=fields, timeout=REQUEST_SECONDS))
        headers = {"Referer": self.url, "Origin": "{0.scheme}://{0.netloc}".format(urlsplit(self.url))}
        return self._read(self.session.post(address, fields, headers=headers, timeout=REQUEST_SECONDS))

    def form(self, action: str) -> Element:
        """Return the form of the page whose action matches a pattern."""
        for form in self.page.find_all("form"):
            if re.search(action, urljoin(self.url, form.attributes.get("action", ""))):
                return form
        raise StepError(f"{self.url} has no form with the action {action}.")

    def _read(self, response: requests.Response) -> Element:
        if not response.ok:
            title = parse(response.text).find("title")
            heading = f": {''.join(str(part) for part in title.children).strip()}" if title else ""
            raise StepError(f"{response.request.method} {response.url} answered {response.status_code}{heading}")
        self.url, self.page = response.url, parse(response.text)
        return self.page


class Purchase:
    """The steps of a purchase, in order; each needs the one before."""

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
            ("return to the shop, paid", self.return_to_shop),
            ("find the order paid in the shop", self.see_order),
            ("follow the link in the confirmation mail", self.read_mail),
            ("read the timeline in the admin", self.read_timeline),
        ]

    def fill_cart(self) -> None:
        self.shopper.get("/")
        product = self.shopper.page.find_class("product-card")
        link = product.find("a") if product else None
        if link is None:
            raise StepError("The catalogue has no products.")
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
            raise StepError(f"The payment led to {self.shopper.url}, not to the emulator's page.")

    def pay(self) -> None:
        self.shopper.submit(self.shopper.form("/emulator/pay/"), **CARD, **PARCEL)
        if "/checkout/return/" not in self.shopper.url:
            alert = self.shopper.page.find("*", role="alert")
            raise StepError(f"The payment page shows: {alert.text if alert else self.shopper.url}")

    def return_to_shop(self) -> None:
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
        """Return what the server printed, including mails; since Django 6.0 mails are quoted-printable (RFC 2045)."""
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

        _wait_for(complete, f"the timeline at {urljoin(merchant.url, link)} does not show {EVENT}")


def _wait_for(found: Callable[[], T | None], otherwise: str) -> T:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        result = found()
        if result:
            return result
        if time.monotonic() > deadline:
            raise StepError(f"After {WAIT_SECONDS} seconds {otherwise}.")
        time.sleep(0.2)


def _on_sigterm(*_: Any) -> NoReturn:
    raise SystemExit(143)


def run(output: OutputWrapper) -> None:
    """Make the purchase and print its timeline.

    Raises:
        CommandError: a step failed; the message names it, and the end of the server's log is printed before it.
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
        except (StepError, OSError) as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
            output.write(f"\nThe end of the server's log:\n{tail}\n")
            raise CommandError(f"The demo check failed at this step: {step}. {error}") from error
    output.write(f"\nOrder {purchase.number} is paid. Its timeline, as the admin shows it:\n")
    output.write("\n".join(f"  {entry}" for entry in purchase.timeline))
