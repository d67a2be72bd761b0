"""Minor units, Stripe's currency table, and formatting: the only place that knows how many decimals a currency has.

Inside the app money is an ``int`` of minor units and a lower-case currency, always together. ``Decimal`` exists at
the edges only and float nowhere. Stripe's exponents are not ISO 4217's: see https://docs.stripe.com/currencies.
"""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from functools import lru_cache

from babel.core import Locale, UnknownLocaleError
from babel.numbers import format_currency, list_currencies
from django.utils.translation import get_language, to_locale

from django_checkout.exceptions import MoneyError

#: Charged in whole units.
ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
#: Charged in thousandths, of which the last digit must be 0.
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
#: Sent in hundredths although the currency has none, so the amount must be a multiple of 100.
WHOLE_UNITS_IN_HUNDREDTHS = frozenset(("isk", "ugx"))

#: Stripe's smallest charge per settlement currency, in minor units; others are left to Stripe's answer.
MINIMUM_MINOR = {
    **dict.fromkeys(
        [
            "usd",
            "aud",
            "brl",
            "cad",
            "chf",
            "eur",
            "inr",
            "nzd",
            "sgd",
            "ars",
            "cop",
            "idr",
            "ils",
            "php",
            "rub",
            "zar",
        ],
        50,
    ),
    **dict.fromkeys(["aed", "myr", "pln", "ron"], 200),
    "gbp": 30,
    "czk": 1500,
    "dkk": 250,
    "hkd": 400,
    "huf": 17500,
    "jpy": 50,
    "krw": 50,
    "mxn": 1000,
    "nok": 300,
    "sek": 300,
    "thb": 1000,
}
#: Card charges take up to twelve digits.
MAXIMUM_MINOR = 999_999_999_999


@lru_cache(maxsize=1)
def _known_currencies() -> frozenset[str]:
    return frozenset(code.lower() for code in list_currencies())


def get_currency(value: str) -> str:
    """Return the currency in Stripe's spelling, three lower-case letters.

    Raises:
        MoneyError: it is not a currency.
    """
    if not isinstance(value, str) or value.lower() not in _known_currencies():
        raise MoneyError("The currency is not a three-letter ISO 4217 code.")
    return value.lower()


def exponent(currency: str) -> int:
    """Return how many decimals Stripe's amounts in this currency, in either case, have: 0, 2 or 3."""
    currency = currency.lower()
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def step_minor(currency: str) -> int:
    """Return the number of minor units of which every amount charged in this currency must be a multiple."""
    currency = currency.lower()
    if currency in WHOLE_UNITS_IN_HUNDREDTHS:
        return 10**2
    return 10 if currency in THREE_DECIMAL else 1


def to_minor(amount: Decimal | int, currency: str) -> int:
    """Return an amount in major units as minor units; exact, never rounded.

    Raises:
        MoneyError: a float, not a number, more decimals than the currency has, or an amount Stripe cannot charge.
    """
    currency = get_currency(currency)
    if isinstance(amount, bool) or not isinstance(amount, (Decimal, int)):
        raise MoneyError("An amount in major units must be a Decimal or an int, never a float.")
    # By its digits: arithmetic would round to the precision of the caller's decimal context.
    amount = Decimal(amount)
    if not amount.is_finite():
        raise MoneyError("The amount is not a finite number.")
    if amount and amount.adjusted() > len(str(MAXIMUM_MINOR)):
        raise MoneyError("The amount has more than twelve digits.")
    sign, digits, power = (amount or Decimal(0)).as_tuple()
    shift = int(power) + exponent(currency)
    whole, rest = (digits[:shift], digits[shift:]) if shift < 0 else (digits, ())
    if any(rest):
        raise MoneyError(f"The amount has more decimals than {currency.upper()} has.")
    minor = int("".join(map(str, whole)) or "0") * 10 ** max(shift, 0) * (-1 if sign else 1)
    return check_minor(minor, currency)


def to_decimal(minor: int, currency: str) -> Decimal:
    """Return minor units as a Decimal in major units; exact."""
    return Decimal((int(minor < 0), Decimal(minor).as_tuple().digits, -exponent(currency)))


def check_minor(minor: int, currency: str) -> int:
    """Return the amount if Stripe can hold it in this currency: whole, not negative, a multiple of the step.

    Raises:
        MoneyError: it cannot.
    """
    if isinstance(minor, bool) or not isinstance(minor, int):
        raise MoneyError("An amount in minor units must be an int.")
    if minor < 0:
        raise MoneyError("An amount must not be negative.")
    if minor > MAXIMUM_MINOR:
        raise MoneyError("The amount has more than twelve digits.")
    if minor % step_minor(currency):
        raise MoneyError(f"An amount in {currency.upper()} must be a multiple of {step_minor(currency)} minor units.")
    return minor


def check_charge(minor: int, currency: str) -> int:
    """Return the amount if it can be charged: zero (a free order), or no less than Stripe's minimum.

    Raises:
        MoneyError: it cannot.
    """
    check_minor(minor, currency)
    minimum = MINIMUM_MINOR.get(currency.lower(), 0)
    if 0 < minor < minimum:
        raise MoneyError(f"Stripe charges no less than {minimum} minor units in {currency.upper()}.")
    return minor


def format_minor(minor: int, currency: str, locale: str | None = None) -> str:
    """Return the amount as text in the given or the active language, e.g. ``€12.50`` or ``12,50 €``.

    ``locale`` is a Django language code or a Babel locale name. A currency's decimals are Stripe's, except that
    those sent in hundredths but sold whole show none.
    """
    sold_whole = currency.lower() in WHOLE_UNITS_IN_HUNDREDTHS and minor % step_minor(currency) == 0
    digits = 0 if sold_whole else exponent(currency)
    babel_locale = _babel_locale(locale or get_language() or "en")
    pattern = copy(babel_locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return format_currency(
        to_decimal(minor, currency), currency.upper(), format=pattern, locale=babel_locale, currency_digits=False
    )


def _babel_locale(language: str) -> Locale:
    try:
        return Locale.parse(to_locale(language) if "-" in language else language)
    except (UnknownLocaleError, ValueError):
        return Locale("en")
