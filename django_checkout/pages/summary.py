"""What was bought, for what amount, with which method and sent where, as the return page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from django_checkout.models import CheckoutSession, Order, OrderLine, Payment
from django_checkout.money import country_name, format_minor
from django_checkout.params.terms import get_terms
from django_checkout.states import SessionStatus, describe_method


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One row of the amounts; ``is_total`` marks the rows that are sums."""

    label: str
    text: str
    is_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What else is known, for example the payment method; the lines of an address are shown below each other."""

    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The summary of an order, in the active language."""

    lines: tuple[OrderLine, ...]
    amounts: tuple[Amount, ...]
    details: tuple[Detail, ...]


def get_summary(order: Order, session: CheckoutSession | None) -> Summary:
    """Return the summary of an order; without a kept payment, the amounts of a complete session."""
    kept, lines = order.kept_payment, tuple(order.lines.all())
    if kept is not None and (session is None or session.payment_id != kept.pk):
        session = kept.sessions.first()
    is_complete = session is not None and session.status == SessionStatus.COMPLETE
    complete = session if is_complete else None
    return Summary(
        lines=lines,
        amounts=() if order.mode == "setup" else tuple(_amounts(order, complete)),
        details=tuple(_details(order, complete, kept, lines)),
    )


def _amounts(order: Order, session: CheckoutSession | None) -> Iterator[Amount]:
    def row(label: str, minor: int, *, is_total: bool = False) -> Amount:
        return Amount(label=label, text=format_minor(minor, order.currency), is_total=is_total)

    total = None if session is None else session.amount_total_minor
    if session is None or total is None:
        yield row(_("Subtotal"), order.subtotal_minor, is_total=True)
        return
    subtotal = order.subtotal_minor if session.amount_subtotal_minor is None else session.amount_subtotal_minor
    discount, shipping = session.amount_discount_minor or 0, session.amount_shipping_minor or 0
    tax = session.amount_tax_minor or 0
    if discount or shipping or tax:
        yield row(_("Subtotal"), subtotal)
    if discount:
        yield row(_("Discount"), -discount)
    if shipping:
        yield row(_("Shipping"), shipping)
    if tax:
        is_included = total == subtotal - discount + shipping
        yield row(_("Tax, included above") if is_included else _("Tax"), tax)
    is_first_payment = order.mode == "subscription" and order.kept_payment_id is not None
    yield row(_("Paid") if is_first_payment else _("Total"), total, is_total=True)
    if session.is_manual_capture and order.paid_minor and order.paid_minor != total:
        yield row(_("Charged"), order.paid_minor, is_total=True)
    if session.presentment_currency and session.presentment_currency != order.currency:
        text = format_minor(session.presentment_amount_minor or 0, session.presentment_currency)
        yield Amount(label=_("Paid in your currency"), text=text)
    if order.refunded_minor:
        yield row(_("Refunded"), -order.refunded_minor)
        yield row(_("Total after the refund"), order.paid_minor - order.refunded_minor, is_total=True)


def _details(
    order: Order, session: CheckoutSession | None, payment: Payment | None, lines: tuple[OrderLine, ...]
) -> Iterator[Detail]:
    if payment is None and session is not None:
        payment = session.payment
    if method := describe_method(payment.method if payment is not None else None):
        yield Detail(label=_("Payment method"), lines=(method,))
    # Null until a receipt has been sent: https://docs.stripe.com/api/charges/object#charge_object-receipt_number.
    number = (payment.method or {}).get("receipt_number") if payment is not None else ""
    if number:
        yield Detail(label=_("Receipt"), lines=(_("No. %(number)s, sent by e-mail") % {"number": number},))
    if order.mode == "subscription" and (terms := get_terms(order, lines)).text:
        yield Detail(label=_("Subscription"), lines=(terms.text,))
    if session is None or order.erased_at is not None:
        return
    customer = session.customer_details or order.customer_details
    shipping = customer.get("shipping") or {}
    if name := _shipping_option(session):
        yield Detail(label=_("Delivery"), lines=(name,))
    if address := (str(shipping.get("name") or ""), *_address(shipping.get("address"))):
        yield from _filled(_("Ship to"), address)
    yield from _filled(_("E-mail"), (str(customer.get("email") or order.email),))


def _filled(label: str, lines: tuple[str, ...]) -> Iterator[Detail]:
    if filled := tuple(line for line in lines if line):
        yield Detail(label=label, lines=filled)


def _shipping_option(session: CheckoutSession) -> str:
    """Return the name of the shipping option that was chosen, if the amount says which; Stripe's session does not."""
    rates = [option.get("shipping_rate_data") or {} for option in session.request.get("shipping_options") or []]
    names = [
        str(rate.get("display_name") or "")
        for rate in rates
        if (rate.get("fixed_amount") or {}).get("amount") == session.amount_shipping_minor
    ]
    return names[0] if len(names) == 1 else ""


def _address(address: Any) -> tuple[str, ...]:
    if not isinstance(address, Mapping):
        return ()
    city = " ".join(str(address[key]) for key in ("postal_code", "city", "state") if address.get(key))
    country = country_name(str(address.get("country") or ""))
    lines = (address.get("line1"), address.get("line2"), city, country)
    return tuple(str(line) for line in lines if line)
