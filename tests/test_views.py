from __future__ import annotations

import re
from datetime import timedelta
from unittest.mock import patch

import django
import pytest
from django.conf import settings as django_settings
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from django_checkout import services
from django_checkout.adapters import CheckoutAdapter
from django_checkout.models import CheckoutSession
from django_checkout.tokens import Purpose, make_token
from tests.amounts import money
from tests.factories import HostOrderFactory, UserFactory
from tests.host.adapters import HostAdapter

pytestmark = [pytest.mark.django_db, pytest.mark.core]

CSP_MIDDLEWARE = [
    "csp.middleware.CSPMiddleware",
    pytest.param(
        "django.middleware.csp.ContentSecurityPolicyMiddleware",
        marks=pytest.mark.skipif(django.VERSION < (6,), reason="Django sends policies since 6.0"),
    ),
]
IBAN = "AT611904300234573201"


class ClosedAdapter(HostAdapter):
    def can_pay(self, request, order):
        return False


@pytest.fixture
def browser_client():
    """A browser that must send CSRF tokens."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def asked(stripe_emulator, monkeypatch):
    """What Stripe has been asked."""
    requests, handle = [], stripe_emulator.handle
    monkeypatch.setattr(stripe_emulator, "handle", lambda request: requests.append(request) or handle(request))
    return requests


def _url(name, order, purpose=Purpose.PAY):
    return reverse(f"django_checkout:{name}", args=[make_token(order.pk, purpose)])


def _return_url(order, session=None):
    url = _url("return", order, Purpose.STATUS)
    return f"{url}?session_id={session.stripe_id}" if session else url


@pytest.mark.parametrize(("ui_mode", "is_left_out"), [("elements", True), ("embedded_page", False)])
def test_pay_page_says_what_is_bought_once(client, order, settings, ui_mode, is_left_out):
    settings.CHECKOUT_UI_MODE = ui_mode

    page = client.get(services.pay_url(order)).text

    # An Elements checkout lists it itself, if scripts run.
    assert bool(re.search(r"<noscript>\s*<table.*</table>\s*</noscript>", page, re.DOTALL)) is is_left_out


def test_pay_page_shows_the_order_and_its_button(client, order):
    page = client.get(services.pay_url(order))

    assert page.status_code == 200
    assert "Teapot" in page.text
    assert money("20.00") in page.text
    assert f'action="{page.context["start_url"]}"' in page.text


def test_start_needs_a_csrf_token(browser_client, order, stripe_emulator):
    refused = browser_client.post(_url("start", order))
    page = browser_client.get(_url("pay", order))
    token = page.context["csrf_token"]

    accepted = browser_client.post(_url("start", order), {"csrfmiddlewaretoken": str(token)})

    assert refused.status_code == 403
    assert accepted.status_code == 303
    assert accepted["Location"] == CheckoutSession.objects.get().url


def test_start_is_not_for_get(client, order):
    assert client.get(_url("start", order)).status_code == 405
    assert CheckoutSession.objects.count() == 0


def test_start_of_a_paid_order_leads_to_its_status(client, paid_order):
    answer = client.post(_url("start", paid_order))

    assert answer.status_code == 303
    assert client.get(answer["Location"]).context["outcome"] == "paid"


@pytest.mark.parametrize("status", [409, 429, 500, None])
def test_stripe_down_shows_a_page_that_says_to_try_again(client, order, stripe_emulator, status):
    if status is None:
        stripe_emulator.chaos.drop(2, when="before")
    else:
        stripe_emulator.chaos.fail(2, status=status)

    page = client.post(_url("start", order))

    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "try again" in page.text
    stripe_emulator.chaos.reset()
    assert client.post(_url("start", order)).status_code == 303
    assert len(stripe_emulator.store.select("checkout.session")) == 1


def test_page_that_says_to_try_again_leads_to_stripes_page_in_any_ui_mode(client, order, stripe_emulator, settings):
    settings.CHECKOUT_UI_MODE = "elements"
    stripe_emulator.chaos.fail(2, status=500)
    page = client.post(_url("start", order))

    again = client.post(_url("start", order), _form(page.text))

    assert (again.status_code, again["Location"]) == (303, order.sessions.exclude(url="").get().url)


def _form(html):
    form = re.search(r"<form.*?</form>", html, re.DOTALL)[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


@pytest.mark.parametrize("face", ["page", "tag"])
def test_nobody_is_led_to_pay_another_amount_than_was_shown(client, order, host_order, stripe_emulator, face):
    html = client.get(_url("pay", order)).text
    if face == "tag":
        html = Template("{% load checkout %}{% checkout_button order %}").render(Context({"order": host_order}))
    type(host_order).objects.update(price_minor=6000)

    first = client.post(_url("start", order), _form(html))
    again = client.post(_url("start", order), _form(first.text))

    assert (first.status_code, "The order has changed" in first.text, money("60.00") in first.text) == (409, True, True)
    assert (again.status_code, again["Location"]) == (303, order.sessions.get().url)


def test_changed_order_is_paid_at_once_where_no_amount_was_shown(client, order, host_order, stripe_emulator):
    template = Template("{% load checkout %}{% checkout_button order label='Buy' %}")
    html = template.render(Context({"order": host_order}))
    type(host_order).objects.update(price_minor=6000)

    assert client.post(_url("start", order), _form(html)).status_code == 303


def test_changed_text_of_an_order_stops_no_payment(client, order, host_order, stripe_emulator):
    html = client.get(_url("pay", order)).text
    type(host_order).objects.update(email="new@example.com")

    assert client.post(_url("start", order), _form(html)).status_code == 303


def test_page_that_says_to_try_again_shows_the_order_as_it_is_now(client, order, host_order, stripe_emulator):
    type(host_order).objects.update(price_minor=6000)
    stripe_emulator.chaos.fail(2, status=500)

    page = client.post(_url("start", order))

    assert (page.status_code, money("20.00") in page.text) == (503, False)


def test_stripe_refusing_shows_a_page_and_no_details(client, order, stripe_emulator, settings):
    settings.CHECKOUT_SESSION_DEFAULTS = {"customer": "cus_gone"}

    page = client.post(_url("start", order))

    assert page.status_code == 502
    assert "contact the shop" in page.text
    assert "cus_gone" not in page.text


@pytest.mark.parametrize("name", ["pay", "start", "return", "status"])
@pytest.mark.parametrize("fault", ["tampered", "purpose", "expired", "unknown"])
def test_who_has_no_right_to_an_order_sees_nothing(client, order, settings, name, fault):
    purpose = Purpose.PAY if name in ("pay", "start") else Purpose.STATUS
    other = Purpose.STATUS if purpose == Purpose.PAY else Purpose.PAY
    token = make_token(order.pk + (fault == "unknown"), other if fault == "purpose" else purpose)
    if fault == "tampered":
        token = f"{order.pk + 1}{token[1:]}"
    if fault == "expired":
        settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = 60
        token = _token_of(timezone.now() - timedelta(seconds=61), order, purpose)
    url = reverse(f"django_checkout:{name}", args=[token])

    answer = client.post(url) if name == "start" else client.get(url)

    assert answer.status_code == 404
    assert order.reference not in answer.text


def _token_of(moment, order, purpose):
    """A token that was made at another moment."""
    with patch("django.core.signing.time.time", return_value=moment.timestamp()):
        return make_token(order.pk, purpose)


def test_owner_passes_with_an_expired_link_and_nobody_else_does(client, settings, rf):
    owner, stranger = UserFactory(), UserFactory()
    order = services.place(HostOrderFactory(owner=owner))
    settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = 60
    token = _token_of(timezone.now() - timedelta(seconds=61), order, Purpose.PAY)
    url = reverse("django_checkout:pay", args=[token])

    client.force_login(stranger)
    assert client.get(url).status_code == 404
    client.force_login(owner)
    assert client.get(url).status_code == 200


def test_adapter_has_the_last_word(client, order, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ClosedAdapter"

    assert client.get(_url("pay", order)).status_code == 404
    assert issubclass(ClosedAdapter, CheckoutAdapter)


def test_session_of_another_order_is_not_found(client, order, stripe_emulator):
    other = services.start(services.place(HostOrderFactory()))

    assert client.get(_return_url(order, other)).status_code == 404


def test_return_page_is_faster_than_the_webhook(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)

    page = client.get(_return_url(order, session))

    order.refresh_from_db()
    assert (page.context["outcome"], order.status) == ("paid", "paid")


def test_return_page_shows_no_personal_data(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, email="kim.shopper@example.com", name="Kim Shopper")

    page = client.get(_return_url(order, session))

    order.refresh_from_db()
    assert order.email == "kim.shopper@example.com"
    assert "kim" not in page.text.lower()


def test_return_page_reads_from_stripe_at_most_once_in_five_seconds(client, order, asked):
    session = services.start(order)
    asked.clear()

    for _ in range(5):
        client.get(_return_url(order, session))
        client.get(_url("status", order, Purpose.STATUS))

    assert len(asked) == 1


def _poll(client, session):
    """Ask as a page does on which a checkout stands open, each time a minute later."""
    CheckoutSession.objects.update(synced_at=timezone.now() - timedelta(minutes=1))
    url = _url("status", session.order, Purpose.STATUS)
    return client.get(f"{url}?session_id={session.stripe_id}&read=0").json()["outcome"]


def test_watching_an_open_checkout_asks_stripe_nothing(client, order, asked):
    session = services.start(order, ui_mode="elements")
    asked.clear()

    assert ({_poll(client, session) for _ in range(5)}, asked) == ({"open"}, [])


@pytest.mark.parametrize("happens", ["pay", "expire"])
def test_watching_an_open_checkout_learns_what_the_webhook_said(
    client, order, stripe_emulator, deliver_events, asked, happens
):
    session = services.start(order, ui_mode="elements")
    getattr(stripe_emulator, happens)(session.stripe_id)
    deliver_events()
    asked.clear()

    assert (_poll(client, session), asked) == ({"pay": "paid", "expire": "expired"}[happens], [])


def test_checkout_whose_time_is_over_is_read_once(client, order, stripe_emulator, asked):
    session = services.start(order, ui_mode="elements")
    stripe_emulator.expire(session.stripe_id)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    asked.clear()

    outcomes = [_poll(client, session) for _ in range(3)]

    assert (outcomes, len(asked)) == (["expired"] * 3, 1)


@pytest.mark.parametrize("middleware", CSP_MIDDLEWARE)
@pytest.mark.parametrize("name", ["pay", "return"])
def test_pages_work_under_a_policy_of_the_hosts_that_trusts_a_nonce_alone(client, order, settings, middleware, name):
    is_django_csp = middleware.startswith("csp.")
    nonce = import_string("csp.constants.NONCE") if is_django_csp else import_string("django.utils.csp.CSP").NONCE
    settings.SECURE_CSP = {"script-src": [nonce, "'strict-dynamic'"], "style-src": [nonce]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": settings.SECURE_CSP}
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]
    settings.CHECKOUT_CSP = {}
    settings.CHECKOUT_UI_MODE = "elements"

    page = client.get(_url(name, order, Purpose.PAY if name == "pay" else Purpose.STATUS))

    loaded = re.findall(r"<(?:script|style|link)[^>]*>", page.text)
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", page["Content-Security-Policy"]))
    assert (len(loaded) > 1, [tag for tag in loaded if f'nonce="{nonce}"' not in tag]) == (True, [])


def test_return_page_survives_stripe_being_down(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.chaos.drop(5, when="before")

    page = client.get(_return_url(order, session))

    assert (page.status_code, page.context["outcome"]) == (200, "open")


def test_outcomes(client, order, stripe_emulator, deliver_events):
    session = services.start(order)
    outcomes = [client.get(_return_url(order, session)).context["outcome"]]
    stripe_emulator.pay(session.stripe_id, iban=IBAN)
    deliver_events()
    outcomes.append(client.get(_return_url(order, session)).context["outcome"])
    stripe_emulator.settle(session.stripe_id, succeed=False)
    deliver_events()
    outcomes.append(client.get(_return_url(order, session)).context["outcome"])
    second = services.start(order)
    services.expire(second)
    outcomes.append(client.get(_return_url(order, second)).context["outcome"])

    assert outcomes == ["open", "processing", "failed", "expired"]


def test_status_says_status_and_outcome_and_nothing_else(client, paid_order):
    answer = client.get(_url("status", paid_order, Purpose.STATUS))

    assert answer.json() == {"status": "paid", "outcome": "paid"}


@pytest.mark.parametrize("name", ["pay", "return"])
def test_pages_have_a_strict_policy_and_are_not_cached(client, order, name):
    page = client.get(_url(name, order, Purpose.PAY if name == "pay" else Purpose.STATUS))

    policy = dict(part.split(" ", 1) for part in page["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]
    assert page["Referrer-Policy"] == "same-origin"
    assert "<script>" not in page.text
    assert "style=" not in page.text


def test_views_work_with_atomic_requests(client, order, stripe_emulator, settings):
    django_settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True
    try:
        assert client.post(_url("start", order)).status_code == 303
    finally:
        django_settings.DATABASES["default"]["ATOMIC_REQUESTS"] = False


def test_pages_are_translated(client, order):
    page = client.get(_url("pay", order), headers={"Accept-Language": "de"})

    assert 'lang="de"' in page.text
    assert money("20.00", language="de") in page.text


def test_adapter_that_refuses_paying_still_shows_how_it_went(client, paid_order, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ClosedAdapter"

    assert client.get(_return_url(paid_order)).context["outcome"] == "paid"


def test_form_of_the_hosts_own_posts_to_the_start_url(client, host_order, order, stripe_emulator):
    assert client.post(services.start_url(host_order)).status_code == 303
