"""What the payment page shows and asks for: the shop, images, intervals, one name, and what was entered before."""

from __future__ import annotations

import re

import pytest

from tests.amounts import money

from .conftest import text_of
from .test_pages import TYPED

IMAGE = "https://images.example.com/teapot.png"
ADDRESS = {
    "shipping_name": "Kim Doe",
    "shipping_line1": "Gasse 1",
    "shipping_postal_code": "1010",
    "shipping_city": "Wien",
    "shipping_country": "AT",
}
SHIPPED = {"shipping_address_collection": {"allowed_countries": ["AT", "DE"]}}


def monthly(count=1, **product):
    recurring = {"interval": "month", "interval_count": count}
    price = {
        "currency": "eur",
        "unit_amount": 1200,
        "recurring": recurring,
        "product_data": {"name": "Club", **product},
    }
    return [{"quantity": 1, "price_data": price}]


def subscription(make_session, **params):
    return make_session(**{"mode": "subscription", "line_items": monthly(), **params})


def names_of(text):
    """Return the labels of the fields that ask for a name."""
    return re.findall(r'<label for="id_(\w*name)"', text)


def test_the_shop_is_named_by_its_branding_or_its_account(visitor, client, make_session):
    branded = make_session(branding_settings={"display_name": "Thistle & Slip"})
    account = client.v1.accounts.retrieve_current()

    assert "Back to Thistle & Slip" in text_of(visitor.get(f"/pay/{branded.id}"))
    assert f"Back to {account.business_profile.name}" in text_of(visitor.get(f"/pay/{make_session().id}"))


@pytest.mark.parametrize(
    ("colors", "rules"),
    [
        ({"button_color": "#123"}, [".pay { --action: #112233;", "--on-action: #ffffff; }"]),
        ({"button_color": "#FFEE00"}, [".pay { --action: #ffee00;", "--on-action: #1b2233; }"]),
        ({"background_color": "#ffffffcc", "border_style": "pill"}, ["--ink: #ffffff; --on-ink: #1b2233;", "1.5rem"]),
    ],
)
def test_the_page_has_the_colors_of_the_shop_in_a_readable_way(visitor, make_session, colors, rules):
    page = text_of(visitor.get(f"/pay/{make_session(branding_settings=colors).id}"))

    (path,) = re.findall(r'href="(\S*/assets/branding/[^"]+)"', page)
    css = text_of(visitor.get(path))
    assert all(rule in css for rule in rules), css


@pytest.mark.parametrize("path", ["branding/000-fff-.css", "branding/red--.css", "branding/-.css"])
def test_an_unknown_stylesheet_is_not_found(visitor, path):
    assert visitor.get(f"/assets/{path}").status == 404


def test_a_page_without_branding_has_the_emulators_colors(visitor, make_session):
    assert "branding" not in text_of(visitor.get(f"/pay/{make_session().id}"))


def test_images_of_products_are_shown_and_allowed_by_the_policy(visitor, make_session):
    price = {"currency": "eur", "unit_amount": 1250, "product_data": {"name": "Teapot", "images": [IMAGE]}}
    session = make_session(line_items=[{"quantity": 2, "price_data": price}])

    page = visitor.get(f"/pay/{session.id}")

    assert f'<img class="tile" src="{IMAGE}" alt=""' in text_of(page)
    assert "img-src 'self' https://images.example.com;" in page.headers["Content-Security-Policy"]
    assert f"Qty 2, {money('12.50')} each" in text_of(page)


@pytest.mark.parametrize(("count", "words"), [(1, "per month"), (3, "every 3 months")])
def test_a_subscription_names_its_price_and_interval(visitor, make_session, count, words):
    text = text_of(visitor.get(f"/pay/{subscription(make_session, line_items=monthly(count)).id}"))

    assert f'<span class="total">{money("12.00")} {words}</span>' in text
    assert "Due today" in text


def test_a_first_payment_that_differs_is_shown_with_the_later_price(visitor, make_session):
    setup_fee = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Welcome box"}}
    session = subscription(make_session, line_items=[*monthly(), {"quantity": 1, "price_data": setup_fee}])

    text = text_of(visitor.get(f"/pay/{session.id}"))

    assert f'<span class="total">{money("17.00")}</span>' in text
    assert f"Then {money('12.00')} per month" in text


