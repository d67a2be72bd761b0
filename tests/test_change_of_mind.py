"""A shopper changes their mind: cancels, pays in another way, edits the cart, comes back."""

from __future__ import annotations

import re

import pytest
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.conf import UI_MODES
from django_checkout.emulator.messages import ApiError
from django_checkout.exceptions import OrderNotPayableError, StripeUnansweredError
from django_checkout.ledger import budget
from django_checkout.models import CheckoutSession, Order
from django_checkout.values import CheckoutOptions, LineData, OrderData
from tests.damage import overwrite
from tests.factories import HostOrderFactory, UserFactory
from tests.host.adapters import HostAdapter

pytestmark = [pytest.mark.django_db, pytest.mark.core]

PAGES = ("cancel", "another-way")


class FirmAdapter(HostAdapter):
    """A shop that starts to work on an order before it is paid."""

    def can_cancel(self, request, order):
        return False


@pytest.fixture
def voucher(stripe_emulator, deliver_events):
    """An order that waits until its konbini code is paid."""
    host_order = HostOrderFactory(currency="jpy", price_minor=5000, quantity=1)
    session = services.start(host_order, params={"payment_method_types": ["card", "konbini"]})
    stripe_emulator.pay(session.stripe_id, method="konbini", email="fill_never@example.com")
    deliver_events()
    return services.get_order(host_order)


def _url(name, order, purpose=Purpose.PAY):
    return reverse(f"django_checkout:{name}", args=[make_token(order, purpose)])


def _intent_status(stripe_emulator, order):
    return stripe_emulator.get(order.payments.get().stripe_id)["status"]


def _links(html):
    return set(re.findall(r'href="/checkout/(pay|cancel|another-way)/', html))


def _return_links(client, order):
    return _links(client.get(_url("return", order, Purpose.STATUS)).text)


def _remember(client, order):
    """Keep the link in the browser, as starting to pay does."""
    client.cookies[f"checkout_pay_{order.pk}"] = make_token(order, Purpose.PAY)


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_get_asks_and_cancels_nothing(client, order, stripe_emulator, method):
    session = services.start(order)

    page = getattr(client, method)(_url("cancel", order))

    assert page.status_code == 200
    assert method == "head" or "A payment page that is still open is closed" in page.text
    order.refresh_from_db()
    assert (order.status, stripe_emulator.get(session.stripe_id)["status"]) == ("unpaid", "open")


@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_a_post_expires_the_session_and_cancels_the_order(client, order, stripe_emulator, ui_mode):
    session = services.start(order, ui_mode=ui_mode)

    response = client.post(_url("cancel", order))

    order.refresh_from_db()
    assert (response.status_code, order.status) == (303, "canceled")
    assert stripe_emulator.get(session.stripe_id)["status"] == "expired"
    page = client.get(response.url).text
    assert 'data-checkout-outcome="canceled"' in page
    assert "You have not been charged" in page


def test_a_canceled_order_that_money_arrived_for_does_not_say_that_nothing_was_charged(client, order):
    services.cancel(order)
    overwrite(Order.objects.filter(pk=order.pk), needs_attention=True)

    page = client.get(_url("return", order, Purpose.STATUS)).text

    assert 'data-checkout-outcome="canceled"' in page
    assert "You have not been charged" not in page


def test_a_second_post_shows_the_canceled_order(client, order, recorder):
    client.post(_url("cancel", order))

    response = client.post(_url("cancel", order))

    assert response.status_code == 303
    assert "/checkout/return/" in response.url
    assert recorder.names.count("order_canceled") == 1


@pytest.mark.parametrize("page", PAGES)
def test_a_post_needs_a_csrf_token(voucher, page):
    assert Client(enforce_csrf_checks=True).post(_url(page, voucher)).status_code == 403


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_status_link_gives_no_right(client, voucher, stripe_emulator, page, method):
    path = reverse(f"django_checkout:{page}", args=[make_token(voucher, Purpose.STATUS)])

    assert getattr(client, method)(path).status_code == 404
    assert _intent_status(stripe_emulator, voucher) == "requires_action"


