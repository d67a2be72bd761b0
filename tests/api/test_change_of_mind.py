"""A shopper who cancels, or pays in another way, through the API."""

from __future__ import annotations

import pytest

from django_checkout import services
from tests.api.conftest import Api, problem_of
from tests.host.adapters import HostAdapter

pytestmark = pytest.mark.django_db

OPERATIONS = ("cancel-own-order", "another-way")


class FirmAdapter(HostAdapter):
    def can_cancel(self, request, order):
        return False


def test_a_shopper_cancels_an_order_and_its_session(bearer, order, stripe_emulator):
    session = services.start(order)

    response = bearer.post("cancel-own-order", order.reference)

    assert (response.status_code, response.json()["status"]) == (200, "canceled")
    assert stripe_emulator.get(session.stripe_id)["status"] == "expired"
    assert bearer.post("cancel-own-order", order.reference).status_code == 200


def test_a_shopper_closes_a_payment_to_start_another(bearer, order, stripe_emulator):
    session = services.start(order)

    response = bearer.post("another-way", order.reference)

    assert (response.status_code, response.json()["status"]) == (200, "unpaid")
    assert stripe_emulator.get(session.stripe_id)["status"] == "expired"
    assert bearer.post("sessions", order.reference).status_code == 201


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_paid_order_stays_paid(bearer, paid_order, operation):
    problem_of(bearer.post(operation, paid_order.reference), 409, "order_not_payable")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_the_shop_voids_an_authorization(bearer, order, stripe_emulator, deliver_events, operation):
    params = {"payment_intent_data": {"capture_method": "manual"}}
    stripe_emulator.pay(services.start(order, params=params).stripe_id)
    deliver_events()

    assert bearer.post(operation, order.reference).status_code == 409
    order.refresh_from_db()
    assert order.status == "authorized"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_stranger_finds_no_order(order, operation):
    problem_of(Api().post(operation, order.reference), 404, "order_not_found")
    order.refresh_from_db()
    assert order.status == "unpaid"


def test_the_adapter_may_refuse(bearer, order, settings):
    settings.CHECKOUT_ADAPTER = f"{__name__}.FirmAdapter"

    problem_of(bearer.post("cancel-own-order", order.reference), 404, "order_not_found")


def test_a_shopper_agrees_in_an_elements_checkout(bearer, stripe_emulator, deliver_events, host_order, settings):
    settings.CHECKOUT_SESSION_DEFAULTS = {"consent_collection": {"terms_of_service": "required", "promotions": "auto"}}
    order = services.get_order(host_order)
    session = bearer.post("sessions", order.reference, ui_mode="elements").json()

    problem_of(bearer.post("consent", order.reference, promotions=True), 400, "invalid_parameter")
    assert bearer.post("consent", order.reference, terms_of_service=True).status_code == 200
    stripe_emulator.pay(session["stripe_id"])
    deliver_events()

    order.refresh_from_db()
    assert order.customer_details["consent"] == {"terms_of_service": "accepted", "promotions": "opt_out"}


def test_consent_needs_an_open_session(bearer, order):
    problem_of(bearer.post("consent", order.reference, terms_of_service=True), 409, "session_closed")
