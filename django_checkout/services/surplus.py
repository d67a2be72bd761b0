"""Gives back a second payment of one order, where CHECKOUT_DOUBLE_PAYMENT says so and there is no doubt."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.utils import timezone

from django_checkout import gateway, ledger
from django_checkout.exceptions import PaymentInFlightError, StripeRefusedError
from django_checkout.models import Order, Payment, Refund
from django_checkout.services.money_back import resume_refund, send_refund
from django_checkout.services.placing import get_order
from django_checkout.services.settling import apply_facts, read_refunds_and_disputes
from django_checkout.states import ACTIVE_REFUND_STATUSES, Attention, IntentStatus
from django_checkout.steps import Steps, waits

logger = logging.getLogger("django_checkout")

REASON = "duplicate"


@waits
def return_surplus(order: Any) -> Steps[int]:
    """Refund, or release, what was paid besides the kept payment; return how many payments were given back.

    Both payments are read from Stripe first. Only if the kept one has succeeded and is neither refunded, disputed,
    suspected of fraud nor in review, and the surplus is untouched, is the surplus given back; in doubt it stays
    flagged. Must run outside transactions.

    Raises:
        StripeUnavailableError: try again; it cannot refund twice.
    """
    ours = get_order(order)
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
    asked = payment.refunds.filter(is_ours=True, reason=REASON, amount_minor=payment.captured_minor).first()
    if asked is not None:
        asked = yield from resume_refund.steps(asked)
        return asked.status in ACTIVE_REFUND_STATUSES
    for known in (ours.kept_payment, payment):
        if known is not None:
            apply_facts((yield from gateway.retrieve_payment_intent.steps(known.stripe_id)))
            yield from read_refunds_and_disputes(known)
    row, is_to_void = ledger.in_transaction(lambda: _reserve(ours.pk, payment.pk))
    if is_to_void:
        apply_facts([(yield from gateway.cancel_payment.steps(payment.stripe_id))])
    elif row is not None:
        row = yield from send_refund(row)
    return is_to_void or (row is not None and row.status in ACTIVE_REFUND_STATUSES)


def _reserve(order_pk: int, payment_pk: int) -> tuple[Refund | None, bool]:
    """Decide under lock: a refund to ask for, or an authorisation to void, or neither."""
    locked = ledger.lock_order(pk=order_pk)
    kept = locked.kept_payment()
    surplus = next((row for row in locked.payments if row.pk == payment_pk), None)
    if kept is None or surplus is None or not _is_certain(locked, kept, surplus):
        return None, False
    if surplus.captured_minor == 0:
        return None, surplus.intent_status == IntentStatus.OPEN
    amount, now = surplus.captured_minor, timezone.now()
    return ledger.reserve_refund(locked, surplus, amount, reason=REASON, by=None, now=now), False


def _is_certain(locked: ledger.LockedOrder, kept: Payment, surplus: Payment) -> bool:
    is_kept_sound = kept.intent_status == IntentStatus.SUCCEEDED and kept.captured_minor > 0
    if ledger.is_withheld(locked.order) or kept.fraud_warning_id or any(kept.reviews.values()):
        return False
    is_untouched = not any(locked.refunds_of(row) or row.disputes.exists() for row in (kept, surplus))
    return kept.pk != surplus.pk and is_kept_sound and is_untouched


def _resolve(order_pk: int, payment_id: str) -> None:
    ledger.resolve(ledger.lock_order(pk=order_pk), Attention.DOUBLE_PAYMENT, payment_id, note="Given back.")
