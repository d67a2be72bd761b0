"""Page objects for the three checkouts."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from playwright.sync_api import FrameLocator, Locator, Page, expect

ADDRESS = {"Full name": "A Guest", "Street and number": "4 Quay Lane", "Postal code": "20457", "City": "Hamburg"}


def place_order(page: Page, slug: str = "moon-teapot", quantity: int = 2, **details: str) -> str:
    """Place an order without clicking through the shop; return the URL of its payment step."""
    page.goto("/account/login/")
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    for path, fields in (
        (f"/cart/add/{slug}/", {"quantity": str(quantity)}),
        ("/cart/checkout/", {"email": "guest@example.com", "name": "A Guest", **details}),
    ):
        answer = page.request.post(path, form={**fields, "csrfmiddlewaretoken": token}, max_redirects=0)
        assert answer.status == 303
    return urljoin(page.url, answer.headers["location"])


class Hosted:
    """Stripe's page."""

    ui = "hosted"

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def form(self) -> Page | FrameLocator:
        return self.page

    def open(self, pay_url: str) -> None:
        self.page.goto(f"{pay_url}?ui={self.ui}")
        self.page.get_by_role("button", name="Go to payment").click()
        expect(self.page).to_have_url(re.compile("/emulator/pay/"))

    def fill_address(self, country: str = "Germany") -> None:
        for label, value in ADDRESS.items():
            self.form.get_by_label(label).first.fill(value)
        self.form.get_by_label("Country").first.select_option(label=country)

    def choose_card(self, number: str) -> None:
        self.form.get_by_label("Card number").fill(number)
        self.form.get_by_label("Expiry").fill("12 / 34")
        self.form.get_by_label("CVC").fill("123")

    def choose_bank(self) -> None:
        self.form.get_by_label("Bank debit").check()
        self.form.get_by_label("Succeeds after three days").check()

    def choose_shipping(self, name: str) -> None:
        self.form.get_by_label(re.compile(f"^{name}")).check()

    def enter_code(self, code: str) -> None:
        self.form.get_by_label("Promotion code").fill(code)
        self.form.get_by_role("button", name="Apply").click()

    @property
    def pay_button(self) -> Locator:
        return self.form.get_by_role("button", name=re.compile(r"^Pay .*\d"))

    @property
    def alert(self) -> Locator:
        return self.form.get_by_role("alert")

    def authenticate(self) -> None:
        self.form.get_by_role("button", name="Complete authentication").click()


class Embedded(Hosted):
    """Stripe's page in a frame of the shop."""

    ui = "embedded"

    @property
    def form(self) -> FrameLocator:
        return self.page.frame_locator("[data-checkout-mount] iframe")

    def open(self, pay_url: str) -> None:
        self.page.goto(f"{pay_url}?ui={self.ui}")
        expect(self.pay_button).to_be_visible()


class Elements(Hosted):
    """The checkout of the tag, built from Stripe's Elements."""

    ui = "elements"

    def frame(self, name: str) -> FrameLocator:
        return self.page.frame_locator(f"[data-checkout-{name}] iframe")

    def open(self, pay_url: str) -> None:
        self.page.goto(f"{pay_url}?ui={self.ui}")
        expect(self.frame("payment").get_by_label("Card number")).to_be_visible()

    def fill_address(self, country: str = "Germany") -> None:
        frame = self.frame("shipping")
        frame.get_by_label("Country").select_option(label=country)
        with self.page.expect_response(re.compile("/checkout/update/")):
            for label, value in ADDRESS.items():
                frame.get_by_label(label).fill(value)
            frame.get_by_label("City").blur()

    def choose_card(self, number: str) -> None:
        frame = self.frame("payment")
        frame.get_by_label("Card number").fill(number)
        frame.get_by_label("Expiry").fill("12 / 34")
        frame.get_by_label("Security code").fill("123")
        frame.get_by_label("Postal code").fill("20457")

    def choose_bank(self) -> None:
        frame = self.frame("payment")
        frame.get_by_label("Bank debit").check()
        frame.get_by_label("Succeeds after three days").check()

    def choose_shipping(self, name: str) -> None:
        self.page.get_by_label(re.compile(f"^{name}")).check()

    @property
    def pay_button(self) -> Locator:
        return self.page.locator("[data-checkout-submit]")

    @property
    def alert(self) -> Locator:
        return self.page.locator("[data-checkout-error-for=payment]")

    def authenticate(self) -> None:
        self.page.frame_locator("dialog iframe").get_by_role("button", name="Complete authentication").click()


CHECKOUTS = {checkout.ui: checkout for checkout in (Hosted, Embedded, Elements)}
