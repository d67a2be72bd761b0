"""The words of the return page for each outcome: its title, and a sentence about the payment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_checkout.models import Order
from django_checkout.services.outcomes import Outcome

_NOT_CHARGED = _("Order %(reference)s has not been paid and you have not been charged.")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTexts:
    """What the page says, in the active language."""

    title: str
    text: str


#: ``Outcome`` -> the title, which is also the document's, and the sentence below it.
_TEXTS: Mapping[Outcome, tuple[Promise, Promise]] = {
    Outcome.PAID: (_("Thank you, we have received your payment"), _("Order %(reference)s is paid.")),
    Outcome.PROCESSING: (
        _("Your payment is being processed"),
        _(
            "Your bank is processing the payment for order %(reference)s. This can take a few days. You do not need to "
            "do anything."
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
    Outcome.REFUNDED: (_("This order was refunded"), _("The payment for order %(reference)s was refunded.")),
    Outcome.UNKNOWN: (
        _("We do not know yet whether you have paid"),
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


def get_texts(outcome: Outcome, order: Order) -> OutcomeTexts:
    """Return the words for an outcome of an order."""
    title, text = _TEXTS[outcome]
    return OutcomeTexts(title=str(title), text=str(text) % {"reference": order.reference})
