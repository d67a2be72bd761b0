"""The merchant's dashboard: the figures of ``figures.dashboard``, put in words and charts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_checkout import figures
from django_checkout.admin import charts, display
from django_checkout.conf import conf
from django_checkout.health import Reason

#: More charts than these say less; the table of the days has every currency.
MAXIMUM_CHARTS = 4
#: A month of a large shop takes the database some tenths of a second to add up.
FRESH_SECONDS = 30
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something that may wait for a person: how many, what, and where to see them."""

    name: str
    label: str
    count: int
    detail: str
    url: str
    #: ``bad``, ``wait`` or ``good``.
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """One currency in one period."""

    amount: str
    count: str
    refunded: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesChart:
    """The revenue of one currency, day by day, and what its drawing says in words."""

    currency: str
    total: str
    highest: str
    highest_day: str
    chart: charts.BarChart


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelChart:
    """What became of those who opened the payment page in a period."""

    name: str
    title: str
    shares: tuple[charts.Share, ...]
    is_empty: bool


def read_figures() -> figures.Dashboard:
    """Return the figures, read from the rows at most every ``FRESH_SECONDS`` seconds while nothing is decided here."""
    known: figures.Dashboard | None = cache.get(_cache_key())
    if known is None:
        known = figures.dashboard()
        cache.set(_cache_key(), known, FRESH_SECONDS)
    return known


def forget_figures() -> None:
    """Read the figures anew the next time, because something has just been decided."""
    try:
        cache.delete(_cache_key())
    except ImproperlyConfigured:
        # Without a key there are no figures of its mode.
        return


def _cache_key() -> str:
    # Days begin at midnight of the current time zone.
    zone = timezone.get_current_timezone_name().encode().hex()
    return f"django_checkout:dashboard:1:{'live' if conf.livemode else 'test'}:{zone}"


