"""Derives an order again from all of its rows, trusting nothing in the order's own columns.

``examine`` compares and writes nothing; ``rederive`` locks, writes and announces through ``settling.settle``. What was
announced before is known by its row, so nothing is announced twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from django_checkout.ledger import orders, settling
from django_checkout.ledger.announcements import deliver_pending
from django_checkout.ledger.attention import attention_announcement, find_reasons
from django_checkout.ledger.locks import LockedOrder, lock_order
from django_checkout.ledger.refunds import requested_minor
from django_checkout.ledger.rows import write
from django_checkout.ledger.sending import is_superseded
from django_checkout.ledger.settling import announce
from django_checkout.ledger.whole_order import WholeOrder, load
from django_checkout.models import Announcement, CheckoutSession, Order, Payment
from django_checkout.models.announcements import AnnouncementState
from django_checkout.models.customers import ENDED_SUBSCRIPTION_STATUSES
from django_checkout.states import LIVE_SESSION_STATUSES, WITHHOLDING, Attention

_COLUMNS = ("status", "paid_minor", "refunded_minor", *orders.TOTALS, "livemode", "disputed", "needs_attention")
#: Compared only by whether they are set: the rows do not say when.
_TIMES = ("paid_at", "canceled_at")

#: What is compared, its stored value, and the value that the rows give.
Compared = tuple[str, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDifference:
    """How an order differs from what its rows say."""

    order: Order
    here: dict[str, Any]
    derived: dict[str, Any]
    #: Sessions that can be paid, other than the order's live session.
    surplus_sessions: tuple[CheckoutSession, ...] = ()


def examine(whole: WholeOrder) -> ColumnDifference | None:
    """Return how an order differs from what its rows say; changes the loaded instances but no row."""
    order = whole.order
    _reset(whole)
    derived_from = orders.derive(whole, writes=False)
    if derived_from.kept is None:
        _clear_payment(order)
    reasons = find_reasons(whole, derived_from.refunds, derived_from.disputes)
    expected = {(code.value, fact) for code, fact, _ in reasons}
    known = {(row.code, row.fact) for row in whole.attention}
    unresolved = {(row.code, row.fact) for row in whole.attention if row.resolved_at is None}
    gone = {reason for reason in unresolved - expected if reason[0] in set(Attention)}
    left = (unresolved - gone) | (expected - known)
    order.needs_attention = bool(left)
    compared = [
        *_compare_columns(whole),
        *((f"{code} {fact}", None, "raised") for code, fact in sorted(expected - known)),
        *((f"{code} {fact}", "raised", None) for code, fact in sorted(gone)),
        *_compare_announcements(whole, derived_from, is_released=not any(code in WITHHOLDING for code, _ in left)),
        *_compare_money(whole, derived_from),
        *_compare_sessions(whole),
    ]
    here = {name: stored for name, stored, derived in compared if stored != derived}
    derived = {name: derived for name, stored, derived in compared if stored != derived}
    _, surplus = _slot(whole)
    return ColumnDifference(order=order, here=here, derived=derived, surplus_sessions=tuple(surplus)) if here else None


def _compare_columns(whole: WholeOrder) -> Iterator[Compared]:
    order, original = whole.order, whole.original
    for name in _COLUMNS:
        yield name.removesuffix("_minor"), original[name], getattr(order, name)
    for name in _TIMES:
        yield name, original[name] is not None, getattr(order, name) is not None
    stored, kept = original["kept_payment_id"], whole.kept_payment()
    if stored != order.kept_payment_id:
        ids = {payment.pk: payment.stripe_id for payment in whole.payments}
        yield "kept_payment", ids.get(stored, "another") if stored else None, kept.stripe_id if kept else None


def _compare_announcements(whole: WholeOrder, derived_from: orders.Derived, *, is_released: bool) -> Iterator[Compared]:
    for missing in _missing(whole, derived_from, is_released=is_released):
        yield f"{missing.signal} {missing.fact}", None, "announced"
    if derived_from.kept is None and (paid := whole.announced("order_paid")) is not None:
        yield f"order_paid {paid.fact}", "announced", None
    for row, state in _wrong_states(whole):
        yield f"{row.signal} {row.fact}", row.state, state
    for row in _released(whole):
        yield f"{row.signal} {row.fact}", "waits for order_paid", "due"
    for row, name, related in _lost_links(whole):
        yield f"{row.signal} {row.fact}", None, f"{name} {related}"


def _compare_money(whole: WholeOrder, derived_from: orders.Derived) -> Iterator[Compared]:
    is_release = {refund.pk: refund.is_release for refund in derived_from.refunds}
    for refund in whole.refunds:
        yield f"release {refund}", refund.is_release, is_release.get(refund.pk, refund.is_release)
    for payment in whole.payments:
        yield (
            f"refund_asked {payment.stripe_id}",
            payment.refund_asked_minor,
            requested_minor(payment, whole.refunds_of(payment)),
        )


def _compare_sessions(whole: WholeOrder) -> Iterator[Compared]:
    holder, surplus = _slot(whole)
    for session in whole.sessions:
        yield f"slot {session}", session.live_for_id is not None, session is holder
        if session.live_for_id not in (None, whole.order.pk):
            yield f"slot {session}", "another order", None
    for session in surplus:
        yield f"open {session}", True, False


def rederive(order_pk: int) -> Order:
    """Write what an order's rows say into the order, and announce what is missing; inside a transaction.

    An order that was announced as paid stays paid: if its rows say otherwise, nothing is written, and ``examine``
    keeps reporting the difference.
    """
    locked = lock_order(pk=order_pk)
    order = locked.order
    _claim_payments(locked)
    (whole,) = load([order])
    whole.sessions, whole.payments = locked.sessions, locked.payments
    _reset(whole)
    kept = orders.derive(whole).kept
    if kept is None and whole.announced("order_paid") is not None:
        order.refresh_from_db()
        return order
    if kept is None:
        _clear_payment(order)
    else:
        # The column is unique, and a damaged row of another order may hold this payment.
        Order.objects.filter(kept_payment=kept).exclude(pk=order.pk).update(kept_payment=None)
    for payment in whole.payments:
        if payment.refund_asked_minor != (requested := requested_minor(payment, whole.refunds_of(payment))):
            write(payment, refund_asked_minor=requested)
    _write_slots(whole)
    is_pending = _correct_announcements(whole)
    # Makes write_attention compare the stored reasons, whatever the column says.
    order.needs_attention = True
    settling.settle(whole)
    if is_pending:
        deliver_pending(order)
    for item in order.attention.filter(resolved_at=None):
        announce(order, attention_announcement(item))
    return order


def _reset(whole: WholeOrder) -> None:
    """Treat every row as new, and ignore what the order's columns say about its payment."""
    order = whole.order
    whole.is_whole = True
    whole.sessions_to_announce = list(whole.sessions)
    whole.refunds_to_announce = list(whole.refunds)
    whole.disputes_to_announce = list(whole.disputes)
    whole.to_announce = [
        Announcement(signal="subscription_canceled", fact=row.stripe_id, subscription=row, reason=row.status)
        for row in whole.subscriptions
        if row.status in ENDED_SUBSCRIPTION_STATUSES
    ]
    canceled = whole.announced("order_canceled")
    if canceled is not None:
        order.canceled_at = order.canceled_at or canceled.created_at
    if order.canceled_at is not None:
        whole.to_announce.append(Announcement(signal="order_canceled", fact=order.reference))
    # The kept payment never changes, so the one that was announced as paid comes before the one in the column.
    paid = whole.announced("order_paid")
    session = next((row for row in whole.sessions if paid is not None and row.pk == paid.session_id), None)
    kept = (whole.payment_of(session) if session else None) or whole.kept_payment()
    order.kept_payment = kept
    if kept is not None and order.paid_at is None:
        order.paid_at = paid.created_at if paid else timezone.now()


