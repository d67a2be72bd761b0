"""The file system of the database is full: it cannot be written, or it can be written and cannot grow."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.backends.signals import connection_created
from django.urls import reverse

from django_checkout import services
from django_checkout.models import Observation, WebhookEvent
from django_checkout.testing import post_event

from .world import HOUR, MINUTE


@contextmanager
def full_disk():
    """Let the database refuse every write, in all connections, until the block ends."""
    if connection.vendor == "sqlite":
        with full_sqlite():
            yield
    elif connection.vendor == "postgresql":
        with read_only_postgresql():
            yield
    else:
        pytest.skip("the tests' user may write to a read-only MariaDB")


@contextmanager
def full_sqlite():
    def switch(connection, value="ON", **kwargs):
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA query_only = {value}")

    switch(connection)
    connection_created.connect(switch)
    try:
        yield
    finally:
        connection_created.disconnect(switch)
        switch(connection, "OFF")


@contextmanager
def read_only_postgresql():
    def switch(value):
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
            cursor.execute(f"SET default_transaction_read_only = {value}")

    switch("on")
    try:
        yield
    finally:
        switch("off")


def test_a_database_that_refuses_writes(world):
    paid, wanted, on_the_page = world.pay(), world.order(), world.order()
    session = world.start(on_the_page)
    assert world.health() == (200, [])
    world.wait(MINUTE)
    with full_disk():
        # The event is not acknowledged, so Stripe keeps it. No payment starts that could not be recorded.
        world.stripe.pay(session.stripe_id)
        world.stripe.wait_until_delivered()
        assert world.press_button(wanted).status_code == 500

        assert world.health() == (503, ["database_unavailable"])
        assert {"webhook_failed", "health_failed"} <= world.logged("ERROR")
        found = world.doctor()["D042"]
        assert "refuses writes" in found["message"]
        assert "free space" in found["command"]
        ran = world.run("checkout_reconcile --fix")
        assert (ran.code, ran.text.count("\n")) == (2, 1), ran
    on_the_page.refresh_from_db()
    assert (paid.status, on_the_page.status) == ("paid", "unpaid")

    # There is space again. Nothing has to be done: Stripe delivers what it could not deliver.
    world.wait(HOUR)
    on_the_page.refresh_from_db()
    assert on_the_page.status == "paid"
    world.pay(wanted)

    world.is_over()


@contextmanager
def without_growth():
    """Let SQLite refuse to take another page of the file system, as it does on a full one: every write that needs it.

    A row that is changed in its place is written.
    """
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
        cursor.execute("PRAGMA max_page_count")
        (before,) = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {before}")
            cursor.execute("PRAGMA integrity_check")
            assert cursor.fetchone() == ("ok",)


def stored():
    """Return all rows of the app, without the events and what is observed of deliveries."""
    models = set(apps.get_app_config("django_checkout").get_models()) - {WebhookEvent, Observation}
    return {model: list(model._default_manager.order_by("pk").values()) for model in models}


@pytest.mark.core
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite can be told to stop growing")
@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_grow(order, stripe_emulator, recorder, client):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    events = stripe_emulator.events()
    with without_growth():
        refused = []
        for event in events:
            before = stored()
            answered = post_event(event)
            if answered.status_code == 500:
                # All of it is stored, or nothing: Stripe repeats the delivery.
                assert stored() == before
                assert not WebhookEvent.objects.filter(stripe_id=event["id"], state="processed").exists()
                refused.append(event["id"])
        call_command("checkout_process_events")
    assert refused

    for event in events:
        assert post_event(event).status_code == 200

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("paid", ["order_paid"])
    assert client.get(reverse("django_checkout:health")).json()["ok"]
