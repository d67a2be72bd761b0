"""Checkout Sessions: made, read, listed, updated, expired."""

from __future__ import annotations

import re

from ..calls import Call, list_objects, list_values, merged_metadata
from ..currencies import check_charge_amount, check_currency
from ..ids import random_text
from ..messages import ApiError, Doc, StateError, missing_object
from ..world import World
from . import lines
from .account import NAME
from .session_rules import ELEMENTS, EMBEDDED, HOSTED, check_session, life_seconds
from .shipping import chosen_cost, offered

KIND = "checkout.session"
RECOVERY_SECONDS = 30 * 24 * 3600
#: Parameters that the object repeats as they came.
ECHOED = (
    "allow_promotion_codes",
    "billing_address_collection",
    "client_reference_id",
    "customer_email",
    "integration_identifier",
    "locale",
    "origin_context",
    "submit_type",
    "wallet_options",
    "cancel_url",
    "success_url",
)
#: Repeated too, where they came at all; Stripe leaves them out otherwise.
ECHOED_IF_SENT = ("return_url", "excluded_payment_method_types")


def create(call: Call) -> Doc:
    """POST /v1/checkout/sessions."""
    check_session(call.params)
    return new_session(call.world, call.params, call.base_url)


def new_session(world: World, params: Doc, base_url: str, **overrides: object) -> Doc:
    """Make and keep a session."""
    mode, ui_mode = params["mode"], params.get("ui_mode", HOSTED)
    life = life_seconds(params, world.clock)
    if "customer" in params:
        world.get("customer", params["customer"], "customer")
    for discount in params.get("discounts", []):
        kind, object_id = next(iter(discount.items()))
        raise missing_object(kind, object_id, f"discounts[0][{kind}]")
    items = lines.new_lines(world, params["line_items"], mode) if mode != "setup" else []
    session = world.new(KIND, **_defaults(params, mode, ui_mode))
    session.update({name: params.get(name) for name in ECHOED})
    session.update({name: params[name] for name in ECHOED_IF_SENT if name in params})
    if "name_collection" in params:
        kinds = params["name_collection"]
        session["name_collection"] = {kind: {"optional": False, **sent} for kind, sent in kinds.items()}
    session["expires_at"] = params.get("expires_at", session["created"] + life)
    session["url"] = f"{base_url}/pay/{session['id']}" if ui_mode == HOSTED else None
    if ui_mode != HOSTED:
        session["client_secret"] = f"{session['id']}_secret_{random_text(50)}"
    if "customer_email" in params:
        session["customer_details"] = details(email=params["customer_email"])
    session["_params"] = params
    session["_base_url"] = base_url
    session.update(overrides)
    if mode != "setup":
        currency = items[0]["currency"]
        session["shipping_options"] = offered(world, params.get("shipping_options", []), currency)
        set_lines(world, session, items)
    elif "currency" in params:
        session["currency"] = check_currency(params["currency"], "currency")
    world.store.insert(session)
    world.schedule("expire_session", session["id"], world.clock.now() + life)
    return session


def set_lines(world: World, session: Doc, items: list[Doc]) -> None:
    """Give a session its line items and the amounts that follow; the caller keeps it."""
    session["_lines"] = items
    session["currency"] = items[0]["currency"]
    session["shipping_cost"] = chosen_cost(world, session)
    set_totals(session)
    check_charge_amount(session["amount_total"], session["currency"])


def choose_shipping(world: World, session: Doc, shipping_rate: str) -> Doc:
    """Set the shipping rate of an open session to one of those it offers."""
    check_open(session)
    if shipping_rate not in [option["shipping_rate"] for option in session["shipping_options"]]:
        raise ApiError("This shipping rate is not offered.", code="resource_missing", param="shipping_rate")
    session["shipping_cost"] = {**session["shipping_cost"], "shipping_rate": shipping_rate}
    session["shipping_cost"] = chosen_cost(world, session)
    set_totals(session)
    return world.store.save(session)


def set_totals(session: Doc) -> None:
    """Add up the line items and the shipping."""
    items, shipping = session["_lines"], session["shipping_cost"]
    discount, tax = lines.total(items, "amount_discount"), lines.total(items, "amount_tax")
    session["amount_subtotal"] = lines.total(items, "amount_subtotal")
    session["amount_total"] = lines.total(items, "amount_total") + (shipping["amount_total"] if shipping else 0)
    session["total_details"] = {
        "amount_discount": discount,
        "amount_shipping": shipping["amount_subtotal"] if shipping else 0,
        "amount_tax": tax + (shipping["amount_tax"] if shipping else 0),
    }


def details(**known: object) -> Doc:
    """Return ``customer_details`` with what is known of the shopper."""
    names = ("address", "business_name", "email", "individual_name", "name", "phone")
    return {**dict.fromkeys(names), "tax_exempt": "none", "tax_ids": [], **known}


