"""Events that are processed together have the same effect as events that are processed one by one."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_checkout import services, signals
from django_checkout.exceptions import HandlerError
from django_checkout.ledger import announcements
from django_checkout.ledger import batch as ledger_batch
from django_checkout.models import Customer, Order, WebhookEvent
from django_checkout.webhooks import batch, due_events, handles, inbox, pending_work, processing, registry, tasks
from django_checkout.webhooks.envelope import read_envelope
from tests.factories import HostOrderFactory, UserFactory
from tests.host.models import HostOrder
from tests.races.together import run_after, run_before

pytestmark = [pytest.mark.django_db, pytest.mark.core]

CARD = ("charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")


def store(events):
    """Store events as a task site does, and return their primary keys."""
    return [inbox.insert(read_envelope(event)).pk for event in events]


def paid(emulator, **columns):
    """Return a paid order whose events are not processed, and the events."""
    host_order = HostOrderFactory(**columns)
    session = services.start(host_order)
    before = len(emulator.events())
    emulator.pay(session.stripe_id)
    made = emulator.events()[before:]
    return services.get_order(host_order), [event for name in CARD for event in made if event["type"] == name]


def _by_card(emulator):
    return paid(emulator)


def _session_first(emulator):
    order, (charge, intent, session) = paid(emulator)
    return order, [session, charge, intent]


def _only_the_session(emulator):
    order, events = paid(emulator)
    return order, events[2:]


def _only_the_payment(emulator):
    order, events = paid(emulator)
    return order, events[:2]


def _of_a_user(emulator):
    return paid(emulator, owner=UserFactory())


def _repeated(emulator):
    order, events = paid(emulator)
    return order, [*events, {**events[2], "id": f"{events[2]['id']}_again"}]


def _with_another_amount(emulator):
    order, events = paid(emulator)
    events[2]["data"]["object"]["amount_subtotal"] = 100
    return order, events


def _canceled_before(emulator):
    order, events = paid(emulator)
    order.sessions.update(status="expired", live_for=None)
    services.cancel(order)
    return order, events


def _with_an_unknown_status(emulator):
    order, events = paid(emulator)
    events[1]["data"]["object"]["status"] = "levitating"
    return order, events


def _of_another_integration(emulator):
    order, events = paid(emulator)
    for event in events:
        text = json.dumps(event).replace("cs_test_", "cs_test_other").replace("pi_", "pi_other")
        event.update(json.loads(text))
        event["data"]["object"]["metadata"] = {}
    return order, events


def _refunded_before(emulator):
    """A refund arrived before the payment that it belongs to."""
    order, events = paid(emulator)
    emulator.refund(events[1]["data"]["object"]["id"], 500)
    (refund,) = emulator.events("refund.created")[-1:]
    processing.receive(refund)
    return order, events


def _by_charge_before(emulator):
    """A fraud warning arrived that names only the charge."""
    order, events = paid(emulator)
    charge_id = events[0]["data"]["object"]["id"]
    warning = {"id": f"issfr_{order.pk}", "object": "radar.early_fraud_warning", "charge": charge_id}
    envelope = {"id": f"evt_warning{order.pk}", "type": "radar.early_fraud_warning.created"}
    processing.receive({**events[0], **envelope, "data": {"object": {**warning, "fraud_type": "misc"}}})
    return order, events


def _paid_twice(emulator):
    order, events = paid(emulator)
    order.sessions.update(status="expired", live_for=None)
    session = services.start(order.source)
    before = len(emulator.events())
    emulator.pay(session.stripe_id)
    return order, [*events, *(event for event in emulator.events()[before:] if event["type"] in CARD)]


def _delayed(emulator):
    host_order = HostOrderFactory()
    session = services.start(host_order)
    emulator.pay(session.stripe_id, iban="AT611904300234573201")
    return services.get_order(host_order), emulator.events("checkout.session.completed")[-1:]


def _expired(emulator):
    host_order = HostOrderFactory()
    session = services.start(host_order)
    emulator.expire(session.stripe_id)
    return services.get_order(host_order), emulator.events("checkout.session.expired")[-1:]


def _deleted_by_the_site(emulator):
    order, events = paid(emulator)
    order.source.delete()
    return order, events


def _with_a_waived_notification(emulator):
    """A refund of a payment whose notification is waived arrived before the payment's own event."""
    order, events = _refunded_before(emulator)
    order.announcements.create(signal="order_paid", fact=order.reference, state="waived")
    return order, events


