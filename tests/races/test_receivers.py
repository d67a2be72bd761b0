"""Receivers of several workers that write the same rows, such as the stock of a product."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from django.db.models import F

from django_checkout import services, signals
from django_checkout.models import Order, WebhookEvent
from django_checkout.testing import post_event
from django_checkout.webhooks import batch
from tests.factories import HostOrderFactory
from tests.host.models import HostOrder
from tests.races.test_locks import store_paid
from tests.races.together import TIMEOUT_SECONDS, errors, together

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("real_threads"), pytest.mark.django_db(transaction=True)]


class Shop:
    """A receiver that takes each order's product from stock; in the first calls it waits until all threads are here."""

    def __init__(self, threads):
        self.product_of = {}
        self.is_met = False
        self.barrier = threading.Barrier(threads, action=self.meet)

    def meet(self):
        self.is_met = True

    def take(self, source, **arguments):
        HostOrder.objects.filter(pk=self.product_of[source.pk]).update(quantity=F("quantity") - 1)
        HostOrder.objects.filter(pk=source.pk).update(paid_times=F("paid_times") + 1)
        if not self.is_met:
            self.barrier.wait(TIMEOUT_SECONDS)


@pytest.fixture
def shop():
    shop = Shop(2)
    signals.order_paid.connect(shop.take, sender=Order)
    yield shop
    signals.order_paid.disconnect(shop.take, sender=Order)


@pytest.fixture
def products():
    return [HostOrderFactory(number=f"product {number}", quantity=10) for number in range(2)]


def test_after_a_deadlock_of_receivers_notifications_are_delivered_order_by_order(stripe_emulator, shop, products):
    orders, pks = store_paid(stripe_emulator, 4)
    first, second = orders[:2], orders[2:]
    for some, taken in ((first, products), (second, products[::-1])):
        shop.product_of |= {order.source.pk: product.pk for order, product in zip(some, taken, strict=True)}
    done = batch.process(pks)
    assert sorted(done.to_deliver) == sorted(order.pk for order in orders)

    outcomes = together(*(lambda some=some: batch.deliver([order.pk for order in some]) for some in (first, second)))

    assert errors(outcomes) == []
    (lost,) = (results for results in outcomes if results.has_conflict)
    assert (len(lost.busy), sum(results.delivered for results in outcomes)) == (2, 2)
    for pk in lost.busy:
        services.deliver_pending(Order(pk=pk))
    assert [row.quantity for row in HostOrder.objects.filter(number__startswith="product")] == [8, 8]
    assert set(HostOrder.objects.exclude(number__startswith="product").values_list("paid_times", flat=True)) == {1}


def test_transaction_starts_over_after_a_deadlock_of_a_receiver(stripe_emulator, shop, products):
    """MariaDB rolls the whole transaction back, PostgreSQL only ends it."""
    sessions = []
    for taken in (products, products[::-1]):
        host_order = HostOrderFactory()
        shop.product_of[host_order.pk] = taken[0].pk
        sessions.append((services.start(host_order), taken[1].pk))
    others = {session.order.source.pk: other for session, other in sessions}

    def take_another(source, **arguments):
        # Django knows the error of a query set's statement, and nothing of a cursor's.
        with connection.cursor() as cursor:
            cursor.execute("UPDATE host_hostorder SET quantity = quantity - 1 WHERE id = %s", [others[source.pk]])

    signals.order_paid.connect(take_another, sender=Order)
    try:
        for session, _ in sessions:
            stripe_emulator.pay(session.stripe_id)
        events = stripe_emulator.events("checkout.session.completed")
        outcomes = together(*(lambda event=event: post_event(event).status_code for event in events))
    finally:
        signals.order_paid.disconnect(take_another, sender=Order)

    assert outcomes == [200, 200]
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"processed"}
    assert [row.quantity for row in HostOrder.objects.filter(number__startswith="product")] == [8, 8]
    assert set(HostOrder.objects.exclude(number__startswith="product").values_list("paid_times", flat=True)) == {1}
