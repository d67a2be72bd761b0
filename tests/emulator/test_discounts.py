from __future__ import annotations

import re

import pytest
import stripe
from django.utils import translation

from django_checkout.emulator import ApiError

from .conftest import Visitor, text_of

CODE = "WELCOME10"


@pytest.fixture
def coupon(client):
    return client.v1.coupons.create({"id": "ten", "percent_off": 10, "name": "Welcome"})


@pytest.fixture
def code(client, coupon):
    return client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": CODE})


def code_with(client, **params):
    coupon = client.v1.coupons.create({"percent_off": 50})
    made = client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, **params})
    return made.code


def test_a_coupon_has_the_id_that_the_shop_sets(client, coupon):
    assert client.v1.coupons.retrieve("ten").percent_off == 10
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.coupons.create({"id": "ten", "percent_off": 20})
    assert caught.value.code == "resource_already_exists"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"percent_off": 10, "amount_off": 5},
        {"amount_off": 500},
        {"percent_off": 101},
        {"amount_off": 0, "currency": "eur"},
        {"percent_off": 5, "duration": "repeating"},
        {"percent_off": 5, "duration_in_months": 2},
        {"percent_off": 5, "applies_to": {"products": ["prod_none"]}},
    ],
)
def test_invalid_coupons_are_refused(client, params):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.coupons.create(params)


def test_coupons_are_renamed_listed_and_deleted(client, coupon):
    client.v1.coupons.update("ten", {"name": "Ten", "metadata": {"a": "b"}})

    assert [(found.name, found.metadata and found.metadata["a"]) for found in client.v1.coupons.list().data] == [
        ("Ten", "b")
    ]
    client.v1.coupons.delete("ten")
    assert client.v1.coupons.list().data == []


def test_a_discount_is_distributed_over_the_lines_to_the_last_cent(client, make_session):
    client.v1.coupons.create({"id": "off", "amount_off": 100, "currency": "eur"})
    price = {"currency": "eur", "unit_amount": 333, "product_data": {"name": "Tea"}}
    session = make_session(line_items=[{"quantity": 1, "price_data": price}] * 3, discounts=[{"coupon": "off"}])

    lines = client.v1.checkout.sessions.line_items.list(session.id, {"expand": ["data.discounts"]}).data

    assert session.amount_subtotal == 999
    assert session.amount_total == 899
    assert sorted(line.amount_discount for line in lines) == [33, 33, 34]
    assert sum(line.amount_total for line in lines) == 899
    assert lines[0].discounts[0].discount.source.coupon == "off"


def test_the_breakdown_names_coupon_and_code(emulator, client, make_session, code):
    session = make_session(allow_promotion_codes=True)
    emulator.apply_promotion_code(session.id, " welcome10 ")

    expand = ["total_details.breakdown", "discounts.promotion_code"]
    shown = client.v1.checkout.sessions.retrieve(session.id, {"expand": expand})

    assert shown.amount_total == 900
    assert shown.discounts[0].coupon is None
    assert isinstance(shown.discounts[0].promotion_code, stripe.PromotionCode)
    assert shown.discounts[0].promotion_code.code == CODE
    assert shown.total_details.amount_discount == 100
    assert shown.total_details.breakdown
    applied = shown.total_details.breakdown.discounts[0]
    assert (applied.amount, applied.discount.source.coupon, applied.discount.promotion_code) == (100, "ten", code.id)


def test_removing_the_code_restores_the_price(emulator, make_session, code):
    session = make_session(allow_promotion_codes=True)
    emulator.apply_promotion_code(session.id, CODE)

    emulator.remove_promotion_code(session.id)

    restored = emulator.get(session.id)
    assert (restored["amount_total"], restored["discounts"]) == (1000, [])


def test_the_discount_is_recalculated_with_the_quantity(emulator, make_session, code):
    price = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}}
    line = {"quantity": 1, "price_data": price, "adjustable_quantity": {"enabled": True}}
    session = make_session(allow_promotion_codes=True, line_items=[line])
    emulator.apply_promotion_code(session.id, CODE)

    assert emulator.adjust(session.id, 4)["amount_total"] == 1800


def test_a_full_discount_needs_no_payment(emulator, client, make_session):
    client.v1.coupons.create({"id": "all", "percent_off": 100})
    session = make_session(discounts=[{"coupon": "all"}])

    assert emulator.pay(session.id).status == "free"
    done = emulator.get(session.id)
    assert (done["payment_status"], done["payment_intent"]) == ("no_payment_required", None)
    assert emulator.get("all")["times_redeemed"] == 1


