"""The uncaptured rest of an authorization is not a refund, however and in whatever order its events arrive."""

from __future__ import annotations

import io
from itertools import permutations

import pytest
from django.core.management import call_command
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from django_checkout import services
from django_checkout.models import Payment, Refund
from django_checkout.operations import statistics
from django_checkout.states import RefundState, find_releases
from django_checkout.stripe_api.client import get_client
from django_checkout.testing import post_event
from tests.properties.shop import rolled_back

pytestmark = [pytest.mark.django_db, pytest.mark.core]

MANUAL = {"payment_intent_data": {"capture_method": "manual"}}
DAY = 24 * 3600


@pytest.fixture
def authorized(order, pay):
    """Authorize an order of 20.00; return the id of its PaymentIntent."""
    pay(order, params=MANUAL)
    return Payment.objects.get().stripe_id


def _capture(intent):
    """Capture 15.00 in the Stripe Dashboard."""
    get_client().v1.payment_intents.capture(intent, {"amount_to_capture": 1500})


def _amounts(order):
    order.refresh_from_db()
    refunds = [total.amount_minor for total in statistics.dashboard().periods[0].refunds]
    return order.status, order.paid_minor, order.refunded_minor, refunds


def test_snapshot_events(order, authorized, stripe_emulator, deliver_events, recorder):
    services.capture(order, 1500)
    deliver_events()

    assert _amounts(order) == ("paid", 1500, 0, [])
    assert recorder.names == ["order_paid"]
    assert services.refund(order).amount_minor == 1500
    assert _amounts(order) == ("refunded", 1500, 1500, [1500])


@pytest.mark.slow
def test_every_order_of_arrival(order, authorized, stripe_emulator, recorder):
    before = len(stripe_emulator.events())
    _capture(authorized)
    events = stripe_emulator.events()[before:]
    sent = [event for event in events if event["type"] not in ("charge.updated", "charge.refunded")]
    assert len(sent) == 3
    for arrival in permutations(sent):
        recorder.clear()
        with rolled_back():
            for event in arrival:
                assert post_event(event).status_code == 200
            assert _amounts(order) == ("paid", 1500, 0, []), [event["type"] for event in arrival]
        assert recorder.names == ["order_paid"]


def test_thin_events(order, authorized, stripe_emulator, recorder):
    before = len(stripe_emulator.events())
    _capture(authorized)
    for number, event in enumerate(stripe_emulator.events()[before:]):
        shown = event["data"]["object"]
        related = {"id": shown["id"], "type": shown["object"], "url": ""}
        body = {"id": f"evt_{number}", "object": "v2.core.event", "livemode": False, "created": "2026-01-01T00:00:00Z"}
        assert post_event({**body, "type": f"v1.{event['type']}", "related_object": related}).status_code == 200

    assert _amounts(order) == ("paid", 1500, 0, [])
    assert "order_refunded" not in recorder.names


def test_sync(order, authorized, stripe_emulator, recorder):
    _capture(authorized)

    services.sync(order)

    assert _amounts(order) == ("paid", 1500, 0, [])
    assert Refund.objects.get().is_release
    assert "order_refunded" not in recorder.names


def test_reconcile(order, authorized, stripe_emulator, recorder):
    _capture(authorized)

    out = io.StringIO()
    for _ in range(2):
        call_command("checkout_reconcile", "--fix", stdout=out)

    assert _amounts(order) == ("paid", 1500, 0, [])
    assert "order_refunded" not in recorder.names


def test_refund_after_the_capture_is_a_refund_even_of_the_same_amount(
    order, authorized, stripe_emulator, deliver_events, recorder
):
    services.capture(order, 1500)
    deliver_events()
    stripe_emulator.refund(authorized, 500)
    deliver_events()

    assert _amounts(order) == ("partially_refunded", 1500, 500, [500])
    assert [sent["amount_minor"] for sent in recorder.arguments("order_refunded")] == [500]
    assert services.refund(order).amount_minor == 1000


@pytest.mark.parametrize("way", ["canceled here", "canceled at Stripe", "lapsed"])
def test_authorization_that_ends_uncaptured_is_not_a_refund(
    way, order, authorized, stripe_emulator, deliver_events, recorder
):
    if way == "canceled here":
        services.cancel(order)
    elif way == "canceled at Stripe":
        get_client().v1.payment_intents.cancel(authorized)
    else:
        stripe_emulator.clock.advance(8 * DAY)
    deliver_events()

    assert _amounts(order) == ("canceled" if way == "canceled here" else "unpaid", 0, 0, [])
    assert not {"order_refunded", "refund_failed", "attention_needed"} & set(recorder.names)


def test_account_without_a_refund_object_for_the_release(order, authorized, stripe_emulator, deliver_events, recorder):
    services.capture(order, 1500)
    for event in stripe_emulator.events():
        if event["type"] not in ("refund.created", "charge.refunded"):
            post_event(event)

    refund = services.refund(order, 500)

    assert (refund.status, refund.is_release) == ("succeeded", False)
    assert _amounts(order)[:3] == ("partially_refunded", 1500, 500)


def test_admin_shows_no_refund_for_the_release(order, authorized, deliver_events, admin_client):
    services.capture(order, 1500)
    deliver_events()
    released = Refund.objects.get()

    page = admin_client.get(reverse("admin:django_checkout_order_change", args=[order.pk])).content.decode()
    shown = admin_client.get(reverse("admin:django_checkout_refund_change", args=[released.pk])).content.decode()

    assert reverse("admin:django_checkout_refund_change", args=[released.pk]) not in page
    assert "released, not captured" in shown


REFUNDS = st.builds(
    RefundState,
    key=st.uuids().map(str),
    status=st.sampled_from(["pending", "succeeded", "failed"]),
    amount_minor=st.integers(1, 100),
    is_ours=st.booleans(),
    has_balance_transaction=st.booleans(),
)


@given(
    captured=st.integers(0, 100),
    uncaptured=st.integers(0, 100),
    refunds=st.lists(REFUNDS, max_size=5, unique_by=lambda refund: refund.key),
    data=st.data(),
)
def test_releases_never_exceed_the_uncaptured_amount(captured, uncaptured, refunds, data):
    def find(rows):
        return find_releases(authorized_minor=captured + uncaptured, captured_minor=captured, refunds=rows)

    found = find(refunds)

    released = [refund for refund in refunds if refund.key in found]
    assert sum(refund.amount_minor for refund in released) <= uncaptured
    assert all(refund.status == "succeeded" and not refund.is_ours for refund in released)
    assert not any(refund.has_balance_transaction for refund in released)
    assert find(data.draw(st.permutations(refunds))) == found
