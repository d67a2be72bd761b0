"""The fields of a new Checkout Session: its parameters and defaults."""

from __future__ import annotations

from django_checkout.emulator.api.calls import merged_metadata
from django_checkout.emulator.api.resources.account import NAME
from django_checkout.emulator.api.resources.session_rules import ELEMENTS, EMBEDDED
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.cards import DELAYED_METHODS, METHOD_CURRENCIES

#: Parameters that the object repeats unchanged.
_ECHOED = (
    "allow_promotion_codes billing_address_collection client_reference_id customer_email integration_identifier "
    "locale origin_context submit_type wallet_options cancel_url success_url"
)
ECHOED = tuple(_ECHOED.split())
#: Repeated if sent, else left out.
ECHOED_IF_SENT = ("return_url", "excluded_payment_method_types")
#: Fields of a new session that are null.
NULLS = (
    "amount_subtotal amount_total client_secret collected_information currency currency_conversion customer_account "
    "customer_details invoice payment_intent payment_link payment_method_configuration_details recovered_from "
    "setup_intent shipping_cost subscription total_details"
)


def details(**known: object) -> Doc:
    """Return ``customer_details`` with the known fields."""
    names = ("address", "business_name", "email", "individual_name", "name", "phone")
    return {**dict.fromkeys(names), "tax_exempt": "none", "tax_ids": [], **known}


def defaults(params: Doc, mode: str, ui_mode: str) -> Doc:
    """Return the fields of a session that do not depend on its line items."""
    recovery = params.get("after_expiration", {}).get("recovery")
    collection = "always" if mode != "payment" else "if_required"
    tax = params.get("automatic_tax", {"enabled": False})
    customer_creation = params.get("customer_creation", "if_required") if mode != "subscription" else "always"
    return {
        **dict.fromkeys(NULLS.split()),
        "adaptive_pricing": {"enabled": params.get("adaptive_pricing", {}).get("enabled", False)},
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "after_expiration": {"recovery": _recovery(recovery)} if recovery else None,
        "automatic_tax": {
            "enabled": tax["enabled"],
            "liability": {"type": "self"} if tax["enabled"] else None,
            "provider": "stripe" if tax["enabled"] else None,
            "status": "requires_location_inputs" if tax["enabled"] else None,
        },
        **({"branding_settings": _branding(params.get("branding_settings", {}))} if ui_mode != ELEMENTS else {}),
        "consent": {"promotions": None, "terms_of_service": None} if "consent_collection" in params else None,
        "consent_collection": _consent_collection(params.get("consent_collection")),
        "custom_fields": [_custom_field(field) for field in params.get("custom_fields", [])],
        "custom_text": _custom_text(params.get("custom_text", {})),
        "customer": params.get("customer"),
        "customer_creation": None if "customer" in params else customer_creation,
        "discounts": [] if mode != "setup" else None,
        "invoice_creation": _invoice_creation(params.get("invoice_creation")) if mode == "payment" else None,
        "managed_payments": {"enabled": params.get("managed_payments", {}).get("enabled", False)},
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "mode": mode,
        "optional_items": _optional_items(params.get("optional_items")),
        "payment_method_collection": params.get("payment_method_collection", collection),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": _method_types(params),
        "payment_status": "unpaid" if mode != "setup" else "no_payment_required",
        "permissions": params.get("permissions"),
        "phone_number_collection": {"enabled": params.get("phone_number_collection", {}).get("enabled", False)},
        "saved_payment_method_options": _saved_methods(params),
        "shipping_address_collection": params.get("shipping_address_collection"),
        "shipping_options": [],
        "status": "open",
        "tax_id_collection": {"required": "never", "enabled": False, **params.get("tax_id_collection", {})},
        "ui_mode": ui_mode,
        **({"redirect_on_completion": params.get("redirect_on_completion", "always")} if ui_mode == EMBEDDED else {}),
    }


def _optional_items(params: list[Doc] | None) -> list[Doc] | None:
    return [{"adjustable_quantity": None, **item} for item in params] if params else None


def _recovery(params: Doc) -> Doc:
    allow = params.get("allow_promotion_codes", False)
    return {"allow_promotion_codes": allow, "enabled": params["enabled"], "expires_at": None, "url": None}


def is_offered(params: Doc, method: str) -> bool:
    """Return whether the parameters leave a payment method in the set that Stripe offers of its own accord."""
    excluded, allowed = params.get("excluded_payment_method_types", ()), params.get("allowed_payment_method_types")
    return method not in excluded and (allowed is None or method in allowed)


def delayed_methods(params: Doc, currency: str, customer: str | None) -> list[str]:
    """Return the methods of a currency, except cards, that the account offers: its default, and those allowed by name.

    Bank transfers need a customer.
    """
    allowed = params.get("allowed_payment_method_types") or ()
    names = [name for name in allowed if currency in METHOD_CURRENCIES.get(name, ())]
    default = DELAYED_METHODS.get(currency)
    if default and default not in names and is_offered(params, default):
        names.append(default)
    return [name for name in names if customer or name != "customer_balance"]


def check_methods(types: list[str], currency: str | None) -> None:
    """Raise Stripe's error for a payment method that does not exist in a currency."""
    for method in types:
        only = METHOD_CURRENCIES.get(method, (currency,))
        if currency and currency not in only:
            # stripe-samples/firebase-subscription-payments#39
            raise ApiError(
                f"Invalid currency options ``{currency}``. The payment method `{method}` only supports the following "
                f"currencies: {', '.join(f'``{one}``' for one in only)}.",
                param="payment_method_types",
            )


def _method_types(params: Doc) -> list[str]:
    types: list[str] = params.get("payment_method_types") or [name for name in ("card",) if is_offered(params, name)]
    return types


def _branding(params: Doc) -> Doc:
    return {
        "background_color": "#ffffff",
        "border_style": "rounded",
        "button_color": "#0074d4",
        "display_name": NAME,
        "font_family": "default",
        "icon": None,
        "logo": None,
        **{name: value for name, value in params.items() if value},
    }


def _consent_collection(params: Doc | None) -> Doc | None:
    if params is None:
        return None
    names = ("payment_method_reuse_agreement", "promotions", "terms_of_service")
    return {**dict.fromkeys(names), **params}


def _custom_field(params: Doc) -> Doc:
    kind = params["type"]
    rules: Doc = {"options": []} if kind == "dropdown" else {"minimum_length": None, "maximum_length": None}
    answers = {"value": None, "default_value": None, **rules, **params.get(kind, {})}
    label = {"type": params["label"]["type"], "custom": params["label"]["custom"]}
    optional = params.get("optional", False)
    return {"key": params["key"], "label": label, "optional": optional, "type": kind, kind: answers}


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
    # Saving needs a Customer, known or new: https://docs.stripe.com/payments/checkout/save-during-payment.
    if "customer" not in params and params.get("customer_creation") != "always" and params["mode"] != "subscription":
        return None
    sent = params.get("saved_payment_method_options", {})
    save, remove = sent.get("payment_method_save"), sent.get("payment_method_remove", "disabled")
    filters = sent.get("allow_redisplay_filters", ["always"])
    return {"allow_redisplay_filters": filters, "payment_method_remove": remove, "payment_method_save": save}
