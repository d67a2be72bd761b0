"""Our requests to Stripe that were never answered: sessions to fail, refunds to resume."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.db.models import Q

from django_checkout import services
from django_checkout.models import CheckoutSession, Order, Refund
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.reads import with_retries
from django_checkout.reconcile.report import Difference
from django_checkout.states import RefundStatus, SessionStatus


def find(order: Order | None, now: datetime) -> Iterator[Difference]:
    """Yield the requests, of one order or of all, whose response is overdue; the subject is their UUID."""
    of_order = Q(order=order) if order else Q()
    sessions = CheckoutSession.objects.filter(of_order, status=SessionStatus.CREATING, expires_at__lte=now)
    for session in sessions.select_related("order").defer("request").order_by("pk").iterator(chunk_size=500):
        here = {"status": session.status, "since": session.created_at.isoformat()}
        yield Difference.of(Kind.STUCK_PROCESSING, str(session.uuid), session.order, here, {"session": None})
    of_order = Q(payment__order=order) if order else ~Q(payment__order=None)
    refunds = Refund.objects.filter(of_order, status=RefundStatus.CREATING, is_ours=True)
    refunds = refunds.filter(Q(leased_until=None) | Q(leased_until__lte=now)).select_related("payment__order")
    for refund in refunds.order_by("pk").iterator(chunk_size=500):
        requested = {"status": refund.status, "amount": refund.amount_minor, "currency": refund.currency}
        requested |= {"since": refund.created_at.isoformat()}
        yield Difference.of(Kind.STUCK_PROCESSING, str(refund.uuid), refund.payment.order, requested, {"refund": None})


def fix(uuid: str) -> None:
    """Fail the session, or resume the refund, that has a UUID. Must run outside transactions."""
    session = CheckoutSession.objects.filter(uuid=uuid).first()
    if session is not None:
        with_retries(partial(services.fail_unanswered_session, session))
    else:
        with_retries(partial(services.resume_refund, Refund.objects.get(uuid=uuid)))
