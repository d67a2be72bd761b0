"""Configurations of the billing portal: what customers may do there."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, merged_metadata, retrieve
from django_checkout.emulator.api.params import defer, plain
from django_checkout.emulator.api.resources.session_rules import check_urls
from django_checkout.emulator.messages import ApiError, Doc, not_implemented
from django_checkout.emulator.state.state import State

KIND = "billing_portal.configuration"
REASONS = [
    "too_expensive",
    "missing_features",
    "switched_service",
    "unused",
    "customer_service",
    "too_complex",
    "low_quality",
    "other",
]
#: The features of a configuration that does not set them: https://docs.stripe.com/api/customer_portal/configurations
FEATURES: Doc = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": False, "options": REASONS},
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "products": [],
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}
#: The default configuration of the account lets customers do this.
ENABLED = ("invoice_history", "payment_method_update", "subscription_cancel")
MAX_PRODUCTS = 10


def create(call: Call) -> Doc:
    """POST /v1/billing_portal/configurations."""
    state, params = call.state, call.params
    check_urls(params)
    defer(params, "features")
    configuration = _new(state, _features(state, params["features"], FEATURES), is_default=False)
    configuration["metadata"] = merged_metadata({}, params.get("metadata", {}))
    _set_texts(configuration, params)
    state.store.insert(configuration)
    state.emit(f"{KIND}.created", configuration)
    return configuration


def _new(state: State, features: Doc, *, is_default: bool) -> Doc:
    configuration = state.new(
        KIND,
        "application default_return_url name",
        active=True,
        business_profile=dict.fromkeys(("headline", "privacy_policy_url", "terms_of_service_url")),
        features=features,
        is_default=is_default,
        login_page={"enabled": False, "url": None},
        metadata={},
    )
    configuration["updated"] = configuration["created"]
    return configuration


def default_of(state: State) -> Doc:
    """Return the account's default configuration, created on first use."""
    known = state.store.select(KIND, {"is_default": True}, limit=1)
    if known:
        return known[0]
    features = {name: {**feature, "enabled": name in ENABLED} for name, feature in FEATURES.items()}
    return state.store.insert(_new(state, features, is_default=True))


def _set_texts(configuration: Doc, params: Doc) -> None:
    """Set what a configuration has besides features and metadata."""
    for name in ("default_return_url", "name"):
        if name in params:
            configuration[name] = params[name] or None
    if "business_profile" in params:
        changes = {name: value or None for name, value in params["business_profile"].items()}
        configuration["business_profile"] = {**configuration["business_profile"], **changes}


def _features(state: State, sent: Doc, current: Doc) -> Doc:
    """Return the features with those that are sent."""
    if "subscription_pause" in sent:
        raise not_implemented("pauses on the portal's page", "features[subscription_pause]")
    merged = _merged(current, plain(sent))
    updates = merged["subscription_update"]
    products = updates["products"] or []
    if len(products) > MAX_PRODUCTS:
        raise ApiError(
            f"Array products exceeded maximum {MAX_PRODUCTS} allowed elements.",
            param="features[subscription_update][products]",
        )
    for index, product in enumerate(products):
        param = f"features[subscription_update][products][{index}]"
        state.get("product", product["product"], f"{param}[product]")
        for at, price in enumerate(product["prices"]):
            state.get("price", price, f"{param}[prices][{at}]")
        product.setdefault("adjustable_quantity", {"enabled": False, "maximum": None, "minimum": 1})
    return merged


def _merged(current: Doc, sent: Doc) -> Doc:
    """Return a feature with the members that are sent. An empty text empties a list."""
    merged = dict(current)
    for name, value in sent.items():
        known = current.get(name)
        merged[name] = _merged(known, value) if isinstance(value, dict) and known else [] if value == "" else value
    return merged


def update(call: Call) -> Doc:
    """POST /v1/billing_portal/configurations/:configuration."""
    configuration, state, params = call.target(KIND), call.state, call.params
    check_urls(params)
    _set_texts(configuration, params)
    changes = call.changes(configuration, "active")
    defer(params, "features")
    if "features" in params:
        changes["features"] = _features(state, params["features"], configuration["features"])
    return state.update(configuration, f"{KIND}.updated", **changes, updated=state.clock.now())


NOT_PLAYED = (
    "login_page features.customer_update features.payment_method_update.payment_method_configuration "
    "features.subscription_cancel.cancellation_reason.feedback_options "
    "features.subscription_update.products.adjustable_quantity features.subscription_update.trial_update_behavior "
    "features.subscription_update.billing_cycle_anchor features.subscription_cancel.proration_behavior"
)
ROUTES = {
    "GET /v1/billing_portal/configurations": Route(partial(list_kind, KIND, "active is_default")),
    "POST /v1/billing_portal/configurations": Route(create, NOT_PLAYED),
    "GET /v1/billing_portal/configurations/{configuration}": Route(partial(retrieve, KIND)),
    "POST /v1/billing_portal/configurations/{configuration}": Route(update, NOT_PLAYED),
}
