"""Threads on a real database: the same call twenty times at once, and calls that exclude each other."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError, transaction

from django_checkout import services, signals
from django_checkout.emulator.messages import ApiError
from django_checkout.exceptions import (
    OrderNotPayableError,
    PaymentInFlightError,
    RefundError,
    RefundRepeatedError,
    SessionBusyError,
)
from django_checkout.models import Announcement, CheckoutSession, Order, Payment, Refund, WebhookEvent
from django_checkout.services.reminders import remind
from django_checkout.services.syncing import apply_facts
from django_checkout.stripe_api import facts, gateway
from django_checkout.stripe_api.steps import run
from django_checkout.testing import post_event
from django_checkout.webhooks import due_events, inbox, pending_work
from django_checkout.webhooks.envelope import read_envelope
from django_checkout.webhooks.registry import handled_types
from tests.host.models import HostOrder
from tests.races.together import ROUNDS, errors, run_after, together

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("real_threads"), pytest.mark.django_db(transaction=True)]

MANY = 20


@pytest.fixture
def counting():
    """A host that counts in its own locked row how often ``order_paid`` was sent."""

    def count(sender, order, source, **arguments):
        row = HostOrder.objects.select_for_update().get(pk=source.pk)
        row.paid_times += 1
        row.state = "paid"
        row.save(update_fields=["paid_times", "state"])

    signals.order_paid.connect(count, sender=Order)
    yield
    signals.order_paid.disconnect(count, sender=Order)


def new_order(number="H-1"):
    host_order = HostOrder.objects.create(number=number)
    return host_order, services.place(host_order)


def new_orders():
    return [new_order(f"H-{number}") for number in range(ROUNDS)]


def posted(*events):
    return [partial(lambda event: post_event(event).status_code, event) for event in events]


def deliver(emulator, times=1):
    """Deliver all pending events at the same moment, each of them ``times`` times."""
    deliveries = emulator.pending_deliveries()
    outcomes = together(
        *(
            lambda delivery=delivery: post_event(delivery.body, delivery.signature).status_code
            for delivery in deliveries
            for _ in range(times)
        )
    )
    for delivery in deliveries:
        emulator.acknowledge(delivery)
    return outcomes


def events_of(emulator, session_id, *types):
    intent = emulator.get(session_id)["payment_intent"]
    return [event for event in emulator.events() if event["type"] in types and intent in json.dumps(event)]


def sessions_at(emulator, reference):
    with emulator.store.transaction():
        return emulator.store.select("checkout.session", {"client_reference_id": reference})


def test_simultaneous_starts_make_one_session(stripe_emulator):
    for host_order, order in new_orders():
        outcomes = together(*[lambda host_order=host_order: services.start(host_order).stripe_id] * MANY)
        assert not errors(outcomes)
        assert len(set(outcomes)) == 1
        assert order.sessions.count() == 1
        assert len(sessions_at(stripe_emulator, order.reference)) == 1


def test_simultaneous_calls_of_place_make_one_order():
    for number in range(ROUNDS):
        host_order = HostOrder.objects.create(number=f"H-{number}")
        outcomes = together(*[lambda host_order=host_order: services.place(host_order).pk] * MANY)
        assert not errors(outcomes)
        assert len(set(outcomes)) == 1
        assert Order.objects.get(reference=host_order.number).lines.count() == 1


def test_one_event_delivered_twenty_times_has_one_effect(stripe_emulator, counting):
    for host_order, order in new_orders():
        stripe_emulator.pay(services.start(host_order).stripe_id)
        (event,) = stripe_emulator.events("checkout.session.completed")[-1:]
        assert together(*posted(*[event] * MANY)) == [200] * MANY
        assert WebhookEvent.objects.filter(stripe_id=event["id"]).count() == 1
        host_order.refresh_from_db()
        assert host_order.paid_times == 1
        assert Announcement.objects.filter(order=order, signal="order_paid").count() == 1


def test_events_and_reads_at_once_pay_the_order_once(stripe_emulator, counting):
    for host_order, order in new_orders():
        session = services.start(host_order)
        stripe_emulator.pay(session.stripe_id)
        events = events_of(
            stripe_emulator,
            session.stripe_id,
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed",
        )
        outcomes = together(
            *posted(*events, *events),
            lambda order=order: services.sync(order).status,
            lambda session=session: services.sync(session).status,
        )
        assert outcomes == [200] * 6 + ["paid"] * 2
        host_order.refresh_from_db()
        assert host_order.paid_times == 1


def test_simultaneous_refunds_never_exceed_the_payment(stripe_emulator):
    for host_order, order in new_orders():
        session = services.start(host_order)
        stripe_emulator.pay(session.stripe_id)
        deliver(stripe_emulator)
        amounts = (500, 600, 700, 800, 900, 1000)
        outcomes = together(
            *(lambda amount=amount, host_order=host_order: services.refund(host_order, amount) for amount in amounts)
        )
        assert {type(error) for error in errors(outcomes)} <= {RefundError, PaymentInFlightError}
        at_stripe = [refund["amount"] for refund in refunds_at(stripe_emulator, session.stripe_id)]
        assert sum(at_stripe) <= 2000
        order.refresh_from_db()
        assert order.refunded_minor == sum(at_stripe) > 0
        payment = Payment.objects.get(order=order)
        assert payment.refund_asked_minor == sum(at_stripe)


def test_simultaneous_full_refunds_make_one_refund(stripe_emulator):
    for host_order, _order in new_orders():
        session = services.start(host_order)
        stripe_emulator.pay(session.stripe_id)
        deliver(stripe_emulator)
        outcomes = together(*[lambda host_order=host_order: services.refund(host_order)] * 8)
        assert {type(error) for error in errors(outcomes)} <= {RefundError, PaymentInFlightError}
        assert [refund["amount"] for refund in refunds_at(stripe_emulator, session.stripe_id)] == [2000]


def test_simultaneous_refunds_of_one_amount_under_different_keys_make_one_refund(stripe_emulator):
    for host_order, _order in new_orders():
        session = services.start(host_order)
        stripe_emulator.pay(session.stripe_id)
        deliver(stripe_emulator)
        outcomes = together(
            *(partial(services.refund, host_order, 500, key=f"{host_order.number}-{number}") for number in range(4))
        )
        assert {type(error) for error in errors(outcomes)} == {RefundRepeatedError}
        assert [refund["amount"] for refund in refunds_at(stripe_emulator, session.stripe_id)] == [500]
        (first,) = (outcome for outcome in outcomes if not isinstance(outcome, Exception))

        repeated = together(*[partial(services.refund, host_order, 500, in_addition_to=first.uuid)] * 3)

        assert {type(error) for error in errors(repeated)} == {RefundRepeatedError}
        assert [refund["amount"] for refund in refunds_at(stripe_emulator, session.stripe_id)] == [500, 500]


def refunds_at(emulator, session_id):
    intent = emulator.get(session_id)["payment_intent"]
    with emulator.store.transaction():
        return emulator.store.select("refund", {"payment_intent": intent})


def test_an_order_is_either_paid_or_canceled(stripe_emulator, counting):
    for host_order, order in new_orders():
        session = services.start(host_order).stripe_id

        def pay(session=session):
            stripe_emulator.pay(session)
            return [post_event(d.body, d.signature).status_code for d in stripe_emulator.pending_deliveries()]

        paid, canceled = together(pay, lambda host_order=host_order: services.cancel(host_order))
        deliver(stripe_emulator)
        order.refresh_from_db()
        host_order.refresh_from_db()
        if isinstance(paid, ApiError):
            assert order.status == "canceled"
            assert host_order.paid_times == 0
        else:
            assert isinstance(canceled, (PaymentInFlightError, OrderNotPayableError))
            assert (order.status, order.canceled_at, host_order.paid_times) == ("paid", None, 1)


@pytest.mark.parametrize("types", [("refund.created", "checkout.session.completed"), ("charge.dispute.created",)])
def test_an_event_and_the_event_of_its_session_at_once(stripe_emulator, counting, types):
    for host_order, order in new_orders():
        session = services.start(host_order).stripe_id
        stripe_emulator.pay(session)
        intent = stripe_emulator.get(session)["payment_intent"]
        if "refund.created" in types:
            stripe_emulator.refund(intent, 500)
        else:
            stripe_emulator.open_dispute(intent)
        (completed,) = stripe_emulator.events("checkout.session.completed")[-1:]
        other = events_of(stripe_emulator, session, types[0])[-1]
        assert together(*posted(other, completed)) == [200, 200]
        order.refresh_from_db()
        host_order.refresh_from_db()
        assert host_order.paid_times == 1
        if "refund.created" in types:
            assert (order.status, order.refunded_minor) == ("partially_refunded", 500)
        else:
            assert (order.status, order.disputed) == ("paid", True)


@pytest.mark.parametrize("first", ["refund.created", "checkout.session.completed"])
def test_the_second_of_them_arrives_while_the_first_has_not_committed(stripe_emulator, first):
    host_order, order = new_order()
    session = services.start(host_order).stripe_id
    stripe_emulator.pay(session)
    stripe_emulator.refund(stripe_emulator.get(session)["payment_intent"], 500)
    refund, completed = (stripe_emulator.events(name)[-1] for name in ("refund.created", "checkout.session.completed"))
    one, two = (refund, completed) if first == "refund.created" else (completed, refund)
    hook = "django_checkout.ledger.apply.join_refund"
    if first != "refund.created":
        hook = "django_checkout.ledger.apply.join_session"
    second = threading.Thread(target=lambda: answers.extend(together(*posted(two))))
    answers: list[int] = []

    def begin():
        second.start()
        second.join(0.5)

    with run_after(hook, begin):
        assert post_event(one).status_code == 200
    second.join(30)
    assert answers == [200]
    order.refresh_from_db()
    assert (order.status, order.refunded_minor) == ("partially_refunded", 500)


def test_a_refund_that_waited_for_the_lock_of_its_payment_finds_the_order(stripe_emulator):
    host_order, order = new_order()
    session = services.start(host_order).stripe_id
    stripe_emulator.pay(session)
    intent = stripe_emulator.get(session)["payment_intent"]
    stripe_emulator.refund(intent, 500)
    stripe_emulator.refund(intent, 300)
    first, second = stripe_emulator.events("refund.created")[-2:]
    (completed,) = stripe_emulator.events("checkout.session.completed")
    assert post_event(first).status_code == 200
    answers: list[int] = []
    waiting = threading.Thread(target=lambda: answers.extend(together(*posted(second))))

    def begin():
        waiting.start()
        waiting.join(0.5)

    with run_after("django_checkout.ledger.apply.join_session", begin):
        assert post_event(completed).status_code == 200
    waiting.join(30)
    assert answers == [200]
    order.refresh_from_db()
    assert order.refunded_minor == 800


def test_a_host_that_locks_our_order_first_never_deadlocks_with_a_receiver(stripe_emulator, counting):
    for host_order, _order in new_orders():
        session = services.start(host_order).stripe_id
        stripe_emulator.pay(session)

        def edit(host_order=host_order):
            with transaction.atomic():
                services.place(host_order)
                row = HostOrder.objects.select_for_update().get(pk=host_order.pk)
                row.email = "edited@example.com"
                row.save(update_fields=["email"])

        (completed,) = stripe_emulator.events("checkout.session.completed")[-1:]
        outcomes = together(*posted(completed, completed), *[edit] * 4)
        assert not errors(outcomes)
        assert outcomes[:2] == [200, 200]
        host_order.refresh_from_db()
        assert (host_order.paid_times, host_order.email) == (1, "edited@example.com")


def test_a_host_that_locks_its_row_first_causes_a_retry_and_loses_no_event(stripe_emulator, counting):
    host_order, order = new_order()
    session = services.start(host_order).stripe_id
    stripe_emulator.pay(session)
    (completed,) = stripe_emulator.events("checkout.session.completed")[-1:]
    is_locked = threading.Event()

    def edit():
        with transaction.atomic():
            HostOrder.objects.select_for_update().get(pk=host_order.pk)
            is_locked.set()
            threading.Event().wait(0.3)
            services.place(host_order)

    def post():
        is_locked.wait(10)
        return post_event(completed).status_code

    edited, answer = together(edit, post)
    assert edited is None or isinstance(edited, OperationalError)
    assert answer == 200
    host_order.refresh_from_db()
    order.refresh_from_db()
    assert (order.status, host_order.paid_times) == ("paid", 1)


def test_ids_and_references_that_differ_only_in_case_are_different(stripe_emulator, counting):
    bodies = {}
    for number, suffix in (("same", "aaaa"), ("SAME", "AAAA")):
        host_order, order = new_order(number)
        session = services.start(host_order).stripe_id
        stripe_emulator.pay(session)
        (event,) = stripe_emulator.events("checkout.session.completed")[-1:]
        renamed = json.dumps(event)
        for old, new in ((session, f"cs_{suffix}"), (event["data"]["object"]["payment_intent"], f"pi_{suffix}")):
            renamed = renamed.replace(old, new)
        bodies[number] = renamed.replace(event["id"], f"evt_{suffix}").encode()
        CheckoutSession.objects.filter(order=order).update(stripe_id=f"cs_{suffix}")
    for number in bodies:
        assert Order.objects.get(reference=number).status == "unpaid"
    assert together(*[lambda body=body: post_event(body).status_code for body in bodies.values()] * 4) == [200] * 8
    assert sorted(Payment.objects.values_list("stripe_id", "order__reference")) == [
        ("pi_AAAA", "SAME"),
        ("pi_aaaa", "same"),
    ]
    assert list(HostOrder.objects.values_list("paid_times", flat=True)) == [1, 1]


def test_all_actions_at_once_end_in_stripes_state(stripe_emulator, counting):
    """Every round is one order: started three times, paid, delivered twice, read, refunded and delivered again."""
    for host_order, order in new_orders():
        sessions = together(*[lambda host_order=host_order: services.start(host_order).stripe_id] * 3)
        assert not errors(sessions)
        stripe_emulator.pay(sessions[0])
        assert set(deliver(stripe_emulator, times=2)) == {200}
        outcomes = together(
            lambda host_order=host_order: services.refund(host_order, 700),
            lambda sessions=sessions: stripe_emulator.refund(stripe_emulator.get(sessions[0])["payment_intent"], 300),
            lambda order=order: services.sync(order),
        )
        assert not errors(outcomes)
        assert set(deliver(stripe_emulator, times=2)) == {200}
        order.refresh_from_db()
        host_order.refresh_from_db()
        assert (order.status, order.refunded_minor, host_order.paid_times) == ("partially_refunded", 1000, 1)
        assert order.announcements.filter(signal="order_refunded").count() == 2
        assert Refund.objects.filter(payment__order=order).count() == 2


def test_several_workers_on_one_backlog_process_each_event_once(stripe_emulator, counting, monkeypatch):
    """And Stripe delivers the same events again meanwhile."""
    monkeypatch.setattr(due_events, "BATCH", 4)
    for _ in range(ROUNDS):
        made = [new_order(f"H-{HostOrder.objects.count()}") for _ in range(8)]
        before = len(stripe_emulator.events())
        for host_order, _ in made:
            stripe_emulator.pay(services.start(host_order).stripe_id)
        events = [event for event in stripe_emulator.events()[before:] if event["type"] in handled_types()]
        for event in events:
            inbox.insert(read_envelope(event))
        again = [event for event in events if event["type"] == "checkout.session.completed"][:4]

        outcomes = together(*[pending_work.process_pending] * 3, *posted(*again))

        assert not errors(outcomes)
        assert set(outcomes[3:]) == {200}
        assert sum(report["events_failed"] + report["notifications_failed"] for report in outcomes[:3]) == 0
        pending_work.process_pending()
        assert set(WebhookEvent.objects.values_list("state", "attempts")) <= {("processed", 1), ("ignored", 1)}
        for host_order, order in made:
            order.refresh_from_db()
            host_order.refresh_from_db()
            assert (order.status, host_order.paid_times) == ("paid", 1)


def test_a_recovered_session_and_a_new_one_at_once_leave_one_to_pay(stripe_emulator):
    """The shopper recovers an expired session, and starts another one in a second tab."""
    for host_order, order in new_orders():
        expired = services.start(host_order, params={"after_expiration": {"recovery": {"enabled": True}}})
        services.expire(expired)
        copy = stripe_emulator.recover(expired.stripe_id)["id"]

        def adopt(copy=copy):
            return apply_facts(facts.read_whole_session(run(gateway.retrieve_session_data(copy))))

        outcomes = together(adopt, partial(services.start, host_order), partial(services.start, host_order), adopt)
        pending_work.process_pending()

        assert not errors(outcomes)
        open_there = [row["id"] for row in sessions_at(stripe_emulator, order.reference) if row["status"] == "open"]
        assert open_there == [CheckoutSession.objects.get(live_for=order).stripe_id]
        assert CheckoutSession.objects.filter(order=order, status="open").count() == 1


def test_copies_of_an_event_are_acknowledged_while_one_of_them_is_processed(stripe_emulator):
    """Stripe may deliver an event to two endpoints, and again before the first delivery is answered."""
    for _ in range(ROUNDS):
        host_order, _ = new_order(f"H-{HostOrder.objects.count()}")
        session = services.start(host_order)
        stripe_emulator.pay(session.stripe_id)
        deliver(stripe_emulator)
        intent = stripe_emulator.get(session.stripe_id)["payment_intent"]
        stripe_emulator.refund(intent, 300)
        stripe_emulator.open_dispute(intent)

        outcomes = deliver(stripe_emulator, times=4)

        assert set(outcomes) == {200}
        assert set(WebhookEvent.objects.values_list("state", flat=True)) <= {"processed", "ignored"}
        assert set(WebhookEvent.objects.values_list("attempts", flat=True)) <= {0, 1}


def get_voucher(emulator, host_order):
    session = services.start(host_order, params={"payment_method_types": ["card", "multibanco"]}).stripe_id
    emulator.pay(session, method="multibanco", email="fill_never@example.com")
    deliver(emulator)
    return session


@pytest.mark.parametrize("give_up", [services.pay_another_way, services.cancel], ids=["another way", "cancel"])
def test_voucher_is_paid_or_given_up_and_never_both(stripe_emulator, counting, give_up):
    for host_order, order in new_orders():
        session = get_voucher(stripe_emulator, host_order)

        outcomes = together(lambda s=session: stripe_emulator.settle(s), lambda h=host_order: give_up(h))

        assert all(isinstance(error, (ApiError, OrderNotPayableError)) for error in errors(outcomes)), outcomes
        deliver(stripe_emulator, times=2)
        order.refresh_from_db()
        is_paid = stripe_emulator.get(session)["payment_status"] == "paid"
        given_up = {services.pay_another_way: "unpaid", services.cancel: "canceled"}[give_up]
        assert order.status == ("paid" if is_paid else given_up)
        assert isinstance(outcomes[1], OrderNotPayableError) == is_paid
        assert not order.needs_attention
        if not is_paid and order.status == "unpaid":
            stripe_emulator.pay(services.start(host_order).stripe_id)
            deliver(stripe_emulator)
        host_order.refresh_from_db()
        assert host_order.paid_times == (order.status != "canceled")


def test_voucher_given_up_many_times_leaves_one_session(stripe_emulator):
    for host_order, order in new_orders():
        get_voucher(stripe_emulator, host_order)

        def start_again(host_order=host_order):
            services.pay_another_way(host_order)
            return services.start(host_order).stripe_id

        outcomes = together(*[start_again] * 4)

        allowed = (OrderNotPayableError, PaymentInFlightError, SessionBusyError)
        assert all(isinstance(error, allowed) for error in errors(outcomes)), outcomes
        assert order.sessions.filter(status="open").count() <= 1
        at_stripe = [row for row in sessions_at(stripe_emulator, order.reference) if row["status"] == "open"]
        assert len(at_stripe) <= 1


def test_shop_is_reminded_once_by_many_workers(stripe_emulator):
    received = []

    def remember(sender, session, **arguments):
        received.append(session.pk)

    signals.voucher_expires_soon.connect(remember, sender=Order)
    try:
        for host_order, order in new_orders():
            get_voucher(stripe_emulator, host_order)
            session = order.sessions.get()
            now = session.payment.action_expires_at - timedelta(hours=1)
            together(*[lambda session=session, now=now: remind(session, now=now)] * MANY)
            assert received.count(session.pk) == 1
    finally:
        signals.voucher_expires_soon.disconnect(remember, sender=Order)
