"""A register of rules of Stripe's API, each with its source, a refused request and the nearest accepted one.

``python -m tests.emulator.rules`` prints it as a table. A rule that the app relies on is added here first.
"""

from __future__ import annotations

from . import (
    amounts,
    api,
    billing,
    catalog,
    client_keys,
    coupons,
    customers,
    discounts,
    disputes,
    fields,
    files,
    intents,
    invoicing,
    lengths,
    lifecycle,
    lines,
    links,
    lists,
    methods,
    modes,
    payments,
    prices,
    recurrence,
    search,
    sent,
    shipping,
    ui_modes,
    versions,
    webhooks,
)
from .rule import Rule

AREAS = {
    "Modes": modes.RULES,
    "UI modes": ui_modes.RULES,
    "Values": fields.RULES,
    "Lengths": lengths.RULES,
    "What django_checkout sends": sent.RULES,
    "Line items": lines.RULES,
    "Recurring prices": recurrence.RULES,
    "Amounts and currencies": amounts.RULES,
    "Payment methods": methods.RULES,
    "Customers and saved cards": customers.RULES,
    "Coupons and promotion codes": coupons.RULES,
    "Discounts": discounts.RULES,
    "Shipping": shipping.RULES,
    "Sessions and subscriptions": lifecycle.RULES,
    "Payment links": links.RULES,
    "Billing": billing.RULES,
    "Invoices and credit notes": invoicing.RULES,
    "Capture, cancellation and refunds": payments.RULES,
    "Disputes": disputes.RULES,
    "Files": files.RULES,
    "Payments, setups and payouts without a session": intents.RULES,
    "Products and prices": (*catalog.RULES, *prices.RULES),
    "Events and webhook endpoints": webhooks.RULES,
    "Keys, idempotency and unknown ids": api.RULES,
    "Keys for the customer's browser or phone": client_keys.RULES,
    "Metadata, lists and expansion": lists.RULES,
    "Searches": search.RULES,
    "Versions": versions.RULES,
}
RULES: tuple[Rule, ...] = tuple(rule for rules in AREAS.values() for rule in rules)
