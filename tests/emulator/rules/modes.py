"""Which parameters of a new session are allowed or needed in which mode."""

from __future__ import annotations

from .givens import EMBEDDED, PAYMENT, RATE, SESSIONS, SETUP, SUBSCRIPTION
from .rule import Rule, post, refusal, session_field, shows

MODES = {"payment": PAYMENT, "subscription": SUBSCRIPTION, "setup": SETUP}
SHIPPING_GUIDE = "https://docs.stripe.com/payments/checkout/custom-shipping-options"

#: Parameter, form, modes that refuse it, a mode that accepts it, source.
BY_MODE = (
    (
        "line_items",
        "line_items[0][price]=<price>&line_items[0][quantity]=1",
        "setup",
        "payment",
        "invertase/stripe-firebase-extensions#700",
    ),
    (
        "payment_intent_data",
        "payment_intent_data[description]=Tea",
        "subscription setup",
        "payment",
        session_field(".payment_intent_data"),
    ),
    (
        "subscription_data",
        "subscription_data[description]=Tea",
        "payment setup",
        "subscription",
        session_field(".subscription_data"),
    ),
    (
        "setup_intent_data",
        "setup_intent_data[description]=Tea",
        "payment subscription",
        "setup",
        session_field(".setup_intent_data"),
    ),
    (
        "customer_creation",
        "customer_creation=always",
        "subscription",
        "payment",
        session_field(".customer_creation"),
    ),
    (
        "payment_method_collection",
        "payment_method_collection=if_required",
        "payment setup",
        "subscription",
        session_field(".payment_method_collection"),
    ),
    (
        "phone_number_collection",
        "phone_number_collection[enabled]=true",
        "setup",
        "subscription",
        session_field("PhoneNumberCollection.enabled"),
    ),
    ("submit_type", "submit_type=pay", "setup", "payment", session_field(".submit_type")),
    (
        "saved_payment_method_options",
        "saved_payment_method_options[payment_method_save]=enabled",
        "setup",
        "subscription",
        session_field(".saved_payment_method_options"),
    ),
    (
        "optional_items",
        "optional_items[0][price]=<price>&optional_items[0][quantity]=1",
        "setup",
        "payment",
        session_field(".optional_items"),
    ),
    ("shipping_options", RATE, "subscription setup", "payment", SHIPPING_GUIDE),
    (
        "allow_promotion_codes",
        "allow_promotion_codes=true",
        "setup",
        "subscription",
        "invertase/stripe-firebase-extensions#519",
    ),
)


def _by_mode() -> list[Rule]:
    return [
        Rule(
            id=f"mode.{refusing}.{name}",
            says=f"`{name}` is not allowed in `{refusing}` mode.",
            source=source,
            refused=post(SESSIONS, MODES[refusing], text),
            answer=refusal(f"You can not pass `{name}` in `{refusing}` mode." if "#" in source else "", param=name),
            accepted=post(SESSIONS, MODES[accepting], "-line_items" if name == "line_items" else "", text),
            result=shows(mode=accepting),
        )
        for name, text, refusing_modes, accepting, source in BY_MODE
        for refusing in refusing_modes.split()
    ]


def _needed() -> list[Rule]:
    return [
        Rule(
            id="mode.required",
            says="A new session names its mode.",
            source=session_field(".mode"),
            refused=post(SESSIONS, PAYMENT, "-mode"),
            answer=refusal("Missing required param: mode.", param="mode", code="parameter_missing"),
            accepted=post(SESSIONS, PAYMENT),
        ),
        Rule(
            id="mode.known",
            says="`mode` is one of payment, setup and subscription.",
            source="OpenAPI POST /v1/checkout/sessions mode",
            refused=post(SESSIONS, PAYMENT, "mode=rent"),
            answer=refusal(param="mode"),
            accepted=post(SESSIONS, PAYMENT, "mode=payment"),
        ),
        *(
            Rule(
                id=f"mode.{mode}.line_items.required",
                says=f"`line_items` is required in `{mode}` mode.",
                source=session_field(".line_items"),
                refused=post(SESSIONS, MODES[mode], "-line_items"),
                answer=refusal(param="line_items", code="parameter_missing"),
                accepted=post(SESSIONS, MODES[mode]),
            )
            for mode in ("payment", "subscription")
        ),
        Rule(
            id="mode.setup.currency.required",
            says="`currency` is required in `setup` mode unless payment method types are listed.",
            source=session_field(".currency"),
            refused=post(SESSIONS, SETUP, "-currency"),
            answer=refusal(param="currency"),
            accepted=post(SESSIONS, SETUP, "-currency&payment_method_types[0]=card"),
        ),
        Rule(
            id="mode.setup.automatic_tax",
            says="Automatic tax cannot be enabled in `setup` mode.",
            source="laravel/cashier-stripe#1581",
            refused=post(SESSIONS, SETUP, "automatic_tax[enabled]=true"),
            answer=refusal("You cannot set `automatic_tax[enabled]=true` in `setup` mode."),
            accepted=post(SESSIONS, SETUP, "automatic_tax[enabled]=false"),
        ),
        *(
            Rule(
                id=f"mode.{mode}.invoice_creation",
                says=f"Invoice creation can only be enabled in `payment` mode, not in `{mode}` mode.",
                source="Azuriom/Plugin-Shop#273",
                refused=post(SESSIONS, MODES[mode], "invoice_creation[enabled]=true"),
                answer=refusal("You can only enable invoice creation when `mode` is set to `payment`."),
                accepted=post(SESSIONS, PAYMENT, "invoice_creation[enabled]=true"),
                result=shows(invoice_creation__enabled=True),
            )
            for mode in ("subscription", "setup")
        ),
        Rule(
            id="mode.setup.discounts",
            says="A session in `setup` mode has no discounts.",
            source="invertase/stripe-firebase-extensions#519",
            refused=post(SESSIONS, SETUP, "discounts[0][coupon]=<coupon>"),
            answer=refusal(),
            accepted=post(SESSIONS, SUBSCRIPTION, "discounts[0][coupon]=<coupon>"),
        ),
        *(
            Rule(
                id=f"url.{name}",
                says=f"`{name}` is an absolute URL with http or https.",
                source="https://docs.stripe.com/error-codes#url-invalid",
                refused=post(SESSIONS, PAYMENT, ui_form, f"{name}=/thanks/"),
                answer=refusal("Not a valid URL", param=name, code="url_invalid"),
                accepted=post(SESSIONS, PAYMENT, ui_form, f"{name}=http://localhost:8000/thanks/"),
            )
            for name, ui_form in (("success_url", ""), ("cancel_url", ""), ("return_url", EMBEDDED))
        ),
        Rule(
            id="url.length",
            says="A URL has at most 5,000 characters.",
            source="vm0-ai/vm0#25340",
            refused=post(SESSIONS, PAYMENT, f"success_url=https://shop.example.com/{'a' * 4976}"),
            answer=refusal("Invalid URL: URL must be 5000 characters or less.", param="success_url"),
            accepted=post(SESSIONS, PAYMENT, f"success_url=https://shop.example.com/{'a' * 4975}"),
        ),
    ]


RULES = (*_by_mode(), *_needed())
