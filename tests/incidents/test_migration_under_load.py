"""A release with a migration is deployed while shoppers buy, and its code runs before ``migrate`` did."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from django_checkout import services
from django_checkout.models import Order
from tests.host.models import HostOrder

from .stripe_side import PATIENCE_SECONDS
from .world import HOUR

APP = "django_checkout"


@pytest.fixture
def before_migrate():
    """The database as the previous release left it."""
    loader = MigrationLoader(connection)
    ((_, last),) = loader.graph.leaf_nodes(APP)
    previous = max(name for app, name in loader.graph.nodes if app == APP and name < last)
    call_command("migrate", APP, previous, verbosity=0)
    yield last
    call_command("migrate", APP, verbosity=0)


def test_a_deployment_while_shoppers_buy(world, before_migrate):
    # The new code runs, and its migration does not.
    world.caplog.clear()
    found = world.doctor()
    assert before_migrate in found["D040"]["message"]
    assert world.health()[0] in (200, 503)
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
    (ran,) = world.follow(found["D040"]["command"])
    shopper.join()

    assert (ran.code, len(paid)) == (0, 6)
    assert "D040" not in world.doctor()
    world.wait(HOUR)
    assert world.run("checkout_process_events").code == 0
    assert Order.objects.filter(reference__startswith="L-", status="paid").count() == 6
    world.is_over()
