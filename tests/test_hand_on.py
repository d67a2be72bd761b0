"""The way from our return page back to where the shopper came from."""

from __future__ import annotations

import json
import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.conf import UI_MODES
from django_checkout.exceptions import OrderDataError, ParameterError, WayBackError
from django_checkout.models import CheckoutSession
from django_checkout.values import CheckoutOptions, LineData, OrderData
from tests.factories import UserFactory
from tests.host.adapters import HostAdapter

pytestmark = [pytest.mark.django_db, pytest.mark.core]

SHOP, APP = "https://shop.example/done?cart=7#/end", "shop://return?cart=7"


class ForeignAdapter(HostAdapter):
    def return_url(self, order):
        return "https://elsewhere.example/orders/"


@pytest.fixture(autouse=True)
def _listed(settings):
    settings.CHECKOUT_RETURN_ORIGINS = ["https://shop.example", "shop://"]


def return_page(order, query=""):
    return reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)]) + query


def of(session):
    return f"?session_id={session.stripe_id}"


def handed_on(response):
    """Return the address and the query of the redirect."""
    assert response.status_code == 303
    parts = urlsplit(response.headers["Location"])
    return parts._replace(query="").geturl(), {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_the_shopper_goes_on_with_reference_and_outcome(client, order, stripe_emulator):
    session = services.start(order, return_url=SHOP)
    stripe_emulator.pay(session.stripe_id)

    response = client.get(return_page(order, of(session)))

    outcome = {"cart": "7", "reference": order.reference, "outcome": "paid"}
    assert handed_on(response) == ("https://shop.example/done#/end", outcome)
    order.refresh_from_db()
    assert order.status == "paid"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_stripe_returns_to_our_page_in_every_ui_mode(order, stripe_emulator, ui_mode):
    services.start(order, ui_mode=ui_mode, return_url=SHOP)

    (sent,) = stripe_emulator.latest("checkout.session", 1)
    links = [sent[name] for name in ("success_url", "cancel_url", "return_url") if sent.get(name)]
    assert links
    assert all("/checkout/return/" in link and "shop.example" not in link for link in links)


def test_an_app_is_opened_by_a_page_with_a_link(client, order, stripe_emulator):
    session = services.start(order, return_url=APP)
    stripe_emulator.pay(session.stripe_id)

    response = client.get(return_page(order, of(session)))

    url = f"shop://return?cart=7&reference={order.reference}&outcome=paid"
    assert response.status_code == 200
    assert response.headers["Refresh"] == f"0;url={url}"
    assert f'href="{url.replace("&", "&amp;")}"' in response.text


@pytest.mark.parametrize("what", ["unpaid", "unread"])
def test_the_shopper_goes_on_before_the_outcome_is_known(client, order, stripe_emulator, what):
    session = services.start(order, return_url=SHOP)
    if what == "unread":
        stripe_emulator.pay(session.stripe_id)
        stripe_emulator.chaos.drop(2, match="GET /v1/checkout/sessions/*")

    response = client.get(return_page(order, of(session)))

    assert handed_on(response)[1]["outcome"] == {"unpaid": "open", "unread": "unknown"}[what]


def test_the_shopper_who_cancels_goes_back_too(client, order, stripe_emulator):
    services.start(order, return_url=SHOP)
    (sent,) = stripe_emulator.latest("checkout.session", 1)
    parts = urlsplit(sent["cancel_url"])

    response = client.get(f"{parts.path}?{parts.query}")

    assert handed_on(response)[1]["outcome"] == "open"


def test_the_shopper_who_cancels_goes_back_by_a_way_that_was_given_later(client, order, stripe_emulator):
    first = services.start(order)
    assert services.start(order, return_url=SHOP).pk == first.pk
    (sent,) = stripe_emulator.latest("checkout.session", 1)
    parts = urlsplit(sent["cancel_url"])

    response = client.get(f"{parts.path}?{parts.query}")

    assert handed_on(response)[1]["outcome"] == "open"
    assert client.get(parts.path).status_code == 200


def test_the_shopper_who_cancels_without_a_way_back_sees_the_payment_page(client, order, stripe_emulator):
    services.start(order)
    (sent,) = stripe_emulator.latest("checkout.session", 1)
    parts = urlsplit(sent["cancel_url"])

    assert "Back to the shop" in client.get(f"{parts.path}?{parts.query}").text


def test_the_way_back_comes_before_the_adapter_s_page_for_shoppers_who_cancel(order, stripe_emulator, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.CancelAdapter"
    services.start(order, return_url=SHOP)

    (sent,) = stripe_emulator.latest("checkout.session", 1)
    assert sent["cancel_url"].endswith("?canceled=1")


class CancelAdapter(HostAdapter):
    def cancel_url(self, order):
        return "http://testserver.example/cart/"


def test_a_later_visit_shows_our_page_with_a_link(client, order, stripe_emulator):
    session = services.start(order, return_url=SHOP)
    stripe_emulator.pay(session.stripe_id)
    client.get(return_page(order, of(session)))

    page = client.get(return_page(order))

    assert page.status_code == 200
    assert page.context["host_url"].startswith("https://shop.example/done?cart=7&reference=")


def test_a_return_in_another_browser_goes_on_without_any_secret(order, stripe_emulator):
    session = services.start(order, return_url=SHOP)
    secret = services.get_client_secret(services.start(order, ui_mode="elements"))
    session.refresh_from_db()
    assert session.status == "expired"
    elements = CheckoutSession.objects.latest("pk")

    response = Client().get(return_page(order, of(elements)))

    _, values = handed_on(response)
    assert set(values) == {"cart", "reference", "outcome"}
    sent = response.headers["Location"]
    token = make_token(order, Purpose.STATUS)
    assert not any(word in sent for word in (elements.stripe_id, str(elements.uuid), secret, token, token[-43:]))


def test_a_new_way_back_is_stored_without_another_session(order, stripe_emulator, client):
    first = services.start(order, return_url=SHOP)

    second = services.start(order, return_url=APP)
    third = services.start(order)

    assert first.pk == second.pk == third.pk
    assert len(stripe_emulator.latest("checkout.session", 9)) == 1
    assert CheckoutSession.objects.get().return_url == APP


def test_another_attempt_keeps_the_way_back(order, stripe_emulator):
    services.expire(services.start(order, return_url=SHOP))

    assert services.start(order).return_url == SHOP


def test_a_recovered_session_keeps_the_way_back(client, order, stripe_emulator, deliver_events):
    params = {"after_expiration": {"recovery": {"enabled": True}}}
    session = services.start(order, params=params, return_url=SHOP)
    stripe_emulator.expire(session.stripe_id)
    deliver_events()
    recovered = stripe_emulator.recover(session.stripe_id)
    stripe_emulator.pay(recovered["id"])
    deliver_events()

    response = client.get(return_page(order, f"?session_id={recovered['id']}"))

    assert handed_on(response)[1]["outcome"] == "paid"


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "other://return"])
def test_what_is_not_listed_is_refused_before_stripe_is_asked(order, stripe_emulator, url):
    with pytest.raises(WayBackError):
        services.start(order, return_url=url)

    assert not CheckoutSession.objects.exists()


