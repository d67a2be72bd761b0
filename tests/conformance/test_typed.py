"""The requests of django_checkout, validated by the types of the installed SDK."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from stripe.params.checkout import SessionCreateParams

from django_checkout import services
from django_checkout.conf import UI_MODES
from django_checkout.values import LineData, OrderData
from tests.conformance.typed import adapter

pytestmark = [pytest.mark.conformance, pytest.mark.django_db]

ORDER = OrderData(
    reference="A-1",
    currency="eur",
    email="sam@example.com",
    lines=(LineData(name="Tea", unit_amount_minor=500, quantity=2, description="Green"),),
)
VALID = {
    "mode": "payment",
    "line_items": [
        {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 1, "product_data": {"name": "Tea"}}}
    ],
    "metadata": {"order_id": "A-1"},
    "branding_settings": {"background_color": "#ffffff"},
}


@pytest.mark.parametrize("capture_method", ["", "manual"])
@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_session_request_matches_the_types_of_the_sdk(stripe_emulator, settings, ui_mode, capture_method):
    settings.CHECKOUT_CAPTURE_METHOD = capture_method
    settings.CHECKOUT_SESSION_DEFAULTS = {"automatic_tax": {"enabled": True}, "billing_address_collection": "auto"}
    session = services.start(services.place(ORDER), ui_mode=ui_mode)
    adapter(SessionCreateParams).validate_python(session.request)


def test_valid_request_passes():
    adapter(SessionCreateParams).validate_python(VALID)


@pytest.mark.parametrize(
    "fault",
    [
        {"colour": "red"},
        {"mode": "gift"},
        {"ui_mode": "hosted"},
        {"expires_at": "soon"},
        {"metadata": {"order_id": 1}},
        {"line_items": [{"quantity": "1"}]},
        {"line_items": [{"price_data": {"currency": "eur", "product_data": {"name": "Tea", "colour": "red"}}}]},
        {"line_items": [{"price_data": {"currency": "eur", "product_data": {}}}]},
        {"payment_intent_data": {"capture_method": "later"}},
        {"idempotency_key": "an option is not a parameter"},
    ],
)
def test_fault_is_found(fault):
    with pytest.raises(ValidationError):
        adapter(SessionCreateParams).validate_python({**VALID, **fault})
