"""``payment_method_options`` of the methods that need a step of the shopper's, in sessions and PaymentIntents."""

from __future__ import annotations

from collections.abc import Iterable

from django_checkout.emulator.api.params import plain
from django_checkout.emulator.api.resources.pricing import one_of
from django_checkout.emulator.messages import ApiError, Doc, not_implemented
from django_checkout.emulator.reference.action_methods import (
    ACTION_METHODS,
    MAX_PIX_SECONDS,
    MIN_PIX_SECONDS,
    is_confirmation_number,
)

NAME = "payment_method_options"
#: The type of bank transfer of each currency: https://docs.stripe.com/payments/bank-transfers/accept-a-payment
TRANSFER_TYPES = {
    "eur": "eu_bank_transfer",
    "gbp": "gb_bank_transfer",
    "jpy": "jp_bank_transfer",
    "mxn": "mx_bank_transfer",
    "usd": "us_bank_transfer",
}
#: The countries of IBANs to transfer to: ``eu_bank_transfer.country`` of the same parameters.
IBAN_COUNTRIES = ("BE", "DE", "ES", "FR", "IE", "NL")
MAX_DESCRIPTION = 22
#: What a session and an intent play of each method's options.
SESSION_OPTIONS = {
    NAME: "boleto card customer_balance konbini oxxo pix",
    f"{NAME}.boleto": "expires_after_days",
    f"{NAME}.customer_balance": "bank_transfer funding_type",
    f"{NAME}.customer_balance.bank_transfer": "eu_bank_transfer type",
    f"{NAME}.konbini": "expires_after_days",
    f"{NAME}.oxxo": "expires_after_days",
    f"{NAME}.pix": "expires_after_seconds",
}
INTENT_OPTIONS = {
    **SESSION_OPTIONS,
    f"{NAME}.konbini": "confirmation_number expires_after_days expires_at product_description",
    f"{NAME}.pix": "expires_after_seconds expires_at",
}


def of_session(types: Iterable[str], sent: Doc) -> Doc:
    """Return the options of a session, with the defaults of the methods that it has. PromptPay has none."""
    known = [name for name in types if name in ACTION_METHODS and name != "promptpay"]
    return {name: _full(name, sent.get(name) or {}) for name in known}


def of_intent(types: Iterable[str], sent: Doc, current: Doc | None = None) -> Doc:
    """Return the options of a PaymentIntent: what is sent, else what it has, else the defaults."""
    options: Doc = {}
    for name in types:
        if name in ACTION_METHODS:
            asked = {key: value if value != "" else None for key, value in (sent.get(name) or {}).items()}
            options[name] = {**_BLANK.get(name, {}), **_full(name, {**(current or {}).get(name, {}), **asked})}
    return plain(options)  # type: ignore[no-any-return]  # a copy of a Doc


_BLANK: dict[str, Doc] = {
    "konbini": {"confirmation_number": None, "expires_at": None, "product_description": None},
    "pix": {"expires_at": None},
}


def _full(name: str, sent: Doc) -> Doc:
    method = ACTION_METHODS[name]
    if name == "konbini":
        return {"expires_after_days": None, **sent}
    if name == "pix":
        return {"expires_after_seconds": None, **sent}
    if method.max_days:
        return {"expires_after_days": method.days, **sent}
    if name == "customer_balance":
        return {"bank_transfer": sent.get("bank_transfer", {}), "funding_type": sent.get("funding_type")}
    return dict(sent)


def check(params: Doc) -> None:
    """Raise Stripe's error for a value that is out of bounds, of a session or a PaymentIntent."""
    sent = params.get(NAME) or {}
    for name, method in ACTION_METHODS.items():
        options = sent.get(name) or {}
        if method.max_days:
            _check_range(options, name, "expires_after_days", method.min_days, method.max_days)
    pix, konbini = sent.get("pix") or {}, sent.get("konbini") or {}
    _check_range(pix, "pix", "expires_after_seconds", MIN_PIX_SECONDS, MAX_PIX_SECONDS)
    for name, options, other in (("pix", pix, "expires_after_seconds"), ("konbini", konbini, "expires_after_days")):
        if options.get("expires_at") and options.get(other):
            raise one_of(f"{NAME}[{name}][{other}]", f"{NAME}[{name}][expires_at]")
    number = konbini.get("confirmation_number")
    if number and not is_confirmation_number(number):
        message = "The confirmation number must have 10 or 11 digits and must not consist of zeros only."
        raise ApiError(message, param=f"{NAME}[konbini][confirmation_number]")
    if len(konbini.get("product_description") or "") > MAX_DESCRIPTION:
        message = f"Invalid string: must be at most {MAX_DESCRIPTION} characters"
        raise ApiError(message, param=f"{NAME}[konbini][product_description]")


