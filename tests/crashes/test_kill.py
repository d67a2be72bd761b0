"""A process killed at any commit or call leaves orders that converge, and no second payment or refund."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout import services
from django_checkout.exceptions import CaptureError, OrderNotPayableError
from django_checkout.models import CheckoutSession, Order, Refund, WebhookEvent
from django_checkout.testing import post_event
from django_checkout.webhooks import inbox
from django_checkout.webhooks.envelope import read_envelope
from django_checkout.webhooks.pending_work import process_pending
from tests.host.models import HostOrder

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

#: More boundaries than any use case has.
ENOUGH = 60


def boundaries(killer, act, prepare):
    """Yield an order for each boundary of ``act``, after its process was killed there."""
    for boundary in itertools.count(1):
        assert boundary < ENOUGH
        host_order = HostOrder.objects.create(number=f"H-{boundary}", state="")
        bodies = prepare(host_order) or ()
        is_killed = killer.kill_at(boundary, act, host_order, bodies)
        expire_leases()
        yield host_order
        if not is_killed:
            return


def expire_leases():
    """End every lease, as if its time had passed."""
    past = timezone.now() - timedelta(seconds=1)
    for model in (CheckoutSession, Refund, WebhookEvent):
        model.objects.exclude(leased_until=None).update(leased_until=past)


def deliver(emulator):
    for delivery in emulator.pending_deliveries():
        assert post_event(delivery.body, delivery.signature).status_code == 200
        emulator.acknowledge(delivery)


def objects(emulator, kind, **where):
    with emulator.store.transaction():
        return emulator.store.select(kind, where, oldest_first=True)


def pay(killer, host_order):
    session = services.start(host_order)
    killer.emulator.pay(session.stripe_id)
    return session


def check(killer, host_order, *, status, sent, charges=1):
    """Assert that the order is in Stripe's state, announced once and charged once."""
    order = services.get_order(host_order)
    services.sync(order)
    order.refresh_from_db()
    host_order.refresh_from_db()
    assert (order.status, order.needs_attention, host_order.state) == (status, False, sent)
    taken = [charge for charge in objects(killer.emulator, "charge") if _is_of(charge, order)]
    assert len([charge for charge in taken if charge["paid"]]) == charges
    assert WebhookEvent.objects.exclude(state__in=("processed", "ignored")).count() == 0
    return order


def _is_of(charge, order):
    return charge["metadata"].get("order_id") == order.reference


def test_start(killer):
    for host_order in boundaries(killer, "start", lambda host_order: None):
        session = services.start(host_order)
        assert session.status == "open"
        at_stripe = objects(killer.emulator, "checkout.session", client_reference_id=host_order.number)
        assert [found["id"] for found in at_stripe] == [session.stripe_id]
        killer.emulator.pay(session.stripe_id)
        deliver(killer.emulator)
        check(killer, host_order, status="paid", sent="p")
    assert killer.killed >= 6


def test_webhook(killer):
    def prepare(host_order):
        pay(killer, host_order)
        waiting = killer.emulator.pending_deliveries()
        types = ("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")
        return [delivery.body.decode() for delivery in waiting if delivery.event_type in types]

    for host_order in boundaries(killer, "webhook", prepare):
        if killer.killed % 2:
            process_pending()
        deliver(killer.emulator)
        check(killer, host_order, status="paid", sent="p")
    assert killer.killed >= 6


def test_webhook_that_reads_the_object(killer):
    def prepare(host_order):
        session = pay(killer, host_order)
        deliver(killer.emulator)
        intent = killer.emulator.get(session.stripe_id)["payment_intent"]
        dispute = killer.emulator.open_dispute(intent)
        killer.emulator.close_dispute(dispute["id"], "won")
        return [
            d.body.decode() for d in killer.emulator.pending_deliveries() if d.event_type == "charge.dispute.closed"
        ]

    for host_order in boundaries(killer, "webhook", prepare):
        deliver(killer.emulator)
        order = check(killer, host_order, status="paid", sent="pd")
        assert not order.disputed
        assert order.announcements.filter(signal="dispute_closed", state="announced").count() == 1
    assert killer.killed >= 8


