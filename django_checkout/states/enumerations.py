"""Every enumeration of states: those that are stored, Stripe's that are only shown, and the app's own names."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_checkout.states.labels import Explained, Labeled, Status, Tone


class OrderStatus(Status):
    """An order's status, a function of its facts; tests/test_states.py names every place that shows it."""

    UNPAID = "unpaid", Tone.QUIET, _("unpaid")
    #: A delayed payment is in progress.
    PENDING = "pending", Tone.WAIT, _("pending")
    #: A payment is authorized and not captured.
    AUTHORIZED = "authorized", Tone.WAIT, _("authorized")
    PAID = "paid", Tone.GOOD, _("paid")
    PARTIALLY_REFUNDED = "partially_refunded", Tone.WAIT, _("partially refunded")
    REFUNDED = "refunded", Tone.QUIET, _("refunded")
    CANCELED = "canceled", Tone.QUIET, _("canceled")


class SessionStatus(Status):
    """A Checkout Session's status, in the order of ranks; ``creating`` and ``failed`` are ours, the others Stripe's."""

    CREATING = "creating", Tone.WAIT, _("being created")
    #: Stripe refused to create it, or did not answer before it would have expired.
    FAILED = "failed", Tone.BAD, _("failed")
    OPEN = "open", Tone.WAIT, _("open")
    EXPIRED = "expired", Tone.QUIET, _("expired")
    COMPLETE = "complete", Tone.GOOD, _("complete")


class PaymentStatus(Status):
    """A Checkout Session's ``payment_status``, in the order of ranks."""

    UNPAID = "unpaid", Tone.QUIET, _("unpaid")
    NO_PAYMENT_REQUIRED = "no_payment_required", Tone.GOOD, _("no payment required")
    PAID = "paid", Tone.GOOD, _("paid")


class IntentStatus(Status):
    """A PaymentIntent's status, in the order of ranks; every status of Stripe's that is not final is ``open``."""

    OPEN = "open", Tone.WAIT, _("open")
    CANCELED = "canceled", Tone.QUIET, _("canceled")
    SUCCEEDED = "succeeded", Tone.GOOD, _("succeeded")


class RefundStatus(Status):
    """A refund's status, in the order of ranks; ``creating`` and ``refused`` are ours, the others Stripe's.

    Stripe's order is pending, requires_action < succeeded < failed, canceled; the rest only makes the maximum unique.
    """

    CREATING = "creating", Tone.WAIT, _("being created")
    REFUSED = "refused", Tone.BAD, _("refused by Stripe")
    PENDING = "pending", Tone.WAIT, _("pending")
    REQUIRES_ACTION = "requires_action", Tone.WAIT, _("requires action")
    SUCCEEDED = "succeeded", Tone.GOOD, _("succeeded")
    CANCELED = "canceled", Tone.QUIET, _("canceled")
    FAILED = "failed", Tone.BAD, _("failed")


class Attention(Explained):
    """Why a person should look at an order."""

    AMOUNT_MISMATCH = (
        "amount_mismatch",
        _("The amount paid differs from the order. Accept the payment to notify the shop, or refund it."),
        _("Amount differs"),
    )
    CURRENCY_MISMATCH = (
        "currency_mismatch",
        _("The order was paid in another currency. Accept the payment to notify the shop, or refund it."),
        _("Currency differs"),
    )
    DOUBLE_PAYMENT = (
        "double_payment",
        _("The customer paid more than once. The order keeps one payment. Refund the surplus payments below."),
        _("Paid twice"),
    )
    PAID_AFTER_CANCEL = (
        "paid_after_cancel",
        _("The order was paid after it was canceled. Refund the payment, or accept it to notify the shop."),
        _("Paid after cancellation"),
    )
    PAID_AFTER_DELETE = (
        "paid_after_delete",
        _("The order was paid after the shop had deleted it. Refund the payment, or deliver by hand and accept it."),
        _("Paid after deletion"),
    )
    RECEIVED_IN_PART = (
        "received_in_part",
        _(
            "A bank transfer was canceled after a part of it had been received. The money is in the customer's cash "
            "balance at Stripe. Return it to the customer in Stripe's dashboard."
        ),
        _("Received in part"),
    )
    REFUND_FAILED = (
        "refund_failed",
        _("A refund failed, and the money was returned to your balance. Refund the customer in another way."),
        _("Refund failed"),
    )
    REFUND_REFUSED = (
        "refund_refused",
        _(
            "Stripe refused a refund that it had not answered at first. Nothing was refunded: refund the customer "
            "again."
        ),
        _("Refund refused"),
    )
    REFUND_NOT_SENT = (
        "refund_not_sent",
        _(
            "A refund that Stripe had not answered was not sent again, because one of the same amount was made at "
            "Stripe meanwhile. Refund once more if both are meant, or accept."
        ),
        _("Refund not sent"),
    )
    OVER_REFUNDED = (
        "over_refunded",
        _("More was refunded than was paid. Compare the refunds in Stripe's dashboard."),
        _("Refunded too much"),
    )
    DISPUTED = (
        "disputed",
        _("The customer disputes the payment. Respond in Stripe's dashboard before the evidence is due."),
        _("Disputed"),
    )
    FRAUD_WARNING = (
        "fraud_warning",
        _("The card issuer suspects fraud. A refund now can prevent a dispute."),
        _("Fraud warning"),
    )
    REVIEW = (
        "review",
        _("Stripe Radar has placed the payment in review. Approve or refund it in Stripe's dashboard."),
        _("In review"),
    )


