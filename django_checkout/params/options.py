"""Converts ``CheckoutOptions`` to Stripe's parameters, validates them, and merges the site's defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from django_checkout.conf import conf
from django_checkout.exceptions import OrderDataError, ParameterError
from django_checkout.params.fields import amount, choice, flag, several, text, whole
from django_checkout.params.invoices import invoice_params
from django_checkout.params.rules import MAXIMUM_ITEMS
from django_checkout.params.spelling import find_country
from django_checkout.params.versions import MAXIMUM_LABEL
from django_checkout.values import CheckoutOptions, CustomField, ShippingOption

SAVE_CARD = ("on_session", "off_session")
#: A parameter of the embedded page; our script does the same in the Elements checkout.
REDIRECT = "redirect_on_completion"
REDIRECTS = ("always", "if_required", "never")
SUBMIT_TYPES = ("auto", "book", "donate", "pay", "subscribe")
TAX_BEHAVIORS = ("inclusive", "exclusive", "unspecified")
#: Stripe's limit for subscriptions.
MAXIMUM_TRIAL_DAYS = 730
MAXIMUM_DISCOUNT_NAME = 40
MAXIMUM_COUNTRIES = 250
#: The most characters of Stripe's ids, and of names and labels.
MAXIMUM_ID, MAXIMUM_NAME = 255, 100
BRANDING = ("background_color", "border_style", "button_color", "display_name", "font_family", "icon", "logo")
#: What each flag sets.
_FLAGS: Mapping[str, tuple[str, Any]] = {
    "automatic_tax": ("automatic_tax", {"enabled": True}),
    "collect_tax_ids": ("tax_id_collection", {"enabled": True}),
    "collect_billing_address": ("billing_address_collection", "required"),
    "collect_phone": ("phone_number_collection", {"enabled": True}),
    "create_customer": ("customer_creation", "always"),
    "create_invoice": ("invoice_creation", {"enabled": True}),
    "recover_expired": ("after_expiration", {"recovery": {"enabled": True}}),
}
#: What each flag sets in ``consent_collection``.
_CONSENTS = {"require_terms_of_service": ("terms_of_service", "required"), "ask_for_promotions": ("promotions", "auto")}
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def effective(own: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return an order's ``params`` with the site's defaults below them, and those given to ``start`` above them."""
    return {**conf.CHECKOUT_SESSION_DEFAULTS, **own, **(given or {})}


def for_ui_mode(own: Mapping[str, Any], ui_mode: str) -> dict[str, Any]:
    """Return an order's ``params`` without those that Stripe knows in another UI mode only."""
    return {name: value for name, value in own.items() if name != REDIRECT or ui_mode == "embedded_page"}


def stays_on_page(parameters: Mapping[str, Any]) -> bool:
    """Return whether a checkout in the shop's page is complete without leaving it."""
    return bool(parameters.get(REDIRECT, "always") != "always")


def needs_billing_address(parameters: Mapping[str, Any]) -> bool:
    """Return whether the checkout needs more of the billing address than the Payment Element collects."""
    if parameters.get("billing_address_collection") == "required":
        return True
    is_taxed = bool(parameters.get("automatic_tax", {}).get("enabled"))
    return is_taxed and "shipping_address_collection" not in parameters


