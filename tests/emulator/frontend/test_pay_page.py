"""The hosted payment page in the browser: totals that follow choices, narrow screens, dark mode, accessibility."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.amounts import money
from tests.browser.axe import assert_accessible
from tests.emulator.conftest import session_params

pytestmark = pytest.mark.browser

GOOD, DECLINED, CHALLENGED = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0025 0000 3155"
SHIPPED = {"shipping_address_collection": {"allowed_countries": ["AT", "DE"]}}


@pytest.fixture
def screen():
    return "phone"


@pytest.fixture
def shop_url(shop):
    return f"{shop.url}/return/"


@pytest.fixture
def create(client, shop_url):
    """Create a session with a hosted page, and return it."""

    def created(**params):
        return client.v1.checkout.sessions.create(session_params(**{"success_url": shop_url, **params}))

    return created


def rates(**amounts):
    return [
        {
            "shipping_rate_data": {
                "display_name": name,
                "type": "fixed_amount",
                "fixed_amount": {"amount": amount, "currency": "eur"},
            }
        }
        for name, amount in amounts.items()
    ]


def line(amount, **params):
    price = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Tea"}}
    return {"quantity": 1, "price_data": price, **params}


def button(page, amount, verb="Pay"):
    return page.get_by_role("button", name=f"{verb} {money(amount)}")


def fill_card(page, number=GOOD):
    page.get_by_label("E-mail").fill("kim@example.com")
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")


def test_the_total_follows_every_choice(page: Page, client, create, emulator):
    wrapping = client.v1.prices.create({"currency": "eur", "unit_amount": 300, "product_data": {"name": "Wrapping"}})
    client.v1.coupons.create({"id": "ten", "percent_off": 10, "name": "Welcome"})
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": "ten"}, "code": "WELCOME10"})
    session = create(
        line_items=[line(1000, adjustable_quantity={"enabled": True, "minimum": 1, "maximum": 5})],
        shipping_options=rates(Parcel=490, Express=1290),
        allow_promotion_codes=True,
        optional_items=[{"price": wrapping.id, "quantity": 1}],
    )
    page.goto(session.url)
    page.get_by_label("E-mail").fill("kim@example.com")
    expect(page.get_by_role("button", name="Update total")).to_be_hidden()

    page.get_by_label(re.compile("^Express")).check()
    expect(button(page, "22.90")).to_be_enabled()
    page.get_by_label(re.compile("^Quantity")).fill("2")
    page.get_by_label(re.compile("^Quantity")).blur()
    expect(button(page, "32.90")).to_be_enabled()
    page.get_by_label(re.compile("Wrapping")).check()
    expect(button(page, "35.90")).to_be_enabled()
    expect(page.locator(".lines .line-name")).to_have_text(["Tea", "Wrapping"])
    page.get_by_label("Promotion code").fill("NONE")
    page.get_by_label("Promotion code").press("Enter")
    expect(page.get_by_text("This code is invalid.")).to_be_visible()
    page.get_by_label("Promotion code").fill("WELCOME10")
    page.get_by_role("button", name="Apply").click()
    expect(button(page, "33.60")).to_be_enabled()
    expect(page.get_by_role("button", name="Remove WELCOME10")).to_be_focused()
    expect(page.locator("[data-announce]")).to_contain_text(money("33.60"))
    page.get_by_role("button", name="Remove WELCOME10").press("Enter")
    expect(button(page, "35.90")).to_be_enabled()

    expect(page.get_by_label("E-mail")).to_have_value("kim@example.com")
    fill_card(page)
    button(page, "35.90").click()
    expect(page).to_have_url(re.compile("/return/"))
    assert emulator.get(session.id)["amount_total"] == 3590


def test_a_session_that_expires_meanwhile_says_so(page: Page, create, emulator):
    session = create(shipping_options=rates(Parcel=490, Express=1290))
    page.goto(session.url)
    emulator.expire(session.id)

    page.get_by_label(re.compile("^Express")).click()

    expect(page.get_by_role("heading", name="This checkout has expired")).to_be_visible()


def test_the_total_can_be_updated_without_script(browser: Browser, create):
    with browser.new_context(java_script_enabled=False, locale="en-GB") as context:
        page = context.new_page()
        page.goto(create(shipping_options=rates(Parcel=490, Express=1290)).url)

        page.get_by_label(re.compile("^Express")).check()
        page.get_by_role("button", name="Update total").click()

        expect(button(page, "22.90")).to_be_visible()


def test_a_test_card_fills_in_the_form_and_a_number_is_grouped(page: Page, create):
    page.goto(create().url)

    page.get_by_label("Card number").press_sequentially("5555555555554444")
    page.get_by_label("Expiry").press_sequentially("1234")
    expect(page.get_by_label("Card number")).to_have_value("5555 5555 5555 4444")
    expect(page.get_by_label("Expiry")).to_have_value("12 / 34")
    page.get_by_role("button", name=DECLINED).click()

    expect(page.get_by_label("Card number")).to_have_value(DECLINED)
    expect(page.get_by_label("CVC")).to_have_value("123")


def test_a_billing_address_is_asked_for_only_if_it_differs(page: Page, create):
    page.goto(create(**SHIPPED).url)
    expect(page.get_by_label(re.compile("name", re.IGNORECASE)).filter(visible=True)).to_have_count(1)

    page.get_by_label("The billing address is the shipping address").uncheck()

    expect(page.get_by_label("Name on card")).to_be_visible()


def test_errors_are_focused_and_named(page: Page, create):
    page.goto(create(**SHIPPED).url)

    page.get_by_role("button", name=re.compile("^Pay ")).click()

    expect(page.get_by_role("alert").first).to_be_focused()
    expect(page).to_have_title(re.compile("^Error"))
    expect(page.get_by_label("Card number")).to_have_accessible_description("Enter a card number.")


def once(create):
    return create(
        **SHIPPED,
        line_items=[line(1250, quantity=2, adjustable_quantity={"enabled": True})],
        shipping_options=rates(Parcel=490, Express=1290),
        allow_promotion_codes=True,
        tax_id_collection={"enabled": True},
        branding_settings={"display_name": "Donaudampfschifffahrtsgesellschaft & Cie"},
    )


def trial(create):
    monthly = line(900)
    monthly["price_data"]["recurring"] = {"interval": "month", "interval_count": 3}
    return create(mode="subscription", line_items=[monthly], subscription_data={"trial_period_days": 14})


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
def test_every_page_fits_a_narrow_screen_and_is_accessible(
    browser: Browser, create, client, shop_url, emulator, scheme, language
):
    setup = client.v1.checkout.sessions.create({"mode": "setup", "currency": "eur", "success_url": shop_url})
    challenged, expired = create(), create()
    emulator.pay(challenged.id, CHALLENGED.replace(" ", ""))
    emulator.expire(expired.id)
    urls = [once(create).url, trial(create).url, setup.url, f"{challenged.url}/authenticate", expired.url]
    context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme, locale=language)
    page = context.new_page()

    for url in urls:
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert_accessible(page)
    page.goto(urls[0])
    page.locator("button.pay").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert_accessible(page)
    ground = page.locator(".payment").evaluate("(node) => getComputedStyle(node).backgroundColor")
    assert (ground != "rgb(255, 255, 255)") == (scheme == "dark")
    context.close()


def test_the_initial_of_a_product_is_readable_on_the_shops_background(browser: Browser, create):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()

    page.goto(create(branding_settings={"background_color": "#ffffff"}).url)

    colors = "node => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
    text, background = page.locator("span.tile").first.evaluate(colors)
    assert text != background
    context.close()
