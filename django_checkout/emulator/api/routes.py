"""The routes of the API and their endpoints."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial

from django_checkout.emulator.api.calls import Call, list_kind, retrieve
from django_checkout.emulator.api.resources import (
    account,
    catalog,
    coupons,
    customers,
    disputes,
    events,
    invoices,
    methods,
    off_session,
    payments,
    portal,
    refunds,
    reviews,
    sessions,
    shipping,
    subscriptions,
    webhooks,
)
from django_checkout.emulator.messages import ApiError, Doc

Endpoint = Callable[[Call], Doc]

ROUTES: dict[str, Endpoint] = {
    "GET /v1/account": account.retrieve,
    "GET /v1/balance_transactions": partial(list_kind, "balance_transaction", "currency source type payout=_payout"),
    "GET /v1/balance_transactions/{id}": partial(retrieve, "balance_transaction"),
    "POST /v1/billing_portal/sessions": portal.create,
    "GET /v1/charges": partial(list_kind, "charge", "customer payment_intent transfer_group"),
    "GET /v1/charges/{charge}": partial(retrieve, "charge"),
    "GET /v1/checkout/sessions": sessions.list_sessions,
    "POST /v1/checkout/sessions": sessions.create,
    "GET /v1/checkout/sessions/{session}": partial(retrieve, "checkout.session"),
    "POST /v1/checkout/sessions/{session}": sessions.update,
    "POST /v1/checkout/sessions/{session}/expire": sessions.expire,
    "GET /v1/checkout/sessions/{session}/line_items": sessions.list_line_items,
    "GET /v1/coupons": partial(list_kind, "coupon", ""),
    "POST /v1/coupons": coupons.create_coupon,
    "GET /v1/coupons/{coupon}": partial(retrieve, "coupon"),
    "POST /v1/coupons/{coupon}": coupons.update_coupon,
    "DELETE /v1/coupons/{coupon}": coupons.delete_coupon,
    "GET /v1/customers": partial(list_kind, "customer", "email"),
    "POST /v1/customers": customers.create_customer,
    "GET /v1/customers/{customer}": customers.retrieve_customer,
    "POST /v1/customers/{customer}": customers.update_customer,
    "DELETE /v1/customers/{customer}": customers.delete_customer,
    "GET /v1/customers/{customer}/payment_methods": methods.list_of_customer,
    "GET /v1/disputes": partial(list_kind, "dispute", "charge payment_intent"),
    "GET /v1/disputes/{dispute}": partial(retrieve, "dispute"),
    "POST /v1/disputes/{dispute}": disputes.update_dispute,
    "POST /v1/disputes/{dispute}/close": disputes.close,
    "GET /v1/events": events.list_events,
    "GET /v1/events/{id}": partial(retrieve, "event"),
    "GET /v1/invoice_payments": invoices.list_payments,
    "GET /v1/invoice_payments/{invoice_payment}": partial(retrieve, "invoice_payment"),
    "GET /v1/invoices": partial(list_kind, "invoice", "collection_method customer status subscription=_subscription"),
    "GET /v1/invoices/{invoice}": partial(retrieve, "invoice"),
    "GET /v1/invoices/{invoice}/lines": invoices.list_lines,
    "GET /v1/payment_intents": partial(list_kind, "payment_intent", "customer"),
    "POST /v1/payment_intents": off_session.create,
    "GET /v1/payment_intents/{intent}": partial(retrieve, "payment_intent"),
    "POST /v1/payment_intents/{intent}": payments.update_intent,
    "POST /v1/payment_intents/{intent}/cancel": payments.cancel_intent,
    "POST /v1/payment_intents/{intent}/capture": payments.capture_intent,
    "GET /v1/payment_methods": methods.list_methods,
    "GET /v1/payment_methods/{payment_method}": partial(retrieve, "payment_method"),
    "POST /v1/payment_methods/{payment_method}": methods.update,
    "POST /v1/payment_methods/{payment_method}/attach": methods.attach,
    "POST /v1/payment_methods/{payment_method}/detach": methods.detach,
    "GET /v1/payouts": partial(list_kind, "payout", "destination status"),
    "GET /v1/payouts/{payout}": partial(retrieve, "payout"),
    "GET /v1/prices": partial(list_kind, "price", "active currency product type lookup_keys=lookup_key"),
    "POST /v1/prices": catalog.create_price,
    "GET /v1/prices/{price}": partial(retrieve, "price"),
    "POST /v1/prices/{price}": catalog.update_price,
    "GET /v1/products": partial(list_kind, "product", "active shippable url ids=id"),
    "POST /v1/products": catalog.create_product,
    "GET /v1/products/{id}": partial(retrieve, "product"),
    "POST /v1/products/{id}": catalog.update_product,
    "GET /v1/promotion_codes": coupons.list_codes,
    "POST /v1/promotion_codes": coupons.create_code,
    "GET /v1/promotion_codes/{promotion_code}": partial(retrieve, "promotion_code"),
    "POST /v1/promotion_codes/{promotion_code}": coupons.update_code,
    "GET /v1/radar/early_fraud_warnings": partial(list_kind, "radar.early_fraud_warning", "charge payment_intent"),
    "GET /v1/radar/early_fraud_warnings/{early_fraud_warning}": partial(retrieve, "radar.early_fraud_warning"),
    "GET /v1/refunds": partial(list_kind, "refund", "charge payment_intent"),
    "POST /v1/refunds": refunds.create,
    "GET /v1/refunds/{refund}": partial(retrieve, "refund"),
    "POST /v1/refunds/{refund}": refunds.update,
    "POST /v1/refunds/{refund}/cancel": refunds.cancel,
    "GET /v1/reviews": reviews.list_reviews,
    "GET /v1/reviews/{review}": partial(retrieve, "review"),
    "POST /v1/reviews/{review}/approve": reviews.approve,
    "GET /v1/setup_intents": partial(list_kind, "setup_intent", "customer payment_method"),
    "GET /v1/setup_intents/{intent}": partial(retrieve, "setup_intent"),
    "GET /v1/shipping_rates": partial(list_kind, "shipping_rate", "active currency=fixed_amount.currency"),
    "POST /v1/shipping_rates": shipping.create_rate,
    "GET /v1/shipping_rates/{shipping_rate_token}": partial(retrieve, "shipping_rate"),
    "POST /v1/shipping_rates/{shipping_rate_token}": shipping.update_rate,
    "GET /v1/subscription_items": subscriptions.list_items,
    "GET /v1/subscriptions": subscriptions.list_subscriptions,
    "GET /v1/subscriptions/{subscription_exposed_id}": partial(retrieve, "subscription", param="id"),
    "POST /v1/subscriptions/{subscription_exposed_id}": subscriptions.update,
    "DELETE /v1/subscriptions/{subscription_exposed_id}": subscriptions.cancel,
    "GET /v1/webhook_endpoints": partial(list_kind, "webhook_endpoint", ""),
    "POST /v1/webhook_endpoints": webhooks.create,
    "GET /v1/webhook_endpoints/{webhook_endpoint}": partial(retrieve, "webhook_endpoint"),
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
