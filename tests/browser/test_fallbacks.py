from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.amounts import money
from tests.browser.checkouts import Elements, Embedded, Hosted, place_order

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("screen", ["phone"], indirect=True)]

#: How long the page waits for Stripe.js.
STRIPE_JS_WAIT_MS = 10_000
WITHIN = pytest.mark.parametrize("ui", ["embedded", "elements"])


def use_the_fallback(page: Page) -> None:
    page.get_by_role("button", name="Pay on Stripe's page").click()
    expect(page).to_have_url(re.compile("/emulator/pay/"))


@WITHIN
def test_without_stripe_js_the_hosted_page_is_the_fallback(page: Page, ui: str, complaints: list[str]):
    pay_url = place_order(page)
    page.route("**/stripe.js", lambda route: route.abort())
    page.clock.install()

    with page.expect_response(re.compile("/checkout/secret/")):
        page.goto(f"{pay_url}?ui={ui}")
    page.clock.run_for(STRIPE_JS_WAIT_MS)

    expect(page.get_by_role("button", name="Pay on Stripe's page")).to_be_visible()
    complaints.clear()
    use_the_fallback(page)


@WITHIN
def test_without_any_script_the_hosted_page_is_the_fallback(page: Page, ui: str, complaints: list[str]):
    pay_url = place_order(page)
    page.route("**/*.js", lambda route: route.abort())

    page.goto(f"{pay_url}?ui={ui}")

    expect(page.get_by_text("If the payment form does not appear")).to_be_visible()
    use_the_fallback(page)
    # The browser logs every script that was not loaded.
    assert all("ERR_FAILED" in complaint for complaint in complaints)
    complaints.clear()


@WITHIN
def test_an_order_that_is_already_paid_redirects_to_its_status(page: Page, ui: str):
    pay_url = place_order(page)
    hosted = Hosted(page)
    hosted.open(pay_url)
    hosted.fill_address()
    hosted.choose_card("4242 4242 4242 4242")
    hosted.pay_button.click()
    expect(page.locator(".checkout-outcome-paid")).to_be_visible()

    page.goto(f"{pay_url}?ui={ui}")

    expect(page.get_by_role("heading", name="Thank you, your order is paid.")).to_be_visible()


def test_switching_the_ui_mode_expires_the_other_session(page: Page):
    pay_url = place_order(page)
    Hosted(page).open(pay_url)
    hosted_page = page.url
    Elements(page).open(pay_url)

    page.goto(hosted_page)

    expect(page.get_by_text(re.compile("expired", re.IGNORECASE)).first).to_be_visible()


def test_a_quantity_that_is_not_in_stock_is_refused_next_to_the_line(page: Page, complaints: list[str]):
    checkout = Elements(page)
    checkout.open(place_order(page, slug="thistle-vase", quantity=1))
    quantity = page.get_by_label("Quantity: Thistle Vase")

    quantity.fill("3")
    quantity.blur()
    expect(checkout.pay_button).to_contain_text(money("130.90"))
    quantity.fill("4")
    quantity.blur()

    expect(page.locator("[data-checkout-error-for=items]")).to_contain_text("only 3 of Thistle Vase left")
    expect(quantity).to_have_value("3")
    # The browser logs the response 409 Conflict.
    assert all("409" in complaint for complaint in complaints)
    complaints.clear()


def test_shipping_costs_more_abroad_and_stays_selected(page: Page):
    checkout = Elements(page)
    checkout.open(place_order(page))
    expect(checkout.pay_button).to_contain_text(money("140.90"))

    checkout.fill_address("France")

    expect(page.get_by_role("radio", name=f"Parcel abroad {money('9.90')}")).to_be_checked()
    expect(checkout.pay_button).to_contain_text(money("145.90"))


def test_an_unknown_promotion_code_is_refused_next_to_its_field(page: Page):
    checkout = Elements(page)
    checkout.open(place_order(page))

    checkout.enter_code("NOTHING")

    expect(page.locator("[data-checkout-error-for=code]")).to_be_visible()


@WITHIN
def test_a_checkout_that_a_script_adds_to_the_page_is_started(page: Page, ui: str):
    """As with Turbo and htmx, which replace the content of a page without running its scripts again."""
    checkout = {"embedded": Embedded, "elements": Elements}[ui](page)
    checkout.open(place_order(page))

    page.evaluate(
        """async () => {
            const text = await fetch(location.href).then((answer) => answer.text());
            const { body } = new DOMParser().parseFromString(text, "text/html");
            document.querySelector("main").replaceWith(body.querySelector("main"));
        }"""
    )

    checkout.fill_address()
    expect(checkout.pay_button).to_contain_text(money("140.90"))
