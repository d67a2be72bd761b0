"""What Stripe knows about currencies: which it takes, and the least it charges."""

from __future__ import annotations

from django_checkout import money

from .messages import ApiError

_CODES = (
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf "
    "chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf "
    "idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop "
    "mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd "
    "scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof "
    "xpf yer zar zmw"
)
SUPPORTED = frozenset(_CODES.split())
TOO_LARGE = "Amount must be no more than 999999999999"


def check_currency(currency: str, param: str) -> str:
    """Return the currency in lower case, or raise Stripe's error."""
    if currency.lower() not in SUPPORTED:
        raise ApiError(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: {', '.join(sorted(SUPPORTED))}",
            param=param,
        )
    return currency.lower()


def check_unit_amount(amount: int, currency: str, param: str) -> None:
    """Raise Stripe's error for an amount that a price cannot have."""
    if amount < 0:
        raise ApiError("Invalid non-negative integer", code="parameter_invalid_integer", param=param)
    if amount > money.MAXIMUM_MINOR:
        raise ApiError(TOO_LARGE, code="amount_too_large", param=param)
    if amount % money.step_minor(currency):
        raise ApiError(
            f"Amounts in {currency} must be a multiple of {money.step_minor(currency)}",
            code="invalid_charge_amount",
            param=param,
        )


def check_charge_amount(amount: int, currency: str) -> None:
    """Raise Stripe's error for a total that cannot be charged; nothing at all can."""
    minimum = money.MINIMUM_MINOR.get(currency, 0)
    if 0 < amount < minimum:
        raise ApiError(
            f"The Checkout Session's total amount due must add up to at least {minimum} {currency}",
            code="amount_too_small",
        )
    if amount > money.MAXIMUM_MINOR:
        raise ApiError(TOO_LARGE, code="amount_too_large")
