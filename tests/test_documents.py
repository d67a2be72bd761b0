"""Receipts and invoices: what the order says, whose address is read when it is needed, and who may open it."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.template import Context, Template
from django.urls import reverse
from django.utils import timezone

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.conf import conf
from django_checkout.exceptions import OrderDataError
from django_checkout.models import CheckoutSession, Order, Payment, WebhookEvent
from django_checkout.operations.erasure import erase_order
from django_checkout.params.invoices import invoice_params
from django_checkout.stripe_api.client import get_client
from django_checkout.stripe_api.documents import is_own_url
from django_checkout.stripe_api.transport import http_session
from django_checkout.values import CheckoutOptions
from tests.factories import HostOrderFactory, UserFactory
from tests.return_states import STATES, World, remember, return_url

pytestmark = [pytest.mark.django_db, pytest.mark.core]

QUALIFIED = {"Registration number": "T1234567890123"}
INVOICED = CheckoutOptions(
    invoice_description="Thank you for your order.",
    invoice_footer="Example Shop, 4 Quay Lane, Hamburg",
    invoice_custom_fields=QUALIFIED,
    invoice_metadata={"department": "retail"},
    invoice_tax_display="include_inclusive_tax",
)


@pytest.fixture
def world(stripe_emulator):
    return World(stripe_emulator)


@pytest.fixture
def invoiced(world):
    order, session = world.start(options=INVOICED)
    world.pay(session)
    return Order.objects.get(pk=order.pk)


def _url(order, kind="receipt", purpose=Purpose.PAY):
    return reverse("django_checkout:document", args=[make_token(order.pk, purpose), kind])


def test_the_invoice_says_what_the_order_asks_for(invoiced, stripe_emulator):
    invoice = stripe_emulator.get(invoiced.sessions.get().invoice_id)

    assert invoice["custom_fields"] == [{"name": "Registration number", "value": "T1234567890123"}]
    assert (invoice["description"], invoice["footer"]) == (INVOICED.invoice_description, INVOICED.invoice_footer)
    assert (invoice["metadata"]["department"], invoice["rendering"]["amount_tax_display"]) == (
        "retail",
        "include_inclusive_tax",
    )


def test_a_european_invoice_has_the_vat_id_of_the_account(world, stripe_emulator):
    tax_id = get_client().v1.tax_ids.create({"type": "eu_vat", "value": "DE123456789"})
    order, session = world.start(options=CheckoutOptions(invoice_account_tax_ids=(tax_id.id,)))
    world.pay(session)

    assert stripe_emulator.get(order.sessions.get().invoice_id)["account_tax_ids"] == [tax_id.id]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"invoice_description": "x" * 1501}, "1500"),
        ({"invoice_footer": "x" * 5001}, "5000"),
        ({"invoice_custom_fields": {str(number): "x" for number in range(5)}}, "at most 4"),
        ({"invoice_custom_fields": {"x" * 41: "1"}}, "40"),
        ({"invoice_custom_fields": {"VAT": "x" * 141}}, "140"),
        ({"invoice_custom_fields": {"VAT": ""}}, "empty"),
        ({"invoice_custom_fields": ["VAT"]}, "mapping"),
        ({"invoice_account_tax_ids": ("",)}, "empty"),
        ({"invoice_tax_display": "hide"}, "invoice_tax_display"),
    ],
)
def test_what_stripe_would_refuse_is_refused(options, message):
    with pytest.raises(OrderDataError, match=message):
        invoice_params(CheckoutOptions(**options))


@pytest.mark.parametrize(("kind", "ending"), [("receipt", ""), ("invoice", ""), ("invoice_pdf", "/pdf")])
def test_a_document_is_opened_at_its_current_address(client, invoiced, stripe_emulator, kind, ending):
    response = client.get(_url(invoiced, kind))

    path = "receipt" if kind == "receipt" else "invoice"
    assert response.status_code == 303
    assert response.url.startswith(f"http://stripe.emulator/documents/{path}/")
    assert response.url.endswith(ending)
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]


def test_the_page_of_the_shop_links_to_the_documents(client, invoiced):
    tag = Template("{% load checkout %}{% checkout_documents order %}")
    links = re.findall(r'href="([^"]+)"', tag.render(Context({"order": invoiced})))

    assert [client.get(html.unescape(link)).status_code for link in links] == [303, 303, 303]
    assert tag.render(Context({"order": HostOrderFactory()})).strip() == ""


def test_no_address_is_stored(client, invoiced):
    client.get(_url(invoiced))

    stored = [*Payment.objects.values(), *CheckoutSession.objects.values(), *Order.objects.values()]
    stored += [event["payload"] for event in WebhookEvent.objects.values("payload")]
    assert "/documents/" not in str(stored)


@pytest.mark.parametrize("kind", ["receipt", "invoice", "invoice_pdf"])
def test_a_bare_link_opens_no_document(client, invoiced, stripe_requests, kind):
    assert client.get(_url(invoiced, kind, Purpose.STATUS)).status_code == 404
    client.force_login(UserFactory())
    assert client.get(_url(invoiced, kind, Purpose.STATUS)).status_code == 404
    assert stripe_requests == []


def test_the_browser_that_paid_opens_a_document_with_its_status_link(client, invoiced):
    remember(client, invoiced)

    page = client.get(return_url(invoiced, invoiced.sessions.get()))

    urls = [document["url"] for document in page.context["documents"]]
    assert len(urls) == 3
    assert [client.get(url).status_code for url in urls] == [303, 303, 303]
    assert all(url in page.text for url in urls)


def test_the_owner_opens_a_document_with_a_status_link(client, stripe_emulator, pay):
    owner = UserFactory()
    order = pay(services.place(HostOrderFactory(owner=owner)))
    client.force_login(owner)

    assert client.get(_url(order, purpose=Purpose.STATUS)).status_code == 303


@pytest.mark.parametrize("purpose", Purpose)
def test_an_old_link_opens_a_document_for_the_owner_only(client, invoiced, purpose):
    signed_at = timezone.now() - timedelta(seconds=conf.CHECKOUT_TOKEN_MAX_AGE_SECONDS + 1)
    url = reverse("django_checkout:document", args=[make_token(invoiced, purpose, signed_at=signed_at), "receipt"])
    remember(client, invoiced)
    assert client.get(url).status_code == 404
    owner = UserFactory()
    Order.objects.filter(pk=invoiced.pk).update(user=owner)
    client.force_login(owner)

    assert client.get(url).status_code == 303


def test_the_link_of_a_row_that_was_replaced_opens_no_document(client, invoiced):
    url = _url(invoiced)
    Order.objects.filter(pk=invoiced.pk).update(created_at=invoiced.created_at - timedelta(days=1))

    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    "state", ["processing", "failed", "authorized", "expired", "canceled", "free", "setup", "open"]
)
def test_an_order_without_a_payment_has_no_receipt(client, world, state):
    order, _session = STATES[state](world)

    assert services.find_documents(order) == []
    assert client.get(_url(order)).status_code == 404


@pytest.mark.parametrize("kind", ["", "secret", "receipt/x", "invoice"])
def test_another_kind_of_document_is_not_found(client, paid_order, kind):
    url = _url(paid_order).replace("/receipt/", f"/{kind}/")

    assert client.get(url).status_code == 404


def test_a_document_says_what_to_do_while_stripe_does_not_answer(client, invoiced, stripe_emulator):
    stripe_emulator.chaos.fail(20)

    response = client.get(_url(invoiced))

    assert response.status_code == 503
    assert 'role="alert"' in response.text


def test_documents_are_limited_like_other_calls_to_stripe(client, invoiced):
    Order.objects.filter(pk=invoiced.pk).update(requests_count=30, requests_since=invoiced.updated_at)

    assert client.get(_url(invoiced)).status_code == 429


def test_a_head_request_calls_stripe_no_more_than_a_get(client, invoiced):
    assert client.head(_url(invoiced)).status_code == 303


def test_an_erased_order_has_no_documents(client, invoiced):
    erase_order(invoiced)
    invoiced.refresh_from_db()

    assert services.find_documents(invoiced) == []
    assert client.get(_url(invoiced)).status_code == 404


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("https://pay.stripe.com/receipts/payment/abc?s=ap", True),
        ("https://invoice.stripe.com/i/acct_1/test_abc", True),
        ("http://pay.stripe.com/receipts/abc", False),
        ("https://pay.stripe.com.example.com/receipts/abc", False),
        ("https://evilstripe.com/receipts/abc", False),
        ("https://user@pay.stripe.com/receipts/abc", False),
        ("https://pay.stripe.com:8443/receipts/abc", False),
        ("javascript:alert(1)", False),
        ("//pay.stripe.com/receipts/abc", False),
        ("https://[pay.stripe.com/receipts", False),
    ],
)
def test_a_document_leads_to_stripe(settings, url, is_own):
    del settings.STRIPE_API_BASE

    assert is_own_url(url) == is_own


def test_a_document_of_the_emulator_leads_to_the_emulator(stripe_emulator):
    assert is_own_url("http://stripe.emulator/documents/receipt/abc")
    assert not is_own_url("https://pay.stripe.com/receipts/abc")


def test_the_emulator_shows_its_documents(invoiced, stripe_emulator):
    for kind in services.find_documents(invoiced):
        answer = http_session().get(services.find_document_url(invoiced, kind))
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("application/pdf" if kind == "invoice_pdf" else "text/html")
    assert http_session().get("http://stripe.emulator/documents/receipt/unknown").status_code == 404
