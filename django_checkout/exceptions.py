"""The app's exceptions, each with a stable code, an HTTP status and a message for the user.

``str(error)`` is for developers and operators; ``user_message`` is for shoppers. Neither contains a secret, a payload
or personal data.
"""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import SuspiciousOperation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class CheckoutError(Exception):
    """The base class of the app's exceptions."""

    code: ClassVar[str] = "checkout_error"
    http_status: ClassVar[int] = 500
    user_message: ClassVar[Promise | str] = _("Something went wrong. You have not been charged. Please try again.")
    #: The ``Retry-After`` header of responses with 429 and 503.
    retry_after_seconds: int = 5

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.http_status in (429, 503)


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


class StripeError(CheckoutError):
    """A call to Stripe failed. ``request_id`` is Stripe's, if it sent a response."""

    code = "stripe_error"
    http_status = 502

    def __init__(self, message: str, *, stripe_code: str = "", request_id: str = "", param: str = "") -> None:
        super().__init__(message)
        self.stripe_code = stripe_code
        self.request_id = request_id
        self.param = param

    @property
    def recorded(self) -> dict[str, str]:
        """What a row stores of it: Stripe's own code where there is one, and the request's id."""
        return {"error_code": self.stripe_code or self.code, "request_id": self.request_id}


class StripeUnavailableError(StripeError):
    """No response, 409, 429 or 5xx: it is unknown whether Stripe acted, and the same request may be retried."""

    code = "stripe_unavailable"
    http_status = 503
    #: Stripe replayed the stored error of this idempotency key, and will never act on the request.
    is_replayed = False
    user_message = _("The payment service cannot be reached right now. You have not been charged. Please try again.")


class StripeRefusedError(StripeError):
    """4xx: Stripe rejected the request and did not act on it."""

    code = "stripe_refused"
    user_message = _("The payment service did not accept this order. Please contact the shop.")


class StripeCredentialsError(StripeRefusedError):
    """401 or 403: STRIPE_SECRET_KEY is invalid, revoked, or lacks a permission."""

    code = "stripe_credentials"
    #: Whether the key is invalid or revoked (401); otherwise it lacks a permission.
    is_revoked = False


class StripeNotFoundError(StripeRefusedError):
    """404: the object does not exist in this account and mode."""

    code = "stripe_not_found"


class SignatureError(CheckoutError, SuspiciousOperation):
    """The webhook's signature or body is invalid, too old, dated in the future, or too large."""

    code = "invalid_signature"
    http_status = 400


class EventBusyError(CheckoutError):
    """Another worker is processing this event; Stripe's next delivery will find it processed."""

    code = "event_busy"
    http_status = 503


class ErasureError(CheckoutError):
    """The data cannot be erased: it is still needed, does not exist, or is stored at Stripe."""

    code = "not_erasable"
    http_status = 409


class EndpointError(CheckoutError):
    """The webhook endpoint at Stripe cannot be set up as requested."""

    code = "endpoint"
    http_status = 409


class RunBusyError(CheckoutError):
    """Another reconciliation run is in progress."""

    code = "run_busy"
    http_status = 409


class ReferenceTakenError(CheckoutError):
    """An order with this reference exists, and the request may not change it."""

    code = "reference_taken"
    http_status = 409
    user_message = _("There is already an order with this number.")


class PlacingNotAllowedError(CheckoutError):
    """The host's adapter refuses to take an order from this request: see ``CheckoutAdapter.take_order``."""

    code = "placing_not_allowed"
    http_status = 403
    user_message = _("The shop does not accept this order. Please contact the shop.")


class DiscrepancySettledError(CheckoutError):
    """The difference was resolved or reopened in the meantime."""

    code = "discrepancy_settled"
    http_status = 409
    user_message = _("This difference has already been resolved or reopened.")


class IdempotencyKeyError(CheckoutError):
    """The ``Idempotency-Key`` is too short, too long or not printable ASCII, or a guest's is not a version 4 UUID."""

    code = "invalid_idempotency_key"
    http_status = 400
    user_message = _("An Idempotency-Key must have 16 to 255 ASCII characters; a guest's must be a version 4 UUID.")


class IdempotencyKeyReusedError(CheckoutError):
    """The ``Idempotency-Key`` was used for a different request."""

    code = "idempotency_key_reused"
    http_status = 409
    user_message = _("This Idempotency-Key was already used for a different request.")


class HandlerError(CheckoutError):
    """A host's event handler failed: the app's own changes are committed, and the event is retried."""

    code = "handler_failed"


class UnknownFactError(CheckoutError):
    """Stripe sent a value that this version does not know; the event is stored and can be replayed."""

    code = "unknown_fact"


class IncompleteFactError(UnknownFactError):
    """A payload lacks a field that is read; the object is retrieved from Stripe instead."""

    code = "incomplete_fact"


class DerivedColumnError(CheckoutError):
    """The site's code tried to write a column that only the ledger writes; see ``models.base``."""

    code = "derived_column"


class UnstorableFactError(UnknownFactError):
    """A value from Stripe does not fit into its column; its event is stored as failed."""

    code = "unstorable_fact"


class NotDeliverableError(CheckoutError):
    """A notification cannot be delivered: its signal has no receiver, or another one must be delivered first."""

    code = "not_deliverable"
    http_status = 409
