"""The errors of calls to Stripe."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_checkout.exceptions.base import CheckoutError


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
    #: The HTTP status of the response; 0 if there was none.
    answered_status = 0
    #: Stripe replayed the stored error of this idempotency key, and will never act on the request.
    is_replayed = False
    user_message = _("The payment service cannot be reached right now. You have not been charged. Please try again.")


class StripeAnswerError(StripeUnavailableError):
    """The response is not Stripe's: a proxy's page, half a response, or JSON of another shape.

    As without a response, it is unknown whether Stripe acted.
    """

    code = "stripe_answer"
    http_status = 502


class StripeUnansweredError(StripeUnavailableError):
    """Stripe has not answered a request that changes something; ``next_step`` says to staff what happens next."""

    code = "stripe_unanswered"
    cause = ""
    next_step: Promise | str = ""


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
    """404, or 400 for an id in the parameters: the object does not exist in this account and mode."""

    code = "stripe_not_found"


class RefundedElsewhereError(StripeRefusedError):
    """A refund of the same amount was made at Stripe while this one was unanswered, so it was not sent again."""

    code = "refunded_elsewhere"
    http_status = 409


#: The codes of errors that say that Stripe did not respond, or something else did.
UNANSWERED_CODES = (StripeUnavailableError.code, StripeAnswerError.code, StripeUnansweredError.code)