def test_a_trial_names_its_days_and_the_first_charge_in_german(visitor, emulator, make_session):
    session = subscription(make_session, subscription_data={"trial_period_days": 14}, locale="de")

    text = text_of(visitor.get(f"/pay/{session.id}"))

    assert "14 Tage kostenlos" in text
    assert re.search(rf"Danach {re.escape(money('12.00', language='de'))} pro Monat, ab \d{{1,2}}\. \w+ \d{{4}}<", text)
    assert ">Probezeit starten<" in text


def test_one_name_is_asked_for_without_script_too(visitor, make_session):
    shipped = text_of(visitor.get(f"/pay/{make_session(**SHIPPED).id}"))
    other = text_of(visitor.get(f"/pay/{make_session().id}"))

    # The style sheet hides the fields of the billing address while the box is checked.
    assert re.search(r'id="id_same_address"[^>]* checked', shipped)
    assert names_of(shipped.partition('class="billing-fields"')[0]) == ["shipping_name"]
    assert names_of(other) == ["name"]


@pytest.mark.parametrize("typed", [{"same_address": "1"}, {"same_address": "1", "name": "X", "country": "DE"}, {}])
def test_the_shipping_address_is_the_billing_address(visitor, emulator, make_session, typed):
    session = make_session(**SHIPPED, billing_address_collection="required")

    assert visitor.send(f"/pay/{session.id}", **TYPED, **ADDRESS, **typed).status == 303

    details = emulator.get(session.id)["customer_details"]
    assert (details["name"], details["address"]["line1"]) == ("Kim Doe", "Gasse 1")
    assert (details["address"]["country"], details["address"]["postal_code"]) == ("AT", "1010")


def test_another_billing_address_can_be_entered(visitor, emulator, make_session):
    session = make_session(**SHIPPED)
    billing = {"name": "Ada Roe", "country": "DE", "postal_code": "20457"}

    visitor.send(f"/pay/{session.id}", **TYPED, **ADDRESS, **billing)

    done = emulator.get(session.id)
    assert (done["customer_details"]["name"], done["customer_details"]["address"]["country"]) == ("Ada Roe", "DE")
    assert done["collected_information"]["shipping_details"]["name"] == "Kim Doe"


def test_a_missing_part_of_a_shared_address_is_marked_where_it_is_shown(visitor, make_session):
    session = make_session(**SHIPPED, billing_address_collection="required")

    typed = {**ADDRESS, "shipping_postal_code": "", "same_address": "1"}
    text = text_of(visitor.send(f"/pay/{session.id}", **TYPED, **typed))

    assert 'id="error_shipping_postal_code"' in text
    assert 'id="error_postal_code"' not in text


def test_a_session_without_shipping_has_no_address_fields(visitor, make_session):
    """An order that is picked up, as the shop's checkout says, has one free option and no address."""
    amount = {"amount": 0, "currency": "eur"}
    pick_up = {"shipping_rate_data": {"display_name": "Pick-up", "type": "fixed_amount", "fixed_amount": amount}}

    text = text_of(visitor.get(f"/pay/{make_session(shipping_options=[pick_up]).id}"))

    assert "Pick-up" in text
    assert "shipping_line1" not in text
    assert "Shipping address" not in text


def test_what_was_entered_is_kept_after_a_failed_challenge(visitor, make_session):
    path = f"/pay/{make_session(**SHIPPED).id}"
    visitor.send(path, **{**TYPED, "card_number": "4000002500003155"}, **ADDRESS)

    text = text_of(visitor.send(f"{path}/authenticate", answer="fail"))

    for value in ("kim@example.com", "Kim Doe", "Gasse 1", "1010", "Wien"):
        assert f'value="{value}"' in text
    assert "4000002500003155" not in text.replace(" ", "").partition("test-cards")[0]


def test_a_decline_is_in_the_language_of_the_page(visitor, make_session):
    text = text_of(visitor.send(f"/pay/{make_session(locale='de').id}", **{**TYPED, "card_number": "4000000000009995"}))

    assert "Ihre Karte ist nicht ausreichend gedeckt." in text


@pytest.mark.parametrize("step", ["", "/authenticate"])
def test_every_page_says_that_it_is_a_test_page(visitor, client, step):
    url = "https://shop.example.com/"
    session = client.v1.checkout.sessions.create({"mode": "setup", "currency": "eur", "success_url": url})

    text = text_of(visitor.get(f"/pay/{session.id}{step}"))

    assert "Test page" in text
    assert "No card is charged" in text
    assert "You are paying" not in text
