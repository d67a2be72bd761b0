"""An example of each kind of difference that reconciliation finds, and the result of a run with --fix."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from django_checkout import services
from django_checkout.emulator import Emulator
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund
from django_checkout.reconcile import Kind, Outcome
from django_checkout.values import LineData, OrderData
from tests.damage import edit, forget, overwrite
from tests.factories import HostOrderFactory

IBAN = "AT611904300234573201"
TEA = LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month")


@dataclass
class Shop:
    """An order, Stripe, and the delivery of events that may be lost."""

    order: Order
    emulator: Emulator
    deliver: Callable[[], object]

    def pay(self, **how: Any) -> str:
        """Pay the order without delivering events; return the session's id."""
        session_id = services.start(self.order).stripe_id
        self.emulator.pay(session_id, **how)
        return session_id

    def pay_and_deliver(self, **how: Any) -> str:
        session_id = self.pay(**how)
        self.deliver()
        return session_id

    def refund(self) -> str:
        """Pay the order and refund a part of it, all events delivered; return the refund's id."""
        self.pay_and_deliver()
        refund = services.refund(self.order, 300)
        self.deliver()
        return refund.stripe_id

    def dispute(self) -> str:
        """Pay the order and dispute it, all events delivered; return the dispute's id."""
        self.pay_and_deliver()
        dispute = self.emulator.open_dispute(self.payment_id)
        self.deliver()
        return dispute["id"]

    def subscribe(self) -> str:
        """Sell a subscription in addition to the order; return its id."""
        order = services.place(OrderData(reference="S-1", currency="eur", lines=(TEA,)))
        Shop(order, self.emulator, self.deliver).pay_and_deliver()
        self.order = order
        return order.subscriptions.get().stripe_id

    @property
    def payment_id(self) -> str:
        return Payment.objects.get().stripe_id


@dataclass(frozen=True)
class Example:
    """How a difference arises, and the kinds and outcomes that a run with --fix reports."""

    arrange: Callable[[Shop], object]
    expected: tuple[tuple[Kind, Outcome], ...]

    @property
    def name(self) -> str:
        return self.arrange.__name__


EXAMPLES: list[Example] = []


def example(kind: Kind, outcome: Outcome, *more: tuple[Kind, Outcome]) -> Callable[[Any], Any]:
    def add(arrange: Callable[[Shop], object]) -> Callable[[Shop], object]:
        EXAMPLES.append(Example(arrange, ((kind, outcome), *more)))
        return arrange

    return add


@example(Kind.PAID_NOT_RECORDED, Outcome.FIXED)
def paid_not_recorded(shop):
    shop.pay()


@example(Kind.PAID_NOT_RECORDED, Outcome.FIXED)
def debit_settled(shop):
    shop.emulator.settle(shop.pay_and_deliver(iban=IBAN))


@example(Kind.SESSION_BEHIND, Outcome.FIXED)
def debit_failed(shop):
    shop.emulator.settle(shop.pay_and_deliver(iban=IBAN), succeed=False)


@example(Kind.PAID_NOT_RECORDED, Outcome.FIXED)
def never_answered(shop):
    shop.pay()
    overwrite(CheckoutSession.objects, stripe_id=None, status="creating", url="")


@example(Kind.STALE_OPEN, Outcome.FIXED)
def stale_open(shop):
    shop.emulator.expire(services.start(shop.order).stripe_id)


@example(Kind.REFUND_DIFFERS, Outcome.FIXED)
def refund_missing(shop):
    shop.pay_and_deliver()
    shop.emulator.refund(shop.payment_id, 300)


@example(Kind.REFUND_DIFFERS, Outcome.FIXED)
def refund_failed_later(shop):
    shop.emulator.fail_refund(shop.refund())


@example(Kind.REFUND_DIFFERS, Outcome.LISTED)
def refund_amount(shop):
    edit(shop.emulator, shop.refund(), amount=400)


@example(Kind.REFUND_DIFFERS, Outcome.LISTED)
def refund_unknown_at_stripe(shop):
    forget(shop.emulator, shop.refund())


@example(Kind.DISPUTE_UNKNOWN, Outcome.FIXED)
def dispute_unknown(shop):
    shop.pay_and_deliver()
    shop.emulator.open_dispute(shop.payment_id)


@example(Kind.DISPUTE_DIFFERS, Outcome.FIXED)
def dispute_closed(shop):
    shop.emulator.close_dispute(shop.dispute(), "lost")


@example(Kind.DISPUTE_DIFFERS, Outcome.FIXED)
def dispute_withdrew_more(shop):
    shop.dispute()
    overwrite(Dispute.objects, withdrawn_minor=1500)


@example(Kind.DISPUTE_DIFFERS, Outcome.FIXED)
def dispute_withdrew_another_currency(shop):
    shop.dispute()
    overwrite(Dispute.objects, withdrawn_currency="usd")


