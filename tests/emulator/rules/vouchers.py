"""Vouchers, QR codes and bank transfers: bounds, what they need, cancellation, refunds, reconciliation."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS, SUBSCRIPTION
from .rule import Rule, get, post, refusal, shows

DOCS = "https://docs.stripe.com/payments"
INTENTS = "/v1/payment_intents"
PRICE = "line_items[0][price_data]"
OPTIONS = "payment_method_options"
TRANSFER = f"{OPTIONS}[customer_balance][bank_transfer]"
BY_TRANSFER = (
    f"payment_method_types[0]=customer_balance&{OPTIONS}[customer_balance][funding_type]=bank_transfer"
    f"&{TRANSFER}[type]=eu_bank_transfer&{TRANSFER}[eu_bank_transfer][country]=NL"
)
PERSON = (
    "payment_method_data[billing_details][email]=fill_never@example.com"
    "&payment_method_data[billing_details][name]=Kim"
    "&payment_method_data[billing_details][address][country]=BR"
    "&payment_method_data[billing_details][address][line1]=Rua 1"
)
#: Methods, their currencies, an option, its smallest and largest value, and amounts: smallest and largest.
BOUNDS = {
    "konbini": ("jpy", "expires_after_days", 1, 60),
    "oxxo": ("mxn", "expires_after_days", 1, 7),
    "boleto": ("brl", "expires_after_days", 0, 60),
    "pix": ("brl", "expires_after_seconds", 10, 1_209_600),
}
AMOUNTS = {
    "konbini": ("jpy", 120, 300_000),
    "oxxo": ("mxn", 1_000, 1_000_000),
    "boleto": ("brl", 500, 4_999_999),
    "multibanco": ("eur", 50, 9_999_900),
}
#: Methods and their currencies, and what their confirmation needs.
NEEDS = {
    "boleto": ("brl", ("name", "email")),
    "konbini": ("jpy", ("name", "email")),
    "multibanco": ("eur", ("email",)),
    "oxxo": ("mxn", ("name", "email")),
    "promptpay": ("thb", ("email",)),
}
CURRENCIES = {**{kind: currency for kind, (currency, *_) in NEEDS.items()}, "paynow": "sgd", "pix": "brl"}


def _session(kind: str, currency: str) -> tuple[str, str, str]:
    return PAYMENT, f"{PRICE}[currency]={currency}&{PRICE}[unit_amount]=5000", f"payment_method_types[0]={kind}"


def _intent(kind: str, currency: str, amount: int = 5000) -> str:
    return f"amount={amount}&currency={currency}&payment_method_types[0]={kind}"


def _confirmed(kind: str, currency: str) -> tuple[str, ...]:
    own = "&payment_method_data[boleto][tax_id]=000.000.000-00" if kind == "boleto" else ""
    return _intent(kind, currency), f"confirm=true&payment_method_data[type]={kind}{own}", PERSON


_BOUNDS = tuple(
    Rule(
        id=f"{where}.{kind}.{option}.{word}",
        says=f"`{option}` of `{kind}` is {'at least' if word == 'smallest' else 'at most'} {limit}.",
        source=f"{DOCS}/{kind}/accept-a-payment",
        refused=post(path, *given, f"{OPTIONS}[{kind}][{option}]={limit + step}"),
        answer=refusal(param=f"{OPTIONS}[{kind}][{option}]", code="parameter_invalid_integer"),
        accepted=post(path, *given, f"{OPTIONS}[{kind}][{option}]={limit}"),
        result=shows(**{f"{OPTIONS}__{kind}__{option}": limit}),
    )
    for kind, (currency, option, smallest, largest) in BOUNDS.items()
    for word, limit, step in (("smallest", smallest, -1), ("largest", largest, 1))
    for where, path, given in (
        ("session", SESSIONS, _session(kind, currency)),
        ("intent", INTENTS, (_intent(kind, currency),)),
    )
)
_AMOUNTS = tuple(
    Rule(
        id=f"intent.{kind}.amount.{word}",
        says=f"`{kind}` takes amounts {'from' if word == 'small' else 'up to'} {limit} {currency} in minor units.",
        source=f"{DOCS}/{kind}",
        refused=post(INTENTS, _intent(kind, currency, limit + step)),
        answer=refusal(code=f"amount_too_{word}"),
        accepted=post(INTENTS, _intent(kind, currency, limit)),
        result=shows(status="requires_payment_method"),
    )
    for kind, (currency, smallest, largest) in AMOUNTS.items()
    for word, limit, step in (("small", smallest, -1), ("large", largest, 1))
)
_NEEDS = tuple(
    Rule(
        id=f"intent.{kind}.{name}",
        says=f"The confirmation with `{kind}` needs `billing_details[{name}]`.",
        source=f"{DOCS}/{kind}/accept-a-payment",
        refused=post(INTENTS, *_confirmed(kind, currency), f"-payment_method_data[billing_details][{name}]"),
        answer=refusal(code="parameter_missing", param=f"billing_details[{name}]"),
        accepted=post(INTENTS, *_confirmed(kind, currency)),
        result=shows(status="requires_action"),
    )
    for kind, (currency, names) in NEEDS.items()
    for name in names
)
_MODES = tuple(
    Rule(
        id=f"session.{kind}.subscription",
        says=f"`{kind}` does not exist in `subscription` mode.",
        source=f"{DOCS}/{kind}/accept-a-payment",
        refused=post(SESSIONS, SUBSCRIPTION, f"{PRICE}[currency]={CURRENCIES[kind]}&payment_method_types[0]={kind}"),
        answer=refusal(param="payment_method_types"),
        accepted=post(SESSIONS, *_session(kind, CURRENCIES[kind])),
        result=shows(payment_method_types=[kind]),
    )
    for kind in ("konbini", "multibanco", "oxxo", "paynow", "promptpay")
)
_CAPTURES = tuple(
    Rule(
        id=f"intent.{kind}.manual",
        says=f"`{kind}` cannot be captured by hand.",
        source=f"{DOCS}/{kind}",
        refused=post(INTENTS, _intent(kind, CURRENCIES[kind]), "capture_method=manual"),
        answer=refusal(param="capture_method"),
        accepted=post(INTENTS, _intent(kind, CURRENCIES[kind])),
    )
    for kind in ("boleto", "konbini", "multibanco")
)
_KONBINI = (
    *(
        Rule(
            id=f"intent.konbini.confirmation_number.{word}",
            says="A konbini confirmation number has 10 or 11 digits, which are not zeros only.",
            source="stripe/params/_payment_intent_confirm_params.py "
            "PaymentIntentConfirmParamsPaymentMethodOptionsKonbini.confirmation_number",
            refused=post(INTENTS, *_confirmed("konbini", "jpy"), f"{OPTIONS}[konbini][confirmation_number]={wrong}"),
            answer=refusal(param=f"{OPTIONS}[konbini][confirmation_number]"),
            accepted=post(INTENTS, *_confirmed("konbini", "jpy"), f"{OPTIONS}[konbini][confirmation_number]={right}"),
            result=shows(next_action__konbini_display_details__stores__lawson__confirmation_number=right),
        )
        for word, wrong, right in (
            ("short", "031234567", "0312345678"),
            ("long", "090123456789", "09012345678"),
            ("zeros", "00000000000", "00000000001"),
        )
    ),
    Rule(
        id="intent.konbini.confirmation_number.rejected",
        says="The confirmation number 01234567890 is rejected in test mode.",
        source=f"{DOCS}/konbini/accept-a-payment",
        refused=post(INTENTS, *_confirmed("konbini", "jpy"), f"{OPTIONS}[konbini][confirmation_number]=01234567890"),
        answer=refusal(code="payment_intent_konbini_rejected_confirmation_number"),
        accepted=post(INTENTS, *_confirmed("konbini", "jpy")),
        result=shows(status="requires_action", next_action__type="konbini_display_details"),
    ),
    Rule(
        id="intent.konbini.product_description",
        says="`product_description` of `konbini` has at most 22 characters.",
        source="stripe/params/_payment_intent_create_params.py "
        "PaymentIntentCreateParamsPaymentMethodOptionsKonbini.product_description",
        refused=post(INTENTS, _intent("konbini", "jpy"), f"{OPTIONS}[konbini][product_description]={'x' * 23}"),
        answer=refusal(param=f"{OPTIONS}[konbini][product_description]"),
        accepted=post(INTENTS, _intent("konbini", "jpy"), f"{OPTIONS}[konbini][product_description]={'x' * 22}"),
    ),
    Rule(
        id="intent.konbini.expires_at",
        says="Only one of `expires_after_days` and `expires_at` is set.",
        source="stripe/params/_payment_intent_create_params.py "
        "PaymentIntentCreateParamsPaymentMethodOptionsKonbini.expires_at",
        refused=post(
            INTENTS,
            _intent("konbini", "jpy"),
            f"{OPTIONS}[konbini][expires_at]=<now+86400>&{OPTIONS}[konbini][expires_after_days]=1",
        ),
        answer=refusal(),
        accepted=post(INTENTS, _intent("konbini", "jpy"), f"{OPTIONS}[konbini][expires_at]=<now+86400>"),
    ),
    Rule(
        id="method.boleto.tax_id",
        says="A boleto has a CPF or CNPJ; zeros pass in test mode.",
        source=f"{DOCS}/boleto/accept-a-payment",
        refused=post("/v1/payment_methods", "type=boleto&boleto[tax_id]=111.111.111-12"),
        answer=refusal(param="boleto[tax_id]"),
        accepted=post("/v1/payment_methods", "type=boleto&boleto[tax_id]=000.000.000-00"),
        result=shows(boleto__tax_id="000.000.000-00"),
    ),
)
_CANCELLATIONS = (
    Rule(
        id="intent.cancel.voucher",
        says="The voucher of a complete session can be canceled; the QR code of an open session is expired with it.",
        source=f"{DOCS}/konbini/accept-a-payment",
        refused=post(f"{INTENTS}/<code_intent>/cancel"),
        answer=refusal(code="payment_intent_unexpected_state"),
        accepted=post(f"{INTENTS}/<voucher_intent>/cancel"),
        result=shows(status="canceled", next_action=None),
    ),
    Rule(
        id="intent.cancel.multibanco",
        says="A Multibanco voucher can be canceled.",
        source=f"{DOCS}/multibanco/accept-a-payment",
        given=("multibanco_intent",),
        refused=post(f"{INTENTS}/<intent>/cancel"),
        answer=refusal(code="payment_intent_unexpected_state"),
        accepted=post(f"{INTENTS}/<multibanco_intent>/cancel"),
        result=shows(status="canceled"),
    ),
    *(
        Rule(
            id=f"intent.cancel.{kind}",
            says=f"A voucher of {kind} cannot be canceled before it expires, one of konbini can.",
            source=f"{DOCS}/{kind}",
            given=(f"{kind}_intent", "voucher_intent"),
            refused=post(f"{INTENTS}/<{kind}_intent>/cancel"),
            answer=refusal(code="payment_intent_unexpected_state"),
            accepted=post(f"{INTENTS}/<voucher_intent>/cancel"),
            result=shows(status="canceled"),
        )
        for kind in ("boleto", "oxxo")
    ),
    *(
        Rule(
            id=f"refund.{kind}",
            says=f"Payments by {kind} cannot be refunded, those by konbini can.",
            source=f"{DOCS}/{kind}",
            given=(f"{kind}_intent", f"{kind}_payment", "voucher_intent", "voucher_payment"),
            refused=post("/v1/refunds", f"payment_intent=<{kind}_intent>"),
            answer=refusal(),
            accepted=post("/v1/refunds", "payment_intent=<voucher_intent>"),
            result=shows(status="requires_action"),
        )
        for kind in ("boleto", "oxxo")
    ),
)
_TRANSFERS = (
    Rule(
        id="session.customer_balance.customer",
        says="Bank transfers need a customer when the session is created.",
        source=f"{DOCS}/bank-transfers/accept-a-payment",
        refused=post(SESSIONS, PAYMENT, BY_TRANSFER),
        answer=refusal(param="customer"),
        accepted=post(SESSIONS, PAYMENT, BY_TRANSFER, "customer=<customer>"),
        result=shows(payment_method_types=["customer_balance"]),
    ),
    Rule(
        id="intent.customer_balance.customer",
        says="Bank transfers need a customer.",
        source=f"{DOCS}/bank-transfers/accept-a-payment",
        refused=post(INTENTS, "amount=1000&currency=eur", BY_TRANSFER),
        answer=refusal(param="customer"),
        accepted=post(INTENTS, "amount=1000&currency=eur&customer=<customer>", BY_TRANSFER),
        result=shows(status="requires_payment_method"),
    ),
    Rule(
        id="session.customer_balance.type",
        says="A bank transfer has the type of its currency.",
        source=f"{DOCS}/bank-transfers/accept-a-payment",
        refused=post(
            SESSIONS,
            PAYMENT,
            BY_TRANSFER,
            f"customer=<customer>&-{TRANSFER}[eu_bank_transfer]=1&{TRANSFER}[type]=gb_bank_transfer",
        ),
        answer=refusal(param=f"{TRANSFER}[type]"),
        accepted=post(
            SESSIONS,
            PAYMENT,
            BY_TRANSFER,
            f"customer=<customer>&-{TRANSFER}[eu_bank_transfer]=1&{TRANSFER}[type]=gb_bank_transfer",
            f"{PRICE}[currency]=gbp",
        ),
    ),
    Rule(
        id="session.customer_balance.country",
        says="The IBAN of a transfer is of one of six countries.",
        source="stripe/params/checkout/_session_create_params.py "
        "SessionCreateParamsPaymentMethodOptionsCustomerBalanceBankTransferEuBankTransfer.country",
        refused=post(SESSIONS, PAYMENT, BY_TRANSFER, f"customer=<customer>&{TRANSFER}[eu_bank_transfer][country]=AT"),
        answer=refusal(param=f"{TRANSFER}[eu_bank_transfer][country]"),
        accepted=post(SESSIONS, PAYMENT, BY_TRANSFER, f"customer=<customer>&{TRANSFER}[eu_bank_transfer][country]=DE"),
    ),
    Rule(
        id="transfer.partial",
        says="A transfer of less than the amount funds a PaymentIntent in part, which stays in `requires_action`.",
        source=f"{DOCS}/bank-transfers/accept-a-payment",
        given=("transferred_intent", "partial_transfer"),
        refused=get(f"{INTENTS}/<transferred_intent>"),
        answer=shows(
            status="requires_action",
            amount_received=0,
            next_action__display_bank_transfer_instructions__amount_remaining=600,
        ),
        accepted=post("/v1/test_helpers/customers/<customer>/fund_cash_balance", "amount=700&currency=eur"),
        result=shows(type="funded", net_amount=700, ending_balance=700),
    ),
    Rule(
        id="transfer.apply",
        says="The shop applies at most what is available and what remains.",
        source="OpenAPI POST /v1/payment_intents/{intent}/apply_customer_balance amount",
        given=("manual_cash", "transferred_intent", "partial_transfer"),
        refused=post(f"{INTENTS}/<transferred_intent>/apply_customer_balance", "amount=401&currency=eur"),
        answer=refusal(param="amount"),
        accepted=post(f"{INTENTS}/<transferred_intent>/apply_customer_balance", "amount=400&currency=eur"),
        result=shows(next_action__display_bank_transfer_instructions__amount_remaining=600),
    ),
)
RULES = (*_BOUNDS, *_AMOUNTS, *_NEEDS, *_MODES, *_CAPTURES, *_KONBINI, *_CANCELLATIONS, *_TRANSFERS)