def test_a_token_of_ours_is_refused(order, stripe_emulator):
    with pytest.raises(WayBackError, match="token"):
        services.start(order, return_url=services.pay_url(order))

    assert make_token(order, Purpose.PAY)[-43:] not in json.dumps(
        [list(model.objects.values()) for model in apps.get_app_config("django_checkout").get_models()], default=str
    )


@pytest.mark.parametrize("name", ["success_url", "cancel_url", "return_url"])
def test_stripe_s_own_urls_cannot_be_set(order, name):
    with pytest.raises(ParameterError, match=name):
        services.start(order, params={name: "https://shop.example/"})


def test_what_is_no_longer_listed_is_not_followed(client, order, stripe_emulator, settings, caplog):
    session = services.start(order, return_url=SHOP)
    settings.CHECKOUT_RETURN_ORIGINS = []

    with caplog.at_level(logging.WARNING, "django_checkout"):
        page = client.get(return_page(order, of(session)))

    assert (page.status_code, page.context["outcome"]) == (200, "open")
    assert "shop.example" not in page.text
    assert "return_url_not_allowed" in caplog.text


def test_the_adapter_s_url_is_only_a_link(client, order, stripe_emulator):
    session = services.start(order)

    page = client.get(return_page(order, of(session)))

    assert page.status_code == 200
    assert page.context["host_url"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/bestellung/größe/", "/bestellung/gr%C3%B6%C3%9Fe/"),
        ("/orders/{7}|a b/", "/orders/%7B7%7D%7Ca%20b/"),
        ("/orders/%C3%BC/?a=b#c", "/orders/%C3%BC/?a=b#c"),
        ("//evil.example/ü", ""),
        ("https://evil.example/ü", ""),
        ("https://shop.example/ü", "https://shop.example/%C3%BC"),
        ("javascript:alert('ü')", ""),
    ],
)
def test_the_adapter_s_url_may_have_characters_of_every_language(
    client, order, stripe_emulator, settings, monkeypatch, url, shown
):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ForeignAdapter"
    monkeypatch.setattr(ForeignAdapter, "return_url", lambda self, order: url)

    assert client.get(return_page(order)).context["host_url"] == shown


