from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.amounts import money
from tests.browser.clicks import fill_address, go_to_payment, pay_with

pytestmark = pytest.mark.browser

GOOD, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"


def expect_paid(page: Page) -> None:
    """Assert that the return page and the shop's order page show the payment."""
    expect(page).to_have_url(re.compile("/checkout/return/"))
    expect(page.locator(".checkout-outcome-paid")).to_be_visible()
    page.get_by_role("link", name="Go to your order").click()
    expect(page).to_have_url(re.compile("/orders/TS-"))
    expect(page.get_by_role("heading", name="Thank you, your order is paid.")).to_be_visible()


def assert_fits(page: Page) -> None:
    """Assert that nothing is wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_guest_buys_from_the_catalogue_to_the_paid_order(page: Page):
    go_to_payment(page)
    pay_with(page, GOOD)
    expect_paid(page)

    expect(page.get_by_role("link", name="Cart")).not_to_contain_text("item")
    assert_fits(page)


def test_the_shop_works_under_another_host_name(page: Page, site: str):
    page.goto(site.replace("127.0.0.1", "localhost"))
    go_to_payment(page, start=page.url)
    pay_with(page, GOOD)

    expect_paid(page)
    assert page.url.startswith("http://localhost:")


def test_a_declined_card_charges_nothing_and_another_card_succeeds(page: Page, complaints: list[str]):
    go_to_payment(page)
    pay_with(page, DECLINED)

    expect(page.get_by_role("alert")).to_contain_text("declined")
    # The browser logs the response 402 Payment Required.
    assert all("402" in complaint for complaint in complaints)
    complaints.clear()

    pay_with(page, GOOD)
    expect_paid(page)


def test_an_order_can_be_paid_after_going_back(page: Page):
    go_to_payment(page)
    page.get_by_role("link", name="Back to Thistle & Slip").click()

    expect(page).to_have_url(re.compile("/orders/TS-.*/pay/"))
    expect(page.get_by_role("status")).to_contain_text("have not been charged")
    expect(page.get_by_role("link", name="Cart").first).to_contain_text("2")

    page.get_by_role("button", name="Go to payment").click()
    fill_address(page)
    pay_with(page, GOOD)
    expect_paid(page)


def test_a_changed_cart_changes_the_amount(page: Page):
    go_to_payment(page)
    page.goto("/cart/")
    page.get_by_role("button", name="One Moon Teapot less").click()
    page.get_by_role("link", name="Go to checkout").click()
    page.get_by_role("button", name="Continue to payment").click()
    page.get_by_role("button", name="Go to payment").click()

    expect(page).to_have_url(re.compile("/emulator/pay/"))
    expect(page.get_by_role("button", name=f"Pay {money('72.90')}")).to_be_visible()


def test_a_shopper_finds_the_order_in_the_history(page: Page):
    page.goto("/account/login/")
    page.get_by_label("Username").fill("robin")
    page.get_by_label("Password").fill("tea-and-slip")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Your orders")).to_be_visible()

    go_to_payment(page)
    pay_with(page, GOOD)
    expect_paid(page)
    number = page.get_by_role("heading", level=1).inner_text()
    page.goto("/orders/")

    expect(page.get_by_role("listitem").filter(has_text=number)).to_contain_text("Paid")


@pytest.mark.parametrize("path", ["/", "/?kind=tea", "/products/moon-teapot/", "/cart/", "/account/login/"])
def test_every_page_fits_the_screen_and_starts_with_a_skip_link(page: Page, path: str):
    page.goto(path)

    assert_fits(page)
    page.keyboard.press("Tab") if path != "/account/login/" else page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_focused()


def test_the_merchant_finds_the_order_in_the_admin(page: Page):
    go_to_payment(page)
    pay_with(page, GOOD)
    expect_paid(page)
    number = page.get_by_role("heading", level=1).inner_text()

    page.goto(f"/admin/login/?next=/admin/django_checkout/order/?q={number}")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("tea-and-slip")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name=number).first.click()

    expect(page.locator("#checkout-timeline li").filter(has_text="checkout.session.completed")).to_be_visible()
    expect(page.locator("#checkout-timeline li").filter(has_text="order_paid")).to_be_visible()
