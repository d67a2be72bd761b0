from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.amounts import money
from tests.browser.checkouts import Elements, Embedded, Hosted, place_order

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("screen", ["phone"], indirect=True)]

#: What the page waits for Stripe.js.
STRIPE_JS_WAIT_MS = 10_000
WITHIN = pytest.mark.parametrize("ui", ["embedded", "elements"])


def take_the_way_out(page: Page) -> None:
    page.get_by_role("button", name="Pay on Stripe's page").click()
    expect(page).to_have_url(re.compile("/emulator/pay/"))


@WITHIN
def test_without_stripe_js_the_hosted_page_is_the_way_out(page: Page, ui: str, complaints: list[str]):
    pay_url = place_order(page)
    page.route("**/stripe.js", lambda route: route.abort())
    page.clock.install()

    with page.expect_response(re.compile("/checkout/secret/")):
        page.goto(f"{pay_url}?ui={ui}")
    page.clock.run_for(STRIPE_JS_WAIT_MS)

    expect(page.get_by_role("button", name="Pay on Stripe's page")).to_be_visible()
    complaints.clear()
    take_the_way_out(page)


@WITHIN
def test_without_any_script_the_hosted_page_is_the_way_out(page: Page, ui: str, complaints: list[str]):
    pay_url = place_order(page)
    page.route("**/*.js", lambda route: route.abort())

    page.goto(f"{pay_url}?ui={ui}")

    complaints.clear()
    expect(page.get_by_text("If no payment form appears here")).to_be_visible()
    take_the_way_out(page)


@WITHIN
def test_an_order_that_was_paid_elsewhere_leads_to_its_page(page: Page, ui: str):
    pay_url = place_order(page)
    hosted = Hosted(page)
    hosted.open(pay_url)
    hosted.fill_address()
    hosted.choose_card("4242 4242 4242 4242")
    hosted.pay_button.click()
    expect(page.locator(".checkout-outcome-paid")).to_be_visible()

    page.goto(f"{pay_url}?ui={ui}")

    expect(page.get_by_role("heading", name="Thank you, it is paid.")).to_be_visible()


def test_changing_the_way_ends_the_session_of_the_other(page: Page):
    pay_url = place_order(page)
    Hosted(page).open(pay_url)
    hosted_page = page.url
    Elements(page).open(pay_url)

    page.goto(hosted_page)

    expect(page.get_by_text(re.compile("expired", re.IGNORECASE)).first).to_be_visible()


def test_a_quantity_that_there_is_not_is_refused_beside_the_line(page: Page, complaints: list[str]):
    checkout = Elements(page)
    checkout.open(place_order(page, slug="thistle-vase", quantity=1))
    quantity = page.get_by_label("Quantity: Thistle Vase")

    quantity.fill("3")
    quantity.blur()
    expect(checkout.pay_button).to_contain_text(money("126.00"))
    quantity.fill("4")
    quantity.blur()

    expect(page.locator("[data-checkout-error-for=items]")).to_contain_text("only 3 of Thistle Vase left")
    expect(quantity).to_have_value("3")
    # The browser notes the refusal: 409 Conflict.
    assert all("409" in complaint for complaint in complaints)
    complaints.clear()


def test_a_parcel_costs_more_abroad_and_stays_chosen(page: Page):
    checkout = Elements(page)
    checkout.open(place_order(page))
    checkout.choose_shipping("Parcel")
    expect(checkout.pay_button).to_contain_text(money("140.90"))

    checkout.fill_address("France")

    expect(page.get_by_role("radio", name=f"Parcel abroad {money('9.90')}")).to_be_checked()
    expect(checkout.pay_button).to_contain_text(money("145.90"))


def test_a_code_that_is_not_one_is_said_beside_its_field(page: Page):
    checkout = Elements(page)
    checkout.open(place_order(page))

    checkout.enter_code("NOTHING")

    expect(page.locator("[data-checkout-error-for=code]")).to_be_visible()


@WITHIN
def test_a_form_that_a_script_brings_to_the_page_is_filled(page: Page, ui: str):
    """As Turbo and htmx exchange a page's content: the new form is there, its scripts have run already."""
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
    expect(checkout.pay_button).to_contain_text(money("136.00"))
