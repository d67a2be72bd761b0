"""Differences between the versions of the API."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS, SETUP, TEXT_FIELD
from .rule import Rule, Sent, post, refusal, session_field, shows

CHANGES = "https://docs.stripe.com/changelog/endive/2026-09-30"
VERSIONING = "https://docs.stripe.com/api/versioning"
CARD = "payment_method_types[0]=card"
ALLOWED = "allowed_payment_method_types[0]=card"
CHARGE = "amount=1000&currency=eur&confirm=true&off_session=true&customer=<customer>&payment_method=<saved_card>"
CURRENCY = "line_items[0][price_data][currency]"
SUFFIX = "payment_intent_data[statement_descriptor_suffix]"
LABEL = "custom_fields[0][label][custom]"


def _endive(path: str, *parts: str) -> Sent:
    return post(path, *parts, Stripe_Version="2026-10-28.endive")


RULES = (
    Rule(
        id="version.endive.payment_method_types.session",
        says="A new session of 2026-09-30.endive and later has no `payment_method_types`.",
        source=f"{CHANGES}/remove-payment-method-types-checkout-sessions",
        refused=_endive(SESSIONS, PAYMENT, CARD),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, CARD),
        result=shows(payment_method_types=["card"]),
    ),
    Rule(
        id="version.dahlia.allowed_payment_method_types.session",
        says="A new session has `allowed_payment_method_types` since 2026-09-30.endive.",
        source=f"{CHANGES}/remove-payment-method-types-checkout-sessions",
        refused=post(SESSIONS, PAYMENT, ALLOWED),
        answer=refusal(code="parameter_unknown"),
        accepted=_endive(SESSIONS, PAYMENT, ALLOWED),
        result=shows(payment_method_types=["card"]),
    ),
    Rule(
        id="version.endive.allowed_payment_method_types.known",
        says="An allowed payment method is one of Stripe's.",
        source=session_field(".allowed_payment_method_types"),
        refused=_endive(SESSIONS, PAYMENT, "allowed_payment_method_types[0]=cash"),
        answer=refusal(param="allowed_payment_method_types[0]"),
        accepted=_endive(SESSIONS, PAYMENT, ALLOWED),
        result=shows(allowed_payment_method_types=["card"]),
    ),
    Rule(
        id="version.endive.allowed_payment_method_types.none",
        says="The allowed payment methods are a filter: one of them must exist in the currency.",
        source=session_field(".allowed_payment_method_types"),
        refused=_endive(SESSIONS, PAYMENT, f"{CURRENCY}=chf&allowed_payment_method_types[0]=sepa_debit"),
        answer=refusal("No valid payment method types for this Checkout Session."),
        accepted=_endive(SESSIONS, PAYMENT, f"{ALLOWED}&allowed_payment_method_types[1]=us_bank_account"),
        result=shows(payment_method_types=["card"]),
    ),
    Rule(
        id="version.endive.allowed_payment_method_types.setup",
        says="`currency` is required in `setup` mode unless allowed payment methods are listed.",
        source=session_field(".currency"),
        refused=_endive(SESSIONS, SETUP, "-currency"),
        answer=refusal(param="currency"),
        accepted=_endive(SESSIONS, SETUP, "-currency", ALLOWED),
        result=shows(payment_method_types=["card"]),
    ),
    Rule(
        id="version.endive.update.descriptor",
        says="The suffix that an update sets contains a letter, as that of a new session.",
        source="https://docs.stripe.com/get-started/account/statement-descriptors",
        refused=_endive(f"{SESSIONS}/<elements_session>", f"{SUFFIX}=1234"),
        answer=refusal(param=SUFFIX),
        accepted=_endive(f"{SESSIONS}/<elements_session>", f"{SUFFIX}=TEA"),
    ),
    Rule(
        id="version.endive.payment_method_types.intent",
        says="A PaymentIntent takes no `payment_method_types` since 2026-09-30.endive.",
        source=f"{CHANGES}/removes-the-payment-method-types-parameter-from-payment-intents-and-setup-intents",
        refused=_endive("/v1/payment_intents", CHARGE, CARD),
        answer=refusal(code="payment_method_types_no_longer_supported"),
        accepted=_endive("/v1/payment_intents", CHARGE),
        result=shows(status="succeeded"),
    ),
    Rule(
        id="version.dahlia.label",
        says="The label of a custom field has at most 50 characters; since 2026-09-30.endive it has at most 100.",
        source=session_field("CustomFieldLabel.custom"),
        refused=post(SESSIONS, PAYMENT, TEXT_FIELD, f"{LABEL}={'a' * 51}"),
        answer=refusal(param=LABEL),
        accepted=_endive(SESSIONS, PAYMENT, TEXT_FIELD, f"{LABEL}={'a' * 100}"),
    ),
    Rule(
        id="version.dahlia.locale",
        says="Checkout speaks Hindi since 2026-09-30.endive.",
        source=session_field(".locale"),
        refused=post(SESSIONS, PAYMENT, "locale=hi-IN"),
        answer=refusal(param="locale"),
        accepted=_endive(SESSIONS, PAYMENT, "locale=hi-IN"),
        result=shows(locale="hi-IN"),
    ),
    Rule(
        id="version.unknown",
        says="A request names a version of the API that exists.",
        source=VERSIONING,
        refused=post("/v1/customers", Stripe_Version="2026-08-27.dahlia"),
        answer=refusal(),
        accepted=post("/v1/customers", Stripe_Version="2026-08-26.dahlia"),
    ),
)
