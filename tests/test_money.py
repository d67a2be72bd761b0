"""Amounts: Stripe's currency table, conversion, refused values and formatting."""

from __future__ import annotations

import re
from decimal import Decimal, localcontext

import pytest
from babel import Locale
from babel.numbers import format_currency, get_currency_symbol, get_decimal_symbol
from django.conf import global_settings
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from django_checkout.exceptions import MoneyError
from django_checkout.money import (
    MAXIMUM_MINOR,
    MINIMUM_MINOR,
    check_charge,
    check_minor,
    exponent,
    format_minor,
    get_currency,
    step_minor,
    to_decimal,
    to_minor,
)

pytestmark = pytest.mark.core

#: https://docs.stripe.com/currencies#zero-decimal, without UGX, which is sent in hundredths.
ZERO = ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
#: https://docs.stripe.com/currencies#three-decimal
THREE = ["bhd", "jod", "kwd", "omr", "tnd"]
#: https://docs.stripe.com/currencies#special-cases
SPECIAL = ["isk", "ugx"]
TWO = [
    "aed", "aud", "brl", "cad", "chf", "cny", "czk", "dkk", "eur", "gbp", "hkd", "huf", "idr", "ils",
    "inr", "mxn", "myr", "nok", "nzd", "php", "pln", "ron", "sek", "sgd", "thb", "try", "twd", "usd",
]  # fmt: skip

#: A currency, a price in major units, and the amount that Stripe gets.
TABLE = [
    *((currency, "500", 500) for currency in ZERO),
    *((currency, "5.120", 5120) for currency in THREE),
    *((currency, "500", 50000) for currency in SPECIAL),
    *((currency, "10.99", 1099) for currency in TWO),
]
#: The minimum charge by settlement currency:
#: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
MINIMA = {
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
        "0.50",
    ),
    **dict.fromkeys(["aed", "myr", "pln", "ron"], "2.00"),
    "gbp": "0.30",
    "czk": "15.00",
    "dkk": "2.50",
    "hkd": "4.00",
    "huf": "175.00",
    "jpy": "50",
    "krw": "50",
    "mxn": "10",
    "nok": "3.00",
    "sek": "3.00",
    "thb": "10",
}
currencies = st.sampled_from(ZERO + THREE + SPECIAL + TWO)


@st.composite
def sendable(draw):
    """A currency and a valid amount in minor units."""
    currency = draw(currencies)
    step = step_minor(currency)
    return draw(st.integers(0, MAXIMUM_MINOR // step)) * step, currency


@pytest.mark.parametrize(("currency", "major", "minor"), TABLE)
def test_price_is_sent_in_minor_units_of_its_currency(currency, major, minor):
    assert to_minor(Decimal(major), currency) == minor
    assert to_decimal(minor, currency) == Decimal(major)


@pytest.mark.parametrize(
    ("currencies", "decimals", "step", "amount", "reason"),
    [
        (ZERO, 0, 1, "500.5", "more decimals"),
        # The last of three decimals must be zero.
        (THREE, 3, 10, "5.124", "multiple of 10 "),
        # Whole units are charged in hundredths.
        (SPECIAL, 2, 100, "5.50", "multiple of 100 "),
    ],
    ids=["zero", "three", "special"],
)
def test_amount_between_two_steps_of_its_currency_is_refused(currencies, decimals, step, amount, reason):
    for currency in currencies:
        assert (exponent(currency), step_minor(currency)) == (decimals, step)
        with pytest.raises(MoneyError, match=reason):
            to_minor(Decimal(amount), currency)


@pytest.mark.parametrize("currency", ["huf", "twd"])
def test_currency_with_whole_payouts_is_charged_in_hundredths(currency):
    assert (exponent(currency), step_minor(currency)) == (2, 1)
    assert check_minor(1234505, currency) == 1234505


@pytest.mark.parametrize("currency", ["JPY", "Kwd", "ISK", "UGX", "USD"])
def test_case_of_a_currency_does_not_matter(currency):
    lower = currency.lower()

    assert (exponent(currency), step_minor(currency)) == (exponent(lower), step_minor(lower))
    assert to_minor(500, currency) == to_minor(500, lower)
    assert to_decimal(50000, currency) == to_decimal(50000, lower)
    assert format_minor(50000, currency, "en") == format_minor(50000, lower, "en")
    with pytest.raises(MoneyError):
        check_minor(-1, currency)


@given(sendable())
def test_minor_units_survive_a_round_trip_through_decimal(money):
    minor, currency = money

    assert to_minor(to_decimal(minor, currency), currency) == minor


@given(currencies, st.decimals(0, 10**9, allow_nan=False, allow_infinity=False))
def test_decimal_is_converted_exactly_or_refused(currency, amount):
    try:
        minor = to_minor(amount, currency)
    except MoneyError:
        return

    with localcontext(prec=100):
        assert to_decimal(minor, currency) == amount


@given(sendable())
def test_decimal_context_does_not_matter(money):
    minor, currency = money

    with localcontext(prec=3):
        amount = to_decimal(minor, currency)
        assert to_minor(amount, currency) == minor


@pytest.mark.parametrize("minor", [0, -1, -1999, 1999])
def test_negative_minor_units_become_negative_decimals(minor):
    assert to_decimal(minor, "usd") == Decimal(minor) / Decimal(10**2)


@pytest.mark.parametrize("amount", [0.1, 10.0, True, False, "10.00", None, 1 + 0j])
def test_only_decimals_and_integers_are_amounts(amount):
    with pytest.raises(MoneyError, match="Decimal or an int, never a float"):
        to_minor(amount, "usd")


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "-NaN", "Infinity", "-Infinity"])
def test_amount_that_is_not_finite_is_refused(amount):
    with pytest.raises(MoneyError, match="finite"):
        to_minor(Decimal(amount), "usd")


