"""The longest texts of a new session's parameters."""

from __future__ import annotations

from .givens import DROPDOWN, ONE_OPTION, OPTION, PAYMENT, SESSIONS, SUBSCRIPTION, TEXT_FIELD
from .rule import Rule, post, refusal, session_field

INVOICE = f"{PAYMENT}&invoice_creation[enabled]=true"
FIELD_OF_INVOICE = "invoice_creation[invoice_data][custom_fields][0]"
PRODUCT = "line_items[0][price_data][product_data]"
WITH_FIELD, WITH_OPTION = f"{PAYMENT}&{TEXT_FIELD}", f"{PAYMENT}&{DROPDOWN}&{ONE_OPTION}"

#: What is limited, the request, the parameter, its most characters, and the source if it is not the OpenAPI document.
LIMITS = (
    ("`client_reference_id`", PAYMENT, "client_reference_id", 200, ""),
    ("`integration_identifier`", PAYMENT, "integration_identifier", 200, ""),
    ("A payment's description", PAYMENT, "payment_intent_data[description]", 1000, ""),
    ("A subscription's description", SUBSCRIPTION, "subscription_data[description]", 500, ""),
    ("A unit label", PAYMENT, f"{PRODUCT}[unit_label]", 12, ""),
    ("A product's name", PAYMENT, f"{PRODUCT}[name]", 5000, ""),
    ("A product's description", PAYMENT, f"{PRODUCT}[description]", 40000, ""),
    ("An invoice's description", INVOICE, "invoice_creation[invoice_data][description]", 1500, ""),
    ("The name of an invoice's field", f"{INVOICE}&{FIELD_OF_INVOICE}[value]=1", f"{FIELD_OF_INVOICE}[name]", 40, ""),
    (
        "The value of an invoice's field",
        f"{INVOICE}&{FIELD_OF_INVOICE}[name]=VAT",
        f"{FIELD_OF_INVOICE}[value]",
        140,
        "",
    ),
    ("A custom text", PAYMENT, "custom_text[submit][message]", 1200, "CustomTextSubmit.message"),
    ("A custom field's key", WITH_FIELD, "custom_fields[0][key]", 200, "CustomField.key"),
    ("A custom field's label", WITH_FIELD, "custom_fields[0][label][custom]", 50, ""),
    ("A text field's default", WITH_FIELD, "custom_fields[0][text][default_value]", 255, ""),
    ("An option's label", WITH_OPTION, f"{OPTION}[0][label]", 100, "CustomFieldDropdownOption.label"),
    ("An option's value", WITH_OPTION, f"{OPTION}[0][value]", 100, "CustomFieldDropdownOption.value"),
)


def _limit(what: str, base: str, field: str, limit: int, source: str) -> Rule:
    name = field.replace("][", ".").replace("[", ".").rstrip("]").replace(".0", "")
    return Rule(
        id=f"length.{name}",
        says=f"{what} has at most {limit} characters.",
        source=session_field(source) if source else f"OpenAPI POST {SESSIONS} {field.replace('[0]', '[]')}",
        refused=post(SESSIONS, base, {field: "x" * (limit + 1)}),
        answer=refusal(param=field),
        accepted=post(SESSIONS, base, {field: "x" * limit}),
    )


RULES = tuple(_limit(*row) for row in LIMITS)