def _recovered(emulator):
    """The shopper pays the session that Stripe created to recover an expired one."""
    host_order = HostOrderFactory()
    session = services.start(host_order, params={"after_expiration": {"recovery": {"enabled": True}}})
    services.expire(session)
    emulator.pay(emulator.recover(session.stripe_id)["id"])
    return services.get_order(host_order), emulator.events("checkout.session.completed")[-1:]


SITUATIONS = [
    _by_card,
    _session_first,
    _only_the_session,
    _only_the_payment,
    _of_a_user,
    _repeated,
    _with_another_amount,
    _canceled_before,
    _with_an_unknown_status,
    _of_another_integration,
    _refunded_before,
    _by_charge_before,
    _paid_twice,
    _delayed,
    _expired,
    _deleted_by_the_site,
    _with_a_waived_notification,
    _recovered,
]


def outcome(order, pks, recorder):
    """Return everything about an order that does not depend on its ids and times."""
    order.refresh_from_db()
    columns = ("status", "paid_minor", "refunded_minor", "total_minor", "needs_attention", "livemode", "email")
    payments = order.payments.order_by("pk")
    return {
        "order": {name: getattr(order, name) for name in columns},
        "details": order.customer_details,
        "is_paid_at": order.paid_at is not None,
        "kept": order.kept_payment is not None and list(payments).index(order.kept_payment),
        "sessions": [
            (row.status, row.payment_status, row.live_for_id is None, row.payment_id is None, row.amount_total_minor)
            for row in order.sessions.order_by("pk")
        ],
        "payments": [
            (row.intent_status, row.captured_minor, row.amount_minor, row.currency, bool(row.charge_id), row.livemode)
            for row in payments
        ],
        "attention": sorted(order.attention.values_list("code", flat=True)),
        "notifications": sorted(order.announcements.values_list("signal", "state", "attempts")),
        "sent": sorted(sent.name for sent in recorder.sent if sent.arguments["order"] == order),
        "events": list(
            WebhookEvent.objects.filter(pk__in=pks).order_by("pk").values_list("state", "error_code", "attempts")
        ),
        "payloads": [
            sorted(payload["data"]["object"])
            for payload in WebhookEvent.objects.filter(pk__in=pks).order_by("pk").values_list("payload", flat=True)
        ],
        "customers": order.user_id and Customer.objects.filter(user=order.user_id).count(),
    }


def test_batch_has_the_effect_of_one_by_one(stripe_emulator, recorder):
    made = {}
    for situation in SITUATIONS:
        for way in ("batch", "alone"):
            order, events = situation(stripe_emulator)
            made[situation.__name__, way] = order, deepcopy(events)
    pks = {key: store(events) for key, (_, events) in made.items()}
    for (_, way), some in pks.items():
        for row in WebhookEvent.objects.filter(pk__in=some if way == "alone" else ()).order_by("pk"):
            try:
                processing.process(row)
            except Exception:
                assert WebhookEvent.objects.get(pk=row.pk).state == "failed"
    count = sum(len(some) for (_, way), some in pks.items() if way == "batch")

    report = pending_work.process_pending()

    assert (report["events"], report["events_failed"]) == (count, 1)
    found = {key: outcome(order, pks[key], recorder) for key, (order, _) in made.items()}
    for situation in SITUATIONS:
        name = situation.__name__
        assert found[name, "batch"] == found[name, "alone"], name
    assert found["_by_card", "batch"]["order"]["status"] == "paid"
    assert found["_refunded_before", "batch"]["order"]["status"] == "partially_refunded"


def test_all_but_the_unusual_are_processed_together(stripe_emulator, recorder):
    made = {situation.__name__: situation(stripe_emulator) for situation in SITUATIONS}
    pks = {name: store(events) for name, (_, events) in made.items()}

    recorder.clear()

    done = batch.process([pk for some in pks.values() for pk in some])

    alone = {name for name, some in pks.items() if set(some) & set(done.alone)}
    assert alone == {"_with_an_unknown_status", "_by_charge_before", "_recovered"}
    assert recorder.names == []


@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB takes one row in a statement")
def test_the_number_of_statements_does_not_depend_on_the_orders(stripe_emulator):
    counts = []
    for number in (2, 8):
        pks = store([event for _ in range(number) for event in paid(stripe_emulator)[1]])
        with CaptureQueriesContext(connection) as queries:
            done = batch.process(pks)
        assert (done.processed, list(done.alone), len(done.to_deliver)) == (3 * number, [], number)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 16


