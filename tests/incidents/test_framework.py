"""The framework itself: it must see when something is wrong."""

from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.models import Announcement, Order
from tests.damage import overwrite

from . import truth
from .world import commands_in


def test_a_day_without_incidents(world):
    world.pay()
    refunded = world.pay()
    services.refund(refunded, 500)
    open_order = world.order()
    world.start(open_order)
    world.every_minute()

    assert world.health() == (200, [])
    world.is_over()
    assert {order.status for order in Order.objects.all()} == {"paid", "partially_refunded", "unpaid"}


def test_a_difference_is_seen(world):
    order = world.pay()
    truth.compare(world.stripe)
    overwrite(Order.objects.filter(pk=order.pk), paid_minor=1)

    with pytest.raises(AssertionError):
        truth.compare(world.stripe)


def test_a_second_announcement_is_seen(world):
    order = world.pay()
    services.deliver_again(Announcement.objects.get(order=order, signal="order_paid"))

    with pytest.raises(AssertionError):
        truth.compare(world.stripe)


def test_commands_are_read_from_advice():
    text = "Correct it, run manage.py checkout_process_events --now, manage.py checkout_reconcile --order A-1, then"

    assert commands_in(text) == ["checkout_process_events --now", "checkout_reconcile --order A-1"]
