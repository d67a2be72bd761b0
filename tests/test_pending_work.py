from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_checkout import services, signals
from django_checkout.exceptions import EventBusyError, StripeUnavailableError
from django_checkout.models import CheckoutSession, Order, Refund, WebhookEvent
from django_checkout.webhooks import inbox, pending_work

pytestmark = [pytest.mark.django_db, pytest.mark.core]

CREATE = "POST /v1/checkout/sessions"
REFUND = "POST /v1/refunds"


def test_unanswered_session_is_marked_as_failed_after_it_would_have_expired(order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    pending_work.process_pending()
    assert CheckoutSession.objects.get().status == "creating"

    pending_work.process_pending(now=timezone.now() + timedelta(hours=24))

    row = CheckoutSession.objects.get()
    assert (row.status, row.live_for_id, row.error_code) == ("failed", None, "no_answer")


def test_refund_that_stripe_created_without_answering_is_found(paid_order, stripe_emulator):
    stripe_emulator.chaos.drop(1, match=REFUND)
    stripe_emulator.chaos.drop(1, when="before", match=REFUND)
    with pytest.raises(StripeUnavailableError):
        services.refund(paid_order)

    pending_work.process_pending()

    paid_order.refresh_from_db()
    assert (paid_order.status, Refund.objects.get().status) == ("refunded", "succeeded")
    assert len(stripe_emulator.store.select("refund")) == 1


def test_open_session_past_its_expiry_is_read_from_stripe(order, stripe_emulator, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=pending_work.STALE_OPEN_SECONDS + 1))

    pending_work.process_pending()

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("paid", ["order_paid"])


def test_failing_event_does_not_stop_the_others(order, pay, queue):
    pay(order)
    bad = WebhookEvent.objects.filter(type="payment_intent.succeeded").get()
    bad.payload["data"]["object"]["status"] = "levitating"
    bad.save()

    report = pending_work.process_pending()

    order.refresh_from_db()
    bad.refresh_from_db()
    assert (order.status, report["events_failed"], bad.state) == ("paid", 1, "failed")


def test_event_of_a_dead_worker_is_processed_after_its_lease_expires(order, pay):
    pay(order)
    row = WebhookEvent.objects.get(type="checkout.session.completed")
    WebhookEvent.objects.filter(pk=row.pk).update(
        state="processing", leased_until=timezone.now() + timedelta(seconds=60)
    )
    pending_work.process_pending()
    row.refresh_from_db()
    assert row.state == "processing"

    WebhookEvent.objects.filter(pk=row.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    pending_work.process_pending()

    row.refresh_from_db()
    assert row.state == "processed"


def test_command_reports_what_it_did(order, stripe_emulator):
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    out = StringIO()

    call_command("checkout_process_events", stdout=out)
    call_command("checkout_process_events", stdout=out)

    assert out.getvalue() == "1 of 1 unconfirmed sessions marked as failed.\nNothing is pending.\n"


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_command_refuses_a_limit_that_is_not_a_positive_integer(limit):
    with pytest.raises(CommandError, match="not a positive integer"):
        call_command("checkout_process_events", "--limit", limit)


def test_command_that_cannot_run_exits_two(settings):
    settings.STRIPE_SECRET_KEY = None
    with pytest.raises(CommandError, match="STRIPE_SECRET_KEY") as caught:
        call_command("checkout_process_events")
    assert caught.value.returncode == 2


def test_a_delayed_payment_whose_event_was_lost_is_read(order, stripe_emulator, deliver_events, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, iban="AT611904300234573201")
    deliver_events()
    stripe_emulator.settle(session.stripe_id)
    CheckoutSession.objects.update(completed_at="2026-01-01T00:00:00Z")

    pending_work.process_pending()

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("paid", ["order_pending", "order_paid"])


def test_command_counts_what_was_delivered_and_what_failed(order, host_order, recorder):
    def fail(**arguments):
        raise RuntimeError

    now = timezone.now()
    due, later = now - timedelta(minutes=1), now + timedelta(hours=1)
    # The last two are superseded, because the order is unpaid.
    attempts = {"order_paid": due, "order_canceled": later, "order_pending": due, "order_authorized": due}
    for signal, next_attempt_at in attempts.items():
        order.announcements.create(signal=signal, fact="1", next_attempt_at=next_attempt_at)
    out = StringIO()

    signals.order_paid.connect(fail, sender=Order)
    call_command("checkout_process_events", stdout=out)
    signals.order_paid.disconnect(fail, sender=Order)

    assert out.getvalue() == "1 of 2 pending notifications delivered.\n"
    states = ["pending", "announced", "superseded", "superseded"]
    assert list(order.announcements.order_by("pk").values_list("state", flat=True)) == states


def test_event_that_another_worker_processes_is_not_counted_as_processed(
    order, stripe_emulator, deliver_events, queue, monkeypatch
):
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    number = WebhookEvent.objects.filter(state="received").count()
    lock, busy = inbox.lock, WebhookEvent.objects.filter(state="received").first().pk

    def lock_unless_busy(pk, **options):
        if pk == busy:
            raise EventBusyError("Another worker is processing this event.")
        return lock(pk, **options)

    monkeypatch.setattr(inbox, "lock", lock_unless_busy)

    report = pending_work.process_pending()

    assert (report["events"], report["events_failed"]) == (number, 1)
