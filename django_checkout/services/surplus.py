"""Refunds a second payment of one order if CHECKOUT_DOUBLE_PAYMENT is ``refund`` and nothing is in doubt."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.utils import timezone

from django_checkout import ledger
from django_checkout.exceptions import PaymentInFlightError, StripeRefusedError
from django_checkout.models import Order, Payment, Refund
from django_checkout.services import unanswered
from django_checkout.services.orders import get_own_order
from django_checkout.services.refunds import resume_refund_steps, send_refund
from django_checkout.services.syncing import apply_facts, read_refunds_and_disputes
from django_checkout.states import ACTIVE_REFUND_STATUSES, Attention, IntentStatus
from django_checkout.stripe_api import gateway
from django_checkout.stripe_api.steps import Steps, arun, run

logger = logging.getLogger("django_checkout")

REASON = "duplicate"


def return_surplus(order: Any) -> int:
    """Refund, or void, every payment of an order except the kept one; return how many were refunded or voided.

    Both payments are retrieved first. The surplus payment is refunded only if it is untouched, and if the kept payment
    has succeeded and is not refunded, disputed, suspected of fraud or in review; otherwise it keeps its attention item.
    Must run outside transactions.

    Raises:
        StripeUnansweredError: retry; it cannot refund twice.
    """
    return run(_return_surplus_steps(order))


async def areturn_surplus(order: Any) -> int:
    """Do the same as ``return_surplus`` from a coroutine."""
    return await arun(_return_surplus_steps(order))


@unanswered.says(unanswered.REFUND)
def _return_surplus_steps(order: Any) -> Steps[int]:
    ours = get_own_order(order)
    open_items = ours.attention.filter(code=Attention.DOUBLE_PAYMENT, resolved_at=None)
    returned = 0
    for payment in ours.payments.filter(stripe_id__in=open_items.values_list("fact", flat=True)):
        try:
            is_returned = yield from _return_one(ours, payment)
        except (StripeRefusedError, PaymentInFlightError) as error:
            logger.warning("surplus_kept order=%s payment=%s code=%s", ours.reference, payment.stripe_id, error.code)
            continue
        if is_returned:
            returned += 1
            ledger.in_transaction(partial(_resolve, ours.pk, payment.stripe_id))
    return returned


def _return_one(ours: Order, payment: Payment) -> Steps[bool]:
    earlier = payment.refunds.filter(is_ours=True, reason=REASON, amount_minor=payment.captured_minor).first()
    if earlier is not None:
        earlier = yield from resume_refund_steps(earlier)
        return earlier.status in ACTIVE_REFUND_STATUSES
    for known in (ours.kept_payment, payment):
        if known is not None:
            apply_facts((yield from gateway.retrieve_payment_intent(known.stripe_id)))
            yield from read_refunds_and_disputes(known)
    decided = ledger.in_transaction(lambda: _decide(ours.pk, payment.pk))
    if isinstance(decided, Payment):
        apply_facts([(yield from gateway.cancel_payment(decided.stripe_id))])
        return True
    return decided is not None and (yield from send_refund(decided)).status in ACTIVE_REFUND_STATUSES


def _decide(order_pk: int, payment_pk: int) -> Refund | Payment | None:
    """Decide under lock: return the refund to send, the authorized payment to void, or None."""
    locked = ledger.lock_order(pk=order_pk)
    kept = locked.kept_payment()
    surplus = next((row for row in locked.payments if row.pk == payment_pk), None)
    if kept is None or surplus is None or not _is_certain(locked, kept, surplus):
        return None
    if surplus.captured_minor == 0:
        return surplus if surplus.intent_status == IntentStatus.OPEN else None
    return ledger.reserve_refund(locked, surplus, surplus.captured_minor, reason=REASON, by=None, now=timezone.now())


def _is_certain(locked: ledger.LockedOrder, kept: Payment, surplus: Payment) -> bool:
    return (
        kept.pk != surplus.pk
        and kept.intent_status == IntentStatus.SUCCEEDED
        and kept.captured_minor > 0
        and not kept.fraud_warning_id
        and not any(kept.reviews.values())
        and not ledger.is_withheld(locked.order)
        and not any(locked.refunds_of(row) or row.disputes.exists() for row in (kept, surplus))
    )


def _resolve(order_pk: int, payment_id: str) -> None:
    ledger.resolve(ledger.lock_order(pk=order_pk), Attention.DOUBLE_PAYMENT, payment_id, note="Refunded or voided.")
