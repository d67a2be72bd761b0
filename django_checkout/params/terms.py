"""The terms of an order, computed from its lines and options: what is charged now and later, and its text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from django_checkout.conf import conf
from django_checkout.models import Order
from django_checkout.money import format_minor, join_texts

DAY_SECONDS = 24 * 60 * 60
#: Placeholders for the amounts of an open session, which Stripe.js returns.
TODAY, NEXT = "{today}", "{next}"


class Line(Protocol):
    """The fields of an order's line that are read here."""

    unit_amount_minor: int
    quantity: int
    recurring_interval: str
    recurring_interval_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """An amount that is charged at each interval, before tax and discounts at Stripe."""

    amount_minor: int
    currency: str
    #: ``day``, ``week``, ``month`` or ``year``.
    interval: str
    interval_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of an order, before shipping, tax and discounts at Stripe."""

    mode: str
    currency: str
    #: The first payment; 0 if nothing is charged yet.
    today_minor: int
    #: The free days before the first recurring payment.
    trial_days: int
    #: The recurring amounts, one per interval; empty for a one-time payment.
    recurring: tuple[Recurrence, ...]
    #: Whether Stripe applies a coupon or promotion code, whose amount is not known here.
    is_discounted: bool = False

    @property
    def fingerprint(self) -> str:
        """A hash that a form sends back, so that the order is paid only on the terms that were shown."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @property
    def text(self) -> str:
        """The terms as text for the shopper, in the active language; "" for a one-time payment."""
        amounts = [format_minor(part.amount_minor, part.currency) for part in self.recurring]
        text = self._text(format_minor(self.today_minor, self.currency), amounts, shows_today=self._differs_today)
        is_lower = self.is_discounted and self.recurring
        return gettext("%(terms)s, before the discount") % {"terms": text} if is_lower else text

    @property
    def script_texts(self) -> tuple[str, str]:
        """The text without and with today's amount, with placeholders ``TODAY`` and ``NEXT``, or two empty texts."""
        if len(self.recurring) != 1:
            return "", ""
        return self._text(TODAY, [NEXT], shows_today=False), self._text(TODAY, [NEXT], shows_today=True)

    @property
    def button_label(self) -> str:
        """The label of the button that pays, in the active language."""
        if self.is_discounted and not self.free_label:
            return gettext("Pay now")
        return self.free_label or gettext("Pay %(amount)s") % {"amount": format_minor(self.today_minor, self.currency)}

    @property
    def free_label(self) -> str:
        """The label if nothing is charged now; "" if the order is paid now, even if its amount is zero."""
        if self.mode == "setup":
            return gettext("Save payment details")
        if not self.trial_days or self.today_minor:
            return ""
        # A trial that becomes a paid subscription needs a button that says so: CJEU C-565/22, points 47 to 50.
        return gettext("Start free trial, paid afterwards")

    @property
    def _differs_today(self) -> bool:
        regular = 0 if self.trial_days else sum(part.amount_minor for part in self.recurring)
        return self.today_minor != regular

    def _text(self, today: str, amounts: list[str], *, shows_today: bool) -> str:
        if self.mode == "setup":
            return gettext("Nothing is charged now. Your payment details are saved for later.")
        if not self.recurring:
            return ""
        parts = zip(amounts, self.recurring, strict=True)
        rates = [_rate(amount, part.interval, part.interval_count) for amount, part in parts]
        then = join_texts(rates)
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
    """Return the terms of some lines; the trial is read from Stripe's ``subscription_data``.

    ``discount_minor`` is a coupon that Stripe applies once, to the first payment.
    """
    once, rates = 0, dict[tuple[str, int], int]()
    for line in lines:
        amount = line.unit_amount_minor * line.quantity
        if mode == "subscription" and line.recurring_interval:
            interval = line.recurring_interval, line.recurring_interval_count
            rates[interval] = rates.get(interval, 0) + amount
        else:
            once += amount
    subscription_data = subscription_data or {}
    trial_days = int(subscription_data.get("trial_period_days") or 0)
    if trial_end := subscription_data.get("trial_end"):
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
    """Return the terms of an order, in one query unless its lines are passed."""
    defaults = conf.CHECKOUT_SESSION_DEFAULTS
    subscription_data = {**defaults.get("subscription_data", {}), **order.params.get("subscription_data", {})}
    # Both exclude the discounts of the defaults.
    is_exclusive = order.asked_discount_minor or "allow_promotion_codes" in order.params
    discounts = order.params.get("discounts") or (not is_exclusive and defaults.get("discounts"))
    return compute(
        order.lines.all() if lines is None else lines,
        mode=order.mode,
        currency=order.currency,
        discount_minor=order.asked_discount_minor,
        is_discounted=bool(discounts),
        subscription_data=subscription_data,
    )


def describe_line(line: Line, currency: str) -> str:
    """Return the price of a line as text, with the interval if it recurs."""
    amount = format_minor(line.unit_amount_minor * line.quantity, currency)
    return _rate(amount, line.recurring_interval, line.recurring_interval_count) if line.recurring_interval else amount


def _rate(amount: str, interval: str, count: int) -> str:
    texts = {
        "day": ngettext("%(amount)s every day", "%(amount)s every %(count)d days", count),
        "week": ngettext("%(amount)s every week", "%(amount)s every %(count)d weeks", count),
        "month": ngettext("%(amount)s every month", "%(amount)s every %(count)d months", count),
        "year": ngettext("%(amount)s every year", "%(amount)s every %(count)d years", count),
    }
    return texts[interval] % {"amount": amount, "count": count}