def _defaults(params: Doc, mode: str, ui_mode: str) -> Doc:
    recovery = params.get("after_expiration", {}).get("recovery")
    tax = params.get("automatic_tax", {"enabled": False})
    customer_creation = params.get("customer_creation", "if_required") if mode != "subscription" else "always"
    return {
        "adaptive_pricing": {"enabled": params.get("adaptive_pricing", {}).get("enabled", False)},
        "after_expiration": {"recovery": _recovery(recovery)} if recovery else None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {
            "enabled": tax["enabled"],
            "liability": {"type": "self"} if tax["enabled"] else None,
            "provider": "stripe" if tax["enabled"] else None,
            "status": "requires_location_inputs" if tax["enabled"] else None,
        },
        **({"branding_settings": _branding(params.get("branding_settings", {}))} if ui_mode != ELEMENTS else {}),
        "client_secret": None,
        "collected_information": None,
        "consent": {"promotions": None, "terms_of_service": None} if "consent_collection" in params else None,
        "consent_collection": _consent_collection(params.get("consent_collection")),
        "currency": None,
        "currency_conversion": None,
        "custom_fields": [_custom_field(field) for field in params.get("custom_fields", [])],
        "custom_text": _custom_text(params.get("custom_text", {})),
        "customer": params.get("customer"),
        "customer_account": None,
        "customer_creation": None if "customer" in params else customer_creation,
        "customer_details": None,
        "discounts": [] if mode != "setup" else None,
        "invoice": None,
        "invoice_creation": _invoice_creation(params.get("invoice_creation")) if mode == "payment" else None,
        "managed_payments": {"enabled": params.get("managed_payments", {}).get("enabled", False)},
        "metadata": params.get("metadata", {}),
        "mode": mode,
        "optional_items": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": params.get(
            "payment_method_collection", "always" if mode != "payment" else "if_required"
        ),
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("payment_method_types", ["card", "sepa_debit"]),
        "payment_status": "unpaid" if mode != "setup" else "no_payment_required",
        "permissions": params.get("permissions"),
        "phone_number_collection": {"enabled": params.get("phone_number_collection", {}).get("enabled", False)},
        "recovered_from": None,
        "saved_payment_method_options": _saved_methods(params),
        "setup_intent": None,
        "shipping_address_collection": params.get("shipping_address_collection"),
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "tax_id_collection": {"required": "never", "enabled": False, **params.get("tax_id_collection", {})},
        "total_details": None,
        "ui_mode": ui_mode,
        **({"redirect_on_completion": params.get("redirect_on_completion", "always")} if ui_mode == EMBEDDED else {}),
    }


def _recovery(params: Doc) -> Doc:
    allow = params.get("allow_promotion_codes", False)
    return {"allow_promotion_codes": allow, "enabled": params["enabled"], "expires_at": None, "url": None}


def _branding(params: Doc) -> Doc:
    defaults = {
        "background_color": "#ffffff",
        "border_style": "rounded",
        "button_color": "#0074d4",
        "display_name": NAME,
        "font_family": "default",
    }
    return {**defaults, "icon": None, "logo": None, **{name: value for name, value in params.items() if value}}


def _consent_collection(params: Doc | None) -> Doc | None:
    if params is None:
        return None
    names = ("payment_method_reuse_agreement", "promotions", "terms_of_service")
    return {**dict.fromkeys(names), **params}


def _custom_field(params: Doc) -> Doc:
    kind = params["type"]
    answers: Doc = {"value": None, "default_value": None, **params.get(kind, {})}
    if kind == "dropdown":
        answers.setdefault("options", [])
    else:
        answers = {"minimum_length": None, "maximum_length": None, **answers}
    label = {"type": params["label"]["type"], "custom": params["label"]["custom"]}
    return {
        "key": params["key"],
        "label": label,
        "optional": params.get("optional", False),
        "type": kind,
        kind: answers,
    }


def _custom_text(params: Doc) -> Doc:
    names = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return {name: params.get(name) or None for name in names}


def _invoice_creation(params: Doc | None) -> Doc:
    sent = (params or {}).get("invoice_data", {})
    names = ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    data: Doc = {**dict.fromkeys(names), "metadata": {}, **{name: value or None for name, value in sent.items()}}
    return {
        "enabled": bool(params and params["enabled"]),
        "invoice_data": {**data, "metadata": sent.get("metadata", {})},
    }


def _saved_methods(params: Doc) -> Doc | None:
    if "customer" not in params:
        return None
    sent = params.get("saved_payment_method_options", {})
    save, remove = sent.get("payment_method_save"), sent.get("payment_method_remove", "disabled")
    filters = sent.get("allow_redisplay_filters", ["always"])
    return {"allow_redisplay_filters": filters, "payment_method_remove": remove, "payment_method_save": save}


