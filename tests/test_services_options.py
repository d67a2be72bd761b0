from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.exceptions import OrderDataError, ParameterError
from django_checkout.ledger.lines import find_line_fault
from django_checkout.models import CheckoutSession
from django_checkout.values import CheckoutOptions, CustomField, LineData, OrderData, ShippingOption

pytestmark = [pytest.mark.django_db, pytest.mark.core]

LINE = LineData(name="Teapot", unit_amount_minor=2000)


def _place(reference="O-1", lines=(LINE,), mode="", email="", **options):
    data = OrderData(
        reference=reference,
        currency="eur",
        lines=tuple(lines),
        mode=mode,
        email=email,
        options=CheckoutOptions(**options),
    )
    return services.place(data)


@pytest.mark.parametrize(
    ("options", "params"),
    [
        ({"automatic_tax": True}, {"automatic_tax": {"enabled": True}}),
        ({"collect_tax_ids": True}, {"tax_id_collection": {"enabled": True}}),
        ({"allow_promotion_codes": True}, {"allow_promotion_codes": True}),
        ({"coupon": "SPRING"}, {"discounts": [{"coupon": "SPRING"}]}),
        ({"promotion_code": "promo_1"}, {"discounts": [{"promotion_code": "promo_1"}]}),
        ({"adaptive_pricing": False}, {"adaptive_pricing": {"enabled": False}}),
        ({"create_customer": True}, {"customer_creation": "always"}),
        ({"create_invoice": True}, {"invoice_creation": {"enabled": True}}),
        ({"collect_phone": True}, {"phone_number_collection": {"enabled": True}}),
        ({"collect_billing_address": True}, {"billing_address_collection": "required"}),
        ({"submit_type": "book"}, {"submit_type": "book"}),
        ({"branding": {"button_color": "#123456"}}, {"branding_settings": {"button_color": "#123456"}}),
        ({"optional_prices": ("price_1",)}, {"optional_items": [{"price": "price_1", "quantity": 1}]}),
        ({"recover_expired": True}, {"after_expiration": {"recovery": {"enabled": True}}}),
        (
            {"shipping_countries": ("DE", "AT")},
            {"shipping_address_collection": {"allowed_countries": ["DE", "AT"]}},
        ),
        (
            {"save_card": "off_session"},
            {
                "saved_payment_method_options": {"payment_method_save": "enabled"},
                "payment_intent_data": {"setup_future_usage": "off_session"},
            },
        ),
        (
            {"require_terms_of_service": True, "ask_for_promotions": True},
            {"consent_collection": {"terms_of_service": "required", "promotions": "auto"}},
        ),
    ],
)
def test_option_becomes_a_stripe_parameter(options, params):
    assert _place(**options).params == params


def test_options_that_subscriptions_imply_are_left_out():
    line = LineData(name="Tea", unit_amount_minor=2000, recurring_interval="month")

    assert _place(lines=(line,), create_customer=True, create_invoice=True).params == {}


def test_shipping_options_and_custom_fields_are_built():
    order = _place(
        shipping_options=(ShippingOption(name="Parcel", amount_minor=490, business_days=(2, 4)),),
        custom_fields=(CustomField(key="gift", label="Gift note?", choices={"yes": "Yes", "no": "No"}),),
    )

    rate = order.params["shipping_options"][0]["shipping_rate_data"]
    assert (rate["display_name"], rate["fixed_amount"]) == ("Parcel", {"amount": 490, "currency": "eur"})
    assert rate["delivery_estimate"]["maximum"] == {"unit": "business_day", "value": 4}
    assert order.params["custom_fields"][0]["dropdown"]["options"][0] == {"value": "yes", "label": "Yes"}


@pytest.mark.parametrize(
    "options",
    [
        {"coupon": "A", "allow_promotion_codes": True},
        {"discount_minor": 100, "promotion_code": "promo_1"},
        {"shipping_countries": ("CU",)},
        {"shipping_options": (ShippingOption(name="A", amount_minor=0),) * 6},
        {"custom_fields": (CustomField(key="a b", label="x"),)},
        {"save_card": "always"},
        {"discount_minor": 2001},
        {"trial_days": 7},
        {"shipping_options": (ShippingOption(name="Parcel", amount_minor=0, business_days=(4, 2)),)},
        {"custom_fields": (CustomField(key="a", label="x"), CustomField(key="a", label="y"))},
    ],
)
def test_invalid_options_are_refused(options):
    with pytest.raises((ParameterError, OrderDataError)):
        _place(**options)


