"""A host's ``CheckoutOptions`` checked and made into parameters of Stripe's."""

from __future__ import annotations

from typing import Any

from django_checkout import money
from django_checkout.exceptions import ParameterError
from django_checkout.values import CheckoutOptions, CustomField, ShippingOption

MAXIMUM_SHIPPING_OPTIONS = 5
MAXIMUM_CUSTOM_FIELDS = 3
SAVE_CARD = ("", "on_session", "off_session")
#: Stripe ships to none of these: https://docs.stripe.com/payments/collect-addresses.
UNSUPPORTED_COUNTRIES = frozenset(
    ["AS", "CX", "CC", "CU", "HM", "IR", "KP", "MH", "FM", "NF", "MP", "PW", "SY", "UM", "VI"]
)


def option_params(options: CheckoutOptions, *, mode: str, currency: str) -> dict[str, Any]:
    """Return the parameters that an order's options stand for.

    Raises:
        ParameterError: a value that Stripe would refuse, or options that exclude one another.
        MoneyError: an amount that is none in this currency.
    """
    params: dict[str, Any] = {}
    if options.automatic_tax:
        params["automatic_tax"] = {"enabled": True}
    if options.collect_tax_ids:
        params["tax_id_collection"] = {"enabled": True}
    params |= _discounts(options)
    params |= _shipping(options, currency)
    if options.adaptive_pricing is not None:
        params["adaptive_pricing"] = {"enabled": options.adaptive_pricing}
    if options.collect_billing_address:
        params["billing_address_collection"] = "required"
    if options.collect_phone:
        params["phone_number_collection"] = {"enabled": True}
    if options.create_customer and mode != "subscription":
        params["customer_creation"] = "always"
    if options.create_invoice:
        params["invoice_creation"] = {"enabled": True}
    params |= _saved_card(options, mode)
    if options.custom_fields:
        if len(options.custom_fields) > MAXIMUM_CUSTOM_FIELDS:
            raise ParameterError(f"custom_fields: Stripe takes {MAXIMUM_CUSTOM_FIELDS} at most.")
        params["custom_fields"] = [_custom_field(field) for field in options.custom_fields]
    consent = {
        **({"terms_of_service": "required"} if options.require_terms_of_service else {}),
        **({"promotions": "auto"} if options.ask_for_promotions else {}),
    }
    if consent:
        params["consent_collection"] = consent
    if options.submit_type:
        params["submit_type"] = options.submit_type
    if options.branding:
        params["branding_settings"] = dict(options.branding)
    if options.optional_prices:
        params["optional_items"] = [{"price": price, "quantity": 1} for price in options.optional_prices]
    if options.trial_days:
        params["subscription_data"] = {"trial_period_days": options.trial_days}
    if options.recover_expired:
        params["after_expiration"] = {"recovery": {"enabled": True}}
    return params


def shipping_option(option: ShippingOption, currency: str) -> dict[str, Any]:
    """Return one way to ship as Stripe takes it."""
    rate: dict[str, Any] = {
        "type": "fixed_amount",
        "display_name": option.name,
        "fixed_amount": {"amount": money.check_minor(option.amount_minor, currency), "currency": currency},
    }
    if option.business_days:
        low, high = option.business_days
        rate["delivery_estimate"] = {
            "minimum": {"unit": "business_day", "value": low},
            "maximum": {"unit": "business_day", "value": high},
        }
    if option.tax_code:
        rate["tax_code"] = option.tax_code
    if option.tax_behavior:
        rate["tax_behavior"] = option.tax_behavior
    return {"shipping_rate_data": rate}


def _discounts(options: CheckoutOptions) -> dict[str, Any]:
    named = [
        name
        for name in ("allow_promotion_codes", "coupon", "promotion_code", "discount_minor")
        if getattr(options, name)
    ]
    if len(named) > 1:
        raise ParameterError(f"Stripe takes only one of: {', '.join(named)}.")
    if options.allow_promotion_codes:
        return {"allow_promotion_codes": True}
    if options.coupon:
        return {"discounts": [{"coupon": options.coupon}]}
    if options.promotion_code:
        return {"discounts": [{"promotion_code": options.promotion_code}]}
    return {}


def _shipping(options: CheckoutOptions, currency: str) -> dict[str, Any]:
    params: dict[str, Any] = {}
    if options.shipping_countries:
        refused = sorted(UNSUPPORTED_COUNTRIES.intersection(options.shipping_countries))
        if refused:
            raise ParameterError(f"shipping_countries: Stripe does not ship to {', '.join(refused)}.")
        params["shipping_address_collection"] = {"allowed_countries": list(options.shipping_countries)}
    if options.shipping_options:
        if len(options.shipping_options) > MAXIMUM_SHIPPING_OPTIONS:
            raise ParameterError(f"shipping_options: Stripe takes {MAXIMUM_SHIPPING_OPTIONS} at most.")
        params["shipping_options"] = [shipping_option(option, currency) for option in options.shipping_options]
    return params


def _saved_card(options: CheckoutOptions, mode: str) -> dict[str, Any]:
    if options.save_card not in SAVE_CARD:
        raise ParameterError("save_card must be 'on_session', 'off_session' or empty.")
    if not options.save_card or mode == "setup":
        return {}
    params: dict[str, Any] = {"saved_payment_method_options": {"payment_method_save": "enabled"}}
    if options.save_card == "off_session" and mode == "payment":
        params["payment_intent_data"] = {"setup_future_usage": "off_session"}
    return params


def _custom_field(field: CustomField) -> dict[str, Any]:
    if not field.key.isalnum() or not field.key.isascii():
        raise ParameterError(f"custom_fields: the key {field.key!r} must be alphanumeric.")
    kind = "dropdown" if field.choices else "numeric" if field.is_numeric else "text"
    result: dict[str, Any] = {
        "key": field.key,
        "label": {"type": "custom", "custom": field.label},
        "type": kind,
        "optional": field.is_optional,
    }
    if field.choices:
        result["dropdown"] = {"options": [{"value": value, "label": label} for value, label in field.choices.items()]}
    return result
