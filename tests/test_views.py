from __future__ import annotations

import re
from datetime import timedelta
from unittest.mock import patch

import django
import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from django_checkout import services, signals
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.adapters import CheckoutAdapter
from django_checkout.models import CheckoutSession, Order
from django_checkout.pages import outcome_texts
from django_checkout.services.outcomes import Outcome
from tests.amounts import money
from tests.damage import overwrite
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
    """A client with CSRF checks."""
    return Client(enforce_csrf_checks=True)


def _url(name, order, purpose=Purpose.PAY):
    return reverse(f"django_checkout:{name}", args=[make_token(order.pk, purpose)])


def _return_url(order, session=None):
    url = _url("return", order, Purpose.STATUS)
    return f"{url}?session_id={session.stripe_id}" if session else url


@pytest.mark.parametrize(("ui_mode", "is_left_out"), [("elements", True), ("embedded_page", False)])
def test_pay_page_lists_the_order_once(client, order, settings, ui_mode, is_left_out):
    settings.CHECKOUT_UI_MODE = ui_mode

    page = client.get(services.pay_url(order)).text

    # An Elements checkout lists the items itself, if scripts run.
    assert bool(re.search(r"<noscript>\s*<table.*</table>\s*</noscript>", page, re.DOTALL)) is is_left_out


def test_pay_page_shows_the_order_and_its_button(client, order):
    page = client.get(services.pay_url(order))

    assert page.status_code == 200
    assert "Teapot" in page.text
    assert money("20.00") in page.text
    assert f'action="{page.context["start_url"]}"' in page.text


def test_pay_page_does_not_say_that_a_pending_order_is_settled(client, order, stripe_emulator, deliver_events):
    stripe_emulator.pay(services.start(order).stripe_id, iban=IBAN)
    deliver_events()

    page = client.get(_url("pay", order)).text

    assert "A payment for this order has been started." in page
    assert "does not need to be paid" not in page


def test_start_needs_a_csrf_token(browser_client, order, stripe_emulator):
    refused = browser_client.post(_url("start", order))
    page = browser_client.get(_url("pay", order))
    token = page.context["csrf_token"]

    accepted = browser_client.post(_url("start", order), {"csrfmiddlewaretoken": str(token)})

    assert refused.status_code == 403
    assert accepted.status_code == 303
    assert accepted["Location"] == CheckoutSession.objects.get().url


def test_start_refuses_get(client, order):
    assert client.get(_url("start", order)).status_code == 405
    assert CheckoutSession.objects.count() == 0


def test_start_of_a_paid_order_redirects_to_its_status(client, paid_order):
    answer = client.post(_url("start", paid_order))

    assert answer.status_code == 303
    assert client.get(answer["Location"]).context["outcome"] == "paid"


@pytest.mark.parametrize("status", [409, 429, 500, None])
def test_stripe_outage_shows_a_page_with_a_way_to_retry(client, order, stripe_emulator, status):
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


def test_retry_page_uses_the_hosted_page_in_every_ui_mode(client, order, stripe_emulator, settings):
    settings.CHECKOUT_UI_MODE = "elements"
    stripe_emulator.chaos.fail(2, status=500)
    page = client.post(_url("start", order))

    again = client.post(_url("start", order), _form(page.text))

    assert (again.status_code, again["Location"]) == (303, order.sessions.exclude(url="").get().url)