@pytest.mark.parametrize(
    "amount", ["0.001", "1.999", "1E-3", "1E-999999", "1000000000.000000000000000000000000000001", "9999999999.991"]
)
def test_amount_with_more_decimals_than_the_currency_is_refused_not_rounded(amount):
    with pytest.raises(MoneyError, match="more decimals"):
        to_minor(Decimal(amount), "usd")


@pytest.mark.parametrize(
    ("amount", "minor"), [("1.50000", 150), ("0E-999", 0), ("-0.00", 0), ("0E+999999", 0), ("15E+1", 15000)]
)
def test_notation_of_a_decimal_does_not_matter(amount, minor):
    assert to_minor(Decimal(amount), "usd") == minor


@pytest.mark.parametrize("amount", ["-0.01", "-1", "-10E2"])
def test_negative_amount_is_refused(amount):
    with pytest.raises(MoneyError, match="negative"):
        to_minor(Decimal(amount), "usd")


@pytest.mark.parametrize("amount", ["10000000000.00", "1E+30", "1E+999999", "-1E+999999", "9" * 5000])
def test_amount_of_more_than_twelve_digits_is_refused(amount):
    with pytest.raises(MoneyError, match="twelve digits"):
        to_minor(Decimal(amount), "usd")


def test_amount_of_twelve_digits_is_accepted():
    assert to_minor(Decimal("9999999999.99"), "usd") == MAXIMUM_MINOR


@pytest.mark.parametrize("minor", [1.0, True, "1", None, Decimal(1)])
def test_minor_units_must_be_int(minor):
    with pytest.raises(MoneyError, match="must be an int"):
        check_minor(minor, "usd")


@pytest.mark.parametrize(
    ("minor", "currency"), [(-1, "usd"), (MAXIMUM_MINOR + 1, "usd"), (5124, "kwd"), (550, "isk"), (1, "ugx")]
)
def test_minor_units_that_stripe_does_not_accept_are_refused(minor, currency):
    with pytest.raises(MoneyError):
        check_minor(minor, currency)


def test_minimum_charges_are_stripe_s():
    assert {currency: to_decimal(minor, currency) for currency, minor in MINIMUM_MINOR.items()} == {
        currency: Decimal(minimum) for currency, minimum in MINIMA.items()
    }


@pytest.mark.parametrize(("currency", "minimum"), MINIMA.items())
def test_charge_below_the_minimum_is_refused(currency, minimum):
    minor = to_minor(Decimal(minimum), currency)

    assert check_charge(minor, currency) == minor
    with pytest.raises(MoneyError, match=f"is {minor} "):
        check_charge(minor - 1, currency)
    with pytest.raises(MoneyError, match=f"is {minor} "):
        check_charge(minor - 1, currency.upper())


@pytest.mark.parametrize("currency", [*MINIMA, *THREE, *SPECIAL])
def test_free_order_is_accepted(currency):
    assert check_charge(0, currency) == 0


def test_unknown_minimum_is_not_checked():
    assert check_charge(10, "kwd") == 10


