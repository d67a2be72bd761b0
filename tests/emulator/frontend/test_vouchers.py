"""Vouchers, QR codes and bank transfers in the browser: hosted, embedded and with Elements."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.amounts import money
from tests.browser.axe import assert_accessible
from tests.emulator.conftest import session_params
from tests.emulator.test_bank_transfers import options

from .conftest import create_session
from .test_elements import press_pay

pytestmark = pytest.mark.browser


@pytest.fixture
def hosted(client, shop):
    """Return a function that opens a session with a hosted page."""

    def opened(method, currency, **params):
        asked = {"payment_method_types": ["card", method], "success_url": f"{shop.url}/return/", **params}
        return client.v1.checkout.sessions.create(session_params(amount=2500, currency=currency, **asked))

    return opened


def test_a_konbini_voucher_on_the_hosted_page(page, emulator, hosted, complaints):
    session = hosted("konbini", "jpy")
    page.goto(session.url)
    page.get_by_label("Konbini").check()
    expect(page.get_by_label("Card number")).to_be_hidden()
    page.get_by_text("Test values").click()
    page.get_by_role("button", name="55555555550").click()
    expect(page.get_by_label("Phone")).to_have_value("55555555550")
    page.get_by_label("E-mail").fill("hanako@example.com")
    page.get_by_label("Full name").fill("Hanako")
    assert_accessible(page)

    page.get_by_role("button", name=re.compile("^Pay ")).click()

    page.wait_for_url(re.compile("/instructions/"))
    expect(page.get_by_role("heading", name="Pay with Konbini")).to_be_visible()
    expect(page.get_by_text("55555555550")).to_be_visible()
    assert_accessible(page)
    assert emulator.get(session.id)["payment_status"] == "unpaid"
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_role("heading", name="This payment has arrived")).to_be_visible()
    assert emulator.get(session.id)["payment_status"] == "paid"
    assert complaints == []


def test_a_code_is_copied(page, context, emulator, hosted):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    session = hosted("multibanco", "eur")
    page.goto(emulator.pay(session.id, method="multibanco").redirect_url)

    page.get_by_role("button", name="Copy Reference").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    shown = page.get_by_text(re.compile(r"^\d{3} \d{3} \d{3}$")).inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == shown.replace(" ", "")


def test_a_page_with_a_qr_code_continues_when_it_is_paid(page, context, hosted, shop):
    session = hosted("paynow", "sgd")
    page.goto(session.url)
    page.get_by_label("PayNow").check()
    page.get_by_label("E-mail").fill("kim@example.com")
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("img", name="QR code of the payment")).to_be_visible()
    assert_accessible(page)

    with context.expect_page() as opened:
        page.get_by_role("link", name="Simulate the scan").click()
    opened.value.get_by_role("button", name="Authorize the test payment").click()

    page.wait_for_url(f"{shop.url}/return/")


def test_a_failed_code_returns_to_the_form(page, emulator, hosted):
    session = hosted("pix", "brl")
    page.goto(emulator.pay(session.id, method="pix").redirect_url)
    expect(page.get_by_role("heading", name="Scan to pay with Pix")).to_be_visible()

    emulator.settle(session.id, succeed=False)

    expect(page.get_by_label("E-mail")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_instructions_of_a_transfer_are_accessible(page, emulator, client, hosted, scheme):
    page.emulate_media(color_scheme=scheme)
    customer = client.v1.customers.create().id
    session = hosted("customer_balance", "eur", customer=customer, payment_method_options=options())
    page.goto(emulator.pay(session.id, method="customer_balance").redirect_url)

    page.get_by_label("Amount (EUR)").fill("20")
    page.get_by_role("button", name="Let it arrive").click()

    expect(page.get_by_text(f"{money('20')} of {money('50')}")).to_be_visible()
    assert_accessible(page)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def lines(currency):
    price = {"currency": currency, "unit_amount": 2500, "product_data": {"name": "Tea"}}
    return [{"quantity": 2, "price_data": price}]


def test_an_embedded_page_shows_the_codes_and_then_continues(page, emulator, client, shop, open_shop):
    session = create_session(client, shop, "embedded_page", line_items=lines("jpy"))
    opened = open_shop(session.client_secret)
    opened.evaluate("shop.embed()")
    frame = opened.frame_locator("#embedded iframe")
    frame.get_by_label("Konbini").check()
    frame.get_by_label("E-mail").fill("hanako@example.com")
    frame.get_by_label("Full name").fill("Hanako")

    frame.get_by_role("button", name=re.compile("^Pay ")).click()

    expect(frame.get_by_role("heading", name="Pay with Konbini")).to_be_visible()
    assert emulator.get(session.id)["status"] == "complete"
    frame.get_by_role("link", name="Continue").click()
    opened.wait_for_url(f"{shop.url}/return/?id={session.id}")


def compose(opened):
    assert opened.evaluate("([parts, options]) => shop.compose(parts, options)", [["contact", "payment"], {}]) is None
    opened.frame_locator("#contact iframe").get_by_label("E-mail").fill("hanako@example.com")
    return opened.frame_locator("#payment iframe")


def test_elements_show_the_codes_in_a_dialog(emulator, client, shop, open_shop):
    session = create_session(client, shop, "elements", line_items=lines("jpy"))
    opened = open_shop(session.client_secret)
    payment = compose(opened)
    payment.get_by_label("Konbini").check()
    expect(opened.locator("#pay")).to_be_disabled()
    payment.get_by_label("Full name").fill("Hanako")
    press_pay(opened)
    dialog = opened.frame_locator('iframe[title="Payment"]')
    expect(dialog.get_by_role("heading", name="Pay with Konbini")).to_be_visible()

    dialog.get_by_role("link", name="Continue").click()

    expect(opened.locator("#done")).to_be_visible()
    assert opened.evaluate("shop.result.session.status.paymentStatus") == "unpaid"
    intent = emulator.get(emulator.get(session.id)["payment_intent"])
    method = emulator.get(intent["payment_method"])
    assert (intent["status"], method["billing_details"]["name"]) == ("requires_action", "Hanako")


def test_elements_wait_for_the_scan_in_a_dialog(emulator, client, shop, open_shop):
    types = ["card", "paynow"]
    session = create_session(client, shop, "elements", line_items=lines("sgd"), payment_method_types=types)
    opened = open_shop(session.client_secret)
    compose(opened).get_by_label("PayNow").check()
    press_pay(opened)
    dialog = opened.frame_locator('iframe[title="Payment"]')
    expect(dialog.get_by_role("img", name="QR code of the payment")).to_be_visible()

    emulator.settle(session.id)

    expect(opened.locator("#done")).to_be_visible()
    assert opened.evaluate("shop.result.session.status.paymentStatus") == "paid"
