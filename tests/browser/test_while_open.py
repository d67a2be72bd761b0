"""Events while a checkout is open: a slow server, an expired session, a payment in another tab."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect

from tests.amounts import money
from tests.browser.axe import assert_accessible
from tests.browser.checkouts import CHECKOUTS, Elements, Hosted, place_order

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("screen", ["phone"], indirect=True)]

GOOD = "4242 4242 4242 4242"
WITHIN = pytest.mark.parametrize("ui", ["embedded", "elements"])
#: How long Stripe.js waits for a server update, and how long the page waits before it polls.
SERVER_UPDATE_MS, LOOK_MS = 20_000, 60_000
#: How long the page waits before it retries an address.
RETRY_MS = 10_000


@pytest.fixture
def updates(page: Page) -> list[Route]:
    """The server updates of the page, intercepted: the test continues each one."""
    page.clock.install()
    held: list[Route] = []
    page.route("**/checkout/update/**", lambda route: held.append(route))
    return held


def open_checkout(page: Page, ui: str, pay_url: str) -> tuple[Hosted, str]:
    """Open an embedded or Elements checkout; return it and the id of its session."""
    checkout = CHECKOUTS[ui](page)
    with page.expect_response(re.compile("/checkout/secret/")) as answer:
        checkout.open(pay_url)
    return checkout, answer.value.json()["session_id"]


def expire(page: Page, session_id: str) -> None:
    """Expire a session at Stripe and deliver the webhook."""
    answer = page.request.post(
        f"/emulator/v1/checkout/sessions/{session_id}/expire", headers={"Authorization": "Bearer sk_test_emulator"}
    )
    assert answer.json()["status"] == "expired"
    url = f"{page.locator('[data-status-url]').get_attribute('data-status-url')}?session_id={session_id}&read=0"
    end = time.monotonic() + 60
    while page.request.get(url).json()["outcome"] != "expired":
        assert time.monotonic() < end
        time.sleep(0.1)


def change_quantity(page: Page, quantity: str) -> None:
    with page.expect_request(re.compile("/checkout/update/")):
        page.get_by_label("Quantity: Moon Teapot").fill(quantity)
        page.get_by_label("Quantity: Moon Teapot").blur()


def expect_paid(page: Page) -> None:
    expect(page).to_have_url(re.compile("/checkout/return/"))
    expect(page.locator(".checkout-outcome-paid")).to_be_visible()


def test_a_slow_server_update_shows_a_message_and_the_order_can_still_be_paid(page: Page, updates: list[Route]):
    checkout = Elements(page)
    checkout.open(place_order(page))

    change_quantity(page, "3")
    page.clock.fast_forward(SERVER_UPDATE_MS)

    expect(page.locator("[data-checkout-error-for=items]")).to_contain_text("taking longer than usual")
    expect(page.get_by_label("Quantity: Moon Teapot")).to_have_value("2")
    page.route("**/checkout/update/**", lambda route: route.continue_())
    checkout.fill_address()
    checkout.choose_card(GOOD)
    expect(checkout.pay_button).to_contain_text(money("140.90"))
    checkout.pay_button.click()
    expect_paid(page)


def test_a_late_server_update_is_shown_when_it_arrives(page: Page, updates: list[Route]):
    checkout = Elements(page)
    checkout.open(place_order(page))
    problem = page.locator("[data-checkout-error-for=items]")
    change_quantity(page, "3")
    page.clock.fast_forward(SERVER_UPDATE_MS)
    expect(problem).to_be_visible()

    updates.pop().continue_()

    expect(checkout.pay_button).to_contain_text(money("208.90"))
    expect(page.get_by_label("Quantity: Moon Teapot")).to_have_value("3")
    expect(problem).to_be_hidden()


def test_a_slow_address_update_shows_a_message_and_can_be_repeated(page: Page, updates: list[Route]):
    checkout = Elements(page)
    checkout.open(place_order(page))
    with page.expect_request(re.compile("/checkout/update/")):
        shipping = checkout.frame("shipping")
        for label, value in {"Full name": "A", "Street and number": "4", "Postal code": "1", "City": "B"}.items():
            shipping.get_by_label(label).fill(value)
    page.clock.fast_forward(SERVER_UPDATE_MS)
    expect(page.locator("[data-checkout-error-for=shipping]")).to_contain_text("taking longer than usual")

    page.route("**/checkout/update/**", lambda route: route.continue_())
    checkout.fill_address("France")

    expect(page.get_by_role("radio", name=f"Parcel abroad {money('9.90')}")).to_be_visible()
    expect(page.locator("[data-checkout-error-for=shipping]")).to_be_hidden()


def test_payment_is_blocked_while_the_address_cannot_be_shipped_to(page: Page, complaints: list[str]):
    """The session keeps the previous address, and the order would be shipped there."""

    def send_elsewhere(route: Route) -> None:
        route.continue_(post_data=(route.request.post_data or "").replace('"FR"', '"BR"'))

    checkout = Elements(page)
    checkout.open(place_order(page))
    checkout.fill_address()
    checkout.choose_card(GOOD)
    expect(checkout.pay_button).to_be_enabled()
    page.route("**/checkout/update/**", send_elsewhere)

    checkout.fill_address("France")

    expect(page.locator("[data-checkout-error-for=shipping]")).to_be_visible()
    expect(checkout.pay_button).to_be_disabled()
    checkout.fill_address("Germany")
    expect(checkout.pay_button).to_be_enabled()
    assert all("status of" in complaint for complaint in complaints)
    complaints.clear()


@pytest.mark.parametrize("status", [429, 503])
def test_a_failed_address_update_is_retried(page: Page, complaints: list[str], status):
    def fail(route: Route) -> None:
        route.fulfill(status=status, json={"message": "Busy"})

    page.clock.install()
    checkout = Elements(page)
    checkout.open(place_order(page))
    page.route("**/checkout/update/**", fail)
    checkout.fill_address()
    checkout.choose_card(GOOD)
    expect(page.locator("[data-checkout-error-for=shipping]")).to_be_visible()
    expect(checkout.pay_button).to_be_disabled()

    page.unroute("**/checkout/update/**", fail)
    page.clock.fast_forward(RETRY_MS)

    expect(page.locator("[data-checkout-error-for=shipping]")).to_be_hidden()
    expect(checkout.pay_button).to_be_enabled()
    assert all(f"status of {status}" in complaint for complaint in complaints)
    complaints.clear()


def test_an_unreachable_server_shows_our_message(page: Page, complaints: list[str]):
    Elements(page).open(place_order(page))
    page.route("**/checkout/update/**", lambda route: route.abort())

    change_quantity(page, "3")

    expect(page.locator("[data-checkout-error-for=items]")).to_contain_text("could not be reached")
    assert all("ERR_FAILED" in complaint for complaint in complaints)
    complaints.clear()


@WITHIN
def test_an_expired_session_can_be_replaced_by_a_new_one(page: Page, ui: str):
    page.clock.install()
    pay_url = place_order(page)
    checkout, session_id = open_checkout(page, ui, pay_url)

    expire(page, session_id)
    with page.expect_request(re.compile("/checkout/status/.+&read=0$")):
        page.clock.fast_forward(LOOK_MS)

    expect(page.get_by_role("alert")).to_contain_text("has expired")
    expect(checkout.pay_button).to_be_hidden()
    assert_accessible(page)
    with page.expect_response(re.compile("/checkout/secret/")) as answer:
        page.get_by_role("button", name="Start over").click()
    assert answer.value.json()["session_id"] != session_id
    expect(checkout.pay_button).to_be_visible()
    expect(page.get_by_role("button", name="Start over")).to_be_hidden()


def test_a_session_that_expired_in_the_background_is_noticed_on_return(page: Page):
    _, session_id = open_checkout(page, "embedded", place_order(page))
    expire(page, session_id)

    # A headless page is always visible.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.get_by_role("button", name="Start over")).to_be_visible()


@WITHIN
def test_a_session_that_has_ended_is_not_polled(page: Page, ui: str):
    page.clock.install()
    _, session_id = open_checkout(page, ui, place_order(page))
    expire(page, session_id)
    page.clock.fast_forward(LOOK_MS)
    expect(page.get_by_role("button", name="Start over")).to_be_visible()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.fast_forward(LOOK_MS)
    page.evaluate("new Promise((resume) => fetch(location.href).then(resume))")

    assert [url for url in requested if "/checkout/status/" in url] == []


def test_paying_with_an_expired_session_offers_a_new_one(page: Page, complaints: list[str]):
    checkout, session_id = open_checkout(page, "elements", place_order(page))
    checkout.fill_address()
    checkout.choose_card(GOOD)
    expect(checkout.pay_button).to_be_enabled()
    expire(page, session_id)

    # Stripe.js reports an error, so the page lets our server read the session.
    with page.expect_request(re.compile(f"/checkout/status/.+={session_id}$")):
        checkout.pay_button.click()

    expect(page.get_by_role("button", name="Start over")).to_be_focused()
    # The browser logs the response to the payment.
    assert all("status of 4" in complaint for complaint in complaints)
    complaints.clear()


@WITHIN
def test_an_order_that_is_paid_meanwhile_redirects_to_its_status(page: Page, ui: str):
    page.clock.install()
    pay_url = place_order(page)
    open_checkout(page, ui, pay_url)
    elsewhere = Hosted(page.context.new_page())
    elsewhere.open(pay_url)
    elsewhere.fill_address()
    elsewhere.choose_card(GOOD)
    elsewhere.pay_button.click()
    expect_paid(elsewhere.page)

    page.clock.fast_forward(LOOK_MS)

    expect_paid(page)