def test_many_events_that_are_processed_together(killer):
    """Both orders of each round are in one batch, and each is notified in a transaction of its own."""
    seconds = []

    def prepare(host_order):
        seconds.append(HostOrder.objects.create(number=f"{host_order.number}-second", state=""))
        for each in (host_order, seconds[-1]):
            pay(killer, each)
        for delivery in killer.emulator.pending_deliveries():
            inbox.insert(read_envelope(json.loads(delivery.body)))

    for host_order in boundaries(killer, "pending", prepare):
        process_pending(ignores_backoff=True)
        for each in (host_order, seconds[-1]):
            check(killer, each, status="paid", sent="p")
        deliver(killer.emulator)
        for each in (host_order, seconds[-1]):
            check(killer, each, status="paid", sent="p")
    assert killer.killed >= 6


@pytest.mark.parametrize("rescue", ["requested again", "processed later", "reported by webhook"])
def test_refund(killer, rescue):
    def prepare(host_order):
        pay(killer, host_order)
        deliver(killer.emulator)

    for host_order in boundaries(killer, "refund", prepare):
        order = services.get_order(host_order)
        refund = Refund.objects.filter(payment__order=order).first()
        if rescue == "reported by webhook":
            deliver(killer.emulator)
        if rescue == "processed later":
            process_pending()
            refund = Refund.objects.filter(payment__order=order).first()
        if refund is None or (rescue == "requested again" and refund.status == "creating"):
            services.refund(host_order, 700)
        process_pending()
        deliver(killer.emulator)
        check(killer, host_order, status="partially_refunded", sent="pr")
        intent = order.payments.get().stripe_id
        at_stripe = objects(killer.emulator, "refund", payment_intent=intent)
        assert [found["amount"] for found in at_stripe] == [700]
        assert Refund.objects.filter(payment__order=order).count() == 1
    assert killer.killed >= 8


def test_capture(killer, settings):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"

    def prepare(host_order):
        pay(killer, host_order)
        deliver(killer.emulator)

    for host_order in boundaries(killer, "capture", prepare):
        try:
            services.capture(host_order)
        except CaptureError:
            assert services.get_order(host_order).status == "paid"
        deliver(killer.emulator)
        order = check(killer, host_order, status="paid", sent="p")
        assert order.paid_minor == 2000
    assert killer.killed >= 3


def test_cancel(killer):
    def prepare(host_order):
        services.start(host_order)

    for host_order in boundaries(killer, "cancel", prepare):
        services.cancel(host_order)
        deliver(killer.emulator)
        check(killer, host_order, status="canceled", sent="c", charges=0)
        with pytest.raises(OrderNotPayableError):
            services.start(host_order)
    assert killer.killed >= 5


def test_sync(killer):
    for host_order in boundaries(killer, "sync", lambda host_order: pay(killer, host_order) and ()):
        check(killer, host_order, status="paid", sent="p")
    deliver(killer.emulator)
    assert set(HostOrder.objects.values_list("state", flat=True)) == {"p"}
    assert killer.killed >= 3
    assert Order.objects.count() == killer.killed + 1


def get_voucher(killer, host_order):
    session = services.start(host_order, params={"payment_method_types": ["card", "multibanco"]})
    killer.emulator.pay(session.stripe_id, method="multibanco", email="fill_never@example.com")
    deliver(killer.emulator)
    return session


def test_cancel_of_a_voucher(killer):
    for host_order in boundaries(killer, "cancel", lambda host_order: get_voucher(killer, host_order) and ()):
        services.cancel(host_order)
        deliver(killer.emulator)
        check(killer, host_order, status="canceled", sent="c", charges=0)
        intent = services.get_order(host_order).payments.get().stripe_id
        assert killer.emulator.get(intent)["status"] == "canceled"
    assert killer.killed >= 4


def test_another_way_to_pay(killer):
    for host_order in boundaries(killer, "another way", lambda host_order: get_voucher(killer, host_order) and ()):
        services.pay_another_way(host_order)
        pay(killer, host_order)
        deliver(killer.emulator)
        check(killer, host_order, status="paid", sent="p")
        payments = services.get_order(host_order).payments.values_list("intent_status", flat=True)
        assert sorted(payments) == ["canceled", "succeeded"]
    assert killer.killed >= 3
