"""The database is restored from yesterday's backup."""

from __future__ import annotations

import pytest
import requests
from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction
from django.urls import reverse

from django_checkout import services
from django_checkout.exceptions import PaymentUnmatchedError
from django_checkout.models import Discrepancy, Order
from tests.host.models import HostOrder

from .stripe_side import PATIENCE_SECONDS
from .world import DAY, HOUR, MINUTE, merchant

#: Who pays at the emulator.
SHOPPER = "shopper@example.com"


class Backup:
    """All rows of the site's tables."""

    def __init__(self) -> None:
        self._rows = {model: list(model._base_manager.values()) for model in self._models()}

    def restore(self) -> None:
        """Replace all rows, and let keys continue as they did, as a restored dump does."""
        with transaction.atomic(), connection.constraint_checks_disabled():
            for model in reversed(self._models()):
                model._base_manager.all()._raw_delete(using="default")
            for model, rows in self._rows.items():
                for row in rows:
                    self._insert(model, row)
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                for model in self._models():
                    highest = max((row["id"] for row in self._rows[model] if "id" in row), default=0)
                    cursor.execute(
                        "UPDATE sqlite_sequence SET seq = %s WHERE name = %s", [highest, model._meta.db_table]
                    )
            for sql in connection.ops.sequence_reset_sql(no_style(), self._models()):
                cursor.execute(sql)

    @staticmethod
    def _models():
        return [model for app in ("host", "django_checkout") for model in apps.get_app_config(app).get_models()]

    @staticmethod
    def _insert(model, row):
        columns = list(model._meta.concrete_fields)
        names = ", ".join(connection.ops.quote_name(field.column) for field in columns)
        values = [field.get_db_prep_save(row[field.attname], connection) for field in columns]
        marks = ", ".join(["%s"] * len(values))
        table = connection.ops.quote_name(model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608  # our own names


def test_a_backup_of_yesterday_is_restored(world):
    world.pay()
    started, refunded = world.order(), world.pay()
    session = world.start(started)
    backup = Backup()
    world.wait(DAY // 2)

    # What happens after the backup: a payment of a known order, a refund, and new orders with their payments.
    world.stripe.pay(session.stripe_id)
    world.stripe.wait_until_delivered()
    services.refund(refunded, 500)
    world.stripe.wait_until_delivered()
    lost = world.pay(world.order(number="N-1", email=SHOPPER))
    world.pay(world.order(number="N-2"))
    mailed_link = services.pay_url(lost)
    world.wait(DAY // 2)
    backup.restore()

    # A new shopper's order takes the key of the lost one. The link that was mailed for that one does not open it.
    stranger = world.order(number="N-3")
    assert stranger.pk == lost.pk
    assert "N-3" not in requests.get(mailed_link, timeout=PATIENCE_SECONDS).text

    ran = world.run("checkout_reconcile --fix")
    assert ran.code == 1, ran
    assert "paid_not_recorded  fixed" in ran.text
    assert ("order_id=N-1" in ran.text, "order_id=N-2" in ran.text) == (True, True)
    for order in (started, refunded):
        order.refresh_from_db()
    assert (started.status, refunded.status) == ("paid", "partially_refunded")

    # Both are entered again. One is provably the same purchase, and is joined with its payment.
    HostOrder.objects.create(number="N-1", email=SHOPPER)
    HostOrder.objects.create(number="N-2")
    ran = world.run("checkout_reconcile --order N-1")
    assert (ran.code, "add --fix, which places it" in ran.text) == (2, True)
    assert world.run("checkout_reconcile --fix --order N-1").code == 0
    assert Order.objects.get(reference="N-1").status == "paid"

    # The other may be another shopper's by now. Nobody pays it twice, and a person decides.
    world.run("checkout_reconcile --fix")
    unclear = Order.objects.get(reference="N-2")
    with pytest.raises(PaymentUnmatchedError):
        world.start(unclear)
    assert "session_without_order" in world.run("checkout_reconcile --fix --order N-2").text
    world.run("checkout_reconcile --fix")
    assert "D061" in world.doctor()
    row = Discrepancy.objects.get(kind="session_without_order", state="open")
    page = merchant().get(reverse("admin:django_checkout_discrepancy_change", args=[row.pk])).content.decode()
    assert f"https://dashboard.stripe.com/test/payments/{row.at_stripe['payment_intent']}" in page
    assert "paid" in world.act("discrepancy", row.pk, "join")

    unclear.refresh_from_db()
    assert unclear.status == "paid"
    world.run("checkout_process_events")
    world.wait(HOUR)
    world.pay()
    assert world.run("checkout_reconcile").text.splitlines()[-1] == "Differences: none."
    world.is_over()


@pytest.mark.parametrize("minutes", [1, 6])
def test_silence_after_a_restore_ends_with_the_next_delivery(world, minutes):
    """The events of what was lost arrived before the restore, and their rows are lost as well."""
    world.pay()
    order = world.order()
    session = world.start(order)
    backup = Backup()
    world.wait(HOUR)
    world.stripe.pay(session.stripe_id)
    world.stripe.wait_until_delivered()
    world.wait(HOUR)
    backup.restore()

    assert world.run("checkout_reconcile --fix").code == 0
    world.wait(minutes * MINUTE)
    assert world.health() == ((503, ["webhooks_silent"]) if minutes >= 5 else (200, []))
    world.pay()

    assert world.health() == (200, [])
    world.wait(6 * MINUTE)
    assert world.health() == (200, [])
