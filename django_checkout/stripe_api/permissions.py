"""Tries what a key may read and write, in a way that changes nothing.

Stripe documents that a restricted key without a permission gets 403
(https://docs.stripe.com/keys/restricted-api-keys), and not whether it looks at the permission before the parameters.
Each write therefore is one that any key is refused: it names an object that does not exist, or lacks what is required.
A refusal with 403 shows that the permission is missing; another one does not prove that it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django_checkout.exceptions import StripeCredentialsError, StripeRefusedError
from django_checkout.stripe_api.client import ask_expecting_refusal, get_client, read_raw_expecting_refusal
from django_checkout.stripe_api.steps import Steps

#: No object has this id.
_NOBODY = "django_checkout_permission_check"


def check_can_list(path: str) -> Steps[None]:
    """Check that the key may read a list.

    Raises:
        StripeCredentialsError: it may not; the message names the missing permission if Stripe does.
    """
    yield from read_raw_expecting_refusal(path, limit=1)


def check_can_write(resource: str) -> Steps[None]:
    """Check that the key may write a resource of ``WRITES``.

    Raises:
        StripeCredentialsError: it may not; the message names the missing permission if Stripe does.
        StripeUnavailableError: Stripe did not say.
    """
    try:
        yield from WRITES[resource]()
    except StripeCredentialsError:
        raise
    except StripeRefusedError:
        return


def _sessions() -> Steps[Any]:
    sessions = get_client().v1.checkout.sessions
    return ask_expecting_refusal(sessions.expire, sessions.expire_async, _NOBODY)


def _payments() -> Steps[Any]:
    intents = get_client().v1.payment_intents
    return ask_expecting_refusal(intents.cancel, intents.cancel_async, _NOBODY)


def _refunds() -> Steps[Any]:
    refunds = get_client().v1.refunds
    return ask_expecting_refusal(refunds.create, refunds.create_async, {"payment_intent": _NOBODY})


def _customers() -> Steps[Any]:
    customers = get_client().v1.customers
    return ask_expecting_refusal(customers.update, customers.update_async, _NOBODY)


def _portals() -> Steps[Any]:
    portals = get_client().v1.billing_portal.sessions
    return ask_expecting_refusal(portals.create, portals.create_async, {"customer": _NOBODY})


def _subscriptions() -> Steps[Any]:
    subscriptions = get_client().v1.subscriptions
    return ask_expecting_refusal(subscriptions.cancel, subscriptions.cancel_async, _NOBODY)


#: What the app writes at Stripe, as ``client.permission_for`` names it.
WRITES: Mapping[str, Callable[[], Steps[Any]]] = {
    "checkout.session": _sessions,
    "payment_intent": _payments,
    "refund": _refunds,
    "customer": _customers,
    "billing_portal.session": _portals,
    "subscription": _subscriptions,
}
