"""The small print before the button on a narrow, dark screen; the consent in Elements; a shopper who cancels."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from example_project.shop.demo_server import free_port, served
from tests.browser.axe import assert_accessible
from tests.browser.checkouts import CHECKOUTS, Elements, Hosted, place_order

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("screen", ["phone"], indirect=True)]

NARROW = {"width": 320, "height": 640}
KINDS = ["terms", "privacy", "withdrawal", "imprint"]
GOOD = "4242 4242 4242 4242"


@pytest.fixture(scope="package")
def asking_site(tmp_path_factory):
    """The URL of a shop that asks for consent."""
    folder, base_url = tmp_path_factory.mktemp("asking"), f"http://127.0.0.1:{free_port()}"
    with served(base_url, folder, folder / "server.log", DJANGO_SETTINGS_MODULE="tests.host.consent_settings"):
        yield base_url


@pytest.fixture
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": NARROW, "color_scheme": "dark"}


def _assert_fits(page: Page) -> None:
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"]


def _pay_page(page: Page) -> str:
    """Return the URL of our own payment page of a new order."""
    page.goto(f"{place_order(page)}?ui=hosted")
    return page.locator("form.checkout-start").get_attribute("action").replace("/start/", "/pay/")


@pytest.mark.parametrize("ui", CHECKOUTS)
def test_the_legal_pages_are_before_the_button(page: Page, ui: str):
    checkout = CHECKOUTS[ui](page)
    pay_url = place_order(page)
    if ui == "hosted":
        page.goto(f"{pay_url}?ui=hosted")
    else:
        checkout.open(pay_url)

    links = page.locator(".checkout-legal:visible a")
    expect(links).to_have_count(len(KINDS))
    assert [link.get_attribute("data-checkout-legal") for link in links.all()] == KINDS
    button = page.get_by_role("button", name="Go to payment") if ui == "hosted" else checkout.pay_button
    if ui != "embedded":
        assert links.last.bounding_box()["y"] < button.bounding_box()["y"]
    _assert_fits(page)
    assert_accessible(page)


def test_a_legal_page_opens_beside_the_form_with_the_keyboard(page: Page):
    page.goto(_pay_page(page))
    page.locator("[data-checkout-legal=terms]").focus()

    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")

    expect(opened.value.get_by_role("heading", name="Terms")).to_be_visible()
    for _ in KINDS:
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pay now")).to_be_focused()


def test_a_shopper_cancels_and_the_open_form_says_so(page: Page):
    pay_page = _pay_page(page)
    other = page.context.new_page()
    Elements(other).open(page.url.partition("?")[0])

    page.goto(pay_page.replace("/pay/", "/cancel/"))
    assert_accessible(page)
    _assert_fits(page)
    expect(page.get_by_text("If you have just paid there, the order stays as it is.")).to_be_visible()
    page.get_by_role("button", name="Cancel the order").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".checkout-outcome-canceled")).to_be_visible()
    expect(page.get_by_role("link", name="Privacy policy")).to_be_visible()
    assert_accessible(page)
    other.bring_to_front()
    other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(other.locator(".checkout-outcome-canceled")).to_be_visible()


@pytest.fixture
def plain_page(browser: Browser, browser_context_args):
    """A page of a browser without JavaScript."""
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        yield context.new_page()


def test_without_javascript_an_order_is_canceled_and_the_small_print_is_there(plain_page: Page, page: Page):
    plain_page.goto(_pay_page(page))

    assert plain_page.locator(".checkout-legal a").count() == len(KINDS)
    plain_page.goto(plain_page.url.replace("/pay/", "/cancel/"))
    plain_page.get_by_role("button", name="Cancel the order").click()
    expect(plain_page.locator(".checkout-outcome-canceled")).to_be_visible()


class TestConsent:
    """A shop that asks for consent, in the Elements checkout."""

    @pytest.fixture
    def site(self, asking_site):
        return asking_site

    def test_terms_are_accepted_before_the_payment(self, page: Page):
        checkout = Elements(page)
        checkout.open(place_order(page))
        checkout.fill_address()
        checkout.choose_card(GOOD)
        expect(checkout.pay_button).to_be_enabled()
        assert_accessible(page)

        checkout.pay_button.click()

        terms = page.get_by_label("I have read the terms and conditions and accept them.")
        expect(page.get_by_text("Please accept the terms and conditions to continue.")).to_be_visible()
        expect(terms).to_be_focused()
        page.keyboard.press("Space")
        _assert_fits(page)
        with page.expect_response(re.compile("/checkout/update/")) as answer:
            checkout.pay_button.click()
        assert answer.value.status == 200
        expect(page).to_have_url(re.compile("/checkout/return/"))
        expect(page.locator(".checkout-outcome-paid")).to_be_visible()

    def test_stripes_page_asks_by_itself(self, page: Page):
        checkout = Hosted(page)
        pay_url = place_order(page)
        checkout.open(pay_url)

        assert page.locator("[data-checkout-consent]").count() == 0
        expect(page.locator("input[name=terms]")).to_be_visible()
