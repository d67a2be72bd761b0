"""Checkout Sessions."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import urlsplit

from django_checkout.emulator.api.calls import Call, Route, list_objects, list_values, retrieve
from django_checkout.emulator.api.params import defer, plain
from django_checkout.emulator.api.resources import lines, method_options, payments, tax_ids
from django_checkout.emulator.api.resources.amounts import set_lines
from django_checkout.emulator.api.resources.customers import full_address
from django_checkout.emulator.api.resources.discounts import attach
from django_checkout.emulator.api.resources.session_object import (
    ECHOED,
    ECHOED_IF_SENT,
    check_methods,
    defaults,
    delayed_methods,
    details,
)
from django_checkout.emulator.api.resources.session_rules import (
    ELEMENTS,
    HOSTED,
    TAKEN_MODES,
    check_counts,
    check_customer,
    check_session,
    life_seconds,
)
from django_checkout.emulator.api.resources.session_values import check_descriptors, check_trial
from django_checkout.emulator.api.resources.shipping import offered
from django_checkout.emulator.api.resources.subscriptions import check_currency_of
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, StateError
from django_checkout.emulator.reference.cards import PLAYED_TYPES
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

KIND = "checkout.session"
#: The setting with the origin of the payment pages: https://docs.stripe.com/payments/checkout/custom-domains.
CUSTOM_DOMAIN = "custom_domain"
#: CarSnoop-Inc/carsnoop-issues#135
NO_METHODS = (
    "No valid payment method types for this Checkout Session. Please ensure that you have activated payment methods "
    "compatible with your chosen currency in your dashboard (https://dashboard.stripe.com/settings/payment-methods) or "
    "specify `payment_method_types`."
)
#: Parameters that are applied when the session is paid.
_DEFERRED = "customer_update payment_intent_data payment_method_options setup_intent_data subscription_data"
DEFERRED = tuple(_DEFERRED.split())
RECOVERY_SECONDS = 30 * 24 * 3600


def create(call: Call) -> Doc:
    """POST /v1/checkout/sessions."""
    check_session(call.params)
    return new_session(call.state, call.params, call.base_url)


def page_url(state: State, base_url: str) -> str:
    """Return the base URL of payment pages: the emulator's, or that of the account's custom domain."""
    domain = state.store.setting(CUSTOM_DOMAIN, "")
    return f"{domain}{urlsplit(base_url).path}" if domain else base_url


def new_session(
    state: State, params: Doc, base_url: str, *, items: list[Doc] | None = None, **overrides: object
) -> Doc:
    """Create a session. ``items`` are its line items if it is opened by a payment link, which has them already."""
    mode, ui_mode = params["mode"], params.get("ui_mode", HOSTED)
    life = life_seconds(params, state.clock)
    check_trial(params, state.clock)
    customer = state.get("customer", params["customer"], "customer") if "customer" in params else {}
    if customer:
        check_customer(params, customer)
    tax_ids.check_own(state, params)
    email = params.get("customer_email") or customer.get("email")
    optional = params.get("optional_items", [])
    currency = check_currency(params["currency"], "currency") if "currency" in params else None
    if items is None:
        items = [] if mode == "setup" else lines.new_lines(state, params["line_items"], mode, optional, currency)
    if customer and mode == "subscription":
        check_currency_of(state, customer, items[0]["currency"])
    session = state.new(KIND, **defaults(params, mode, ui_mode))
    session.update({name: params.get(name) for name in ECHOED})
    session.update({name: params[name] for name in ECHOED_IF_SENT if name in params})
    if "name_collection" in params:
        kinds = params["name_collection"]
        session["name_collection"] = {kind: {"optional": False, **sent} for kind, sent in kinds.items()}
    session["expires_at"] = params.get("expires_at", session["created"] + life)
    session["url"] = f"{page_url(state, base_url)}/pay/{session['id']}" if ui_mode == HOSTED else None
    if ui_mode != HOSTED:
        session["_client_secret"] = f"{session['id']}_secret_{random_text(50)}"
        session["client_secret"] = session["_client_secret"]
    if email:
        session["customer_details"] = details(email=email, tax_exempt=customer.get("tax_exempt", "none"))
    # ``_typed``: the shopper's billing, shipping, phone, tax_id, business_name, currency, consent and custom_fields.
    defer(params, *DEFERRED)
    session.update(
        _params=plain(params), _typed={}, _discount=None, _known_email=email, _base_url=base_url, **overrides
    )
    session["_customer_address"] = customer.get("address")
    if mode != "setup":
        currency = items[0]["currency"]
        session["shipping_options"] = offered(state, params.get("shipping_options", []), currency)
        _offer_delayed_method(session, params, currency)
        attach(state, session, params.get("discounts", []))
        set_lines(state, session, items)
    else:
        session["currency"] = currency
    if not session["payment_method_types"]:
        raise ApiError(NO_METHODS)
    check_methods(session["payment_method_types"], session["currency"])
    method_options.apply(session, plain(params))
    state.store.insert(session)
    state.schedule("expire_session", session["id"], state.clock.now() + life)
    return session


def _offer_delayed_method(session: Doc, params: Doc, currency: str) -> None:
    """Offer the currency's delayed method, and those that the shop allows, unless it has set the methods."""
    if "payment_method_types" not in params and session["mode"] == "payment":
        session["payment_method_types"] += delayed_methods(params, currency, session["customer"])


