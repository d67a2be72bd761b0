"""The quick comparison of ``reconcile.orders`` passes no order that the full comparison finds different."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import DataError, IntegrityError, models
from django.utils import timezone

from django_checkout import ledger, reconcile, services
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Dispute,
    Order,
    Payment,
    Refund,
    database,
)
from django_checkout.reconcile import Kind, orders
from tests.damage import overwrite
from tests.factories import HostOrderFactory
from tests.properties.shop import rolled_back

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def _values(column):
    """Return values that a column may have, right or wrong."""
    if column.choices:
        return [value for value, _ in column.choices]
    if isinstance(column, models.ForeignKey):
        return list(column.related_model._base_manager.values_list("pk", flat=True))
    if isinstance(column, models.BooleanField):
        return [True, False]
    if isinstance(column, models.DateTimeField):
        return [timezone.now()]
    if isinstance(column, models.IntegerField):
        return [0, 1, 2000, 9000]
    if isinstance(column, models.JSONField):
        return [{}, {"prv_1": True}, {"prv_1": False}]
    if isinstance(column, models.CharField):
        states = ("open", "complete", "expired", "unpaid", "paid", "no_payment_required", "refunded", "canceled")
        states += ("announced", "pending", "superseded", "subscription", "payment", "order_paid", "session_expired")
        return [value for value in ("", "usd", "x", *states) if len(value) <= (column.max_length or 0)]
    return []


@pytest.fixture
def shop(stripe_emulator, deliver_events):
    """An order that was paid, one that is open and one whose session has expired."""
    sessions = [services.start(services.place(HostOrderFactory())) for _ in range(3)]
    stripe_emulator.pay(sessions[0].stripe_id)
    stripe_emulator.expire(sessions[1].stripe_id)
    deliver_events()
    pks = list(Order.objects.order_by("pk").values_list("pk", flat=True))
    overwrite(Announcement.objects, state="announced", announced_at=timezone.now(), next_attempt_at=None)
    assert orders._plain(pks) == set(pks)
    return pks


def _missed(pks):
    """Return the orders that the quick comparison passes and that are different."""
    plain = orders._plain(pks)
    wholes = ledger.load(list(Order.objects.filter(pk__in=plain).order_by("pk")))
    return [found.here for whole in wholes if (found := ledger.examine(whole)) is not None]


@pytest.mark.slow
@pytest.mark.parametrize("model", [Order, CheckoutSession, Payment, Announcement])
def test_plain_orders_are_right_whatever_value_a_column_has(model, shop):
    missed, tried = {}, 0
    for column in model._meta.concrete_fields:
        for value in [] if column.primary_key else [*_values(column), *([None] if column.null else [])]:
            for pk in model._base_manager.values_list("pk", flat=True):
                with suppress(IntegrityError, DataError), rolled_back():
                    overwrite(model._base_manager.filter(pk=pk), **{column.attname: value})
                    tried += 1
                    if found := _missed(shop):
                        missed[column.name, str(value), pk] = found

    assert missed == {}
    assert tried > 50


@pytest.mark.parametrize(
    "add",
    [
        lambda order, payment: Refund.objects.create(
            payment=payment, stripe_id="re_1", amount_minor=5, currency="eur", status="succeeded"
        ),
        lambda order, payment: Dispute.objects.create(
            payment=payment, stripe_id="du_1", amount_minor=5, currency="eur", status="needs_response"
        ),
        lambda order, payment: AttentionItem.objects.create(order=order, code="dispute_open", fact="du_1"),
        lambda order, payment: Payment.objects.create(order=order, stripe_id="pi_2", currency="eur", captured_minor=5),
        lambda order, payment: Announcement.objects.create(order=order, signal="order_refunded", fact="re_1"),
    ],
    ids=["refund", "dispute", "attention", "payment", "announcement"],
)
def test_plain_orders_are_right_whatever_row_is_added(add, shop):
    payment = Payment.objects.get()
    for order in Order.objects.order_by("pk"):
        with rolled_back():
            with database.atomic():
                add(order, payment)
            assert _missed(shop) == []


@pytest.mark.parametrize("is_of_order", [False, True], ids=["window", "order"])
def test_open_review_that_was_never_raised_is_found(is_of_order, paid_order, recorder):
    overwrite(Payment.objects, reviews={"prv_1": True})

    report = reconcile.run(order=paid_order if is_of_order else None, fix=True)

    paid_order.refresh_from_db()
    assert [difference.kind for difference in report.differences] == [Kind.ORDER_DIFFERS]
    assert (paid_order.needs_attention, recorder.names) == (True, ["attention_needed"])
