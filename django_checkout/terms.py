"""What an order charges now and later: a pure function of its lines and options, and the sentence that says so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext

from django_checkout.conf import conf
from django_checkout.models import Order
from django_checkout.money import format_minor

DAY_SECONDS = 24 * 60 * 60
#: Where Stripe.js puts the amounts of an open session.
TODAY, NEXT = "{today}", "{next}"


class Line(Protocol):
    """What is read of a line of an order."""

    unit_amount_minor: int
    quantity: int
    recurring_interval: str
    recurring_interval_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """What is charged at each interval, before tax and codes that are typed at Stripe."""

    amount_minor: int
    currency: str
    #: ``day``, ``week``, ``month`` or ``year``.
    interval: str
    interval_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an order charges, before shipping, tax and codes that are typed at Stripe."""

    mode: str
    currency: str
    #: With the first payment; 0 where nothing is charged yet.
    today_minor: int
    #: Before the first recurring payment.
    trial_days: int
    #: One for each interval; empty for what is paid once.
    recurring: tuple[Recurrence, ...]
    #: Whether Stripe takes off a coupon or promotion code of the host's, whose amount is not known here.
    is_discounted: bool = False

    @property
    def fingerprint(self) -> str:
        """What a form sends back, so that nobody pays on other terms than were shown."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @property
    def text(self) -> str:
        """The terms as a shopper reads them beside the button, in the active language; "" for what is paid once."""
        amounts = [format_minor(part.amount_minor, part.currency) for part in self.recurring]
        text = self._text(format_minor(self.today_minor, self.currency), amounts, shows_today=self._differs_today)
        is_lower = self.is_discounted and self.recurring
        return gettext("%(terms)s, before the discount") % {"terms": text} if is_lower else text

    @property
    def script_texts(self) -> tuple[str, str]:
        """The text without and with today's amount, to be filled with ``TODAY`` and ``NEXT``; "" where neither fits."""
        if len(self.recurring) != 1:
            return "", ""
        return self._text(TODAY, [NEXT], shows_today=False), self._text(TODAY, [NEXT], shows_today=True)

    @property
    def button_label(self) -> str:
        """What the button that pays is called, in the active language."""
        if self.is_discounted and not self.free_label:
            return gettext("Pay now")
        return self.free_label or gettext("Pay %(amount)s") % {"amount": format_minor(self.today_minor, self.currency)}

    @property
    def free_label(self) -> str:
        """What it is called where nothing is charged now; "" for what is paid now, even if that comes to nothing."""
        if self.mode == "setup":
            return gettext("Save payment details")
        return gettext("Start free trial") if self.trial_days and not self.today_minor else ""

    @property
    def _differs_today(self) -> bool:
        regular = 0 if self.trial_days else sum(part.amount_minor for part in self.recurring)
        return self.today_minor != regular

    def _text(self, today: str, amounts: list[str], *, shows_today: bool) -> str:
        if self.mode == "setup":
            return gettext("Nothing is charged now. Your payment details are saved for later.")
        if not self.recurring:
            return ""
        rates = [_rate(amount, part) for amount, part in zip(amounts, self.recurring, strict=True)]
        then = get_text_list(rates, gettext("and"))
        words = {"today": today, "then": then, "count": self.trial_days}
        if not self.trial_days:
            return gettext("Today %(today)s, then %(then)s") % words if shows_today else then
        if shows_today:
            text = ngettext(
                "Today %(today)s, then %(then)s after %(count)d free day",
                "Today %(today)s, then %(then)s after %(count)d free days",
                self.trial_days,
            )
        else:
            text = ngettext("%(count)d day free, then %(then)s", "%(count)d days free, then %(then)s", self.trial_days)
        return text % words


def compute(
    lines: Iterable[Line],
    *,
    mode: str,
    currency: str,
    discount_minor: int = 0,
    is_discounted: bool = False,
    subscription_data: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Terms:
    """Return the terms of some lines; ``subscription_data`` is Stripe's parameter, of which a trial is read.

    A discount of the host's in minor units is a coupon that Stripe applies once, to the first payment.
    """
    once, rates = 0, dict[tuple[str, int], int]()
    for line in lines:
        amount = line.unit_amount_minor * line.quantity
        if mode == "subscription" and line.recurring_interval:
            interval = line.recurring_interval, line.recurring_interval_count
            rates[interval] = rates.get(interval, 0) + amount
        else:
            once += amount
    asked = subscription_data or {}
    trial_days = int(asked.get("trial_period_days") or 0)
    if trial_end := asked.get("trial_end"):
        trial_days = max(-int(((now or timezone.now()).timestamp() - trial_end) // DAY_SECONDS), 0)
    is_trial = bool(trial_days and rates)
    return Terms(
        mode=mode,
        currency=currency,
        today_minor=max(once + (0 if is_trial else sum(rates.values())) - discount_minor, 0),
        trial_days=trial_days if is_trial else 0,
        recurring=tuple(
            Recurrence(amount_minor=amount, currency=currency, interval=interval, interval_count=count)
            for (interval, count), amount in rates.items()
        ),
        is_discounted=is_discounted,
    )


def get_terms(order: Order, lines: Iterable[Line] | None = None) -> Terms:
    """Return the terms of an order as it was placed; one query, unless its lines are given."""
    asked = {**conf.CHECKOUT_SESSION_DEFAULTS.get("subscription_data", {}), **order.params.get("subscription_data", {})}
    # Either excludes the coupons of the defaults.
    is_exclusive = order.asked_discount_minor or "allow_promotion_codes" in order.params
    discounts = order.params.get("discounts") or (not is_exclusive and conf.CHECKOUT_SESSION_DEFAULTS.get("discounts"))
    return compute(
        order.lines.all() if lines is None else lines,
        mode=order.mode,
        currency=order.currency,
        discount_minor=order.asked_discount_minor,
        is_discounted=bool(discounts),
        subscription_data=asked,
    )


def describe_line(line: Line, currency: str) -> str:
    """Return the price of a line as text, with its interval where it recurs."""
    amount_minor = line.unit_amount_minor * line.quantity
    amount = format_minor(amount_minor, currency)
    if not line.recurring_interval:
        return amount
    interval, count = line.recurring_interval, line.recurring_interval_count
    return _rate(
        amount, Recurrence(amount_minor=amount_minor, currency=currency, interval=interval, interval_count=count)
    )


def _rate(amount: str, part: Recurrence) -> str:
    count = part.interval_count
    texts = {
        "day": ngettext("%(amount)s every day", "%(amount)s every %(count)d days", count),
        "week": ngettext("%(amount)s every week", "%(amount)s every %(count)d weeks", count),
        "month": ngettext("%(amount)s every month", "%(amount)s every %(count)d months", count),
        "year": ngettext("%(amount)s every year", "%(amount)s every %(count)d years", count),
    }
    return texts[part.interval] % {"amount": amount, "count": count}