def _clear_payment(order: Order) -> None:
    """Clear the columns that are copied from the kept payment."""
    order.paid_minor = order.refunded_minor = 0
    order.discount_minor = order.shipping_minor = order.tax_minor = order.total_minor = None
    order.paid_at = None


def _missing(whole: WholeOrder, derived_from: orders.Derived, *, is_released: bool) -> Iterator[Announcement]:
    """Yield the announcements that should be stored and are not."""
    stored = {(row.signal, row.fact) for row in whole.announcements}
    kept, refunds = derived_from.kept, derived_from.refunds
    expected = [*orders.new_announcements(whole, kept, refunds, is_newly_kept=True, is_released=is_released)]
    expected += [attention_announcement(item) for item in whole.attention if item.resolved_at is None]
    for announcement in expected:
        if (announcement.signal, announcement.fact) not in stored and not is_superseded(
            whole.order, announcement.signal
        ):
            yield announcement


def _wrong_states(whole: WholeOrder) -> Iterator[tuple[Announcement, str]]:
    """Yield the announcements whose state contradicts ``announced_at``, with the right state."""
    for row in whole.announcements:
        if row.state == AnnouncementState.ANNOUNCED and row.announced_at is None:
            yield row, AnnouncementState.PENDING
        elif row.state != AnnouncementState.ANNOUNCED and row.announced_at is not None:
            yield row, AnnouncementState.ANNOUNCED


