"""Amounts in minor units: Stripe's rules for each currency, conversion and formatting.

Amounts are an ``int`` of minor units with a lower-case currency. ``Decimal`` is used only for input and output, float
never. Stripe's decimals differ from ISO 4217: https://docs.stripe.com/currencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from django.utils.translation import get_language, to_locale

from django_checkout.exceptions import MoneyError

# Babel is imported by the first call that needs it: a process that formats no amount starts faster.
if TYPE_CHECKING:
    from babel.core import Locale

#: Charged in units.
ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
#: Charged in thousandths; the last digit must be 0.
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
#: Charged in hundredths although the currency has no decimals, so amounts must be multiples of 100.
WHOLE_UNITS_IN_HUNDREDTHS = frozenset(("isk", "ugx"))

#: Stripe's minimum charges in minor units, and their settlement currencies; Stripe checks the other currencies.
_MINIMUM_MINOR = {
    30: "gbp",
    50: "ars aud brl cad chf cop eur idr ils inr jpy krw nzd php rub sgd usd zar",
    200: "aed myr pln ron",
    250: "dkk",
    300: "nok sek",
    400: "hkd",
    1000: "mxn thb",
    1500: "czk",
    17500: "huf",
}
MINIMUM_MINOR = {code: minimum for minimum, codes in _MINIMUM_MINOR.items() for code in codes.split()}
#: Card charges take up to twelve digits.
MAXIMUM_MINOR = 999_999_999_999


@lru_cache(maxsize=1)
def _known_currencies() -> frozenset[str]:
    from babel.numbers import list_currencies

    return frozenset(code.lower() for code in list_currencies())


def get_currency(value: str) -> str:
    """Return a currency code in lower case, as Stripe writes it.

    Raises:
        MoneyError: the code is not a currency.
    """
    if not isinstance(value, str) or value.lower() not in _known_currencies():
        raise MoneyError("The currency is not a three-letter ISO 4217 code.")
    return value.lower()


def exponent(currency: str) -> int:
    """Return the number of decimals of Stripe's amounts in a currency: 0, 2 or 3."""
    currency = currency.lower()
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def step_minor(currency: str) -> int:
    """Return the number of minor units that every amount in a currency must be a multiple of."""
    currency = currency.lower()
    if currency in WHOLE_UNITS_IN_HUNDREDTHS:
        return 10**2
    return 10 if currency in THREE_DECIMAL else 1


def to_minor(amount: Decimal | int, currency: str) -> int:
    """Convert an amount from major to minor units, without rounding.

    Raises:
        MoneyError: the amount is a float or not a number, has too many decimals, or cannot be charged.
    """
    currency = get_currency(currency)
    if isinstance(amount, bool) or not isinstance(amount, (Decimal, int)):
        raise MoneyError("An amount in major units must be a Decimal or an int, never a float.")
    # Convert the digits: arithmetic would round to the precision of the decimal context.
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
    """Convert an amount from minor to major units, without rounding."""
    return Decimal((int(minor < 0), Decimal(minor).as_tuple().digits, -exponent(currency)))


def check_minor(minor: int, currency: str) -> int:
    """Return the amount if it is valid in the currency.

    Raises:
        MoneyError: the amount is not an int, is negative or too large, or is not a multiple of ``step_minor``.
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
    """Return the amount if it can be charged: zero for a free order, or at least Stripe's minimum.

    Raises:
        MoneyError: the amount cannot be charged.
    """
    check_minor(minor, currency)
    minimum = MINIMUM_MINOR.get(currency.lower(), 0)
    if 0 < minor < minimum:
        raise MoneyError(f"Stripe's minimum charge in {currency.upper()} is {minimum} minor units.")
    return minor


def format_minor(minor: int, currency: str, locale: str | None = None) -> str:
    """Return the amount as text in the given or active language, for example ``€12.50`` or ``12,50 €``.

    ``locale`` is a Django language code or a Babel locale name. The decimals are Stripe's, but a whole amount in a
    currency of ``WHOLE_UNITS_IN_HUNDREDTHS`` has none.
    """
    from babel.numbers import format_currency

    is_whole = currency.lower() in WHOLE_UNITS_IN_HUNDREDTHS and minor % step_minor(currency) == 0
    digits = 0 if is_whole else exponent(currency)
    babel_locale = _babel_locale(locale or get_language() or "en")
    pattern = copy(babel_locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return format_currency(
        to_decimal(minor, currency), currency.upper(), format=pattern, locale=babel_locale, currency_digits=False
    )


def country_name(code: str, language: str | None = None) -> str:
    """Return the name of a country in the given or active language; the code itself if it has none."""
    return str(_babel_locale(language or get_language() or "en").territories.get(code.upper(), code))


def join_texts(texts: Sequence[str]) -> str:
    """Return a list of amounts or words as text in the active language, for example ``€5.00 and €9.00``."""
    from babel.lists import format_list

    return format_list(texts, locale=_babel_locale(get_language() or "en"))


def _babel_locale(language: str) -> Locale:
    from babel.core import Locale, UnknownLocaleError

    try:
        return Locale.parse(to_locale(language) if "-" in language else language)
    except (UnknownLocaleError, ValueError):
        return Locale("en")
