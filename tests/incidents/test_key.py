"""The secret key is revoked, loses a permission, or is of the other mode."""

from __future__ import annotations

import pytest

from django_checkout import services
from django_checkout.exceptions import StripeCredentialsError

from .world import HOUR, MINUTE


def test_a_revoked_key(world):
    paid, wanted = world.pay(), world.order()
    world.stripe.do("revoke_keys", ending="0001")

    answer = world.press_button(wanted)

    assert answer.status_code == 502
    assert world.health() == (503, ["key_refused"])
    assert {"stripe_error", "alert_began"} <= world.logged()
    assert "the secret key is not valid" in world.dashboard()
    found = world.doctor()["D001"]
    assert "STRIPE_SECRET_KEY" in found["command"]
    # Every command that calls Stripe says so in one line.
    for command in ("checkout_reconcile --fix", "checkout_reconcile --missed-events", "checkout_setup_webhook"):
        ran = world.run(command)
        assert (ran.code, ran.text.count("\n")) == (2, 1), ran
        assert "401" in ran.text
    with pytest.raises(StripeCredentialsError):
        services.refund(paid, 500)

    world.deploy(STRIPE_SECRET_KEY="sk_test_of_the_site_0003")
    world.pay(wanted)
    services.refund(paid, 500)

    world.is_over()


def test_a_restricted_key_that_loses_a_permission(world):
    paid = world.pay()
    world.stripe.do("restrict_keys", match="POST /v1/refunds*", ending="0001")

    # Nobody has refunded anything yet: the doctor finds out, and changes nothing.
    found = world.doctor()["D002"]
    assert "rak_refund_write" in found["message"]
    with pytest.raises(StripeCredentialsError):
        services.refund(paid, 500)
    assert world.health() == (503, ["permission_missing"])
    assert "Permissions that the secret key lacks" in world.dashboard()
    assert "alert_began" in world.logged()
    world.pay()

    world.stripe.do("end_incidents")
    assert "D002" not in world.doctor()
    services.refund(paid, 500)

    world.is_over()


def test_events_of_the_other_mode(world):
    """The site has the key of one mode, and the endpoint that delivers to it is of the other."""
    world.pay()
    world.stripe.do("other_mode", on=1)
    orders = [world.pay() for _ in range(2)]
    world.every_minute(6)

    assert {order.status for order in orders} == {"unpaid"}
    status, reasons = world.health()
    assert (status, "deliveries_other_mode" in reasons) == (503, True)
    assert "Events of the other mode" in world.dashboard()
    assert "alert_began" in world.logged()
    found = world.doctor()["D026"]

    world.stripe.do("end_incidents")
    (ran,) = world.follow(found["command"])
    assert (ran.code, "2 fixed" in ran.text) == (0, True)
    world.pay()
    world.wait(HOUR + MINUTE)

    world.is_over()
