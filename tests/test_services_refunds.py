"""A refund is made once: under its key, and after an unreadable response."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_checkout import services
from django_checkout.exceptions import (
    RefundError,
    RefundRepeatedError,
    StripeCredentialsError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnansweredError,
    StripeUnavailableError,
)
from django_checkout.models import Payment, Refund
from django_checkout.services.refunds import REPEAT_SECONDS
from django_checkout.webhooks import pending_work
from tests.factories import HostOrderFactory
from tests.races.together import run_before

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


def test_unanswered_refund_that_an_event_confirmed_is_returned(paid_order, stripe_emulator, deliver_events):
    """The response is lost, and the webhook arrives before the call gives up."""
    stripe_emulator.chaos.drop(1, match=REFUND)
    stripe_emulator.chaos.drop(1, when="before", match=REFUND)

    with run_before("django_checkout.ledger.release_refund", deliver_events):
        refund = services.refund(paid_order, 500)

    assert (refund.status, refund.error_code) == ("succeeded", "")
    assert [row["amount"] for row in stripe_emulator.store.select("refund")] == [500]


def test_unanswered_refund_says_what_happens_next(paid_order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)

    with pytest.raises(StripeUnansweredError, match="Do not repeat the refund at Stripe") as caught:
        services.refund(paid_order, 500)

    assert caught.value.code == "stripe_unanswered"
    assert Refund.objects.get().status == "creating"


def test_refund_made_in_the_dashboard_meanwhile_is_not_made_again(paid_order, stripe_emulator, deliver_events):
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnansweredError):
        services.refund(paid_order, 500)

    stripe_emulator.refund(paid_order.kept_payment.stripe_id, 500)
    report = pending_work.process_pending()
    deliver_events()

    assert report["unanswered_refunds_failed"] == 1
    assert [row["amount"] for row in stripe_emulator.store.select("refund")] == [500]
    row = Refund.objects.get(is_ours=True)
    assert (row.status, row.refusal_code) == ("refused", "refunded_elsewhere")
    paid_order.refresh_from_db()
    assert paid_order.refunded_minor == 500
    assert pending_work.process_pending()["unanswered_refunds"] == 0
    # Whoever requested it expects it to be sent.
    assert [item.code for item in paid_order.attention.all()] == ["refund_not_sent"]
    services.accept(paid_order, "It was one refund.")
    assert services.refund(paid_order, 500, in_addition_to=Refund.objects.get(is_ours=False).uuid).stripe_id
    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.needs_attention) == (1000, False)


def test_refund_of_unknown_time_stops_an_unanswered_one(paid_order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnansweredError):
        services.refund(paid_order, 500)
    made = stripe_emulator.refund(paid_order.kept_payment.stripe_id, 500)
    with stripe_emulator.store.transaction():
        stripe_emulator.store.save({**stripe_emulator.store.find(made["id"]), "created": None})

    pending_work.process_pending()

    assert [row["amount"] for row in stripe_emulator.store.select("refund")] == [500]
    assert Refund.objects.get(is_ours=False).made_at is None


def test_time_of_a_refund_is_filled_in(paid_order):
    """It was stored by a version that did not read it."""
    row = services.refund(paid_order, 500)
    Refund.objects.update(made_at=None)

    services.sync(paid_order)

    row.refresh_from_db()
    assert row.made_at is not None


def test_refund_made_in_the_dashboard_earlier_does_not_stop_a_later_one(paid_order, stripe_emulator, deliver_events):
    stripe_emulator.refund(paid_order.kept_payment.stripe_id, 500)
    deliver_events()
    made = Refund.objects.get()
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnansweredError):
        services.refund(paid_order, 500, in_addition_to=made.uuid)

    pending_work.process_pending()

    assert [row["amount"] for row in stripe_emulator.store.select("refund")] == [500, 500]


@pytest.mark.parametrize("keys", [("", "b"), ("a", ""), ("a", "b")])
def test_second_refund_of_an_unanswered_amount_names_the_first(keys, paid_order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnansweredError):
        services.refund(paid_order, 500, key=keys[0])
    first = Refund.objects.get()

    with pytest.raises(RefundRepeatedError, match=str(first.uuid)):
        services.refund(paid_order, 500, key=keys[1])

    assert stripe_emulator.store.select("refund") == []
    services.refund(paid_order, 500, key=keys[1], in_addition_to=first.uuid)
    services.resume_refund(first)
    assert [row["amount"] for row in stripe_emulator.store.select("refund")] == [500, 500]


def test_second_refund_of_an_amount_within_the_hour_names_the_latest(paid_order):
    first = services.refund(paid_order, 500)
    with pytest.raises(RefundRepeatedError, match=str(first.uuid)):
        services.refund(paid_order, 500)

    second = services.refund(paid_order, 500, in_addition_to=first.uuid)
    with pytest.raises(RefundRepeatedError, match=str(second.uuid)):
        services.refund(paid_order, 500, in_addition_to=first.uuid)

    long_ago = timezone.now() - timedelta(seconds=REPEAT_SECONDS + 1)
    Refund.objects.update(created_at=long_ago, made_at=long_ago)
    assert services.refund(paid_order, 500).status == "succeeded"


def test_refund_of_another_amount_needs_no_confirmation(paid_order):
    services.refund(paid_order, 500)

    assert services.refund(paid_order, 600).status == "succeeded"


def test_refund_that_is_refused_after_it_was_unanswered_needs_attention(paid_order, stripe_emulator, recorder):
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnansweredError):
        services.refund(paid_order, 500)
    stripe_emulator.refund(paid_order.kept_payment.stripe_id)

    pending_work.process_pending()

    row = Refund.objects.get(is_ours=True)
    assert (row.status, row.error_code) == ("refused", "charge_already_refunded")
    assert [item.code for item in paid_order.attention.all()] == ["refund_refused"]
    assert "attention_needed" in recorder.names
    services.accept(paid_order, "Refunded in the dashboard.")
    services.sync(paid_order)
    paid_order.refresh_from_db()
    assert not paid_order.needs_attention


def test_refund_that_is_refused_at_once_needs_no_attention(paid_order, stripe_emulator):
    stripe_emulator.refund(paid_order.kept_payment.stripe_id)

    with pytest.raises(StripeRefusedError):
        services.refund(paid_order, 500)

    assert not paid_order.attention.exists()


@pytest.fixture
def made_long_ago(paid_order, stripe_emulator):
    """A refund of 5.00 EUR that was made in the dashboard two hours ago, and of which nothing has arrived."""
    with time_machine.travel(timezone.now() - timedelta(hours=2), tick=True):
        return stripe_emulator.refund(paid_order.kept_payment.stripe_id, 500)


def test_earlier_refund_that_arrives_late_does_not_stop_an_unanswered_one(
    paid_order, made_long_ago, stripe_emulator, deliver_events
):
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnansweredError):
        services.refund(paid_order, 500)

    deliver_events()
    pending_work.process_pending()

    assert [row["amount"] for row in stripe_emulator.store.select("refund")] == [500, 500]
    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.needs_attention) == (1000, False)


def test_earlier_refund_that_arrives_late_needs_no_confirmation(paid_order, made_long_ago, deliver_events):
    deliver_events()

    assert services.refund(paid_order, 500).status == "succeeded"


def test_refund_made_shortly_before_that_arrives_late_stops_an_unanswered_one(
    paid_order, stripe_emulator, deliver_events
):
    """Whoever requested the second could not know of the first, and would have been asked."""
    with time_machine.travel(timezone.now() - timedelta(minutes=10), tick=True):
        stripe_emulator.refund(paid_order.kept_payment.stripe_id, 500)
    stripe_emulator.chaos.drop(2, when="before", match=REFUND)
    with pytest.raises(StripeUnansweredError):
        services.refund(paid_order, 500)

    deliver_events()
    pending_work.process_pending()

    assert [row["amount"] for row in stripe_emulator.store.select("refund")] == [500]
    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.needs_attention) == (500, True)
