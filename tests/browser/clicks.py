"""What a person clicks on the way to a paid order."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def go_to_payment(page: Page, start: str = "/") -> None:
    """Click from the catalogue to the payment page."""
    page.goto(start)
    page.get_by_role("link", name="Moon Teapot").click()
    page.get_by_label("How many").select_option("2")
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Go to checkout").click()
    page.get_by_label("E-mail").fill("guest@example.com")
    page.get_by_label("Your name").fill("A Guest")
    page.get_by_role("button", name="Continue to payment").click()
    page.get_by_role("button", name="Pay €136.00").click()
    expect(page).to_have_url(re.compile("/emulator/pay/"))


def pay_with(page: Page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name="Pay €136.00").click()
