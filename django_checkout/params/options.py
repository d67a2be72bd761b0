"""A host's ``CheckoutOptions`` checked and made into parameters of Stripe's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django_checkout.exceptions import OrderDataError, ParameterError
from django_checkout.params.fields import amount, choice, flag, several, text, whole
from django_checkout.params.rules import MAXIMUM_ITEMS
from django_checkout.params.spelling import find_country
from django_checkout.values import CheckoutOptions, CustomField, ShippingOption

SAVE_CARD = ("on_session", "off_session")
SUBMIT_TYPES = ("auto", "book", "donate", "pay", "subscribe")
TAX_BEHAVIORS = ("inclusive", "exclusive", "unspecified")
#: Two years, as of subscriptions.
MAXIMUM_TRIAL_DAYS = 730
MAXIMUM_DISCOUNT_NAME = 40
MAXIMUM_COUNTRIES = 250
#: Stripe's longest id, and the length of what it shows in one line.
MAXIMUM_ID, MAXIMUM_NAME = 255, 100
BRANDING = ("background_color", "border_style", "button_color", "display_name", "font_family", "icon", "logo")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def option_params(options: CheckoutOptions, *, mode: str, currency: str) -> dict[str, Any]:
    """Return the parameters that an order's options stand for.

    Raises:
        OrderDataError: a value that Stripe would refuse, naming its field.
        ParameterError: options that exclude one another.
        MoneyError: an amount that is none in this currency.
    """
    if not isinstance(options, CheckoutOptions):
        raise OrderDataError("options must be a CheckoutOptions.")
    params: dict[str, Any] = {}
    if flag(options.automatic_tax, "automatic_tax"):
        params["automatic_tax"] = {"enabled": True}
    if flag(options.collect_tax_ids, "collect_tax_ids"):
        params["tax_id_collection"] = {"enabled": True}
    params |= _discounts(options)
    params |= _shipping(options, currency)
    if options.adaptive_pricing is not None:
        params["adaptive_pricing"] = {"enabled": flag(options.adaptive_pricing, "adaptive_pricing")}
    if flag(options.collect_billing_address, "collect_billing_address"):
        params["billing_address_collection"] = "required"
    if flag(options.collect_phone, "collect_phone"):
        params["phone_number_collection"] = {"enabled": True}
    # A subscription always has a Customer and invoices.
    if flag(options.create_customer, "create_customer") and mode != "subscription":
        params["customer_creation"] = "always"
    if flag(options.create_invoice, "create_invoice") and mode != "subscription":
        params["invoice_creation"] = {"enabled": True}
    params |= _saved_card(options, mode)
    params |= _custom_fields(options)
    consent = {}
    if flag(options.require_terms_of_service, "require_terms_of_service"):
        consent["terms_of_service"] = "required"
    if flag(options.ask_for_promotions, "ask_for_promotions"):
        consent["promotions"] = "auto"
    if consent:
        params["consent_collection"] = consent
    if submit_type := choice(options.submit_type, "submit_type", SUBMIT_TYPES):
        params["submit_type"] = submit_type
    if branding := _branding(options.branding):
        params["branding_settings"] = branding
    prices = several(options.optional_prices, "optional_prices", maximum=MAXIMUM_ITEMS["optional_items"])
    if prices:
        ids = [text(price, "optional_prices", maximum=MAXIMUM_ID, is_required=True) for price in prices]
        params["optional_items"] = [{"price": price, "quantity": 1} for price in ids]
    if days := whole(options.trial_days, "trial_days", minimum=0, maximum=MAXIMUM_TRIAL_DAYS):
        params["subscription_data"] = {"trial_period_days": days}
    if flag(options.recover_expired, "recover_expired"):
        params["after_expiration"] = {"recovery": {"enabled": True}}
    return params


def shipping_option(option: ShippingOption, currency: str) -> dict[str, Any]:
    """Return one way to ship as Stripe takes it.

    Raises:
        OrderDataError: naming the field.
    """
    if not isinstance(option, ShippingOption):
        raise OrderDataError("shipping_options must be ShippingOption.")
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
            raise OrderDataError("ShippingOption.business_days must name the lesser number first.")
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
    named = [
        name
        for name in ("allow_promotion_codes", "coupon", "promotion_code", "discount_minor")
        if getattr(options, name)
    ]
    if len(named) > 1:
        raise ParameterError(f"Stripe takes only one of: {', '.join(named)}.")
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
            raise OrderDataError(f"shipping_countries: Stripe's pages do not ship to {str(code)[:20]!r}.")
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
        raise OrderDataError("branding: Stripe takes an icon or a logo.")
    made: dict[str, Any] = {}
    for name, value in branding.items():
        if name in ("icon", "logo"):
            if not isinstance(value, Mapping):
                raise OrderDataError(f"branding: {name} must be a mapping, as Stripe's parameter is.")
            made[name] = dict(value)
            continue
        made[name] = text(value, f"branding: {name}", maximum=MAXIMUM_ID)
        if name.endswith("_color") and made[name] and not _COLOR.fullmatch(made[name]):
            raise OrderDataError(f"branding: {name} must be a color such as #0074d4.")
    return made


def _custom_fields(options: CheckoutOptions) -> dict[str, Any]:
    fields = several(options.custom_fields, "custom_fields", maximum=MAXIMUM_ITEMS["custom_fields"])
    made = [_custom_field(field) for field in fields]
    if len({field["key"] for field in made}) < len(made):
        raise OrderDataError("custom_fields: each key must be another one.")
    return {"custom_fields": made} if made else {}


def _custom_field(field: CustomField) -> dict[str, Any]:
    if not isinstance(field, CustomField):
        raise OrderDataError("custom_fields must be CustomField.")
    if not isinstance(field.choices, Mapping) or len(field.choices) > 200:
        raise OrderDataError("CustomField.choices must be a mapping with 200 members at most.")
    is_numeric = flag(field.is_numeric, "CustomField.is_numeric")
    kind = "dropdown" if field.choices else "numeric" if is_numeric else "text"
    result: dict[str, Any] = {
        "key": _alphanumeric(field.key, "CustomField.key", 200),
        "label": {"type": "custom", "custom": text(field.label, "CustomField.label", maximum=50, is_required=True)},
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
