"""Every index in PostgreSQL serves a query of the app: with a large table, its plan names the index."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_checkout import models, services
from django_checkout.ledger import announcements, erased
from django_checkout.models import (
    CheckoutSession,
    Customer,
    Dispute,
    Order,
    Payment,
    Payout,
    Refund,
    Subscription,
    WebhookEvent,
)
from django_checkout.models.relations import unlink_missing
from django_checkout.operations import erasure, health, retention, statistics
from django_checkout.webhooks import inbox, pending_work
from tests.benchmarks import dataset

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL explains which index a query uses"),
]

ORDERS, EVENTS = 20_000, 40_000


class Shop:
    """A large shop, and what its staff, its workers and its shoppers do."""

    def __init__(self):
        self.staff = Client()
        self.staff.force_login(get_user_model().objects.create_superuser("staff", pk=2 * ORDERS))
        self.now = timezone.now()
        self.payment = Payment.objects.order_by("pk").last()
        self.order = self.payment.order

    def admin(self, model, **query):
        response = self.staff.get(reverse(f"admin:django_checkout_{model}_changelist"), query)
        assert response.status_code == 200

    def page(self):
        assert self.staff.get(reverse("admin:django_checkout_order_change", args=[self.order.pk])).status_code == 200

    def dashboard(self):
        cache.clear()
        statistics.dashboard(now=self.now)

    def delete(self, row):
        with transaction.atomic():
            row.delete()
            transaction.set_rollback(True)


#: What uses each index that is not unique.
USES = {
    "checkout_announcement_pending": lambda shop: list(announcements.due(shop.now)),
    "checkout_announcement_refund": lambda shop: shop.delete(Refund.objects.first()),
    "checkout_announcement_dispute": lambda shop: shop.delete(Dispute.objects.first()),
    "checkout_announcement_waived": lambda shop: unlink_missing(),
    "checkout_attention_open": lambda shop: health.read(now=shop.now),
    "checkout_answer_created": lambda shop: models.IdempotentAnswer.expired(shop.now).delete(),
    "checkout_balance_payout": lambda shop: list(Payout.objects.first().lines.order_by("pk")[:50]),
    "django_checkout_balancetransaction_payment_id": lambda shop: shop.page(),
    "checkout_session_completed": lambda shop: health.read(now=shop.now),
    "checkout_session_expired": lambda shop: health.read(now=shop.now),
    "checkout_session_funnel": lambda shop: shop.dashboard(),
    "checkout_session_subscription": lambda shop: list(
        CheckoutSession.objects.filter(subscription_id__in=["sub_1"]).only("pk").order_by()
    ),
    "checkout_session_status": lambda shop: health.read(now=shop.now),
    "django_checkout_checkoutsession_order_id": lambda shop: list(shop.order.sessions.all()),
    "django_checkout_checkoutsession_payment_id": lambda shop: list(shop.payment.sessions.all()),
    "django_checkout_customer_user_id": lambda shop: services.find_customer_ids(get_user_model()(pk=1)),
    "checkout_discrepancy_state": lambda shop: shop.admin("discrepancy", state="open"),
    "django_checkout_discrepancy_order_id": lambda shop: shop.page(),
    "django_checkout_discrepancy_resolved_by_id": lambda shop: unlink_missing(),
    "django_checkout_attentionitem_resolved_by_id": lambda shop: unlink_missing(),
    "checkout_dispute_due": lambda shop: shop.admin("dispute", status="under_review"),
    "django_checkout_dispute_payment_id": lambda shop: shop.page(),
    "checkout_order_attention": lambda shop: shop.admin("order", needs_attention__exact="1"),
    "checkout_order_address": lambda shop: shop.admin("order", q="SHOPPER77@"),
    "checkout_order_created": lambda shop: shop.admin("order", created_at__gte=shop.now - timedelta(days=1)),
    "checkout_order_disputed": lambda shop: shop.admin("order", disputed__exact="1"),
    "checkout_order_livemode": lambda shop: shop.admin("order", livemode__exact="1"),
    "checkout_order_revenue": lambda shop: shop.dashboard(),
    "checkout_order_source": lambda shop: services.find_order(get_user_model()(pk=77)),
    "checkout_order_status": lambda shop: shop.admin("order", status="pending"),
    "django_checkout_order_reference": lambda shop: shop.admin("order", q="A-19999"),
    "django_checkout_order_user_id": lambda shop: list(Order.objects.filter(user_id=1)),
    "checkout_payment_status": lambda shop: shop.admin("payment", intent_status="canceled"),
    "django_checkout_payment_charge_id": lambda shop: erased.is_known(["ch_1"], session_uuid=""),
    "django_checkout_payment_order_id": lambda shop: list(shop.order.payments.all()),
    "checkout_payout_arrival": lambda shop: shop.admin("payout"),
    "checkout_refund_credit_note": lambda shop: list(
        pending_work.due_credit_notes().order_by("credit_note_due_at", "pk")[:100]
    ),
    "checkout_refund_created": lambda shop: shop.dashboard(),
    "checkout_refund_status": lambda shop: shop.admin("refund", status="failed"),
    "django_checkout_refund_asked_by_id": lambda shop: unlink_missing(),
    "django_checkout_refund_payment_id": lambda shop: shop.page(),
    "checkout_subscription_status": lambda shop: shop.admin("subscription", status="active"),
    "django_checkout_subscription_customer_id": lambda shop: erased.is_erased(["sub_1"], customer_id="cus_1"),
    "django_checkout_subscription_order_id": lambda shop: shop.page(),
    "checkout_event_due": lambda shop: inbox.due(now=shop.now, limit=100),
    "checkout_event_received": lambda shop: retention.prune(now=shop.now - timedelta(days=300)),
    "checkout_event_type": lambda shop: shop.admin("webhookevent", type="charge.refunded"),
    "checkout_event_waiting": lambda shop: health.read(now=shop.now),
    "checkout_event_waived": lambda shop: unlink_missing(),
    "django_checkout_webhookevent_object_id": lambda shop: inbox.unsettled("cs_1", limit=10),
    "django_checkout_webhookevent_payment_intent_id": lambda shop: list(erasure.events_of(shop.order)),
    "django_checkout_webhookevent_subscription_id": lambda shop: list(
        WebhookEvent.objects.filter(subscription_id__in=["sub_1"])
    ),
}


@pytest.fixture
def shop(transactional_db, stripe_emulator):
    """A large shop; small tables are not read as a whole, as they would not be at a larger one."""
    dataset.build(orders=ORDERS, events=EVENTS)
    with connection.cursor() as cursor:
        dataset.insert(cursor, get_user_model(), {"username": "'shopper' || n"}, "true", ORDERS)
        customer = {"user_id": "n", "stripe_id": "'cus_' || n", "livemode": "false"}
        dataset.insert(cursor, Customer, customer, "true", ORDERS)
        subscription = {"order_id": "n", "stripe_id": "'sub_' || n", "customer_id": "'cus_' || n", "status": "'ended'"}
        dataset.insert(cursor, Subscription, subscription, "true", ORDERS)
        cursor.execute("ANALYZE")
    return Shop()


def indexes():
    """Return the indexes of our tables that are not unique: by their names without Django's checksum, their columns."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes "
            "WHERE tablename LIKE 'django_checkout_%' AND indexdef NOT LIKE '% UNIQUE %'"
        )
        return {row[0] for row in cursor.fetchall()}