def option_params(options: CheckoutOptions, *, mode: str, currency: str) -> dict[str, Any]:
    """Return the parameters for an order's options.

    Raises:
        OrderDataError: Stripe would refuse a value.
        ParameterError: options are mutually exclusive.
        MoneyError: an amount is not valid in the currency.
    """
    if not isinstance(options, CheckoutOptions):
        raise OrderDataError("options must be a CheckoutOptions.")
    given = [name for name in (*_FLAGS, *_CONSENTS) if flag(getattr(options, name), name)]
    params = deepcopy(dict(_FLAGS[name] for name in given if name in _FLAGS))
    if mode == "subscription":
        # It always has a Customer and invoices.
        for name in ("customer_creation", "invoice_creation"):
            params.pop(name, None)
    if consents := dict(_CONSENTS[name] for name in given if name in _CONSENTS):
        params["consent_collection"] = consents
    if options.adaptive_pricing is not None:
        params["adaptive_pricing"] = {"enabled": flag(options.adaptive_pricing, "adaptive_pricing")}
    params |= _discounts(options) | _shipping(options, currency) | _saved_card(options, mode) | _custom_fields(options)
    if mode != "subscription" and (invoice := invoice_params(options)):
        params["invoice_creation"] = {"enabled": True, "invoice_data": invoice}
    if submit_type := choice(options.submit_type, "submit_type", SUBMIT_TYPES):
        params["submit_type"] = submit_type
    if redirect := choice(options.redirect_on_completion, REDIRECT, REDIRECTS):
        params[REDIRECT] = redirect
    if branding := _branding(options.branding):
        params["branding_settings"] = branding
    prices = several(options.optional_prices, "optional_prices", maximum=MAXIMUM_ITEMS["optional_items"])
    if prices:
        ids = [text(price, "optional_prices", maximum=MAXIMUM_ID, is_required=True) for price in prices]
        params["optional_items"] = [{"price": price, "quantity": 1} for price in ids]
    if days := whole(options.trial_days, "trial_days", minimum=0, maximum=MAXIMUM_TRIAL_DAYS):
        params["subscription_data"] = {"trial_period_days": days}
    return params


def shipping_option(option: ShippingOption, currency: str) -> dict[str, Any]:
    """Return Stripe's parameters for a shipping option.

    Raises:
        OrderDataError: Stripe would refuse a value.
    """
    if not isinstance(option, ShippingOption):
        raise OrderDataError("shipping_options must contain ShippingOption.")
    price = amount(option.amount_minor, "ShippingOption.amount_minor", currency)
    rate: dict[str, Any] = {
        "type": "fixed_amount",
        "display_name": text(option.name, "ShippingOption.name", maximum=MAXIMUM_NAME, is_required=True),
        "fixed_amount": {"amount": price, "currency": currency},
    }
    if option.business_days:
        days = several(option.business_days, "ShippingOption.business_days", maximum=2)
        low, high = (whole(day, "ShippingOption.business_days", minimum=1, maximum=999) for day in (days[0], days[-1]))
        if low > high:
            raise OrderDataError("ShippingOption.business_days must be (minimum, maximum).")
        rate["delivery_estimate"] = {
            "minimum": {"unit": "business_day", "value": low},
            "maximum": {"unit": "business_day", "value": high},
        }
    if tax_code := text(option.tax_code, "ShippingOption.tax_code", maximum=64):
        rate["tax_code"] = tax_code
    if behavior := choice(option.tax_behavior, "ShippingOption.tax_behavior", TAX_BEHAVIORS):
        rate["tax_behavior"] = behavior
    return {"shipping_rate_data": rate}


def _discounts(options: CheckoutOptions) -> dict[str, Any]:
    allows = flag(options.allow_promotion_codes, "allow_promotion_codes")
    coupon = text(options.coupon, "coupon", maximum=MAXIMUM_ID)
    code = text(options.promotion_code, "promotion_code", maximum=MAXIMUM_ID)
    names = ("allow_promotion_codes", "coupon", "promotion_code", "discount_minor")
    exclusive = [name for name in names if getattr(options, name)]
    if len(exclusive) > 1:
        raise ParameterError(f"Stripe accepts only one of: {', '.join(exclusive)}.")
    if allows:
        return {"allow_promotion_codes": True}
    if coupon:
        return {"discounts": [{"coupon": coupon}]}
    return {"discounts": [{"promotion_code": code}]} if code else {}


