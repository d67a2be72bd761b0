"""Optional parts of the payment page, and their results on the session."""

from __future__ import annotations

import pytest

from tests.amounts import money

from .conftest import text_of
from .test_pages import TYPED


def path_of(session):
    return f"/pay/{session.id}"


@pytest.fixture
def code(client):
    client.v1.coupons.create({"id": "ten", "percent_off": 10, "name": "Welcome"})
    promotion = {"type": "coupon", "coupon": "ten"}
    return client.v1.promotion_codes.create({"promotion": promotion, "code": "WELCOME10"}).code


def test_a_code_is_applied_removed_and_paid_with(emulator, visitor, make_session, code):
    session = make_session(allow_promotion_codes=True)

    applied = text_of(visitor.send(path_of(session), apply_code="1", promotion_code=code))
    assert f"Pay {money('9.00')}" in applied
    assert "Welcome" in applied
    assert f"Pay {money('10.00')}" in text_of(visitor.send(path_of(session), remove_code="1"))
    visitor.send(path_of(session), apply_code="1", promotion_code=code)
    assert visitor.send(path_of(session), **TYPED).status == 303
    assert emulator.get(session.id)["amount_total"] == 900


def test_the_names_that_the_shop_asks_for_are_collected(emulator, visitor, make_session):
    asked = {"business": {"enabled": True, "optional": True}, "individual": {"enabled": True}}
    session = make_session(name_collection=asked)
    page = text_of(visitor.get(path_of(session)))
    assert ("Business name (optional)" in page, "Full name</label>" in page) == (True, True)

    assert "Enter a name." in text_of(visitor.send(path_of(session), **TYPED))
    visitor.send(path_of(session), **TYPED, individual_name="Kim Kaufer", business_name="Tea Ltd")

    done = emulator.get(session.id)
    for names in (done["customer_details"], done["collected_information"]):
        assert (names["individual_name"], names["business_name"]) == ("Kim Kaufer", "Tea Ltd")


@pytest.mark.parametrize("typed", [{"apply_code": "1", "promotion_code": "NONE"}, {"apply_code": "1"}])
def test_a_wrong_code_is_an_error_next_to_its_field(visitor, make_session, typed):
    text = text_of(visitor.send(path_of(make_session(allow_promotion_codes=True)), **typed))

    assert 'id="error_promotion_code" role="alert">This code is invalid.' in text


def test_without_promotion_codes_there_is_no_code_field(visitor, make_session):
    assert "promotion_code" not in text_of(visitor.get(path_of(make_session())))


def test_tax_is_shown_before_it_is_charged(emulator, visitor, make_session):
    session = make_session(automatic_tax={"enabled": True})
    emulator.set_tax("10")
    assert "depends on your address" in text_of(visitor.get(path_of(session)))

    typed = {**TYPED, "country": "DE", "shown_total": "1000"}
    first = text_of(visitor.send(path_of(session), **typed))
    assert "The total has changed" in first
    assert "VAT 10 %" in first
    assert visitor.send(path_of(session), **{**typed, "shown_total": "1100"}).status == 303

    done = emulator.get(session.id)
    assert (done["amount_total"], done["total_details"]["amount_tax"]) == (1100, 100)
    assert done["automatic_tax"]["status"] == "complete"


def test_inclusive_tax_is_part_of_the_price(emulator, client):
    price = {"currency": "eur", "unit_amount": 1200, "product_data": {"name": "Tea"}, "tax_behavior": "inclusive"}
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": price}],
            "automatic_tax": {"enabled": True},
            "success_url": "https://shop.example.com/",
        }
    )
    emulator.pay(session.id, country="DE")

    expand = ["line_items.data.taxes", "total_details.breakdown"]
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": expand})
    assert (done.amount_subtotal, done.amount_total) == (1200, 1200)
    assert done.line_items.data[0].amount_tax == 200
    assert done.total_details.breakdown.taxes[0].rate.inclusive


def test_exempt_customers_pay_no_tax(emulator, client, make_session):
    address = {"country": "DE"}
    customer = client.v1.customers.create({"email": "a@example.com", "tax_exempt": "exempt", "address": address})
    session = make_session(automatic_tax={"enabled": True}, customer=customer.id)

    assert session.automatic_tax.status == "complete"
    assert session.amount_total == 1000