def without_checksum(name):
    return re.sub(r"_[0-9a-f]{8}(_like)?$", lambda found: "" if "reference" in name else found[1] or "", name)


def test_every_index_is_in_the_table_of_uses(db):
    assert {without_checksum(name) for name in indexes()} == USES.keys()


def test_every_index_serves_a_query(shop):
    names = {without_checksum(name): name for name in indexes()}
    plans = {}
    for key, use in USES.items():
        with CaptureQueriesContext(connection) as queries:
            use(shop)
        plans[key] = "\n".join(plan(query["sql"]) for query in queries if query["sql"].startswith(READS))

    unused = [key for key in USES if names[key] not in plans[key]]
    assert unused == [], unused


def test_due_events_are_read_in_the_order_of_an_index_until_there_are_enough(shop):
    WebhookEvent.objects.filter(pk__lte=EVENTS // 2).update(state="received")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    with CaptureQueriesContext(connection) as queries:
        assert len(inbox.due(now=shop.now, limit=100)) == 100

    read = plan(queries[0]["sql"])
    assert "checkout_event_due" in read
    assert "Sort" not in read


def test_events_that_another_site_ignored_are_found_by_an_index(shop):
    WebhookEvent.objects.filter(pk__lte=EVENTS // 2).update(state="ignored", error_code="not_ours")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    with CaptureQueriesContext(connection) as queries:
        list(inbox.ignored_elsewhere())

    assert "checkout_event_due" in plan(queries[0]["sql"])


#: What can be explained.
READS = ("SELECT", "UPDATE", "DELETE", "INSERT", "(SELECT")


def plan(sql):
    with transaction.atomic(), connection.cursor() as cursor:
        # The tables are smaller than those of a shop for which a plan matters.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())
