"""Ten thousand failed events, worked off by one run of the command."""

from __future__ import annotations

from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import F

from django_checkout import signals
from django_checkout.models import Announcement, AttentionItem, CheckoutSession, Order, Payment, WebhookEvent
from tests import backlog
from tests.host.models import HostOrder

EVENTS = 10_000
ORDERS = EVENTS // len(backlog.TYPES)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_ten_thousand_failed_events_leave_every_order_paid_and_announced_once():
    def count(source, **arguments):
        HostOrder.objects.filter(pk=source.pk).update(paid_times=F("paid_times") + 1)

    backlog.build(ORDERS)
    assert Counter(WebhookEvent.objects.values_list("state", flat=True)) == {"failed": 3 * ORDERS}
    out = StringIO()
    signals.order_paid.connect(count, sender=Order)
    try:
        call_command("checkout_process_events", stdout=out)
    finally:
        signals.order_paid.disconnect(count, sender=Order)

    assert out.getvalue() == (
        f"{3 * ORDERS} of {3 * ORDERS} pending events processed.\n"
        f"{ORDERS} of {ORDERS} pending notifications delivered.\n"
        "Nothing is left.\n"
    )
    assert Counter(WebhookEvent.objects.values_list("state", "attempts")) == {("processed", 2): 3 * ORDERS}
    assert Counter(Order.objects.values_list("status", "paid_minor", "total_minor")) == {("paid", 2000, 2000): ORDERS}
    assert Counter(HostOrder.objects.values_list("paid_times", flat=True)) == {1: ORDERS}
    announced = Announcement.objects.filter(fact=F("order__reference"), session__order=F("order"))
    assert Counter(announced.values_list("signal", "state", "attempts")) == {("order_paid", "announced", 1): ORDERS}
    for reference, stripe_id, charge_id in Payment.objects.values_list("order__reference", "stripe_id", "charge_id"):
        assert (stripe_id, charge_id) == (f"pi_test_{reference[2:]}", f"ch_test_{reference[2:]}")
    assert Payment.objects.count() == ORDERS
    assert Order.objects.filter(kept_payment__order=F("pk")).count() == ORDERS
    assert CheckoutSession.objects.filter(payment__order=F("order"), status="complete", live_for=None).count() == ORDERS
    assert not AttentionItem.objects.exists()
