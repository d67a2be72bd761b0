from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stripe
from playwright.sync_api import FrameLocator, Page, expect

from django_checkout.emulator import Emulator
from tests.amounts import money
from tests.emulator.conftest import session_params

from .conftest import ShopServer, until

pytestmark = pytest.mark.browser
#: What does not depend on the width.
on_desktop = pytest.mark.parametrize("screen", ["desktop"], indirect=True)

Open = Callable[[str], Page]


@pytest.fixture
def new_session(client: stripe.StripeClient, shop: ShopServer) -> Callable[..., stripe.checkout.Session]:
    def make(**params: Any) -> stripe.checkout.Session:
        wanted = session_params(ui_mode="embedded_page", return_url=f"{shop.url}/return/?id={{CHECKOUT_SESSION_ID}}")
        del wanted["success_url"], wanted["cancel_url"]
        wanted |= params
        return client.v1.checkout.sessions.create({k: v for k, v in wanted.items() if v is not None})  # type: ignore[arg-type]

    return make


def embedded(page: Page) -> FrameLocator:
    return page.frame_locator("#embedded iframe")


def fill(frame: FrameLocator, card: str = "4242 4242 4242 4242") -> None:
    frame.get_by_label("E-mail").fill("kim@example.com")
    frame.get_by_label("Card number").fill(card)
    frame.get_by_label("Expiry").fill("12 / 34")
    frame.get_by_label("CVC").fill("123")


def pay(page: Page, card: str = "4242 4242 4242 4242") -> None:
    frame = embedded(page)
    fill(frame, card)
    frame.get_by_role("button", name=f"Pay {money('10.00')}").click()


def test_a_paid_page_returns_to_the_shop(
    emulator: Emulator, open_shop: Open, new_session: Any, shop: ShopServer
) -> None:
    session = new_session()
    page = open_shop(session.client_secret)
    page.evaluate("shop.embed()")

    pay(page)

    page.wait_for_url(f"{shop.url}/return/?id={session.id}")
    assert emulator.get(session.id)["payment_status"] == "paid"


@on_desktop
def test_a_page_that_stays_calls_back(emulator: Emulator, open_shop: Open, new_session: Any) -> None:
    session = new_session(redirect_on_completion="never", return_url=None)
    page = open_shop(session.client_secret)
    page.evaluate("shop.embed()")

    pay(page)

    until(page, "shop.completed === 1")
    expect(embedded(page).get_by_role("heading", name="All done")).to_be_visible()
    assert page.evaluate("shop.events") == ["checkoutRendered", "checkoutSubmitted"]


def test_a_declined_card_may_be_followed_by_another(open_shop: Open, new_session: Any) -> None:
    session = new_session(redirect_on_completion="if_required")
    page = open_shop(session.client_secret)
    page.evaluate("shop.embed()")
    pay(page, "4000 0000 0000 0002")
    expect(embedded(page).get_by_role("alert")).to_contain_text("declined")

    pay(page)

    until(page, "shop.completed === 1")


@pytest.mark.parametrize("answer", ["Complete authentication", "Fail authentication"])
def test_the_bank_asks_within_the_frame(emulator: Emulator, open_shop: Open, new_session: Any, answer: str) -> None:
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


def test_the_frame_is_as_high_as_its_content(open_shop: Open, new_session: Any) -> None:
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
def test_one_page_at_a_time_and_none_after_it_was_destroyed(open_shop: Open, new_session: Any) -> None:
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
def test_a_secret_that_does_not_fit_is_refused(
    client: stripe.StripeClient, open_shop: Open, new_session: Any, complaints: list[str], fault: str
) -> None:
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
def test_old_names_say_the_new_ones(open_shop: Open, new_session: Any, name: str) -> None:
    page = open_shop(new_session().client_secret)

    message = page.evaluate(
        "name => { try { shop.stripe[name]({}) } catch (error) { return `${error.name} ${error.message}` } }", name
    )

    assert message.startswith(f"IntegrationError stripe.{name} is no longer there. Use ")


@on_desktop
@pytest.mark.parametrize("key", ["", "sk_test_1", "pk_live_1"])
def test_keys_that_do_not_belong_in_a_page_are_refused(open_shop: Open, new_session: Any, key: str) -> None:
    page = open_shop(new_session().client_secret)

    tried = "key => { try { Stripe(key); return '' } catch (error) { return error.name } }"
    assert page.evaluate(tried, key) == "IntegrationError"
