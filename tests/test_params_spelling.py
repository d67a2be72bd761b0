"""Languages, countries and email addresses are converted to Stripe's spelling."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import stripe
from django.conf.locale import LANG_INFO

from django_checkout.params.spelling import COUNTRIES, LOCALES, find_country, find_email, find_image_url, find_locale

pytestmark = pytest.mark.core

#: The SDK's source, whose types are not available at run time.
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
def test_language_is_converted_or_not_sent(language, locale):
    assert find_locale(language) == locale


@pytest.mark.parametrize("language", LANG_INFO)
def test_every_django_language_converts_to_a_stripe_locale(language):
    assert find_locale(language) in {"", *LOCALES}


def test_locales_are_in_the_sdk():
    assert set(LOCALES) <= set(re.findall(r"'([\w-]+)'", stated("    locale: NotRequired")))


def test_countries_are_in_the_sdk():
    source = SDK.read_text(encoding="utf-8")
    start = source.index("class SessionCreateParamsShippingAddressCollection(")

    assert set(re.findall(r'"([A-Z]{2})"', source[start : start + 6000])) >= COUNTRIES


@pytest.mark.parametrize(
    ("code", "country"),
    [("DE", "DE"), ("de", "DE"), (" at ", "AT"), ("UK", "GB"), ("EL", "GR"), ("XX", ""), ("CU", ""), ("Germany", "")],
)
def test_country_is_converted_or_not_sent(code, country):
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
def test_image_url_is_public_or_not_sent(url, image):
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
def test_email_is_accepted_by_stripe_or_not_sent(address, email):
    assert find_email(address) == email
