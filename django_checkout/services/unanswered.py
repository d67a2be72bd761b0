"""Reports a call that Stripe has not answered as unanswered, never as failed, and says what happens next."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_checkout.exceptions import StripeUnansweredError, StripeUnavailableError
from django_checkout.stripe_api.steps import Steps

P = ParamSpec("P")
T = TypeVar("T")

START = _("Start the payment again: the shopper cannot pay twice.")
CHANGE = _("The change may have been made. Make it again: it cannot be made twice.")
EXPIRE = _("The payment page may still be open. Expire it again.")
CANCEL = _("The order may be canceled already. Sync it with Stripe, or cancel it again.")
CAPTURE = _("The amount may be captured already. Sync the order with Stripe before you capture again.")
REFUND = _(
    "Do not repeat the refund at Stripe: checkout_process_events sends it again with the same key, and it cannot be "
    "made twice."
)
SUBSCRIPTION = _("The subscription may be canceled already. Sync it with Stripe, or cancel it again.")

#: For shoppers.
CHANGE_UNKNOWN = _("We do not know yet whether your change was saved. Please check the total and try again.")
CANCEL_UNKNOWN = _("We do not know yet whether this was canceled. Please try again in a moment.")


def says(
    next_step: Promise, *, user_message: Promise | str = ""
) -> Callable[[Callable[P, Steps[T]]], Callable[P, Steps[T]]]:
    """Raise ``StripeUnansweredError`` from steps that raise ``StripeUnavailableError``; the outermost function wins."""

    def decorate(steps: Callable[P, Steps[T]]) -> Callable[P, Steps[T]]:
        @wraps(steps)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> Steps[T]:
            try:
                return (yield from steps(*args, **kwargs))
            except StripeUnavailableError as error:
                raise _unanswered(error, next_step, user_message) from error

        return wrapped

    return decorate


def _unanswered(
    error: StripeUnavailableError, next_step: Promise, user_message: Promise | str
) -> StripeUnansweredError:
    cause = error.cause if isinstance(error, StripeUnansweredError) else str(error)
    details = {"stripe_code": error.stripe_code, "request_id": error.request_id, "param": error.param}
    found = StripeUnansweredError(f"Unanswered: {cause} {next_step}", **details)
    found.cause, found.next_step = cause, next_step
    found.is_replayed, found.answered_status = error.is_replayed, error.answered_status
    found.retry_after_seconds = error.retry_after_seconds
    if user_message:
        found.user_message = user_message  # type: ignore[misc, assignment]  # what is unknown differs by service
    return found