def build(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the dashboard's templates, in at most as many queries as its figures take."""
    url = find_url(request, "order", "dashboard", permission="view_order")
    try:
        shown = read_figures()
    except ImproperlyConfigured as error:
        # The page says so: it is where somebody looks who has not finished setting up.
        return {"checkout_dashboard_url": url, "problem": str(error)}
    return {
        "checkout_dashboard_url": url,
        "at": shown.at,
        "mode_badge": display.mode_badge(conf.livemode),
        "waiting": list(_waiting(request, shown)),
        "period_titles": [_period_title(period) for period in shown.periods],
        "sales": [(currency.upper(), _sold(shown, currency)) for currency in shown.currencies],
        "sales_charts": [_sales_chart(shown, currency) for currency in _busiest(shown)],
        "funnels": [_funnel(period) for period in shown.periods],
        "first_day": display_day(shown.days[0].first_day),
        "last_day": display_day(shown.days[-1].first_day),
        "days": list(_days(shown)),
        "currencies": [currency.upper() for currency in shown.currencies],
        "webhooks": shown.webhooks,
        "webhook_facts": list(_webhook_facts(request, shown)),
    }


def find_url(request: HttpRequest, model: str, page: str, *, permission: str, query: str = "") -> str:
    """Return the address of a page of this app in the admin, or "" where there is none or the user may not see it."""
    if not request.user.has_perm(f"django_checkout.{permission}"):
        return ""
    try:
        found = reverse(f"admin:django_checkout_{model}_{page}", current_app=getattr(request, "current_app", None))
    except NoReverseMatch:
        return ""
    return f"{found}?{query}" if query else found


def display_day(day: date) -> str:
    """Return a day as people write it."""
    return date_format(day, "MONTH_DAY_FORMAT")


def age(seconds: int | None) -> str:
    """Return how long ago something was, roughly."""
    if seconds is None:
        return _("never")
    if seconds < _MINUTE:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    if seconds < _HOUR:
        return ngettext("%(count)d minute", "%(count)d minutes", seconds // _MINUTE) % {"count": seconds // _MINUTE}
    if seconds < 2 * _DAY:
        return ngettext("%(count)d hour", "%(count)d hours", seconds // _HOUR) % {"count": seconds // _HOUR}
    return ngettext("%(count)d day", "%(count)d days", seconds // _DAY) % {"count": seconds // _DAY}


def _waiting(request: HttpRequest, shown: figures.Dashboard) -> Iterator[Waiting]:
    def waiting(name: str, label: str, count: int, detail: str, model: str, query: str, *, is_bad: bool) -> Waiting:
        tone = "good" if not count else "bad" if is_bad else "wait"
        url = find_url(request, model, "changelist", permission=f"view_{model}", query=query)
        return Waiting(name=name, label=label, count=count, detail=detail, url=url, tone=tone)

    disputes = shown.disputes
    yield waiting(
        "attention",
        _("Orders to look at"),
        shown.attention,
        _("paid twice, another amount, a failed refund"),
        "attentionitem",
        "resolved=no",
        is_bad=True,
    )
    yield waiting(
        "disputes",
        _("Disputes to answer"),
        disputes.due,
        _dispute_detail(disputes),
        "dispute",
        "status=needs_response",
        is_bad=bool(disputes.pressing or disputes.overdue),
    )
    yield waiting(
        "discrepancies",
        _("Differences from Stripe"),
        sum(shown.discrepancies.values()),
        _("found by reconciliation, for a person to decide"),
        "discrepancy",
        "state=open",
        is_bad=True,
    )
    yield waiting(
        "failed",
        _("Events that failed"),
        shown.webhooks.events_failed,
        _("tried again by themselves, or by the button"),
        "webhookevent",
        "state=failed",
        is_bad=True,
    )
    yield waiting(
        "pending",
        _("Notifications that are not delivered"),
        shown.webhooks.announcements_pending,
        _("a receiver of the shop raised an error, or none is connected"),
        "announcement",
        "state=pending",
        is_bad=True,
    )


def _dispute_detail(disputes: figures.DisputesDue) -> str:
    said = []
    if disputes.overdue:
        said.append(_("%(count)d overdue") % {"count": disputes.overdue})
    if disputes.pressing:
        within = {"count": disputes.pressing, "days": figures.PRESSING_DAYS}
        said.append(_("%(count)d due within %(days)d days") % within)
    elif disputes.next_due_at:
        said.append(_("next due %(at)s") % {"at": display.instant(disputes.next_due_at)})
    decided = disputes.open - disputes.due
    if decided:
        said.append(_("%(count)d at the bank") % {"count": decided})
    return ", ".join(said) or _("none is open")


def _period_title(period: figures.Period) -> str:
    return _("Today") if period.days == 1 else _("%(count)d days") % {"count": period.days}


def _sold(shown: figures.Dashboard, currency: str) -> list[tuple[str, Sold]]:
    return [(_period_title(period), _sold_in(period, currency)) for period in shown.periods]


def _sold_in(period: figures.Period, currency: str) -> Sold:
    revenue = next((total for total in period.revenue if total.currency == currency), None)
    refunds = next((total for total in period.refunds if total.currency == currency), None)
    orders = revenue.count if revenue else 0
    refunded = ""
    if refunds:
        refunded = _("%(amount)s refunded") % {"amount": display.amount(refunds.amount_minor, currency)}
    return Sold(
        amount=display.amount(revenue.amount_minor if revenue else 0, currency),
        count=ngettext("%(count)s order", "%(count)s orders", orders) % {"count": display.number(orders)},
        refunded=refunded,
    )


def _busiest(shown: figures.Dashboard) -> list[str]:
    """Return the currencies with most orders in the longest period, the busiest first."""
    totals = sorted(shown.periods[-1].revenue, key=lambda total: -total.count)
    return [total.currency for total in totals[:MAXIMUM_CHARTS]]


def _revenue_of(day: figures.Period, currency: str) -> int:
    return next((total.amount_minor for total in day.revenue if total.currency == currency), 0)


def _sales_chart(shown: figures.Dashboard, currency: str) -> SalesChart:
    values = [_revenue_of(day, currency) for day in shown.days]
    titles = [
        f"{display_day(day.first_day)}: {display.amount(value, currency)}"
        for day, value in zip(shown.days, values, strict=True)
    ]
    highest = max(values)
    return SalesChart(
        currency=currency.upper(),
        total=display.amount(sum(values), currency),
        highest=display.amount(highest, currency),
        highest_day=display_day(shown.days[values.index(highest)].first_day),
        chart=charts.bar_chart(values, titles),
    )


def _funnel(period: figures.Period) -> FunnelChart:
    funnel = period.funnel
    lines = (
        ("opened", _("Opened"), funnel.opened),
        ("completed", _("Completed"), funnel.completed),
        ("paid", _("Paid"), funnel.paid),
        ("expired", _("Expired"), funnel.expired),
        ("failed", _("Failed"), funnel.failed),
    )
    return FunnelChart(
        name=f"days-{period.days}",
        title=_period_title(period),
        shares=tuple(charts.share(name, label, number, funnel.opened) for name, label, number in lines),
        is_empty=not any(number for _name, _label, number in lines),
    )


def _days(shown: figures.Dashboard) -> Iterator[tuple[str, list[str], figures.Funnel]]:
    """Yield every day, newest first, with its revenue per currency and its funnel."""
    for day in reversed(shown.days):
        revenue = [display.amount(_revenue_of(day, currency), currency) for currency in shown.currencies]
        yield display_day(day.first_day), revenue, day.funnel


_REASONS = {
    Reason.FAILED: gettext_lazy("events failed"),
    Reason.STUCK: gettext_lazy("events wait for too long"),
    Reason.PENDING: gettext_lazy("a receiver of the shop raised an error, or none is connected"),
    Reason.SILENT: gettext_lazy("a session was completed, and no event has arrived since"),
}


def _webhook_facts(request: HttpRequest, shown: figures.Dashboard) -> Iterator[tuple[str, str]]:
    webhooks = shown.webhooks
    for reason in webhooks.reasons:
        yield _("Problem"), str(_REASONS[reason])
    last = webhooks.last_event_seconds
    yield _("Last event"), age(last) if last is None else _("%(age)s ago") % {"age": age(last)}
    yield _("Received today"), display.number(webhooks.received_today)
    yield _("Waiting to be processed"), display.number(webhooks.events_waiting)
    if webhooks.oldest_waiting_seconds is not None:
        yield _("The oldest waits for"), age(webhooks.oldest_waiting_seconds)
    yield _("Read at"), timezone.localtime(shown.at).strftime("%H:%M:%S")
