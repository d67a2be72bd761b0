from __future__ import annotations

import pytest
from django.urls import reverse

from django_checkout import services
from example_project import settings as example

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelf")]

GERMAN = {"Accept-Language": "de-DE,de;q=0.9"}


@pytest.fixture(autouse=True)
def languages(settings):
    settings.LANGUAGES = example.LANGUAGES


def test_shop_pages_are_english(visitor):
    page = visitor.get(reverse("shop:catalogue"), headers=GERMAN)

    assert page["Content-Language"] == "en"
    assert '<html lang="en">' in page.text
    assert "Bestellungen" not in page.text


def test_checkout_pages_are_in_the_browsers_language_in_an_english_shop(visitor, make_order):
    page = visitor.get(services.pay_url(services.place(make_order())), headers=GERMAN)

    assert page["Content-Language"] == "de"
    assert '<html lang="de">' in page.text
    assert "Jetzt bezahlen" in page.text
    assert '<header class="site-header" lang="en">' in page.text
    assert "Sign in" in page.text
    assert "We never see your card." in page.text
    assert "Zahlung</strong>" not in page.text


def test_language_of_a_page_does_not_affect_the_next(visitor, make_order):
    pay = services.pay_url(services.place(make_order()))
    visitor.get(reverse("shop:catalogue"), headers=GERMAN)

    assert '<html lang="de">' in visitor.get(pay, headers=GERMAN).text
    assert '<html lang="en">' in visitor.get(pay, headers={"Accept-Language": "en"}).text


def test_404_page_is_english(visitor):
    page = visitor.get("/nowhere/", headers=GERMAN)

    assert "Back to the shop" in page.text
