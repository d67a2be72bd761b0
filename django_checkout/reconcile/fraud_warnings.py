"""Early fraud warnings: https://docs.stripe.com/api/radar/early_fraud_warnings."""

from __future__ import annotations

from collections.abc import Iterator

from django_checkout.models import Order
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.payments import find_payments, pages_of_payments, payment_of
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Json, Page, Resource
from django_checkout.stripe_api import facts
from django_checkout.values import FraudWarningFact


class FraudWarnings(Resource):
    """Early fraud warnings about our payments."""

    name = "fraud warnings"
    object_type = "radar.early_fraud_warning"
    path = "/v1/radar/early_fraud_warnings"
    prefixes = ("issfr_",)
    kinds = (Kind.FRAUD_WARNING_UNKNOWN,)

    def compare(self, page: Page) -> Iterator[Difference]:
        """Yield the warnings that are not recorded with their payments."""
        payments = find_payments(page)
        for data in page:
            fact, payment = facts.read_fraud_warning(data), payment_of(data, payments)
            if payment is not None and not payment.fraud_warning_id:
                here, at_stripe = {"fraud_warning": None}, {"fraud_warning": fact.fraud_type or "unknown"}
                yield Difference.of(Kind.FRAUD_WARNING_UNKNOWN, fact.stripe_id, payment.order, here, at_stripe)

    def read(self, data: Json) -> FraudWarningFact:
        return facts.read_fraud_warning(data)

    def pages_of_order(self, order: Order) -> Iterator[Page]:
        return pages_of_payments(self.path, order)
