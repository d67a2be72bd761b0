"""Whose an object of Stripe's is: metadata that somebody copied prove nothing."""

from __future__ import annotations

import copy

import pytest

from django_checkout import inbox, services
from django_checkout.models import CheckoutSession, Dispute, Payment, Subscription, WebhookEvent
from django_checkout.testing import post_event
from django_checkout.values import LineData, OrderData
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

OTHERS = "acct_1Connected"
TEA = LineData(name="Tea", unit_amount_minor=1900, recurring_interval="month")


@pytest.fixture
def session(order, stripe_emulator):
    return services.start(order)


@pytest.fixture
def completed(session, stripe_emulator):
    """The event by which an order is paid, not delivered."""
    stripe_emulator.pay(session.stripe_id)
    return stripe_emulator.events("checkout.session.completed")[0]


def _post(event, **changes):
    response = post_event({**event, **changes})
    return response.status_code, WebhookEvent.objects.get(stripe_id=changes.get("id", event["id"]))


def test_session_of_a_connected_account_does_not_pay_our_order(completed, order, stripe_emulator, settings):
    settings.STRIPE_API_BASE = "http://nothing.answers.here.invalid"

    status, row = _post(completed, account=OTHERS)

    order.refresh_from_db()
    assert (status, row.state, row.error_code, order.status) == (200, "ignored", "other_account", "unpaid")
    assert set(row.payload["data"]["object"]) <= {"id", "object"}


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("charge.refunded", "charge"),
        ("charge.dispute.created", "dispute"),
        ("customer.subscription.updated", "subscription"),
        ("checkout.session.completed", "checkout.session"),
    ],
)
@pytest.mark.parametrize("is_thin", [False, True])
def test_nothing_is_read_for_a_connected_accounts_event(event_type, kind, is_thin, db, settings):
    settings.STRIPE_API_BASE = "http://nothing.answers.here.invalid"
    shown = {"id": "obj_1", "object": kind}
    event = {"id": "evt_1", "livemode": False, "created": 1}
    if is_thin:
        event |= {"object": "v2.core.event", "type": f"v1.{event_type}", "context": OTHERS, "related_object": shown}
    else:
        event |= {"object": "event", "type": event_type, "account": OTHERS, "data": {"object": shown}}

    status, row = _post(event)

    assert (status, row.state, row.error_code) == (200, "ignored", "other_account")


def test_the_hosts_own_function_hears_of_connected_accounts_and_ours_does_not(completed, order, monkeypatch):
    heard = []
    monkeypatch.setattr(inbox, "_registry", {**inbox._registry})
    inbox._registry["checkout.session.completed"] = [*inbox._registry["checkout.session.completed"]]
    inbox.handles("checkout.session.completed", reads=True)(lambda event: heard.append(event.account))

    status, row = _post(completed, account=OTHERS)

    order.refresh_from_db()
    assert (status, row.state, heard, order.status) == (200, "processed", [OTHERS], "unpaid")


def test_another_session_with_our_order_number_and_uuid_does_not_pay_the_order(completed, order):
    forged = copy.deepcopy(completed)
    forged["data"]["object"]["id"] = "cs_test_staging"

    status, row = _post(forged, id="evt_forged")

    order.refresh_from_db()
    assert (status, row.error_code, order.status) == (200, "not_ours", "unpaid")
    assert CheckoutSession.objects.count() == 1


def test_a_session_whose_answer_was_lost_is_known_by_its_uuid(completed, session, order):
    CheckoutSession.objects.update(stripe_id=None, status="creating")

    post_event(completed)

    order.refresh_from_db()
    assert (order.status, CheckoutSession.objects.get().stripe_id) == ("paid", session.stripe_id)


def test_the_uuid_of_the_other_mode_proves_nothing(completed, order):
    CheckoutSession.objects.update(stripe_id=None, status="creating", livemode=True)

    post_event(completed)

    order.refresh_from_db()
    assert order.status == "unpaid"


def test_a_copy_that_names_ours_as_its_original_is_ours_whatever_its_metadata_say(completed, session, order):
    recovered = copy.deepcopy(completed)
    recovered["data"]["object"] |= {"id": "cs_test_copy", "recovered_from": session.stripe_id, "metadata": {}}
    recovered["data"]["object"]["client_reference_id"] = None

    post_event(recovered)

    order.refresh_from_db()
    assert (order.status, CheckoutSession.objects.count()) == ("paid", 2)


def test_a_session_is_found_by_its_id_although_its_reference_was_changed_at_stripe(completed, order):
    other = services.place(OrderData(reference="O-other", currency="eur", lines=(TEA,)))
    completed["data"]["object"]["metadata"]["order_id"] = other.reference

    post_event(completed)

    order.refresh_from_db()
    assert order.status == "paid"


@pytest.fixture
def forged_intent(session, stripe_emulator):
    """A captured PaymentIntent that carries the metadata of ours and is another one."""
    stripe_emulator.pay(session.stripe_id)
    event = copy.deepcopy(stripe_emulator.events("payment_intent.succeeded")[0])
    event["id"] = "evt_forged"
    event["data"]["object"]["id"] = "pi_forged"
    event["data"]["object"]["latest_charge"] = "ch_forged"
    return event


@pytest.mark.parametrize("is_first", [True, False])
def test_another_payment_with_our_metadata_is_no_second_payment(
    is_first, forged_intent, order, deliver_events, stripe_emulator, settings
):
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"
    if is_first:
        post_event(forged_intent)
    deliver_events()
    if not is_first:
        post_event(forged_intent)

    order.refresh_from_db()
    assert (order.status, order.needs_attention) == ("paid", False)
    assert [payment.stripe_id for payment in order.payments.all()] == [order.kept_payment.stripe_id]


def test_a_dispute_of_another_payment_with_our_metadata_is_not_the_orders(
    forged_intent, order, deliver_events, stripe_emulator
):
    post_event(forged_intent)
    deliver_events()
    intent = order.sessions.get().payment.stripe_id
    dispute = stripe_emulator.open_dispute(intent)
    with stripe_emulator.store.transaction():
        forged = {**stripe_emulator.store.find(dispute["id"]), "payment_intent": "pi_forged", "charge": "ch_forged"}
        stripe_emulator.store.save(forged)
    (event,) = stripe_emulator.events("charge.dispute.created")

    post_event(event)

    order.refresh_from_db()
    assert (Dispute.objects.get().payment.stripe_id, order.disputed) == ("pi_forged", False)


def test_a_payment_heard_of_before_its_session_waits_for_it(session, order, stripe_emulator):
    stripe_emulator.pay(session.stripe_id)
    post_event(stripe_emulator.events("payment_intent.succeeded")[0])
    waiting = Payment.objects.get()
    assert (waiting.order, waiting.captured_minor) == (None, 2000)

    post_event(stripe_emulator.events("checkout.session.completed")[0])

    order.refresh_from_db()
    assert (order.status, order.kept_payment) == ("paid", waiting)


def test_another_subscription_with_our_metadata_is_not_the_orders(stripe_emulator, deliver_events, heard):
    order = services.place(OrderData(reference="S-1", currency="eur", lines=(TEA,), user=UserFactory()))
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    with stripe_emulator.store.transaction():
        forged = {**stripe_emulator.store.find(Subscription.objects.get().stripe_id), "id": "sub_forged"}
        stripe_emulator.store.insert({**forged, "status": "canceled"})
    (event, *_) = stripe_emulator.events("customer.subscription.created")

    post_event({**event, "id": "evt_forged", "data": {"object": forged}})

    assert Subscription.objects.count() == 1
    assert "subscription_canceled" not in heard
