"""How facts read in the admin: money, instants, statuses as badges that say in words what their color says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from django_checkout import money
from django_checkout.exceptions import MoneyError
from django_checkout.models import CheckoutSession
from django_checkout.states import Attention, PaymentStatus, SessionStatus

Text = str | Promise

_SHORT_ID = 20
_ONE_AMOUNT = re.compile(r"(?P<minor>\d+) (?P<currency>[a-z]{3})")
_TWO_AMOUNTS = re.compile(r"(?P<paid>\d+) (?P<word>for|of) (?P<asked>\d+)")

DASH = "\N{EN DASH}"
NOTHING: SafeString = format_html('<span class="checkout-nothing">{}</span>', DASH)

#: What a status is called where its own word, with spaces, would not do.
_LABELS: dict[str, Text] = {
    "unpaid": _("unpaid"),
    "pending": _("pending"),
    "authorized": _("authorized"),
    "paid": _("paid"),
    "partially_refunded": _("partially refunded"),
    "refunded": _("refunded"),
    "canceled": _("canceled"),
    "creating": _("being created"),
    "open": _("open"),
    "complete": _("complete"),
    "expired": _("expired"),
    "failed": _("failed"),
    "no_payment_required": _("no payment required"),
    "succeeded": _("succeeded"),
    "refused": _("refused by Stripe"),
    "requires_action": _("requires action"),
    "needs_response": _("needs a response"),
    "under_review": _("under review"),
    "won": _("won"),
    "lost": _("lost"),
    "prevented": _("prevented"),
    "received": _("received"),
    "processing": _("processing"),
    "processed": _("processed"),
    "ignored": _("ignored"),
    "announced": _("told"),
    "superseded": _("superseded"),
    "resolved": _("resolved"),
    "running": _("running"),
    "stopped": _("stopped"),
    "in_transit": _("on its way"),
    "orders": _("orders"),
    "payouts": _("payouts"),
    "hosted_page": _("hosted page"),
    "embedded_page": _("embedded page"),
    "elements": _("own page"),
    "payment": _("payment"),
    "subscription": _("subscription"),
    "setup": _("setup"),
    "duplicate": _("duplicate"),
    "fraudulent": _("fraudulent"),
    "requested_by_customer": _("requested by customer"),
    "expired_uncaptured_charge": _("expired uncaptured charge"),
    # Subscriptions.
    "active": _("active"),
    "trialing": _("trialing"),
    "past_due": _("past due"),
    "incomplete": _("incomplete"),
    "incomplete_expired": _("incomplete expired"),
    "paused": _("paused"),
    # Disputes, and why: https://docs.stripe.com/api/disputes/object
    "warning_needs_response": _("warning needs response"),
    "warning_under_review": _("warning under review"),
    "warning_closed": _("warning closed"),
    "bank_cannot_process": _("bank cannot process"),
    "check_returned": _("check returned"),
    "credit_not_processed": _("credit not processed"),
    "customer_initiated": _("customer initiated"),
    "debit_not_authorized": _("debit not authorized"),
    "general": _("general"),
    "incorrect_account_details": _("incorrect account details"),
    "insufficient_funds": _("insufficient funds"),
    "noncompliant": _("noncompliant"),
    "product_not_received": _("product not received"),
    "product_unacceptable": _("product unacceptable"),
    "subscription_canceled": _("subscription canceled"),
    "unrecognized": _("unrecognized"),
    # Events that are ignored.
    "unhandled_type": _("unhandled type"),
    "livemode_mismatch": _("livemode mismatch"),
    # What a line of the timeline is about.
    "order": _("order"),
    "session": _("session"),
    "webhook": _("webhook"),
    "refund": _("refund"),
    "dispute": _("dispute"),
    "signal": _("signal"),
    "attention": _("attention"),
    "difference": _("difference"),
    "admin": _("admin"),
    # What reconciliation compares, and what it looked at.
    "status": _("status"),
    "payment_status": _("payment status"),
    "amount": _("amount"),
    "currency": _("currency"),
    "total": _("total"),
    "captured": _("captured"),
    "withdrawn": _("withdrawn"),
    "lines": _("lines"),
    "kept": _("kept"),
    "payout": _("payout"),
    "payment_intent": _("payment intent"),
    "order_id": _("order id"),
    "since": _("since"),
    "period_ends": _("period ends"),
    "cancels_at_period_end": _("cancels at period end"),
    "problem": _("problem"),
    "sessions": _("sessions"),
    "refunds": _("refunds"),
    "disputes": _("disputes"),
    "subscriptions": _("subscriptions"),
    "balance_transactions": _("balance transactions"),
}
_TONES = {
    "good": {
        "active",
        "trialing",
        "paid",
        "complete",
        "succeeded",
        "won",
        "prevented",
        "processed",
        "announced",
        "resolved",
    }
    | {"no_payment_required"},
    "wait": {"pending", "authorized", "creating", "open", "requires_action", "under_review", "warning_under_review"}
    | {"received", "processing", "partially_refunded", "running", "in_transit"},
    "bad": {"failed", "refused", "needs_response", "warning_needs_response", "lost"}
    | {"past_due", "incomplete", "stopped"},
}
_TONE_OF = {status: tone for tone, statuses in _TONES.items() for status in statuses}

#: Reason -> what it is called, and what it means to the merchant.
ATTENTION: dict[str, tuple[Text, Text]] = {
    Attention.AMOUNT_MISMATCH: (
        _("Amount differs"),
        _("The amount paid is not the amount of this order. The shop has not been told that it is paid."),
    ),
    Attention.CURRENCY_MISMATCH: (
        _("Currency differs"),
        _("The order was paid in another currency. The shop has not been told that it is paid."),
    ),
    Attention.DOUBLE_PAYMENT: (
        _("Paid twice"),
        _("The customer paid more than once. One payment is kept; the other can be given back below."),
    ),
    Attention.PAID_AFTER_CANCEL: (
        _("Paid after cancellation"),
        _("Money arrived after the order was canceled. Refund it, or accept it to tell the shop."),
    ),
    Attention.REFUND_FAILED: (
        _("Refund failed"),
        _("A refund did not reach the customer; the money is yours again. Find another way to return it."),
    ),
    Attention.OVER_REFUNDED: (_("Refunded too much"), _("More was refunded than was paid.")),
    Attention.DISPUTED: (
        _("Disputed"),
        _("The customer objects to the charge at their bank. Answer in Stripe's dashboard before it is due."),
    ),
    Attention.FRAUD_WARNING: (
        _("Fraud warning"),
        _("The card's issuer suspects fraud. Refunding now may spare a dispute."),
    ),
    Attention.REVIEW: (
        _("In review"),
        _("Stripe Radar holds this payment for review. Approve it or refund it in Stripe's dashboard."),
    ),
}


def label(status: str) -> str:
    """Return what a status is called; one that this version does not know is called as Stripe calls it."""
    known = _LABELS.get(status)
    return str(known) if known is not None else status.replace("_", " ")


def detail(text: str, currency: str) -> str:
    """Return what the ledger noted beside a reason, its minor units as a merchant reads them: "€20.00 for €25.00"."""
    if found := _ONE_AMOUNT.fullmatch(text):
        return amount(int(found["minor"]), found["currency"])
    if found := _TWO_AMOUNTS.fullmatch(text):
        said = gettext("%(paid)s for %(asked)s") if found["word"] == "for" else gettext("%(paid)s of %(asked)s")
        return said % {name: amount(int(found[name]), currency) for name in ("paid", "asked")}
    return text


def tone(status: str) -> str:
    """Return how a status is colored: ``good``, ``wait``, ``bad`` or ``quiet``."""
    return _TONE_OF.get(status, "quiet")


def payment_status(session: CheckoutSession) -> str:
    """Return the status of a session's payment: Stripe calls money that is reserved or on its way unpaid."""
    if session.status != SessionStatus.COMPLETE or session.payment_status != PaymentStatus.UNPAID:
        return session.payment_status
    if session.has_async_failed:
        return "failed"
    return "authorized" if session.is_manual_capture else "pending"


