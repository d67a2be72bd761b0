"""The small print before each button that pays: the shop, what is due, what is still added, and the legal pages."""

from __future__ import annotations

import logging
import re
from html import unescape

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import reverse
from django.utils import translation

from django_checkout import legal_links, services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.conf import UI_MODES
from django_checkout.params.terms import get_terms
from django_checkout.services.small_print import get_small_print
from django_checkout.values import CheckoutOptions, LineData, OrderData
from tests.amounts import money
from tests.host.adapters import HostAdapter

pytestmark = [pytest.mark.django_db, pytest.mark.core]

LINKS = {
    "imprint": {"de": "/impressum/", "en": "/legal-notice/"},
    "terms": "https://shop.example/terms?version=2",
    "withdrawal": "/withdrawal/",
}
#: What a browser may read as a script, or as a URL of another host than it seems.
DANGEROUS = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "//evil.example/terms",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https:///terms",
    "https://[::1",
    "ftp://shop.example/terms",
    "mailto:shop@example.org",
    "terms/",
    "terms",
    7,
    None,
]


class SellerAdapter(HostAdapter):
    """A marketplace, whose sellers have their own terms."""

    def legal_links(self, order):
        return {"terms": "/sellers/7/terms/", "imprint": "", "privacy": "javascript:alert(1)"}


def _place(**options):
    line = {"name": "Tea", "unit_amount_minor": 1900, **options.pop("line", {})}
    data = OrderData(reference="S-1", currency="eur", lines=(LineData(**line),), options=CheckoutOptions(**options))
    return services.place(data)


def _small_print(order):
    lines = list(order.lines.all())
    return get_small_print(order, get_terms(order, lines), lines)


def _render(tag, order):
    context = Context({"request": RequestFactory().get("/"), "csrf_token": "t", "order": order})
    return Template("{% load checkout %}" + tag).render(context)


def _shown_links(html):
    found = re.findall(r'<a href="([^"]+)"[^>]*data-checkout-legal="(\w+)"', html)
    return {kind: unescape(url) for url, kind in found}


@pytest.mark.parametrize("url", DANGEROUS)
def test_a_link_is_a_path_or_an_http_url(url):
    with pytest.raises(ImproperlyConfigured, match=r"'terms'.* must be a path such as /terms/"):
        legal_links.read("CHECKOUT_LEGAL_LINKS", {"terms": url})
    with pytest.raises(ImproperlyConfigured, match="'terms'"):
        legal_links.read("CHECKOUT_LEGAL_LINKS", {"terms": {"de": url}})


@pytest.mark.parametrize(
    ("language", "url"),
    [("de", "/impressum/"), ("de-at", "/impressum/"), ("en-gb", "/legal-notice/"), ("fr", "/impressum/")],
)
def test_a_link_is_that_of_the_language(language, url):
    assert legal_links.find_url(LINKS["imprint"], language) == url


@pytest.mark.parametrize(
    "tag",
    [
        "{% checkout_button order %}",
        "{% checkout_button order label='Buy' %}",
        "{% checkout_embedded order %}",
        "{% checkout_elements order %}",
    ],
)
def test_every_tag_shows_the_shop_and_its_legal_pages_before_the_button(order, host_order, settings, tag):
    settings.CHECKOUT_LEGAL_LINKS, settings.CHECKOUT_SHOP_NAME = LINKS, "Thistle & Slip Ltd"

    html = _render(tag, host_order)

    before = re.split(r'class="checkout-mount"|<button class="checkout-button" type="submit"', html)[0]
    assert "Sold by Thistle &amp; Slip Ltd" in before
    assert list(_shown_links(before)) == ["terms", "withdrawal", "imprint"]
    assert _shown_links(before)["imprint"] == "/legal-notice/"


def test_the_fallback_of_elements_shows_them_too(order, host_order, settings):
    settings.CHECKOUT_LEGAL_LINKS = LINKS

    fallback = _render("{% checkout_elements order %}", host_order).partition("data-checkout-fallback")[2]

    assert list(_shown_links(fallback[: fallback.index("<button")])) == ["terms", "withdrawal", "imprint"]


@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_the_payment_page_and_the_return_page_show_them(client, order, settings, ui_mode):
    settings.CHECKOUT_LEGAL_LINKS, settings.CHECKOUT_UI_MODE = LINKS, ui_mode

    pay = client.get(reverse("django_checkout:pay", args=[make_token(order, Purpose.PAY)]), HTTP_ACCEPT_LANGUAGE="de")
    back = client.get(reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)]))

    assert _shown_links(pay.content.decode())["terms"] == LINKS["terms"]
    assert list(_shown_links(back.content.decode())) == ["terms", "withdrawal", "imprint"]


def test_labels_are_translated(order, settings):
    settings.CHECKOUT_LEGAL_LINKS = dict.fromkeys(legal_links.KINDS, "/x/")

    with translation.override("de"):
        labels = {link.kind: link.label for link in _small_print(order).links}

    assert labels["imprint"] == "Impressum"
    assert labels["withdrawal"] == "Widerrufsbelehrung"
    assert list(labels) == list(legal_links.KINDS)


