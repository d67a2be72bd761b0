"""Factories of minimal valid rows, as the ledger writes them."""

from __future__ import annotations

from datetime import timedelta

import factory
from django.utils import timezone

from django_checkout.models import (
    Announcement,
    AttentionItem,
    BalanceTransaction,
    CheckoutSession,
    Customer,
    Discrepancy,
    Dispute,
    Order,
    OrderLine,
    Payment,
    Payout,
    ReconciliationRun,
    Refund,
    Subscription,
    WebhookEvent,
    database,
)
from tests.factories import UserFactory


class OrderFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Order

    reference = factory.Sequence("A-{:04}".format)
    content_hash = "0" * 64
    currency = "eur"
    subtotal_minor = 2000
    livemode = False


class LineFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OrderLine

    order = factory.SubFactory(OrderFactory)
    position = factory.Sequence(lambda number: number + 1)
    name = "Teapot"
    quantity = 1
    unit_amount_minor = 2000


class PaymentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Payment

    order = factory.SubFactory(OrderFactory)
    stripe_id = factory.Sequence("pi_{:04}".format)
    charge_id = factory.Sequence("ch_{:04}".format)
    livemode = False
    intent_status = "succeeded"
    currency = "eur"
    amount_minor = 2000
    captured_minor = 2000


class SessionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = CheckoutSession

    order = factory.SubFactory(OrderFactory)
    stripe_id = factory.Sequence("cs_test_{:04}".format)
    livemode = False
    revision = 1
    asked_currency = "eur"
    asked_subtotal_minor = 2000
    request_hash = "0" * 64
    status = "open"
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=1))


class RefundFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Refund

    payment = factory.SubFactory(PaymentFactory)
    stripe_id = factory.Sequence("re_{:04}".format)
    amount_minor = 500
    currency = "eur"
    status = "succeeded"


class DisputeFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Dispute

    payment = factory.SubFactory(PaymentFactory)
    stripe_id = factory.Sequence("dp_{:04}".format)
    amount_minor = 2000
    currency = "eur"
    status = "needs_response"
    reason = "fraudulent"
    due_by = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))


class EventFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = WebhookEvent

    stripe_id = factory.Sequence("evt_{:04}".format)
    type = "checkout.session.completed"
    livemode = False
    state = "processed"
    attempts = 1
    created_at = factory.LazyFunction(timezone.now)


class AnnouncementFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Announcement

    order = factory.SubFactory(OrderFactory)
    signal = "order_paid"
    fact = factory.Sequence("fact-{}".format)
    state = "announced"
    attempts = 1


class AttentionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AttentionItem

    order = factory.SubFactory(OrderFactory)
    code = "amount_mismatch"
    fact = factory.Sequence("cs_test_fact_{}".format)


class DiscrepancyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Discrepancy

    kind = "paid_not_recorded"
    subject = factory.Sequence("cs_test_drift_{}".format)
    order = factory.SubFactory(OrderFactory)


class CustomerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Customer

    user = factory.SubFactory(UserFactory)
    stripe_id = factory.Sequence("cus_{:04}".format)
    livemode = False


class SubscriptionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Subscription

    order = factory.SubFactory(OrderFactory)
    stripe_id = factory.Sequence("sub_{:04}".format)
    livemode = False
    status = "active"


def make_paid_order(**values) -> Order:
    """An order paid by one session, with one refund, one dispute and the events of each."""
    order = OrderFactory(status="partially_refunded", paid_minor=2000, refunded_minor=500, total_minor=2000, **values)
    LineFactory(order=order)
    payment = PaymentFactory(order=order)
    session = SessionFactory(
        order=order,
        payment=payment,
        status="complete",
        payment_status="paid",
        currency="eur",
        amount_total_minor=2000,
        completed_at=timezone.now(),
    )
    refund = RefundFactory(payment=payment)
    dispute = DisputeFactory(payment=payment)
    EventFactory(object_id=session.stripe_id, payment_intent_id=payment.stripe_id, request_id="req_pay")
    EventFactory(type="refund.created", object_id=refund.stripe_id, payment_intent_id=payment.stripe_id)
    EventFactory(type="charge.dispute.created", object_id=dispute.stripe_id)
    AnnouncementFactory(order=order, announced_at=timezone.now())
    AttentionFactory(order=order, code="disputed", fact=dispute.stripe_id)
    order.kept_payment = payment
    order.paid_at = timezone.now()
    with database.atomic():
        order.save()
    return order


class PayoutFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Payout

    stripe_id = factory.Sequence("po_{:04}".format)
    livemode = False
    currency = "eur"
    amount_minor = 1945
    lines_net_minor = 1945
    status = "paid"
    arrival_date = factory.LazyFunction(timezone.localdate)
    created_at = factory.LazyFunction(timezone.now)


class BalanceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = BalanceTransaction

    stripe_id = factory.Sequence("txn_{:04}".format)
    source_id = factory.Sequence("ch_balance_{:04}".format)
    payment = factory.SubFactory(PaymentFactory)
    payout = factory.SubFactory(PayoutFactory)
    type = "charge"
    currency = "eur"
    amount_minor = 2000
    fee_minor = 55
    net_minor = factory.LazyAttribute(lambda row: row.amount_minor - row.fee_minor)
    status = "available"
    available_on = factory.LazyFunction(timezone.now)
    created_at = factory.LazyFunction(timezone.now)


class RunFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ReconciliationRun

    scope = "orders"
    state = "complete"
    since = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))
    until = factory.LazyFunction(timezone.now)
    seen = factory.LazyFunction(lambda: {"sessions": 1200})
