"""Which Stripe objects belong to an order: copied metadata prove nothing."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.models import CheckoutSession, Dispute, Payment, ReadTicket, Refund, Subscription, WebhookEvent
from django_checkout.operations import unowned
from django_checkout.stripe_api import facts, gateway
from django_checkout.testing import post_event
from django_checkout.values import LineData, OrderData
from django_checkout.webhooks import handles, pending_work, registry
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

OTHERS = "acct_1Connected"
TEA = LineData(name="Tea", unit_amount_minor=1900, recurring_interval="month")


@pytest.fixture
def session(order, stripe_emulator):
    return services.start(order)


@pytest.fixture
def completed(session, stripe_emulator):
    """The undelivered event that pays the order."""
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
def test_event_of_a_connected_account_retrieves_nothing(event_type, kind, is_thin, db, settings):
    settings.STRIPE_API_BASE = "http://nothing.answers.here.invalid"
    shown = {"id": "obj_1", "object": kind}
    event = {"id": "evt_1", "livemode": False, "created": 1}
    if is_thin:
        event |= {"object": "v2.core.event", "type": f"v1.{event_type}", "context": OTHERS, "related_object": shown}
    else:
        event |= {"object": "event", "type": event_type, "account": OTHERS, "data": {"object": shown}}

    status, row = _post(event)

    assert (status, row.state, row.error_code) == (200, "ignored", "other_account")


def test_connected_account_events_reach_the_hosts_handler_only(completed, order, monkeypatch):
    accounts = []
    kind = "checkout.session.completed"
    monkeypatch.setitem(registry.HANDLERS, kind, [*registry.HANDLERS[kind]])
    handles(kind, reads=True)(lambda event: accounts.append(event.account))

    status, row = _post(completed, account=OTHERS)

    order.refresh_from_db()
    assert (status, row.state, accounts, order.status) == (200, "processed", [OTHERS], "unpaid")


@pytest.fixture
def register_first(monkeypatch):
    """Register a handler as a site does while Django starts: before the app's own are registered."""

    def register(kind, reads):
        entry = registry.Registered(lambda event: None, reads)
        monkeypatch.setitem(registry.HANDLERS, kind, [entry, *registry.HANDLERS[kind]])

    return register


def test_handler_of_the_host_does_not_change_how_refunds_are_read(register_first, order, pay, stripe_emulator):
    pay(order)
    register_first("charge.refunded", reads=True)
    stripe_emulator.refund(Payment.objects.get().stripe_id, 500)

    status, row = _post(stripe_emulator.events("charge.refunded")[-1])

    assert (status, row.state, Refund.objects.get().amount_minor) == (200, "processed", 500)


def test_handler_of_the_host_does_not_change_how_disputes_are_read(register_first, order, pay, stripe_emulator):
    pay(order)
    register_first("charge.dispute.created", reads=lambda event: gateway.retrieve_object("charge", "ch_1"))
    stripe_emulator.open_dispute(Payment.objects.get().stripe_id)

    status, row = _post(stripe_emulator.events("charge.dispute.created")[-1])

    order.refresh_from_db()
    assert (status, row.state, order.disputed) == (200, "processed", True)


def test_other_session_with_our_metadata_does_not_pay_the_order(completed, order):
    forged = copy.deepcopy(completed)
    forged["data"]["object"]["id"] = "cs_test_staging"

    status, row = _post(forged, id="evt_forged")

    order.refresh_from_db()
    assert (status, row.error_code, order.status) == (200, "not_ours", "unpaid")
    assert CheckoutSession.objects.count() == 1


def test_session_whose_response_was_lost_is_identified_by_its_uuid(completed, session, order):
    CheckoutSession.objects.update(stripe_id=None, status="creating")

    post_event(completed)

    order.refresh_from_db()
    assert (order.status, CheckoutSession.objects.get().stripe_id) == ("paid", session.stripe_id)


def test_uuid_in_the_other_mode_is_ignored(completed, order):
    CheckoutSession.objects.update(stripe_id=None, status="creating", livemode=True)

    post_event(completed)

    order.refresh_from_db()
    assert order.status == "unpaid"


