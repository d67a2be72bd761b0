"""Corrects what joining facts cannot: rows that link to the wrong row, and rows that are ahead of Stripe.

Joining never moves a row back. A row that was damaged, or restored from a backup, is set to what a new read says,
unless it was written after that read began. A captured amount is never lowered. Staff decide which user a Customer
belongs to: the host may have assigned a paid order to another user.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_checkout.ledger.announcements import delivered_amount
from django_checkout.ledger.derivation import rederive
from django_checkout.ledger.locks import lock_order
from django_checkout.ledger.payments import find_payment
from django_checkout.ledger.rows import write
from django_checkout.models import Announcement, CheckoutSession, Dispute, Order, Payment, Refund, Subscription
from django_checkout.states import (
    LIVE_SESSION_STATUSES,
    PAYMENT_RANK,
    REFUND_RANK,
    SESSION_RANK,
    IntentStatus,
    PaymentStatus,
    SessionStatus,
    join_intent,
)
from django_checkout.values import DisputeFact, RefundFact, SessionFact


def correct_session(session_pk: int, fact: SessionFact, *, read_at: datetime) -> None:
    """Link a session to the order and payment that Stripe names, and undo a status that it never had at Stripe.

    A session that names another order without proof is not changed; staff decide.
    """
    session = CheckoutSession.objects.select_related("order").get(pk=session_pk)
    order_pk = _find_proven_order(session, fact)
    if order_pk is None:
        return
    payment_id = fact.payment_intent_id
    payments = Payment.objects.filter(Q(pk=session.payment_id) | Q(stripe_id=payment_id or ""))
    kept_by = Order.objects.filter(kept_payment__in=payments).values_list("pk", flat=True)
    orders = {session.order_id, order_pk, *filter(None, payments.values_list("order_id", flat=True)), *kept_by}
    _lock(orders)
    session = CheckoutSession.objects.select_for_update().get(pk=session_pk)
    if session.updated_at >= read_at or _find_proven_order(session, fact) != order_pk:
        return
    session.order_id = order_pk
    session.stripe_id = fact.stripe_id
    if _is_ahead(session, fact):
        session.status = fact.status or session.status
        session.payment_status = fact.payment_status or session.payment_status
        session.url = fact.url or ""
        session.expired_at = session.completed_at = None
    if session.live_for_id not in (None, order_pk) or session.status not in LIVE_SESSION_STATUSES:
        session.live_for_id = None
    if payment_id:
        session.payment = _right_payment(session, payment_id, order_pk)
        _lower_intent(session.payment, fact)
    session.customer_id = fact.customer_id or ""
    session.save()
    # The order that must lose the payment comes first: kept_payment is unique.
    for pk in sorted(orders, key=lambda pk: (pk == order_pk, pk)):
        rederive(pk)


def named_orders(session: CheckoutSession, fact: SessionFact) -> set[str]:
    """Return the references of the orders that a session names at Stripe: in metadata and ``client_reference_id``."""
    marked = fact.ownership.reference if fact.ownership.session_uuid == str(session.uuid) else ""
    return {marked, fact.client_reference_id} - {""}


def _find_proven_order(session: CheckoutSession, fact: SessionFact) -> int | None:
    """Return the order that a session belongs to; None if it names another order without proof.

    Anyone with a key of the account can edit metadata. Proof is the ``client_reference_id``, which
    https://docs.stripe.com/api/checkout/sessions/update cannot change, together with the requested amount. A session
    for which another order was announced as paid stays there.
    """
    names = named_orders(session, fact)
    if names <= {session.order.reference}:
        return session.order_id
    target = Order.objects.filter(reference=fact.client_reference_id).first()
    is_named = names == {fact.client_reference_id} and fact.ownership.session_uuid == str(session.uuid)
    if target is None or not is_named:
        return None
    if (target.currency, target.subtotal_minor) != (session.asked_currency, session.asked_subtotal_minor):
        return None
    paid = Announcement.objects.filter(
        Q(session=session) | Q(session=None, order=session.order_id), signal="order_paid"
    )
    return None if paid.exclude(order=target).exists() else target.pk


def _is_ahead(session: CheckoutSession, fact: SessionFact) -> bool:
    """Return whether a row has a status that Stripe has not reached; a paid session never counts."""
    if fact.status is None or fact.status not in SESSION_RANK or fact.payment_status not in PAYMENT_RANK:
        return False
    is_unpaid = session.payment_status in (PaymentStatus.UNPAID, fact.payment_status)
    return is_unpaid and SESSION_RANK[session.status] > SESSION_RANK[fact.status]


def _right_payment(session: CheckoutSession, payment_id: str, order_pk: int) -> Payment:
    """Return the row of the payment that a session has at Stripe, linked to the session's order."""
    right = Payment.objects.select_for_update().filter(stripe_id=payment_id).first()
    if right is None:
        wrong = session.payment
        is_only_ours = wrong is not None and not wrong.sessions.exclude(pk=session.pk).exists()
        right = wrong if wrong is not None and is_only_ours else Payment(livemode=session.livemode)
        right.stripe_id = payment_id
    right.order_id = order_pk
    right.save()
    return right


