"""Adaptive Pricing: a session's total in the shopper's own currency, by fixed exchange rates."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.currencies import exponent, step_minor, to_decimal

#: The value of one US dollar.
PER_DOLLAR = {
    "aud": "1.52",
    "brl": "5.40",
    "cad": "1.37",
    "chf": "0.88",
    "czk": "23.10",
    "dkk": "6.86",
    "eur": "0.92",
    "gbp": "0.79",
    "inr": "83.30",
    "jpy": "151.00",
    "mxn": "17.10",
    "nok": "10.70",
    "nzd": "1.66",
    "pln": "3.95",
    "sek": "10.50",
    "sgd": "1.35",
    "usd": "1",
}
COUNTRY_CURRENCIES = {
    **dict.fromkeys(["AT", "BE", "DE", "ES", "FI", "FR", "GR", "IE", "IT", "LU", "NL", "PT"], "eur"),
    "AU": "aud",
    "BR": "brl",
    "CA": "cad",
    "CH": "chf",
    "CZ": "czk",
    "DK": "dkk",
    "GB": "gbp",
    "IN": "inr",
    "JP": "jpy",
    "MX": "mxn",
    "NO": "nok",
    "NZ": "nzd",
    "PL": "pln",
    "SE": "sek",
    "SG": "sgd",
    "US": "usd",
}
#: The rate includes the conversion fee that the shopper pays.
FEE_FACTOR = Decimal("1.02")


def rate(source: str, target: str) -> Decimal:
    """Return the value of one unit of ``source`` in ``target``, including the fee."""
    exact = Decimal(PER_DOLLAR[target]) / Decimal(PER_DOLLAR[source]) * FEE_FACTOR
    return exact.quantize(Decimal("0.000001"))


def converted(minor: int, source: str, target: str) -> int:
    """Return an amount in the smallest unit of another currency."""
    units = to_decimal(minor, source) * rate(source, target)
    step = step_minor(target)
    exact = units.scaleb(exponent(target)) / step
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)) * step


def offered_currency(session: Doc, country: str | None) -> str | None:
    """Return the local currency that a shopper may choose instead of the shop's, or None."""
    target = COUNTRY_CURRENCIES.get(country or "")
    source = session["currency"]
    is_possible = session["adaptive_pricing"]["enabled"] and session["mode"] == "payment" and source in PER_DOLLAR
    return target if is_possible and target and target != source and session["amount_total"] else None


def choose(session: Doc, currency: str) -> None:
    """Set the currency that the shopper pays in. The caller saves the session."""
    if currency != session["currency"] and currency != offered_currency(session, country_of(session)):
        raise ApiError("This currency is not offered.", param="currency")
    session["_typed"] = {**session["_typed"], "currency": currency}


def country_of(session: Doc) -> str | None:
    """Return the shopper's country if it is known."""
    typed = session["_typed"]
    address = (typed.get("billing") or typed.get("shipping") or {}).get("address") or {}
    country: str | None = address.get("country") or typed.get("country")
    return country


def chosen_currency(session: Doc) -> str | None:
    """Return the local currency that the shopper has chosen, or None."""
    chosen: str | None = session["_typed"].get("currency")
    return chosen if chosen and chosen == offered_currency(session, country_of(session)) else None


def presented(session: Doc) -> Doc:
    """Return the field ``presentment_details``, or no field if the shopper pays in the shop's currency."""
    target = chosen_currency(session)
    if target is None:
        return {}
    amount = converted(session["amount_total"], session["currency"], target)
    return {"presentment_details": {"presentment_amount": amount, "presentment_currency": target}}
