"""Validates the ``OrderData`` of a host and returns the columns of our order and its lines.

An optional value that Stripe would refuse is left out instead, such as an invalid email address or an unknown locale:
it must not prevent a sale.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models

from django_checkout import money
from django_checkout.adapters import get_adapter
from django_checkout.conf import conf
from django_checkout.exceptions import OrderDataError
from django_checkout.models import Order, OrderLine
from django_checkout.params import fields
from django_checkout.params.metadata import holds_email, usable_metadata
from django_checkout.params.options import MAXIMUM_DISCOUNT_NAME, TAX_BEHAVIORS, effective, for_ui_mode, option_params
from django_checkout.params.rules import MODES, check_placed
from django_checkout.params.spelling import find_locale
from django_checkout.services.inputs import MAXIMUM_QUANTITY
from django_checkout.values import LineData, OrderData

#: Stripe's limit in payment mode.
MAXIMUM_LINES = 100
#: Stripe's limit in subscription mode, for recurring lines and for one-time lines.
MAXIMUM_SUBSCRIPTION_LINES = 20
#: How many of each interval make three years, which is Stripe's maximum.
INTERVALS = {"day": 1095, "week": 156, "month": 36, "year": 3}
#: Stripe's limit, where our column has none.
MAXIMUM_DESCRIPTION = 40_000

Columns = dict[str, Any]


def read_content(content: OrderData, host_row: models.Model | None) -> tuple[Columns, list[Columns]]:
    """Return the columns of our order and of its lines.

    Raises:
        OrderDataError: a field is not valid; the message names it and its limit.
        ParameterError: Stripe does not allow an option in this mode, or in any UI mode of the site.
    """
    if not isinstance(content, OrderData):
        raise OrderDataError("describe() must return an OrderData.")
    reference = _reference(content.reference)
    currency = money.get_currency(content.currency)
    lines_data = fields.several(content.lines, "lines", maximum=MAXIMUM_LINES)
    lines = [_line(line, f"lines[{place}]", currency) for place, line in enumerate(lines_data)]
    mode = _mode(content, lines)
    params = option_params(content.options, mode=mode, currency=currency)
    check_placed(for_ui_mode(params, ""), mode=mode, ui_modes=conf.CHECKOUT_UI_MODES)
    discount = fields.amount(content.options.discount_minor, "discount_minor", currency)
    subtotal = sum(line["unit_amount_minor"] * line["quantity"] for line in lines)
    fields.amount(subtotal, "The subtotal", currency)
    if discount > subtotal:
        raise OrderDataError("The discount is more than the order.")
    if mode == "payment" and not _may_grow(params, lines):
        money.check_charge(subtotal - discount, currency)
    digest = hashlib.sha256(json.dumps([currency, lines], sort_keys=True).encode()).hexdigest()
    discount_name = fields.text(content.options.discount_name, "discount_name", maximum=5000)
    columns = {
        "reference": reference,
        "currency": currency,
        "content_hash": digest,
        "subtotal_minor": subtotal,
        "user": _user(content.user),
        "email": _email(content.email),
        "locale": find_locale(content.locale) if isinstance(content.locale, str) else "",
        "metadata": usable_metadata(_metadata(content.metadata)),
        "mode": mode,
        "params": params,
        "asked_discount_minor": discount,
        "asked_discount_name": discount_name[:MAXIMUM_DISCOUNT_NAME],
        "source_type": host_row and ContentType.objects.get_for_model(host_row, for_concrete_model=False),
        "source_id": str(host_row.pk) if host_row is not None else "",
    }
    return columns, lines


def _reference(value: Any) -> str:
    """Validate the order number, which is written to Stripe's metadata, to URLs and to the log."""
    reference = fields.text(value, "reference", maximum=_limit(Order, "reference"), is_required=True)
    if reference != reference.strip() or not reference.isprintable():
        raise OrderDataError("reference must be printable, without white space around it.")
    if holds_email(reference):
        raise OrderDataError("reference must not contain an email address, because it is stored in Stripe's metadata.")
    return reference