def test_a_fault_of_the_database_leaves_every_event_to_be_processed_alone(stripe_emulator, monkeypatch, caplog):
    def fail(*arguments, **options):
        raise DatabaseError("disk full: shopper@example.com")

    orders = [paid(stripe_emulator) for _ in range(2)]
    store([event for _, events in orders for event in events])
    monkeypatch.setattr(ledger_batch, "settle_together", fail)

    report = pending_work.process_pending()

    assert (report["events"], report["events_failed"]) == (6, 0)
    assert set(Order.objects.values_list("status", flat=True)) == {"paid"}
    assert "processing_alone events=6" in caplog.text


def test_a_database_that_returns_no_keys_of_inserted_rows(stripe_emulator, monkeypatch):
    """MySQL, and SQLite before 3.35."""
    orders = [paid(stripe_emulator) for _ in range(2)]
    pks = store([event for _, events in orders for event in events])
    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)

    batch.process(pks)

    for order, _ in orders:
        order.refresh_from_db()
        assert (order.status, order.kept_payment.order) == ("paid", order)
        assert order.sessions.get().payment == order.kept_payment


def test_another_worker_keeps_the_events_that_it_has(stripe_emulator):
    _, events = paid(stripe_emulator)
    pks = store(events)
    WebhookEvent.objects.filter(pk=pks[0]).update(state="processed")

    done = batch.process(pks)

    assert (done.processed, list(done.alone)) == (2, [])


@pytest.fixture
def enqueued(monkeypatch):
    """The tasks that were enqueued."""
    enqueued = []
    monkeypatch.setattr(tasks, "enqueue_drain", lambda: enqueued.append(1))
    return enqueued


def test_a_task_does_not_repeat_itself_while_another_worker_has_its_events(stripe_emulator, enqueued):
    pks = store(paid(stripe_emulator)[1])

    def take():
        leased_until = timezone.now() + timedelta(seconds=60)
        WebhookEvent.objects.filter(pk__in=pks).update(state="processing", leased_until=leased_until)

    with run_before("django_checkout.webhooks.batch.process", take):
        assert tasks.drain() == 0

    assert enqueued == []


def test_an_event_that_fails_for_another_worker_is_not_attempted_at_once_again(stripe_emulator, monkeypatch):
    def fail(event):
        raise ZeroDivisionError

    monkeypatch.setitem(registry.HANDLERS, "person.created", [registry.Registered(fail)])
    (pk,) = store([{"id": "evt_1", "object": "event", "type": "person.created", "livemode": False}])

    def attempt():
        with pytest.raises(HandlerError):
            processing.process(WebhookEvent.objects.get(pk=pk))

    with run_after("django_checkout.webhooks.batch.process", attempt):
        assert tasks.drain() == 0

    assert WebhookEvent.objects.get(pk=pk).attempts == 1


def test_a_task_wakes_one_other_worker_if_there_is_more_than_it_takes_at_once(stripe_emulator, enqueued, monkeypatch):
    store([event for _ in range(2) for event in paid(stripe_emulator)[1]])
    monkeypatch.setattr(due_events, "BATCH", 2)

    assert tasks.drain() == 6
    assert enqueued == [1]


def test_a_task_that_ends_early_leaves_the_rest_to_the_next_one(stripe_emulator, enqueued, monkeypatch):
    store(paid(stripe_emulator)[1])
    monkeypatch.setattr(tasks, "SECONDS", 0)

    assert tasks.drain() == 0
    assert enqueued == [1]


def test_two_workers_take_different_events_of_the_same_list(stripe_emulator, enqueued, monkeypatch):
    """The second goes on behind the events that the first has taken."""
    pks = store([event for _ in range(2) for event in paid(stripe_emulator)[1]])
    monkeypatch.setattr(due_events, "BATCH", 3)

    def take():
        leased_until = timezone.now() + timedelta(seconds=60)
        WebhookEvent.objects.filter(pk__in=pks[:3]).update(state="processing", leased_until=leased_until)

    with run_before("django_checkout.webhooks.batch.process", take):
        assert tasks.drain() == 3

    assert set(WebhookEvent.objects.filter(state="processed").values_list("pk", flat=True)) == set(pks[3:])


