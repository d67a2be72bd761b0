"""Rows of the shop's orders are deleted: by a cleanup job, in the shop's admin, or with the account of a user."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from django_checkout import services
from django_checkout.models import Announcement, AttentionItem
from tests.host.models import HostOrder

from .world import HOUR


def test_the_open_session_of_a_deleted_order_is_expired(world):
    order = world.order()
    session = world.start(order)
    HostOrder.objects.all().delete()

    (ran,) = world.every_minute()

    assert ran.code == 0
    assert world.stripe.call("GET", f"/v1/checkout/sessions/{session.stripe_id}")["status"] == "expired"
    world.every_minute()
    world.is_over()


def test_money_that_arrives_for_a_deleted_order(world):
    order = world.order()
    session = world.start(order)
    HostOrder.objects.all().delete()
    # The shopper pays before cron has expired the session.
    world.stripe.pay(session.stripe_id)
    world.stripe.wait_until_delivered()
    runs = world.every_minute(2)

    # The receiver cannot find the row. It raises for ever, and the money is recorded.
    order.refresh_from_db()
    assert (order.status, order.needs_attention) == ("paid", True)
    assert AttentionItem.objects.filter(order=order, code="paid_after_delete", resolved_at=None).exists()
    assert runs[-1].code == 1
    assert "1 of order_paid, because a receiver raised AttributeError" in runs[-1].text
    assert world.health() == (503, ["notifications_pending"])
    assert {"receiver_failed", "attention", "alert_began"} <= world.logged()
    found = world.doctor()
    assert {"D032", "D062"} <= found.keys()

    # Staff give the money back and waive the notification that nobody can take.
    user = get_user_model().objects.create(username="clerk")
    services.refund(order)
    world.stripe.wait_until_delivered()
    for announcement in Announcement.objects.filter(state="pending"):
        services.waive(announcement, "The order was deleted on purpose and refunded.", by=user)
    (ran,) = world.every_minute()

    assert ran.code == 0
    world.wait(HOUR)
    order.refresh_from_db()
    assert (order.status, order.needs_attention) == ("refunded", False)
    assert not {"D035", "D062"} & world.doctor().keys()
    assert not Announcement.objects.filter(state="pending").exists()
    world.is_over()
