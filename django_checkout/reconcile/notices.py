"""Compares what Stripe gives notice of: invoices of subscriptions, early fraud warnings, reviews; a page at a time."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from django.db.models import Q

from django_checkout import facts, gateway, ledger
from django_checkout.conf import conf
from django_checkout.exceptions import StripeNotFoundError
from django_checkout.models import Announcement, AttentionItem, CheckoutSession, Order, Payment, Subscription
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind, new
from django_checkout.services.settling import apply_facts
from django_checkout.states import Attention
from django_checkout.values import FraudWarningFact, InvoiceFact, ReviewFact

Json = Mapping[str, Any]

INVOICES = "/v1/invoices"
WARNINGS = "/v1/radar/early_fraud_warnings"
#: Open ones alone: https://docs.stripe.com/api/radar/reviews/list.
REVIEWS = "/v1/reviews"
#: An invoice may be paid, or its payment fail again, this much later:
#: https://docs.stripe.com/billing/revenue-recovery/smart-retries.
INVOICE_SETTLING_DAYS = 60


def compare_invoices(page: Sequence[Json]) -> Iterator[Drift]:
    """Yield the invoices of our subscriptions that should have been announced and were not."""
    said = [fact for data in page if (fact := _read(data)) is not None and ledger.invoice_signal(fact) is not None]
    ids = {fact.subscription_id for fact in said}
    orders: dict[str, Order] = {}
    for rows in (
        CheckoutSession.objects.filter(subscription_id__in=ids).defer("request").select_related("order"),
        Subscription.objects.filter(stripe_id__in=ids).select_related("order"),
    ):
        orders |= {getattr(row, "subscription_id", None) or row.stripe_id: row.order for row in rows}
    invoices = [fact.stripe_id for fact in said]
    told = set(Announcement.objects.filter(fact__in=invoices).values_list("order_id", "signal", "fact"))
    for fact in said:
        order, signal = orders.get(fact.subscription_id), ledger.invoice_signal(fact)
        if order is None or {(order.pk, name, fact.stripe_id) for name in (signal, ledger.RENEWED)} & told:
            continue
        at_stripe = {"status": fact.status, "amount": fact.amount_due_minor, "currency": fact.currency}
        yield new(Kind.INVOICE_UNKNOWN, fact.stripe_id, order, {"announced": None}, {"announced": signal, **at_stripe})


def _read(data: Json) -> InvoiceFact | None:
    """Read a listed invoice; that it is open after a try to collect it says what ``invoice.payment_failed`` said."""
    has_failed = data.get("status") == "open" and bool(data.get("attempt_count"))
    return facts.read_invoice(data, event_type="invoice.payment_failed" if has_failed else "")


def mend_invoice(subject: str) -> Drift | None:
    """Apply what Stripe says of an invoice now; return what still differs."""
    data = patiently(partial(gateway.retrieve_object, "invoice", subject))
    fact = _read(data)
    if fact is not None:
        patiently(partial(apply_facts, [fact]))
    return next(compare_invoices([data]), None)


def compare_warnings(page: Sequence[Json]) -> Iterator[Drift]:
    """Yield the early fraud warnings of our payments that are not noted."""
    said = [facts.read_fraud_warning(data) for data in page]
    payments = _payments_of(said)
    for fact in said:
        payment = _payment_of(fact, payments)
        if payment is not None and not payment.fraud_warning_id:
            here, at_stripe = {"fraud_warning": None}, {"fraud_warning": fact.fraud_type or "unknown"}
            yield new(Kind.FRAUD_WARNING_UNKNOWN, fact.stripe_id, payment.order, here, at_stripe)


def mend_warning(subject: str) -> Drift | None:
    """Apply what Stripe says of an early fraud warning; return what still differs."""
    data = patiently(partial(gateway.retrieve_object, "radar.early_fraud_warning", subject))
    patiently(partial(apply_facts, [facts.read_fraud_warning(data)]))
    return next(compare_warnings([data]), None)


def compare_reviews(page: Sequence[Json]) -> Iterator[Drift]:
    """Yield the reviews of our payments that are not noted, or noted as open and closed meanwhile."""
    said = [facts.read_review(data) for data in page]
    payments = _payments_of(said)
    for fact in said:
        payment = _payment_of(fact, payments)
        if payment is not None and payment.reviews.get(fact.stripe_id) and not fact.is_open:
            yield new(Kind.REVIEW_DIFFERS, fact.stripe_id, payment.order, {"open": True}, {"open": False})
        elif payment is not None and fact.is_open and fact.stripe_id not in payment.reviews:
            yield new(Kind.REVIEW_DIFFERS, fact.stripe_id, payment.order, {"review": None}, {"open": True})


def unmentioned_reviews(seen: Container[str], order_pk: int | None = None) -> Iterator[Drift]:
    """Read from Stripe each review that is open here and that its list of open ones did not mention."""
    items = AttentionItem.objects.filter(code=Attention.REVIEW, resolved_at=None, order__livemode=conf.livemode)
    if order_pk is not None:
        items = items.filter(order=order_pk)
    for stripe_id in items.order_by("pk").values_list("fact", flat=True):
        if stripe_id not in seen:
            with suppress(StripeNotFoundError):
                yield from compare_reviews([patiently(partial(gateway.retrieve_object, "review", stripe_id))])


def mend_review(subject: str) -> Drift | None:
    """Apply what Stripe says of a review; return what still differs."""
    data = patiently(partial(gateway.retrieve_object, "review", subject))
    patiently(partial(apply_facts, [facts.read_review(data)]))
    return next(compare_reviews([data]), None)


def _payments_of(said: Sequence[FraudWarningFact | ReviewFact]) -> dict[str, Payment]:
    """Return our payments that facts name, by PaymentIntent and by charge."""
    ids = {name for fact in said for name in (fact.payment_intent_id, fact.charge_id) if name}
    found = Payment.objects.filter(Q(stripe_id__in=ids) | Q(charge_id__in=ids)).exclude(order=None)
    payments: dict[str, Payment] = {}
    for payment in found.select_related("order"):
        payments |= dict.fromkeys((payment.stripe_id, payment.charge_id), payment)
    return payments


def _payment_of(fact: FraudWarningFact | ReviewFact, payments: Mapping[str, Payment]) -> Payment | None:
    return payments.get(fact.payment_intent_id or "-") or payments.get(fact.charge_id or "-")
