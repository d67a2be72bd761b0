"""The app's exceptions, each with a stable code, an HTTP status and a message for the user.

``str(error)`` is for developers and operators; ``user_message`` is for shoppers. Neither contains a secret, a payload
or personal data.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from django_checkout.exceptions.base import CheckoutError
from django_checkout.exceptions.database import (
    DATABASE_UNAVAILABLE,
    MigrationsPendingError,
    find_database_reason,
    is_conflict,
    is_database_unavailable,
    is_schema_missing,
)
from django_checkout.exceptions.operation import (
    DerivedColumnError,
    DiscrepancySettledError,
    EndpointError,
    ErasureError,
    EventBusyError,
    HandlerError,
    IdempotencyKeyError,
    IdempotencyKeyReusedError,
    IncompleteFactError,
    NotDeliverableError,
    NotJoinableError,
    NotPendingError,
    OtherSiteError,
    PlacingNotAllowedError,
    ReferenceTakenError,
    RunBusyError,
    SignatureError,
    UnknownFactError,
    UnstorableFactError,
    WayBackError,
)
from django_checkout.exceptions.stripe import (
    UNANSWERED_CODES,
    RefundedElsewhereError,
    StripeAnswerError,
    StripeCredentialsError,
    StripeError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnansweredError,
    StripeUnavailableError,
)

__all__ = [
    "DATABASE_UNAVAILABLE",
    "UNANSWERED_CODES",
    "AcceptError",
    "CannotShipError",
    "CaptureError",
    "CheckoutError",
    "CustomerNotFoundError",
    "DerivedColumnError",
    "DiscrepancySettledError",
    "EndpointError",
    "ErasureError",
    "EventBusyError",
    "HandlerError",
    "IdempotencyKeyError",
    "IdempotencyKeyReusedError",
    "IncompleteFactError",
    "MetadataError",
    "MigrationsPendingError",
    "MoneyError",
    "NotDeliverableError",
    "NotJoinableError",
    "NotPendingError",
    "OrderChangedError",
    "OrderDataError",
    "OrderNotFoundError",
    "OrderNotPayableError",
    "OtherSiteError",
    "OutOfStockError",
    "ParameterError",
    "PaymentInFlightError",
    "PaymentUnmatchedError",
    "PlacingNotAllowedError",
    "ReferenceTakenError",
    "RefundError",
    "RefundRepeatedError",
    "RefundedElsewhereError",
    "RunBusyError",
    "SessionBusyError",
    "SessionClosedError",
    "SessionNotFoundError",
    "SignatureError",
    "StripeAnswerError",
    "StripeCredentialsError",
    "StripeError",
    "StripeNotFoundError",
    "StripeRefusedError",
    "StripeUnansweredError",
    "StripeUnavailableError",
    "SubscriptionEndedError",
    "TermsChangedError",
    "TooManyRequestsError",
    "UiModeError",
    "UnknownFactError",
    "UnstorableFactError",
    "WayBackError",
    "find_database_reason",
    "is_conflict",
    "is_database_unavailable",
    "is_schema_missing",
]


class OrderDataError(CheckoutError):
    """The host's order data is invalid; nothing was sent to Stripe."""

    code = "invalid_order"
    http_status = 400
    user_message = _("This order cannot be paid online. Please contact the shop.")


class MoneyError(OrderDataError):
    """Stripe does not accept this amount or currency."""

    code = "invalid_amount"


class MetadataError(OrderDataError):
    """The metadata is malformed, too large, or looks like personal or card data."""

    code = "invalid_metadata"


class ParameterError(CheckoutError):
    """Stripe does not allow a parameter in this mode or UI mode; nothing was sent to Stripe."""

    code = "invalid_parameter"
    http_status = 400
    user_message = _("This order cannot be paid online. Please contact the shop.")


