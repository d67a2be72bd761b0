"""Every option of an order, in every mode and UI mode, validated by the SDK's types and Stripe's document.

A field without a sample here fails, and so does a parameter that Stripe does not know.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from stripe.params.checkout import SessionCreateParams

from django_checkout import services
from django_checkout.conf import UI_MODES
from django_checkout.emulator import Emulator
from django_checkout.exceptions import OrderDataError, ParameterError
from django_checkout.params.rules import MODES
from django_checkout.stripe_api.client import get_client
from django_checkout.testing import emulated_stripe
from django_checkout.values import CheckoutOptions, CustomField, LineData, OrderData, ShippingOption
from tests.conformance.typed import adapter
from tests.factories import UserFactory

pytestmark = [pytest.mark.conformance, pytest.mark.django_db]

RATE = ShippingOption(
    name="Parcel", amount_minor=490, business_days=(2, 4), tax_code="txcd_92010001", tax_behavior="exclusive"
)
GIFT = CustomField(key="gift", label="Gift?", choices={"yes": "Yes", "no": "No"}, is_optional=True)
AGE = CustomField(key="age", label="Age", is_numeric=True)
#: A valid value of each option, with the options that it requires.
OPTIONS: dict[str, dict[str, Any]] = {
    "automatic_tax": {"automatic_tax": True},
    "collect_tax_ids": {"collect_tax_ids": True},
    "allow_promotion_codes": {"allow_promotion_codes": True},
    "coupon": {"coupon": "TEN"},
    "promotion_code": {"promotion_code": "promo_1"},
    "discount_minor": {"discount_minor": 100},
    "discount_name": {"discount_minor": 100, "discount_name": "Loyalty"},
    "shipping_countries": {"shipping_countries": ("DE", "UK")},
    "shipping_options": {"shipping_countries": ("DE",), "shipping_options": (RATE,)},
    "adaptive_pricing": {"adaptive_pricing": False},
    "collect_billing_address": {"collect_billing_address": True},
    "collect_phone": {"collect_phone": True},
    "create_customer": {"create_customer": True},
    "create_invoice": {"create_invoice": True},
    "invoice_description": {"invoice_description": "Thank you."},
    "invoice_footer": {"invoice_footer": "Example Shop"},
    "invoice_custom_fields": {"invoice_custom_fields": {"Registration number": "T1234567890123"}},
    "invoice_account_tax_ids": {"invoice_account_tax_ids": ("txi_1",)},
    "invoice_metadata": {"invoice_metadata": {"department": "retail"}},
    "invoice_tax_display": {"invoice_tax_display": "include_inclusive_tax"},
    "save_card": {"save_card": "off_session"},
    "custom_fields": {"custom_fields": (GIFT, AGE, CustomField(key="note", label="Note"))},
    "require_terms_of_service": {"require_terms_of_service": True},
    "ask_for_promotions": {"ask_for_promotions": True},
    "submit_type": {"submit_type": "book"},
    "branding": {
        "branding": {
            "background_color": "#ffffff",
            "border_style": "pill",
            "button_color": "#123456",
            "display_name": "Teapots",
            "font_family": "inter",
            "logo": {"type": "url", "url": "https://shop.example/logo.png"},
        }
    },
    "optional_prices": {"optional_prices": ("price_1",)},
    "trial_days": {"trial_days": 14},
    "recover_expired": {"recover_expired": True},
    "redirect_on_completion": {"redirect_on_completion": "if_required"},
}
INVOICE = [name for name in OPTIONS if name.startswith("invoice_")]
#: The modes in which Stripe accepts an option. Options not listed are accepted everywhere.
TAKEN_MODES = {
    **dict.fromkeys(
        (
            "allow_promotion_codes",
            "automatic_tax",
            "collect_phone",
            "coupon",
            "optional_prices",
            "promotion_code",
            "submit_type",
        ),
        ("payment", "subscription"),
    ),
    # A setup has no amount and no invoice.
    **dict.fromkeys(("discount_minor", "discount_name", "create_invoice", *INVOICE), ("payment", "subscription")),
    "shipping_options": ("payment",),
    "trial_days": ("subscription",),
}
HOSTED_OR_EMBEDDED = frozenset(("branding", "custom_fields", "optional_prices", "recover_expired", "submit_type"))
LINE = {
    "name": "Teapot",
    "unit_amount_minor": 2000,
    "quantity": 2,
    "description": "Blue",
    "image_url": "https://shop.example/teapot.png",
    "sku": "T-1",
    "tax_code": "txcd_99999999",
    "tax_behavior": "inclusive",
    "recurring_interval": "",
    "recurring_interval_count": 1,
    "maximum_quantity": 4,
}


@pytest.fixture
def stripe_emulator(watched):
    """A validated emulator under django_checkout."""
    with emulated_stripe() as emulator:
        yield emulator


def prepared(emulator: Emulator, options: dict[str, Any]) -> dict[str, Any]:
    """Create the objects that the options name, and return the options with their ids."""
    client = get_client().v1
    if options.keys() & {"coupon", "promotion_code"}:
        client.coupons.create({"id": "TEN", "percent_off": 10})
    if "promotion_code" in options:
        made = client.promotion_codes.create({"promotion": {"type": "coupon", "coupon": "TEN"}, "code": "SPRING"})
        return {**options, "promotion_code": made.id}
    if "invoice_account_tax_ids" in options:
        tax_id = client.tax_ids.create({"type": "eu_vat", "value": "DE123456789"})
        return {**options, "invoice_account_tax_ids": (tax_id.id,)}
    if "optional_prices" in options:
        price = client.prices.create({"currency": "eur", "unit_amount": 100, "product_data": {"name": "Cup"}})
        return {**options, "optional_prices": (price.id,)}
    return options


def order_of(mode: str, options: dict[str, Any], **changes: Any) -> OrderData:
    line = LineData(**{**LINE, "recurring_interval": "month" if mode == "subscription" else ""})
    lines = () if mode == "setup" else (line,)
    return OrderData(
        **{
            "reference": "A-1",
            "currency": "eur",
            "lines": lines,
            "mode": mode,
            "email": "sam@example.com",
            "locale": "pt-br",
            "metadata": {"shop": "north"},
            "options": CheckoutOptions(**options),
            **changes,
        }
    )


def is_taken(name: str, mode: str, ui_mode: str) -> bool:
    return mode in TAKEN_MODES.get(name, MODES) and not (ui_mode == "elements" and name in HOSTED_OR_EMBEDDED)


def test_every_option_has_a_sample():
    assert set(OPTIONS) == {option.name for option in fields(CheckoutOptions)}
    assert all(name in OPTIONS[name] for name in OPTIONS)


def test_every_field_of_a_line_has_a_sample():
    assert set(LINE) == {part.name for part in fields(LineData)}


EACH = [(name, mode, ui_mode) for name in OPTIONS for mode in MODES for ui_mode in UI_MODES]
TAKEN = [case for case in EACH if is_taken(*case)]


@pytest.mark.parametrize(("name", "mode", "ui_mode"), TAKEN)
def test_option_is_one_of_stripes_parameters(name, mode, ui_mode, stripe_emulator):
    options = prepared(stripe_emulator, OPTIONS[name])

    plain = services.start(services.place(order_of(mode, {}, reference="A-0")), ui_mode=ui_mode)
    session = services.start(services.place(order_of(mode, options)), ui_mode=ui_mode)

    adapter(SessionCreateParams).validate_python(session.request)
    assert session.status == "open"
    changed = {key for key in session.request if session.request[key] != plain.request.get(key)}
    implied = {"create_customer", "create_invoice"} if mode == "subscription" else {"save_card"} & {name}
    assert changed - {"client_reference_id", "metadata", "expires_at"} or name in implied


@pytest.mark.parametrize(("name", "mode", "ui_mode"), [case for case in EACH if case not in TAKEN])
def test_option_that_stripe_does_not_accept_is_refused_before_any_call(name, mode, ui_mode, stripe_emulator):
    options = prepared(stripe_emulator, OPTIONS[name])
    with pytest.raises((ParameterError, OrderDataError)):
        services.start(services.place(order_of(mode, options)), ui_mode=ui_mode)
    assert stripe_emulator.store.select("checkout.session") == []


@pytest.mark.parametrize("ui_mode", UI_MODES)
@pytest.mark.parametrize("mode", MODES)
def test_all_options_together_are_stripes_parameters(mode, ui_mode, stripe_emulator):
    exclusive = {"allow_promotion_codes", "coupon", "promotion_code", "create_customer"}
    names = [name for name in OPTIONS if is_taken(name, mode, ui_mode) and name not in exclusive]
    options: dict[str, Any] = {}
    for name in names:
        options |= prepared(stripe_emulator, OPTIONS[name])

    session = services.start(services.place(order_of(mode, options)), ui_mode=ui_mode)

    adapter(SessionCreateParams).validate_python(session.request)


@pytest.mark.parametrize(("name", "ui_mode"), [(name, ui) for name, mode, ui in TAKEN if mode == "payment"])
def test_option_is_valid_for_a_returning_customer(name, ui_mode, stripe_emulator):
    user = UserFactory()
    first = services.start(services.place(order_of("payment", {"create_customer": True}, reference="A-0", user=user)))
    stripe_emulator.pay(first.stripe_id, email="sam@example.com")
    services.sync(first)

    options = prepared(stripe_emulator, OPTIONS[name])
    order = services.place(order_of("payment", options, user=user, email="other@example.com"))
    session = services.start(order, ui_mode=ui_mode)

    assert session.request["customer"]
    adapter(SessionCreateParams).validate_python(session.request)