@pytest.mark.parametrize("value", ["USD", "usd", "Usd"])
def test_currency_is_converted_to_lower_case(value):
    assert get_currency(value) == "usd"


@pytest.mark.parametrize("value", ["", "us", "usd ", "usdt", "btc", "zzz", "$", None, 840, b"usd"])
def test_unknown_currency_is_refused(value):
    with pytest.raises(MoneyError, match="ISO 4217"):
        get_currency(value)


@pytest.mark.parametrize("currency", ["", "btc", None])
def test_amount_in_an_unknown_currency_is_refused(currency):
    with pytest.raises(MoneyError, match="ISO 4217"):
        to_minor(Decimal(1), currency)


#: An amount, its currency, and the formatted digits before and after the decimal separator.
SHOWN = [
    (123456, "usd", "1234", "56"),
    (123456, "eur", "1234", "56"),
    (1234560, "kwd", "1234", "560"),
    (1234, "jpy", "1234", ""),
    (123400, "isk", "1234", ""),
    (123450, "isk", "1234", "50"),
    (123400, "ugx", "1234", ""),
    (123450, "huf", "1234", "50"),
    (0, "eur", "0", "00"),
    (5, "eur", "0", "05"),
    (-500, "usd", "5", "00"),
    (999999999999, "usd", "9999999999", "99"),
]
#: Django's language codes and their locales.
READERS = {
    "en": "en",
    "de": "de",
    "fr": "fr",
    "ja": "ja",
    "ar": "ar",
    "is": "is",
    "de-ch": "de_CH",
    "pt-br": "pt_BR",
    "zh-hans": "zh_Hans",
}


def parts(text, language):
    """Return the digits before and after the last decimal separator of a language."""
    whole, _, fraction = text.rpartition(get_decimal_symbol(Locale.parse(READERS[language])))
    return tuple("".join(re.findall(r"\d", part)) for part in ((whole, fraction) if whole else (text, "")))


def amount_as_read(minor, currency, locale):
    """Return what Babel writes for a currency with two decimals."""
    return format_currency(Decimal(minor) / 10**2, currency.upper(), locale=Locale.parse(locale))


@pytest.mark.parametrize("language", ["en", "de", "fr", "pt-br"])
@pytest.mark.parametrize(("minor", "currency", "whole", "fraction"), SHOWN)
def test_amount_is_formatted_with_stripe_s_decimals(minor, currency, whole, fraction, language):
    assert parts(format_minor(minor, currency, language), language) == (whole, fraction)


@pytest.mark.parametrize(("language", "locale"), READERS.items())
@pytest.mark.parametrize("minor", [123456, -500, 0])
@pytest.mark.parametrize("currency", ["usd", "eur", "chf"])
def test_amount_is_formatted_for_the_locale(minor, currency, language, locale):
    assert format_minor(minor, currency, language) == amount_as_read(minor, currency, locale)


@pytest.mark.parametrize("currency", ["usd", "eur", "jpy", "kwd", "isk"])
@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_formatted_amount_contains_the_currency(currency, language):
    assert get_currency_symbol(currency.upper(), READERS[language]) in format_minor(500, currency, language)


def test_negative_amount_is_formatted_with_its_sign():
    assert format_minor(-500, "usd", "en") != format_minor(500, "usd", "en")


def test_amount_is_formatted_in_the_active_language():
    with translation.override("de"):
        assert format_minor(123456, "eur") == amount_as_read(123456, "eur", "de")


def test_amount_is_formatted_in_english_without_an_active_language():
    with translation.override(None):
        assert format_minor(123456, "eur") == amount_as_read(123456, "eur", "en")


@pytest.mark.parametrize("language", ["xx", "not a language", "../etc"])
def test_amount_is_formatted_in_english_for_an_unknown_language(language):
    assert format_minor(123456, "eur", language) == amount_as_read(123456, "eur", "en")


@pytest.mark.parametrize("language", [code for code, _name in global_settings.LANGUAGES])
def test_every_language_of_django_shows_all_digits(language):
    text = format_minor(123456, "eur", language)

    assert "".join(str(int(digit)) for digit in re.findall(r"\d", text)) == "123456"


@given(sendable(), st.sampled_from(["en", "de", "fr", "ja", "de-ch", "pt-br", "zh-hans"]))
def test_formatting_does_not_round(money, language):
    minor, currency = money

    written = int("".join(re.findall(r"\d", format_minor(minor, currency, language))))

    assert written == (minor // 10**2 if currency in SPECIAL else minor)
