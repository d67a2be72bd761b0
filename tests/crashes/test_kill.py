"""Kill -9 at every commit and every call: afterwards each order converges, and nobody pays or is refunded twice."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout import services
from django_checkout.exceptions import CaptureError, OrderNotPayableError
from django_checkout.models import CheckoutSession, Order, Refund, WebhookEvent
from django_checkout.sweep import sweep
from django_checkout.testing import post_event
from tests.host.models import HostOrder

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]

#: More boundaries than any use case has.
ENOUGH = 60


def boundaries(nursery, act, prepare):
    """Yield an order for each boundary of ``act``, after the process that did it was killed there."""
    for boundary in itertools.count(1):
        assert boundary < ENOUGH
        host_order = HostOrder.objects.create(number=f"H-{boundary}", state="")
        bodies = prepare(host_order) or ()
        is_killed = nursery.kill_at(boundary, act, host_order, bodies)
        time_passes()
        yield host_order
        if not is_killed:
            return


def time_passes():
    """Let every lease run out: the process that held it is gone."""
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


def pay(nursery, host_order):
    session = services.start(host_order)
    nursery.emulator.pay(session.stripe_id)
    return session


def check(nursery, host_order, *, status, told, charges=1):
    """Assert that the order is in Stripe's state, was told once, and was charged once."""
    order = services.get_order(host_order)
    services.sync(order)
    order.refresh_from_db()
    host_order.refresh_from_db()
    assert (order.status, order.needs_attention, host_order.state) == (status, False, told)
    taken = [charge for charge in objects(nursery.emulator, "charge") if _is_of(charge, order)]
    assert len([charge for charge in taken if charge["paid"]]) == charges
    assert WebhookEvent.objects.exclude(state__in=("processed", "ignored")).count() == 0
    return order


def _is_of(charge, order):
    return charge["metadata"].get("order_id") == order.reference


def test_start(nursery):
    for host_order in boundaries(nursery, "start", lambda host_order: None):
        session = services.start(host_order)
        assert session.status == "open"
        at_stripe = objects(nursery.emulator, "checkout.session", client_reference_id=host_order.number)
        assert [found["id"] for found in at_stripe] == [session.stripe_id]
        nursery.emulator.pay(session.stripe_id)
        deliver(nursery.emulator)
        check(nursery, host_order, status="paid", told="p")
    assert nursery.killed >= 8


def test_webhook(nursery):
    def prepare(host_order):
        pay(nursery, host_order)
        waiting = nursery.emulator.pending_deliveries()
        wanted = ("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")
        return [delivery.body.decode() for delivery in waiting if delivery.event_type in wanted]

    for host_order in boundaries(nursery, "webhook", prepare):
        if nursery.killed % 2:
            sweep()
        deliver(nursery.emulator)
        check(nursery, host_order, status="paid", told="p")
    assert nursery.killed >= 6


def test_webhook_that_rings_a_bell(nursery):
    def prepare(host_order):
        session = pay(nursery, host_order)
        deliver(nursery.emulator)
        intent = nursery.emulator.get(session.stripe_id)["payment_intent"]
        dispute = nursery.emulator.open_dispute(intent)
        nursery.emulator.close_dispute(dispute["id"], "won")
        return [
            d.body.decode() for d in nursery.emulator.pending_deliveries() if d.event_type == "charge.dispute.closed"
        ]

    for host_order in boundaries(nursery, "webhook", prepare):
        deliver(nursery.emulator)
        order = check(nursery, host_order, status="paid", told="pd")
        assert not order.disputed
        assert order.announcements.filter(signal="dispute_closed", state="announced").count() == 1
    assert nursery.killed >= 8


@pytest.mark.parametrize("rescue", ["asked for again", "swept", "told by webhook"])
def test_refund(nursery, rescue):
    def prepare(host_order):
        pay(nursery, host_order)
        deliver(nursery.emulator)

    for host_order in boundaries(nursery, "refund", prepare):
        order = services.get_order(host_order)
        refund = Refund.objects.filter(payment__order=order).first()
        if rescue == "told by webhook":
            deliver(nursery.emulator)
        if rescue == "swept":
            sweep()
            refund = Refund.objects.filter(payment__order=order).first()
        if refund is None or (rescue == "asked for again" and refund.status == "creating"):
            services.refund(host_order, 700)
        sweep()
        deliver(nursery.emulator)
        check(nursery, host_order, status="partially_refunded", told="pr")
        intent = order.payments.get().stripe_id
        at_stripe = objects(nursery.emulator, "refund", payment_intent=intent)
        assert [found["amount"] for found in at_stripe] == [700]
        assert Refund.objects.filter(payment__order=order).count() == 1
    assert nursery.killed >= 8


def test_capture(nursery, settings):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"

    def prepare(host_order):
        pay(nursery, host_order)
        deliver(nursery.emulator)

    for host_order in boundaries(nursery, "capture", prepare):
        try:
            services.capture(host_order)
        except CaptureError:
            assert services.get_order(host_order).status == "paid"
        deliver(nursery.emulator)
        order = check(nursery, host_order, status="paid", told="p")
        assert order.paid_minor == 2000
    assert nursery.killed >= 3


def test_cancel(nursery):
    def prepare(host_order):
        services.start(host_order)

    for host_order in boundaries(nursery, "cancel", prepare):
        services.cancel(host_order)
        deliver(nursery.emulator)
        check(nursery, host_order, status="canceled", told="c", charges=0)
        with pytest.raises(OrderNotPayableError):
            services.start(host_order)
    assert nursery.killed >= 5


def test_reading(nursery):
    for host_order in boundaries(nursery, "sync", lambda host_order: pay(nursery, host_order) and ()):
        check(nursery, host_order, status="paid", told="p")
    deliver(nursery.emulator)
    assert set(HostOrder.objects.values_list("state", flat=True)) == {"p"}
    assert nursery.killed >= 3
    assert Order.objects.count() == nursery.killed + 1
