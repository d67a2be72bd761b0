from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote_plus, urlencode

import pytest
from django.apps import apps
from django.db import connections
from django.test import Client

from django_checkout.emulator.site import get_emulator, set_emulator
from django_checkout.webhooks.local import own_webhook_url

pytestmark = pytest.mark.urls("tests.emulator.urls")

FORM = {
    "mode": "payment",
    "success_url": "http://testserver/return/?session_id={CHECKOUT_SESSION_ID}",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": "1500",
    "line_items[0][price_data][product_data][name]": "Jug",
}


@pytest.fixture(autouse=True)
def _served(settings, emulator):
    settings.CHECKOUT_EMULATOR = True
    before = set_emulator(emulator)
    yield
    set_emulator(before)


@pytest.fixture
def visitor():
    return Client(enforce_csrf_checks=True)


def create(visitor):
    answer = visitor.generic(
        "POST",
        "/emulator/v1/checkout/sessions",
        urlencode(FORM),
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": "Bearer sk_test_x"},
    )
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.mark.parametrize("coupon_id", ["ten off", "10%", "%2F"])
def test_an_id_that_a_client_chose_is_found_by_its_path(visitor, client, coupon_id):
    client.v1.coupons.create({"id": coupon_id, "percent_off": 10})

    answer = visitor.get(f"/emulator/v1/coupons/{quote_plus(coupon_id)}", headers={"Authorization": "Bearer sk_test_x"})

    assert answer.json()["id"] == coupon_id


def test_a_session_is_created_and_paid_under_the_sites_own_address(visitor, emulator):
    session = create(visitor)
    assert session["url"] == f"http://testserver/emulator/pay/{session['id']}"

    page = visitor.get(session["url"])
    text = unescape(page.content.decode())
    token = re.search(r'name="token" value="(\w+)"', text)
    assert token
    assert f'action="/emulator/pay/{session["id"]}"' in text
    typed = {
        "token": token[1],
        "email": "kim@example.com",
        "card_number": "4242424242424242",
        "card_expiry": "12/34",
        "card_cvc": "123",
    }
    answer = visitor.post(session["url"], urlencode(typed), content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 303, answer.content
    assert answer.headers["Location"] == f"http://testserver/return/?session_id={session['id']}"
    assert emulator.get(session["id"])["payment_status"] == "paid"


@pytest.mark.parametrize("path", ["", "v1/checkout/sessions", "pay/cs_test_x", "assets/emulator.css", "control/"])
def test_nothing_is_served_unless_the_setting_is_true(visitor, settings, path):
    settings.CHECKOUT_EMULATOR = False

    assert visitor.get(f"/emulator/{path}").status_code == 404


def test_no_transaction_is_open_under_atomic_requests(visitor, monkeypatch):
    """Opening a transaction would raise: pytest-django blocks the database in this test."""
    for settings in connections.settings.values():
        monkeypatch.setitem(settings, "ATOMIC_REQUESTS", True)
    monkeypatch.setitem(connections.settings, "other", connections.settings["default"])

    assert visitor.get("/emulator/").status_code == 200


def test_the_control_page_is_at_the_root(visitor):
    assert "Emulator" in visitor.get("/emulator/").content.decode()


def test_a_dropped_response_is_an_empty_bad_gateway(visitor, emulator):
    emulator.chaos.drop()

    answer = visitor.get("/emulator/v1/account", headers={"Authorization": "Bearer sk_test_x"})

    assert (answer.status_code, answer.content) == (502, b"")


def test_the_sites_emulator_is_created_once_from_its_settings(settings):
    settings.CHECKOUT_BASE_URL = "http://127.0.0.1:8000"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_first", "whsec_second"]
    set_emulator(None)

    made = get_emulator()

    assert made is not None
    assert get_emulator() is made
    assert made.webhook_secret == "whsec_first"
    assert own_webhook_url() == "http://127.0.0.1:8000/checkout/webhook/"
    made.close()


@pytest.mark.parametrize(
    ("name", "key"),
    [("STRIPE_SECRET_KEY", "sk_live_1"), ("STRIPE_SECRET_KEY", "rk_live_1"), ("STRIPE_PUBLISHABLE_KEY", "pk_live_1")],
)
@pytest.mark.parametrize("path", ["control/", "v1/webhook_endpoints", "stripe.js", ""])
def test_nothing_is_served_with_a_live_key(name, key, path, visitor, settings):
    setattr(settings, name, key)

    answer = visitor.get(f"/emulator/{path}", headers={"Authorization": "Bearer sk_test_x"})

    assert answer.status_code == 404


@pytest.mark.parametrize("app", [None, object()])
def test_nothing_is_served_for_an_app_without_emulator_options(app, visitor, monkeypatch):
    monkeypatch.setattr(apps, "get_containing_app_config", lambda name: app)

    assert visitor.get("/emulator/control/").status_code == 404


def test_a_site_without_a_base_url_has_no_webhook_url(settings):
    settings.CHECKOUT_BASE_URL = ""

    assert own_webhook_url() == ""


@pytest.mark.parametrize("path", ["stripe.js", "dahlia/stripe.js"])
def test_the_script_is_served_and_the_emulator_sets_the_framing_policy(visitor, path):
    script = visitor.get(f"/emulator/{path}")

    assert script.headers["Content-Type"].startswith("text/javascript")
    assert "X-Frame-Options" not in script.headers
    assert visitor.get("/emulator/pay/cs_none").headers["X-Frame-Options"] == "DENY"