@example(Kind.DISPUTE_DIFFERS, Outcome.LISTED)
def dispute_unknown_at_stripe(shop):
    forget(shop.emulator, shop.dispute())


@example(Kind.RECORDED_NOT_PAID, Outcome.LISTED)
def recorded_not_paid(shop):
    edit(shop.emulator, shop.pay_and_deliver(), status="open", payment_status="unpaid", payment_intent=None)


@example(Kind.AMOUNT_DIFFERS, Outcome.LISTED)
def amount_less(shop):
    shop.pay_and_deliver()
    edit(shop.emulator, shop.payment_id, amount_received=1500)


@example(Kind.AMOUNT_DIFFERS, Outcome.FIXED)
def total_differs(shop):
    shop.pay_and_deliver()
    overwrite(CheckoutSession.objects, amount_total_minor=1)


@example(Kind.AMOUNT_DIFFERS, Outcome.FIXED)
def currency_differs(shop):
    shop.pay_and_deliver()
    overwrite(CheckoutSession.objects, currency="usd")


@example(
    Kind.DOUBLE_PAYMENT,
    Outcome.LISTED,
    (Kind.PAID_NOT_RECORDED, Outcome.FIXED),
    (Kind.PAID_NOT_RECORDED, Outcome.FIXED),
)
def double_payment(shop):
    first = shop.pay()
    overwrite(CheckoutSession.objects, live_for=None, status="expired")
    assert first != shop.pay()


@example(Kind.SESSION_WITHOUT_ORDER, Outcome.FIXED)
def session_without_row(shop):
    shop.pay()
    lost = {"uuid": uuid.uuid4(), "stripe_id": None, "status": "failed", "error_code": "no_answer", "live_for": None}
    overwrite(CheckoutSession.objects, **lost)


@example(Kind.ORDER_WITHOUT_SESSION, Outcome.LISTED)
def order_without_session(shop):
    forget(shop.emulator, services.start(shop.order).stripe_id)
    services.start(services.place(HostOrderFactory()))


@example(Kind.ORDER_WITHOUT_SESSION, Outcome.LISTED)
def order_without_any_session(shop):
    overwrite(Order.objects.filter(pk=shop.order.pk), status="paid", paid_minor=2000)


@example(Kind.ORDER_DIFFERS, Outcome.FIXED)
def order_differs(shop):
    shop.pay_and_deliver()
    overwrite(Order.objects, paid_minor=1)


@example(Kind.RELATION_DIFFERS, Outcome.FIXED)
def relation_differs(shop):
    shop.pay_and_deliver()
    overwrite(Payment.objects, order=None)


@example(Kind.AHEAD_OF_STRIPE, Outcome.FIXED)
def ahead_of_stripe(shop):
    services.start(shop.order)
    overwrite(CheckoutSession.objects, status="expired", live_for=None)


@example(Kind.STUCK_PROCESSING, Outcome.FIXED)
def stuck_creating(shop):
    forget(shop.emulator, services.start(shop.order).stripe_id)
    an_hour_ago = timezone.now() - timedelta(hours=1)
    overwrite(CheckoutSession.objects, stripe_id=None, status="creating", expires_at=an_hour_ago, leased_until=None)


@example(Kind.STUCK_PROCESSING, Outcome.LISTED)
def stuck_in_flight(shop):
    shop.pay_and_deliver(iban=IBAN)
    overwrite(CheckoutSession.objects, created_at=timezone.now() - timedelta(days=40))


@example(Kind.STUCK_PROCESSING, Outcome.FIXED)
def stuck_refund(shop):
    shop.pay_and_deliver()
    Refund.objects.create(payment=Payment.objects.get(), is_ours=True, amount_minor=300, currency="eur")
    overwrite(Payment.objects, refund_asked_minor=300)


@example(Kind.SUBSCRIPTION_DIFFERS, Outcome.FIXED)
def subscription_differs(shop):
    shop.subscribe()
    overwrite(shop.order.subscriptions, customer_id="cus_wrong")


@example(Kind.INVOICE_UNKNOWN, Outcome.FIXED)
def invoice_unknown(shop):
    shop.subscribe()
    edit(shop.emulator, shop.emulator.latest("invoice", 1)[0]["id"], billing_reason="subscription_cycle")


@example(Kind.FRAUD_WARNING_UNKNOWN, Outcome.FIXED)
def fraud_warning_unknown(shop):
    shop.pay_and_deliver()
    shop.emulator.warn_of_fraud(shop.payment_id)


@example(Kind.REVIEW_DIFFERS, Outcome.FIXED)
def review_differs(shop):
    shop.pay_and_deliver()
    shop.emulator.open_review(shop.payment_id)


@example(Kind.NOT_UNDERSTOOD, Outcome.LISTED)
def not_understood(shop):
    edit(shop.emulator, shop.pay_and_deliver(), status="paused")
