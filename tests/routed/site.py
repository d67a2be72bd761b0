"""Everything that a site does with orders, with three databases; tests/test_database.py runs it in its own process."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec

import django
import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.test.utils import setup_databases, setup_test_environment, teardown_databases


class Host:
    """A site whose receivers write to their own rows, and fail ``failures`` times."""

    def __init__(self):
        self.failures = 0
        self.committed = []

    def on_paid(self, order, source, **arguments):
        source.paid_times += 1
        source.state = "paid"
        source.save()
        assert order.user == source.owner
        transaction.on_commit(lambda: self.committed.append(order.reference))
        if self.failures:
            self.failures -= 1
            raise RuntimeError


def tables_are_where_they_belong():
    for alias, ours, theirs in (("default", False, True), ("payments", True, False), ("replica", False, False)):
        names = connections[alias].introspection.table_names()
        assert ("django_checkout_order" in names, "auth_user" in names) == (ours, theirs), (alias, names)


def buy(host, emulator):
    """A purchase whose first notification fails: the receiver's changes are rolled back, and the retry delivers it."""
    from django.test import Client
    from django.urls import reverse
    from django.utils import timezone

    from django_checkout import services
    from django_checkout.access.tokens import Purpose, make_token
    from django_checkout.models import Announcement, Order
    from django_checkout.testing import deliver_events
    from django_checkout.webhooks import pending_work
    from tests.factories import HostOrderFactory, UserFactory
    from tests.host.models import HostOrder

    host.failures = 1
    row = HostOrderFactory(owner=UserFactory(username="robin"), email="robin@example.com")
    order = services.place(row)
    assert services.place(row).pk == order.pk
    refuse_open_transactions(row)
    page = Client().get(reverse("django_checkout:pay", args=[make_token(order.pk, Purpose.PAY)]))
    assert page.status_code == 200, page.content
    started = Client().post(reverse("django_checkout:start", args=[make_token(order.pk, Purpose.PAY)]))
    assert started.status_code in (200, 303), started.content
    session = services.start(row)
    emulator.pay(session.stripe_id)
    assert {attempt.status for attempt in deliver_events(emulator)} == {200}
    back = reverse("django_checkout:return", args=[make_token(order.pk, Purpose.STATUS)])
    assert Client().get(back, {"session_id": session.stripe_id}).status_code in (200, 302, 303)
    order.refresh_from_db()
    assert (order.status, order.user, order.source) == ("paid", row.owner, row)
    assert Announcement.objects.get(signal="order_paid").state == "pending"
    row.refresh_from_db()
    assert (row.paid_times, host.committed) == (0, []), "the receiver's writes were rolled back"
    pending_work.process_pending(now=timezone.now() + timedelta(hours=1))
    row.refresh_from_db()
    assert (row.paid_times, host.committed) == (1, [order.reference])
    fetched = Order.objects.prefetch_related("source", "user").get()
    with_queries = [len(connections[alias].queries_log) for alias in connections]
    assert (fetched.source, fetched.user.username) == (HostOrder.objects.get(), "robin")
    assert [len(connections[alias].queries_log) for alias in connections] == with_queries
    return row, order


def refuse_an_order_of_the_api():
    """The adapter's changes for a refused order are rolled back with it, with and without a key."""
    from django.test import Client, override_settings

    from django_checkout.models import Order
    from tests.host.models import HostOrder

    def place(**headers):
        body = '{"reference": "X-1", "lines": [{"sku": "teapot"}]}'
        return Client().post("/api/orders/", body, "application/json", headers=headers).status_code

    with override_settings(CHECKOUT_ADAPTER="tests.api.conftest.ApiAdapter"):
        key = {"Idempotency-Key": "9b2f6f0e-4c1d-4a3b-8f57-0d6c1e2a7b94"}
        assert [place(), place(), place(**key)] == [201, 409, 409]
    assert HostOrder.objects.filter(number="X-1").count() == 1
    HostOrder.objects.filter(number="X-1").delete()
    Order.objects.filter(reference="X-1").delete()


def refuse_open_transactions(row):
    """Services that call Stripe refuse an open transaction on any database."""
    from django_checkout import services

    for alias in ("default", "payments"):
        with transaction.atomic(using=alias), pytest.raises(RuntimeError, match=alias):
            services.start(row)


