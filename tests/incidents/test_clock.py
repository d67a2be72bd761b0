"""The clock of the site's machine is wrong by ten minutes."""

from __future__ import annotations

import pytest

from .world import HOUR, MINUTE


@pytest.mark.parametrize("seconds", [-10 * MINUTE, 10 * MINUTE], ids=["behind", "ahead"])
def test_a_wrong_clock(world, seconds):
    world.pay()
    world.traveller.shift(seconds)
    orders = [world.pay() for _ in range(2)]
    assert {order.status for order in orders} == {"unpaid"}
    world.every_minute(6)

    status, reasons = world.health()
    assert (status, "deliveries_late" in reasons) == (503, True)
    assert {"webhook_refused", "alert_began"} <= world.logged()
    assert "time differs from this machine's" in world.dashboard()
    found = world.doctor()
    assert "every webhook is refused" in found["D004"]["message"]
    assert found["D004"]["command"] == "timedatectl set-ntp true"
    advice = found["D025"]["command"]

    world.traveller.shift(-seconds)
    (ran,) = world.follow(advice)
    assert (ran.code, "2 fixed" in ran.text) == (0, True)
    world.wait(HOUR)

    assert "D004" not in world.doctor()
    world.is_over()
