"""Events are processed by a task worker, and the worker and cron are stopped for an hour."""

from __future__ import annotations

from .world import HOUR


def test_a_queue_that_is_stopped_for_an_hour(world, queue):
    orders = [world.pay() for _ in range(3)]
    world.wait(HOUR)

    assert {order.status for order in orders} == {"unpaid"}
    status, reasons = world.health()
    assert (status, "queue_stopped" in reasons) == (503, True)
    assert "alert_began" in world.logged()
    assert "Events that no worker takes from the queue" in world.dashboard()
    found = world.doctor()["D037"]

    (ran,) = world.follow(found["command"])
    assert (ran.code, ran.text.splitlines()[-1]) == (0, "Nothing is left.")

    # The worker runs again.
    world.deploy(CHECKOUT_PROCESS_EVENTS="inline")
    world.is_over()
