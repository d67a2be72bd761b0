"""A host's spelling of languages, countries and e-mail addresses, put into Stripe's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import stripe
from django.conf.locale import LANG_INFO

from django_checkout.params.spelling import COUNTRIES, LOCALES, find_country, find_email, find_image_url, find_locale

pytestmark = pytest.mark.core

#: What the SDK says that Stripe takes, as text: its types are not there at run time.
SDK = Path(stripe.__file__).with_name("params") / "checkout" / "_session_create_params.py"


def stated(after):
    source = SDK.read_text(encoding="utf-8")
    return re.search(rf"{after}.*?\]\|?", source, re.DOTALL).group()


@pytest.mark.parametrize(
    ("language", "locale"),
    [
        ("de", "de"),
        ("de-at", "de"),
        ("pt-br", "pt-BR"),
        ("pt_BR", "pt-BR"),
        ("pt-ao", "pt"),
        ("en-us", "en"),
        ("en-gb", "en-GB"),
        ("zh-hans", "zh"),
        ("zh-hant", "zh-TW"),
        ("zh-hk", "zh-HK"),
        ("es-mx", "es-419"),
        ("no", "nb"),
        (" FR-ca ", "fr-CA"),
        ("auto", "auto"),
        ("ku", ""),
        ("", ""),
        ("x" * 5000, ""),
        ("de\x00", ""),
    ],
)
def test_language_is_stripes_or_left_out(language, locale):
    assert find_locale(language) == locale


@pytest.mark.parametrize("language", LANG_INFO)
def test_every_language_of_djangos_is_one_that_stripe_takes(language):
    assert find_locale(language) in {"", *LOCALES}


def test_locales_are_among_those_of_the_sdk():
    assert set(LOCALES) <= set(re.findall(r"'([\w-]+)'", stated("    locale: NotRequired")))


def test_countries_are_among_those_of_the_sdk():
    source = SDK.read_text(encoding="utf-8")
    start = source.index("class SessionCreateParamsShippingAddressCollection(")

    assert set(re.findall(r'"([A-Z]{2})"', source[start : start + 6000])) >= COUNTRIES


@pytest.mark.parametrize(
    ("code", "country"),
    [("DE", "DE"), ("de", "DE"), (" at ", "AT"), ("UK", "GB"), ("EL", "GR"), ("XX", ""), ("CU", ""), ("Germany", "")],
)
def test_country_is_stripes_or_left_out(code, country):
    assert find_country(code) == country


@pytest.mark.parametrize(
    ("url", "image"),
    [
        ("https://shop.example/a.png", "https://shop.example/a.png"),
        ("http://[::1]:8000/a.png", "http://[::1]:8000/a.png"),
        ("http://localhost:8000/a.png", ""),
        ("http://web/a.png", ""),
        ("", ""),
    ],
)
def test_picture_is_one_that_stripe_can_fetch_or_left_out(url, image):
    assert find_image_url(url) == image


@pytest.mark.parametrize(
    ("address", "email"),
    [
        (" sam@example.com ", "sam@example.com"),
        ("sam+tea@mail.example.co.uk", "sam+tea@mail.example.co.uk"),
        ("test", ""),
        ("test@test", ""),
        ("root@localhost", ""),
        ("sam@exämple.com", ""),
        ("sam@@example.com", ""),
        ("sam@example.com\n", "sam@example.com"),
        ("sam\x00@example.com", ""),
        ("", ""),
    ],
)
def test_address_is_one_that_stripe_takes_or_left_out(address, email):
    assert find_email(address) == email
