from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from django_checkout.emulator.emulator import Emulator
from tests.amounts import money
from tests.browser.clicks import go_to_payment
from tests.browser.conftest import open_site

pytestmark = pytest.mark.browser

FOUR_DAYS = 4 * 24 * 60 * 60


@pytest.fixture
def site(tmp_path):
    """A separate shop, because the test moves the clock of its emulator."""
    with open_site(tmp_path) as base_url:
        yield base_url


@pytest.fixture
def emulator(site, tmp_path):
    """The emulator of the site, on the same store."""
    emulator = Emulator(store=str(tmp_path / "emulator.sqlite3"), webhook_url=f"{site}/checkout/webhook/")
    yield emulator
    emulator.close()


@pytest.mark.parametrize("screen", ["phone"], indirect=True)
@pytest.mark.parametrize(
    ("account", "heading", "state"),
    [
        ("Succeeds after three days", "Thank you, we have received your payment", "Thank you, your order is paid."),
        ("Fails after three days", "The payment did not go through", "Waiting for payment"),
    ],
    ids=["arrives", "fails"],
)
def test_the_return_page_updates_when_a_delayed_payment_is_settled(
    page: Page, emulator: Emulator, account: str, heading: str, state: str
):
    go_to_payment(page)
    page.get_by_label("Bank debit").check()
    page.get_by_label(account).check()
    page.get_by_role("button", name=f"Pay {money('140.90')}").click()

    expect(page.get_by_role("heading", name="Your payment is being processed")).to_be_visible()
    shop = page.context.new_page()
    shop.goto("/orders/" + re.search(r"TS-[\w-]+", page.get_by_role("main").inner_text()).group() + "/")
    expect(shop.get_by_role("heading", name="Your payment is being processed")).to_be_visible()
    expect(shop.locator(".cart-count")).to_have_count(0)

    emulator.clock.advance(FOUR_DAYS)

    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    shop.reload()
    expect(shop.get_by_role("heading", name=state)).to_be_visible()