class SessionPayment(Status):
    """The payment of a session. Stripe calls a payment ``unpaid`` that is authorized or in flight."""

    UNPAID = "unpaid", Tone.QUIET, _("unpaid")
    PENDING = "pending", Tone.WAIT, _("pending")
    AUTHORIZED = "authorized", Tone.WAIT, _("authorized")
    FAILED = "failed", Tone.BAD, _("failed")
    PAID = "paid", Tone.GOOD, _("paid")
    NO_PAYMENT_REQUIRED = "no_payment_required", Tone.GOOD, _("no payment required")


class SignalName(Labeled):
    """The signals of ``signals``."""

    ORDER_PAID = "order_paid", _("Order paid")
    ORDER_PENDING = "order_pending", _("Payment pending")
    VOUCHER_EXPIRES_SOON = "voucher_expires_soon", _("Voucher expires soon")
    ORDER_PAYMENT_FAILED = "order_payment_failed", _("Payment failed")
    ORDER_AUTHORIZED = "order_authorized", _("Payment authorized")
    ORDER_REFUNDED = "order_refunded", _("Order refunded")
    REFUND_FAILED = "refund_failed", _("Refund failed")
    ORDER_CANCELED = "order_canceled", _("Order canceled")
    ORDER_DISPUTED = "order_disputed", _("Payment disputed")
    DISPUTE_CLOSED = "dispute_closed", _("Dispute closed")
    SESSION_EXPIRED = "session_expired", _("Session expired")
    ATTENTION_NEEDED = "attention_needed", _("Attention needed")
    SUBSCRIPTION_RENEWED = "subscription_renewed", _("Subscription renewed")
    SUBSCRIPTION_PAYMENT_FAILED = "subscription_payment_failed", _("Subscription payment failed")
    SUBSCRIPTION_CANCELED = "subscription_canceled", _("Subscription canceled")


class DisputeStatus(Status):
    """https://docs.stripe.com/api/disputes/object#dispute_object-status"""

    NEEDS_RESPONSE = "needs_response", Tone.BAD, _("needs a response")
    UNDER_REVIEW = "under_review", Tone.WAIT, _("under review")
    WON = "won", Tone.GOOD, _("won")
    LOST = "lost", Tone.BAD, _("lost")
    WARNING_NEEDS_RESPONSE = "warning_needs_response", Tone.BAD, _("warning needs response")
    WARNING_UNDER_REVIEW = "warning_under_review", Tone.WAIT, _("warning under review")
    WARNING_CLOSED = "warning_closed", Tone.QUIET, _("warning closed")
    PREVENTED = "prevented", Tone.GOOD, _("prevented")