def badge(status: str, text: object = None, *, of: str = "") -> SafeString:
    """Return a status as a badge; ``of`` is a tone other than the status's own."""
    return format_html(
        '<span class="checkout-badge checkout-badge-{}">{}</span>',
        of or tone(status),
        label(status) if text is None else text,
    )


def mode_badge(livemode: bool | None) -> SafeString:
    """Return whether real money moves."""
    if livemode is None:
        return NOTHING
    if livemode:
        return badge("", pgettext("Stripe's mode", "live"), of="live")
    return badge("", pgettext("Stripe's mode", "test"), of="quiet")


def attention_label(code: str) -> str:
    """Return what a reason for attention is called."""
    known = ATTENTION.get(code)
    return str(known[0]) if known else code.replace("_", " ").capitalize()


def amount(minor: int | None, currency: str) -> str:
    """Return an amount as plain text in the active language; a dash where there is none."""
    if minor is None:
        return DASH
    try:
        return money.format_minor(minor, money.get_currency(currency))
    except MoneyError:
        # A payment of which only a refund is known yet has no currency.
        return f"{minor} {currency}".strip() if minor else DASH


def amount_cell(minor: int | None, currency: str, below: str = "") -> SafeString:
    """Return an amount for a column of amounts, with what belongs to it ``below``."""
    said: object = amount(minor, currency)
    return format_html('<span class="checkout-amount">{}</span>', lines(said, below) if below else said)


