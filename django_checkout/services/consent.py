"""Asks for and records what a shopper agrees to in the Elements checkout, where Stripe has no checkbox.

Stripe's page and its embedded form ask by themselves, and their answer comes with the session:
https://docs.stripe.com/payments/checkout/custom-components. Stripe.js has no such field for Elements:
https://docs.stripe.com/js/custom_checkout/session_object. So the parameter is not sent, and our form asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_checkout import ledger
from django_checkout.exceptions import ParameterError, SessionClosedError
from django_checkout.models import CheckoutSession, Order
from django_checkout.params.options import effective
from django_checkout.services.orders import get_own_order
from django_checkout.states import SessionStatus

#: What Stripe's ``consent_collection`` says if it asks.
_ASKED = {"terms_of_service": "required", "promotions": "auto"}


def find_questions(order: Order) -> frozenset[str]:
    """Return what the Elements checkout asks: ``terms_of_service``, which is required, and ``promotions``."""
    return _read_questions(effective(order.params))


def check_questions(order: Order, params: Mapping[str, Any]) -> None:
    """Check that the ``params`` of ``start`` ask nothing that the Elements checkout of the order does not ask.

    Raises:
        ParameterError: they do; the form is rendered from the order, so nobody would be asked.
    """
    if missing := _read_questions(params) - find_questions(order):
        names = ", ".join(sorted(missing))
        raise ParameterError(
            f"consent_collection ({names}): the Elements checkout asks what the order was placed with, see "
            "CheckoutOptions.require_terms_of_service and ask_for_promotions."
        )


def _read_questions(parameters: Mapping[str, Any]) -> frozenset[str]:
    asked = parameters.get("consent_collection") or {}
    return frozenset(name for name, when in _ASKED.items() if asked.get(name) == when)


def record_consent(order: Any, given: Mapping[str, bool]) -> CheckoutSession:
    """Record what the shopper agreed to on the order's open Elements session, in Stripe's words; no call to Stripe.

    The latest answer counts. Once the session is complete, it is in ``customer_details["consent"]`` of the session and
    the order, where Stripe's own answers are.

    Raises:
        ParameterError: the terms are required and were not accepted.
        SessionClosedError: there is no open Elements session.
    """
    ours = get_own_order(order)
    asked = find_questions(ours)
    if "terms_of_service" in asked and not given.get("terms_of_service"):
        raise ParameterError("The terms of service were not accepted.")
    consent = {}
    if "terms_of_service" in asked:
        consent["terms_of_service"] = "accepted"
    if "promotions" in asked:
        consent["promotions"] = "opt_in" if given.get("promotions") else "opt_out"

    def record() -> CheckoutSession:
        locked = ledger.lock_order(pk=ours.pk)
        session = next((row for row in locked.sessions if row.live_for_id is not None), None)
        if session is None or session.status != SessionStatus.OPEN or session.ui_mode != "elements":
            raise SessionClosedError("The order has no open Elements session.")
        ledger.record_consent(session, consent)
        return session

    return ledger.in_transaction(record)
