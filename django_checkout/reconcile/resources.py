"""The resources that a run reads, and which of them fixes or rechecks a difference."""

from __future__ import annotations

from django_checkout.exceptions import StripeNotFoundError
from django_checkout.models import Discrepancy, Order
from django_checkout.reconcile import double_payments, orders, unanswered, unlinked_sessions
from django_checkout.reconcile.customers import CUSTOMERS
from django_checkout.reconcile.disputes import DISPUTES
from django_checkout.reconcile.fraud_warnings import FraudWarnings
from django_checkout.reconcile.invoices import Invoices
from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.refunds import REFUNDS
from django_checkout.reconcile.report import Difference
from django_checkout.reconcile.resource import Resource
from django_checkout.reconcile.reviews import Reviews
from django_checkout.reconcile.sessions import SESSIONS
from django_checkout.reconcile.subscriptions import SUBSCRIPTIONS
from django_checkout.stripe_api.json_fields import is_uuid

#: Those with lists, in the order in which a run reads them.
LISTED: tuple[Resource, ...] = (SESSIONS, REFUNDS, DISPUTES, SUBSCRIPTIONS, Invoices(), FraudWarnings(), Reviews())


def find_resource(kind: str, subject: str) -> Resource | None:
    """Return the resource that finds differences of a kind; if several do, the one whose prefix the subject has."""
    found = next((one for one in LISTED if kind in one.kinds), None)
    return found or next((one for one in (*LISTED, CUSTOMERS) if subject.startswith(one.prefixes)), None)


def fix(difference: Difference) -> Difference | None:
    """Resolve a difference if its kind allows that; return what is left of it."""
    kind, subject = difference.kind, difference.subject
    if kind is Kind.STUCK_PROCESSING and is_uuid(subject):
        unanswered.fix(subject)
        return None
    if not kind.is_fixable:
        return difference
    if kind is Kind.ORDER_DIFFERS:
        return orders.fix(difference.order_pk or 0)
    if kind is Kind.DOUBLE_PAYMENT:
        return SESSIONS.fix_double_payment(difference)
    if kind is Kind.SESSION_WITHOUT_ORDER:
        return unlinked_sessions.restore(subject)
    resource = find_resource(kind, subject)
    return difference if resource is None else resource.fix(subject)


def recheck(row: Discrepancy) -> Difference | None:
    """Return what a recorded discrepancy looks like now; None if it is gone."""
    resource = find_resource(row.kind, row.subject)
    if row.kind == Kind.DOUBLE_PAYMENT:
        found = double_payments.find(row.order_id)
    elif row.kind == Kind.ORDER_DIFFERS:
        found = orders.recheck(row.order_id or 0)
    elif resource is not None:
        try:
            found = iter(list(resource.recheck(row.subject)))
        except StripeNotFoundError:
            return Difference.of(Kind(row.kind), row.subject, row.order, row.here, row.at_stripe)
    elif row.kind == Kind.ORDER_WITHOUT_SESSION:
        found = orders.find_without_session(Order.objects.filter(reference=row.subject))
    else:
        return None
    return next((difference for difference in found if difference.subject == row.subject), None)