@pytest.mark.parametrize(
    "restriction",
    [
        {"active": False},
        {"restrictions": {"minimum_amount": 5000, "minimum_amount_currency": "eur"}},
        {"restrictions": {"minimum_amount": 1, "minimum_amount_currency": "usd"}},
        {"restrictions": {"first_time_transaction": True}},
    ],
)
def test_codes_with_unmet_restrictions_are_refused_and_change_nothing(emulator, client, make_session, restriction):
    session = make_session(allow_promotion_codes=True)

    with pytest.raises(ApiError):
        emulator.apply_promotion_code(session.id, code_with(client, **restriction))

    assert emulator.get(session.id)["amount_total"] == 1000


def test_a_code_of_another_customer_is_refused(emulator, client, make_session):
    theirs = client.v1.customers.create({"email": "kim@example.com"})
    session = make_session(allow_promotion_codes=True)

    with pytest.raises(ApiError, match="another customer"):
        emulator.apply_promotion_code(session.id, code_with(client, customer=theirs.id))


def test_a_code_has_a_maximum_of_redemptions(emulator, client, make_session):
    text = code_with(client, max_redemptions=1)
    first, second = (make_session(allow_promotion_codes=True) for _ in range(2))
    emulator.apply_promotion_code(first.id, text)
    emulator.pay(first.id)

    with pytest.raises(ApiError, match="invalid"):
        emulator.apply_promotion_code(second.id, text)
    assert [found.active for found in client.v1.promotion_codes.list({"code": text}).data] == [False]


def test_codes_and_coupons_expire(emulator, client, make_session, code):
    soon = emulator.clock.now() + 60
    client.v1.coupons.create({"id": "brief", "percent_off": 10, "redeem_by": soon})
    text = code_with(client, expires_at=soon)
    emulator.clock.advance(61)

    assert not client.v1.coupons.retrieve("brief").valid
    assert not client.v1.promotion_codes.list({"code": text}).data[0].active
    with pytest.raises(stripe.InvalidRequestError):
        make_session(discounts=[{"coupon": "brief"}])


def test_codes_are_unique_listed_by_coupon_and_deactivated(client, coupon, code):
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": CODE})
    assert [found.id for found in client.v1.promotion_codes.list({"coupon": coupon.id}).data] == [code.id]

    client.v1.promotion_codes.update(code.id, {"active": False, "metadata": {"a": "b"}})

    changed = client.v1.promotion_codes.retrieve(code.id, {"expand": ["promotion.coupon"]})
    assert not changed.active
    assert isinstance(changed.promotion.coupon, stripe.Coupon)


@pytest.mark.parametrize(
    "discount", [{"coupon": "none"}, {"promotion_code": "promo_none"}, {"coupon": "a", "promotion_code": "b"}]
)
def test_unknown_discounts_are_refused(make_session, discount):
    with pytest.raises(stripe.InvalidRequestError):
        make_session(discounts=[discount])


def test_a_coupon_can_be_limited_to_products_and_a_currency(client, make_session):
    product = client.v1.products.create({"name": "Mug"})
    client.v1.coupons.create({"id": "mugs", "percent_off": 50, "applies_to": {"products": [product.id]}})
    client.v1.coupons.create({"id": "dollars", "amount_off": 50, "currency": "usd"})
    mug = {"currency": "eur", "unit_amount": 800, "product": product.id}
    tea = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}}
    lines = [{"quantity": 1, "price_data": mug}, {"quantity": 1, "price_data": tea}]

    assert make_session(line_items=lines, discounts=[{"coupon": "mugs"}]).amount_total == 900
    for coupon in ("mugs", "dollars"):
        with pytest.raises(stripe.InvalidRequestError):
            make_session(discounts=[{"coupon": coupon}])
    shown = client.v1.coupons.retrieve("mugs", {"expand": ["applies_to"]})
    assert shown.applies_to.products == [product.id]


def test_the_api_refuses_a_code_in_english_and_the_page_in_the_shopper_s_language(client, emulator, make_session):
    jug = client.v1.products.create({"name": "Jug"})
    coupon = client.v1.coupons.create({"percent_off": 10, "applies_to": {"products": [jug.id]}})
    session = make_session(allow_promotion_codes=True)
    path = f"/pay/{session.id}"
    token = re.search(r'name="token" value="(\w+)"', text_of(Visitor(emulator).get(path)))

    with translation.override("de"), pytest.raises(stripe.InvalidRequestError, match="for other products"):
        make_session(discounts=[{"coupon": coupon.id}])
    page = Visitor(emulator, "de").post(path, token=token[1], promotion_code="NONE", apply_code="1")

    with translation.override("de"):
        assert translation.gettext("This code is invalid.") in text_of(page)