def _form(html):
    form = re.search(r"<form.*?</form>", html, re.DOTALL)[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


@pytest.mark.parametrize("face", ["page", "tag"])
def test_start_is_refused_if_the_terms_are_not_those_of_the_page(client, order, host_order, stripe_emulator, face):
    html = client.get(_url("pay", order)).text
    if face == "tag":
        html = Template("{% load checkout %}{% checkout_button order %}").render(Context({"order": host_order}))
    type(host_order).objects.update(price_minor=6000)

    first = client.post(_url("start", order), _form(html))
    again = client.post(_url("start", order), _form(first.text))

    assert (first.status_code, "The order has changed" in first.text, money("60.00") in first.text) == (409, True, True)
    assert (again.status_code, again["Location"]) == (303, order.sessions.get().url)


def test_changed_order_starts_at_once_if_the_form_showed_no_amount(client, order, host_order, stripe_emulator):
    template = Template("{% load checkout %}{% checkout_button order label='Buy' %}")
    html = template.render(Context({"order": host_order}))
    type(host_order).objects.update(price_minor=6000)

    assert client.post(_url("start", order), _form(html)).status_code == 303


def test_changed_name_of_an_article_does_not_stop_the_payment(client, order, host_order, stripe_emulator):
    html = client.get(_url("pay", order)).text
    type(host_order).objects.update(email="new@example.com")

    assert client.post(_url("start", order), _form(html)).status_code == 303


def test_retry_page_shows_the_current_order(client, order, host_order, stripe_emulator):
    type(host_order).objects.update(price_minor=6000)
    stripe_emulator.chaos.fail(2, status=500)

    page = client.post(_url("start", order))

    assert (page.status_code, money("20.00") in page.text) == (503, False)


def test_error_of_stripe_shows_a_page_without_details(client, order, stripe_emulator, settings):
    settings.CHECKOUT_SESSION_DEFAULTS = {"customer": "cus_gone"}

    page = client.post(_url("start", order))

    assert page.status_code == 502
    assert "contact the shop" in page.text
    assert "cus_gone" not in page.text


@pytest.mark.parametrize("name", ["pay", "start", "return", "status"])
@pytest.mark.parametrize("fault", ["tampered", "purpose", "expired", "unknown"])
def test_request_without_a_right_to_the_order_gets_a_404(client, order, settings, name, fault):
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
    """A token that was signed at another time."""
    with patch("django.core.signing.time.time", return_value=moment.timestamp()):
        return make_token(order.pk, purpose)


def test_only_the_owner_can_use_an_expired_link(client, settings, rf):
    owner, other_user = UserFactory(), UserFactory()
    order = services.place(HostOrderFactory(owner=owner))
    settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = 60
    token = _token_of(timezone.now() - timedelta(seconds=61), order, Purpose.PAY)
    url = reverse("django_checkout:pay", args=[token])

    client.force_login(other_user)
    assert client.get(url).status_code == 404
    client.force_login(owner)
    assert client.get(url).status_code == 200


def test_adapter_can_refuse_the_pay_page(client, order, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ClosedAdapter"

    assert client.get(_url("pay", order)).status_code == 404
    assert issubclass(ClosedAdapter, CheckoutAdapter)


def test_session_of_another_order_is_not_found(client, order, stripe_emulator):
    other = services.start(services.place(HostOrderFactory()))

    assert client.get(_return_url(order, other)).status_code == 404


def test_return_page_does_not_wait_for_the_webhook(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)

    page = client.get(_return_url(order, session))

    order.refresh_from_db()
    assert (page.context["outcome"], order.status) == ("paid", "paid")


def test_return_page_says_that_it_does_not_know_while_stripe_does_not_answer(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    stripe_emulator.chaos.drop(2, match="GET /v1/checkout/sessions/*")

    page = client.get(_return_url(order, session))
    polled = client.get(_url("status", order, Purpose.STATUS) + f"?session_id={session.stripe_id}&read=0")

    assert (page.status_code, page.context["outcome"], page.context["can_retry"]) == (200, "unknown", False)
    assert "you have not been charged twice" in page.text
    assert "data-checkout-status" in page.text
    assert polled.json() == {"status": "unpaid", "outcome": "unknown"}

    CheckoutSession.objects.update(synced_at=None)
    page = client.get(_return_url(order, session))

    assert page.context["outcome"] == "paid"


def test_return_page_knows_again_once_stripe_answers(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.chaos.drop(2, match="GET /v1/checkout/sessions/*")
    assert client.get(_return_url(order, session)).context["outcome"] == "unknown"

    CheckoutSession.objects.update(synced_at=None)

    assert client.get(_return_url(order, session)).context["outcome"] == "open"
    session.refresh_from_db()
    assert session.error_code == ""


@pytest.mark.parametrize("name", ["pay", "return"])
def test_link_of_a_lost_order_says_what_to_do(name, client, order):
    """For example after a backup was restored: another order has the primary key now."""
    url = _url(name, order, Purpose.PAY if name == "pay" else Purpose.STATUS)
    Order.objects.update(created_at=timezone.now() - timedelta(days=1))

    page = client.get(url)

    assert page.status_code == 404
    assert "ask the shop for a new link" in page.text
    assert order.reference not in page.text
    assert "no-store" in page["Cache-Control"]


def test_return_page_shows_no_personal_data(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, email="kim.shopper@example.com", name="Kim Shopper")

    page = client.get(_return_url(order, session))

    order.refresh_from_db()
    assert order.email == "kim.shopper@example.com"
    assert "kim" not in page.text.lower()


def test_return_page_reads_from_stripe_at_most_once_in_five_seconds(client, order, stripe_requests):
    session = services.start(order)
    stripe_requests.clear()
    urls = (_return_url(order, session), _url("status", order, Purpose.STATUS))
    calls = []

    for seconds in (60, 0, 0, 6, 0):
        for url in urls:
            CheckoutSession.objects.update(synced_at=timezone.now() - timedelta(seconds=seconds))
            client.get(url)
        calls.append(len(stripe_requests))

    assert calls == [2, 2, 2, 4, 4]


def _poll(client, session):
    """Poll like a page with an open checkout, a minute after the previous time."""
    CheckoutSession.objects.update(synced_at=timezone.now() - timedelta(minutes=1))
    url = _url("status", session.order, Purpose.STATUS)
    return client.get(f"{url}?session_id={session.stripe_id}&read=0").json()["outcome"]


def test_polling_an_open_checkout_makes_no_call_to_stripe(client, order, stripe_requests):
    session = services.start(order, ui_mode="elements")
    stripe_requests.clear()

    assert ({_poll(client, session) for _ in range(5)}, stripe_requests) == ({"open"}, [])


@pytest.mark.parametrize("happens", ["pay", "expire"])
def test_polling_an_open_checkout_shows_the_result_of_the_webhook(
    client, order, stripe_emulator, deliver_events, stripe_requests, happens
):
    session = services.start(order, ui_mode="elements")
    getattr(stripe_emulator, happens)(session.stripe_id)
    deliver_events()
    stripe_requests.clear()

    assert (_poll(client, session), stripe_requests) == ({"pay": "paid", "expire": "expired"}[happens], [])


def test_expired_checkout_is_read_from_stripe_once(client, order, stripe_emulator, stripe_requests):
    session = services.start(order, ui_mode="elements")
    stripe_emulator.expire(session.stripe_id)
    CheckoutSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    stripe_requests.clear()

    outcomes = [_poll(client, session) for _ in range(3)]

    assert (outcomes, len(stripe_requests)) == (["expired"] * 3, 1)


@pytest.mark.parametrize("middleware", CSP_MIDDLEWARE)
@pytest.mark.parametrize("name", ["pay", "return"])
def test_pages_work_with_a_host_policy_that_allows_only_a_nonce(client, order, settings, middleware, name):
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


def test_return_page_works_during_a_stripe_outage(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.chaos.drop(5, when="before")

    page = client.get(_return_url(order, session))

    assert (page.status_code, page.context["outcome"]) == (200, "unknown")


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


@pytest.mark.parametrize("rows", ["orders", "sessions"])
def test_status_of_a_newer_version_is_open(rows, client, order, stripe_emulator):
    """A deploy may be rolled back after its successor has stored a status of its own."""
    session = services.start(order)
    overwrite({"orders": Order, "sessions": CheckoutSession}[rows].objects, status="of_a_newer_version")

    page = client.get(_return_url(order, session))
    answer = client.get(_url("status", order, Purpose.STATUS))

    assert (page.status_code, page.context["outcome"]) == (200, "open")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "open")


def test_status_returns_only_status_and_outcome(client, paid_order):
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


def test_return_page_is_shown_although_the_adapter_refuses_payment(client, paid_order, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ClosedAdapter"

    assert client.get(_return_url(paid_order)).context["outcome"] == "paid"


def test_a_form_of_the_host_can_post_to_the_start_url(client, host_order, order, stripe_emulator):
    assert client.post(services.start_url(host_order)).status_code == 303


@pytest.mark.django_db(transaction=True)
def test_return_page_works_if_an_on_commit_hook_of_a_receiver_fails(client, stripe_emulator, caplog):
    def mail(**arguments):
        transaction.on_commit(lambda: 1 / 0)

    order = services.place(HostOrderFactory())
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    signals.order_paid.connect(mail, sender=Order)
    try:
        token = make_token(order.pk, Purpose.STATUS)
        page = client.get(f"/checkout/return/{token}/?session_id={session.stripe_id}")
    finally:
        signals.order_paid.disconnect(mail, sender=Order)

    assert (page.status_code, page.context["outcome"]) == (200, "paid")
    assert "on_commit_failed" in caplog.text


def test_an_order_whose_row_was_deleted_cannot_be_paid(client, host_order, order):
    host_order.delete()

    assert client.post(services.start_url(order)).status_code == 404
    assert client.get(services.pay_url(order)).status_code == 404


def test_every_outcome_has_a_title_of_its_own(order):
    titles = {outcome_texts.get_texts(outcome, order).title for outcome in Outcome}

    assert len(titles) == len(Outcome)


def test_a_status_link_alone_shows_no_details(client, order, stripe_emulator):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)

    assert not client.get(_return_url(order, session)).context["has_details"]


@pytest.mark.parametrize("is_owner", [True, False])
def test_details_are_shown_to_the_owner_and_to_the_browser_that_paid(client, stripe_emulator, is_owner):
    user = UserFactory()
    order = services.place(HostOrderFactory(owner=user))
    if is_owner:
        client.force_login(user)
        services.start(order)
    else:
        client.post(services.start_url(order))
    session = order.sessions.get()
    stripe_emulator.pay(session.stripe_id)

    assert client.get(_return_url(order, session)).context["has_details"]