def _mode(content: OrderData, lines: Sequence[Columns]) -> str:
    recurring = sum(1 for line in lines if line["recurring_interval"])
    mode = fields.choice(content.mode, "mode", MODES) or ("subscription" if recurring else "payment")
    if bool(lines) == (mode == "setup"):
        raise OrderDataError("An order must have at least one line, or no lines and mode='setup'.")
    if mode == "subscription":
        if not recurring:
            raise OrderDataError("mode='subscription' needs a recurring line.")
        if max(recurring, len(lines) - recurring) > MAXIMUM_SUBSCRIPTION_LINES:
            raise OrderDataError(
                f"A subscription takes up to {MAXIMUM_SUBSCRIPTION_LINES} recurring and as many one-time lines."
            )
        # https://github.com/better-auth/better-auth/pull/7221
        intervals = {(line["recurring_interval"], line["recurring_interval_count"]) for line in lines}
        if sum(1 for name, _count in intervals if name) > 1:
            raise OrderDataError("The recurring lines of a subscription must have the same interval.")
    elif recurring:
        raise OrderDataError("A recurring line needs mode='subscription'.")
    if getattr(content.options, "trial_days", 0) and mode != "subscription":
        raise OrderDataError("trial_days needs a recurring line.")
    return mode


def _line(line: LineData, name: str, currency: str) -> Columns:
    if not isinstance(line, LineData):
        raise OrderDataError("An order's lines must be LineData.")
    quantity = fields.whole(line.quantity, f"{name}.quantity", minimum=1, maximum=MAXIMUM_QUANTITY)
    most = line.maximum_quantity
    if most is not None:
        most = fields.whole(most, f"{name}.maximum_quantity", minimum=quantity, maximum=MAXIMUM_QUANTITY)
    interval = fields.choice(line.recurring_interval, f"{name}.recurring_interval", tuple(INTERVALS))
    longest = INTERVALS.get(interval, 1095)
    count = fields.whole(line.recurring_interval_count, f"{name}.recurring_interval_count", minimum=1, maximum=longest)
    return {
        "name": _text(line, "name", name, is_required=True),
        "description": fields.text(line.description, f"{name}.description", maximum=MAXIMUM_DESCRIPTION),
        "image_url": fields.url(line.image_url, f"{name}.image_url", maximum=_limit(OrderLine, "image_url")),
        "sku": _text(line, "sku", name),
        "quantity": quantity,
        "unit_amount_minor": fields.amount(line.unit_amount_minor, f"{name}.unit_amount_minor", currency),
        "tax_code": _text(line, "tax_code", name),
        "tax_behavior": fields.choice(line.tax_behavior, f"{name}.tax_behavior", TAX_BEHAVIORS),
        "recurring_interval": interval,
        "recurring_interval_count": count,
        "maximum_quantity": most,
    }


def _text(line: LineData, field: str, name: str, *, is_required: bool = False) -> str:
    maximum = _limit(OrderLine, field)
    return fields.text(getattr(line, field), f"{name}.{field}", maximum=maximum, is_required=is_required)


def _limit(model: type[models.Model], field: str) -> int:
    column: Any = model._meta.get_field(field)
    return int(column.max_length)


def _may_grow(params: Mapping[str, Any], lines: Sequence[Columns]) -> bool:
    """Whether the charge may exceed the lines, by shipping, tax or what the shopper adds."""
    parameters = effective(params)
    ships = "shipping_address_collection" in parameters and get_adapter().computes_shipping
    adds = any(line["maximum_quantity"] is not None for line in lines)
    return (
        ships or adds or any(parameters.get(name) for name in ("shipping_options", "automatic_tax", "optional_items"))
    )


def _user(user: Any) -> Any:
    if user is not None and not hasattr(user, "pk"):
        raise OrderDataError("user must be a user or None.")
    return user if getattr(user, "pk", None) else None


def _email(value: Any) -> str:
    """Return the email address, or "" if it cannot be stored."""
    email = str(value).strip() if value else ""
    return email if len(email) <= _limit(Order, "email") and fields.is_storable(email) else ""


def _metadata(metadata: Any) -> Any:
    if isinstance(metadata, Mapping):
        for text in (*metadata.keys(), *metadata.values()):
            if isinstance(text, str):
                fields.text(text, "metadata", maximum=5000)
    return metadata
