"""The context of the order page, built from an order's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from django_checkout import services
from django_checkout.admin import display, order_timeline, stripe_links
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.order_rows import MAXIMUM_EVENTS, OrderRows
from django_checkout.admin.order_tables import OrderTables
from django_checkout.models import AttentionItem, Order
from django_checkout.params.terms import get_terms
from django_checkout.states import WITHHOLDING, Attention, OrderStatus, Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountRow:
    """One row of the amounts."""

    label: str
    amount: str
    #: ``part``, or ``total`` of the rows above.
    kind: str = "part"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionReason:
    """A reason why the order needs attention."""

    label: str
    explanation: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedEntry:
    """An entry of the timeline with its links, or "" if there is none."""

    entry: order_timeline.TimelineEntry
    url: str
    stripe_url: str
    request_url: str


def build(rows: OrderRows, admin: FactsAdmin[Order]) -> dict[str, Any]:
    """Return the context of the page; its links lead to pages of this admin site."""
    order = rows.order
    tables = OrderTables(admin, rows)
    return {
        "rows": rows,
        "badges": list(_badges(rows)),
        "reasons": [_attention_reason(item, order) for item in rows.open_attention],
        "sums": list(_amount_rows(rows)),
        "terms": get_terms(order, rows.lines),
        "presentment": _presentment(rows),
        "customer": [*_next_action(order), *_customer(order.customer_details)],
        "money_tables": tables.money(),
        "attempt_tables": tables.attempts(),
        "timeline": [_linked(entry, order.livemode, admin.url_of) for entry in order_timeline.build(rows)],
        "has_older_events": len(rows.events) >= MAXIMUM_EVENTS,
    }


def _badges(rows: OrderRows) -> Iterator[SafeString]:
    order = rows.order
    yield from display.order_badges(order)
    if rows.pending:
        yield display.badge(_("notification pending"), Tone.BAD)
    if order.livemode is not None:
        yield display.mode_badge(order.livemode)


def _attention_reason(item: AttentionItem, order: Order) -> AttentionReason:
    explanation = Attention.explanation_of(item.code)
    if item.code == Attention.DISPUTED and not order.disputed:
        explanation = _("The dispute is closed and needs no response. Accept it to remove it from this list.")
    if item.code in WITHHOLDING and order.status == OrderStatus.REFUNDED:
        explanation = _(
            "The payment was refunded. Accept it to remove it from this list: the shop is then notified of the payment "
            "and of its refund."
        )
    if not explanation and item.code in WITHHOLDING:
        explanation = _("The shop has not been notified of the payment.")
    return AttentionReason(label=Attention.label_of(item.code), explanation=explanation, detail=item.detail_text)


def _amount_rows(rows: OrderRows) -> Iterator[AmountRow]:
    order = rows.order

    def row(label: str, minor: int, kind: str = "part") -> AmountRow:
        return AmountRow(label=label, amount=display.amount(minor, order.currency), kind=kind)

    def rows_by_currency(label: str, amounts: Mapping[str, int], sign: int = 1) -> Iterator[AmountRow]:
        for currency in sorted(amounts, key=lambda name: (name != order.currency, name)):
            yield AmountRow(label=label, amount=display.amount(sign * amounts[currency], currency))

    yield row(_("Subtotal"), order.subtotal_minor)
    if order.discount_minor:
        yield row(_("Discount"), -order.discount_minor)
    if order.shipping_minor:
        yield row(_("Shipping"), order.shipping_minor)
    if order.tax_minor:
        yield row(_tax_label(rows), order.tax_minor)
    if order.total_minor is not None:
        yield row(_("Total"), order.total_minor, "total")
    if order.kept_payment_id is None:
        if rows.authorized_minor and order.status == "authorized":
            yield row(_("Authorized, not captured"), rows.authorized_minor)
        return
    yield row(_("Paid"), order.paid_minor, "total" if order.total_minor is None else "part")
    if order.refunded_minor:
        yield row(_("Refunded"), -order.refunded_minor)
    yield from rows_by_currency(_("Lost in disputes"), rows.lost, -1)
    # Amounts in different currencies have no difference.
    if (order.refunded_minor or rows.lost) and rows.lost.keys() <= {order.currency}:
        yield row(_("Remaining"), order.paid_minor - order.refunded_minor - rows.lost[order.currency], "total")
    yield from rows_by_currency(_("Surplus payments, not refunded"), rows.surplus)
    yield from rows_by_currency(_("Lost in disputes"), rows.surplus_lost, -1)


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


def _next_action(order: Order) -> Iterator[tuple[str, list[str]]]:
    """Yield the label and lines of what the shopper has to do to pay; the codes are for the shopper only."""
    if action := services.find_next_action(order):
        lines = [action.label, display.amount(action.amount_minor, action.currency)]
        if action.expires_at is not None:
            lines.append(_("until %s") % date_format(localtime(action.expires_at), "Y-m-d H:i"))
        yield _("Waits for the customer"), lines


def _customer(details: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the labels and lines of what the customer entered at Stripe."""
    shipping = details.get("shipping") or {}
    for label, value in ((_("Name"), details.get("name")), (_("Phone"), details.get("phone"))):
        if value:
            yield label, [str(value)]
    ship_to = [str(shipping.get("name") or ""), *_address(shipping.get("address"))]
    if any(ship_to):
        yield _("Ship to"), [line for line in ship_to if line]
    if billing := _address(details.get("billing_address")):
        yield _("Billing address"), billing
    consent = details.get("consent") or {}
    if consent.get("terms_of_service"):
        yield _("Terms and conditions"), [_("accepted")]
    if answer := consent.get("promotions"):
        yield _("News and offers"), [_("wanted") if answer == "opt_in" else _("not wanted")]


def _address(address: Any) -> list[str]:
    if not isinstance(address, Mapping):
        return []
    city = " ".join(str(address[key]) for key in ("postal_code", "city", "state") if address.get(key))
    lines = [address.get("line1"), address.get("line2"), city, address.get("country")]
    return [str(line) for line in lines if line]


def _linked(
    entry: order_timeline.TimelineEntry, livemode: bool | None, url_of: Callable[[models.Model], str]
) -> LinkedEntry:
    return LinkedEntry(
        entry=entry,
        url=url_of(entry.row) if entry.row is not None else "",
        stripe_url=stripe_links.find_url(entry.stripe_id, livemode=livemode),
        request_url=stripe_links.find_url(entry.request_id, livemode=livemode),
    )
