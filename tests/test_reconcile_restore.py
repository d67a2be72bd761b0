"""After yesterday's backup is restored, one run with --fix reaches Stripe's state and announces what is missing."""

from __future__ import annotations

from collections import Counter

import pytest
from django.core import serializers

from django_checkout import reconcile, services
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Discrepancy,
    Dispute,
    Order,
    OrderLine,
    Payment,
    ReadTicket,
    Refund,
    WebhookEvent,
    database,
)
from django_checkout.reconcile import Kind
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

#: In an order in which they can be deleted.
_TABLES = (Announcement, AttentionItem, Dispute, Refund, CheckoutSession, OrderLine, Payment, ReadTicket, WebhookEvent)
_STATES = {
    Order: ("reference", "status", "paid_minor", "refunded_minor", "total_minor", "disputed", "needs_attention"),
    CheckoutSession: ("order__reference", "uuid", "stripe_id", "status", "payment_status", "live_for__reference"),
    Payment: ("order__reference", "stripe_id", "captured_minor", "intent_status", "refund_asked_minor"),
    Refund: ("payment__order__reference", "stripe_id", "status", "amount_minor", "is_ours"),
    Dispute: ("payment__order__reference", "stripe_id", "status", "amount_minor"),
    AttentionItem: ("order__reference", "code", "fact"),
    Announcement: ("order__reference", "signal", "fact", "state"),
}


def _dump() -> list:
    rows = [row for model in (Order, *reversed(_TABLES)) for row in model.objects.all()]
    return serializers.serialize("python", rows)


def _restore(dump: list) -> None:
    with database.atomic():
        Order.objects.update(kept_payment=None)
        CheckoutSession.objects.update(payment=None)
        for model in (*_TABLES, Order):
            model.objects.all().delete()
        rows = list(serializers.deserialize("python", dump))
        kept = {row.object.pk: row.object.kept_payment_id for row in rows if isinstance(row.object, Order)}
        for row in rows:
            if isinstance(row.object, Order):
                row.object.kept_payment_id = None
            row.save()
        for pk, payment in kept.items():
            Order.objects.filter(pk=pk).update(kept_payment=payment)


def _states(*references):
    found = {}
    for model, columns in _STATES.items():
        rows = model.objects.filter(**{f"{columns[0]}__in": references})
        found[model.__name__] = sorted(map(str, rows.values_list(*columns)))
    return found


def test_restored_database_is_right_after_one_run(stripe_emulator, deliver_events, recorder, pay):
    open_, idle, paid, refunded, disputed, renewed = orders = [services.place(HostOrderFactory()) for _ in range(6)]
    begun = {order: services.start(order) for order in orders if order is not idle}
    for order in (paid, refunded, disputed):
        stripe_emulator.pay(begun[order].stripe_id)
    deliver_events()
    dump = _dump()
    recorder.clear()

    stripe_emulator.pay(begun[open_].stripe_id)
    pay(idle)
    services.refund(refunded, 300)
    stripe_emulator.refund(refunded.payments.get().stripe_id, 200)
    stripe_emulator.open_dispute(disputed.payments.get().stripe_id)
    stripe_emulator.expire(begun[renewed].stripe_id)
    deliver_events()
    services.start(renewed)
    of_the_day = Counter(recorder.names)
    new_order = services.place(HostOrderFactory())
    new_session = services.start(new_order).stripe_id
    stripe_emulator.pay(new_session)
    deliver_events()
    references = [order.reference for order in orders]
    today = _states(*references)
    at_stripe = {kind: stripe_emulator.latest(kind, 100) for kind in ("checkout.session", "payment_intent", "refund")}

    _restore(dump)
    assert _states(*references) != today
    recorder.clear()
    report = reconcile.run(fix=True)

    assert _states(*references) == today
    assert Counter(recorder.names) == of_the_day
    listed = [(difference.kind, difference.subject) for difference in report.differences if not difference.is_fixed]
    assert listed == [(Kind.SESSION_WITHOUT_ORDER, new_session)]
    assert Discrepancy.objects.get().at_stripe["order_id"] == new_order.reference
    assert all(stripe_emulator.latest(kind, 100) == objects for kind, objects in at_stripe.items())

    second = reconcile.run(fix=True)
    assert [(found.kind, found.outcome) for found in second.differences] == [(Kind.SESSION_WITHOUT_ORDER, "known")]
    assert Counter(recorder.names) == of_the_day
    # A restored session is reused: no order gets a second one that can be paid.
    assert services.start(renewed).status == "open"
    assert CheckoutSession.objects.filter(order=renewed, status="open").count() == 1