def test_the_adapter_s_url_must_be_listed(client, order, stripe_emulator, settings, caplog):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ForeignAdapter"
    session = services.start(order)

    with caplog.at_level(logging.WARNING, "django_checkout"):
        page = client.get(return_page(order, of(session)))
    assert page.context["host_url"] == ""
    assert "return_url_not_allowed" in caplog.text

    settings.CHECKOUT_RETURN_ORIGINS = ["https://elsewhere.example"]
    assert client.get(return_page(order, of(session))).context["host_url"] == "https://elsewhere.example/orders/"


@pytest.mark.parametrize(
    ("url", "sent"),
    [("/account/", "http://127.0.0.1:8000/account/"), ("https://shop.example/me", "https://shop.example/me")],
)
def test_the_portal_links_back_to_what_is_listed(stripe_emulator, settings, url, sent, customer):
    settings.CHECKOUT_BASE_URL = "http://127.0.0.1:8000"
    services.portal_url(customer, return_url=url)

    assert stripe_emulator.latest("billing_portal.session", 1)[0]["return_url"] == sent


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example", "shop://return", "javascript:alert(1)"])
def test_the_portal_links_back_to_nothing_else(url):
    with pytest.raises(WayBackError):
        services.portal_url(UserFactory(), return_url=url)


@pytest.mark.parametrize("name", ["return", "pay"])
def test_the_portal_links_back_to_the_site_from_a_page_with_a_token(client, customer, order, stripe_emulator, name):
    client.force_login(customer)
    token = make_token(order, Purpose.PAY)
    referer = f"http://testserver{reverse(f'django_checkout:{name}', args=[token])}"

    response = client.post(reverse("django_checkout:portal"), headers={"Referer": referer})

    assert response.status_code in (200, 303)
    assert stripe_emulator.latest("billing_portal.session", 1)[0]["return_url"] == "http://testserver/"


@pytest.fixture
def customer(stripe_emulator, deliver_events):
    user = UserFactory()
    line = LineData(name="Tea club", unit_amount_minor=1900, recurring_interval="month")
    session = services.start(services.place(OrderData(reference="S-1", currency="eur", lines=(line,), user=user)))
    stripe_emulator.pay(session.stripe_id)
    deliver_events(rounds=3)
    return user


@pytest.mark.parametrize("redirect", ["always", "if_required", "never"])
@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_an_order_says_whether_its_checkout_leaves_the_page(stripe_emulator, redirect, ui_mode):
    options = CheckoutOptions(redirect_on_completion=redirect)
    line = LineData(name="Teapot", unit_amount_minor=2000)
    order = services.place(OrderData(reference="R-1", currency="eur", lines=(line,), options=options))

    services.start(order, ui_mode=ui_mode)

    (sent,) = stripe_emulator.latest("checkout.session", 1)
    assert sent.get("redirect_on_completion") == (redirect if ui_mode == "embedded_page" else None)
    is_embedded_for_good = (redirect, ui_mode) == ("never", "embedded_page")
    assert bool(sent.get("return_url") or sent.get("success_url")) == (not is_embedded_for_good)


def test_a_site_without_an_embedded_checkout_may_stay_on_the_page(stripe_emulator, settings):
    settings.CHECKOUT_UI_MODES = ["elements"]
    options = CheckoutOptions(redirect_on_completion="if_required")
    line = LineData(name="Teapot", unit_amount_minor=2000)
    order = services.place(OrderData(reference="R-1", currency="eur", lines=(line,), options=options))

    tag = Template("{% load checkout %}{% checkout_elements order %}").render(Context({"order": order}))

    assert "data-stays" in tag
    assert 'data-reference="R-1"' in tag


def test_any_other_redirect_is_refused():
    options = CheckoutOptions(redirect_on_completion="sometimes")
    line = LineData(name="Teapot", unit_amount_minor=2000)

    with pytest.raises(OrderDataError, match="redirect_on_completion"):
        services.place(OrderData(reference="R-1", currency="eur", lines=(line,), options=options))