def test_the_adapter_may_refuse(client, order, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.FirmAdapter"

    assert client.post(_url("cancel", order)).status_code == 404
    order.refresh_from_db()
    assert order.status == "unpaid"
    _remember(client, order)
    assert _return_links(client, order) == {"pay"}


@pytest.mark.parametrize("page", PAGES)
def test_requests_are_limited(client, order, page):
    for _ in range(budget.REQUESTS_PER_MINUTE):
        budget.count_request(order.pk)

    response = client.post(_url(page, order))

    assert (response.status_code, "Retry-After" in response) == (429, True)


@pytest.mark.parametrize("page", PAGES)
def test_a_shopper_who_has_just_paid_is_told_that_it_is_too_late(client, order, stripe_emulator, page):
    stripe_emulator.pay(services.start(order).stripe_id)

    response = client.post(_url(page, order))

    order.refresh_from_db()
    assert (response.status_code, order.status) == (409, "paid")
    assert "It is too late for this" in response.text
    assert "View the payment status" in response.text


@pytest.mark.parametrize("is_delivered", [True, False])
@pytest.mark.parametrize("page", PAGES)
def test_only_the_shop_voids_an_authorization(client, order, stripe_emulator, deliver_events, page, is_delivered):
    params = {"payment_intent_data": {"capture_method": "manual"}}
    stripe_emulator.pay(services.start(order, params=params).stripe_id)
    if is_delivered:
        deliver_events()

    response = client.post(_url(page, order))

    order.refresh_from_db()
    assert (response.status_code, order.status) == (409, "authorized")
    assert "It is too late for this" in response.text
    assert _intent_status(stripe_emulator, order) == "requires_capture"
    assert services.cancel(order).status == "canceled"


@pytest.mark.parametrize("page", PAGES)
def test_a_shopper_who_has_just_paid_is_not_asked(client, order, stripe_emulator, page):
    stripe_emulator.pay(services.start(order).stripe_id)

    response = client.get(_url(page, order))

    assert response.status_code == 303
    assert 'data-checkout-outcome="paid"' in client.get(response.url).text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_could_not_ask_stripe_says_nothing_about_the_money(client, order, stripe_emulator, page):
    stripe_emulator.pay(services.start(order).stripe_id)
    stripe_emulator.chaos.drop(9, match="GET /v1/checkout/sessions/*")

    response = client.get(_url(page, order))

    assert response.status_code == 200
    assert "charged" not in response.text


@pytest.mark.parametrize("page", PAGES)
def test_a_shopper_is_told_until_when_a_voucher_is_kept(client, stripe_emulator, deliver_events, page):
    host_order = HostOrderFactory(currency="mxn", price_minor=5000, quantity=1)
    session = services.start(host_order, params={"payment_method_types": ["card", "oxxo"]})
    stripe_emulator.pay(session.stripe_id, method="oxxo", email="fill_never@example.com")
    deliver_events()
    order = services.get_order(host_order)

    response = client.post(_url(page, order))

    assert response.status_code == 409
    assert "it ends by itself" in response.text
    assert "It is too late" not in response.text
    assert not _links(client.get(_url("return", order, Purpose.STATUS)).text)


@pytest.mark.parametrize("page", PAGES)
def test_a_paid_order_shows_its_status(client, paid_order, page):
    response = client.get(_url(page, paid_order))

    assert response.status_code == 303
    assert "/checkout/return/" in response.url


def test_an_unanswered_call_can_be_repeated(client, order, stripe_emulator, garble_responses):
    services.start(order)
    garble_responses(path="/expire", status=502, times=9)

    first = client.post(_url("cancel", order))

    order.refresh_from_db()
    assert (first.status_code, order.status) == (StripeUnansweredError.http_status, "unpaid")
    assert "<button" in first.text


def test_cancel_gives_up_a_voucher(client, voucher, stripe_emulator):
    question = client.get(_url("cancel", voucher))
    client.post(_url("cancel", voucher))

    voucher.refresh_from_db()
    assert "can then no longer be used to pay" in question.text
    assert (voucher.status, _intent_status(stripe_emulator, voucher)) == ("canceled", "canceled")


def test_another_way_gives_up_a_voucher_and_leads_to_the_payment_page(client, voucher, stripe_emulator):
    response = client.post(_url("another-way", voucher))

    voucher.refresh_from_db()
    assert (voucher.status, _intent_status(stripe_emulator, voucher)) == ("unpaid", "canceled")
    assert (response.status_code, "/checkout/pay/" in response.url) == (303, True)
    start = re.search(r'action="(/checkout/start/[^"]+)"', client.get(response.url).text)[1]
    assert client.post(start, {"ui_mode": "hosted_page"}).status_code == 303
    assert CheckoutSession.objects.filter(status="open").count() == 1


@pytest.mark.parametrize("page", PAGES)
def test_a_debit_on_its_way_cannot_be_given_up(client, order, stripe_emulator, deliver_events, page):
    stripe_emulator.pay(services.start(order).stripe_id, iban="AT611904300234573201")
    deliver_events()
    _remember(client, order)

    assert client.post(_url(page, order)).status_code == 409
    assert _return_links(client, order) == set()


def test_the_return_page_offers_what_is_possible(client, order, voucher):
    assert _return_links(client, order) == _return_links(client, voucher) == set()
    _remember(client, order)
    _remember(client, voucher)

    assert _return_links(client, order) == {"pay", "cancel"}
    assert _return_links(client, voucher) == {"another-way", "cancel"}


def test_the_owner_needs_no_link(client):
    user = UserFactory()
    order = services.place(HostOrderFactory(owner=user))
    client.force_login(user)

    assert _return_links(client, order) == {"pay", "cancel"}


@pytest.mark.parametrize(
    ("tag", "unpaid", "waiting"),
    [
        ("checkout_actions", {"pay", "cancel"}, {"another-way", "cancel"}),
        ("checkout_cancel", {"cancel"}, {"cancel"}),
    ],
)
def test_tags_link_to_what_is_possible(order, host_order, voucher, paid_order_of, tag, unpaid, waiting):
    def shown(of):
        context = Context({"request": RequestFactory().get("/"), "order": of})
        return _links(Template("{% load checkout %}{% " + tag + " order %}").render(context))

    assert (shown(host_order), shown(order), shown(voucher)) == (unpaid, unpaid, waiting)
    assert shown(paid_order_of(HostOrderFactory())) == shown(HostOrderFactory()) == set()


@pytest.fixture
def paid_order_of(pay):
    """Return a function that pays a host's order and returns it."""

    def paid(host_order):
        pay(services.place(host_order))
        return host_order

    return paid


@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_a_cart_is_edited_while_its_payment_page_is_open(order, host_order, stripe_emulator, deliver_events, ui_mode):
    old = services.start(order, ui_mode=ui_mode)

    services.pay_another_way(host_order)
    with pytest.raises(ApiError):
        stripe_emulator.pay(old.stripe_id)
    host_order.price_minor = 2500
    host_order.save()
    new = services.start(host_order, ui_mode=ui_mode)
    stripe_emulator.pay(new.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.status, order.paid_minor, order.needs_attention) == ("paid", 2500, False)


@pytest.mark.parametrize("ui_mode", UI_MODES)
def test_a_cart_that_is_edited_without_a_word_is_not_paid_as_it_was(
    order, host_order, stripe_emulator, deliver_events, recorder, ui_mode
):
    old = services.start(order, ui_mode=ui_mode)

    host_order.price_minor = 2500
    host_order.save()
    services.place(host_order)
    stripe_emulator.pay(old.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.status, order.paid_minor, order.needs_attention) == ("paid", 2000, True)
    assert "order_paid" not in recorder.names


def _abandoned(stripe_emulator, deliver_events):
    data = OrderData(
        reference="R-1",
        currency="eur",
        lines=(LineData(name="Tea", unit_amount_minor=900),),
        options=CheckoutOptions(recover_expired=True),
    )
    session = services.start(services.place(data))
    stripe_emulator.expire(session.stripe_id)
    deliver_events()
    return services.get_order(session.order), session


def test_a_recovery_url_starts_one_session(client, stripe_emulator, deliver_events):
    order, _expired = _abandoned(stripe_emulator, deliver_events)

    url = services.recovery_url(order)
    start = re.search(r'action="(/checkout/start/[^"]+)"', client.get(url).text)[1]
    client.post(start)
    client.post(start)

    assert [row.status for row in order.sessions.order_by("pk")] == ["expired", "open"]
    assert order.sessions.first().recovered_from == ""


def test_stripes_own_recovery_link_ends_with_no_payable_session_once_its_copy_is_paid(
    client, stripe_emulator, deliver_events
):
    order, session = _abandoned(stripe_emulator, deliver_events)
    newer = services.start(order)

    stripe_emulator.pay(stripe_emulator.recover(session.stripe_id)["id"])
    deliver_events()
    services.sync(order)

    assert stripe_emulator.get(newer.stripe_id)["status"] == "expired"
    assert 'data-checkout-outcome="paid"' in client.get(_url("return", order, Purpose.STATUS)).text


@pytest.mark.parametrize("becomes", ["paid", "canceled"])
def test_there_is_no_recovery_url_for_an_order_that_is_not_unpaid(order, pay, becomes):
    if becomes == "paid":
        pay(order)
    else:
        services.cancel(order)

    with pytest.raises(OrderNotPayableError, match=becomes):
        services.recovery_url(order)
