from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import django
import pytest
from django.http import HttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.utils.module_loading import import_string

import django_checkout
from django_checkout import services
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import CheckoutSession, Customer, Order
from tests.amounts import money
from tests.factories import HostOrderFactory, UserFactory
from tests.host.adapters import HostAdapter

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def _render(tag: str, **context) -> str:
    request = RequestFactory().get("/")
    request.csp_nonce = "n0nce"
    return Template("{% load checkout %}" + tag).render(Context({"request": request, "csrf_token": "t", **context}))


@pytest.mark.parametrize("tag", ["{% checkout_button order %}", "{% checkout_status order %}"])
def test_button_and_status_load_no_script_and_make_no_call_to_stripe(host_order, order, tag, settings):
    settings.STRIPE_API_BASE = "http://nothing.answers.here.invalid"

    html = _render(tag, order=host_order)

    assert "<script" not in html
    assert CheckoutSession.objects.count() == 0


def test_button_posts_to_start_with_a_csrf_token(host_order, order):
    html = _render("{% checkout_button order %}", order=host_order)

    assert 'name="csrfmiddlewaretoken" value="t"' in html
    assert f"Pay {money('20.00')}" in html
    assert 'action="/checkout/start/' in html


@pytest.mark.parametrize("tag", ["embedded", "elements"])
def test_checkouts_have_the_nonce_and_nothing_inline(host_order, order, tag, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):
        html = _render("{% checkout_" + tag + " order %}", order=host_order)

    loaded = re.findall(r"<(?:script|link)[^>]*>", html)
    assert len(loaded) == 4
    assert all('nonce="n0nce"' in tag and ("src=" in tag or "href=" in tag) for tag in loaded)
    assert not re.search(r"<script[^>]*>[^<]", html)
    assert "style=" not in html
    assert "Pay on Stripe&#x27;s page" in html or "Pay on Stripe's page" in html


def test_scripts_are_small_and_have_no_dependencies():
    folder = Path(django_checkout.__file__).parent / "static/django_checkout"
    sources = [path.read_text(encoding="utf-8") for path in folder.glob("*.js")]

    assert sum(len(source.encode()) for source in sources) < 21_500
    # An import would not find its file if a storage keeps only hashed names.
    assert [
        found for source in sources for found in re.findall(r"^\s*(?:import|export)\b.*", source, re.MULTILINE)
    ] == []


@pytest.mark.parametrize("tag", ["embedded", "elements"])
def test_checkouts_have_the_url_of_their_status(client, host_order, order, tag, stripe_emulator):
    html = _render("{% checkout_" + tag + " order %}", order=host_order)
    services.expire(services.start(order))

    answer = client.get(re.search(r'data-status-url="([^"]+)"', html)[1])

    assert answer.json()["outcome"] == "expired"
    assert client.get(re.search(r'data-return-url="([^"]+)"', html)[1]).status_code == 200


