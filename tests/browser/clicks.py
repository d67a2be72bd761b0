"""Steps of a purchase in the browser."""

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
    page.get_by_role("button", name="Go to payment").click()
    expect(page).to_have_url(re.compile("/emulator/pay/"))
    fill_address(page)


def fill_address(page: Page) -> None:
    """Fill in the shipping address on the payment page."""
    page.get_by_label("Full name").fill("A Guest")
    page.get_by_label("Street and number").fill("4 Quay Lane")
    page.get_by_label("Postal code").first.fill("20457")
    page.get_by_label("City").fill("Hamburg")


def pay_with(page: Page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name=re.compile(r"Pay .*\d")).click()