class UiModeError(ParameterError):
    """The order cannot be paid in this UI mode: see CHECKOUT_UI_MODES and ``CheckoutAdapter.shipping_options``."""

    code = "ui_mode_not_allowed"
    user_message = _("This order cannot be paid on this page. Please go back to the shop and pay there.")


class OrderNotFoundError(CheckoutError):
    """The order does not exist, or the request may not see it."""

    code = "order_not_found"
    http_status = 404
    user_message = _("We could not find this order.")


class SessionNotFoundError(CheckoutError):
    """The order has no such Checkout Session."""

    code = "session_not_found"
    http_status = 404
    user_message = _("We could not find this payment.")


class OrderNotPayableError(CheckoutError):
    """The order is paid, has a payment in progress, or is canceled."""

    code = "order_not_payable"
    http_status = 409
    user_message = _("This order can no longer be paid. Its status is shown below.")


class OrderChangedError(CheckoutError):
    """The order changed after a payment was started, or was paid with different content."""

    code = "order_changed"
    http_status = 409
    user_message = _("This order can no longer be changed.")


class TermsChangedError(CheckoutError):
    """The order's terms differ from those that the payment page showed."""

    code = "terms_changed"
    http_status = 409
    user_message = _("The order has changed. Please check it before you pay.")


class TooManyRequestsError(CheckoutError):
    """There were too many requests about an order within a minute."""

    code = "too_many_requests"
    http_status = 429
    user_message = _("There were too many attempts. Please try again in a minute.")

    def __init__(self, message: str, *, retry_after_seconds: int = 60) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SessionBusyError(CheckoutError):
    """Another request is starting a payment for this order."""

    code = "session_busy"
    http_status = 503
    user_message = _("Your payment is being prepared. Please try again in a moment.")


class PaymentUnmatchedError(CheckoutError):
    """A payment at Stripe names this order's number; staff decide in the differences whose it is."""

    code = "payment_unmatched"
    http_status = 409
    user_message = _("We may have received a payment for this order already. Please ask the shop before you pay.")


class PaymentInFlightError(CheckoutError):
    """A payment for this order is being processed and can be neither canceled nor repeated."""

    code = "payment_in_flight"
    http_status = 409
    user_message = _("A payment for this order is being processed.")


class CaptureError(CheckoutError):
    """There is nothing to capture, or less than requested."""

    code = "not_capturable"
    http_status = 409


class RefundError(CheckoutError):
    """There is nothing to refund, or less than requested."""

    code = "not_refundable"
    http_status = 409


class RefundRepeatedError(RefundError):
    """A refund of this amount is unanswered or recent: ``in_addition_to`` must name it to make another one."""

    code = "refund_repeated"


class AcceptError(CheckoutError):
    """The order has no mismatch to accept."""

    code = "nothing_to_accept"
    http_status = 409


class CustomerNotFoundError(CheckoutError):
    """The user has no Customer at Stripe."""

    code = "customer_not_found"
    http_status = 404
    user_message = _("There are no payment details or subscriptions to manage yet.")


class SubscriptionEndedError(CheckoutError):
    """The subscription has ended and cannot be canceled."""

    code = "subscription_ended"
    http_status = 409
    user_message = _("This subscription has already ended.")


class SessionClosedError(CheckoutError):
    """The order has no open session that could be changed."""

    code = "session_closed"
    http_status = 409
    user_message = _("This checkout has ended. Please start again.")


class OutOfStockError(CheckoutError):
    """An item is not available; the host's adapter raises this with a message for the shopper."""

    code = "out_of_stock"
    http_status = 409

    def __init__(self, user_message: str) -> None:
        super().__init__(user_message)
        self.user_message = user_message  # type: ignore[misc]  # the only message that an instance sets


class CannotShipError(CheckoutError):
    """The host does not ship this order to this address; the session keeps its previous shipping details."""

    code = "cannot_ship"
    http_status = 409
    user_message = _("We do not ship to this address. Please choose another one.")