def operate(order, emulator):
    """Staff view every page and use the operations that store a user: refund, accept, settle."""
    from django.contrib import admin
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.urls import reverse

    from django_checkout import services
    from django_checkout.models import (
        Announcement,
        AttentionItem,
        Customer,
        Discrepancy,
        Dispute,
        Order,
        Payment,
        Payout,
        Refund,
        Subscription,
    )

    superuser = get_user_model().objects.create_superuser("superuser")
    client = Client()
    client.force_login(superuser)
    services.refund(order, 500, by=superuser)
    AttentionItem.objects.create(order=order, code="disputed", fact="dp_1")
    services.accept(order, "Agreed.", by=superuser)
    Customer.objects.get_or_create(user=order.user, livemode=False, defaults={"stripe_id": "cus_1"})
    Subscription.objects.create(stripe_id="sub_1", order=order, livemode=False, status="active")
    Dispute.objects.create(
        payment=Payment.objects.get(), stripe_id="dp_1", amount_minor=1, currency="eur", status="won"
    )
    Discrepancy.objects.create(kind="x", subject="y", order=order, resolved_by=superuser, state="resolved")
    Payout.objects.create(
        stripe_id="po_1",
        livemode=False,
        currency="eur",
        amount_minor=1,
        status="paid",
        arrival_date=order.created_at.date(),
        created_at=order.created_at,
    )
    assert Refund.objects.get().asked_by == AttentionItem.objects.get().resolved_by == superuser
    assert client.get(reverse("admin:index")).status_code == 200
    for model in [model for model in admin.site._registry if model._meta.app_label == "django_checkout"]:
        name = f"admin:django_checkout_{model._meta.model_name}"
        for query in ({}, {"q": order.reference}, {"q": "cus_1"}, {"state": "pending"}, {"resolved": "no"}):
            assert client.get(reverse(f"{name}_changelist"), query).status_code in (200, 302), (model, query)
        row = model._default_manager.first()
        if row is not None:
            assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200, model
    done = client.post(reverse("admin:django_checkout_order_operate", args=[order.pk, "sync"]), follow=True)
    assert "Synced" in done.content.decode(), done.content
    row = Announcement.objects.get(signal="order_paid")
    done = client.post(reverse("admin:django_checkout_announcement_operate", args=[row.pk, "deliver"]), follow=True)
    assert "Delivered order_paid again." in done.content.decode()
    if find_spec("rest_framework"):
        listed = ("orders", "sessions", "payments", "events", "discrepancies", "figures", "health")
        for path in (
            "orders",
            "subscriptions",
            f"staff/orders/{order.reference}",
            *(f"staff/{name}" for name in listed),
        ):
            answer = client.get(f"/api/{path}/")
            assert answer.status_code == 200, (path, answer.content)
    assert Order.objects.filter(user=superuser).count() == 0
    return client


def command(*arguments, **options):
    """Run a command and return its output; ignore its exit code."""
    output = io.StringIO()
    with suppress(SystemExit):
        call_command(*arguments, stdout=output, stderr=output, **options)
    return output.getvalue()


def run_commands():
    """Run every command of the app, and Django's commands that read models."""
    for arguments in (
        ("checkout_reconcile", "--fix"),
        ("checkout_reconcile", "--payouts", "--fix"),
        ("checkout_prune",),
    ):
        assert command(*arguments), arguments
    assert command("checkout_process_events")
    found = command("checkout_doctor")
    assert "D040" not in found, found
    command("checkout_erase", "--user", "robin", "--dry-run")
    call_command("check", databases=["default", "payments"], stdout=io.StringIO())
    call_command("makemigrations", "django_checkout", check_changes=True, dry_run=True, verbosity=0)
    for alias in ("default", "payments", "replica"):
        call_command("migrate", database=alias, verbosity=0)
    call_command("dumpdata", "django_checkout", database="payments", stdout=io.StringIO())


def delete_relations(row, order, client):
    """Rows are detached from a user and a content type that the site deletes, once the deletion is committed."""
    from django.contrib.auth import get_user_model
    from django.contrib.contenttypes.models import ContentType
    from django.urls import reverse

    from django_checkout.models import AttentionItem, Customer, Order

    robin = get_user_model().objects.get(username="robin")
    key = robin.pk
    with transaction.atomic():
        robin.delete()
        transaction.set_rollback(True)
    order.refresh_from_db()
    assert (order.user_id, Customer.objects.count()) == (key, 1), "the deletion was rolled back"
    url = reverse("admin:auth_user_delete", args=[key])
    assert client.get(url).status_code == 200
    assert Customer.objects.count() == 1
    assert client.post(url, {"post": "yes"}).status_code == 302
    order = Order.objects.get()
    assert (order.user_id, order.user, Customer.objects.count()) == (None, None, 0)
    get_user_model().objects.all().delete()
    assert AttentionItem.objects.get().resolved_by is None
    # As if the process was killed between the two commits.
    Order.objects.update(user=987654)
    assert Order.objects.get().user is None
    row.delete()
    assert Order.objects.get().source is None
    ContentType.objects.get_for_id(order.source_type_id).delete()
    assert Order.objects.get().source_type_id is None


def erase(order):
    command("checkout_erase", "--order", order.reference)
    order.refresh_from_db()
    assert (order.email, order.customer_details) == ("", {})


def main():
    django.setup()
    setup_test_environment()
    old = setup_databases(verbosity=0, interactive=False)
    try:
        from django_checkout import signals
        from django_checkout.models import Order
        from django_checkout.testing import emulated_stripe

        host = Host()
        signals.order_paid.connect(host.on_paid, sender=Order)
        tables_are_where_they_belong()
        with emulated_stripe() as emulator:
            row, order = buy(host, emulator)
            if find_spec("rest_framework"):
                refuse_an_order_of_the_api()
            client = operate(order, emulator)
            run_commands()
            erase(order)
            delete_relations(row, order, client)
        print("everything works")
    finally:
        connections.close_all()
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
