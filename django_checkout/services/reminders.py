"""Reminds the shop of vouchers that are not paid and soon cannot be: once per payment."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, QuerySet

from django_checkout import ledger
from django_checkout.conf import conf
from django_checkout.models import Announcement, CheckoutSession, sites
from django_checkout.states import IntentStatus, OrderStatus, SessionStatus

_SIGNAL = "voucher_expires_soon"


def due_reminders(now: datetime) -> QuerySet[CheckoutSession]:
    """Return the sessions of this site whose voucher ends soon, and whose shop was not reminded.

    None without a receiver, nor if the shopper got the voucher within that time.
    """
    before = timedelta(seconds=conf.CHECKOUT_VOUCHER_REMINDER_SECONDS)
    rows = CheckoutSession.objects.filter(sites.own())
    if not before or not ledger.has_receiver(_SIGNAL):
        return rows.none()
    sent = Announcement.objects.filter(signal=_SIGNAL, order=OuterRef("order"), fact=OuterRef("payment__stripe_id"))
    return rows.filter(
        ~Exists(sent),
        status=SessionStatus.COMPLETE,
        has_async_failed=False,
        order__status=OrderStatus.PENDING,
        payment__intent_status=IntentStatus.OPEN,
        payment__action_expires_at__gt=now,
        payment__action_expires_at__lte=now + before,
        completed_at__lte=F("payment__action_expires_at") - before,
    )


def remind(session: CheckoutSession, *, now: datetime) -> None:
    """Announce ``voucher_expires_soon`` if the voucher of a session still waits; once."""

    def work() -> None:
        locked = ledger.lock_order(pk=session.order_id)
        row = locked.session(session.pk)
        payment = locked.payment_of(row)
        if payment is None or locked.order.status != OrderStatus.PENDING:
            return
        row.payment = payment
        if ledger.find_action_of(row, now=now) is not None:
            ledger.announce(locked.order, Announcement(signal=_SIGNAL, fact=payment.stripe_id, session=row))

    ledger.in_transaction(work)