@pytest.mark.parametrize(
    ("ui_mode", "options", "message"),
    [
        ("elements", {"submit_type": "pay"}, "submit_type"),
        ("elements", {"branding": {"display_name": "X"}}, "branding_settings"),
        ("elements", {"custom_fields": (CustomField(key="a", label="A"),)}, "custom_fields"),
        ("elements", {"recover_expired": True}, "after_expiration"),
        ("elements", {"optional_prices": ("price_1",)}, "optional_items"),
    ],
)
def test_option_that_the_ui_mode_excludes_is_named_before_any_call(ui_mode, options, message, stripe_emulator):
    with pytest.raises(ParameterError, match=message) as caught:
        services.start(_place(**options), ui_mode=ui_mode)

    assert ui_mode in str(caught.value)
    assert stripe_emulator.store.select("checkout.session") == []


@pytest.mark.parametrize(
    ("ui_mode", "sent"),
    [
        ("hosted_page", {"success_url", "cancel_url"}),
        ("embedded_page", {"return_url"}),
        ("elements", {"return_url"}),
    ],
)
def test_each_ui_mode_gets_its_urls(ui_mode, sent, stripe_emulator):
    session = services.start(_place(), ui_mode=ui_mode)

    assert {name for name in session.request if name.endswith("_url")} == sent
    assert stripe_emulator.get(session.stripe_id)["ui_mode"] == ui_mode


def test_one_off_discount_is_a_coupon_created_once(stripe_emulator, deliver_events):
    order = _place(discount_minor=500, discount_name="Loyalty")

    session = services.start(order)
    services.expire(session)
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.status, order.paid_minor, order.discount_minor) == ("paid", 1500, 500)
    assert not order.needs_attention
    assert len(stripe_emulator.store.select("coupon")) == 1


def test_setup_mode_is_complete_without_money_and_never_refunded(pay, recorder):
    order = _place(lines=(), mode="setup")

    pay(order)
    assert (order.status, order.paid_minor, recorder.names) == ("paid", 0, ["order_paid"])


def test_adjusted_quantity_within_bounds_is_paid(stripe_emulator, deliver_events, recorder):
    order = _place(lines=(LineData(name="Cup", unit_amount_minor=1000, quantity=1, maximum_quantity=4),))
    session = services.start(order)
    stripe_emulator.adjust(session.stripe_id, 3)

    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    row = CheckoutSession.objects.get()
    assert (order.status, order.paid_minor, order.needs_attention) == ("paid", 3000, False)
    assert [line["quantity"] for line in row.lines] == [3]
    assert recorder.names == ["order_paid"]


def test_quantity_out_of_bounds_is_withheld(stripe_emulator, deliver_events, recorder):
    order = _place(lines=(LineData(name="Cup", unit_amount_minor=1000, quantity=1, maximum_quantity=4),))
    session = services.start(order)
    stripe_emulator.adjust(session.stripe_id, 3)
    request = dict(session.request)
    request["line_items"][0]["adjustable_quantity"]["maximum"] = 2
    CheckoutSession.objects.update(request=request)

    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.paid_minor, order.needs_attention, recorder.names) == (3000, True, ["attention_needed"])


def test_removing_a_discount_makes_a_new_revision(stripe_emulator, deliver_events, recorder):
    def place(**options):
        line = LineData(name="Teapot", unit_amount_minor=2000)
        data = OrderData(reference="D-1", currency="eur", lines=(line,), options=CheckoutOptions(**options))
        return services.place(data)

    session = services.start(place(discount_minor=1900))
    order = place()
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.revision, order.paid_minor, order.needs_attention) == (2, 100, True)
    assert "order_paid" not in recorder.names


def test_fixed_and_adjustable_lines_of_one_price_are_distinguished():
    price = {"currency": "eur", "unit_amount": 1000}
    offered = [
        {"price_data": price, "quantity": 1},
        {"price_data": price, "quantity": 1, "adjustable_quantity": {"enabled": True, "minimum": 1, "maximum": 5}},
    ]
    line = {"unit_amount_minor": 1000, "currency": "eur", "recurring": "", "price_id": "p"}

    assert find_line_fault(offered, [{**line, "quantity": 3}, {**line, "quantity": 1}]) is None
    assert find_line_fault(offered, [{**line, "quantity": 3}, {**line, "quantity": 2}]) is not None
