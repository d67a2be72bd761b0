"""Payments through the API: every UI mode, updates of an open checkout, and outages of Stripe."""

from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.models import CheckoutSession, Order
from django_checkout.values import LineData, OrderData
from tests.amounts import money
from tests.api.conftest import Api, problem_of
from tests.factories import HostOrderFactory

pytestmark = pytest.mark.django_db


def test_purchase_from_start_to_paid(bearer, order, stripe_emulator, deliver_events):
    response = bearer.post("sessions", order.reference, ui_mode="hosted_page")

    session = response.json()
    assert (response.status_code, session["status"]) == (201, "open")
    assert session["url"].startswith("http")
    stripe_emulator.pay(session["stripe_id"])
    deliver_events()
    status = bearer.get("status", order.reference).json()
    assert (status["outcome"], status["paid"]["formatted"]) == ("paid", money("20.00"))
    assert bearer.get("sessions", order.reference).json()[0]["url"] is None
    problem_of(bearer.post("sessions", order.reference), 409, "order_not_payable")


@pytest.mark.parametrize("ui_mode", ["embedded_page", "elements"])
def test_bearer_gets_the_client_secret_of_embedded_and_elements_sessions(ui_mode, bearer, order, stripe_emulator):
    session = bearer.post("sessions", order.reference, ui_mode=ui_mode).json()

    response = bearer.get("client-secret", order.reference, session["id"])

    assert response.json()["client_secret"].startswith(session["stripe_id"])
    assert response.json()["publishable_key"] == "pk_test_tests"
    assert response.headers["Cache-Control"] == "no-store"
    problem_of(Api().get("client-secret", order.reference, session["id"]), 404, "order_not_found")


def test_hosted_session_has_no_client_secret(bearer, order, stripe_emulator):
    session = bearer.post("sessions", order.reference, ui_mode="hosted_page").json()

    problem_of(bearer.get("client-secret", order.reference, session["id"]), 409, "session_closed")


def test_session_of_another_order_is_not_found(bearer, order, stripe_emulator):
    other = services.start(HostOrderFactory())

    problem_of(bearer.get("client-secret", order.reference, other.uuid), 404, "session_not_found")
    problem_of(bearer.post("expire-session", order.reference, other.uuid), 404, "session_not_found")


def test_unknown_ui_mode_is_refused(bearer, order):
    problem_of(bearer.post("sessions", order.reference, ui_mode="popup"), 400, "invalid_request")


def test_ui_mode_that_is_not_allowed_is_refused(bearer, order, settings):
    settings.CHECKOUT_UI_MODES = ["elements"]

    problem_of(bearer.post("sessions", order.reference, ui_mode="hosted_page"), 400, "ui_mode_not_allowed")


def test_session_is_expired(bearer, order, stripe_emulator):
    session = bearer.post("sessions", order.reference).json()

    assert bearer.post("expire-session", order.reference, session["id"]).json()["status"] == "expired"
    assert bearer.get("status", order.reference).json()["outcome"] == "expired"


def test_open_elements_checkout_is_updated(bearer, order, stripe_emulator):
    bearer.post("sessions", order.reference, ui_mode="elements")

    changed = bearer.post("quantity", order.reference, sku="teapot", quantity=3)

    assert changed.status_code == 200, changed.content
    assert Order.objects.get().subtotal_minor == 6000
    problem_of(bearer.post("quantity", order.reference, sku="teapot", quantity=4), 409, "out_of_stock")


def test_update_without_an_open_session_is_refused(bearer, order, stripe_emulator):
    address = {"country": "DE", "postal_code": "20457"}

    problem_of(bearer.post("shipping", order.reference, name="A", address=address), 409, "session_closed")
    problem_of(bearer.post("shipping", order.reference, name="A", address={"country": "de"}), 400, "invalid_request")
    problem_of(bearer.post("quantity", order.reference, sku="teapot", quantity=1.5), 400, "invalid_request")


def test_unreachable_stripe_is_a_503_with_retry_after(bearer, order, stripe_emulator):
    stripe_emulator.chaos.fail(2, status=503)

    response = bearer.post("sessions", order.reference)

    problem_of(response, 503, "stripe_unanswered")
    assert response.headers["Retry-After"]


def test_subscriptions_are_listed_and_canceled_by_their_owner_only(shopper, own_order, stripe_emulator):
    from tests.factories import UserFactory

    problem_of(Api(shopper).post("cancel-subscription", "sub_none"), 404, "not_found")
    assert Api(shopper).get("subscriptions").json()["results"] == []
    own_order.subscriptions.create(stripe_id="sub_1", livemode=False, status="canceled")
    assert Api(shopper).get("subscriptions").json()["results"][0]["is_active"] is False
    problem_of(Api(shopper).post("cancel-subscription", "sub_1"), 409, "subscription_ended")
    problem_of(Api(UserFactory()).post("cancel-subscription", "sub_1"), 404, "not_found")
    assert Api().post("cancel-subscription", "sub_1").json()["code"] == "not_authenticated"


def test_portal_opens_for_each_customer_of_the_user(shopper, stripe_emulator, deliver_events):
    line = LineData(name="Tea club", unit_amount_minor=1900, recurring_interval="month")
    orders = [OrderData(reference=f"S-{n}", currency="eur", lines=(line,), user=shopper) for n in (1, 2)]
    for session in [services.start(services.place(order)) for order in orders]:
        stripe_emulator.pay(session.stripe_id)
    deliver_events(rounds=3)
    api = Api(shopper)
    customers = [row["customer"] for row in api.get("subscriptions").json()["results"]]
    assert set(customers) == set(services.find_customer_ids(shopper))
    assert len(customers) == 2

    for customer in customers:
        assert api.post("portal", return_url="/", customer=customer).status_code == 201
        assert stripe_emulator.latest("billing_portal.session", 1)[0]["customer"] == customer
    problem_of(api.post("portal", return_url="/", customer="cus_others"), 404, "customer_not_found")


def test_portal_returns_to_this_site_only(shopper, stripe_emulator):
    problem_of(Api(shopper).post("portal", return_url="http://testserver/account/"), 404, "customer_not_found")
    problem_of(Api(shopper).post("portal", return_url="https://elsewhere.example/"), 400, "return_url_not_allowed")
    assert Api().post("portal", return_url="http://testserver/").json()["code"] == "not_authenticated"


def test_client_secret_is_not_stored(bearer, order, stripe_emulator):
    session = bearer.post("sessions", order.reference, ui_mode="elements").json()
    secret = bearer.get("client-secret", order.reference, session["id"]).json()["client_secret"]

    assert secret not in str(list(CheckoutSession.objects.values()))


def test_a_session_takes_a_way_back(bearer, order, stripe_emulator, settings):
    settings.CHECKOUT_RETURN_ORIGINS = ["https://shop.example"]

    problem_of(
        bearer.post("sessions", order.reference, return_url="https://evil.example/"), 400, "return_url_not_allowed"
    )
    problem_of(bearer.post("sessions", order.reference, return_url=7), 400, "invalid_request")
    assert not CheckoutSession.objects.exists()
    response = bearer.post("sessions", order.reference, return_url="https://shop.example/done")

    assert response.status_code == 201
    assert CheckoutSession.objects.get().return_url == "https://shop.example/done"
