from __future__ import annotations

from functools import partial

import pytest
from playwright.sync_api import expect

from tests.amounts import money

from .conftest import create_session, until

pytestmark = pytest.mark.browser
#: Tests that do not depend on the screen.
on_desktop = pytest.mark.parametrize("screen", ["desktop"], indirect=True)


@pytest.fixture
def new_session(client, shop):
    return partial(create_session, client, shop, "embedded_page")


def embedded(page):
    return page.frame_locator("#embedded iframe")


def fill(frame, card="4242 4242 4242 4242"):
    frame.get_by_label("E-mail").fill("kim@example.com")
    frame.get_by_label("Card number").fill(card)
    frame.get_by_label("Expiry").fill("12 / 34")
    frame.get_by_label("CVC").fill("123")


def pay(page, card="4242 4242 4242 4242"):
    frame = embedded(page)
    fill(frame, card)
    frame.get_by_role("button", name=f"Pay {money('10.00')}").click()


def test_a_paid_page_redirects_to_the_shop(emulator, open_shop, new_session, shop):
    session = new_session()
    page = open_shop(session.client_secret)
    page.evaluate("shop.embed()")

    pay(page)

    page.wait_for_url(f"{shop.url}/return/?id={session.id}")
    assert emulator.get(session.id)["payment_status"] == "paid"


@on_desktop
def test_a_page_without_redirect_calls_back(emulator, open_shop, new_session):
    session = new_session(redirect_on_completion="never", return_url=None)
    page = open_shop(session.client_secret)
    page.evaluate("shop.embed()")

    pay(page)

    until(page, "shop.completed === 1")
    expect(embedded(page).get_by_role("heading", name="All done")).to_be_visible()
    assert page.evaluate("shop.events") == ["checkoutRendered", "checkoutSubmitted"]


def test_a_declined_card_can_be_replaced(open_shop, new_session):
    session = new_session(redirect_on_completion="if_required")
    page = open_shop(session.client_secret)
    page.evaluate("shop.embed()")
    pay(page, "4000 0000 0000 0002")
    expect(embedded(page).get_by_role("alert")).to_contain_text("declined")

    pay(page)

    until(page, "shop.completed === 1")


@on_desktop
def test_the_page_in_the_frame_is_not_shown_before_its_script_has_run(open_shop, new_session, shop):
    page = open_shop(new_session().client_secret)
    page.evaluate("shop.embed()")
    frame = embedded(page)
    fill(frame, "4000 0000 0000 0002")
    held = []
    page.route("**/assets/frame.js", lambda route: held.append(route), times=1)
    frame.get_by_role("button", name=f"Pay {money('10.00')}").click()
    while not held:
        page.wait_for_timeout(50)

    # A form that is shown earlier is moved while the shopper presses its button.
    page.wait_for_timeout(500)
    assert frame.get_by_role("alert").count() == 0
    held[0].continue_()

    pay(page)

    page.wait_for_url(f"{shop.url}/return/**")


@pytest.mark.parametrize("answer", ["Complete authentication", "Fail authentication"])
def test_3d_secure_is_in_the_frame(emulator, open_shop, new_session, answer):
    session = new_session(redirect_on_completion="if_required")
    page = open_shop(session.client_secret)
    page.evaluate("shop.embed()")

    pay(page, "4000 0025 0000 3155")
    embedded(page).get_by_role("button", name=answer).click()

    if answer.startswith("Complete"):
        until(page, "shop.completed === 1")
    else:
        expect(embedded(page).get_by_role("alert")).to_contain_text("authenticate")
        assert emulator.get(session.id)["status"] == "open"


def test_the_frame_is_as_high_as_its_content(open_shop, new_session):
    page = open_shop(new_session().client_secret)
    page.evaluate("shop.embed()")
    embedded(page).get_by_label("E-mail").wait_for()

    frame = page.locator("#embedded iframe").element_handle()
    assert frame
    content = frame.content_frame()
    assert content
    until(content, "document.documentElement.scrollHeight <= window.innerHeight + 1")
    assert content.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@on_desktop
def test_only_one_page_exists_at_a_time(open_shop, new_session):
    page = open_shop(new_session().client_secret)
    page.evaluate("shop.embed()")

    second = "shop.embed().catch((error) => `${error.name}: ${error.message}`)"
    assert page.evaluate(second) == "IntegrationError: You cannot have multiple Embedded Checkout objects."
    page.evaluate("shop.embedded.unmount()")
    assert page.locator("#embedded iframe").count() == 0
    page.evaluate("shop.embedded.mount('#embedded')")
    page.evaluate("shop.embedded.destroy()")
    assert page.evaluate("shop.embed().then(() => 'again')") == "again"


@on_desktop
@pytest.mark.parametrize("fault", ["wrong", "elements", "garbled"])
def test_a_wrong_secret_is_refused(client, open_shop, new_session, complaints, fault):
    session = new_session()
    secrets = {
        "wrong": f"{session.id}_secret_wrong",
        "garbled": "secret",
        "elements": new_session(ui_mode="elements").client_secret,
    }
    page = open_shop(session.client_secret)

    refused = page.evaluate("secret => shop.embed(secret).catch((error) => error.name)", secrets[fault])

    assert refused == "IntegrationError"
    complaints[:] = [text for text in complaints if "401" not in text]


@on_desktop
@pytest.mark.parametrize("name", ["initEmbeddedCheckout", "initCheckout", "redirectToCheckout"])
def test_removed_functions_name_their_replacement(open_shop, new_session, name):
    page = open_shop(new_session().client_secret)

    message = page.evaluate(
        "name => { try { shop.stripe[name]({}) } catch (error) { return `${error.name} ${error.message}` } }", name
    )

    assert message.startswith(f"IntegrationError stripe.{name} has been removed. Use ")


@on_desktop
@pytest.mark.parametrize("key", ["", "sk_test_1", "pk_live_1"])
def test_keys_that_are_not_publishable_test_keys_are_refused(open_shop, new_session, key):
    page = open_shop(new_session().client_secret)

    tried = "key => { try { Stripe(key); return '' } catch (error) { return error.name } }"
    assert page.evaluate(tried, key) == "IntegrationError"
