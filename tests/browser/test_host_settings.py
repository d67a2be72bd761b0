"""The checkouts on a site with strict settings and payment pages on a custom domain."""

from __future__ import annotations

import re
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from django_checkout.emulator import Emulator
from example_project.shop.demo_server import free_port, served
from tests.browser.checkouts import Elements, Embedded, Hosted

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("screen", ["desktop"], indirect=True)]

GOOD = "4242 4242 4242 4242"


@pytest.fixture(scope="package")
def strict_site(tmp_path_factory):
    """The URL of the strict site. Its payment pages are at localhost, which is another site than 127.0.0.1."""
    folder = tmp_path_factory.mktemp("strict")
    base_url = f"http://127.0.0.1:{free_port()}"
    with closing(Emulator(store=str(folder / "emulator.sqlite3"))) as emulator:
        emulator.use_custom_domain(base_url.replace("127.0.0.1", "localhost"))
    with served(base_url, folder, folder / "server.log", DJANGO_SETTINGS_MODULE="tests.host.strict_settings"):
        yield base_url


@pytest.fixture
def site(strict_site):
    return strict_site


@pytest.fixture
def pay_url(page: Page) -> str:
    """The payment step of an order of a user who is signed in, as the site requires."""
    page.goto("/account/login/")
    page.get_by_label("Username").fill("robin")
    page.get_by_label("Password").fill("tea-and-slip")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.goto("/products/moon-teapot/")
    page.get_by_label("How many").select_option("2")
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Go to checkout").click()
    page.get_by_role("button", name="Continue to payment").click()
    expect(page).to_have_url(re.compile("/pay/"))
    return page.url


@pytest.mark.parametrize("checkout_class", [Hosted, Embedded, Elements])
def test_an_order_is_paid_and_the_customer_is_still_signed_in(page: Page, pay_url: str, checkout_class: type[Hosted]):
    checkout = checkout_class(page)
    checkout.open(pay_url)
    if checkout_class is Hosted:
        assert page.url.startswith("http://localhost:")
    checkout.fill_address()
    checkout.choose_card(GOOD)
    expect(checkout.pay_button).to_be_enabled()
    checkout.pay_button.click()

    expect(page).to_have_url(re.compile(r"http://127\.0\.0\.1:\d+/checkout/return/"))
    expect(page.locator(".checkout-outcome-paid")).to_be_visible()
    page.get_by_role("link", name="Go to your order").click()
    expect(page.get_by_role("heading", name="Thank you, your order is paid.")).to_be_visible()


def test_a_quantity_is_changed_with_a_custom_csrf_header(page: Page, pay_url: str):
    checkout = Elements(page)
    checkout.open(pay_url)

    with page.expect_response(re.compile("/checkout/update/")) as answer:
        page.get_by_label("Quantity: Moon Teapot").fill("1")
        page.get_by_label("Quantity: Moon Teapot").blur()

    assert answer.value.status == 200


def test_a_payment_link_on_another_site_does_not_sign_the_customer_out(page: Page, pay_url: str, site: str):
    """The CSRF token is in the session here, and the browser does not send its strict cookie."""
    start = page.locator("form[action*='/checkout/start/']").get_attribute("action") or ""
    page.goto(f"{site.replace('127.0.0.1', 'localhost')}/account/login/")

    page.evaluate("url => location.assign(url)", site + start.replace("/start/", "/pay/"))

    expect(page).to_have_url(re.compile(r"http://127\.0\.0\.1:\d+/checkout/pay/"))
    expect(page.get_by_role("button", name="Pay now")).to_be_visible()
    page.goto("/orders/")
    expect(page.get_by_role("heading", name="Your orders")).to_be_visible()
