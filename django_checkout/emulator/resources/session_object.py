"""What a new Checkout Session says about itself: its parameters repeated, and defaults for the rest."""

from __future__ import annotations

from ..calls import merged_metadata
from ..messages import Doc
from .account import NAME
from .session_rules import ELEMENTS, EMBEDDED

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


def details(**known: object) -> Doc:
    """Return ``customer_details`` with what is known of the shopper."""
    names = ("address", "business_name", "email", "individual_name", "name", "phone")
    return {**dict.fromkeys(names), "tax_exempt": "none", "tax_ids": [], **known}


def defaults(params: Doc, mode: str, ui_mode: str) -> Doc:
    """Return the fields of a session that its line items do not decide."""
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
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "mode": mode,
        "optional_items": _optional_items(params.get("optional_items")),
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": params.get(
            "payment_method_collection", "always" if mode != "payment" else "if_required"
        ),
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": _method_types(params),
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


def _optional_items(params: list[Doc] | None) -> list[Doc] | None:
    return [{"adjustable_quantity": None, **item} for item in params] if params else None


def _recovery(params: Doc) -> Doc:
    allow = params.get("allow_promotion_codes", False)
    return {"allow_promotion_codes": allow, "enabled": params["enabled"], "expires_at": None, "url": None}


def _method_types(params: Doc) -> list[str]:
    if "payment_method_types" in params:
        types: list[str] = params["payment_method_types"]
        return types
    excluded = params.get("excluded_payment_method_types", [])
    return [kind for kind in ("card",) if kind not in excluded]


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
    # https://docs.stripe.com/payments/checkout/save-during-payment: saving needs a Customer, known or to be made.
    if "customer" not in params and params.get("customer_creation") != "always" and params["mode"] != "subscription":
        return None
    sent = params.get("saved_payment_method_options", {})
    save, remove = sent.get("payment_method_save"), sent.get("payment_method_remove", "disabled")
    filters = sent.get("allow_redisplay_filters", ["always"])
    return {"allow_redisplay_filters": filters, "payment_method_remove": remove, "payment_method_save": save}
