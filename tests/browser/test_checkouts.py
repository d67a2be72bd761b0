from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.amounts import money
from tests.browser.checkouts import CHECKOUTS, Hosted, place_order

pytestmark = pytest.mark.browser

GOOD, DECLINED, ASKING = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0027 6000 3184"


@pytest.fixture(params=CHECKOUTS)
def checkout(request, page: Page) -> Hosted:
    """One of the three checkouts, with an order of two teapots."""
    checkout = CHECKOUTS[request.param](page)
    checkout.open(place_order(page))
    checkout.fill_address()
    return checkout


def pay(checkout: Hosted, amount: str = money("140.90")) -> None:
    expect(checkout.pay_button).to_have_text(re.compile(f"Pay\\s+{re.escape(amount)}"))
    expect(checkout.pay_button).to_be_enabled()
    checkout.pay_button.click()


def expect_paid(page: Page, total: str = money("140.90")) -> None:
    """Assert that the return page shows the payment, and the shop's page its amount."""
    expect(page).to_have_url(re.compile("/checkout/return/"))
    expect(page.locator(".checkout-outcome-paid")).to_be_visible()
    page.get_by_role("link", name="Go to your order").click()
    expect(page.get_by_role("heading", name="Thank you, your order is paid.")).to_be_visible()
    expect(page.locator(".sums .total dd")).to_have_text(total)


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_card_payment_succeeds(page: Page, checkout: Hosted):
    assert_fits(page)
    checkout.choose_card(GOOD)
    pay(checkout)

    expect_paid(page)


def test_a_declined_card_shows_an_error_and_another_card_succeeds(page: Page, checkout: Hosted, complaints: list[str]):
    checkout.choose_card(DECLINED)
    pay(checkout)
    expect(checkout.alert).to_contain_text("declined")
    # The browser logs the response 402 Payment Required.
    assert all("402" in complaint for complaint in complaints)
    complaints.clear()

    checkout.choose_card(GOOD)
    pay(checkout)

    expect_paid(page)


def test_a_payment_with_3d_secure_succeeds(page: Page, checkout: Hosted):
    checkout.choose_card(ASKING)
    pay(checkout)
    checkout.authenticate()

    expect_paid(page)


def test_a_promotion_code_takes_10_percent_off(page: Page, checkout: Hosted):
    checkout.enter_code("WELCOME10")
    expect(checkout.pay_button).to_contain_text(money("127.30"))
    checkout.choose_card(GOOD)
    pay(checkout, money("127.30"))

    expect_paid(page, money("127.30"))


@pytest.mark.parametrize("ui", CHECKOUTS)
def test_pick_up_is_free_and_asks_for_no_address(page: Page, ui: str):
    checkout = CHECKOUTS[ui](page)
    checkout.open(place_order(page, is_picked_up="on"))
    checkout.choose_card(GOOD)
    expect(checkout.form.get_by_text("Shipping address")).to_have_count(0)
    pay(checkout, money("136.00"))

    expect_paid(page, money("136.00"))
    expect(page.get_by_text("Pick-up at the studio")).to_be_visible()


def test_a_bank_debit_is_processing(page: Page, checkout: Hosted):
    checkout.choose_bank()
    pay(checkout)

    expect(page.get_by_role("heading", name="Your payment is being processed")).to_be_visible()
    page.get_by_role("link", name="Go to your order").click()
    expect(page.get_by_role("heading", name="Your payment is being processed")).to_be_visible()