def _shipping(options: CheckoutOptions, currency: str) -> dict[str, Any]:
    params: dict[str, Any] = {}
    countries = []
    for code in several(options.shipping_countries, "shipping_countries", maximum=MAXIMUM_COUNTRIES):
        country = find_country(text(code, "shipping_countries", maximum=64))
        if not country:
            raise OrderDataError(f"shipping_countries: Stripe does not support {str(code)[:20]!r}.")
        countries.append(country)
    if countries:
        params["shipping_address_collection"] = {"allowed_countries": list(dict.fromkeys(countries))}
    rates = several(options.shipping_options, "shipping_options", maximum=MAXIMUM_ITEMS["shipping_options"])
    if rates:
        params["shipping_options"] = [shipping_option(rate, currency) for rate in rates]
    return params


def _saved_card(options: CheckoutOptions, mode: str) -> dict[str, Any]:
    kind = choice(options.save_card, "save_card", SAVE_CARD)
    if not kind or mode == "setup":
        return {}
    params: dict[str, Any] = {"saved_payment_method_options": {"payment_method_save": "enabled"}}
    if kind == "off_session" and mode == "payment":
        params["payment_intent_data"] = {"setup_future_usage": "off_session"}
    return params


def _branding(branding: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(branding, Mapping) or not set(branding) <= set(BRANDING):
        raise OrderDataError(f"branding must be a mapping of: {', '.join(BRANDING)}.")
    if "icon" in branding and "logo" in branding:
        raise OrderDataError("branding: Stripe accepts only one of: icon, logo.")
    result: dict[str, Any] = {}
    for name, value in branding.items():
        if name in ("icon", "logo"):
            if not isinstance(value, Mapping):
                raise OrderDataError(f"branding: {name} must be a mapping.")
            result[name] = dict(value)
            continue
        result[name] = text(value, f"branding: {name}", maximum=MAXIMUM_ID)
        if name.endswith("_color") and result[name] and not _COLOR.fullmatch(result[name]):
            raise OrderDataError(f"branding: {name} must be a color such as #0074d4.")
    return result


def _custom_fields(options: CheckoutOptions) -> dict[str, Any]:
    fields = several(options.custom_fields, "custom_fields", maximum=MAXIMUM_ITEMS["custom_fields"])
    result = [_custom_field(field) for field in fields]
    if len({field["key"] for field in result}) < len(result):
        raise OrderDataError("custom_fields: keys must be unique.")
    return {"custom_fields": result} if result else {}


def _custom_field(field: CustomField) -> dict[str, Any]:
    if not isinstance(field, CustomField):
        raise OrderDataError("custom_fields must contain CustomField.")
    if not isinstance(field.choices, Mapping) or len(field.choices) > 200:
        raise OrderDataError("CustomField.choices must be a mapping with at most 200 items.")
    is_numeric = flag(field.is_numeric, "CustomField.is_numeric")
    label = text(field.label, "CustomField.label", maximum=MAXIMUM_LABEL[conf.CHECKOUT_API_VERSION], is_required=True)
    kind = "dropdown" if field.choices else "numeric" if is_numeric else "text"
    result: dict[str, Any] = {
        "key": _alphanumeric(field.key, "CustomField.key", 200),
        "label": {"type": "custom", "custom": label},
        "type": kind,
        "optional": flag(field.is_optional, "CustomField.is_optional"),
    }
    if field.choices:
        result["dropdown"] = {
            "options": [
                {
                    "value": _alphanumeric(value, "CustomField.choices", MAXIMUM_NAME),
                    "label": text(label, "CustomField.choices", maximum=MAXIMUM_NAME, is_required=True),
                }
                for value, label in field.choices.items()
            ]
        }
    return result


def _alphanumeric(value: Any, name: str, maximum: int) -> str:
    key = text(value, name, maximum=maximum)
    if not key.isalnum() or not key.isascii():
        raise OrderDataError(f"{name}: {key[:40]!r} must be alphanumeric.")
    return key
