"""A refund is made once: under its key, and after an unreadable response."""

from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.exceptions import (
    RefundError,
    StripeCredentialsError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import Payment, Refund
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

REFUND = "POST /v1/refunds"


@pytest.fixture
def other_paid_order(paid_order, pay):
    order = services.place(HostOrderFactory())
    return pay(order)


def _refused(order, **arguments):
    with pytest.raises(StripeRefusedError) as caught:
        services.refund(order, 500, key="task-1", **arguments)
    error = caught.value
    return type(error), str(error), error.code, error.stripe_code, error.request_id


@pytest.mark.parametrize("cause", ["unknown payment", "another key"])
def test_refused_refund_raises_the_same_error_under_its_key(cause, paid_order, stripe_emulator, settings):
    if cause == "unknown payment":
        Payment.objects.update(stripe_id="pi_unknown")
    else:
        settings.STRIPE_SECRET_KEY = "sk_test_not-a-key"

    first = _refused(paid_order)
    settings.STRIPE_SECRET_KEY = "sk_test_tests"
    second = _refused(paid_order)

    assert first[0] is {"unknown payment": StripeNotFoundError, "another key": StripeCredentialsError}[cause]
    assert second == first
    assert Refund.objects.get().status == "refused"
    assert stripe_emulator.store.select("refund") == []


def test_refund_that_stripes_rules_refuse_raises_the_same_error_under_its_key(paid_order, stripe_emulator):
    stripe_emulator.refund(paid_order.kept_payment.stripe_id)

    first = _refused(paid_order)

    assert first[3] == "charge_already_refunded"
    assert _refused(paid_order) == first


def test_stored_failure_is_a_refusal_and_repeats_as_one(paid_order, stripe_emulator):
    stripe_emulator.chaos.fail(1, status=500, when="after", match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order, 500, key="task-1")
    # Stripe stores the response, but creates no refund.
    (begun,) = stripe_emulator.store.select("refund")
    stripe_emulator.store.delete(begun["id"])

    first = _refused(paid_order)

    assert first[0] is StripeRefusedError
    assert _refused(paid_order) == first
    assert services.refund(paid_order, 500, key="task-2").status == "succeeded"


def test_key_of_another_orders_refund_is_refused(paid_order, other_paid_order, stripe_emulator):
    services.refund(paid_order, 500, key="task-1")

    with pytest.raises(RefundError):
        services.refund(other_paid_order, 500, key="task-1")

    other_paid_order.refresh_from_db()
    assert other_paid_order.refunded_minor == 0
    assert len(stripe_emulator.store.select("refund")) == 1


@pytest.mark.parametrize("status", [200, 404, 424])
def test_unreadable_response_does_not_repeat_the_refund(paid_order, stripe_emulator, garble_responses, status):
    garble_responses(path="/refunds", status=status, times=2)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order, 500)

    services.refund(paid_order, 500)

    assert [refund["amount"] for refund in stripe_emulator.store.select("refund")] == [500]
    assert Refund.objects.get().status == "succeeded"


def test_the_same_key_returns_the_same_refund(paid_order, stripe_emulator):
    first = services.refund(paid_order, 500, key="task-1")

    assert services.refund(paid_order, 500, key="task-1") == first
    with pytest.raises(RefundError):
        services.refund(paid_order, 600, key="task-1")
    assert len(stripe_emulator.store.select("refund")) == 1