def _check_range(options: Doc, name: str, field: str, smallest: int, largest: int) -> None:
    value = options.get(field)
    if value in (None, "") or smallest <= value <= largest:
        return
    limit = f"greater than or equal to {smallest}" if value < smallest else f"less than or equal to {largest}"
    message = f"This value must be {limit}."
    raise ApiError(message, code="parameter_invalid_integer", param=f"{NAME}[{name}][{field}]")


def check_transfer(params: Doc, types: Iterable[str], currency: str, customer: str | None) -> None:
    """Raise Stripe's error for bank transfers without a customer, or with another type than the currency's.

    https://docs.stripe.com/payments/bank-transfers/accept-a-payment
    """
    if "customer_balance" not in types:
        return
    if not customer:
        message = "Bank transfers are only available with a `customer`: set it, or remove `customer_balance`."
        raise ApiError(message, param="customer")
    sent = (params.get(NAME) or {}).get("customer_balance") or {}
    transfer, param = sent.get("bank_transfer") or {}, f"{NAME}[customer_balance][bank_transfer]"
    if not transfer.get("type") or sent.get("funding_type") != "bank_transfer":
        raise not_implemented("customer_balance without funding_type and bank_transfer[type]", param)
    if transfer["type"] != TRANSFER_TYPES[currency]:
        message = f"The bank transfer type `{transfer['type']}` does not exist in {currency}."
        raise ApiError(message, param=f"{param}[type]")
    if currency == "eur":
        country = (transfer.get("eu_bank_transfer") or {}).get("country")
        if not country:
            raise not_implemented("eu_bank_transfer without a country", f"{param}[eu_bank_transfer]")
        if country not in IBAN_COUNTRIES:
            message = f"Invalid country: must be one of {', '.join(IBAN_COUNTRIES)}."
            raise ApiError(message, param=f"{param}[eu_bank_transfer][country]")


def check_mode(types: Iterable[str], mode: str) -> None:
    """Raise Stripe's error for a method that a mode does not have.

    The tables "Determine compatibility" of https://docs.stripe.com/payments/konbini/accept-a-payment and of the pages
    of the other methods.
    """
    for name in types:
        if mode == "payment" or name not in ACTION_METHODS:
            continue
        if (name, mode) in (("boleto", "subscription"), ("pix", "subscription"), ("pix", "setup")):
            raise not_implemented(f"{name} in {mode} mode", "payment_method_types")
        message = f"The payment method `{name}` cannot be used in `{mode}` mode."
        raise ApiError(message, param="payment_method_types")


def apply(session: Doc, params: Doc) -> None:
    """Set the options of a new session. Raise Stripe's error for a listed method that it cannot have.

    Of those that are not listed, the ones that the session cannot have are left out.
    """
    types, total = session["payment_method_types"], session["amount_total"]
    capture_method = params.get("payment_intent_data", {}).get("capture_method")
    check_mode(types, session["mode"])
    if "payment_method_types" in params and session["mode"] == "payment":
        check_amount(types, total, capture_method, "line_items")
    elif total:
        types[:] = offered(types, total, capture_method)
    if session["mode"] == "payment":
        check_transfer(params, types, session["currency"], session["customer"])
    session["payment_method_options"].update(of_session(types, params.get(NAME, {})))


def offered(types: Iterable[str], amount: int, capture_method: str | None) -> list[str]:
    """Return the types without those that do not take an amount, or do not let the shop capture by hand."""
    return [name for name in types if not _refusal(name, amount, capture_method)]


def check_amount(types: Iterable[str], amount: int, capture_method: str | None, param: str = "amount") -> None:
    """Raise Stripe's error for a listed method that does not take an amount, or does not let the shop capture by hand.

    The properties of each method on https://docs.stripe.com/payments/konbini and so on.
    """
    for name in types:
        why = _refusal(name, amount, capture_method)
        if why == "manual":
            message = f"The payment method `{name}` does not support manual capture."
            raise ApiError(message, param="capture_method")
        if why:
            message = f"The amount is not one that the payment method `{name}` supports."
            raise ApiError(message, code=f"amount_{why}", param=param)


def _refusal(name: str, amount: int, capture_method: str | None) -> str:
    method = ACTION_METHODS.get(name)
    if method is None:
        return ""
    if capture_method == "manual":
        return "manual"
    return "" if method.takes(amount) else "too_small" if amount < method.min_minor else "too_large"
