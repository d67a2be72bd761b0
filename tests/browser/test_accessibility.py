from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.checkouts import CHECKOUTS, Hosted, place_order

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("path", ["/", "/products/tea-of-the-month/", "/cart/", "/account/login/"])
def test_the_shop(page: Page, path: str):
    page.goto(path)

    assert_accessible(page)


@pytest.mark.parametrize("ui", CHECKOUTS)
def test_the_checkouts(page: Page, ui: str):
    pay_url = place_order(page)
    page.goto(f"{pay_url}?ui={ui}")
    assert_accessible(page)

    CHECKOUTS[ui](page).open(pay_url)
    assert_accessible(page)


def test_the_return_page_and_the_order(page: Page):
    hosted = Hosted(page)
    hosted.open(place_order(page))
    hosted.fill_address()
    hosted.choose_card("4242 4242 4242 4242")
    hosted.pay_button.click()

    expect(page).to_have_url(re.compile("/checkout/return/"))
    expect(page.locator(".checkout-outcome-paid")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Go to your order").click()
    assert_accessible(page)


def test_the_emulator(page: Page):
    page.goto("/emulator/")

    assert_accessible(page)
