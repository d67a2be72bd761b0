"""Amounts and currencies of a new session."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS
from .rule import Rule, form, post, refusal, shows

CURRENCIES = "https://docs.stripe.com/currencies"
MINIMA = f"{CURRENCIES}#minimum-and-maximum-charge-amounts"
ZERO_DECIMAL = f"{CURRENCIES}#zero-decimal"
SPECIAL = f"{CURRENCIES}#special-cases"
THREE_DECIMAL = f"{CURRENCIES}#three-decimal"
LINE = "line_items[0]"
PRICE = f"{LINE}[price_data]"
AMOUNT = f"{PRICE}[unit_amount]"
#: Smallest charges in minor units.
MINIMUM = {
    "usd": 50,
    "aed": 200,
    "aud": 50,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 1500,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "inr": 50,
    "jpy": 50,
    "mxn": 1000,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
}


def _total(currency: str, minor: int) -> dict[str, str]:
    return form(PAYMENT, {f"{PRICE}[currency]": currency, AMOUNT: str(minor)})


RULES = (
    *(
        Rule(
            id=f"amount.minimum.{currency}",
            says=f"The smallest charge in {currency.upper()} is {minimum} in minor units.",
            source=MINIMA,
            refused=post(SESSIONS, _total(currency, minimum - (100 if currency == "huf" else 1))),
            answer=refusal(code="amount_too_small"),
            accepted=post(SESSIONS, _total(currency, minimum)),
            result=shows(amount_total=minimum, currency=currency),
        )
        for currency, minimum in MINIMUM.items()
    ),
    Rule(
        id="amount.minimum.free",
        says="A total between zero and the minimum is refused; a total of zero is not.",
        source=MINIMA,
        refused=post(SESSIONS, PAYMENT, f"{AMOUNT}=1"),
        answer=refusal(code="amount_too_small"),
        accepted=post(SESSIONS, PAYMENT, f"{AMOUNT}=0"),
        result=shows(amount_total=0),
    ),
    Rule(
        id="amount.minimum.total",
        says="The minimum applies to the total, not to a line item.",
        source=MINIMA,
        refused=post(SESSIONS, PAYMENT, f"{AMOUNT}=10&{LINE}[quantity]=4"),
        answer=refusal(code="amount_too_small"),
        accepted=post(SESSIONS, PAYMENT, f"{AMOUNT}=10&{LINE}[quantity]=5"),
    ),
    Rule(
        id="amount.maximum",
        says="An amount has at most 12 digits.",
        source=MINIMA,
        refused=post(SESSIONS, PAYMENT, f"{AMOUNT}=1000000000000"),
        answer=refusal(code="amount_too_large"),
        accepted=post(SESSIONS, PAYMENT, f"{AMOUNT}=999999999999"),
    ),
    Rule(
        id="amount.zero-decimal",
        says="Amounts in zero-decimal currencies are whole units: 50 yen are ¥50.",
        source=ZERO_DECIMAL,
        refused=post(SESSIONS, _total("jpy", 1), f"{AMOUNT}=0.5"),
        answer=refusal(code="parameter_invalid_integer"),
        accepted=post(SESSIONS, _total("jpy", 51)),
        result=shows(amount_total=51),
    ),
    *(
        Rule(
            id=f"amount.whole.{currency}",
            says=f"Amounts in {currency.upper()} are multiples of 100, though the currency has no decimals.",
            source=SPECIAL,
            refused=post(SESSIONS, _total(currency, 50050)),
            answer=refusal(),
            accepted=post(SESSIONS, _total(currency, 50000)),
        )
        for currency in ("isk", "ugx")
    ),
    Rule(
        id="amount.whole.intent",
        says="The amounts of intents are, too.",
        source=SPECIAL,
        refused=post("/v1/payment_intents", "currency=isk&amount=50050"),
        answer=refusal(param="amount"),
        accepted=post("/v1/payment_intents", "currency=isk&amount=50000"),
    ),
    Rule(
        id="amount.minimum.intent",
        says="The refusal of an intent's amount names the smallest one.",
        source="EuroPython/epcon#1259",
        refused=post("/v1/payment_intents", "currency=jpy&amount=49"),
        answer=refusal("Amount must be at least 50 jpy", param="amount", code="amount_too_small"),
        accepted=post("/v1/payment_intents", "currency=jpy&amount=50"),
    ),
    *(
        Rule(
            id=f"amount.three-decimal.{currency}",
            says=f"Amounts in {currency.upper()} are thousandths and multiples of 10.",
            source=THREE_DECIMAL,
            refused=post(SESSIONS, _total(currency, 5124)),
            answer=refusal(),
            accepted=post(SESSIONS, _total(currency, 5120)),
        )
        for currency in ("bhd", "jod", "kwd", "omr", "tnd")
    ),
    Rule(
        id="amount.currency.known",
        says="A currency is one that Stripe supports.",
        source="flowcore-io/luttaka-open#100",
        refused=post(SESSIONS, _total("xyz", 1000)),
        answer=refusal("Invalid currency: xyz."),
        accepted=post(SESSIONS, _total("eur", 1000)),
    ),
)