def test_the_adapter_replaces_links_and_cannot_run_a_script(order, host_order, settings, caplog):
    settings.CHECKOUT_ADAPTER = f"{__name__}.SellerAdapter"
    settings.CHECKOUT_LEGAL_LINKS = LINKS

    with caplog.at_level(logging.ERROR, "django_checkout"):
        html = _render("{% checkout_button order %}", host_order)

    assert _shown_links(html) == {"terms": "/sellers/7/terms/", "withdrawal": "/withdrawal/"}
    assert "javascript:" not in html
    assert f"legal_link_refused order={order.reference} reason=\"legal_links()['privacy'] must be" in caplog.text


class SilentAdapter(HostAdapter):
    """An adapter whose methods forget to return something."""

    answer = None

    def legal_links(self, order):
        return self.answer


@pytest.mark.parametrize("answer", [None, "/terms/", ["/terms/"], {7: "/terms/"}, {"terms": ["/terms/"]}])
def test_a_malformed_answer_of_the_adapter_does_not_stop_the_sale(client, order, settings, caplog, monkeypatch, answer):
    settings.CHECKOUT_ADAPTER = f"{__name__}.SilentAdapter"
    settings.CHECKOUT_LEGAL_LINKS = LINKS
    monkeypatch.setattr(SilentAdapter, "answer", answer)

    with caplog.at_level(logging.ERROR, "django_checkout"):
        page = client.get(reverse("django_checkout:pay", args=[make_token(order, Purpose.PAY)]))

    assert page.status_code == 200
    assert _shown_links(page.text) == {
        "terms": LINKS["terms"],
        "withdrawal": "/withdrawal/",
        "imprint": "/legal-notice/",
    }
    assert "legal_link" in caplog.text


@pytest.mark.parametrize(("name", "purpose"), [("pay", Purpose.PAY), ("return", Purpose.STATUS)])
def test_a_page_whose_url_has_a_token_gives_it_to_no_page_of_the_shop(client, order, settings, name, purpose):
    settings.CHECKOUT_LEGAL_LINKS = LINKS

    page = client.get(reverse(f"django_checkout:{name}", args=[make_token(order, purpose)]))

    links = [link for link in re.findall(r"<a [^>]+>", page.text) if 'href="/checkout/' not in link]
    assert len(links) > len(LINKS)
    assert all("noreferrer" in link for link in links)


def test_without_settings_there_are_none(order, host_order):
    assert "checkout-legal" not in _render("{% checkout_button order %}", host_order)


def test_the_name_is_that_of_stripes_page_by_default(settings):
    settings.CHECKOUT_SESSION_DEFAULTS = {"branding_settings": {"display_name": "Thistle"}}
    order = _place()

    assert _small_print(order).shop_name == "Thistle"

    settings.CHECKOUT_SHOP_NAME = "Thistle & Slip Ltd"

    assert _small_print(order).shop_name == "Thistle & Slip Ltd"


def test_an_amount_that_stripe_does_not_change_is_the_total():
    order = _place()

    assert _small_print(order).total_text == f"Total: {money('19.00')}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"automatic_tax": True}, "tax"),
        ({"allow_promotion_codes": True}, "discounts"),
        ({"coupon": "SUMMER"}, "discounts"),
        (
            {"automatic_tax": True, "shipping_countries": ("DE",), "allow_promotion_codes": True},
            "shipping, tax, and discounts",
        ),
    ],
)
def test_an_amount_says_what_it_lacks(options, words):
    text = _small_print(_place(**options)).total_text

    assert text.startswith(f"Subtotal: {money('19.00')} (before {words}:")


def test_a_tax_that_the_price_contains_is_not_added():
    order = _place(automatic_tax=True, line={"tax_behavior": "inclusive"})

    assert _small_print(order).total_text == f"Total including tax: {money('19.00')}"


def test_a_discount_of_the_order_is_in_the_total(client):
    order = _place(discount_minor=400, discount_name="Loyalty")

    html = client.get(reverse("django_checkout:pay", args=[make_token(order, Purpose.PAY)])).content.decode()

    rows = re.findall(r'<th scope="row">([^<]+?)</th>\s*<td>([^<]+)</td>', html)
    assert rows[-3:] == [
        ("Subtotal", money("19.00")),
        ("Loyalty", f"\N{MINUS SIGN}{money('4.00')}"),
        ("Total", money("15.00")),
    ]


@pytest.mark.parametrize(
    "tag", ["{% checkout_button order %}", "{% checkout_embedded order %}", "{% checkout_elements order %}"]
)
def test_a_subscription_says_until_when_it_runs(tag):
    order = _place(line={"recurring_interval": "month"})

    assert "It renews until you cancel it." in _render(tag, order)
    assert _small_print(order).total_text == f"Due today: {money('19.00')}"


def test_saving_a_card_has_no_amount():
    order = services.place(OrderData(reference="S-2", currency="eur", lines=(), mode="setup"))

    assert _small_print(order).total_text == ""
