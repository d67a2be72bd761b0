"""Derives an order anew from all of its rows, believing nothing that stands in the order itself.

``examine`` compares and writes nothing; ``rederive`` locks, writes and announces through ``orders.settle``. What the
host has been told is recognised by its row, so nothing is announced twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from django_checkout.ledger import orders
from django_checkout.ledger.announcements import WHILE, announce, deliver_pending
from django_checkout.ledger.attention import find_reasons
from django_checkout.ledger.locks import LockedOrder, lock_order
from django_checkout.ledger.news import News
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Dispute,
    Order,
    Payment,
    Refund,
    Subscription,
)
from django_checkout.models.customers import ENDED_SUBSCRIPTION_STATUSES
from django_checkout.models.news import AnnouncementState
from django_checkout.states import ACTIVE_REFUND_STATUSES, LIVE_SESSION_STATUSES, WITHHOLDING, Attention

#: Compared by value; of ``paid_at`` and ``canceled_at`` only whether there is one.
_COLUMNS = ("status", "paid_minor", "refunded_minor", *orders.TOTALS, "livemode", "disputed", "needs_attention")
_INSTANTS = ("paid_at", "canceled_at")


@dataclass(slots=True, kw_only=True)
class WholeOrder(LockedOrder):
    """An order with all of its rows, locked or only looked at."""

    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    attention: list[AttentionItem] = field(default_factory=list)

    def refunds_of(self, payment: Payment) -> list[Refund]:
        """Return a payment's refunds from among the loaded rows."""
        return [row for row in self.refunds if row.payment_id == payment.pk and not row.is_release]

    def announced(self, signal: str) -> Announcement | None:
        """Return the first announcement of a signal."""
        return next((row for row in self.announcements if row.signal == signal), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How an order differs from what its rows say."""

    order: Order
    here: dict[str, Any]
    derived: dict[str, Any]
    #: Payable sessions besides the one that the order's slot is for.
    surplus_sessions: tuple[CheckoutSession, ...] = ()


def load(orders_: Collection[Order]) -> Iterator[WholeOrder]:
    """Load the rows of several orders, without locks, in a query a table."""
    pks = [order.pk for order in orders_]
    sessions = _grouped(CheckoutSession.objects.filter(order__in=pks).defer("request", "lines"), "order_id")
    payments = _grouped(Payment.objects.filter(order__in=pks), "order_id")
    of_payments = [row.pk for found in payments.values() for row in found]
    refunds = _grouped(Refund.objects.filter(payment__in=of_payments), "payment_id")
    disputes = _grouped(Dispute.objects.filter(payment__in=of_payments), "payment_id")
    subscriptions = _grouped(Subscription.objects.filter(order__in=pks), "order_id")
    announcements = _grouped(Announcement.objects.filter(order__in=pks), "order_id")
    attention = _grouped(AttentionItem.objects.filter(order__in=pks), "order_id")
    for order in orders_:
        own = payments[order.pk]
        yield WholeOrder(
            order=order,
            sessions=sessions[order.pk],
            payments=own,
            refunds=[row for payment in own for row in refunds[payment.pk]],
            disputes=[row for payment in own for row in disputes[payment.pk]],
            subscriptions=subscriptions[order.pk],
            announcements=announcements[order.pk],
            attention=attention[order.pk],
        )


def _grouped(rows: Any, key: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by("pk"):
        found[getattr(row, key)].append(row)
    return found


def examine(whole: WholeOrder) -> Difference | None:
    """Return how an order differs from what its rows say; changes the loaded instances, and no row."""
    order = whole.order
    _prepare(whole)
    derived_from = orders.derive(whole, writes=False)
    kept, refunds = derived_from.kept, derived_from.refunds
    if kept is None:
        _empty(order)
    wanted = {(code.value, fact) for code, fact, _ in find_reasons(whole, refunds, derived_from.disputes)}
    known = {(row.code, row.fact) for row in whole.attention}
    unresolved = {(row.code, row.fact) for row in whole.attention if row.resolved_at is None}
    gone = {reason for reason in unresolved - wanted if reason[0] in set(Attention)}
    left = (unresolved - gone) | (wanted - known)
    order.needs_attention = bool(left)
    here: dict[str, Any] = {}
    derived: dict[str, Any] = {}

    def note(name: str, stands: Any, should: Any) -> None:
        if stands != should:
            here[name], derived[name] = stands, should

    for name in _COLUMNS:
        note(name.removesuffix("_minor"), whole.original[name], getattr(order, name))
    for name in _INSTANTS:
        note(name, whole.original[name] is not None, getattr(order, name) is not None)
    _note_kept(whole, note)
    for code, fact in sorted(wanted - known):
        note(f"{code} {fact}", None, "raised")
    for code, fact in sorted(gone):
        note(f"{code} {fact}", "raised", None)
    is_withheld = any(code in WITHHOLDING for code, _ in left)
    for news in _missing(whole, derived_from, is_released=not is_withheld):
        note(f"{news.signal} {news.fact}", None, "announced")
    judged = {refund.pk: refund.is_release for refund in refunds}
    for refund in whole.refunds:
        note(f"release {refund}", refund.is_release, judged.get(refund.pk, refund.is_release))
    if kept is None and (paid := whole.announced("order_paid")) is not None:
        note(f"order_paid {paid.fact}", "announced", None)
    for row, state in _wrong_states(whole):
        note(f"{row.signal} {row.fact}", row.state, state)
    for row in _stranded(whole):
        note(f"{row.signal} {row.fact}", "waits for order_paid", "due")
    for row, name, related in _lost_links(whole):
        note(f"{row.signal} {row.fact}", None, f"{name} {related}")
    for payment in whole.payments:
        note(f"refund_asked {payment.stripe_id}", payment.refund_asked_minor, _asked(whole, payment))
    holder, surplus = _slot(whole)
    for session in whole.sessions:
        slot_of = order.pk if session is holder else None
        note(f"slot {session}", session.live_for_id is not None, slot_of is not None)
        if session.live_for_id not in (None, order.pk):
            note(f"slot {session}", "another order", None)
    for session in surplus:
        note(f"open {session}", True, False)
    return Difference(order=order, here=here, derived=derived, surplus_sessions=tuple(surplus)) if here else None


def rederive(order_pk: int) -> Order:
    """Write what an order's rows say into the order, raise and announce what is missing; inside a transaction.

    That an order was announced as paid is never taken back: then nothing is written, and ``examine`` still says so.
    """
    locked = lock_order(pk=order_pk)
    order = locked.order
    _claim_payments(locked)
    (whole,) = load([order])
    whole.sessions, whole.payments = locked.sessions, locked.payments
    _prepare(whole)
    kept = orders.derive(whole).kept
    if kept is None and whole.announced("order_paid") is not None:
        order.refresh_from_db()
        return order
    if kept is None:
        _empty(order)
    else:
        # Another order may keep it wrongly: there is one that keeps it.
        Order.objects.filter(kept_payment=kept).exclude(pk=order.pk).update(kept_payment=None)
    for payment in whole.payments:
        if payment.refund_asked_minor != (asked := _asked(whole, payment)):
            payment.refund_asked_minor = asked
            payment.save(update_fields=["refund_asked_minor", "updated_at"])
    _write_slots(whole)
    now = timezone.now()
    for row, name, related in _lost_links(whole):
        setattr(row, name, related)
        row.save(update_fields=[name])
    is_pending = False
    for row, state in _wrong_states(whole):
        is_pending |= state == AnnouncementState.PENDING
        row.state = state
        row.next_attempt_at = now if state == AnnouncementState.PENDING else None
        row.save(update_fields=["state", "next_attempt_at"])
    for row in _stranded(whole):
        is_pending = True
        row.next_attempt_at = now
        row.save(update_fields=["next_attempt_at"])
    # Whether it needs attention is not believed either.
    order.needs_attention = True
    orders.settle(whole)
    if is_pending:
        deliver_pending(order)
    for item in order.attention.filter(resolved_at=None):
        announce(order, _attention_news(item))
    return order


def _prepare(whole: WholeOrder) -> None:
    """Let every row count as new, and the order as one that knows nothing."""
    order = whole.order
    whole.is_whole = True
    whole.sessions_with_news = list(whole.sessions)
    whole.refunds_with_news = list(whole.refunds)
    whole.disputes_with_news = list(whole.disputes)
    whole.news = [
        News(signal="subscription_canceled", fact=row.stripe_id, subscription=row, reason=row.status)
        for row in whole.subscriptions
        if row.status in ENDED_SUBSCRIPTION_STATUSES
    ]
    canceled = whole.announced("order_canceled")
    if canceled is not None:
        order.canceled_at = order.canceled_at or canceled.created_at
    if order.canceled_at is not None:
        whole.news.append(News(signal="order_canceled", fact=order.reference))
    paid = whole.announced("order_paid")
    session = next((row for row in whole.sessions if paid is not None and row.pk == paid.session_id), None)
    kept = (whole.payment_of(session) if session else None) or whole.kept_payment()
    order.kept_payment = kept
    if kept is not None and order.paid_at is None:
        order.paid_at = paid.created_at if paid else timezone.now()


def _empty(order: Order) -> None:
    """Set what is copied from the kept payment to what it is without one."""
    order.paid_minor = order.refunded_minor = 0
    order.discount_minor = order.shipping_minor = order.tax_minor = order.total_minor = None
    order.paid_at = None


def _note_kept(whole: WholeOrder, note: Any) -> None:
    ids = {payment.pk: payment.stripe_id for payment in whole.payments}
    stands = whole.original["kept_payment_id"]
    kept = whole.kept_payment()
    if stands != whole.order.kept_payment_id:
        note("kept_payment", ids.get(stands, "another") if stands else None, kept.stripe_id if kept else None)


def _missing(whole: WholeOrder, derived_from: orders.Derived, *, is_released: bool) -> Iterator[News]:
    """Yield what the host should have been told and was not."""
    order = whole.order
    told = {(row.signal, row.fact) for row in whole.announcements}
    kept, refunds = derived_from.kept, derived_from.refunds
    expected = [*orders.news_of(whole, kept, refunds, is_newly_kept=True, is_released=is_released)]
    expected += [_attention_news(item) for item in whole.attention if item.resolved_at is None]
    for news in expected:
        if news.signal in WHILE and order.status != WHILE[news.signal]:
            continue
        if (news.signal, news.fact) not in told:
            yield news


def _attention_news(item: AttentionItem) -> News:
    return News(signal="attention_needed", fact=f"{item.code}:{item.fact}"[:255], reason=item.code)


def _wrong_states(whole: WholeOrder) -> Iterator[tuple[Announcement, str]]:
    """Yield the announcements whose state contradicts whether they were announced, with the right state."""
    for row in whole.announcements:
        if row.state == AnnouncementState.ANNOUNCED and row.announced_at is None:
            yield row, AnnouncementState.PENDING
        elif row.state != AnnouncementState.ANNOUNCED and row.announced_at is not None:
            yield row, AnnouncementState.ANNOUNCED


def _stranded(whole: WholeOrder) -> list[Announcement]:
    """Return the announcements that wait for an ``order_paid`` that is announced."""
    paid = whole.announced("order_paid")
    if paid is None or paid.state != AnnouncementState.ANNOUNCED:
        return []
    return [
        row for row in whole.announcements if row.state == AnnouncementState.PENDING and row.next_attempt_at is None
    ]


def _lost_links(whole: WholeOrder) -> Iterator[tuple[Announcement, str, Any]]:
    """Yield the announcements that have lost what they are about, each with the row's name and the row."""
    rows: dict[str, list[Any]] = {"session": whole.sessions, "refund": whole.refunds, "dispute": whole.disputes}
    known = {(name, row.stripe_id): row for name, found in rows.items() for row in found if row.stripe_id}
    known |= {("subscription", row.stripe_id): row for row in whole.subscriptions}
    for row in whole.announcements:
        for name in (*rows, "subscription"):
            related = known.get((name, row.fact))
            if related is not None and getattr(row, f"{name}_id") != related.pk:
                yield row, name, related
        kept = whole.kept_payment()
        if row.signal == "order_paid" and kept is not None and row.session_id is None and whole.session_of(kept):
            yield row, "session", whole.session_of(kept)


def _asked(whole: WholeOrder, payment: Payment) -> int:
    active = (row for row in whole.refunds_of(payment) if row.is_ours and row.status in ACTIVE_REFUND_STATUSES)
    return min(sum(row.amount_minor for row in active), payment.captured_minor)


def _slot(whole: WholeOrder) -> tuple[CheckoutSession | None, list[CheckoutSession]]:
    """Return the session that the order's live slot is for, and the other payable ones."""
    live = [session for session in whole.sessions if session.status in LIVE_SESSION_STATUSES]
    holding = [session for session in live if session.live_for_id == whole.order.pk]
    holder = next(iter(holding or live[::-1]), None)
    return holder, [session for session in live if session is not holder]


def _write_slots(whole: WholeOrder) -> None:
    holder, _ = _slot(whole)
    for session in whole.sessions:
        if session is not holder and session.live_for_id is not None:
            session.live_for = None
            session.save(update_fields=["live_for", "updated_at"])
    if holder is not None and holder.live_for_id != whole.order.pk:
        CheckoutSession.objects.filter(live_for=whole.order).update(live_for=None)
        holder.live_for = whole.order
        holder.save(update_fields=["live_for", "updated_at"])


def _claim_payments(locked: LockedOrder) -> None:
    """Join the payments that the order's sessions name and that name no order."""
    known = {row.pk for row in locked.payments}
    named = [pk for session in locked.sessions if (pk := session.payment_id) is not None and pk not in known]
    for payment in Payment.objects.select_for_update().filter(pk__in=named, order=None).order_by("pk"):
        payment.order = locked.order
        payment.save(update_fields=["order", "updated_at"])
        locked.payments.append(payment)
    locked.payments.sort(key=lambda row: row.pk)
