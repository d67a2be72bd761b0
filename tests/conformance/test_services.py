"""The requests of every use case of django_checkout, and their responses."""

from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.conf import UI_MODES
from django_checkout.exceptions import StripeRefusedError
from django_checkout.testing import deliver_events, emulated_stripe
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.conformance, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stripe_emulator(watched):
    """A validated emulator under django_checkout."""
    with emulated_stripe() as emulator:
        yield emulator


@pytest.fixture
def host_order():
    """A host's order."""
    return HostOrderFactory(email="sam@example.com")


def buy(host_order, emulator, card="4242424242424242"):
    """Pay an order on the hosted page and return it."""
    order = services.place(host_order)
    session = services.start(order)
    emulator.pay(session.stripe_id, card)
    deliver_events(emulator)
    order.refresh_from_db()
    return order


def test_purchase_conforms(host_order, stripe_emulator, watched):
    order = buy(host_order, stripe_emulator)
    assert order.status == "paid"
    services.sync(order)
    assert {
        "POST /v1/checkout/sessions 200",
        "GET /v1/checkout/sessions/{session} 200",
        "GET /v1/refunds 200",
        "GET /v1/disputes 200",
        "event checkout.session.completed",
    } <= watched.checked


def test_refund_conforms(host_order, stripe_emulator):
    order = buy(host_order, stripe_emulator)
    services.refund(order, 500, "requested_by_customer")
    services.refund(order)
    deliver_events(stripe_emulator)
    order.refresh_from_db()
    assert order.status == "refunded"


def test_capture_conforms(host_order, stripe_emulator, settings):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    order = buy(host_order, stripe_emulator)
    assert order.status == "authorized"
    services.capture(order, 1500)
    order.refresh_from_db()
    assert order.status == "paid"


def test_cancellation_conforms(host_order, stripe_emulator, settings):
    order = services.place(host_order)
    services.start(order)
    assert services.cancel(order).status == "canceled"
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    authorized = buy(HostOrderFactory(), stripe_emulator)
    assert services.cancel(authorized).status == "canceled"


def test_expiry_conforms(host_order, stripe_emulator):
    session = services.start(services.place(host_order))
    assert services.expire(session).status == "expired"


def test_dispute_conforms(host_order, stripe_emulator):
    order = buy(host_order, stripe_emulator, "4000000000000259")
    services.sync(order)
    assert order.disputed


@pytest.mark.parametrize("currency", ["jpy", "huf", "kwd", "usd"])
def test_other_currencies_conform(stripe_emulator, currency):
    order = buy(HostOrderFactory(currency=currency, price_minor=200_000), stripe_emulator)
    assert order.status == "paid"


@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_options_of_the_host_conform(host_order, stripe_emulator, settings, ui_mode):
    settings.CHECKOUT_SESSION_DEFAULTS = {
        "automatic_tax": {"enabled": True},
        "phone_number_collection": {"enabled": True},
    }
    params = {
        "shipping_address_collection": {"allowed_countries": ["DE"]},
        "phone_number_collection": {"enabled": True},
        "payment_intent_data": {"description": "Tea", "setup_future_usage": "off_session"},
    }
    order = services.place(host_order)
    session = services.start(order, ui_mode=ui_mode, params=params)
    stripe_emulator.pay(session.stripe_id)
    deliver_events(stripe_emulator)
    order.refresh_from_db()
    assert order.status == "paid"


def test_parameter_that_stripe_does_not_know_is_found(host_order, stripe_emulator, watched):
    order = services.place(host_order)
    with pytest.raises(StripeRefusedError):
        services.start(order, params={"payment_intent_data": {"colour": "red"}})
    assert any("'colour' was unexpected" in fault for fault in watched.faults)
    watched.faults.clear()
