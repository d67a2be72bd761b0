"""The order page: an order's rows, put as a merchant reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_checkout.admin import display, stripe_links, timeline
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.rows import MAXIMUM_EVENTS, OrderRows
from django_checkout.admin.tables import OrderTables
from django_checkout.models import AttentionItem, Order
from django_checkout.states import WITHHOLDING, Attention
from django_checkout.terms import get_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """One row of the amounts: what, how much, and whether it adds up from those above."""

    label: str
    amount: str
    kind: str = "part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why the order needs attention."""

    label: str
    explanation: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A happening with where it leads."""

    happening: timeline.Happening
    url: str
    stripe_url: str
    request_url: str


def build(rows: OrderRows, admin: FactsAdmin[Order]) -> dict[str, Any]:
    """Return the page's context, with links as this admin site makes them."""
    order = rows.order
    tables = OrderTables(admin, rows)
    return {
        "rows": rows,
        "badges": list(_badges(rows)),
        "reasons": [_reason(item, order) for item in rows.open_attention],
        "sums": list(_sums(rows)),
        "terms": get_terms(order, rows.lines),
        "presentment": _presentment(rows),
        "customer": list(_customer(order.customer_details)),
        "money_tables": tables.money(),
        "attempt_tables": tables.attempts(),
        "timeline": [_entry(happening, order.livemode, admin.url_of) for happening in timeline.build(rows)],
        "has_older_events": len(rows.events) >= MAXIMUM_EVENTS,
    }


def _badges(rows: OrderRows) -> Iterator[SafeString]:
    order = rows.order
    yield display.badge(order.status)
    if order.disputed:
        yield display.badge("", _("disputed"), of="bad")
    if order.needs_attention:
        yield display.badge("", _("needs attention"), of="bad")
    if rows.pending:
        yield display.badge("", _("shop not notified yet"), of="bad")
    if order.livemode is not None:
        yield display.mode_badge(order.livemode)


def _reason(item: AttentionItem, order: Order) -> Reason:
    known = display.ATTENTION.get(item.code)
    explanation = str(known[1]) if known else ""
    if item.code == Attention.DISPUTED and not order.disputed:
        explanation = _("The dispute is over; there is nothing left to answer. Accept it to take it off this list.")
    if not known and item.code in WITHHOLDING:
        explanation = _("The shop has not been told that the order is paid.")
    detail = display.detail(item.detail, order.currency)
    return Reason(label=display.attention_label(item.code), explanation=explanation, detail=detail)


def _sums(rows: OrderRows) -> Iterator[Sum]:
    order = rows.order

    def sum_of(label: str, minor: int, kind: str = "part") -> Sum:
        return Sum(label=label, amount=display.amount(minor, order.currency), kind=kind)

    def sums_of(label: str, by_currency: Mapping[str, int], sign: int = 1) -> Iterator[Sum]:
        for currency in sorted(by_currency, key=lambda name: (name != order.currency, name)):
            yield Sum(label=label, amount=display.amount(sign * by_currency[currency], currency), kind="part")

    yield sum_of(_("Subtotal"), order.subtotal_minor)
    if order.discount_minor:
        yield sum_of(_("Discount"), -order.discount_minor)
    if order.shipping_minor:
        yield sum_of(_("Shipping"), order.shipping_minor)
    if order.tax_minor:
        yield sum_of(_tax_label(rows), order.tax_minor)
    if order.total_minor is not None:
        yield sum_of(_("Total"), order.total_minor, "total")
    if order.kept_payment_id is None:
        if rows.authorized_minor and order.status == "authorized":
            yield sum_of(_("Authorized, not captured"), rows.authorized_minor)
        return
    yield sum_of(_("Paid"), order.paid_minor, "total" if order.total_minor is None else "part")
    if order.refunded_minor:
        yield sum_of(_("Refunded"), -order.refunded_minor)
    yield from sums_of(_("Lost in a dispute"), rows.lost, -1)
    # What was lost in another currency leaves a remainder in none.
    if (order.refunded_minor or rows.lost) and rows.lost.keys() <= {order.currency}:
        yield sum_of(_("Kept"), order.paid_minor - order.refunded_minor - rows.lost[order.currency], "total")
    yield from sums_of(_("Paid once more, not given back"), rows.surplus)
    yield from sums_of(_("Lost in a dispute"), rows.surplus_lost, -1)


def _tax_label(rows: OrderRows) -> str:
    order = rows.order
    before_tax = order.subtotal_minor - (order.discount_minor or 0) + (order.shipping_minor or 0)
    if order.total_minor == before_tax:
        return _("Tax, included above")
    if order.total_minor == before_tax + (order.tax_minor or 0):
        return _("Tax")
    return _("Tax, partly included above")


def _presentment(rows: OrderRows) -> str:
    session = rows.kept_session
    if session is None or not session.presentment_currency or session.presentment_currency == rows.order.currency:
        return ""
    return display.amount(session.presentment_amount_minor, session.presentment_currency)


def _customer(details: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield what the customer typed at Stripe, by label, as lines."""
    shipping = details.get("shipping") or {}
    for label, value in ((_("Name"), details.get("name")), (_("Phone"), details.get("phone"))):
        if value:
            yield label, [str(value)]
    ship_to = [str(shipping.get("name") or ""), *_address(shipping.get("address"))]
    if any(ship_to):
        yield _("Ship to"), [line for line in ship_to if line]
    if billing := _address(details.get("billing_address")):
        yield _("Billing address"), billing


def _address(address: Any) -> list[str]:
    if not isinstance(address, Mapping):
        return []
    town = " ".join(str(address[key]) for key in ("postal_code", "city", "state") if address.get(key))
    lines = [address.get("line1"), address.get("line2"), town, address.get("country")]
    return [str(line) for line in lines if line]


def _entry(happening: timeline.Happening, livemode: bool | None, url_of: Callable[[models.Model], str]) -> Entry:
    return Entry(
        happening=happening,
        url=url_of(happening.row) if happening.row is not None else "",
        stripe_url=stripe_links.find_url(happening.stripe_id, livemode=livemode),
        request_url=stripe_links.find_url(happening.request_id, livemode=livemode),
    )
