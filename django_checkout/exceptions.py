"""Every error of the app: a stable code, the HTTP status a face answers with, and what a user may be shown.

``str(error)`` is for the developer and the operator; ``user_message`` is for the shopper. Neither ever holds a
secret, a payload, an address or an e-mail address.
"""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import SuspiciousOperation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class CheckoutError(Exception):
    """Something the app refuses to do, or could not do."""

    code: ClassVar[str] = "checkout_error"
    http_status: ClassVar[int] = 500
    user_message: ClassVar[Promise | str] = _("Something went wrong. You have not been charged. Please try again.")
    #: For Retry-After, with 429 and 503.
    retry_after_seconds: int = 5

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed in a moment."""
        return self.http_status in (429, 503)


class OrderDataError(CheckoutError):
    """What the host says about its order cannot be sold; nothing was sent to Stripe."""

    code = "invalid_order"
    http_status = 400
    user_message = _("This order cannot be paid online. Please contact the shop.")


class MoneyError(OrderDataError):
    """An amount or a currency that Stripe does not take."""

    code = "invalid_amount"


class MetadataError(OrderDataError):
    """Metadata that is malformed, too large, or looks like personal or card data."""

    code = "invalid_metadata"


class ParameterError(CheckoutError):
    """A parameter that Stripe does not allow in this mode or UI mode; nothing was sent to Stripe."""

    code = "invalid_parameter"
    http_status = 400
    user_message = _("This order cannot be paid online. Please contact the shop.")


class UiModeError(ParameterError):
    """A UI mode in which this order may not be paid: see CHECKOUT_UI_MODES and ``CheckoutAdapter.shipping_options``."""

    code = "ui_mode_not_allowed"
    user_message = _("This order cannot be paid on this page. Please go back to the shop and pay there.")


class OrderNotFoundError(CheckoutError):
    """No such order, or nobody may say that there is."""

    code = "order_not_found"
    http_status = 404
    user_message = _("We could not find this order.")


class SessionNotFoundError(CheckoutError):
    """No such Checkout Session of this order."""

    code = "session_not_found"
    http_status = 404
    user_message = _("We could not find this payment.")


class OrderNotPayableError(CheckoutError):
    """The order is paid, on its way to being paid, or canceled."""

    code = "order_not_payable"
    http_status = 409
    user_message = _("This order cannot be paid (again). Its status is shown below.")


class OrderChangedError(CheckoutError):
    """The order changed after a payment began, or was paid with other content."""

    code = "order_changed"
    http_status = 409
    user_message = _("This order can no longer be changed.")


class TermsChangedError(CheckoutError):
    """The order charges something else than the page showed from which it was to be paid."""

    code = "terms_changed"
    http_status = 409
    user_message = _("The order has changed. Please check it before you pay.")


class TooManyRequestsError(CheckoutError):
    """An order's visitors have asked for more within a minute than anybody needs who pays."""

    code = "too_many_requests"
    http_status = 429
    user_message = _("There were too many attempts within a minute. Please try again in a moment.")

    def __init__(self, message: str, *, retry_after_seconds: int = 60) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SessionBusyError(CheckoutError):
    """Another request is starting a payment for this order right now."""

    code = "session_busy"
    http_status = 503
    user_message = _("Your payment is being prepared. Please try again in a moment.")


class PaymentInFlightError(CheckoutError):
    """A payment of this order is being processed and can neither be canceled nor repeated."""

    code = "payment_in_flight"
    http_status = 409
    user_message = _("A payment for this order is being processed.")


class CaptureError(CheckoutError):
    """There is nothing to capture, or less than was asked for."""

    code = "not_capturable"
    http_status = 409


class RefundError(CheckoutError):
    """There is nothing to refund, or less than was asked for."""

    code = "not_refundable"
    http_status = 409


class AcceptError(CheckoutError):
    """There is nothing to accept on this order."""

    code = "nothing_to_accept"
    http_status = 409


class CustomerNotFoundError(CheckoutError):
    """The user has no Customer at Stripe."""

    code = "customer_not_found"
    http_status = 404
    user_message = _("There is nothing to manage yet.")


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
    """The host cannot sell what the shopper asks for; its adapter raises this with a message for the shopper."""

    code = "out_of_stock"
    http_status = 409

    def __init__(self, user_message: str) -> None:
        super().__init__(user_message)
        self.user_message = user_message  # type: ignore[misc]  # this one error speaks in the host's words


class CannotShipError(CheckoutError):
    """The host does not ship this order to this address; what the session had before stays."""

    code = "cannot_ship"
    http_status = 409
    user_message = _("We do not ship to this address. Please choose another one.")