@pytest.mark.parametrize(
    ("middleware", "sources"),
    [
        ("csp.middleware.CSPMiddleware", "csp.constants"),
        pytest.param(
            "django.middleware.csp.ContentSecurityPolicyMiddleware",
            "django.utils.csp.CSP",
            marks=pytest.mark.skipif(django.VERSION < (6,), reason="Django sends policies since 6.0"),
        ),
    ],
)
def test_nonce_matches_the_policy(host_order, order, middleware, sources, settings):
    send_policy = import_string(middleware)
    settings.SECURE_CSP = {"script-src": [import_string(sources).NONCE]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": settings.SECURE_CSP}

    def view(request):
        template = Template("{% load checkout %}{% checkout_elements order %}")
        return HttpResponse(template.render(Context({"request": request, "csrf_token": "t", "order": host_order})))

    response = send_policy(view)(RequestFactory().get("/"))

    (nonce,) = set(re.findall(r'nonce="([^"]+)"', response.content.decode()))
    assert f"'nonce-{nonce}'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("tag", ["button", "embedded", "elements"])
def test_paid_order_shows_its_status_instead(paid_order, tag):
    html = _render("{% checkout_" + tag + " order %}", order=paid_order)

    assert f"Paid: {money('20.00')}" in html
    assert "<form" not in html


def test_portal_has_a_button_for_each_customer_of_the_user(db):
    user = UserFactory()
    for customer in ("cus_first", "cus_second"):
        Customer.objects.create(user=user, livemode=False, stripe_id=customer)

    shown = _render("{% checkout_portal user %}", user=user)

    assert shown.count("<form") == 2
    assert "cus_first" not in shown
    assert 'name="customer" value="cus_second"' in shown


def test_portal_is_shown_to_users_with_a_customer(db, settings):
    user = UserFactory()
    assert "<form" not in _render("{% checkout_portal user %}", user=user)

    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")

    assert 'action="/checkout/portal/"' in _render("{% checkout_portal user %}", user=user)


def test_client_secret_is_for_the_owner_only_and_never_stored(client, order, stripe_emulator, settings):
    other = services.place(HostOrderFactory())
    url = re.search(r'data-secret-url="([^"]+)"', _render("{% checkout_embedded order %}", order=order))[1]

    answer = client.post(url, {"ui_mode": "embedded_page"})

    secret = answer.json()["client_secret"]
    session = CheckoutSession.objects.get()
    assert secret.startswith(session.stripe_id)
    assert secret not in str(CheckoutSession.objects.values().get())
    assert client.post(url.replace(f"/{order.pk}:", f"/{other.pk}:")).status_code == 404
    assert client.get(url).status_code == 405


def test_client_secret_of_an_open_session_is_fetched_again(client, order, stripe_emulator):
    url = re.search(r'data-secret-url="([^"]+)"', _render("{% checkout_elements order %}", order=order))[1]

    first = client.post(url, {"ui_mode": "elements"}).json()
    second = client.post(url, {"ui_mode": "elements"}).json()

    assert first == second
    assert CheckoutSession.objects.count() == 1


def test_client_secret_of_a_paid_order_is_refused_with_its_status_url(client, paid_order):
    from django_checkout.access.tokens import Purpose, make_token

    answer = client.post(f"/checkout/secret/{make_token(paid_order.pk, Purpose.PAY)}/", {"ui_mode": "elements"})

    assert (answer.status_code, answer.json()["code"]) == (409, "order_not_payable")


class ClosedAdapter(HostAdapter):
    def can_pay(self, request, order):
        return False


@pytest.mark.parametrize("tag", ["button", "embedded", "elements", "status"])
@pytest.mark.parametrize("debug", [True, False])
def test_tag_of_an_order_older_than_the_app_shows_nothing_and_does_not_place_it(host_order, tag, debug, settings):
    settings.DEBUG = debug

    html = _render("{% checkout_" + tag + " order %}", order=host_order)

    assert re.sub("<!--.*-->", "", html).strip() == ""
    assert ("services.place" in html) is (debug and tag != "status")
    assert not Order.objects.exists()


@pytest.mark.parametrize("link", [services.pay_url, services.start_url])
def test_link_to_an_order_older_than_the_app_places_it(client, host_order, link, stripe_emulator):
    url = link(host_order)

    assert (client.post(url) if "start" in url else client.get(url)).status_code in (200, 303)
    assert Order.objects.get().source == host_order


def test_link_to_an_order_that_changed_after_it_was_paid_still_works(client, paid_order, host_order):
    host_order.quantity = 7
    host_order.save()

    assert client.get(services.pay_url(host_order)).status_code == 200


@pytest.mark.parametrize("link", [services.pay_url, services.start_url])
def test_link_to_an_object_that_is_no_order_is_refused(link):
    with pytest.raises(OrderNotFoundError):
        link(None)


@pytest.mark.parametrize("tag", ["button", "embedded", "elements"])
@pytest.mark.parametrize("is_ours", [True, False])
def test_no_way_to_pay_is_shown_that_the_adapter_refuses(host_order, order, tag, is_ours, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.ClosedAdapter"

    html = _render("{% checkout_" + tag + " order %}", order=order if is_ours else host_order)

    assert "<form" not in html
    assert "Not paid yet" in html


def test_no_way_to_pay_is_shown_if_the_host_deleted_the_order(host_order, order):
    host_order.delete()
    order = Order.objects.get()

    assert "<form" not in _render("{% checkout_button order %}", order=order)


SCRIPT_PROBLEMS = [
    ({"STRIPE_PUBLISHABLE_KEY": ""}, "STRIPE_PUBLISHABLE_KEY is not set"),
    ({"CHECKOUT_EMULATOR": True}, "STRIPE_API_BASE is an emulator"),
    ({"STRIPE_API_BASE": "https://api.stripe.com", "STRIPE_JS_URL": "/emulator/stripe.js"}, "is not Stripe"),
]


@pytest.mark.parametrize("tag", ["embedded", "elements"])
@pytest.mark.parametrize(("values", "reason"), SCRIPT_PROBLEMS)
@pytest.mark.parametrize("debug", [True, False])
def test_form_that_cannot_work_is_replaced_by_a_button(order, tag, values, reason, debug, settings, caplog):
    settings.DEBUG = debug
    for name, value in values.items():
        setattr(settings, name, value)

    html = _render("{% checkout_" + tag + " order %}", order=order)

    assert "<script" not in html
    assert 'name="ui_mode" value="hosted_page"' in html
    assert (reason in unescape(html)) is debug
    assert [record.levelname for record in caplog.records if reason in record.getMessage()] == ["ERROR"]


@pytest.mark.parametrize("ui_mode", ["embedded_page", "elements"])
def test_pay_page_with_a_form_that_cannot_work_can_be_paid_without_scripts(client, order, ui_mode, settings):
    settings.CHECKOUT_UI_MODE, settings.STRIPE_PUBLISHABLE_KEY = ui_mode, ""

    page = client.get(services.pay_url(order))

    assert "<noscript>" not in page.text
    assert 'name="ui_mode" value="hosted_page"' in page.text
