from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.amounts import money
from tests.browser.clicks import fill_address, go_to_payment, pay_with

pytestmark = pytest.mark.browser

GOOD, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"


def expect_paid(page: Page) -> None:
    """See the return page say paid, and the shop's own order page too."""
    expect(page).to_have_url(re.compile("/checkout/return/"))
    expect(page.locator(".checkout-outcome-paid")).to_be_visible()
    page.get_by_role("link", name="Go to your order").click()
    expect(page).to_have_url(re.compile("/orders/TS-"))
    expect(page.get_by_role("heading", name="Thank you, it is paid.")).to_be_visible()


def assert_fits(page: Page) -> None:
    """Nothing is wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_guest_buys_from_the_catalogue_to_the_paid_order(page: Page):
    go_to_payment(page)
    pay_with(page, GOOD)
    expect_paid(page)

    expect(page.get_by_role("link", name="Cart")).not_to_contain_text("thing")
    assert_fits(page)


def test_the_shop_opened_under_another_name_pays_too(page: Page, site: str):
    page.goto(site.replace("127.0.0.1", "localhost"))
    go_to_payment(page, start=page.url)
    pay_with(page, GOOD)

    expect_paid(page)
    assert page.url.startswith("http://localhost:")


def test_a_declined_card_charges_nothing_and_a_good_one_pays(page: Page, complaints: list[str]):
    go_to_payment(page)
    pay_with(page, DECLINED)

    expect(page.get_by_role("alert")).to_contain_text("declined")
    # The browser notes that the page came with 402 Payment Required.
    assert all("402" in complaint for complaint in complaints)
    complaints.clear()

    pay_with(page, GOOD)
    expect_paid(page)


def test_the_way_back_keeps_the_order_and_it_can_be_paid_later(page: Page):
    go_to_payment(page)
    page.get_by_role("link", name=re.compile("back|return", re.IGNORECASE)).first.click()

    expect(page).to_have_url(re.compile("/orders/TS-.*/pay/"))
    expect(page.get_by_role("status")).to_contain_text("have not been charged")
    expect(page.get_by_role("link", name="Cart").first).to_contain_text("2")

    page.get_by_role("button", name="Go to payment").click()
    fill_address(page)
    pay_with(page, GOOD)
    expect_paid(page)


def test_a_changed_cart_is_charged_as_it_is_now(page: Page):
    go_to_payment(page)
    page.goto("/cart/")
    page.get_by_role("button", name="One Moon Teapot less").click()
    page.get_by_role("link", name="Go to checkout").click()
    page.get_by_role("button", name="Continue to payment").click()
    page.get_by_role("button", name="Go to payment").click()

    expect(page).to_have_url(re.compile("/emulator/pay/"))
    expect(page.get_by_role("button", name=f"Pay {money('68.00')}")).to_be_visible()


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
def test_every_page_fits_the_screen_and_its_first_tab_skips_to_the_content(page: Page, path: str):
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
