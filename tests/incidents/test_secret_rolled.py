"""Somebody rolls the signing secret of the endpoint in Stripe's dashboard."""

from __future__ import annotations

from .world import DAY, HOUR, MINUTE


def test_a_secret_that_was_rolled_without_telling_anyone(world):
    world.pay()
    new = world.stripe.do("roll_secret")["secret"]
    orders = [world.pay() for _ in range(3)]
    assert {order.status for order in orders} == {"unpaid"}
    world.every_minute(6)

    # The alert comes within minutes, everywhere.
    status, reasons = world.health()
    assert (status, "deliveries_refused" in reasons) == (503, True)
    assert {"webhook_refused", "alert_began"} <= world.logged()
    assert "their signature is of another secret" in world.dashboard()
    found = world.doctor()["D024"]
    assert "STRIPE_WEBHOOK_SECRETS" in found["command"]

    # As it says: the secret is copied and deployed, then the command is run.
    world.deploy(STRIPE_WEBHOOK_SECRETS=[new])
    (ran,) = world.follow(found["command"])
    assert (ran.code, "3 fixed" in ran.text) == (0, True)

    # Stripe delivers what it could not deliver.
    world.wait(HOUR)
    world.is_over()
    assert "alert_ended" in world.logged("INFO")


def test_a_secret_that_is_rolled_with_an_overlap_raises_no_alert(world):
    new = world.stripe.do("roll_secret", overlap_seconds=DAY)["secret"]
    world.pay()
    world.wait(6 * MINUTE)
    assert world.health() == (200, [])

    world.deploy(STRIPE_WEBHOOK_SECRETS=[new])
    world.wait(DAY)
    world.pay()

    world.is_over()
