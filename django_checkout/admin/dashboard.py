"""The merchant's dashboard: the context of its pages, built from ``statistics.dashboard``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_checkout.admin import charts, display, statistics_cache
from django_checkout.conf import conf
from django_checkout.models import database
from django_checkout.operations import health, statistics
from django_checkout.operations.alerts import RUNBOOK, Alert, display_number
from django_checkout.states import Tone

#: The table of the days shows every currency; charts show the busiest.
MAXIMUM_CHARTS = 4
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A number of open tasks, with a link to them."""

    name: str
    label: str
    count: str
    detail: str
    url: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """What is wrong, what to do, the page that shows it, or "", and what the runbook says about it."""

    text: str
    hint: str
    url: str
    runbook_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """The sales of one currency in one period."""

    amount: str
    count: str
    refunded: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesChart:
    """The revenue of one currency by day, and the text alternative of the chart."""

    currency: str
    total: str
    highest: str
    highest_day: str
    chart: charts.BarChart


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelChart:
    """The conversion of payment pages in a period."""

    name: str
    title: str
    shares: tuple[charts.Share, ...]
    is_empty: bool


def build(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the dashboard's templates; the statistics are the only queries."""
    url = find_url(request, "order", "dashboard", permission="view_order")
    try:
        with database.contained():
            shown = statistics_cache.read()
    except ImproperlyConfigured as error:
        # Shown on the page, because a missing key means that setup is not finished.
        return {"checkout_dashboard_url": url, "problem": str(error)}
    except Error as error:
        alerts = health.Health(alerts=()).with_error(error).alerts
        return {"checkout_dashboard_url": url, "alerts": [_alert_line(request, alert) for alert in alerts]}
    return {
        "checkout_dashboard_url": url,
        "at": shown.at,
        "mode_badge": display.mode_badge(conf.livemode),
        "tiles": list(_tiles(request, shown)),
        "period_titles": [_period_title(period) for period in shown.periods],
        "sales": [(currency.upper(), _sales(shown, currency)) for currency in shown.currencies],
        "sales_charts": [_sales_chart(shown, currency) for currency in _busiest(shown)],
        "funnels": [_funnel(period) for period in shown.periods],
        "first_day": display_day(shown.days[0].first_day),
        "last_day": display_day(shown.days[-1].first_day),
        "days": list(_days(shown)),
        "currencies": [currency.upper() for currency in shown.currencies],
        "webhooks": shown.webhooks,
        "alerts": [_alert_line(request, alert) for alert in shown.webhooks.alerts],
        "webhook_facts": list(_webhook_facts(request, shown)),
    }


def find_url(request: HttpRequest, model: str, page: str, *, permission: str, query: str = "") -> str:
    """Return the URL of a page of this app in the admin; "" if there is none or the user may not view it."""
    if not request.user.has_perm(f"django_checkout.{permission}"):
        return ""
    try:
        found = reverse(f"admin:django_checkout_{model}_{page}", current_app=getattr(request, "current_app", None))
    except NoReverseMatch:
        return ""
    return f"{found}?{query}" if query else found


def display_day(day: date) -> str:
    """Return a day in the format of the active language."""
    return date_format(day, "MONTH_DAY_FORMAT")


def age(seconds: int | None) -> str:
    """Return a duration in words, rounded down to its largest unit."""
    if seconds is None:
        return _("never")
    if seconds < _MINUTE:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    if seconds < _HOUR:
        return ngettext("%(count)d minute", "%(count)d minutes", seconds // _MINUTE) % {"count": seconds // _MINUTE}
    if seconds < 2 * _DAY:
        return ngettext("%(count)d hour", "%(count)d hours", seconds // _HOUR) % {"count": seconds // _HOUR}
    return ngettext("%(count)d day", "%(count)d days", seconds // _DAY) % {"count": seconds // _DAY}


def _tiles(request: HttpRequest, shown: statistics.Dashboard) -> Iterator[Tile]:
    def tile(name: str, label: str, count: int, detail: str, model: str, query: str, *, is_bad: bool) -> Tile:
        tone = Tone.GOOD if not count else Tone.BAD if is_bad else Tone.WAIT
        url = find_url(request, model, "changelist", permission=f"view_{model}", query=query)
        return Tile(name=name, label=label, count=display_number(count), detail=detail, url=url, tone=tone)

    disputes = shown.disputes
    yield tile(
        "attention",
        _("Orders that need attention"),
        shown.attention,
        _("such as double payments, wrong amounts and failed refunds"),
        "attentionitem",
        "resolved=no",
        is_bad=True,
    )
    yield tile(
        "disputes",
        _("Disputes that need a response"),
        disputes.due,
        _dispute_detail(disputes),
        "dispute",
        "status=needs_response",
        is_bad=bool(disputes.pressing or disputes.overdue),
    )
    yield tile(
        "discrepancies",
        _("Differences from Stripe"),
        sum(shown.discrepancies.values()),
        _("found by reconciliation, for you to resolve"),
        "discrepancy",
        "state=open",
        is_bad=True,
    )
    yield tile(
        "failed",
        _("Failed events"),
        shown.webhooks.events_failed,
        _("retried automatically, or when you process them again"),
        "webhookevent",
        "state=failed",
        is_bad=True,
    )
    yield tile(
        "pending",
        _("Pending notifications"),
        shown.webhooks.notifications_pending,
        _("a receiver of the shop raised an error, or no receiver is connected"),
        "announcement",
        "state=pending",
        is_bad=shown.webhooks.announcements_pending > 0,
    )


def _dispute_detail(disputes: statistics.DisputesDue) -> str:
    parts = []
    if disputes.overdue:
        parts.append(_("%(count)d overdue") % {"count": disputes.overdue})
    if disputes.pressing:
        within = {"count": disputes.pressing, "days": statistics.PRESSING_DAYS}
        parts.append(_("%(count)d due within %(days)d days") % within)
    elif disputes.next_due_at:
        parts.append(_("next due %(at)s") % {"at": display.instant(disputes.next_due_at)})
    if under_review := disputes.open - disputes.due:
        parts.append(_("%(count)d under review") % {"count": under_review})
    return ", ".join(parts) or _("no open disputes")


def _period_title(period: statistics.Period) -> str:
    return _("Today") if period.days == 1 else _("%(count)d days") % {"count": period.days}


def _sales(shown: statistics.Dashboard, currency: str) -> list[tuple[str, Sales]]:
    return [(_period_title(period), _sales_in(period, currency)) for period in shown.periods]


def _sales_in(period: statistics.Period, currency: str) -> Sales:
    revenue, refunds = _find_total(period.revenue, currency), _find_total(period.refunds, currency)
    refunded = _("%(amount)s refunded") % {"amount": display.amount(refunds.amount_minor, currency)}
    return Sales(
        amount=display.amount(revenue.amount_minor, currency),
        count=ngettext("%(count)s order", "%(count)s orders", revenue.count) % {"count": display.number(revenue.count)},
        refunded=refunded if refunds.count else "",
    )


def _find_total(totals: Iterable[statistics.Total], currency: str) -> statistics.Total:
    none = statistics.Total(currency=currency, amount_minor=0, count=0)
    return next((total for total in totals if total.currency == currency), none)


def _busiest(shown: statistics.Dashboard) -> list[str]:
    """Return the currencies with the most orders in the longest period, the busiest first."""
    totals = sorted(shown.periods[-1].revenue, key=lambda total: -total.count)
    return [total.currency for total in totals[:MAXIMUM_CHARTS]]


def _sales_chart(shown: statistics.Dashboard, currency: str) -> SalesChart:
    values = [_find_total(day.revenue, currency).amount_minor for day in shown.days]
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


def _funnel(period: statistics.Period) -> FunnelChart:
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


def _days(shown: statistics.Dashboard) -> Iterator[tuple[str, list[str], statistics.Funnel]]:
    """Yield each day, newest first, with its revenue per currency and its funnel."""
    for day in reversed(shown.days):
        totals = [_find_total(day.revenue, currency) for currency in shown.currencies]
        revenue = [display.amount(total.amount_minor, total.currency) for total in totals]
        yield display_day(day.first_day), revenue, day.funnel


def _alert_line(request: HttpRequest, alert: Alert) -> AlertLine:
    model, query = alert.rule.page or ("", "")
    url = find_url(request, model, "changelist", permission=f"view_{model}", query=query) if model else ""
    return AlertLine(text=alert.text, hint=alert.hint, url=url, runbook_url=f"{RUNBOOK}#{alert.reason}")


def _webhook_facts(request: HttpRequest, shown: statistics.Dashboard) -> Iterator[tuple[str, str]]:
    webhooks = shown.webhooks
    last = webhooks.last_event_seconds
    yield _("Last event"), age(last) if last is None else _("%(age)s ago") % {"age": age(last)}
    yield _("Received today"), display.number(webhooks.received_today)
    yield _("Waiting to be processed"), display_number(webhooks.events_waiting)
    if webhooks.oldest_waiting_seconds is not None:
        yield _("Oldest has waited for"), age(webhooks.oldest_waiting_seconds)
    yield _("As of"), timezone.localtime(shown.at).strftime("%H:%M:%S")
