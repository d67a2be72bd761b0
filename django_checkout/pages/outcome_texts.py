"""The words of the return page for each outcome: its title, and a sentence about the payment.

A trial, a free order and saved payment details have words of their own: nobody paid, so they speak of no money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_checkout.models import Order
from django_checkout.params.terms import get_terms
from django_checkout.services.outcomes import Outcome
from django_checkout.states import IntentStatus, OrderStatus

Texts = tuple[Promise, Promise]

_NOT_CHARGED: Final = _("Order %(reference)s has not been paid and you have not been charged.")
_NOT_SAVED: Final = _("No payment details were saved for order %(reference)s.")
_UNREAD: Final = _("We do not know yet whether you have paid")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTexts:
    """What the page says, in the active language."""

    title: str
    text: str


#: ``Outcome`` -> the title, which is also the document's, and the sentence below it.
_TEXTS: Mapping[Outcome, Texts] = {
    Outcome.PAID: (
        _("Thank you, we have received your payment"),
        _("Order %(reference)s is paid. You do not need to do anything else."),
    ),
    Outcome.ACTION_NEEDED: (
        _("Please complete your payment"),
        _("Order %(reference)s is paid once we have received the amount."),
    ),
    Outcome.PROCESSING: (
        _("Your payment is being processed"),
        _(
            "The payment for order %(reference)s is being processed. If you have paid, it can take a few days to "
            "arrive. You do not need to do anything else."
        ),
    ),
    Outcome.AUTHORIZED: (
        _("Thank you, your order is confirmed"),
        _("The payment for order %(reference)s is authorized. You will be charged when your order ships."),
    ),
    Outcome.FAILED: (_("The payment did not go through"), _NOT_CHARGED),
    Outcome.EXPIRED: (_("The payment page has expired"), _NOT_CHARGED),
    Outcome.CANCELED: (
        _("This order was canceled"),
        _("Order %(reference)s was canceled. You do not need to pay for it."),
    ),
    Outcome.REFUNDED: (
        _("This order was refunded"),
        _(
            "The payment for order %(reference)s was refunded. Your bank can take a few days to show it on your "
            "statement."
        ),
    ),
    Outcome.UNKNOWN: (
        _UNREAD,
        _(
            "The payment service does not answer at the moment. Please do not pay order %(reference)s again: you have "
            "not been charged twice. This page updates automatically."
        ),
    ),
    Outcome.OPEN: (
        _("We are waiting for your payment"),
        _("Order %(reference)s has not been paid yet. This page updates automatically."),
    ),
}
_SETUP_TEXTS: Mapping[Outcome, Texts] = {
    Outcome.PAID: (
        _("Your payment details are saved"),
        _("They are saved for order %(reference)s. Nothing was charged."),
    ),
    Outcome.FAILED: (_("Your payment details could not be saved"), _NOT_SAVED),
    Outcome.EXPIRED: (_("The page has expired"), _NOT_SAVED),
    Outcome.CANCELED: (_("This order was canceled"), _("Order %(reference)s was canceled. You need to do nothing.")),
    Outcome.UNKNOWN: (
        _("We do not know yet whether your payment details are saved"),
        _(
            "The payment service does not answer at the moment. Nothing is charged for order %(reference)s. This page "
            "updates automatically."
        ),
    ),
    Outcome.OPEN: (
        _("We are waiting for your payment details"),
        _("No payment details are saved for order %(reference)s yet. This page updates automatically."),
    ),
}
_LATE: Texts = (
    _("The time to pay has passed"),
    _(
        "If you have paid order %(reference)s, your payment can take a few days to arrive, and you do not need to do "
        "anything. If you have not paid, you can pay in another way once we know that no payment arrives."
    ),
)
_PARTIALLY_REFUNDED: Texts = (
    _("Part of your payment was refunded"),
    _("Order %(reference)s is paid, and a part of it was refunded. Your bank can take a few days to show it."),
)
_FREE: Texts = (
    _("Thank you, your order is complete"),
    _("There was nothing to pay for order %(reference)s. You have not been charged."),
)
_TRIAL: Texts = (
    _("Your free trial has started"),
    _("You have not been charged for order %(reference)s yet."),
)
_SUBSCRIBED: Texts = (
    _("Thank you, your subscription has started"),
    _("The first payment of order %(reference)s has been received. You do not need to do anything else."),
)


#: Unless money arrived after all, which staff decide about.
_CANCELED_UNCHARGED: Texts = (
    _("This order was canceled"),
    _("Order %(reference)s was canceled. You have not been charged, and you do not need to pay for it."),
)


def get_texts(outcome: Outcome, order: Order) -> OutcomeTexts:
    """Return the words for an outcome of an order."""
    title, text = _find_texts(outcome, order)
    return OutcomeTexts(title=str(title), text=str(text) % {"reference": order.reference})


def _find_texts(outcome: Outcome, order: Order) -> Texts:
    if order.mode == "setup" and outcome in _SETUP_TEXTS:
        return _SETUP_TEXTS[outcome]
    if outcome == Outcome.CANCELED and not order.needs_attention:
        return _CANCELED_UNCHARGED
    if outcome == Outcome.PROCESSING and _is_late(order):
        return _LATE
    if outcome != Outcome.PAID:
        return _TEXTS[outcome]
    if order.status == OrderStatus.PARTIALLY_REFUNDED:
        return _PARTIALLY_REFUNDED
    if not order.paid_minor:
        return _TRIAL if order.mode == "subscription" and get_terms(order).trial_days else _FREE
    return _SUBSCRIBED if order.mode == "subscription" else _TEXTS[outcome]


def _is_late(order: Order) -> bool:
    """Return whether the time to pay by a voucher has passed."""
    return order.payments.filter(intent_status=IntentStatus.OPEN, action_expires_at__lte=timezone.now()).exists()
