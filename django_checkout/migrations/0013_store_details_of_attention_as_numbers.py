"""Read the numbers and codes out of the English texts that attention items have held; undoing it writes the texts."""

from __future__ import annotations

import re
from typing import Any

from django.db import migrations

NUMBER, CURRENCY = r"(\d+)", r"([a-z]{3})"
#: Text, the names of its groups, and whether the amounts are in the order's currency.
PATTERNS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("nothing was paid for {expected_minor}", ("expected_minor",), True),
    ("{paid_minor} for {expected_minor}", ("paid_minor", "expected_minor"), True),
    ("{refunded_minor} of {paid_minor}", ("refunded_minor", "paid_minor"), True),
    ("{captured_minor} {currency}", ("captured_minor", "currency"), False),
    ("no line at {missing_price_minor} {currency}", ("missing_price_minor", "currency"), False),
    ("{paid_currency} for {expected_currency}", ("paid_currency", "expected_currency"), False),
    ("paid for revision {paid_revision} of {revision}", ("paid_revision", "revision"), False),
    ("quantity {quantity} is not within {minimum} to {maximum}", ("quantity", "minimum", "maximum"), False),
    ("{unoffered_lines} lines were not offered", ("unoffered_lines",), False),
)
#: Codes whose text was Stripe's own code.
STRIPE_CODES = {"refund_failed": "failure_reason", "disputed": "reason"}


def read(code: str, text: str, currency: str) -> dict[str, int | str]:
    """Return a text as details; one that matches nothing is kept unchanged."""
    if code in STRIPE_CODES:
        return {STRIPE_CODES[code]: text}
    for template, names, is_in_currency in PATTERNS:
        groups = {name: CURRENCY if name.endswith("currency") else NUMBER for name in names}
        found = re.fullmatch(template.format(**groups), text)
        if found is None:
            continue
        details: dict[str, int | str] = {
            name: value if name.endswith("currency") else int(value)
            for name, value in zip(names, found.groups(), strict=True)
        }
        return {**details, "currency": currency} if is_in_currency else details
    return {"text": text}


def write(details: dict[str, int | str]) -> str:
    """Return details as the text that ``read`` reads."""
    for template, names, is_in_currency in PATTERNS:
        if set(details) == {*names, *(("currency",) if is_in_currency else ())}:
            return template.format(**details)
    return "".join(str(value) for value in details.values())[:500]


def convert(apps: Any, schema_editor: Any) -> None:
    items = apps.get_model("django_checkout", "AttentionItem").objects.using(schema_editor.connection.alias)
    for item in items.exclude(detail="").select_related("order").iterator():
        item.details = read(item.code, item.detail, item.order.currency)
        item.save(update_fields=["details"])


def convert_back(apps: Any, schema_editor: Any) -> None:
    items = apps.get_model("django_checkout", "AttentionItem").objects.using(schema_editor.connection.alias)
    for item in items.iterator():
        item.detail = write(item.details)
        item.save(update_fields=["detail"])


class Migration(migrations.Migration):

    dependencies = [
        ("django_checkout", "0012_add_details_of_attention"),
    ]

    operations = [
        migrations.RunPython(convert, convert_back),
    ]
