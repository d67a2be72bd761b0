"""The table that shows what a difference is: the values here and at Stripe, next to each other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout.admin import display, stripe_links
from django_checkout.models import Discrepancy
from django_checkout.states import (
    DisputeReason,
    DisputeStatus,
    IntentStatus,
    OrderStatus,
    PaymentStatus,
    PayoutStatus,
    RefundStatus,
    SessionStatus,
    SubscriptionStatus,
    find_label,
)

#: The fields of a difference that are amounts in minor units.
AMOUNTS = frozenset(("total", "paid", "captured", "refunded", "withdrawn", "amount", "lines"))
#: The fields that hold the currency of an amount; they are shown with the amount.
_OWN_CURRENCIES = frozenset(f"{name}_currency" for name in AMOUNTS)
#: The enumerations of the statuses and reasons that a side may hold.
_VALUES = (
    *(OrderStatus, SessionStatus, PaymentStatus, IntentStatus, RefundStatus),
    *(DisputeStatus, DisputeReason, SubscriptionStatus, PayoutStatus),
)
_FIELDS = {
    "amount": gettext_lazy("amount"),
    "cancels_at_period_end": gettext_lazy("cancels at period end"),
    "captured": gettext_lazy("captured"),
    "currency": gettext_lazy("currency"),
    "customer": gettext_lazy("customer"),
    "differs": gettext_lazy("differs"),
    "dispute": gettext_lazy("dispute"),
    "email": gettext_lazy("e-mail address"),
    "kept": gettext_lazy("kept payment"),
    "lines": gettext_lazy("lines"),
    "order": gettext_lazy("order"),
    "order_id": gettext_lazy("order ID"),
    "paid": gettext_lazy("paid"),
    "payment": gettext_lazy("payment"),
    "payment_intent": gettext_lazy("payment intent"),
    "payment_status": gettext_lazy("payment status"),
    "payout": gettext_lazy("payout"),
    "period_ends": gettext_lazy("period ends"),
    "problem": gettext_lazy("problem"),
    "refund": gettext_lazy("refund"),
    "refunded": gettext_lazy("refunded"),
    "session": gettext_lazy("session"),
    "site": gettext_lazy("site"),
    "since": gettext_lazy("since"),
    "status": gettext_lazy("status"),
    "subscription": gettext_lazy("subscription"),
    "total": gettext_lazy("total"),
    "user": gettext_lazy("user"),
    "withdrawn": gettext_lazy("withdrawn"),
}
_STRIPE_ID = re.compile(r"[a-z]{2,4}_\w*[0-9A-Z]\w*")


def table(row: Discrepancy, *, livemode: bool | None) -> SafeString:
    """Return the table; Stripe IDs lead to Stripe's dashboard in this mode."""
    names = [name for name in {**row.here, **row.at_stripe} if name not in _OWN_CURRENCIES]
    currency = row.order.currency if row.order else str(row.at_stripe.get("currency") or "")
    both = (row.here, row.at_stripe)
    cells = (
        (
            "checkout-differs" if _differs(name, *both) else "",
            _FIELDS.get(name) or name.replace("_", " "),
            *(_value(side, name, currency, livemode=livemode) for side in both),
        )
        for name in names
    )
    return format_html(
        '<table class="checkout-table checkout-sides"><thead><tr><td></td><th scope="col">{}</th>'
        '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>',
        _("here"),
        _("at Stripe"),
        format_html_join("", '<tr class="{}"><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', cells),
    )


def _value(side: Mapping[str, Any], name: str, currency: str, *, livemode: bool | None) -> object:
    """Return the value of a field on one side: an amount in its own or the order's currency, a status by its label.

    A Stripe ID is linked to its page in Stripe's dashboard.
    """
    value = side.get(name)
    currency = str(side.get(f"{name}_currency") or side.get("currency") or currency)
    if value is None:
        return display.NOTHING
    if name == "differs":
        return ", ".join(str(_FIELDS.get(fact, fact)) for fact in str(value).split(", "))
    if isinstance(value, int) and not isinstance(value, bool) and name in AMOUNTS and currency:
        return display.amount(value, currency)
    if isinstance(value, str):
        if not _STRIPE_ID.fullmatch(value):
            return find_label(value, *_VALUES)
        url = stripe_links.find_url(value, livemode=livemode)
        return display.external_link(url, value) if url else display.code(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _differs(name: str, *sides: Mapping[str, Any]) -> bool:
    """Whether both sides have a field, with different values."""
    values = {repr((side.get(name), side.get(f"{name}_currency"))) for side in sides}
    return all(name in side for side in sides) and len(values) > 1