def get(call: Call) -> Doc:
    """Return the session that the call names."""
    return call.world.get(KIND, call.ids["session"], "session")


def retrieve(call: Call) -> Doc:
    """GET /v1/checkout/sessions/:session."""
    return get(call)


def list_sessions(call: Call) -> Doc:
    """GET /v1/checkout/sessions."""
    names = ("customer", "customer_account", "payment_intent", "payment_link", "status", "subscription")
    email = call.params.get("customer_details", {}).get("email")
    return list_objects(call, KIND, names, {"customer_details.email": email} if email else None)


def list_line_items(call: Call) -> Doc:
    """GET /v1/checkout/sessions/:session/line_items."""
    return list_values(call, get(call).get("_lines", []))


def expire(call: Call) -> Doc:
    """POST /v1/checkout/sessions/:session/expire."""
    session = get(call)
    if session["status"] != "open":
        raise StateError(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}.",
            param="session",
        )
    return expire_session(call.world, session)


def expire_session(world: World, session: Doc) -> Doc:
    """Close an open session unpaid, with its payment intent."""
    if session["payment_intent"]:
        intent = world.get("payment_intent", session["payment_intent"])
        if intent["status"] not in ("succeeded", "canceled"):
            changes = {"status": "canceled", "canceled_at": world.clock.now(), "cancellation_reason": "automatic"}
            world.update(intent, "payment_intent.canceled", **changes, next_action=None)
    changes = {"status": "expired", "url": None, "client_secret": None}
    if session["after_expiration"]:
        now = world.clock.now()
        url = f"{session['_base_url']}/recover/{session['id']}"
        recovery = {**session["after_expiration"]["recovery"], "url": url, "expires_at": now + RECOVERY_SECONDS}
        if recovery["enabled"]:
            changes["after_expiration"] = {"recovery": recovery}
    return world.update(session, "checkout.session.expired", **changes)


def expire_due(world: World, session: Doc) -> None:
    """Expire a session whose time has come, if it is still open."""
    if session["status"] == "open":
        expire_session(world, session)


def recover(world: World, session: Doc) -> Doc:
    """Make the copy that a recovery URL opens."""
    recovery = (session["after_expiration"] or {}).get("recovery")
    if session["status"] != "expired" or not recovery or not recovery["url"]:
        raise ApiError("This Checkout Session cannot be recovered.", code="checkout_session_not_recoverable")
    if recovery["expires_at"] <= world.clock.now():
        raise ApiError("This recovery link has expired.", code="checkout_session_not_recoverable")
    params = {name: value for name, value in session["_params"].items() if name != "expires_at"}
    if recovery["allow_promotion_codes"]:
        params["allow_promotion_codes"] = True
    return new_session(world, params, session["_base_url"], recovered_from=session["id"])


def update(call: Call) -> Doc:
    """POST /v1/checkout/sessions/:session."""
    world, session, params = call.world, get(call), call.params
    changes = set(params) - {"expand", "metadata"}
    if changes and session["status"] != "open":
        raise StateError(f"This Checkout Session is {session['status']} and can no longer be updated.", param="session")
    if "line_items" in params and session["ui_mode"] != ELEMENTS:
        raise StateError("`line_items` can only be updated when `ui_mode` is `elements`.", param="line_items")
    if "collected_information" in params and session["ui_mode"] == HOSTED:
        message = "`collected_information` can not be updated when `ui_mode` is `hosted_page`."
        raise StateError(message, param="collected_information")
    if "metadata" in params:
        session["metadata"] = merged_metadata(session["metadata"], params["metadata"])
    if "collected_information" in params:
        session["collected_information"] = {
            "business_name": None,
            "individual_name": None,
            "shipping_details": _shipping_details(params["collected_information"].get("shipping_details")),
        }
    if "shipping_options" in params:
        session["shipping_options"] = offered(world, params["shipping_options"] or [], session["currency"])
    items = session.get("_lines", [])
    if "line_items" in params:
        items = lines.replaced_lines(world, items, params["line_items"], session["mode"])
    if "line_items" in params or "shipping_options" in params:
        set_lines(world, session, items)
    return world.store.save(session)


def _shipping_details(params: Doc | None) -> Doc | None:
    if not params:
        return None
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    return {"name": params["name"], "address": {**dict.fromkeys(names), **params["address"]}}


def substituted(url: str | None, session: Doc) -> str | None:
    """Return a URL of the host with the session's id in place of ``{CHECKOUT_SESSION_ID}``."""
    return re.sub(r"\{CHECKOUT_SESSION_ID\}", session["id"], url) if url else None


def check_open(session: Doc) -> None:
    """Raise unless the session can still be paid."""
    if session["status"] != "open":
        raise ApiError(f"This Checkout Session is {session['status']}.", code="checkout_session_not_open")
