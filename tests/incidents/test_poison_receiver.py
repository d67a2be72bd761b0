"""A receiver of the shop raises an exception on every paid order, and is then corrected."""

from __future__ import annotations

from contextlib import contextmanager

from django_checkout import services, signals
from django_checkout.models import Order

from .world import HOUR


@contextmanager
def broken_receiver(signal):
    """Deploy a receiver with a mistake in it, until the block ends."""

    def broken(**arguments: object) -> None:
        raise TypeError("the warehouse expects two arguments")

    signal.connect(broken, sender=Order)
    try:
        yield
    finally:
        signal.disconnect(broken, sender=Order)


def test_a_receiver_that_raises_and_its_cure(world):
    with broken_receiver(signals.order_paid):
        first, second = world.pay(), world.pay()
        services.refund(first, 500)
        runs = world.every_minute(5)

        # The money is recorded. No receiver has run, and the operator is alerted.
        assert (first.status, second.status) == ("paid", "paid")
        assert world.health() == (503, ["notifications_pending"])
        assert "receiver_failed" in world.logged("ERROR")
        assert "Notifications that are not delivered" in world.dashboard()
        assert [ran.code for ran in runs] == [1] * 5
        assert "notifications: 2 of order_paid, because a receiver raised TypeError; next attempt at" in runs[-1].text
        assert "notifications: 1 of order_refunded, which follows order_paid" in runs[-1].text
        advice = world.doctor()["D032"]["command"]
    world.wait(HOUR)

    # The receiver is corrected: now the advice is followed.
    (ran,) = world.follow(advice)

    assert (ran.code, ran.text.splitlines()[-1]) == (0, "Nothing is left.")
    world.is_over()


def test_the_command_that_cron_runs_says_what_retries_at_once(world):
    with broken_receiver(signals.order_paid):
        world.pay()
        ran = world.every_minute(7)[-1]
    assert ran.code == 1
    assert "run this command with --now" in ran.text
    assert world.run("checkout_process_events").code == 1

    again = world.run("checkout_process_events --now")

    assert (again.code, again.text) == (0, "1 of 1 pending notifications delivered.\nNothing is left.\n")
    world.is_over()
