"""Payment methods of a session."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS
from .rule import Rule, post, refusal, shows

SUPPORT = "https://docs.stripe.com/payments/payment-methods/payment-method-support"
INTENTS, EURO = "/v1/payment_intents", "amount=1000&currency=eur"
PRICE = "line_items[0][price_data]"
#: Payment methods of one currency, and a currency that they do not have.
CURRENCIES = {
    "bacs_debit": ("gbp", "eur"),
    "boleto": ("brl", "usd"),
    "konbini": ("jpy", "usd"),
    "oxxo": ("mxn", "usd"),
    "us_bank_account": ("usd", "cad"),
}


def _in(currency: str) -> str:
    return f"{PRICE}[currency]={currency}&{PRICE}[unit_amount]=2000"


RULES = (
    Rule(
        id="method.currency.sepa_debit",
        says="SEPA Direct Debit exists in euros only.",
        source="stripe-samples/firebase-subscription-payments#39",
        refused=post(SESSIONS, PAYMENT, _in("usd"), "payment_method_types[0]=card&payment_method_types[1]=sepa_debit"),
        answer=refusal(
            "Invalid currency options ``usd``. The payment method `sepa_debit` only supports the following currencies: "
            "``eur``."
        ),
        accepted=post(SESSIONS, PAYMENT, _in("eur"), "payment_method_types[0]=card&payment_method_types[1]=sepa_debit"),
        result=shows(payment_method_types=["card", "sepa_debit"]),
    ),
    *(
        Rule(
            id=f"method.currency.{method}",
            says=f"`{method}` exists in {currency.upper()} only.",
            source=SUPPORT,
            refused=post(SESSIONS, PAYMENT, _in(other), f"payment_method_types[0]={method}"),
            answer=refusal(),
            accepted=post(SESSIONS, PAYMENT, _in(currency), f"payment_method_types[0]={method}"),
        )
        for method, (currency, other) in CURRENCIES.items()
    ),
    Rule(
        id="method.none",
        says="A session needs a payment method that its currency has.",
        source="CarSnoop-Inc/carsnoop-issues#135",
        refused=post(SESSIONS, PAYMENT, _in("chf"), "excluded_payment_method_types[0]=card"),
        answer=refusal("No valid payment method types for this Checkout Session."),
        accepted=post(SESSIONS, PAYMENT, _in("eur"), "excluded_payment_method_types[0]=card"),
    ),
    Rule(
        id="method.known.intent",
        says="A payment method that an intent lists is one of Stripe's.",
        source="https://docs.stripe.com/error-codes#payment-intent-invalid-parameter",
        refused=post(INTENTS, EURO, "payment_method_types[0]=cash"),
        answer=refusal(code="payment_intent_invalid_parameter", param="payment_method_types"),
        accepted=post(INTENTS, EURO, "payment_method_types[0]=card"),
        result=shows(payment_method_types=["card"]),
    ),
    Rule(
        id="method.known",
        says="A payment method is one of Stripe's.",
        source=f"OpenAPI POST {SESSIONS} payment_method_types",
        refused=post(SESSIONS, PAYMENT, "payment_method_types[0]=cash"),
        answer=refusal(param="payment_method_types[0]"),
        accepted=post(SESSIONS, PAYMENT, "payment_method_types[0]=card"),
    ),
)