def sum_cell(minor: int, currency: str) -> SafeString:
    """Return what a column of amounts comes to."""
    return format_html('<span class="checkout-amount">{}</span>', strong(amount(minor, currency)))


def number(count: int) -> str:
    """Return a number as people read it."""
    return number_format(count, use_l10n=True, force_grouping=True)


def number_cell(count: int) -> SafeString:
    """Return a number for a column of numbers."""
    return format_html('<span class="checkout-amount">{}</span>', number(count))


def instant(at: datetime | None, *, seconds: bool = False) -> str:
    """Return an instant in the current time zone, as text that sorts."""
    if at is None:
        return DASH
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def day(at: datetime) -> str:
    """Return the day of an instant in the current time zone, as text that sorts."""
    return timezone.localtime(at).date().isoformat()


def day_cell(at: datetime) -> SafeString:
    """Return the day of an instant, for where its time says little."""
    return format_html('<time class="checkout-time" datetime="{}">{}</time>', at.isoformat(), day(at))


def instant_cell(at: datetime | None) -> SafeString:
    """Return an instant for a column."""
    if at is None:
        return NOTHING
    return format_html('<time class="checkout-time" datetime="{}">{}</time>', at.isoformat(), instant(at))


def code(text: str) -> SafeString:
    """Return an id."""
    return format_html('<code class="checkout-id">{}</code>', text) if text else NOTHING


def short_id(stripe_id: str) -> SafeString:
    """Return an id for a narrow column: its kind, beginning and end, the whole of it as a title."""
    if len(stripe_id) <= _SHORT_ID:
        return code(stripe_id)
    shown = f"{stripe_id[: _SHORT_ID - 6]}\N{HORIZONTAL ELLIPSIS}{stripe_id[-5:]}"
    return format_html('<code class="checkout-id checkout-id-short" title="{}">{}</code>', stripe_id, shown)


def external_link(url: str, text: object) -> SafeString:
    """Return a link to Stripe's dashboard, which opens beside the admin."""
    return format_html(
        '<a class="checkout-id checkout-external" href="{}" title="{}" target="_blank" rel="noopener noreferrer">'
        "{}</a>",
        url,
        gettext("Open in Stripe's dashboard"),
        text,
    )


def join(parts: Iterable[object]) -> SafeString:
    """Return several badges or links one after the other."""
    return format_html_join(" ", "{}", ((part,) for part in parts))


def strong(cell: object) -> SafeString:
    """Return what a sum comes to."""
    return format_html("<strong>{}</strong>", cell)


def lines(first: object, second: object) -> SafeString:
    """Return two things for one cell, the second, if any, quietly below the first."""
    if not second:
        return format_html("{}", first)
    return format_html('{}<span class="checkout-quiet checkout-below">{}</span>', first, second)


def pretty_json(value: Any) -> SafeString:
    """Return JSON to read."""
    if not value:
        return NOTHING
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return format_html('<pre class="checkout-json" tabindex="0">{}</pre>', text)
