"""Proves that an event announces nothing but a refund that is known, so that Stripe need not be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Subquery

from django_checkout.ledger.payments import ORDER_OF_PAYMENT
from django_checkout.models import Payment, Refund, WebhookEvent, sites
from django_checkout.models.statements import Select, Statement
from django_checkout.states import ACTIVE_REFUND_STATUSES, RefundStatus

_REFUNDS = Select(
    lambda: Refund.objects.filter(
        payment=Subquery(Payment.objects.filter(stripe_id="").order_by().values("pk")[:1])
    ).order_by()
)
_CREATED = Select(
    lambda: WebhookEvent.objects.filter(payment_intent_id="", request_id="", type="refund.created").order_by()
)
_SETTLED = (RefundStatus.SUCCEEDED, RefundStatus.CANCELED, RefundStatus.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedRefund:
    """What ``charge.refunded`` says about the refund that it announces, without naming it.

    Totals alone prove nothing: if a refund of 5.00 fails and another of 5.00 is made, the charge's ``amount_refunded``
    equals the sum of the refunds that were known before. But one request makes one refund
    (https://docs.stripe.com/api/refunds/create), and events have the id of the request that caused them
    (https://docs.stripe.com/api/events/object#event_object-request). So the refund is known if a row of the payment was
    made by this request: the response to our own request says so, or ``refund.created``. Besides, the known refunds
    must add up to the charge's total, and this one must have ended, else there is something to ask Stripe for.
    """

    payment_intent_id: str
    request_id: str
    #: The sum of the charge's refunds, except those that have failed or were canceled.
    total_minor: int

    def statements(self) -> list[Statement]:
        """Return the statements whose results ``is_known`` takes."""
        payment_id = self.payment_intent_id
        return [
            _REFUNDS.of(payment_id),
            _CREATED.of(payment_id, self.request_id, "refund.created"),
            ORDER_OF_PAYMENT.of(payment_id),
        ]

    def is_known(self, results: Sequence[Any]) -> bool:
        """Return whether the refund is stored with an order of this site, and nothing about the charge is unknown."""
        refunds, created, orders = results
        if not any(map(sites.is_own, orders)):
            return False
        ids = {event.object_id for event in created}
        ids |= {row.stripe_id for row in refunds if row.request_id == self.request_id}
        is_known = any(row.stripe_id in ids and row.status in _SETTLED for row in refunds)
        active = sum(row.amount_minor for row in refunds if row.status in ACTIVE_REFUND_STATUSES)
        return is_known and active == self.total_minor
