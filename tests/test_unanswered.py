"""A call that changes something and that Stripe does not answer is reported as unanswered, with what happens next."""

from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import StripeUnansweredError
from django_checkout.models import Subscription

pytestmark = [pytest.mark.django_db, pytest.mark.core]

SHIPPING = {"line1": "1 High Street", "city": "Berlin", "postal_code": "10115", "country": "DE"}


def _unanswered(call, *arguments, **named):
    with pytest.raises(StripeUnansweredError) as caught:
        call(*arguments, **named)
    error = caught.value
    assert str(error).startswith("Unanswered: Stripe did not respond.")
    assert "failed" not in str(error)
    return str(error.next_step)


@pytest.fixture
def silent(stripe_emulator):
    """Return a function that makes Stripe receive some requests without answering; the SDK sends each twice."""
    return lambda match, *, when="before": stripe_emulator.chaos.drop(2, when=when, match=match)


def test_start(order, silent):
    silent("POST /v1/checkout/sessions")

    assert "cannot pay twice" in _unanswered(services.start, order)


def test_expire(order, silent):
    session = services.start(order)
    silent("POST */expire")

    assert "may still be open" in _unanswered(services.expire, session)


def test_cancel(order, silent):
    services.start(order)
    silent("POST */expire")

    assert "The order may be canceled already" in _unanswered(services.cancel, order)
    services.cancel(order)


def test_capture(order, silent, pay, settings, stripe_emulator):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    pay(order)
    silent("POST */capture")

    assert "before you capture again" in _unanswered(services.capture, order)


def test_change(order, silent, settings):
    services.start(order, ui_mode="elements")
    silent("POST /v1/checkout/sessions/*")

    assert "may have been made" in _unanswered(services.change_shipping, order, name="Sam", address=SHIPPING)


def test_refund_of_a_surplus_payment(doubly_paid_order, silent):
    silent("POST /v1/refunds")

    assert "Do not repeat the refund" in _unanswered(services.return_surplus, doubly_paid_order)


def test_subscription(order, silent, stripe_emulator):
    subscription = Subscription.objects.create(order=order, stripe_id="sub_1", status="active", livemode=False)
    silent("DELETE *")

    step = _unanswered(services.cancel_subscription, subscription, at_period_end=False)

    assert "may be canceled already" in step


def test_unanswered_change_does_not_tell_the_shopper_that_it_failed(client, order, silent):
    services.start(order, ui_mode="elements")
    silent("POST /v1/checkout/sessions/*")
    token = make_token(order, Purpose.PAY)

    response = client.post(
        f"/checkout/update/{token}/",
        {"shipping": {"name": "Sam", "address": SHIPPING}},
        content_type="application/json",
    )

    assert (response.status_code, response.json()["code"]) == (503, "stripe_unanswered"), response.content
    assert response.json()["message"].startswith("We do not know yet whether your change was saved.")
