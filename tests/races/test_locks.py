"""Who waits for the lock of an order, and what is read after the wait."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import ExitStack, contextmanager

import pytest
from django.db import connections, transaction
from django.db.models import F

from django_checkout import ledger, services, signals
from django_checkout.ledger import locks
from django_checkout.models import CheckoutSession, Order, Payment, Refund, WebhookEvent
from django_checkout.testing import post_event
from django_checkout.webhooks import batch, inbox, pending_work, processing
from django_checkout.webhooks.envelope import read_envelope
from django_checkout.webhooks.registry import handled_types
from tests.factories import HostOrderFactory
from tests.host.models import HostOrder
from tests.races.together import TIMEOUT_SECONDS, run_before

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("real_threads"), pytest.mark.django_db(transaction=True)]

#: Long enough for a thread to reach the lock that it waits for.
WAIT_SECONDS = 1


@pytest.fixture
def counting():
    """A host that counts in its own row how often ``order_paid`` was sent."""

    def count(source, **arguments):
        HostOrder.objects.filter(pk=source.pk).update(paid_times=F("paid_times") + 1)

    signals.order_paid.connect(count, sender=Order)
    yield
    signals.order_paid.disconnect(count, sender=Order)


def store_paid(emulator, number):
    """Store the events of so many paid orders; return the orders and the events' primary keys."""
    made = [HostOrderFactory() for _ in range(number)]
    before = len(emulator.events())
    for host_order in made:
        emulator.pay(services.start(host_order).stripe_id)
    events = [event for event in emulator.events()[before:] if event["type"] in handled_types()]
    return [services.get_order(row) for row in made], [inbox.insert(read_envelope(event)).pk for event in events]


@contextmanager
def working(work):
    """Run ``work`` in a thread; at the end of the block, wait for it and raise what it raised."""
    failures = []

    def run():
        try:
            work()
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield thread
    thread.join(TIMEOUT_SECONDS)
    assert not thread.is_alive(), "a thread hangs"
    assert not failures


def test_only_the_events_of_an_order_wait_for_its_lock(stripe_emulator, counting):
    (held, *others), _ = store_paid(stripe_emulator, 3)

    with ExitStack() as stack, transaction.atomic():
        Order.objects.select_for_update().get(pk=held.pk)
        stack.enter_context(working(pending_work.process_pending))
        ends_at = time.monotonic() + TIMEOUT_SECONDS
        while HostOrder.objects.filter(paid_times=1).count() < len(others) and time.monotonic() < ends_at:
            time.sleep(0.05)
        assert set(Order.objects.values_list("pk", "status")) == {
            (held.pk, "unpaid"),
            *((order.pk, "paid") for order in others),
        }

    assert set(WebhookEvent.objects.values_list("state", "attempts")) <= {("processed", 1), ("ignored", 1)}
    assert list(HostOrder.objects.values_list("paid_times", flat=True)) == [1, 1, 1]


def test_a_payment_that_gets_its_order_while_a_batch_locks_is_not_taken_for_another_systems(stripe_emulator):
    """Its order was locked when the batch locked the others, and is named by nothing in the event."""
    (claiming, _), pks = store_paid(stripe_emulator, 2)
    intent = WebhookEvent.objects.filter(pk__in=pks, type="payment_intent.succeeded").earliest("pk")
    processing.process(intent)
    charge = WebhookEvent.objects.get(payment_intent_id=intent.object_id, type="charge.succeeded")
    charge.payload["data"]["object"]["metadata"] = {}
    charge.save()
    is_claimed, may_commit = threading.Event(), threading.Event()

    def claim():
        with transaction.atomic():
            Order.objects.select_for_update().get(pk=claiming.pk)
            Payment.objects.filter(stripe_id=intent.object_id).update(order=claiming)
            is_claimed.set()
            may_commit.wait(TIMEOUT_SECONDS)

    with ExitStack() as stack:
        claiming_thread = stack.enter_context(working(claim))
        assert is_claimed.wait(TIMEOUT_SECONDS)

        def commit():
            may_commit.set()
            claiming_thread.join(TIMEOUT_SECONDS)

        with run_before("django_checkout.ledger.batch.prefetch_related_objects", commit):
            done = batch.process([pk for pk in pks if pk != intent.pk])

    charge.refresh_from_db()
    assert charge.pk in done.busy
    assert charge.state == "received"


def test_duplicate_does_not_wait_for_its_order(paid_order):
    event = WebhookEvent.objects.get(type="checkout.session.completed")
    outcomes = []

    with transaction.atomic():
        Order.objects.select_for_update().get(pk=paid_order.pk)
        with working(lambda: outcomes.append(post_event({**event.payload, "id": event.stripe_id}).status_code)):
            pass

    assert outcomes == [200]


def _lock_by_reference(payment):
    return ledger.lock_order(reference=payment.order.reference, payment_ids=["pi_early"])


def _lock_by_pk(payment):
    return ledger.lock_order(pk=payment.order_id, payment_ids=["pi_early"])


def _lock_by_payment(payment):
    locked, _ = locks.lock_order_with_refunds(payment.stripe_id, also=["pi_early"])
    assert [row.stripe_id for row in locked.shared.refunds[payment.pk]] == ["re_1"]
    return locked


@pytest.mark.parametrize("lock", [_lock_by_pk, _lock_by_reference, _lock_by_payment])
def test_what_another_transaction_committed_is_read_after_waiting_for_its_lock(paid_order, lock):
    """PostgreSQL would show the rows as they were before the wait, if one statement locked and read them."""
    locked = []
    has_begun = threading.Event()
    payment = Payment.objects.select_related("order").get()

    def wait():
        with transaction.atomic():
            has_begun.set()
            mine = lock(payment)
            locked.append((len(mine.sessions), len(mine.payments), len(mine.refunds_of(payment)), mine.order.email))

    with ExitStack() as stack, transaction.atomic():
        Order.objects.select_for_update().get(pk=paid_order.pk)
        stack.enter_context(working(wait))
        assert has_begun.wait(TIMEOUT_SECONDS)
        time.sleep(WAIT_SECONDS)
        session = CheckoutSession.objects.get()
        session.pk, session.uuid, session.stripe_id, session._state.adding = None, uuid.uuid4(), "cs_test_other", True
        session.save()
        Payment.objects.create(stripe_id="pi_other", order=paid_order)
        Payment.objects.create(stripe_id="pi_early")
        Refund.objects.create(payment=payment, stripe_id="re_1", amount_minor=1, currency="eur", status="succeeded")
        Order.objects.filter(pk=paid_order.pk).update(email="other@example.com")

    assert locked == [(2, 3, 1, "other@example.com")]
