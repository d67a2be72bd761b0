"""``charge.refunded`` is recorded without a call to Stripe if the refund that it announces is known."""

from __future__ import annotations

import copy
import itertools

import pytest

from django_checkout import services
from django_checkout.models import Payment, Refund, WebhookEvent
from django_checkout.testing import post_event
from django_checkout.webhooks import handles, inbox, processing, registration
from django_checkout.webhooks.envelope import read_envelope
from tests.benchmarks.counting import count
from tests.races.together import run_before

pytestmark = [pytest.mark.core, pytest.mark.django_db]


def events_of(emulator, refund_id):
    """Return ``refund.created`` and ``charge.refunded`` of a refund."""
    (created,) = [row for row in emulator.events("refund.created") if row["data"]["object"]["id"] == refund_id]
    (refunded,) = [
        row for row in emulator.events("charge.refunded") if row["request"]["id"] == created["request"]["id"]
    ]
    return created, refunded


def calls(body, emulator):
    """Post an event and return how many calls to Stripe it took."""
    return count(lambda: post_event(body), emulator).stripe_calls


@pytest.fixture
def intent(paid_order):
    return Payment.objects.get().stripe_id


def test_refund_that_an_event_has_announced_is_not_listed(paid_order, intent, stripe_emulator):
    created, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
    post_event(created)

    assert calls(refunded, stripe_emulator) == 0

    paid_order.refresh_from_db()
    row = WebhookEvent.objects.get(stripe_id=refunded["id"])
    assert (row.state, row.attempts, paid_order.refunded_minor) == ("processed", 1, 300)


def test_refund_that_we_requested_is_not_listed(paid_order, stripe_emulator):
    refund = services.refund(paid_order, 300)
    _, refunded = events_of(stripe_emulator, refund.stripe_id)

    assert calls(refunded, stripe_emulator) == 0


def test_refund_that_is_not_known_is_listed(paid_order, intent, stripe_emulator):
    _, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])

    assert calls(refunded, stripe_emulator) == 1
    assert Refund.objects.get().amount_minor == 300


def test_new_refund_beside_a_failed_one_of_the_same_amount_is_listed(paid_order, intent, stripe_emulator):
    """The total is that of the known refund, whose failure is not known."""
    failed = stripe_emulator.refund(intent, 300)["id"]
    post_event(events_of(stripe_emulator, failed)[0])
    stripe_emulator.fail_refund(failed)
    _, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
    assert refunded["data"]["object"]["amount_refunded"] == 300

    assert calls(refunded, stripe_emulator) == 1

    paid_order.refresh_from_db()
    assert paid_order.refunded_minor == 300
    assert sorted(Refund.objects.values_list("status", flat=True)) == ["failed", "succeeded"]


@pytest.mark.parametrize("order_of_arrival", list(itertools.permutations(range(5))))
def test_failed_refund_and_a_new_one_end_right_in_every_order(order_of_arrival, paid_order, intent, stripe_emulator):
    failed = stripe_emulator.refund(intent, 300)["id"]
    stripe_emulator.fail_refund(failed)
    new = stripe_emulator.refund(intent, 300)["id"]
    (failure,) = stripe_emulator.events("refund.failed")
    events = [*events_of(stripe_emulator, failed), *events_of(stripe_emulator, new), failure]

    for number in order_of_arrival:
        assert post_event(events[number]).status_code == 200

    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.status) == (300, "partially_refunded")
    assert dict(Refund.objects.values_list("stripe_id", "status")) == {failed: "failed", new: "succeeded"}


def without_request(body):
    body["request"] = None


def with_other_request(body):
    body["request"]["id"] += "0"


def with_other_total(body):
    body["data"]["object"]["amount_refunded"] += 1


def without_intent(body):
    body["data"]["object"]["payment_intent"] = None


@pytest.mark.parametrize("change", [without_request, with_other_request, with_other_total, without_intent])
def test_event_that_does_not_prove_which_refund_it_announces_is_listed(change, paid_order, intent, stripe_emulator):
    created, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
    post_event(created)
    change(refunded)

    assert calls(refunded, stripe_emulator) == 1


def test_refund_that_has_not_ended_is_listed(paid_order, intent, stripe_emulator):
    created, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
    post_event(created)
    Refund.objects.update(status="pending")

    assert calls(refunded, stripe_emulator) == 1
    assert Refund.objects.get().status == "succeeded"


def test_refund_of_another_site_is_listed(paid_order, intent, stripe_emulator):
    created, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
    post_event(created)
    type(paid_order).objects.update(site_url="https://other.example.com")

    post_event(refunded)

    assert WebhookEvent.objects.get(stripe_id=refunded["id"]).error_code == "other_site"


def test_handler_of_the_site_gets_the_listed_refunds(paid_order, intent, stripe_emulator):
    received = []
    handlers = list(registration.HANDLERS["charge.refunded"])
    handles("charge.refunded")(lambda event: received.append(event.object["refunds"]["data"]))
    try:
        created, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
        post_event(created)
        assert calls(refunded, stripe_emulator) == 1
    finally:
        registration.HANDLERS["charge.refunded"] = handlers

    ((listed,),) = received
    assert listed["id"] == created["data"]["object"]["id"]


def test_stored_event_of_a_known_refund_is_not_listed(paid_order, intent, stripe_emulator):
    created, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
    post_event(created)
    stored = inbox.insert(read_envelope(refunded))

    cost = count(lambda: processing.process(stored), stripe_emulator)

    assert cost.stripe_calls == 0
    assert WebhookEvent.objects.get(pk=stored.pk).state == "processed"


def test_copy_of_a_listed_event_is_not_listed_again(paid_order, intent, stripe_emulator):
    _, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
    post_event(refunded)

    assert calls(copy.deepcopy(refunded), stripe_emulator) == 0


def test_copies_that_list_at_the_same_time_announce_the_refund_once(paid_order, intent, stripe_emulator, recorder):
    _, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])

    with run_before("django_checkout.webhooks.processing._insert_and_apply", lambda: post_event(refunded)):
        assert post_event(refunded).status_code == 200

    assert (Refund.objects.count(), recorder.names) == (1, ["order_refunded"])
    assert WebhookEvent.objects.get(stripe_id=refunded["id"]).attempts == 1


def test_event_whose_list_fails_is_stored_as_failed_and_is_retried(paid_order, intent, stripe_emulator):
    _, refunded = events_of(stripe_emulator, stripe_emulator.refund(intent, 300)["id"])
    stripe_emulator.chaos.fail(5, status=500, match="GET /v1/refunds*")

    assert post_event(refunded).status_code == 503
    assert WebhookEvent.objects.get(stripe_id=refunded["id"]).state == "failed"
    stripe_emulator.chaos.reset()

    assert post_event(refunded).status_code == 200
    assert Refund.objects.get().amount_minor == 300
