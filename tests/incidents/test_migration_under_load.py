"""A release with a migration is deployed while shoppers buy, and its code runs before ``migrate`` did."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from django_checkout import services
from django_checkout.models import Order, database
from tests.host.models import HostOrder
from tests.migration_rows import outdated, states

from .stripe_side import PATIENCE_SECONDS
from .world import HOUR

APP = "django_checkout"


@pytest.fixture
def deploy_before_migrate():
    """Leave the database as the previous release left it, and return the name of the migration that is missing."""

    def deploy() -> str:
        call_command("migrate", APP, outdated(), verbosity=0)
        database.check_schema.cache_clear()
        return next(name for name in states(connection) if name > outdated())

    yield deploy
    call_command("migrate", APP, verbosity=0)
    database.check_schema.cache_clear()


def test_who_pays_before_migrate_is_not_forgotten(world, deploy_before_migrate):
    order = world.order()
    session = world.start(order)
    deploy_before_migrate()
    world.stripe.pay(session.stripe_id)
    world.stripe.wait_until_delivered()
    assert world.health() == (503, ["migrations_pending"])

    for ran in world.follow(world.doctor()["D040"]["command"]):
        assert ran.code == 0, ran

    order.refresh_from_db()
    assert order.status == "paid"
    world.is_over()


def test_a_deployment_while_shoppers_buy(world, deploy_before_migrate):
    # The new code runs, and its migration does not.
    missing = deploy_before_migrate()
    found = world.doctor()
    assert missing in found["D040"]["message"]
    assert world.health() == (503, ["migrations_pending"])
    numbers, paid = [f"L-{number}" for number in range(6)], []

    def shop() -> None:
        """Buy until there is nothing left to buy; who gets an error tries again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while numbers and time.monotonic() < deadline:
            with suppress(DatabaseError, AssertionError, IndexError):
                number = numbers[-1]
                row, _ = HostOrder.objects.get_or_create(number=number)
                answer = world.press_button(services.place(row))
                assert answer.status_code == 303
                numbers.remove(number)
                world.stripe.pay(answer.headers["Location"].partition("/pay/")[2])
                paid.append(number)
        connection.close()

    shopper = threading.Thread(target=shop)
    shopper.start()
    assert [ran.code for ran in world.follow(found["D040"]["command"])] == [0, 0]
    shopper.join()

    assert len(paid) == 6
    assert "D040" not in world.doctor()
    world.wait(HOUR)
    assert world.run("checkout_process_events").code == 0
    assert Order.objects.filter(reference__startswith="L-", status="paid").count() == 6
    world.is_over()
