"""What each kind of discrepancy is called, and what it means to a merchant."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

#: Kind of ``reconcile`` -> what it is called, and what it means.
KINDS: dict[str, tuple[Text, Text]] = {
    "paid_not_recorded": (
        _("Paid, not recorded"),
        _("Stripe has the customer's money and this order does not know. Sync the order before the customer asks."),
    ),
    "recorded_not_paid": (
        _("Recorded, not paid"),
        _("The order counts as paid, and Stripe has no money for it. Hold the goods and look at the payment there."),
    ),
    "session_behind": (
        _("Session is behind"),
        _("The payment page or its payment has moved on at Stripe. Syncing the order brings it up to date."),
    ),
    "stale_open": (
        _("Open here, over at Stripe"),
        _("The payment page counts as open here and has ended at Stripe. Syncing the order closes it."),
    ),
    "stuck_processing": (
        _("Stuck in processing"),
        _("A payment has been on its way for longer than Stripe ever takes. Look it up in Stripe's dashboard."),
    ),
    "amount_differs": (
        _("Amount or currency differs"),
        _("Another amount or currency is recorded here than Stripe took. Compare both before you deliver."),
    ),
    "double_payment": (
        _("Paid twice"),
        _("The customer paid this order more than once. Give the surplus back on the order's page."),
    ),
    "refund_differs": (
        _("Refund differs"),
        _("A refund is missing here, or has another status or amount at Stripe. Syncing the order reads it again."),
    ),
    "dispute_unknown": (
        _("Dispute not recorded"),
        _("A customer objects to a charge and this order does not know. Answer in Stripe's dashboard in time."),
    ),
    "dispute_differs": (
        _("Dispute differs"),
        _("A dispute has moved on at Stripe. Syncing the order reads it again."),
    ),
    "subscription_differs": (
        _("Subscription differs"),
        _("A subscription is missing here, or is in another state at Stripe."),
    ),
    "session_without_order": (
        _("Session without an order"),
        _("A payment page carries our marks, and no order here knows it. It may belong to another installation on "
          "this Stripe account; if not, its order was deleted."),
    ),
    "order_without_session": (
        _("Order without a session"),
        _("Stripe does not know the payment page that this order counts on. Is the key that of the right account?"),
    ),
    "order_differs": (
        _("Order differs from its own rows"),
        _("The order, or what was announced of it, is not what its sessions, payments and refunds say. Reconciliation "
          "with --fix derives it anew."),
    ),
    "relation_differs": (
        _("Belongs to another row"),
        _("A payment, refund, dispute, subscription or customer belongs to something else here than at Stripe. "
          "Reconciliation with --fix moves what is proven; you decide the rest."),
    ),
    "ahead_of_stripe": (
        _("Ahead of Stripe"),
        _("A payment page or its payment has a status here that Stripe has not reached. Reconciliation with --fix "
          "takes it back."),
    ),
    "invoice_unknown": (
        _("Invoice not announced"),
        _("A subscription's invoice was paid, or could not be, and your shop was never told."),
    ),
    "fraud_warning_unknown": (
        _("Fraud warning not recorded"),
        _("Stripe warns of fraud and this order does not know. Refund the payment before it is disputed."),
    ),
    "review_differs": (
        _("Review differs"),
        _("Stripe holds a payment for review, or no longer does, and this order does not know."),
    ),
    "payout_differs": (
        _("Payout does not add up"),
        _("A payout is not the sum of its lines. Lines may still be missing; if it stays, compare it with Stripe's "
          "own report."),
    ),
    "not_understood": (
        _("Not understood"),
        _("Stripe says something that this version of django_checkout does not know. Update it, then reconcile."),
    ),
}  # fmt: skip


def kind_label(kind: str) -> str:
    """Return what a kind is called."""
    known = KINDS.get(kind)
    return str(known[0]) if known else kind.replace("_", " ").capitalize()


def explanation(kind: str) -> str:
    """Return what a kind means in plain words."""
    known = KINDS.get(kind)
    return str(known[1] if known else _("Stripe and this site disagree; both sides are shown below."))
