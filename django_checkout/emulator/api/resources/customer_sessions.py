"""Customer sessions: client secrets with which Stripe's components act for a customer."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.api.resources.session_values import invalid_integer
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc

KIND = "customer_session"
#: Stripe's documentation does not say how long a session lasts.
LIFE_SECONDS = 30 * 60
MAX_REDISPLAYED = 10
COMPONENTS = (
    "active_entitlements",
    "buy_button",
    "customer_portal",
    "customer_sheet",
    "mobile_payment_element",
    "payment_element",
    "pricing_table",
)
#: The defaults of the features of an enabled component; None where ``stripe/_customer_session.py`` has none.
FEATURES: dict[str, Doc] = {
    "customer_sheet": {
        "payment_method_allow_redisplay_filters": ["always"],
        "payment_method_remove": None,
    },
    "mobile_payment_element": {
        "payment_method_allow_redisplay_filters": ["always"],
        "payment_method_redisplay": None,
        "payment_method_remove": None,
        "payment_method_save": None,
        "payment_method_save_allow_redisplay_override": None,
    },
    "payment_element": {
        "payment_method_allow_redisplay_filters": ["always"],
        "payment_method_redisplay": "disabled",
        "payment_method_redisplay_limit": 3,
        "payment_method_remove": "disabled",
        "payment_method_save": "disabled",
        "payment_method_save_usage": None,
    },
}


def create(call: Call) -> Doc:
    """POST /v1/customer_sessions. The object has no id: nothing but its client secret refers to it."""
    state, params = call.state, call.params
    if "customer" not in params:
        raise missing("customer")
    customer = state.get("customer", params["customer"], "customer")
    components = {name: _component(name, params["components"].get(name)) for name in COMPONENTS}
    if not any(component["enabled"] for component in components.values()):
        raise ApiError("At least one component must be enabled.", param="components")
    now = state.clock.now()
    return {
        "object": KIND,
        "client_secret": f"cuss_secret_{random_text(48)}",
        "components": components,
        "created": now,
        "customer": customer["id"],
        "customer_account": None,
        "expires_at": now + LIFE_SECONDS,
        "livemode": False,
    }


def _component(name: str, params: Doc | None) -> Doc:
    """Return a component of a new session, with the defaults of its features if it is enabled."""
    component: Doc = {"enabled": bool(params and params["enabled"])}
    if name in FEATURES:
        features: Doc = {**params["features"]} if params and "features" in params else {}
        limit = features.get("payment_method_redisplay_limit", MAX_REDISPLAYED)
        if not 1 <= limit <= MAX_REDISPLAYED:
            message = f"This value must be between 1 and {MAX_REDISPLAYED}."
            raise invalid_integer(message, f"components[{name}][features][payment_method_redisplay_limit]")
        component["features"] = {**FEATURES[name], **features} if component["enabled"] else None
    return component


EXPANDABLE = {KIND: ("customer",)}
ROUTES = {"POST /v1/customer_sessions": Route(create, "customer_account")}
