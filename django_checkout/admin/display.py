"""Formats values for the admin: money, times, IDs, and badges whose text repeats what their color means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from django_checkout import money
from django_checkout.exceptions import MoneyError
from django_checkout.models import CheckoutSession, Order, Refund
from django_checkout.states import OrderStatus, PaymentStatus, SessionPayment, SessionStatus, Status, Tone

_SHORT_ID = 20

DASH = "\N{EN DASH}"
NOTHING: SafeString = format_html('<span class="checkout-nothing">{}</span>', DASH)


def session_payment(session: CheckoutSession) -> str:
    """Return the status of a session's payment, a value of ``SessionPayment``."""
    if session.status != SessionStatus.COMPLETE or session.payment_status != PaymentStatus.UNPAID:
        return session.payment_status
    if session.has_async_failed:
        return SessionPayment.FAILED
    return SessionPayment.AUTHORIZED if session.is_manual_capture else SessionPayment.PENDING


def badge(text: object, tone: str = Tone.QUIET) -> SafeString:
    """Return a badge."""
    return format_html('<span class="checkout-badge checkout-badge-{}">{}</span>', tone, text)


def status_badge(kind: type[Status], value: str) -> SafeString:
    """Return a status as a badge."""
    return badge(kind.label_of(value), kind.tone_of(value))


def order_badges(order: Order) -> Iterator[SafeString]:
    """Yield an order's status, and whether it is disputed and needs attention."""
    yield status_badge(OrderStatus, order.status)
    if order.disputed:
        yield badge(gettext("disputed"), Tone.BAD)
    if order.needs_attention:
        yield badge(gettext("needs attention"), Tone.BAD)


def mode_badge(livemode: bool | None) -> SafeString:
    """Return a badge that says ``live`` or ``test``."""
    if livemode is None:
        return NOTHING
    if livemode:
        return badge(pgettext("Stripe's mode", "live"), "live")
    return badge(pgettext("Stripe's mode", "test"))


def amount(minor: int | None, currency: str) -> str:
    """Return an amount as text in the active language, or a dash."""
    if minor is None:
        return DASH
    try:
        return money.format_minor(minor, money.get_currency(currency))
    except MoneyError:
        # A payment has no currency while only its refund is known.
        return f"{minor} {currency}".strip() if minor else DASH


def amount_cell(minor: int | None, currency: str, below: str = "") -> SafeString:
    """Return an amount for a column of amounts, with an optional text below it."""
    return format_html('<span class="checkout-amount">{}</span>', lines(amount(minor, currency), below))


def sum_cell(minor: int, currency: str) -> SafeString:
    """Return the total of a column of amounts."""
    return format_html('<span class="checkout-amount">{}</span>', strong(amount(minor, currency)))


def number(count: int) -> str:
    """Return a number with the separators of the active language."""
    return number_format(count, use_l10n=True, force_grouping=True)


def number_cell(count: int) -> SafeString:
    """Return a number for a column of numbers."""
    return format_html('<span class="checkout-amount">{}</span>', number(count))


def instant(at: datetime | None, *, seconds: bool = False) -> str:
    """Return a time in the current time zone, as text that sorts."""
    if at is None:
        return DASH
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def day(at: datetime) -> str:
    """Return the day of a time in the current time zone, as text that sorts."""
    return timezone.localtime(at).date().isoformat()


def day_cell(at: datetime) -> SafeString:
    """Return the day of a time for a column."""
    return format_html('<time class="checkout-time" datetime="{}">{}</time>', at.isoformat(), day(at))


def instant_cell(at: datetime | None) -> SafeString:
    """Return a time for a column."""
    if at is None:
        return NOTHING
    return format_html('<time class="checkout-time" datetime="{}">{}</time>', at.isoformat(), instant(at))


def code(text: str) -> SafeString:
    """Return an ID."""
    return format_html('<code class="checkout-id">{}</code>', text) if text else NOTHING


def short_id(stripe_id: str) -> SafeString:
    """Return an ID for a narrow column: its beginning and end, with the whole ID as title."""
    if len(stripe_id) <= _SHORT_ID:
        return code(stripe_id)
    shown = f"{stripe_id[: _SHORT_ID - 6]}\N{HORIZONTAL ELLIPSIS}{stripe_id[-5:]}"
    return format_html('<code class="checkout-id checkout-id-short" title="{}">{}</code>', stripe_id, shown)


def external_link(url: str, text: object) -> SafeString:
    """Return a link that opens Stripe's dashboard in a new tab."""
    return format_html(
        '<a class="checkout-id checkout-external" href="{}" title="{}" target="_blank" rel="noopener noreferrer">'
        "{}</a>",
        url,
        gettext("Open in Stripe's dashboard"),
        text,
    )


def credit_note(refund: Refund) -> str:
    """Return the id of a refund's credit note, or why there is none."""
    if refund.credit_note_id:
        return code(refund.credit_note_id)
    if refund.credit_note_due_at is not None:
        due = gettext("not issued yet")
        return f"{due} {refund.credit_note_error}".strip()
    return refund.credit_note_error or NOTHING


def join(parts: Iterable[object]) -> SafeString:
    """Return badges or links in a row."""
    return format_html_join(" ", "{}", ((part,) for part in parts))


def strong(cell: object) -> SafeString:
    """Return a cell in bold."""
    return format_html("<strong>{}</strong>", cell)


def lines(first: object, second: object) -> SafeString:
    """Return a cell of two lines, the second in a muted color, or of one line if the second is empty."""
    if not second:
        return format_html("{}", first)
    return format_html('{}<span class="checkout-quiet checkout-below">{}</span>', first, second)


def pretty_json(value: Any) -> SafeString:
    """Return JSON, indented."""
    if not value:
        return NOTHING
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return format_html('<pre class="checkout-json" tabindex="0">{}</pre>', text)
