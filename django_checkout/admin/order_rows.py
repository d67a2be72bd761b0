"""Reads an order and its related rows in a fixed number of queries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q

from django_checkout import ledger
from django_checkout.models import (
    Announcement,
    AttentionItem,
    BalanceTransaction,
    CheckoutSession,
    Discrepancy,
    Dispute,
    Order,
    OrderLine,
    Payment,
    Refund,
    Subscription,
    WebhookEvent,
)
from django_checkout.models.announcements import AnnouncementState
from django_checkout.services.refunds import find_repeated
from django_checkout.states import ACTIVE_REFUND_STATUSES, RefundStatus, SessionStatus

#: A subscription can have any number of events; the order page shows the newest.
MAXIMUM_EVENTS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRows:
    """An order and its related rows, each list oldest first."""

    order: Order
    lines: list[OrderLine]
    sessions: list[CheckoutSession]
    payments: list[Payment]
    refunds: list[Refund]
    disputes: list[Dispute]
    subscriptions: list[Subscription]
    events: list[WebhookEvent]
    announcements: list[Announcement]
    attention: list[AttentionItem]
    discrepancies: list[Discrepancy]
    #: The balance transactions of the payments, each with its payout.
    balance: list[BalanceTransaction]
    log_entries: list[LogEntry]

    @property
    def open_session(self) -> CheckoutSession | None:
        """The session that the customer can pay."""
        return next((session for session in self.sessions if session.status == SessionStatus.OPEN), None)

    @property
    def kept_payment(self) -> Payment | None:
        """The payment that the order keeps."""
        return next((payment for payment in self.payments if payment.pk == self.order.kept_payment_id), None)

    @property
    def kept_session(self) -> CheckoutSession | None:
        """The session that led to the kept payment."""
        kept = self.order.kept_payment_id
        return next((session for session in self.sessions if kept and session.payment_id == kept), None)

    @property
    def authorized_payment(self) -> Payment | None:
        """The payment that is authorized and can be captured."""
        held = {row.payment_id for row in self.sessions if row.is_manual_capture and row.status == "complete"}
        return next((payment for payment in self.payments if payment.pk in held), None)

    @property
    def authorized_minor(self) -> int:
        """The amount that can be captured, in minor units."""
        payment = self.authorized_payment
        if payment is None:
            return 0
        session = next(row for row in self.sessions if row.payment_id == payment.pk)
        return session.amount_total_minor or payment.amount_minor

    @property
    def refundable_minor(self) -> int:
        """The amount of the kept payment less its refunds, made or requested, in minor units."""
        kept = self.kept_payment
        if kept is None:
            return 0
        active = (row for row in self.refunds if row.payment_id == kept.pk and row.status in ACTIVE_REFUND_STATUSES)
        return max(kept.captured_minor - sum(row.amount_minor for row in active), 0)

    @property
    def lost(self) -> Counter[str]:
        """What lost disputes took from the kept payment, in minor units by the currency of the dispute."""
        return self._lost_of(self.order.kept_payment_id)

    @property
    def surplus(self) -> Counter[str]:
        """What surplus payments captured, less what was refunded or lost, in minor units by currency."""
        left: Counter[str] = Counter()
        for row in self._surplus_payments:
            active = (refund for refund in self.refunds if refund.status in ACTIVE_REFUND_STATUSES)
            refunded = sum(
                refund.amount_minor
                for refund in active
                if (refund.payment_id, refund.currency) == (row.pk, row.currency)
            )
            left[row.currency] += max(row.captured_minor - refunded - self._lost_of(row.pk)[row.currency], 0)
        return +left

    @property
    def surplus_lost(self) -> Counter[str]:
        """What lost disputes took from surplus payments in a currency other than the payment's, by currency."""
        lost: Counter[str] = Counter()
        for row in self._surplus_payments:
            lost += Counter({name: minor for name, minor in self._lost_of(row.pk).items() if name != row.currency})
        return lost

    @property
    def _surplus_payments(self) -> list[Payment]:
        return [row for row in self.payments if row.pk != self.order.kept_payment_id]

    def _lost_of(self, payment_pk: int | None) -> Counter[str]:
        lost: Counter[str] = Counter()
        for row in self.disputes:
            if row.payment_id == payment_pk and row.status == "lost":
                lost[row.currency] += row.amount_minor
        return lost

    @property
    def unconfirmed_refunds(self) -> list[Refund]:
        """The refunds that were requested here and that Stripe has not confirmed."""
        return [refund for refund in self.refunds if refund.is_ours and refund.status == RefundStatus.CREATING]

    @property
    def uncredited_refunds(self) -> list[Refund]:
        """The refunds of payments with an invoice that have no credit note."""
        invoiced = {session.payment_id for session in self.sessions if session.invoice_id}
        return [row for row in self.refunds if row.payment_id in invoiced and ledger.can_have_credit_note(row)]

    def recent_refunds(self, now: datetime) -> list[Refund]:
        """Return the latest refund of each amount that another one may repeat by mistake."""
        amounts = dict.fromkeys(row.amount_minor for row in self.refunds)
        return [found for amount in amounts if (found := self.find_repeated(amount, now)) is not None]

    def find_repeated(self, amount_minor: int, now: datetime) -> Refund | None:
        """Return the refund that another one of this amount needs a confirmation for."""
        kept = self.order.kept_payment_id
        return find_repeated([row for row in self.refunds if row.payment_id == kept], amount_minor, now=now)

    @property
    def refunds_seen(self) -> str:
        """A text that changes with every refund, so that a refund form cannot be submitted twice."""
        return f"{len(self.refunds)}-{self.refundable_minor}"

    @property
    def open_attention(self) -> list[AttentionItem]:
        """The unresolved reasons for attention."""
        return [item for item in self.attention if item.resolved_at is None]

    @property
    def pending(self) -> list[Announcement]:
        """The notifications to deliver; apart from ``order_paid``, only those whose signal has a receiver."""
        pending = [row for row in self.announcements if row.state == AnnouncementState.PENDING]
        return [row for row in pending if row.signal == "order_paid" or ledger.has_receiver(row.signal)]


