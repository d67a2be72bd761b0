"""Sessions of the billing portal, and the flows that they lead a customer through."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.params import defer, plain
from django_checkout.emulator.api.resources import portal_configurations, subscriptions
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.api.resources.session_rules import check_urls
from django_checkout.emulator.api.resources.sessions import page_url
from django_checkout.emulator.api.resources.subscription_plan import replaced_items
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.state.state import State

KIND = "billing_portal.session"
#: How long the URL of a session is valid.
LIFE_SECONDS = 3600
#: The types of flows, and the feature of the configuration that each needs.
FLOWS = {
    "payment_method_update": "payment_method_update",
    "subscription_cancel": "subscription_cancel",
    "subscription_update": "subscription_update",
    "subscription_update_confirm": "subscription_update",
}


def create(call: Call) -> Doc:
    """POST /v1/billing_portal/sessions."""
    state, params = call.state, call.params
    if "customer" not in params:
        raise missing("customer")
    check_urls(params)
    customer = state.get("customer", params["customer"], "customer")
    configuration = portal_configurations.default_of(state)
    if "configuration" in params:
        configuration = state.get(portal_configurations.KIND, params["configuration"], "configuration")
    session = state.new(
        KIND,
        configuration=configuration["id"],
        customer=customer["id"],
        customer_account=None,
        flow=_flow(state, customer, configuration, params["flow_data"]) if "flow_data" in params else None,
        locale=params.get("locale"),
        on_behalf_of=None,
        return_url=params.get("return_url", configuration["default_return_url"]),
        url="",
    )
    session["url"] = f"{page_url(state, call.base_url)}/portal/{session['id']}"
    state.store.insert(session)
    state.emit("billing_portal.session.created", session)
    return session


def _flow(state: State, customer: Doc, configuration: Doc, params: Doc) -> Doc:
    """Return the flow of a session. https://docs.stripe.com/customer-management/portal-deep-links"""
    kind = params["type"]
    defer(params, "after_completion", kind)
    sent = plain(params)
    if not configuration["features"][FLOWS[kind]]["enabled"]:
        raise ApiError(f"`{FLOWS[kind]}` is not enabled in the portal configuration.", param="flow_data[type]")
    if kind != "payment_method_update":
        if kind not in sent:
            raise missing(f"flow_data[{kind}]")
        param = f"flow_data[{kind}][subscription]"
        subscription = state.get(subscriptions.KIND, sent[kind]["subscription"], param)
        if subscription["customer"] != customer["id"]:
            raise ApiError("The subscription belongs to another customer.", param=param)
        if kind == "subscription_update_confirm":
            replaced_items(state, subscription, sent[kind]["items"])
    after = sent.get("after_completion", {"type": "portal_homepage"})
    if after["type"] == "redirect" and "redirect" not in after:
        raise missing("flow_data[after_completion][redirect]")
    flow = {name: sent.get(name) if name == kind else None for name in FLOWS if name != "payment_method_update"}
    if flow["subscription_cancel"]:
        flow["subscription_cancel"].setdefault("retention", None)
    if flow["subscription_update_confirm"]:
        confirmed = flow["subscription_update_confirm"]
        confirmed["discounts"] = None
        confirmed["items"] = [{"price": None, **item} for item in confirmed["items"]]
    return {
        **flow,
        "type": kind,
        "after_completion": {
            "hosted_confirmation": after.get("hosted_confirmation"),
            "redirect": after.get("redirect"),
            "type": after["type"],
        },
    }


def features_of(state: State, session: Doc) -> Doc:
    """Return what the customer may do in a session."""
    found = state.store.find(session["configuration"]) or portal_configurations.default_of(state)
    features: Doc = found["features"]
    return features


def subscriptions_of(state: State, session: Doc) -> list[Doc]:
    """Return the subscriptions of a portal session's customer, newest first."""
    return state.store.select(subscriptions.KIND, {"customer": session["customer"]})


def is_usable(state: State, session: Doc) -> bool:
    """Return whether the URL of a portal session is still valid."""
    return bool(session["created"] + LIFE_SECONDS > state.clock.now())


EXPANDABLE = {KIND: ("configuration",)}
ROUTES = {
    "POST /v1/billing_portal/sessions": Route(
        create,
        "customer_account on_behalf_of flow_data.subscription_cancel.retention "
        "flow_data.subscription_update_confirm.discounts",
        {"flow_data.type": " ".join(FLOWS)},
    ),
}
