from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core import mail
from django.urls import reverse

import example_project
from django_checkout import services
from django_checkout.values import ActionDetail, NextAction
from example_project import settings as example
from example_project.shop.mail import send_confirmation, send_instructions, send_refund_notice
from example_project.shop.models import Order
from tests.amounts import money
from tests.latin_words import latin_words
from tests.test_translations import entries, marked_in, read, texts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelf")]

PROJECT = Path(example_project.__file__).parent
LOCALE = PROJECT / "shop/locale"
#: What a buyer reads of the shop outside its own pages: on the payment page and in mails.
BUYER_SOURCES = (
    *(PROJECT / name for name in ("shop/adapters.py", "shop/mail.py", "shop/shipping.py", "api_demo/adapters.py")),
    *sorted((PROJECT / "shop/templates/shop/mail").iterdir()),
)
LANGUAGES = [code for code, _name in example.LANGUAGES if code != "en"]

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


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_shop_writes_to_a_buyer_is_translated(language):
    written, compiled = (entries(catalog) for catalog in read(language, LOCALE))
    marked = {key for source in BUYER_SOURCES for key, _line in marked_in(source)}

    # Django looks in every app: some words are the checkout's.
    assert marked - written.keys() - entries(read(language)[0]).keys() == set()
    assert written.keys() - marked == set()
    assert all(text for message in written.values() for text in texts(message.string))
    assert {key: texts(message.string) for key, message in compiled.items()} == {
        key: texts(message.string) for key, message in written.items()
    }


def test_an_order_keeps_the_browsers_language(visitor):
    visitor.post("/cart/add/moon-teapot/")
    visitor.post("/cart/checkout/", {"email": "guest@example.com", "name": "A Guest"}, headers=GERMAN)

    assert Order.objects.get().language == "de"


@pytest.mark.parametrize(
    ("language", "confirmed", "refunded"),
    [
        ("en", "thank you, order", "is on its way back to you"),
        ("de", "vielen Dank, Bestellung", "sind auf dem Weg zurück"),
        ("ja", "お支払いを確認いたしました", "返金する手続きを行いました"),
    ],
)
def test_mails_are_in_the_language_of_the_order(make_order, language, confirmed, refunded):
    order = make_order(language=language, currency="jpy")
    services.place(order)
    send_confirmation(order)
    send_refund_notice(order, 500)

    confirmation, refund = mail.outbox
    assert confirmed in confirmation.body
    assert refunded in refund.body
    assert order.number in refund.subject


def test_the_parcel_is_named_in_the_language_of_the_order(make_order):
    payable = services.place(make_order(language="ja"))

    assert "宅配便" in str(payable.params["shipping_options"])


def test_the_instructions_of_a_voucher_are_in_the_language_and_the_time_of_the_buyer(make_order):
    order = make_order(language="ja", currency="jpy")
    deadline = datetime(2026, 12, 4, 14, 59, 59, tzinfo=UTC)
    codes = (ActionDetail(name="payment_code", value="123456", group="lawson"),)
    action = NextAction(kind="konbini", url="", amount_minor=21760, currency="jpy", expires_at=deadline, details=codes)

    send_instructions(order, action)

    [message] = mail.outbox
    assert f"ご注文 {order.number} のお支払い方法のご案内" in message.subject
    assert f"お支払い金額: {money('21760', 'jpy', 'ja')} (コンビニ払い)" in message.body
    assert "お支払い期限: 2026年12月4日23:59 JST" in message.body
    assert "ローソン: お支払い番号: 123456" in message.body
    told = re.sub(r"http\S+", "", message.body)
    assert latin_words(told, [order.number, order.name, "JST", "Thistle & Slip"]) == []
