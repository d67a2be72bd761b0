"""The kinds of differences between Stripe and our rows, one entry each: code, texts, and whether ``--fix`` resolves it.

The texts are English here, in reports and in the database; the admin translates them when it shows them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from django.utils.translation import gettext_noop as _

from django_checkout.models.reconciliation import SESSION_WITHOUT_ORDER

#: The suggestion where the order of a session without a row is here, and differs from what was sold.
NOT_JOINED = _(
    "The payment was not joined with the order of this number, because what “differs” names is not the same. Compare "
    "the payment in Stripe's dashboard with the order. If it is the order's, join it in the admin under Differences. "
    "Otherwise refund it in Stripe's dashboard, and resolve the difference with a note."
)
#: What ``--fix`` did at Stripe.
EXPIRED = _("The session was open at Stripe and was expired there, so that nobody can pay it.")
_FIX = _("Run checkout_reconcile --fix. If the difference remains, sync the order in the admin and read the error.")


class Kind(StrEnum):
    """How Stripe and our rows can differ."""

    #: What the kind is called.
    label: str
    #: What it means.
    explanation: str
    #: What a person can do about it.
    suggestion: str
    #: Whether ``--fix`` applies what Stripe says; otherwise a person decides.
    is_fixable: bool

    def __new__(cls, code: str, *entry: Any) -> Self:
        """Create a kind from its entry, which must be complete; its code is stored and reported."""
        kind = str.__new__(cls, code)
        kind._value_ = code
        # ``*entry``, because ``Kind(code)`` finds a kind by its code alone.
        kind.label, kind.explanation, kind.suggestion, kind.is_fixable = entry
        return kind

    PAID_NOT_RECORDED = (
        "paid_not_recorded",
        _("Paid, not recorded"),
        _("The customer paid at Stripe, but the order does not show the payment."),
        _FIX,
        True,
    )
    RECORDED_NOT_PAID = (
        "recorded_not_paid",
        _("Recorded, not paid"),
        _("The order counts as paid, but Stripe has no payment for it."),
        _(
            "Do not ship yet. Look the payment up in Stripe's dashboard: a recorded payment is never removed "
            "automatically. Check that STRIPE_SECRET_KEY belongs to the account that took the payment."
        ),
        False,
    )
    SESSION_BEHIND = (
        "session_behind",
        _("Session is out of date"),
        _("The Checkout Session or its payment has changed at Stripe."),
        _FIX,
        True,
    )
    STALE_OPEN = (
        "stale_open",
        _("Open here, ended at Stripe"),
        _("The Checkout Session is open here, but has ended at Stripe."),
        _FIX,
        True,
    )
    STUCK_PROCESSING = (
        "stuck_processing",
        _("Stuck in processing"),
        _("A session, payment or refund has been processing for longer than Stripe ever takes."),
        _("Look it up in Stripe's dashboard. If its status does not change, contact Stripe support."),
        False,
    )
    AMOUNT_DIFFERS = (
        "amount_differs",
        _("Amount or currency differs"),
        _("The recorded amount or currency differs from what Stripe charged."),
        _("Compare the payment in Stripe's dashboard with the order, then refund the excess or collect the rest."),
        True,
    )
    DOUBLE_PAYMENT = (
        "double_payment",
        _("Paid twice"),
        _("The customer paid the order more than once."),
        _('Refund the surplus payment in the admin, or set CHECKOUT_DOUBLE_PAYMENT = "refund".'),
        True,
    )
    REFUND_DIFFERS = (
        "refund_differs",
        _("Refund differs"),
        _("A refund is missing here, or has another status or amount at Stripe."),
        _(
            "Run checkout_reconcile --fix. If the difference remains, compare the refund in Stripe's dashboard with "
            "the order."
        ),
        True,
    )
    DISPUTE_UNKNOWN = (
        "dispute_unknown",
        _("Dispute not recorded"),
        _("The customer disputes a payment, but the order does not show it."),
        _("Respond to the dispute in Stripe's dashboard before the evidence is due."),
        True,
    )
    DISPUTE_DIFFERS = (
        "dispute_differs",
        _("Dispute differs"),
        _("The dispute has changed at Stripe."),
        _FIX,
        True,
    )
    SUBSCRIPTION_DIFFERS = (
        "subscription_differs",
        _("Subscription differs"),
        _("A subscription is missing here, or has another status at Stripe."),
        _("Run checkout_reconcile --fix. If the difference remains, look the subscription up in Stripe's dashboard."),
        True,
    )
    SESSION_WITHOUT_ORDER = (
        SESSION_WITHOUT_ORDER,
        _("Session without an order"),
        _("A Checkout Session has the metadata of django_checkout, but no order here belongs to it."),
        _(
            "If the session belongs to another installation that uses this Stripe account, ignore the difference "
            "with a note. Otherwise its order was deleted or lost: refund the payment, or place the order again under "
            "its number and join the payment with it."
        ),
        True,
    )
    ORDER_WITHOUT_SESSION = (
        "order_without_session",
        _("Order without a session"),
        _("The order relies on a Checkout Session that is missing here or that Stripe does not know."),
        _("Check that STRIPE_SECRET_KEY belongs to the account and mode in which the order was paid."),
        False,
    )
    ORDER_DIFFERS = (
        "order_differs",
        _("Order does not match its records"),
        _("The order or its notifications do not match its sessions, payments and refunds."),
        _(
            "Run checkout_reconcile --fix. If the difference remains, the shop was notified of a payment that is "
            "missing here: compare the order with Stripe's dashboard, and restore the missing rows from a backup."
        ),
        True,
    )
    RELATION_DIFFERS = (
        "relation_differs",
        _("Linked to another object"),
        _(
            "A session, payment, refund, dispute, subscription or customer is linked to another object here than at "
            "Stripe."
        ),
        _("Run checkout_reconcile --fix. If the difference remains, compare the IDs here with those at Stripe."),
        True,
    )
    AHEAD_OF_STRIPE = (
        "ahead_of_stripe",
        _("Ahead of Stripe"),
        _("A Checkout Session or payment has a status or amount here that it has not reached at Stripe."),
        _FIX,
        True,
    )
    INVOICE_UNKNOWN = (
        "invoice_unknown",
        _("Invoice notification missing"),
        _("A subscription's invoice was paid, or its payment failed, but the shop was not notified."),
        _FIX,
        True,
    )
    FRAUD_WARNING_UNKNOWN = (
        "fraud_warning_unknown",
        _("Fraud warning not recorded"),
        _("Stripe warns of fraud, but the order does not show it."),
        _("Refund the payment before it is disputed, or ship at your own risk."),
        True,
    )
    REVIEW_DIFFERS = (
        "review_differs",
        _("Review differs"),
        _("Radar opened or closed a review of a payment, but the order does not show it."),
        _FIX,
        True,
    )
    PAYOUT_DIFFERS = (
        "payout_differs",
        _("Payout does not add up"),
        _("A payout differs from the sum of its balance transactions, or a transaction differs from its order."),
        _(
            "Run checkout_reconcile --payouts tomorrow. If the difference remains, compare the payout with Stripe's "
            "payout report."
        ),
        False,
    )
    NOT_UNDERSTOOD = (
        "not_understood",
        _("Not recognized"),
        _("Stripe reports something that this version of django_checkout does not know."),
        _("Update django_checkout, then run checkout_reconcile --fix."),
        False,
    )