def list_sessions(call: Call) -> Doc:
    """GET /v1/checkout/sessions."""
    names = ("customer", "customer_account", "payment_intent", "payment_link", "status", "subscription")
    email = call.params.get("customer_details", {}).get("email")
    return list_objects(call, KIND, names, {"customer_details.email": email} if email else None)


def list_line_items(call: Call) -> Doc:
    """GET /v1/checkout/sessions/:session/line_items."""
    return list_values(call, call.target(KIND).get("_lines", []))


def expire(call: Call) -> Doc:
    """POST /v1/checkout/sessions/:session/expire."""
    session = call.target(KIND)
    if session["status"] != "open":
        raise StateError(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`.",
            param="session",
        )
    return expire_session(call.state, session)


def expire_session(state: State, session: Doc) -> Doc:
    """Expire an open session and cancel its PaymentIntent."""
    if session.get("_intent"):
        intent = state.get("payment_intent", session["_intent"])
        if intent["status"] not in ("succeeded", "canceled"):
            changes = {"status": "canceled", "canceled_at": state.clock.now(), "cancellation_reason": "automatic"}
            state.update(intent, "payment_intent.canceled", **changes, next_action=None)
    changes = {"status": "expired", "url": None, "client_secret": None}
    if session["after_expiration"]:
        now = state.clock.now()
        url = f"{session['_base_url']}/recover/{session['id']}"
        recovery = {**session["after_expiration"]["recovery"], "url": url, "expires_at": now + RECOVERY_SECONDS}
        if recovery["enabled"]:
            changes["after_expiration"] = {"recovery": recovery}
    return state.update(session, "checkout.session.expired", **changes)


def expire_due(state: State, session: Doc) -> None:
    """Expire a session at its due time if it is still open."""
    if session["status"] == "open":
        expire_session(state, session)


def recover(state: State, session: Doc) -> Doc:
    """Create the copy of an expired session for its recovery URL."""
    recovery = (session["after_expiration"] or {}).get("recovery")
    if session["status"] != "expired" or not recovery or not recovery["url"]:
        raise ApiError("This Checkout Session cannot be recovered.")
    if recovery["expires_at"] <= state.clock.now():
        raise ApiError("This recovery link has expired.")
    params = {name: value for name, value in session["_params"].items() if name != "expires_at"}
    if recovery["allow_promotion_codes"]:
        params["allow_promotion_codes"] = True
    return new_session(state, params, session["_base_url"], recovered_from=session["id"])


def update(call: Call) -> Doc:
    """POST /v1/checkout/sessions/:session."""
    state, session, params = call.state, call.target(KIND), call.params
    check_counts(params)
    changes = set(params) - {"expand", "metadata"}
    if changes and session["status"] != "open":
        raise StateError(f"This Checkout Session is {session['status']} and can no longer be updated.", param="session")
    if "line_items" in params and session["ui_mode"] != ELEMENTS:
        raise StateError("`line_items` can only be updated when `ui_mode` is `elements`.", param="line_items")
    if "collected_information" in params and session["ui_mode"] == HOSTED:
        message = "`collected_information` can not be updated when `ui_mode` is `hosted_page`."
        raise StateError(message, param="collected_information")
    if "payment_intent_data" in params and (session["mode"], session["ui_mode"]) != ("payment", ELEMENTS):
        message = "`payment_intent_data` can only be updated in `payment` mode when `ui_mode` is `elements`."
        raise StateError(message, param="payment_intent_data")
    if params.get("shipping_options") and session["mode"] not in TAKEN_MODES["shipping_options"]:
        message = f"You can not pass `shipping_options` in `{session['mode']}` mode."
        raise StateError(message, param="shipping_options")
    session.update(call.changes(session))
    if "collected_information" in params:
        shipping = _shipping_details(params["collected_information"].get("shipping_details"))
        _check_country(session, shipping)
        names = {name: session["_typed"].get(name) for name in ("business_name", "individual_name")}
        session["collected_information"] = {**names, "shipping_details": shipping}
        session["_typed"] = {**session["_typed"], "shipping": shipping}
    if "shipping_options" in params:
        session["shipping_options"] = offered(state, params["shipping_options"] or [], session["currency"])
    if "payment_intent_data" in params:
        check_descriptors(params["payment_intent_data"], "payment_intent_data")
        payments.update_data(state, session, params["payment_intent_data"])
    items = session.get("_lines", [])
    if "line_items" in params:
        items = lines.replaced_lines(state, items, params["line_items"], session["mode"], session["currency"])
    if changes and session["mode"] != "setup":
        set_lines(state, session, items)
        payments.withdraw_code(state, session)
    return state.store.save(session)


def _shipping_details(params: Doc | None) -> Doc | None:
    return {"name": params["name"], "address": full_address(params["address"])} if params else None


def _check_country(session: Doc, shipping: Doc | None) -> None:
    allowed = (session["shipping_address_collection"] or {}).get("allowed_countries")
    if shipping and allowed and shipping["address"]["country"] not in allowed:
        message = f"The country {shipping['address']['country']} is not one of `shipping_address_collection`'s."
        raise StateError(message, param="collected_information[shipping_details][address][country]")


def substituted(url: str | None, session: Doc) -> str | None:
    """Return a URL of the shop with the session's id for ``{CHECKOUT_SESSION_ID}``."""
    return re.sub(r"\{CHECKOUT_SESSION_ID\}", session["id"], url) if url else None


EXPANDABLE = {
    "checkout.session": (
        "customer",
        "discounts.coupon",
        "discounts.promotion_code",
        "invoice",
        "line_items",
        "payment_intent",
        "payment_link",
        "setup_intent",
        "subscription",
        "shipping_cost.shipping_rate",
        "shipping_cost.taxes",
        "shipping_options.shipping_rate",
        "total_details.breakdown",
    ),
}
ROUTES = {
    "GET /v1/checkout/sessions": Route(list_sessions),
    "POST /v1/checkout/sessions": Route(
        create,
        "automatic_tax.liability customer_account "
        "invoice_creation.invoice_data.issuer invoice_creation.invoice_data.rendering_options.template "
        "managed_payments payment_intent_data.transfer_data payment_method_configuration payment_method_data "
        "shipping_options.shipping_rate_data.fixed_amount.currency_options",
        {
            **method_options.SESSION_OPTIONS,
            "payment_method_options.card": "setup_future_usage",
            "payment_method_types": " ".join(PLAYED_TYPES),
            "subscription_data": (
                "application_fee_percent description metadata on_behalf_of trial_end trial_period_days trial_settings"
            ),
        },
    ),
    "GET /v1/checkout/sessions/{session}": Route(partial(retrieve, "checkout.session")),
    "POST /v1/checkout/sessions/{session}": Route(
        update, "shipping_options.shipping_rate_data.fixed_amount.currency_options"
    ),
    "POST /v1/checkout/sessions/{session}/expire": Route(expire),
    "GET /v1/checkout/sessions/{session}/line_items": Route(list_line_items),
}