class StripeError(CheckoutError):
    """Stripe answered, or failed to answer, a call of ours. ``request_id`` is Stripe's, where it sent one."""

    code = "stripe_error"
    http_status = 502

    def __init__(self, message: str, *, stripe_code: str = "", request_id: str = "", param: str = "") -> None:
        super().__init__(message)
        self.stripe_code = stripe_code
        self.request_id = request_id
        self.param = param


class StripeUnavailableError(StripeError):
    """Silence, 409, 429 or 5xx: whether Stripe acted is unknown, and the same request may be sent again."""

    code = "stripe_unavailable"
    http_status = 503
    #: Stripe repeats a stored failure for this idempotency key and will never act on it.
    is_replayed = False
    user_message = _("The payment service cannot be reached right now. You have not been charged. Please try again.")


class StripeRefusedError(StripeError):
    """A definite 4xx: Stripe did not act and will not act on this request."""

    code = "stripe_refused"
    http_status = 502
    user_message = _("The payment service did not accept this order. Please contact the shop.")


class StripeCredentialsError(StripeRefusedError):
    """401 or 403: STRIPE_SECRET_KEY is wrong, revoked, or lacks a permission."""

    code = "stripe_credentials"
    #: 401: Stripe does not know the key at all; otherwise it lacks a permission.
    is_revoked = False


class StripeNotFoundError(StripeRefusedError):
    """404: Stripe has no such object in this account and mode."""

    code = "stripe_not_found"


class SignatureError(CheckoutError, SuspiciousOperation):
    """A webhook body that Stripe did not sign, or that is too old, too new, too large or not JSON."""

    code = "invalid_signature"
    http_status = 400


class EventBusyError(CheckoutError):
    """Another worker is processing this event; Stripe's next delivery, or the sweep, finds it done."""

    code = "event_busy"
    http_status = 503


class ErasureError(CheckoutError):
    """What was asked to be erased is still needed, does not exist, or is out of reach."""

    code = "not_erasable"
    http_status = 409


class EndpointError(CheckoutError):
    """The webhook endpoint at Stripe cannot be set up as asked."""

    code = "endpoint"
    http_status = 409


class RunBusyError(CheckoutError):
    """Another run of reconciliation is going on."""

    code = "run_busy"
    http_status = 409


class ReferenceTakenError(CheckoutError):
    """An order with this reference has been placed, and the request has no right to revise it."""

    code = "reference_taken"
    http_status = 409
    user_message = _("There is already an order with this number.")


class PlacingNotAllowedError(CheckoutError):
    """The host's adapter takes no orders from this request: see ``CheckoutAdapter.take_order``."""

    code = "placing_not_allowed"
    http_status = 403
    user_message = _("Orders cannot be placed in this way.")


class DiscrepancySettledError(CheckoutError):
    """Somebody has settled this difference meanwhile, or put it back."""

    code = "discrepancy_settled"
    http_status = 409
    user_message = _("Somebody has decided on this difference meanwhile.")


class IdempotencyKeyError(CheckoutError):
    """An ``Idempotency-Key`` that is too short to be unique, too long or not printable ASCII; a guest's is a UUID."""

    code = "invalid_idempotency_key"
    http_status = 400
    user_message = _("An Idempotency-Key has 16 to 255 ASCII characters; a guest's is a version 4 UUID.")


class IdempotencyKeyReusedError(CheckoutError):
    """An ``Idempotency-Key`` that was used for another request."""

    code = "idempotency_key_reused"
    http_status = 409
    user_message = _("This request repeats another one with other content.")


class HandlerError(CheckoutError):
    """A host's own handler failed on an event: what is ours is committed, and the event is tried again."""

    code = "handler_failed"
    http_status = 500


class UnknownFactError(CheckoutError):
    """Stripe said something that this version does not understand; the event is kept and can be processed again."""

    code = "unknown_fact"
    http_status = 500


class IncompleteFactError(UnknownFactError):
    """A payload lacks a field that we read: the object is fetched from Stripe instead."""

    code = "incomplete_fact"


class DerivedColumnError(CheckoutError):
    """Code of the site's tried to write a column that only the ledger writes; see ``models.base``."""

    code = "derived_column"
    http_status = 500


class UnstorableFactError(UnknownFactError):
    """A value of Stripe's is longer or larger than its column; the event that brought it is kept as failed."""

    code = "unstorable_fact"


class NotDeliverableError(CheckoutError):
    """An announcement cannot be delivered: nobody listens, or another must be delivered first."""

    code = "not_deliverable"
    http_status = 409