def _lower_intent(payment: Payment, fact: SessionFact) -> None:
    read = fact.payment
    if read is None or payment.captured_minor > (read.captured_minor or 0):
        return
    status = join_intent(IntentStatus.OPEN, read.status)
    write(payment, intent_status=status, amount_minor=read.amount_minor or payment.amount_minor)


def correct_refund(refund_pk: int, fact: RefundFact, *, read_at: datetime) -> None:
    """Link a refund to the payment that Stripe names, and set it to what Stripe says.

    An amount that was announced stays if Stripe's differs, so that a person looks at it.
    """
    refund = Refund.objects.get(pk=refund_pk)
    right = find_payment(fact.payment_intent_id, fact.charge_id) or refund.payment
    orders = {pk for pk in (refund.payment.order_id, right.order_id) if pk is not None}
    _lock(orders)
    refund = Refund.objects.select_for_update().get(pk=refund_pk)
    is_renamed_only = right.pk == refund.payment_id or refund.stripe_id == fact.stripe_id
    if refund.updated_at >= read_at or not is_renamed_only:
        return
    refund.payment, refund.stripe_id = right, fact.stripe_id
    if fact.status in REFUND_RANK:
        refund.status = fact.status or refund.status
    if delivered_amount("order_refunded", fact.stripe_id) in (None, fact.amount_minor):
        refund.amount_minor, refund.currency = fact.amount_minor, fact.currency
    refund.balance_transaction_id = fact.balance_transaction_id
    refund.save()
    for pk in sorted(orders):
        rederive(pk)


def correct_dispute(dispute_pk: int, fact: DisputeFact, *, read_at: datetime) -> None:
    """Link a dispute to the payment that Stripe names."""
    dispute = Dispute.objects.select_related("payment").get(pk=dispute_pk)
    right = find_payment(fact.payment_intent_id, fact.charge_id)
    if right is not None:
        orders = {pk for pk in (dispute.payment.order_id, right.order_id) if pk is not None}
        _relink(Dispute.objects.filter(pk=dispute_pk, updated_at__lt=read_at), orders, payment=right)


def correct_subscription(subscription_pk: int, order_pk: int, *, read_at: datetime) -> None:
    """Link a subscription to the order whose session started it."""
    orders = {order_pk, Subscription.objects.values_list("order_id", flat=True).get(pk=subscription_pk)}
    _relink(Subscription.objects.filter(pk=subscription_pk, updated_at__lt=read_at), orders, order=order_pk)


def _relink(rows: QuerySet[Any], orders: Collection[int], **link: Any) -> None:
    _lock(orders)
    if rows.update(**link):
        for pk in sorted(orders):
            rederive(pk)


def restore_session(
    order_pk: int, fact: SessionFact, *, ui_mode: str, is_manual_capture: bool
) -> CheckoutSession | None:
    """Insert the lost row of a session that is proven to belong to an order; None if the row exists.

    The request is lost too, so the payment is compared with the current order.
    """
    locked = lock_order(pk=order_pk)
    session_uuid = uuid.UUID(fact.ownership.session_uuid)
    if CheckoutSession.objects.filter(Q(stripe_id=fact.stripe_id) | Q(uuid=session_uuid)).exists():
        return None
    return CheckoutSession.objects.create(
        order=locked.order,
        uuid=session_uuid,
        stripe_id=fact.stripe_id,
        livemode=bool(fact.ownership.livemode),
        site_url=locked.order.site_url,
        mode=fact.mode or locked.order.mode,
        ui_mode=ui_mode,
        revision=locked.order.revision,
        asked_currency=locked.order.currency,
        asked_subtotal_minor=locked.order.subtotal_minor,
        is_manual_capture=is_manual_capture,
        status=SessionStatus.OPEN,
        expires_at=fact.expires_at or timezone.now(),
        url=fact.url or "",
    )


def _lock(order_pks: Collection[int]) -> None:
    """Lock several orders in ascending order of their primary keys, as everywhere."""
    list(Order.objects.select_for_update().filter(pk__in=list(order_pks)).order_by("pk").values_list("pk", flat=True))
