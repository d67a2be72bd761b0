from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_checkout import services, sweep
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.models import CheckoutSession, Refund, WebhookEvent

pytestmark = [pytest.mark.django_db, pytest.mark.core]

CREATE = "POST /v1/checkout/sessions"
REFUND = "POST /v1/refunds"


def test_session_that_stripe_never_answered_is_failed_once_it_would_have_expired(order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    sweep.sweep()
    assert CheckoutSession.objects.get().status == "creating"

    sweep.sweep(now=timezone.now() + timedelta(hours=24))

    row = CheckoutSession.objects.get()
    assert (row.status, row.live_for_id, row.error_code) == ("failed", None, "no_answer")


def test_refund_that_stripe_acted_on_without_answering_is_found(paid_order, stripe_emulator):
    stripe_emulator.chaos.drop(1, match=REFUND)
    stripe_emulator.chaos.drop(1, when="before", match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order)

    sweep.sweep()

    paid_order.refresh_from_db()
    assert (paid_order.status, Refund.objects.get().status) == ("refunded", "succeeded")
    assert len(stripe_emulator.store.select("refund")) == 1


def test_open_session_whose_end_was_not_heard_of_is_read(order, stripe_emulator, heard):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=sweep.STALE_OPEN_SECONDS + 1))

    sweep.sweep()

    order.refresh_from_db()
    assert (order.status, heard) == ("paid", ["order_paid"])


def test_one_bad_event_does_not_stop_the_others(order, stripe_emulator, deliver_events, queue):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    bad = WebhookEvent.objects.filter(type="payment_intent.succeeded").get()
    bad.payload["data"]["object"]["status"] = "levitating"
    bad.save()

    report = sweep.sweep()

    order.refresh_from_db()
    bad.refresh_from_db()
    assert (order.status, report["events_failed"], bad.state) == ("paid", 1, "failed")


def test_event_of_a_worker_that_died_is_taken_over_when_its_lease_ends(order, stripe_emulator, deliver_events):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    row = WebhookEvent.objects.get(type="checkout.session.completed")
    WebhookEvent.objects.filter(pk=row.pk).update(
        state="processing", leased_until=timezone.now() + timedelta(seconds=60)
    )
    sweep.sweep()
    row.refresh_from_db()
    assert row.state == "processing"

    WebhookEvent.objects.filter(pk=row.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    sweep.sweep()

    row.refresh_from_db()
    assert row.state == "processed"


def test_command_says_what_it_did(order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    said = StringIO()

    call_command("checkout_process_events", stdout=said)
    call_command("checkout_process_events", stdout=said)

    assert said.getvalue() == "sessions_failed=1\nNothing is pending.\n"


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_command_refuses_a_limit_that_is_none(limit):
    with pytest.raises(CommandError, match="not a whole number above zero"):
        call_command("checkout_process_events", "--limit", limit)


def test_command_that_cannot_run_exits_two(settings):
    settings.STRIPE_SECRET_KEY = None
    with pytest.raises(CommandError, match="STRIPE_SECRET_KEY") as caught:
        call_command("checkout_process_events")
    assert caught.value.returncode == 2
