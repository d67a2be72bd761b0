"""Which endpoint answers which path."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from .calls import Call
from .messages import ApiError, Doc
from .resources import (
    account,
    balance,
    catalog,
    charges,
    customers,
    disputes,
    events,
    payments,
    payouts,
    refunds,
    sessions,
    webhooks,
)

Endpoint = Callable[[Call], Doc]

ROUTES: dict[str, Endpoint] = {
    "GET /v1/account": account.retrieve,
    "GET /v1/balance_transactions": balance.list_balance_transactions,
    "GET /v1/balance_transactions/{id}": balance.retrieve_balance_transaction,
    "GET /v1/charges": charges.list_charges,
    "GET /v1/charges/{charge}": charges.retrieve_charge,
    "GET /v1/checkout/sessions": sessions.list_sessions,
    "POST /v1/checkout/sessions": sessions.create,
    "GET /v1/checkout/sessions/{session}": sessions.retrieve,
    "POST /v1/checkout/sessions/{session}": sessions.update,
    "POST /v1/checkout/sessions/{session}/expire": sessions.expire,
    "GET /v1/checkout/sessions/{session}/line_items": sessions.list_line_items,
    "GET /v1/customers": customers.list_customers,
    "POST /v1/customers": customers.create_customer,
    "GET /v1/customers/{customer}": customers.retrieve_customer,
    "POST /v1/customers/{customer}": customers.update_customer,
    "DELETE /v1/customers/{customer}": customers.delete_customer,
    "GET /v1/disputes": disputes.list_disputes,
    "GET /v1/disputes/{dispute}": disputes.retrieve_dispute,
    "POST /v1/disputes/{dispute}": disputes.update_dispute,
    "POST /v1/disputes/{dispute}/close": disputes.close,
    "GET /v1/events": events.list_events,
    "GET /v1/events/{id}": events.retrieve,
    "GET /v1/payment_intents": payments.list_intents,
    "GET /v1/payment_intents/{intent}": payments.retrieve_intent,
    "POST /v1/payment_intents/{intent}": payments.update_intent,
    "POST /v1/payment_intents/{intent}/cancel": payments.cancel_intent,
    "POST /v1/payment_intents/{intent}/capture": payments.capture_intent,
    "GET /v1/payouts": payouts.list_payouts,
    "GET /v1/payouts/{payout}": payouts.retrieve_payout,
    "GET /v1/prices": catalog.list_prices,
    "POST /v1/prices": catalog.create_price,
    "GET /v1/prices/{price}": catalog.retrieve_price,
    "POST /v1/prices/{price}": catalog.update_price,
    "GET /v1/products": catalog.list_products,
    "POST /v1/products": catalog.create_product,
    "GET /v1/products/{id}": catalog.retrieve_product,
    "POST /v1/products/{id}": catalog.update_product,
    "GET /v1/radar/early_fraud_warnings": disputes.list_warnings,
    "GET /v1/radar/early_fraud_warnings/{early_fraud_warning}": disputes.retrieve_warning,
    "GET /v1/refunds": refunds.list_refunds,
    "POST /v1/refunds": refunds.create,
    "GET /v1/refunds/{refund}": refunds.retrieve,
    "POST /v1/refunds/{refund}": refunds.update,
    "POST /v1/refunds/{refund}/cancel": refunds.cancel,
    "GET /v1/webhook_endpoints": webhooks.list_endpoints,
    "POST /v1/webhook_endpoints": webhooks.create,
    "GET /v1/webhook_endpoints/{webhook_endpoint}": webhooks.retrieve,
    "POST /v1/webhook_endpoints/{webhook_endpoint}": webhooks.update,
    "DELETE /v1/webhook_endpoints/{webhook_endpoint}": webhooks.delete,
    "GET /v2/core/events/{id}": events.retrieve_thin,
}


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(route, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route) + "/?")) for route in ROUTES]


def find_route(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the route of a request and the ids in its path, or raise Stripe's error for an unknown URL."""
    for route, pattern in _patterns():
        match = pattern.fullmatch(f"{method} {path}")
        if match:
            return route, match.groupdict()
    raise ApiError(
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/.",
        status=404,
    )
