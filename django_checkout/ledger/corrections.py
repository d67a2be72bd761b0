"""Sets right what no fact can: rows that hang on the wrong row, and rows that are ahead of Stripe.

Facts are joined and never take anything back. A row that was damaged, or restored from a backup, is set to what a
fresh read said, if nothing has been written to it since that read began. What was captured is never lowered. Whose a
Customer is, staff decide: the host may have given an order to another user since it was paid.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from django_checkout.ledger.announcements import announced_amount
from django_checkout.ledger.derivation import rederive
from django_checkout.ledger.locks import lock_order
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
from django_checkout.values import RefundFact, SessionFact


def correct_session(session_pk: int, fact: SessionFact, *, read_at: datetime) -> None:
    """Join a session to the order and the payment that Stripe names, and take back a status that it never had.

    A session that names another order without proof stays as it is: staff decide.
    """
    session = CheckoutSession.objects.select_related("order").get(pk=session_pk)
    order_pk = _find_proven_order(session, fact)
    if order_pk is None:
        return
    payment_id = fact.payment_intent_id
    named = Payment.objects.filter(Q(pk=session.payment_id) | Q(stripe_id=payment_id or ""))
    kept_by = Order.objects.filter(kept_payment__in=named).values_list("pk", flat=True)
    orders = {session.order_id, order_pk, *filter(None, named.values_list("order_id", flat=True)), *kept_by}
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
    # Of two orders that claim one payment, the one that has no right to it lets go first.
    for pk in sorted(orders, key=lambda pk: (pk == order_pk, pk)):
        rederive(pk)


def named_orders(session: CheckoutSession, fact: SessionFact) -> set[str]:
    """Return the references of the orders that a session names at Stripe: in its metadata, and since its creation."""
    marked = fact.ownership.reference if fact.ownership.session_uuid == str(session.uuid) else ""
    return {marked, fact.client_reference_id} - {""}


def _find_proven_order(session: CheckoutSession, fact: SessionFact) -> int | None:
    """Return the order that a session belongs to; None where it names another one that it is not proven to be for.

    Whoever holds a key of the account can edit metadata. Proof is the ``client_reference_id``, which is no parameter
    of https://docs.stripe.com/api/checkout/sessions/update, together with the amount that was asked for. A session
    that another order was announced as paid by does not move.
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
    """Whether a row has a status that Stripe never reached; that money was taken is not taken back."""
    if fact.status is None or fact.status not in SESSION_RANK or fact.payment_status not in PAYMENT_RANK:
        return False
    is_unpaid = session.payment_status in (PaymentStatus.UNPAID, fact.payment_status)
    return is_unpaid and SESSION_RANK[session.status] > SESSION_RANK[fact.status]


def _right_payment(session: CheckoutSession, payment_id: str, order_pk: int) -> Payment:
    """Return the row of the payment that a session has at Stripe, joined to the session's order."""
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
    said = fact.payment
    if said is None or payment.captured_minor > (said.captured_minor or 0):
        return
    payment.intent_status = join_intent(IntentStatus.OPEN, said.status)
    payment.amount_minor = said.amount_minor or payment.amount_minor
    payment.save(update_fields=["intent_status", "amount_minor", "updated_at"])


def correct_refund(refund_pk: int, fact: RefundFact, *, read_at: datetime) -> None:
    """Join a refund to the payment that Stripe names, and take back what Stripe never said of it.

    Where the host was told another amount than Stripe's, the amount stays for a person to look at.
    """
    refund = Refund.objects.get(pk=refund_pk)
    right = _payment_of(fact.payment_intent_id, fact.charge_id) or refund.payment
    orders = {pk for pk in (refund.payment.order_id, right.order_id) if pk is not None}
    _lock(orders)
    refund = Refund.objects.select_for_update().get(pk=refund_pk)
    is_renamed_only = right.pk == refund.payment_id or refund.stripe_id == fact.stripe_id
    if refund.updated_at >= read_at or not is_renamed_only:
        return
    refund.payment, refund.stripe_id = right, fact.stripe_id
    if fact.status in REFUND_RANK:
        refund.status = fact.status or refund.status
    if announced_amount("order_refunded", fact.stripe_id) in (None, fact.amount_minor):
        refund.amount_minor, refund.currency = fact.amount_minor, fact.currency
    refund.balance_transaction_id = fact.balance_transaction_id
    refund.save()
    for pk in sorted(orders):
        rederive(pk)


def correct_dispute(
    dispute_pk: int, *, payment_intent_id: str | None, charge_id: str | None, read_at: datetime
) -> None:
    """Join a dispute to the payment that Stripe names."""
    dispute = Dispute.objects.select_related("payment").get(pk=dispute_pk)
    right = _payment_of(payment_intent_id, charge_id)
    if right is None:
        return
    orders = {pk for pk in (dispute.payment.order_id, right.order_id) if pk is not None}
    _lock(orders)
    if not Dispute.objects.filter(pk=dispute_pk, updated_at__lt=read_at).update(payment=right):
        return
    for pk in sorted(orders):
        rederive(pk)


def correct_subscription(subscription_pk: int, order_pk: int, *, read_at: datetime) -> None:
    """Join a subscription to the order whose session started it."""
    orders = {order_pk, Subscription.objects.values_list("order_id", flat=True).get(pk=subscription_pk)}
    _lock(orders)
    if not Subscription.objects.filter(pk=subscription_pk, updated_at__lt=read_at).update(order=order_pk):
        return
    for pk in sorted(orders):
        rederive(pk)


def restore_session(
    order_pk: int, fact: SessionFact, *, ui_mode: str, is_manual_capture: bool
) -> CheckoutSession | None:
    """Write the lost row of a session that is proven to be an order's own; None if there is one.

    What was asked for is lost too: the payment is compared with what the order asks for now.
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


def _payment_of(payment_intent_id: str | None, charge_id: str | None) -> Payment | None:
    if payment_intent_id:
        return Payment.objects.filter(stripe_id=payment_intent_id).first()
    return Payment.objects.filter(charge_id=charge_id or "-").order_by("pk").first()


def _lock(order_pks: Iterable[int]) -> None:
    """Lock several orders, in the one order that all locks are taken in."""
    list(Order.objects.select_for_update().filter(pk__in=list(order_pks)).order_by("pk").values_list("pk", flat=True))