def test_custom_fields_are_shown_validated_and_saved(emulator, visitor, make_session):
    def label(text):
        return {"type": "custom", "custom": text}

    session = make_session(
        custom_fields=[
            {"key": "note", "label": label("Engraving"), "type": "text", "text": {"maximum_length": 3}},
            {"key": "age", "label": label("Age"), "type": "numeric", "optional": True},
            {
                "key": "size",
                "label": label("Size"),
                "type": "dropdown",
                "dropdown": {"options": [{"label": "Small", "value": "s"}]},
            },
        ],
        phone_number_collection={"enabled": True},
        consent_collection={"terms_of_service": "required", "promotions": "auto"},
        tax_id_collection={"enabled": True},
        billing_address_collection="required",
    )
    wrong = {"custom_note": "long", "custom_age": "old", "custom_size": "xl", "tax_id": ""}
    refused = text_of(visitor.send(path_of(session), **TYPED, **wrong))
    assert "Age (optional)</label>" in refused
    for field in ("custom_note", "custom_age", "custom_size", "phone", "terms", "line1"):
        assert f'id="error_{field}"' in refused
    bad_tax = text_of(visitor.send(path_of(session), **TYPED, tax_id_type="eu_vat", tax_id="1"))
    assert 'id="error_tax_id"' in bad_tax

    right = {"custom_note": "abc", "custom_size": "s", "phone": "+49 1234", "terms": "1", "promotions": "1"}
    right |= {"line1": "Weg 1", "city": "Ulm", "postal_code": "89073", "country": "DE"}
    right |= {"tax_id_type": "eu_vat", "tax_id": "DE123456789", "business_name": "Tea Ltd"}
    assert visitor.send(path_of(session), **TYPED, **right).status == 303

    done = emulator.get(session.id)
    assert [field[field["type"]]["value"] for field in done["custom_fields"]] == ["abc", None, "s"]
    assert done["consent"] == {"promotions": "opt_in", "terms_of_service": "accepted"}
    details = done["customer_details"]
    assert details["phone"] == "+49 1234"
    assert details["address"]["line1"] == "Weg 1"
    assert details["tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]
    assert done["collected_information"]["business_name"] == "Tea Ltd"


def test_optional_items_are_added_and_removed(emulator, client, visitor, make_session):
    price = client.v1.prices.create({"currency": "eur", "unit_amount": 250, "product_data": {"name": "Spoon"}})
    session = make_session(optional_items=[{"price": price.id, "quantity": 2}])

    assert f"Pay {money('15.00')}" in text_of(visitor.send(path_of(session), update="1", optional_0="1"))
    assert f"Pay {money('10.00')}" in text_of(visitor.send(path_of(session), update="1"))
    visitor.send(path_of(session), **TYPED, optional_0="1")

    lines = client.v1.checkout.sessions.line_items.list(session.id).data
    assert [(line.description, line.quantity) for line in lines] == [("Tea", 2), ("Spoon", 2)]
    assert emulator.get(session.id)["amount_total"] == 1500


def test_the_local_currency_is_chosen_on_the_page(emulator, visitor, make_session):
    session = make_session(adaptive_pricing={"enabled": True})
    typed = {**TYPED, "country": "GB"}
    assert 'value="gbp"' in text_of(visitor.send(path_of(session), **typed, update="1"))
    assert f"Pay {money('1.00', 'gbp')[0]}" in text_of(visitor.send(path_of(session), **typed, currency="gbp"))

    assert visitor.send(path_of(session), **typed).status == 303

    done = emulator.get(session.id)
    assert (done["currency"], done["amount_total"]) == ("eur", 1000)
    assert done["presentment_details"] == emulator.get(done["payment_intent"])["presentment_details"]
    assert "closed" not in text_of(visitor.get(path_of(session)))


def test_a_currency_that_is_not_offered_is_refused(visitor, make_session):
    session = make_session(adaptive_pricing={"enabled": True})

    assert "not offered" in text_of(visitor.send(path_of(session), **TYPED, currency="jpy"))


def test_a_card_is_saved_on_the_page_and_offered_again(emulator, client, visitor, make_session):
    customer = client.v1.customers.create({"email": "kim@example.com"})
    params = {"customer": customer.id, "saved_payment_method_options": {"payment_method_save": "enabled"}}
    visitor.send(path_of(make_session(**params)), **TYPED, save_card="1")
    kept = client.v1.customers.payment_methods.list(customer.id).data[0]
    session = make_session(**params)
    assert "VISA •••• 4242" in text_of(visitor.get(path_of(session)))

    assert visitor.send(path_of(session), method="pm_none").status == 409
    assert visitor.send(path_of(session), method=kept.id).status == 303
    assert emulator.get(emulator.get(session.id)["payment_intent"])["payment_method"] == kept.id


def test_subscriptions_and_setups_have_their_own_pages(emulator, client, visitor):
    month = {
        "currency": "eur",
        "unit_amount": 900,
        "recurring": {"interval": "month", "interval_count": 3},
        "product_data": {"name": "Club"},
    }
    url = "https://shop.example.com/"
    line = {"price_data": month, "quantity": 1}
    trial = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [line],
            "subscription_data": {"trial_period_days": 7},
            "success_url": url,
        }
    )
    setup = client.v1.checkout.sessions.create({"mode": "setup", "currency": "eur", "success_url": url})

    text = text_of(visitor.get(path_of(trial)))
    assert "7 days free" in text
    assert f"Then {money('9.00')} every 3 months, from " in text
    assert ">Start trial<" in text
    assert 'id="error_card_number"' in text_of(visitor.send(path_of(trial), email="kim@example.com"))
    assert visitor.send(path_of(trial), **TYPED).status == 303
    assert ">Save card<" in text_of(visitor.get(path_of(setup)))
    assert visitor.send(path_of(setup), **TYPED).status == 303
    assert emulator.get(setup.id)["status"] == "complete"


def test_delivery_estimates_are_shown(visitor, make_session):
    def rate(**estimate):
        amount = {"amount": 500, "currency": "eur"}
        data = {"display_name": "Post", "type": "fixed_amount", "fixed_amount": amount, "delivery_estimate": estimate}
        return {"shipping_rate_data": data}

    two, five = {"unit": "business_day", "value": 2}, {"unit": "business_day", "value": 5}
    session = make_session(
        shipping_options=[rate(minimum=two, maximum=five), rate(maximum={"unit": "week", "value": 1})]
    )

    text = text_of(visitor.get(path_of(session)))
    assert "2-5 business days" in text
    assert "1 week<" in text