def read_rows(order: Order) -> OrderRows:
    """Read an order's rows in at most fourteen queries."""
    sessions = list(order.sessions.order_by("pk"))
    payments = list(order.payments.order_by("pk"))
    own_refunds = Refund.objects.filter(payment__order=order, is_release=False)
    refunds = list(own_refunds.prefetch_related("asked_by").order_by("pk"))
    disputes = list(Dispute.objects.filter(payment__order=order).order_by("pk"))
    subscriptions = list(order.subscriptions.order_by("pk"))
    events = _read_events(sessions, payments, refunds, disputes, subscriptions)
    discrepancies = list(order.discrepancies.prefetch_related("resolved_by").order_by("pk"))
    balance = BalanceTransaction.objects.filter(payment__order=order).select_related("payout")
    return OrderRows(
        order=order,
        lines=list(order.lines.all()),
        sessions=sessions,
        payments=payments,
        refunds=refunds,
        disputes=disputes,
        subscriptions=subscriptions,
        events=events,
        announcements=list(order.announcements.order_by("pk")),
        attention=list(order.attention.prefetch_related("resolved_by").order_by("pk")),
        discrepancies=discrepancies,
        balance=list(balance.order_by("pk")),
        log_entries=_read_log(order, [*events, *discrepancies]),
    )


def _read_events(
    sessions: list[CheckoutSession],
    payments: list[Payment],
    refunds: list[Refund],
    disputes: list[Dispute],
    subscriptions: list[Subscription],
) -> list[WebhookEvent]:
    """Find the events about these rows, and those that name their payment or subscription, as a failed charge does."""
    ids: set[str | None] = {session.stripe_id for session in sessions} | {refund.stripe_id for refund in refunds}
    ids |= {dispute.stripe_id for dispute in disputes} | {payment.stripe_id for payment in payments}
    ids |= {stripe_id for row in payments for stripe_id in (row.charge_id, row.fraud_warning_id)}
    ids |= {stripe_id for row in sessions for stripe_id in (row.subscription_id, row.invoice_id)}
    known = sorted(stripe_id for stripe_id in ids if stripe_id)
    intents = sorted(payment.stripe_id for payment in payments)
    condition = Q(object_id__in=known) | Q(payment_intent_id__in=intents)
    if renewing := [row.stripe_id for row in subscriptions]:
        condition |= Q(subscription_id__in=renewing)
    about = WebhookEvent.objects.filter(condition)
    newest = about.defer("payload").order_by("-pk")[:MAXIMUM_EVENTS]
    return list(reversed(newest))


def _read_log(order: Order, others: list[WebhookEvent | Discrepancy]) -> list[LogEntry]:
    """Read the admin's log of the order, its events and its discrepancies."""
    types = ContentType.objects.get_for_models(Order, WebhookEvent, Discrepancy)
    condition = Q(content_type=types[Order], object_id=str(order.pk))
    for model in (WebhookEvent, Discrepancy):
        pks = [str(row.pk) for row in others if isinstance(row, model)]
        condition |= Q(content_type=types[model], object_id__in=pks)
    return list(LogEntry.objects.filter(condition).select_related("user").order_by("pk"))