def test_an_event_with_a_handler_of_the_site_is_processed_alone(stripe_emulator):
    seen = []
    handles("charge.succeeded")(lambda event: seen.append(event.id))
    try:
        _, events = paid(stripe_emulator)
        store(events)
        report = pending_work.process_pending()
    finally:
        registry.HANDLERS["charge.succeeded"].pop()

    assert (report["events"], report["events_failed"], seen) == (3, 0, [events[0]["id"]])


@pytest.fixture
def shop_that_mails():
    """A receiver that writes the site's row, and mails once that is committed; it fails for some orders."""

    class Shop:
        broken = mail_broken = ""
        mailed: list[str] = []
        booked: list[str] = []

        def mail(self, number):
            if number == self.mail_broken:
                raise ConnectionError("the mail server is down")
            self.mailed.append(number)

        def __call__(self, sender, order, source, session, **arguments):
            assert session.status == "complete"
            HostOrder.objects.filter(pk=source.pk).update(paid_times=source.paid_times + 1)
            transaction.on_commit(lambda: self.mail(source.number))
            transaction.on_commit(lambda: self.booked.append(source.number))
            if source.number == self.broken:
                raise LookupError

    shop = Shop()
    shop.mailed, shop.booked = [], []
    signals.order_paid.connect(shop, sender=Order)
    yield shop
    signals.order_paid.disconnect(shop, sender=Order)


@pytest.mark.django_db(transaction=True)
def test_the_receiver_of_one_order_cannot_harm_another_order(stripe_emulator, shop_that_mails):
    orders = [paid(stripe_emulator) for _ in range(4)]
    store([event for _, events in orders for event in events])
    shop_that_mails.broken, shop_that_mails.mail_broken = (orders[number][0].reference for number in (0, 1))

    report = pending_work.process_pending()

    assert (report["events"], report["events_failed"]) == (12, 0)
    assert (report["notifications"], report["notifications_failed"]) == (4, 1)
    assert list(HostOrder.objects.order_by("pk").values_list("paid_times", flat=True)) == [0, 1, 1, 1]
    assert shop_that_mails.mailed == [order.reference for order, _ in orders[2:]]
    # A hook that fails does not stop the next hook of the same order.
    assert shop_that_mails.booked == [order.reference for order, _ in orders[1:]]
    assert set(Order.objects.values_list("status", flat=True)) == {"paid"}

    shop_that_mails.broken = ""
    pending_work.process_pending(ignores_backoff=True)

    assert set(HostOrder.objects.values_list("paid_times", flat=True)) == {1}


def test_no_lock_of_another_order_is_held_while_a_receiver_runs(stripe_emulator):
    """The facts of all orders are committed before the first receiver runs."""
    seen = []

    def look(order, **arguments):
        seen.append(set(Order.objects.values_list("status", flat=True)))

    orders = [paid(stripe_emulator) for _ in range(2)]
    store([event for _, events in orders for event in events])
    signals.order_paid.connect(look, sender=Order)
    try:
        with run_before("django_checkout.webhooks.batch.deliver", lambda: seen.append("committed")):
            pending_work.process_pending()
    finally:
        signals.order_paid.disconnect(look, sender=Order)

    assert seen == ["committed", {"paid"}, {"paid"}]


def test_a_slow_receiver_ends_the_transaction_for_many_orders(stripe_emulator, monkeypatch):
    """It holds the locks of the other orders only while it runs."""
    calls = []
    deliver_together = announcements.deliver_together

    def counted(order_pks, **options):
        calls.append(len(order_pks))
        return deliver_together(order_pks, **options)

    store([event for _ in range(3) for event in paid(stripe_emulator)[1]])
    monkeypatch.setattr(announcements, "deliver_together", counted)
    monkeypatch.setattr(batch, "SENDING_SECONDS", 0)
    sent = []
    signals.order_paid.connect(receive := lambda order, **arguments: sent.append(order.pk), sender=Order)
    try:
        report = pending_work.process_pending()
    finally:
        signals.order_paid.disconnect(receive, sender=Order)

    assert (calls, report["notifications"], len(set(sent))) == ([3, 2, 1], 3, 3)


def test_a_fault_of_the_database_leaves_every_order_to_be_notified_alone(stripe_emulator, recorder, monkeypatch):
    def fail(*arguments, **options):
        raise DatabaseError

    store([event for _ in range(2) for event in paid(stripe_emulator)[1]])
    recorder.clear()
    monkeypatch.setattr(announcements, "deliver_together", fail)

    report = pending_work.process_pending()

    assert (report["notifications"], report["notifications_failed"], recorder.names) == (2, 0, ["order_paid"] * 2)
