"""What one webhook costs at most, by counts, and what its compiled statements must keep."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.utils import ConnectionHandler

from django_checkout import ledger, services
from django_checkout.ledger import payments
from django_checkout.models import Observation, Payment, database
from django_checkout.models.writing import insert_new
from django_checkout.stripe_api.signatures import Verified
from django_checkout.webhooks import deliveries
from tests.benchmarks.counting import count, measure, receiver
from tests.factories import HostOrderFactory

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def _patient(settings):
    """On a busy machine, a call may take long."""
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 600


#: The most statements and commits of a delivery.
BOUNDS = {
    "paid session": (11, 1),
    "charge.refunded": (20, 2),
    "charge.refunded, known": (13, 2),
    "duplicate": (3, 1),
    "foreign": (7, 1),
    "foreign refund": (9, 2),
}


@pytest.mark.django_db(transaction=True)
def test_deliveries_need_at_most_so_many_statements_and_commits(stripe_emulator):
    with receiver():
        costs = {name: measure(name, stripe_emulator) for name in BOUNDS}

    needed = {name: (cost.statements, cost.commits) for name, cost in costs.items()}
    assert {name: max(pair, needed[name]) for name, pair in BOUNDS.items()} == BOUNDS
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

    assert {name: (cost.statements, cost.commits) for name, cost in costs.items()} == STARTS
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
        other.close()
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
