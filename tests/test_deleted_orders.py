"""An order that the host deletes while it can be paid: its session is expired, and money needs attention."""

from __future__ import annotations

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from django_checkout import services
from django_checkout.models import CheckoutSession, Order
from django_checkout.webhooks import pending_work
from tests.factories import HostOrderFactory
from tests.host.models import HostOrder

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def _codes(order):
    order.refresh_from_db()
    return [item.code for item in order.attention.filter(resolved_at=None)]


@pytest.mark.parametrize("how", ["delete", "queryset", "SQL"])
def test_session_of_a_deleted_order_is_expired(how, host_order, order, stripe_emulator, deliver_events):
    session = services.start(host_order)
    kept = services.start(HostOrderFactory())
    if how == "delete":
        host_order.delete()
    elif how == "queryset":
        HostOrder.objects.filter(pk=host_order.pk).delete()
    else:
        with connection.cursor() as cursor:
            cursor.execute(f"delete from {HostOrder._meta.db_table} where id = %s", [host_order.pk])  # noqa: S608

    report = pending_work.process_pending()

    assert stripe_emulator.get(session.stripe_id)["status"] == "expired"
    assert stripe_emulator.get(kept.stripe_id)["status"] == "open"
    assert (report["deleted_orders"], report["deleted_orders_failed"]) == (1, 0)
    deliver_events()
    assert _codes(order) == []
    assert pending_work.process_pending()["deleted_orders"] == 0


def test_payment_of_a_deleted_order_needs_attention(host_order, order, stripe_emulator, deliver_events, recorder):
    session = services.start(host_order)
    host_order.delete()

    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    assert _codes(order) == ["paid_after_delete"]
    assert (order.status, recorder.names) == ("paid", ["order_paid", "attention_needed"])
    assert [sent["source"] for sent in recorder.arguments("order_paid")] == [None]
    services.accept(order, "Delivered by hand.")
    services.sync(order)
    assert _codes(order) == []


def test_payment_of_a_deleted_order_needs_no_attention_once_it_is_refunded(
    host_order, order, stripe_emulator, deliver_events
):
    session = services.start(host_order)
    host_order.delete()
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    services.refund(order, 500)
    deliver_events()
    assert _codes(order) == ["paid_after_delete"]
    services.refund(order)
    deliver_events()

    assert (_codes(order), order.status) == ([], "refunded")


def test_payment_that_the_sweep_could_not_stop_needs_attention(host_order, order, stripe_emulator, deliver_events):
    session = services.start(host_order)
    stripe_emulator.pay(session.stripe_id)
    host_order.delete()

    pending_work.process_pending()
    deliver_events()

    assert _codes(order) == ["paid_after_delete"]


def test_payment_after_the_sweep_needs_attention_whatever_row_has_the_key_by_then(
    host_order, order, stripe_emulator, deliver_events
):
    session = services.start(host_order)
    pk = host_order.pk
    host_order.delete()
    stripe_emulator.chaos.drop(2, when="before", match="POST */expire")
    assert pending_work.process_pending()["deleted_orders_failed"] == 1
    HostOrderFactory(pk=pk)

    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    assert _codes(order) == ["paid_after_delete"]


def test_order_that_is_deleted_once_it_is_paid_needs_no_attention(
    host_order, paid_order, stripe_emulator, deliver_events
):
    host_order.delete()
    pending_work.process_pending()
    services.refund(paid_order, 500)
    deliver_events()

    assert _codes(paid_order) == []
    assert paid_order.status == "partially_refunded"


def test_surplus_session_of_a_paid_order_that_is_deleted_is_expired_without_attention(
    host_order, order, stripe_emulator, deliver_events
):
    surplus = services.start(host_order)
    CheckoutSession.objects.update(live_for=None, status="expired")
    stripe_emulator.pay(services.start(host_order).stripe_id)
    deliver_events()
    host_order.delete()
    # The other session is open, and could not be expired as a surplus one.
    CheckoutSession.objects.filter(pk=surplus.pk).update(status="open")
    stripe_emulator.chaos.drop(2, when="before", match="POST */expire")

    report = pending_work.process_pending()
    services.refund(order, 500)
    deliver_events()

    assert (report["surplus_sessions_failed"], report["deleted_orders"]) == (1, 1)
    assert _codes(order) == []


def test_row_that_comes_back_can_be_paid(host_order, order, stripe_emulator, deliver_events):
    services.start(host_order)
    pk = host_order.pk
    host_order.delete()
    pending_work.process_pending()
    back = HostOrderFactory(pk=pk, number=host_order.number)

    stripe_emulator.pay(services.start(back).stripe_id)
    deliver_events()

    assert _codes(order) == []
    assert order.status == "paid"


def test_session_is_kept_if_the_model_of_its_order_is_not_installed(host_order, stripe_emulator):
    """A worker without the shop's app, or an app that was renamed: whether the row was deleted is unknown."""
    session = services.start(host_order)
    unknown = ContentType.objects.create(app_label="shop_of_before", model="order")
    Order.objects.update(source_type=unknown)

    assert pending_work.process_pending()["deleted_orders"] == 0

    assert stripe_emulator.get(session.stripe_id)["status"] == "open"


def test_order_is_paid_if_the_content_type_of_its_row_is_missing(host_order, order, stripe_emulator, deliver_events):
    """A database whose content types were restored from another one."""
    stripe_emulator.pay(services.start(host_order).stripe_id)
    Order.objects.update(source_type_id=99_999)

    deliver_events()

    order.refresh_from_db()
    assert order.status == "paid"


def test_copy_of_the_database_leaves_deleted_orders_to_the_original(host_order, order, stripe_emulator, settings):
    settings.CHECKOUT_BASE_URL = "https://shop.example"
    session = services.start(host_order)
    settings.CHECKOUT_BASE_URL = "https://staging.example"
    host_order.delete()

    assert pending_work.process_pending()["deleted_orders"] == 0

    session.refresh_from_db()
    assert session.status == "open"


def test_host_rows_are_looked_up_in_few_queries(django_assert_max_num_queries, stripe_emulator):
    for _ in range(4):
        services.start(HostOrderFactory())

    with django_assert_max_num_queries(4):
        assert list(services.syncing.deleted_sessions()) == []
