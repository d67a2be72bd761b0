"""The types and values of the parameters that django_checkout sends with a new session, beside the rules about them."""

from __future__ import annotations

from .givens import DROPDOWN, ONE_OPTION, PAYMENT, RATE, SESSIONS, SETUP, SUBSCRIPTION, TEXT_FIELD
from .rule import Rule, post, refusal

ADJUSTABLE = "line_items[0][adjustable_quantity]"
PRICE = "line_items[0][price_data]"
DATA = "shipping_options[0][shipping_rate_data]"
SHIPPED = f"{PAYMENT}&{RATE}"
ESTIMATE = f"{DATA}[delivery_estimate]"
IN_DAYS = f"{SHIPPED}&" + "&".join(
    f"{ESTIMATE}[{end}][unit]=business_day&{ESTIMATE}[{end}][value]={days}"
    for end, days in (("minimum", 2), ("maximum", 4))
)
ICON = f"{PAYMENT}&branding_settings[icon][url]=https://shop.example.com/icon.png"
LONG = "x" * 501
METADATA = "https://docs.stripe.com/metadata"

#: A request, a parameter, a value that Stripe refuses and one that it accepts.
VALUES = (
    (PAYMENT, "billing_address_collection", "always", "required"),
    (PAYMENT, f"{PRICE}[tax_behavior]", "net", "exclusive"),
    (f"{PAYMENT}&{ADJUSTABLE}[maximum]=5", f"{ADJUSTABLE}[enabled]", "yes", "true"),
    (f"{PAYMENT}&{ADJUSTABLE}[enabled]=true", f"{ADJUSTABLE}[minimum]", "one", "1"),
    (PAYMENT, "payment_intent_data[capture_method]", "later", "manual"),
    (PAYMENT, "payment_intent_data[setup_future_usage]", "never", "off_session"),
    (PAYMENT, "allow_promotion_codes", "yes", "true"),
    (PAYMENT, "automatic_tax[enabled]", "yes", "true"),
    (PAYMENT, "tax_id_collection[enabled]", "yes", "true"),
    (PAYMENT, "phone_number_collection[enabled]", "yes", "true"),
    (PAYMENT, "customer_creation", "never", "always"),
    (PAYMENT, "submit_type", "buy", "book"),
    (PAYMENT, "invoice_creation[enabled]", "yes", "true"),
    (PAYMENT, "after_expiration[recovery][enabled]", "yes", "true"),
    (PAYMENT, "consent_collection[terms_of_service]", "always", "required"),
    (PAYMENT, "consent_collection[promotions]", "required", "auto"),
    (PAYMENT, "adaptive_pricing[enabled]", "yes", "false"),
    (f"{PAYMENT}&customer_creation=always", "saved_payment_method_options[payment_method_save]", "always", "enabled"),
    (SUBSCRIPTION, "subscription_data[trial_period_days]", "two", "2"),
    (PAYMENT, "expires_at", "soon", "<now+3600>"),
    (SHIPPED, f"{DATA}[type]", "free", "fixed_amount"),
    (SHIPPED, f"{DATA}[display_name]", "x" * 101, "x" * 100),
    (SHIPPED, f"{DATA}[fixed_amount][amount]", "4.90", "490"),
    (SHIPPED, f"{DATA}[tax_behavior]", "net", "exclusive"),
    (IN_DAYS, f"{ESTIMATE}[minimum][unit]", "fortnight", "business_day"),
    (IN_DAYS, f"{ESTIMATE}[maximum][value]", "four", "4"),
    (f"{PAYMENT}&{TEXT_FIELD}", "custom_fields[0][optional]", "yes", "true"),
    (f"{PAYMENT}&{TEXT_FIELD}", "custom_fields[0][label][type]", "html", "custom"),
    (f"{PAYMENT}&{DROPDOWN}&{ONE_OPTION}", "custom_fields[0][type]", "radio", "dropdown"),
    (PAYMENT, "branding_settings[border_style]", "round", "pill"),
    (PAYMENT, "branding_settings[font_family]", "comic", "inter"),
    (ICON, "branding_settings[icon][type]", "link", "url"),
)
#: The metadata of the object that a mode creates.
NESTED = {"payment_intent_data": PAYMENT, "subscription_data": SUBSCRIPTION, "setup_intent_data": SETUP}


def _value(base: str, name: str, wrong: str, right: str) -> Rule:
    path = name.replace("][", ".").replace("[", ".").rstrip("]").replace(".0", "")
    source = name.replace("[0]", "[]")
    return Rule(
        id=f"value.{path}",
        says=f"`{path}` cannot be `{wrong if len(wrong) < 20 else 'longer'}`.",
        source=f"OpenAPI POST {SESSIONS} {source}",
        refused=post(SESSIONS, base, {name: wrong}),
        answer=refusal(param=name),
        accepted=post(SESSIONS, base, {name: right}),
    )


def _nested(name: str, base: str) -> Rule:
    return Rule(
        id=f"value.{name}.metadata",
        says=f"A value in `{name}.metadata` has at most 500 characters.",
        source=METADATA,
        refused=post(SESSIONS, base, {f"{name}[metadata][order_id]": LONG}),
        answer=refusal(param=f"{name}[metadata]"),
        accepted=post(SESSIONS, base, {f"{name}[metadata][order_id]": LONG[:500]}),
    )


RULES = (*(_value(*row) for row in VALUES), *(_nested(name, base) for name, base in NESTED.items()))