def _released(whole: WholeOrder) -> list[Announcement]:
    """Return the announcements that still wait for ``order_paid`` although it is delivered."""
    paid = whole.announced("order_paid")
    if paid is None or paid.state != AnnouncementState.ANNOUNCED:
        return []
    return [
        row for row in whole.announcements if row.state == AnnouncementState.PENDING and row.next_attempt_at is None
    ]


def _lost_links(whole: WholeOrder) -> Iterator[tuple[Announcement, str, Any]]:
    """Yield the announcements that no longer link to their row, each with the link's name and the row."""
    rows: dict[str, list[Any]] = {
        "session": whole.sessions,
        "refund": whole.refunds,
        "dispute": whole.disputes,
        "subscription": whole.subscriptions,
    }
    known = {(name, row.stripe_id): row for name, found in rows.items() for row in found if row.stripe_id}
    kept = whole.kept_payment()
    paid_session = None if kept is None else whole.session_of(kept)
    for row in whole.announcements:
        for name in rows:
            related = known.get((name, row.fact))
            if related is not None and getattr(row, f"{name}_id") != related.pk:
                yield row, name, related
        if row.signal == "order_paid" and row.session_id is None and paid_session is not None:
            yield row, "session", paid_session


def _correct_announcements(whole: WholeOrder) -> bool:
    """Correct links and states of announcements; return whether one became pending or due."""
    now = timezone.now()
    for row, name, related in _lost_links(whole):
        write(row, **{name: related})
    is_pending = False
    for row, state in _wrong_states(whole):
        is_pending |= state == AnnouncementState.PENDING
        write(row, state=state, next_attempt_at=now if state == AnnouncementState.PENDING else None)
    for row in _released(whole):
        is_pending = True
        write(row, next_attempt_at=now)
    return is_pending


def _slot(whole: WholeOrder) -> tuple[CheckoutSession | None, list[CheckoutSession]]:
    """Return the session that ``live_for`` should mark as the live one, and the other sessions that can be paid.

    A marked session stays marked; if there is none, the newest is.
    """
    live = [session for session in whole.sessions if session.status in LIVE_SESSION_STATUSES]
    holding = [session for session in live if session.live_for_id == whole.order.pk]
    holder = next(iter(holding or live[::-1]), None)
    return holder, [session for session in live if session is not holder]


def _write_slots(whole: WholeOrder) -> None:
    """Write ``live_for``, clearing it first: it is unique."""
    holder, _ = _slot(whole)
    for session in whole.sessions:
        if session is not holder and session.live_for_id is not None:
            write(session, live_for=None)
    if holder is not None and holder.live_for_id != whole.order.pk:
        CheckoutSession.objects.filter(live_for=whole.order).update(live_for=None)
        write(holder, live_for=whole.order)


def _claim_payments(locked: LockedOrder) -> None:
    """Assign to the order the payments that its sessions name and that have no order."""
    known = {row.pk for row in locked.payments}
    pks = [pk for session in locked.sessions if (pk := session.payment_id) is not None and pk not in known]
    for payment in Payment.objects.select_for_update().filter(pk__in=pks, order=None).order_by("pk"):
        write(payment, order=locked.order)
        locked.payments.append(payment)
    locked.payments.sort(key=lambda row: row.pk)
