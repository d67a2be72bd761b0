"""A request with an ``Idempotency-Key`` whose process was killed: the first repeat gets the response."""

from __future__ import annotations

import itertools
import json
import uuid

import pytest

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.models import CheckoutSession, IdempotentAnswer, Order, Refund
from django_checkout.services import checkout
from tests.crashes.acts import post
from tests.crashes.test_kill import ENOUGH, deliver, expire_leases, objects
from tests.factories import UserFactory
from tests.host.models import HostOrder

pytest.importorskip("rest_framework")

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]


def kills(killer, prepare):
    """Yield an order and its request for each boundary of the request at which its process was killed."""
    for boundary in itertools.count(1):
        assert boundary < ENOUGH
        host_order = HostOrder.objects.create(number=f"H-{boundary}", state="")
        path, headers, body = prepare(host_order)
        headers["Idempotency-Key"] = str(uuid.uuid4())
        request = {"path": path, "headers": headers, "body": json.dumps(body)}
        is_killed = killer.kill_at(boundary, "api", host_order, [json.dumps(request)])
        yield host_order, request
        if not is_killed:
            return


def _staff_headers():
    from rest_framework.authtoken.models import Token

    user = UserFactory(is_staff=True, is_superuser=True)
    return {"Authorization": f"Token {Token.objects.create(user=user).key}"}


def test_order_is_placed_once_and_returned_at_once(killer):
    body = {"lines": [{"sku": "teapot", "quantity": 2}], "email": "guest@example.com"}
    for number, (_, request) in enumerate(kills(killer, lambda row: ("/api/orders/", {}, body)), start=1):
        answer = post(request)

        assert answer.status_code == 201, answer.content
        assert Order.objects.count() == number
        # For each boundary, one of the test and one of the order.
        assert HostOrder.objects.count() == 2 * number
        assert post(request).json()["reference"] == answer.json()["reference"]
    assert killer.killed >= 4


def test_session_is_started_once_and_returned_once_stripes_response_is_known(killer, monkeypatch):
    monkeypatch.setattr(checkout, "BUSY_WAIT_SECONDS", 0.2)

    def prepare(host_order):
        order = services.place(host_order)
        return f"/api/orders/{order.reference}/sessions/", {"Checkout-Token": make_token(order, Purpose.PAY)}, {}

    for host_order, request in kills(killer, prepare):
        is_known = CheckoutSession.objects.filter(order__reference=host_order.number, status="open").exists()
        answer = post(request)
        # If the process was killed during a call to Stripe, its lease has to end first.
        assert answer.status_code == 201 or (not is_known and answer.json()["code"] == "session_busy")
        expire_leases()

        answer = post(request)

        assert answer.status_code == 201, answer.content
        at_stripe = objects(killer.emulator, "checkout.session", client_reference_id=host_order.number)
        assert [found["id"] for found in at_stripe] == [answer.json()["stripe_id"]]
    assert killer.killed >= 8


def test_refund_is_made_once_and_returned_once_stripes_response_is_known(killer):
    headers = _staff_headers()

    def prepare(host_order):
        killer.emulator.pay(services.start(host_order).stripe_id)
        deliver(killer.emulator)
        return f"/api/staff/orders/{host_order.number}/refund/", dict(headers), {"amount_minor": 700}

    for host_order, request in kills(killer, prepare):
        refunds = Refund.objects.filter(payment__order__reference=host_order.number)
        is_known = refunds.exclude(status="creating").exists()
        answer = post(request)
        assert answer.status_code == 201 or (not is_known and answer.json()["code"] == "payment_in_flight")
        expire_leases()

        answer = post(request)

        assert answer.status_code == 201, answer.content
        assert (answer.json()["status"], refunds.count()) == ("succeeded", 1)
        intent = services.get_order(host_order).payments.get().stripe_id
        assert [found["amount"] for found in objects(killer.emulator, "refund", payment_intent=intent)] == [700]
    assert killer.killed >= 8


@pytest.mark.parametrize("name", ["capture", "cancel", "sync"])
def test_other_operations_of_staff_get_a_response_at_once(killer, settings, name):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    headers = _staff_headers()

    def prepare(host_order):
        session = services.start(host_order)
        if name == "capture":
            killer.emulator.pay(session.stripe_id)
            deliver(killer.emulator)
        return f"/api/staff/orders/{host_order.number}/{name}/", dict(headers), {}

    for host_order, request in kills(killer, prepare):
        answer = post(request)

        assert answer.status_code == 200, answer.content
        order = services.get_order(host_order)
        assert order.status == {"capture": "paid", "cancel": "canceled", "sync": "unpaid"}[name]
        assert IdempotentAnswer.objects.filter(key=request["headers"]["Idempotency-Key"]).exclude(status=None).exists()
    assert killer.killed >= 3