class DisputeReason(Labeled):
    """https://docs.stripe.com/api/disputes/object#dispute_object-reason"""

    BANK_CANNOT_PROCESS = "bank_cannot_process", _("bank cannot process")
    CHECK_RETURNED = "check_returned", _("check returned")
    CREDIT_NOT_PROCESSED = "credit_not_processed", _("credit not processed")
    CUSTOMER_INITIATED = "customer_initiated", _("customer initiated")
    DEBIT_NOT_AUTHORIZED = "debit_not_authorized", _("debit not authorized")
    DUPLICATE = "duplicate", _("duplicate")
    FRAUDULENT = "fraudulent", _("fraudulent")
    GENERAL = "general", _("general")
    INCORRECT_ACCOUNT_DETAILS = "incorrect_account_details", _("incorrect account details")
    INSUFFICIENT_FUNDS = "insufficient_funds", _("insufficient funds")
    NONCOMPLIANT = "noncompliant", _("noncompliant")
    PRODUCT_NOT_RECEIVED = "product_not_received", _("product not received")
    PRODUCT_UNACCEPTABLE = "product_unacceptable", _("product unacceptable")
    SUBSCRIPTION_CANCELED = "subscription_canceled", _("subscription canceled")
    UNRECOGNIZED = "unrecognized", _("unrecognized")


class RefundReason(Labeled):
    """https://docs.stripe.com/api/refunds/object#refund_object-reason"""

    DUPLICATE = "duplicate", _("duplicate")
    FRAUDULENT = "fraudulent", _("fraudulent")
    REQUESTED_BY_CUSTOMER = "requested_by_customer", _("requested by customer")
    EXPIRED_UNCAPTURED_CHARGE = "expired_uncaptured_charge", _("expired uncaptured charge")


class SubscriptionStatus(Status):
    """https://docs.stripe.com/api/subscriptions/object#subscription_object-status"""

    INCOMPLETE = "incomplete", Tone.BAD, _("incomplete")
    TRIALING = "trialing", Tone.GOOD, _("trialing")
    ACTIVE = "active", Tone.GOOD, _("active")
    PAST_DUE = "past_due", Tone.BAD, _("past due")
    UNPAID = "unpaid", Tone.QUIET, _("unpaid")
    PAUSED = "paused", Tone.QUIET, _("paused")
    CANCELED = "canceled", Tone.QUIET, _("canceled")
    INCOMPLETE_EXPIRED = "incomplete_expired", Tone.QUIET, _("incomplete expired")


class PayoutStatus(Status):
    """https://docs.stripe.com/api/payouts/object#payout_object-status"""

    PENDING = "pending", Tone.WAIT, _("pending")
    IN_TRANSIT = "in_transit", Tone.WAIT, _("in transit")
    PAID = "paid", Tone.GOOD, _("paid")
    FAILED = "failed", Tone.BAD, _("failed")
    CANCELED = "canceled", Tone.QUIET, _("canceled")


class BalanceTransactionType(Labeled):
    """https://docs.stripe.com/reports/balance-transaction-types; only those that a shop's payments cause."""

    CHARGE = "charge", pgettext_lazy("movement of the balance", "Charge")
    PAYMENT = "payment", _("Payment")
    REFUND = "refund", _("Refund")
    PAYMENT_REFUND = "payment_refund", _("Refund")
    ADJUSTMENT = "adjustment", _("Dispute or adjustment")
    STRIPE_FEE = "stripe_fee", _("Stripe's fees")
    PAYOUT = "payout", _("Payout")
    PAYOUT_FAILURE = "payout_failure", _("Failed payout")
    REFUND_FAILURE = "refund_failure", _("Failed refund")


class UIMode(Labeled):
    """https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-ui_mode"""

    HOSTED_PAGE = "hosted_page", _("hosted page")
    EMBEDDED_PAGE = "embedded_page", _("embedded page")
    ELEMENTS = "elements", _("custom page")


class IgnoreReason(Labeled):
    """Why an event needed no processing."""

    #: It has no handler.
    UNHANDLED_TYPE = "unhandled_type", _("unhandled type")
    #: It has no handler for events of connected accounts.
    OTHER_ACCOUNT = "other_account", _("other account")
    LIVEMODE_MISMATCH = "livemode_mismatch", _("livemode mismatch")
    #: Its object is not the site's.
    NOT_OURS = "not_ours", _("not ours")
    #: It is about a payment that no order has: it is stored with the payment and counts once an order has that.
    UNCLAIMED = "unclaimed", _("payment of no order yet")
    #: Its object belongs to another installation: of a row here, whose URL is the event's ``error_message``; or of a
    #: session with our metadata and without a row.
    OTHER_SITE = "other_site", _("other site")
    #: A session that this site has started and whose row is lost; it is listed as a difference.
    LOST_SESSION = "lost_session", _("lost session")
