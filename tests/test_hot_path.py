"""What one webhook costs at most, by counts, and what its compiled statements must keep."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import pytest
from django.db import DatabaseError, DataError, IntegrityError, connection, connections, transaction
from django.db.utils import ConnectionHandler
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_checkout import ledger, services, signals
from django_checkout.ledger import payments
from django_checkout.ledger.settling import announce
from django_checkout.models import Announcement, Observation, Order, Payment, WebhookEvent, database, statements
from django_checkout.models.writing import insert_new, updates
from django_checkout.stripe_api.signatures import Verified
from django_checkout.testing import post_event
from django_checkout.webhooks import deliveries, registry
from tests.benchmarks.counting import count, measure, receiver
from tests.factories import HostOrderFactory
from tests.races.together import run_before

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def _patient(settings):
    """On a busy machine, a call may take long."""
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 600


#: The most round trips of a delivery where several statements are one, with its transaction and the receiver's write.
TRIPS = {
    "paid session": 6,
    "charge.refunded": 9,
    "charge.refunded, known": 2,
    "duplicate": 4,
    "foreign": 2,
    "foreign refund": 2,
}
#: The most statements and commits of a delivery where each is sent alone.
BOUNDS = {
    "paid session": (11, 1),
    "charge.refunded": (18, 1),
    "charge.refunded, known": (5, 0),
    "duplicate": (2, 1),
    "foreign": (5, 0),
    "foreign refund": (5, 0),
}


@pytest.mark.django_db(transaction=True)
def test_deliveries_need_at_most_so_many_statements_and_commits(stripe_emulator):
    with receiver():
        costs = {name: measure(name, stripe_emulator) for name in BOUNDS}

    needed = {name: (cost.statements, cost.commits) for name, cost in costs.items()}
    if database.takes_several_statements():
        trips = {name: cost.statements + cost.controls for name, cost in costs.items()}
        assert {name: max(most, trips[name]) for name, most in TRIPS.items()} == TRIPS
    assert {name: max(pair, needed[name]) for name, pair in BOUNDS.items()} == BOUNDS
    assert costs["charge.refunded, known"].stripe_calls == 0
    assert all(commits <= BOUNDS[name][1] for name, (_, commits) in needed.items()), needed


#: The statements and commits of a start; for our order, one of them reads the host's row.
STARTS = {
    "new row": (8, 2),
    "placed row": (8, 2),
    "our order": (9, 2),
    "row again": (5, 1),
    "our order again": (6, 1),
}


@pytest.mark.django_db(transaction=True)
def test_start_needs_so_many_statements_and_commits(stripe_emulator):
    services.start(HostOrderFactory())
    placed = HostOrderFactory()
    ours = services.place(placed)
    other = services.place(HostOrderFactory())
    orders = {
        "new row": HostOrderFactory(),
        "placed row": placed,
        "our order": other,
        "row again": placed,
        "our order again": ours,
    }

    costs = {name: count(partial(services.start, order), stripe_emulator) for name, order in orders.items()}

    needed = {name: (cost.statements, cost.commits) for name, cost in costs.items()}
    # Where several statements are one, fewer are needed.
    assert {name: max(pair, needed[name]) for name, pair in STARTS.items()} == STARTS
    assert {name: cost.stripe_calls for name, cost in costs.items()} == {
        name: int("again" not in name) for name in STARTS
    }


@pytest.mark.django_db
def test_order_is_locked_with_its_payments_and_the_named_one(order):
    own, named, other = (Payment.objects.create(stripe_id=f"pi_{name}") for name in ("own", "named", "other"))
    Payment.objects.filter(pk=own.pk).update(order=order)
    Payment.objects.filter(pk=other.pk).update(order=services.place(HostOrderFactory()))

    with database.atomic():
        locked = ledger.lock_order(reference=order.reference, payment_ids=["pi_named"])

    assert (locked.order, locked.payments) == (order, [own, named])


@pytest.mark.django_db
def test_row_that_exists_is_not_inserted_and_the_transaction_goes_on():
    assert insert_new(Payment(stripe_id="pi_1"))

    with transaction.atomic():
        assert not insert_new(Payment(stripe_id="pi_1"))
        assert Payment.objects.count() == 1


@pytest.mark.django_db
def test_row_that_cannot_be_stored_is_an_error_and_the_transaction_is_rolled_back():
    with transaction.atomic():
        with transaction.atomic(), pytest.raises(IntegrityError):
            insert_new(Payment(stripe_id="pi_1", currency=None))
        assert not connection.needs_rollback

    with transaction.atomic():
        with pytest.raises(IntegrityError):
            insert_new(Payment(stripe_id="pi_1", currency=None))
        assert connection.needs_rollback
        connection.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize("number", [1, 2])
def test_value_that_is_too_long_is_an_error_and_is_not_truncated(number):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite stores a text of any length")
    rows = [Payment.objects.create(stripe_id=f"pi_{n}") for n in range(number)]
    for row in rows:
        row.currency = "more than three"

    with pytest.raises(DataError), transaction.atomic():
        statements.run(*updates([(row, ["currency"]) for row in rows]))


@pytest.mark.django_db
def test_many_rows_are_written_with_their_own_values_and_types():
    rows = [Payment.objects.create(stripe_id=f"pi_{n}") for n in range(3)]
    now = timezone.now().replace(microsecond=0)
    written = [(None, {}, 1), (now, {"prv_1": True}, 2**40), (None, {"prv_2": False}, 3)]
    for row, values in zip(rows, written, strict=True):
        row.capture_before, row.reviews, row.captured_minor = values

    statements.run(*updates([(row, ["capture_before", "reviews", "captured_minor"]) for row in rows]))

    assert list(Payment.objects.order_by("pk").values_list("capture_before", "reviews", "captured_minor")) == written


@pytest.mark.django_db(transaction=True)
def test_a_payment_that_a_refund_inserts_meanwhile_makes_the_transaction_start_over(order, stripe_emulator, caplog):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    body = stripe_emulator.events("checkout.session.completed")[0]
    payment_id = body["data"]["object"]["payment_intent"]

    with run_before("django_checkout.ledger.settling.write_orders", lambda: insert_new(Payment(stripe_id=payment_id))):
        post_event(body)

    order.refresh_from_db()
    payment = Payment.objects.get()
    assert (order.status, order.kept_payment, payment.captured_minor) == ("paid", payment, order.total_minor)


@pytest.mark.django_db(transaction=True)
def test_a_payment_event_that_says_nothing_new_takes_no_lock(order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    events = [row for row in stripe_emulator.events() if row["type"] in registry.handled_types()]
    for event in events:
        post_event(event)
    again = [
        {**event, "id": f"{event['id']}_again"} for event in events if event["type"].startswith(("charge.", "payment"))
    ]

    for event in again:
        with CaptureQueriesContext(connection) as queries:
            assert post_event(event).status_code == 200
        sent = [query["sql"] for query in queries if query["sql"].startswith(("SELECT", "INSERT", "UPDATE"))]
        assert [sql.split()[0] for sql in sent] in (["INSERT", "SELECT"], ["INSERT", "SELECT", "SELECT"])
        assert not any("FOR UPDATE" in sql for sql in sent)
    assert len(again) >= 2
    assert set(WebhookEvent.objects.filter(stripe_id__endswith="_again").values_list("state", flat=True)) == {
        "processed"
    }


@pytest.mark.django_db(transaction=True)
def test_a_copy_of_a_foreign_event_is_found_without_a_write(order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    (body,) = stripe_emulator.events("charge.succeeded")
    body["data"]["object"] |= {"id": "ch_foreign", "payment_intent": "pi_foreign", "metadata": {}}
    post_event(body)

    with CaptureQueriesContext(connection) as queries:
        assert post_event(body).status_code == 200

    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}
    assert WebhookEvent.objects.get().error_code == "not_ours"


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_catches_an_error_of_the_database_does_not_end_the_transaction(order, stripe_emulator):
    """PostgreSQL would answer the commit with a rollback, and the event would be lost."""

    def receive(source, **arguments):
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    signals.order_paid.connect(receive, sender=Order)
    try:
        post_event(stripe_emulator.events("checkout.session.completed")[0])
    finally:
        signals.order_paid.disconnect(receive, sender=Order)

    order.refresh_from_db()
    state = "pending" if connection.vendor == "postgresql" else "announced"
    assert (order.status, order.announcements.get().state) == ("paid", state)


@pytest.mark.django_db(transaction=True)
def test_a_receiver_inside_a_receiver_undoes_its_own_work_alone(order, stripe_emulator):
    """The savepoints of both are sent together with other statements, and are told apart by their names."""
    other = services.place(HostOrderFactory())

    def receive(sender, order, **arguments):
        Order.objects.filter(pk=order.pk).update(locale=f"{order.reference}!"[:20])
        if order.reference != other.reference:
            with database.atomic():
                announce(other, Announcement(signal="order_paid", fact=other.reference))
        else:
            raise LookupError

    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    signals.order_paid.connect(receive, sender=Order)
    try:
        post_event(stripe_emulator.events("checkout.session.completed")[0])
    finally:
        signals.order_paid.disconnect(receive, sender=Order)

    assert list(Order.objects.order_by("pk").values_list("locale", flat=True)) == [f"{order.reference}!", ""]
    states = Announcement.objects.values_list("order_id", "state")
    assert set(states) == {(order.pk, "announced"), (other.pk, "pending")}


class _Router:
    """Keeps our tables in the other database."""

    def db_for_write(self, model, **hints):
        return "other"

    db_for_read = db_for_write


@pytest.fixture
def other_database():
    """A second database, of another kind unless the first is SQLite, with some of the tables."""
    file = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    connections["other"] = other = ConnectionHandler({"default": file, "other": file})["other"]
    try:
        with other.schema_editor() as editor:
            editor.create_model(Payment)
            editor.create_model(Observation)
        with other.cursor() as cursor:
            cursor.execute("PRAGMA foreign_keys = OFF")
        yield "other"
    finally:
        # Django leaves databases in memory open.
        other.connection.close()
        del connections["other"]


@pytest.mark.django_db
def test_statements_are_built_and_run_for_the_database_of_the_router(settings, other_database):
    assert insert_new(Payment(stripe_id="pi_1"))
    settings.DATABASE_ROUTERS = [_Router()]

    assert insert_new(Payment(stripe_id="pi_1"))
    assert payments.find_payment("pi_1", None)._state.db == other_database

    settings.DATABASE_ROUTERS = []
    assert Payment.objects.get()._state.db == "default"


@pytest.mark.django_db
def test_what_deliveries_prove_is_stored_in_the_database_of_the_router(settings, other_database):
    """A router may send the requests of several sites to several databases."""
    verified = Verified({"type": "charge.succeeded", "livemode": False}, "0123456789abcdef")
    deliveries.record_verified(verified)
    settings.DATABASE_ROUTERS = [_Router()]

    deliveries.record_verified(verified)

    assert [Observation.objects.using(alias).count() for alias in ("default", other_database)] == [1, 1]