def test_recovered_copy_of_our_session_is_ours_whatever_its_metadata(completed, session, order):
    recovered = copy.deepcopy(completed)
    recovered["data"]["object"] |= {"id": "cs_test_copy", "recovered_from": session.stripe_id, "metadata": {}}
    recovered["data"]["object"]["client_reference_id"] = None

    post_event(recovered)

    order.refresh_from_db()
    assert (order.status, CheckoutSession.objects.count()) == ("paid", 2)


def test_session_with_a_changed_reference_is_found_by_its_id(completed, order):
    other = services.place(OrderData(reference="O-other", currency="eur", lines=(TEA,)))
    completed["data"]["object"]["metadata"]["order_id"] = other.reference

    post_event(completed)

    order.refresh_from_db()
    assert order.status == "paid"


@pytest.fixture
def forged_intent(session, stripe_emulator):
    """Another captured PaymentIntent with the same metadata as ours."""
    stripe_emulator.pay(session.stripe_id)
    event = copy.deepcopy(stripe_emulator.events("payment_intent.succeeded")[0])
    event["id"] = "evt_forged"
    event["data"]["object"]["id"] = "pi_forged"
    event["data"]["object"]["latest_charge"] = "ch_forged"
    return event


@pytest.mark.parametrize("is_first", [True, False])
def test_other_payment_with_our_metadata_is_no_second_payment(
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


def test_dispute_of_another_payment_with_our_metadata_is_not_the_orders(
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


def test_payment_that_arrives_before_its_session_waits_for_it(session, order, stripe_emulator):
    stripe_emulator.pay(session.stripe_id)
    post_event(stripe_emulator.events("payment_intent.succeeded")[0])
    waiting = Payment.objects.get()
    assert (waiting.order, waiting.captured_minor) == (None, 2000)

    post_event(stripe_emulator.events("checkout.session.completed")[0])

    order.refresh_from_db()
    assert (order.status, order.kept_payment) == ("paid", waiting)


def test_other_subscription_with_our_metadata_is_not_the_orders(stripe_emulator, pay, recorder):
    order = services.place(OrderData(reference="S-1", currency="eur", lines=(TEA,), user=UserFactory()))
    pay(order)
    with stripe_emulator.store.transaction():
        forged = {**stripe_emulator.store.find(Subscription.objects.get().stripe_id), "id": "sub_forged"}
        stripe_emulator.store.insert({**forged, "status": "canceled"})
    (event, *_) = stripe_emulator.events("customer.subscription.created")

    post_event({**event, "id": "evt_forged", "data": {"object": forged}})

    assert Subscription.objects.count() == 1
    assert "subscription_canceled" not in recorder.names


def test_refund_that_arrives_first_and_names_only_its_charge_is_counted(order, stripe_emulator, deliver_events):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    intent = stripe_emulator.get(session.stripe_id)["payment_intent"]
    refund = stripe_emulator.refund(intent, 500) | {"payment_intent": None}
    ledger.in_transaction(lambda: ledger.apply([facts.read_refund(refund)]))

    deliver_events()

    order.refresh_from_db()
    assert (order.status, order.refunded_minor) == ("partially_refunded", 500)
    assert Payment.objects.count() == 1


FOREIGN = {
    "charge.refunded": {"id": "ch_foreign", "object": "charge", "payment_intent": "pi_foreign", "amount_refunded": 5},
    "customer.subscription.updated": {"id": "sub_foreign", "object": "subscription", "customer": "cus_foreign"},
    "charge.succeeded": {
        "id": "ch_foreign",
        "object": "charge",
        "payment_intent": "pi_foreign",
        "metadata": {"a": "b"},
    },
    "invoice.paid": {"id": "in_foreign", "object": "invoice", "subscription": "sub_foreign"},
}


@pytest.mark.parametrize("event_type", FOREIGN)
@pytest.mark.parametrize("mode", ["inline", "task"])
def test_what_names_nothing_of_ours_causes_no_call_and_leaves_no_row(event_type, mode, session, settings):
    settings.STRIPE_API_BASE = "http://nothing.answers.here.invalid"
    settings.CHECKOUT_PROCESS_EVENTS = mode
    event = {"id": "evt_1", "object": "event", "livemode": False, "created": 1, "type": event_type}

    status, row = _post({**event, "data": {"object": FOREIGN[event_type]}})
    pending_work.process_pending()

    row.refresh_from_db()
    assert (status, row.state, row.error_code, row.attempts) == (200, "ignored", "not_ours", 1)
    assert not Payment.objects.exists()
    assert not ReadTicket.objects.exists()


#: Kinds of events about others' payments, the event's object, and what README says that they cost: calls and rows.
COSTS = {
    "refund.created": ("refund", 0, {Payment, Refund}),
    "radar.early_fraud_warning.created": ("radar.early_fraud_warning", 0, {Payment}),
    "review.opened": ("review", 0, {Payment}),
    "charge.dispute.created": ("dispute", 1, {Payment, Dispute, ReadTicket}),
    "v1.charge.succeeded": ("charge", 1, {ReadTicket}),
    "v1.charge.dispute.created": ("dispute", 1, {Payment, Dispute, ReadTicket}),
}


@pytest.mark.parametrize("event_type", COSTS)
def test_what_others_objects_cost(event_type, completed, stripe_emulator):
    intent = completed["data"]["object"]["payment_intent"]
    name, calls, stored = COSTS[event_type]
    foreign = {"id": "x_foreign", "payment_intent": "pi_foreign", "charge": "ch_foreign", "metadata": {}}
    with stripe_emulator.store.transaction():
        charge = stripe_emulator.store.find(stripe_emulator.get(intent)["latest_charge"])
        stripe_emulator.store.insert({**charge, **foreign, "id": "ch_foreign"})
    if name == "dispute":
        dispute = stripe_emulator.open_dispute(intent)
        with stripe_emulator.store.transaction():
            stripe_emulator.store.insert({**stripe_emulator.store.find(dispute["id"]), **foreign, "id": "du_foreign"})
        shown = stripe_emulator.get("du_foreign")
    elif name == "charge":
        shown = stripe_emulator.get("ch_foreign")
    else:
        shown = foreign | {"object": name, "amount": 5, "currency": "eur", "status": "succeeded", "open": True}
    event = {"id": "evt_1", "object": "event", "livemode": False, "created": 1, "type": event_type}
    if event_type.startswith("v1."):
        event |= {"object": "v2.core.event", "related_object": {"id": shown["id"], "type": shown["object"]}}
    else:
        event |= {"data": {"object": shown}}
    before = len(stripe_emulator.requests())

    status, row = _post(event)

    assert (status, row.state) == (200, "ignored")
    assert len(stripe_emulator.requests()) - before == calls
    assert {model for model in (Payment, Refund, Dispute, ReadTicket) if model.objects.exists()} == stored


def test_event_about_a_charge_of_ours_without_our_metadata_is_applied(completed, order, stripe_emulator):
    post_event(completed)
    payment_id = Payment.objects.get().stripe_id
    stripe_emulator.refund(payment_id, 500)
    refunded = copy.deepcopy(stripe_emulator.events("charge.refunded")[-1])
    refunded["data"]["object"]["metadata"] = {}

    status, row = _post(refunded)

    order.refresh_from_db()
    assert (status, row.state, order.refunded_minor) == (200, "processed", 500)


def _of_no_order():
    """Return how many payments and refunds ``checkout_prune`` would delete in a year."""
    found = unowned.prune(is_dry=True, now=timezone.now() + timedelta(days=365))
    return found.payments, found.refunds


def test_refund_that_arrives_before_its_order_is_not_said_to_be_anothers(completed, order, stripe_emulator):
    payment_id = completed["data"]["object"]["payment_intent"]
    stripe_emulator.refund(payment_id, 500)

    _, row = _post(stripe_emulator.events("refund.created")[-1])
    assert (row.state, row.error_code) == ("ignored", "unclaimed")
    assert (Payment.objects.get().stripe_id, _of_no_order()) == (payment_id, (1, 1))

    post_event(completed)
    order.refresh_from_db()
    assert (order.refunded_minor, _of_no_order()) == (500, (0, 0))
