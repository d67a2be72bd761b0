"""Records Stripe's response to the request that creates a session."""

from __future__ import annotations

from copy import copy

from django.utils import timezone

from django_checkout.ledger.apply import apply, storing
from django_checkout.ledger.locks import LockedOrder, lock_order_alone
from django_checkout.ledger.rows import write
from django_checkout.ledger.sessions import join_session
from django_checkout.models import CheckoutSession
from django_checkout.states import PaymentStatus, SessionStatus
from django_checkout.values import SessionFact


def record_created(session: CheckoutSession, fact: SessionFact, *, request_id: str) -> CheckoutSession:
    """Apply the response to a reserved session and store Stripe's id of the request; return the session as stored.

    ``session`` is unchanged since it was reserved or leased. A session that is open and has no payment changes nothing
    about its order but the mode, so the order's other rows are not read.

    Raises:
        UnstorableFactError: a value that is too long or too large for its column; nothing is stored.
    """
    is_unpaid = fact.status == SessionStatus.OPEN and fact.payment_status == PaymentStatus.UNPAID
    opened = _open(copy(session), fact, request_id) if is_unpaid and not fact.payment_intent_id else None
    if opened is not None:
        return opened
    apply([fact])
    CheckoutSession.objects.filter(pk=session.pk).update(request_id=request_id, error_code="")
    return CheckoutSession.objects.select_related("order").get(pk=session.pk)


def _open(session: CheckoutSession, fact: SessionFact, request_id: str) -> CheckoutSession | None:
    """Open a session under its order's lock; None, and nothing is stored, if something has moved its row on."""
    # A copy, because the transaction may start over.
    session.order = order = copy(session.order)
    if order.livemode is None:
        # To write the order's row locks it.
        write(order, livemode=session.livemode)
    else:
        lock_order_alone(order.pk)
    locked = LockedOrder(order=order, sessions=[session], payments=[])
    join_session(locked, session, fact)
    session.request_id, session.error_code, session.updated_at = request_id, "", timezone.now()
    names = {"request_id", "error_code", "updated_at", *locked.changed_sessions[session.pk]}
    unchanged = CheckoutSession.objects.filter(pk=session.pk, status=SessionStatus.CREATING, stripe_id=None)
    with storing():
        is_stored = unchanged.update(**{name: getattr(session, name) for name in names})
    return session if is_stored else None
