"""The demo's page that uses only the API: an Elements checkout and a hosted one."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest
from playwright.sync_api import Page, expect

from tests.amounts import money
from tests.browser.checkouts import ADDRESS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_spec("rest_framework") is None, reason="Django REST framework is not installed"),
]


@pytest.fixture
def screen():
    return "desktop"


def order(page: Page, way: str) -> None:
    page.goto("/app/")
    page.get_by_label("Product").select_option("moon-teapot")
    page.get_by_label("Quantity").fill("2")
    page.get_by_label("E-mail").first.fill("guest@example.com")
    page.get_by_role("button", name=way).click()


def test_elements_checkout_through_the_api(page: Page, complaints: list[str]):
    called: list[str] = []
    page.on("request", lambda request: "/api/" in request.url and called.append(f"{request.method} {request.url}"))
    order(page, "Pay here")
    shipping = page.frame_locator("[data-shipping] iframe")
    shipping.get_by_label("Country").select_option(label="France")
    for label, value in ADDRESS.items():
        shipping.get_by_label(label).fill(value)
    shipping.get_by_label("City").blur()
    expect(page.locator("[data-problem]")).to_have_text("")
    page.get_by_label(re.compile("Parcel abroad")).check()
    expect(page.locator("[data-submit]")).to_contain_text(money("145.90"))
    page.get_by_label("Promotion code").fill("WELCOME10")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("[data-submit]")).to_contain_text(money("132.30"))
    payment = page.frame_locator("[data-payment] iframe")
    payment.get_by_label("Card number").fill("4000 0000 0000 0002")
    payment.get_by_label("Expiry").fill("12 / 34")
    payment.get_by_label("Security code").fill("123")
    payment.get_by_label("Postal code").fill("20457")
    page.locator("[data-submit]").click()
    expect(page.get_by_role("alert")).to_contain_text("declined")
    assert all("402" in complaint for complaint in complaints), complaints
    complaints.clear()

    payment.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.locator("[data-submit]").click()

    expect(page.get_by_role("heading", name="Thank you, your order is paid.")).to_be_visible()
    expect(page.locator("[data-paid]")).to_have_text(money("132.30"))
    assert any(re.fullmatch(r"POST .*/api/orders/[^/]+/shipping/", call) for call in called)


def test_hosted_checkout_through_the_api(page: Page):
    order(page, "Pay on Stripe's page")
    expect(page).to_have_url(re.compile("/emulator/pay/"))
    for label, value in ADDRESS.items():
        page.get_by_label(label).first.fill(value)
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name=re.compile(r"^Pay .*\d")).click()

    expect(page).to_have_url(re.compile(r"/app/\?reference=[^&]+&outcome=paid$"))
    expect(page.get_by_role("heading", name="Thank you, your order is paid.")).to_be_visible()
    expect(page.locator("[data-paid]")).to_have_text(money("140.90"))


def test_a_shopper_who_cancels_is_back_in_the_shop(page: Page):
    order(page, "Pay on Stripe's page")
    page.get_by_role("link", name=re.compile("^Back to")).first.click()

    expect(page.get_by_role("alert")).to_have_text("You have not paid.")
    expect(page.get_by_label("Product")).to_be_visible()


def test_document_is_shown_in_swagger_ui(page: Page):
    if find_spec("drf_spectacular_sidecar") is None:
        pytest.skip("drf-spectacular-sidecar is not installed")
    page.goto("/app/docs/")

    expect(page.get_by_text("Start a payment")).to_be_visible()
