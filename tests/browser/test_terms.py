"""The terms next to the button of an Elements checkout, while the session changes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.amounts import money
from tests.browser.checkouts import Elements, place_order

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("screen", ["phone"], indirect=True)]


@pytest.fixture
def checkout(page: Page) -> Elements:
    """An order of the tea of the month, by a user who is signed in."""
    page.goto("/account/login/")
    page.get_by_label("Username").fill("robin")
    page.get_by_label("Password").fill("tea-and-slip")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Your orders")).to_be_visible()
    checkout = Elements(page)
    checkout.open(place_order(page, slug="tea-of-the-month", quantity=1))
    return checkout


def test_a_subscription_shows_its_interval(page: Page, checkout: Elements):
    terms = page.locator(".checkout-submit [data-checkout-terms]")

    expect(terms).to_have_text(f"{money('19.00')} every month")
    expect(checkout.pay_button).to_have_text(f"Pay {money('19.00')}")


def test_a_promotion_code_changes_what_is_charged_today(page: Page, checkout: Elements):
    checkout.enter_code("WELCOME10")

    text = f"Today {money('17.10')}, then {money('19.00')} every month"
    expect(page.locator("[data-checkout-terms]")).to_have_text([text, text])
    expect(checkout.pay_button).to_have_text(f"Pay {money('17.10')}")
