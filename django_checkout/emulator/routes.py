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
    coupons,
    customers,
    disputes,
    events,
    invoices,
    methods,
    off_session,
    payments,
    payouts,
    portal,
    refunds,
    reviews,
    sessions,
    setup_intents,
    shipping,
    subscriptions,
    webhooks,
)

Endpoint = Callable[[Call], Doc]

ROUTES: dict[str, Endpoint] = {
    "GET /v1/account": account.retrieve,
    "GET /v1/balance_transactions": balance.list_balance_transactions,
    "GET /v1/balance_transactions/{id}": balance.retrieve_balance_transaction,
    "POST /v1/billing_portal/sessions": portal.create,
    "GET /v1/charges": charges.list_charges,
    "GET /v1/charges/{charge}": charges.retrieve_charge,
    "GET /v1/checkout/sessions": sessions.list_sessions,
    "POST /v1/checkout/sessions": sessions.create,
    "GET /v1/checkout/sessions/{session}": sessions.retrieve,
    "POST /v1/checkout/sessions/{session}": sessions.update,
    "POST /v1/checkout/sessions/{session}/expire": sessions.expire,
    "GET /v1/checkout/sessions/{session}/line_items": sessions.list_line_items,
    "GET /v1/coupons": coupons.list_coupons,
    "POST /v1/coupons": coupons.create_coupon,
    "GET /v1/coupons/{coupon}": coupons.retrieve_coupon,
    "POST /v1/coupons/{coupon}": coupons.update_coupon,
    "DELETE /v1/coupons/{coupon}": coupons.delete_coupon,
    "GET /v1/customers": customers.list_customers,
    "POST /v1/customers": customers.create_customer,
    "GET /v1/customers/{customer}": customers.retrieve_customer,
    "POST /v1/customers/{customer}": customers.update_customer,
    "DELETE /v1/customers/{customer}": customers.delete_customer,
    "GET /v1/customers/{customer}/payment_methods": methods.list_of_customer,
    "GET /v1/disputes": disputes.list_disputes,
    "GET /v1/disputes/{dispute}": disputes.retrieve_dispute,
    "POST /v1/disputes/{dispute}": disputes.update_dispute,
    "POST /v1/disputes/{dispute}/close": disputes.close,
    "GET /v1/events": events.list_events,
    "GET /v1/events/{id}": events.retrieve,
    "GET /v1/invoice_payments": invoices.list_payments,
    "GET /v1/invoice_payments/{invoice_payment}": invoices.retrieve_payment,
    "GET /v1/invoices": invoices.list_invoices,
    "GET /v1/invoices/{invoice}": invoices.retrieve,
    "GET /v1/invoices/{invoice}/lines": invoices.list_lines,
    "GET /v1/payment_intents": payments.list_intents,
    "POST /v1/payment_intents": off_session.create,
    "GET /v1/payment_intents/{intent}": payments.retrieve_intent,
    "POST /v1/payment_intents/{intent}": payments.update_intent,
    "POST /v1/payment_intents/{intent}/cancel": payments.cancel_intent,
    "POST /v1/payment_intents/{intent}/capture": payments.capture_intent,
    "GET /v1/payment_methods": methods.list_methods,
    "GET /v1/payment_methods/{payment_method}": methods.retrieve,
    "POST /v1/payment_methods/{payment_method}": methods.update,
    "POST /v1/payment_methods/{payment_method}/attach": methods.attach,
    "POST /v1/payment_methods/{payment_method}/detach": methods.detach,
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
    "GET /v1/promotion_codes": coupons.list_codes,
    "POST /v1/promotion_codes": coupons.create_code,
    "GET /v1/promotion_codes/{promotion_code}": coupons.retrieve_code,
    "POST /v1/promotion_codes/{promotion_code}": coupons.update_code,
    "GET /v1/radar/early_fraud_warnings": disputes.list_warnings,
    "GET /v1/radar/early_fraud_warnings/{early_fraud_warning}": disputes.retrieve_warning,
    "GET /v1/refunds": refunds.list_refunds,
    "POST /v1/refunds": refunds.create,
    "GET /v1/refunds/{refund}": refunds.retrieve,
    "POST /v1/refunds/{refund}": refunds.update,
    "POST /v1/refunds/{refund}/cancel": refunds.cancel,
    "GET /v1/reviews": reviews.list_reviews,
    "GET /v1/reviews/{review}": reviews.retrieve,
    "POST /v1/reviews/{review}/approve": reviews.approve,
    "GET /v1/setup_intents": setup_intents.list_intents,
    "GET /v1/setup_intents/{intent}": setup_intents.retrieve,
    "GET /v1/shipping_rates": shipping.list_rates,
    "POST /v1/shipping_rates": shipping.create_rate,
    "GET /v1/shipping_rates/{shipping_rate_token}": shipping.retrieve_rate,
    "POST /v1/shipping_rates/{shipping_rate_token}": shipping.update_rate,
    "GET /v1/subscription_items": subscriptions.list_items,
    "GET /v1/subscriptions": subscriptions.list_subscriptions,
    "GET /v1/subscriptions/{subscription_exposed_id}": subscriptions.retrieve,
    "POST /v1/subscriptions/{subscription_exposed_id}": subscriptions.update,
    "DELETE /v1/subscriptions/{subscription_exposed_id}": subscriptions.cancel,
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
