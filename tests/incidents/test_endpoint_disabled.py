"""Stripe has disabled the webhook endpoint, and nobody looks at its mails for 33 days."""

from __future__ import annotations

import pytest

from .world import DAY, MINUTE


def test_the_alert_comes_within_minutes_of_the_first_sale(world):
    world.pay()
    world.stripe.do("disable_endpoint")
    order = world.pay()
    assert order.status == "unpaid"
    # The shopper returns from Stripe's page: the payment is known, and its event does not come.
    order = world.come_back(order)
    assert order.status == "paid"
    world.every_minute(7)

    assert world.health() == (503, ["webhooks_silent"])
    assert "alert_began" in world.logged()
    # The doctor asks Stripe, and names the cause.
    found = world.doctor()
    assert found["D012"]["command"]
    assert world.health() == (503, ["webhooks_silent", "endpoint_disabled"])
    for ran in world.follow(found["D012"]["command"]):
        assert ran.code == 0, ran
    world.pay()

    world.is_over()


@pytest.mark.parametrize("cron", [True, False], ids=["with-cron", "without-cron"])
def test_33_days_without_an_endpoint(world, cron):
    world.pay()
    world.stripe.do("disable_endpoint")
    sold = []
    for _ in range(11):
        sold.append(world.pay())
        world.wait(3 * DAY)
        if cron:
            world.run("checkout_process_events")
            world.run("checkout_reconcile --fix")
            world.wait(10 * MINUTE)
            assert world.health()[0] == 503
    if not cron:
        assert {order.status for order in sold} == {"unpaid"}

    found = world.doctor()["D012"]
    for ran in world.follow(found["command"]):
        assert ran.code in (0, 1), ran
    world.run("checkout_process_events")
    world.pay()
    world.every_minute(2)

    world.is_over()
