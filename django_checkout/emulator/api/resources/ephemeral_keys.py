"""Ephemeral keys: short-lived keys with which Stripe's mobile libraries act for one customer.

https://docs.stripe.com/api/ephemeral_keys
"""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, not_implemented
from django_checkout.emulator.state.state import State

KIND = "ephemeral_key"
PREFIX = "ek_test_"
#: As in the response in stripe/stripe-dotnet#2269.
LIFE_SECONDS = 3600
#: What a key may do, and where the request names the customer.
ALLOWED = {
    "GET /v1/customers/{customer}",
    "POST /v1/customers/{customer}",
    "GET /v1/customers/{customer}/payment_methods",
    "GET /v1/payment_methods",
    "POST /v1/payment_methods/{payment_method}/attach",
}


def create(call: Call) -> Doc:
    """POST /v1/ephemeral_keys.

    The version must be in the request: it is that of the mobile library (stripe/stripe-node#2351).
    """
    state, params = call.state, call.params
    if not call.names_version:
        raise ApiError("A `Stripe-Version` header is required to create an ephemeral key.", param="Stripe-Version")
    if "customer" not in params:
        raise ApiError("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = state.get("customer", params["customer"], "customer")
    key = state.new(
        KIND,
        # Not in Stripe's document, but in its responses: stripe/stripe-dotnet#2269.
        associated_objects=[{"id": customer["id"], "type": "customer"}],
        secret=f"{PREFIX}{random_text(80)}",
    )
    key["expires"] = key["created"] + LIFE_SECONDS
    state.store.insert(key)
    return key


def delete(call: Call) -> Doc:
    """DELETE /v1/ephemeral_keys/:key. The key is returned as it was, without its secret, and no longer works."""
    key = call.target(KIND)
    call.state.store.delete(key["id"])
    now = call.state.clock.now()
    return {**{name: value for name, value in key.items() if name != "secret"}, "expires": min(key["expires"], now)}


def authorize(state: State, secret: str, route: str, ids: dict[str, str], params: Doc) -> None:
    """Raise ``ApiError`` unless an ephemeral key is valid, and for the customer of this request."""
    found = next(iter(state.store.select(KIND, {"secret": secret})), None)
    masked = f"{secret[:8]}{'*' * 8}{secret[-4:]}"
    if found is None:
        raise ApiError(f"Invalid API Key provided: {masked}", status=401)
    if found["expires"] <= state.clock.now():
        raise ApiError(f"Expired API Key provided: {masked}", status=401, code="api_key_expired")
    if route not in ALLOWED:
        raise not_implemented(f"the operation {route} with an ephemeral key")
    customer = ids.get("customer") or dict.get(params, "customer")
    if customer != found["associated_objects"][0]["id"]:
        message = f"The provided key '{masked}' does not have access to the customer '{customer}'."
        raise ApiError(message, status=403, code="more_permissions_required")


ROUTES = {
    "POST /v1/ephemeral_keys": Route(create, "issuing_card nonce verification_session"),
    "DELETE /v1/ephemeral_keys/{key}": Route(delete),
}
