"""Stripe's currencies: decimals, minimum and maximum charges. See https://docs.stripe.com/currencies."""

from __future__ import annotations

from decimal import Decimal

from django_checkout.emulator.messages import ApiError

_CODES = (
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf "
    "chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf "
    "idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop "
    "mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd "
    "scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof "
    "xpf yer zar zmw"
)
SUPPORTED = frozenset(_CODES.split())
_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
ZERO_DECIMAL = frozenset(_ZERO_DECIMAL.split())
#: Charged in thousandths; the last digit must be 0.
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
#: Charged in hundredths although the currency has none: amounts must be multiples of 100.
WHOLE_UNITS_IN_HUNDREDTHS = frozenset(("isk", "ugx"))
#: Smallest charges in minor units, and their currencies. Other currencies have no minimum here.
_MINIMUM_MINOR = {
    30: "gbp",
    50: "usd aud brl cad chf eur inr nzd sgd ars cop idr ils php rub zar jpy krw",
    200: "aed myr pln ron",
    250: "dkk",
    300: "nok sek",
    400: "hkd",
    1000: "mxn thb",
    1500: "czk",
    17500: "huf",
}
MINIMUM_MINOR = {code: minimum for minimum, codes in _MINIMUM_MINOR.items() for code in codes.split()}
_SYMBOLS = {"eur": "€", "gbp": "£", "usd": "$"}
MAXIMUM_MINOR = 999_999_999_999
TOO_LARGE = f"Amount must be no more than {MAXIMUM_MINOR}"


def exponent(currency: str) -> int:
    """Return the number of decimals of Stripe's amounts in a currency."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def step_minor(currency: str) -> int:
    """Return the number of minor units that every amount must be a multiple of."""
    if currency in WHOLE_UNITS_IN_HUNDREDTHS:
        return 10**2
    return 10 if currency in THREE_DECIMAL else 1


def to_decimal(minor: int, currency: str) -> Decimal:
    """Return an amount in major units."""
    return Decimal(minor).scaleb(-exponent(currency))


def with_symbol(minor: int, currency: str) -> str:
    """Return an amount as Stripe's error messages show it, such as ``€10.00``."""
    amount = f"{to_decimal(minor, currency):f}"
    return f"{_SYMBOLS[currency]}{amount}" if currency in _SYMBOLS else f"{amount} {currency}"


def check_currency(currency: str, param: str) -> str:
    """Return the currency in lower case, or raise Stripe's error."""
    if currency.lower() not in SUPPORTED:
        raise ApiError(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: {', '.join(sorted(SUPPORTED))}",
            param=param,
        )
    return currency.lower()


def check_unit_amount(amount: int, currency: str, param: str) -> None:
    """Raise Stripe's error for an invalid price."""
    if amount < 0:
        raise ApiError("Invalid non-negative integer", code="parameter_invalid_integer", param=param)
    if amount > MAXIMUM_MINOR:
        raise ApiError(TOO_LARGE, code="amount_too_large", param=param)
    _check_step(amount, currency, param)


def _check_step(amount: int, currency: str, param: str) -> None:
    if amount % step_minor(currency):
        raise ApiError(
            f"Amounts in {currency} must be a multiple of {step_minor(currency)}",
            code="invalid_charge_amount",
            param=param,
        )


def check_charge_amount(amount: int, currency: str, param: str = "") -> None:
    """Raise Stripe's error for an amount that cannot be charged. Zero is allowed.

    Without ``param``, it is the total of a session.
    """
    minimum = MINIMUM_MINOR.get(currency, 0)
    if 0 < amount < minimum:
        # EuroPython/epcon#1259
        amount_text = with_symbol(minimum, currency)
        message = f"Amount must be at least {amount_text.removesuffix(currency).rstrip()} {currency}"
        if not param:
            message = f"The Checkout Session's total amount due must add up to at least {minimum} {currency}"
        raise ApiError(message, code="amount_too_small", param=param or None)
    if amount > MAXIMUM_MINOR:
        raise ApiError(TOO_LARGE, code="amount_too_large", param=param or None)
    if param:
        _check_step(amount, currency, param)
