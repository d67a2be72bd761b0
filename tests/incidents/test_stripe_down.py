"""Stripe does not respond, or something between Stripe and the site responds in its place."""

from __future__ import annotations

from contextlib import suppress

import pytest

from django_checkout import services
from django_checkout.emulator.incidents import OUTAGES
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.models import Discrepancy
from django_checkout.reconcile import reads
from django_checkout.stripe_api import circuit

from .stripe_side import PATIENCE_SECONDS
from .world import HOUR


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    """Wait only briefly between calls."""
    monkeypatch.setattr(circuit, "PROBE_SECONDS", 0)
    monkeypatch.setattr(reads, "ATTEMPTS", 2)
    monkeypatch.setattr(reads, "FIRST_PAUSE_SECONDS", 0)


@pytest.mark.parametrize(
    "outage", [pytest.param(kind, marks=[pytest.mark.slow] if kind == "hang" else []) for kind in OUTAGES[1:]]
)
def test_outage_of_stripe(world, outage):
    paid, wanted, on_the_page = world.pay(), world.order(), world.order()
    Discrepancy.objects.create(kind="refund_differs", subject="re_1")
    session = world.start(on_the_page)
    world.stripe.do("outage", kind=outage)
    if outage == "hang":
        # Only while Stripe does not respond.
        world.deploy(CHECKOUT_STRIPE_TIMEOUT_SECONDS=2)

    # Pages and services say that Stripe cannot be reached. They do not say that a payment or a refund has failed.
    answer = world.press_button(wanted)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    with suppress(StripeUnavailableError) if outage == "half" else pytest.raises(StripeUnavailableError):
        services.refund(paid, 500)
    if outage == "half":
        # The response was incomplete, and the event says what became of the refund. A dispute must be read.
        world.stripe.do("dispute", id=paid.kept_payment.stripe_id)
    # A shopper who is on Stripe's page already pays, and the event arrives.
    world.stripe.pay(session.stripe_id)
    world.stripe.wait_until_delivered()
    on_the_page.refresh_from_db()
    assert on_the_page.status == "paid"

    # The command that cron runs exits with 1, health reports an alert within minutes, and the doctor a finding.
    runs = world.every_minute(6)
    assert {ran.code for ran in runs} == {1}
    left = "events: 2 failed" if outage == "half" else "refunds: 1 not confirmed"
    assert left in runs[-1].text
    status, reasons = world.health()
    assert (status, ("events_failed" if outage == "half" else "stripe_silent") in reasons) == (503, True)
    record = {"half": "event_failed", "garbage": "start_failed"}.get(outage, "stripe_unavailable")
    assert {record, "alert_began"} <= world.logged()
    assert ("Events that failed" if outage == "half" else "Calls that Stripe did not respond to") in world.dashboard()
    commands = ["checkout_reconcile --fix", "checkout_reconcile --missed-events", "checkout_setup_webhook"]
    # The doctor reports what it received, and the findings that do not need Stripe.
    found = world.doctor()
    assert "https://status.stripe.com" in found["D003"]["command"]
    assert "D061" in found
    # Every command that needs Stripe says so in one line, and can be repeated.
    for command in commands:
        ran = world.run(command)
        assert (ran.code, ran.text.count("\n")) == (2, 1), ran

    # The outage is over. Cron sends the refund once, and exits with 0 although a session is not confirmed. Its shopper
    # then pays.
    Discrepancy.objects.all().delete()
    world.stripe.do("end_incidents")
    world.deploy(CHECKOUT_STRIPE_TIMEOUT_SECONDS=PATIENCE_SECONDS)
    runs = world.every_minute(3)
    if outage != "half":
        # With "half", an event has failed, and is retried within the hour.
        assert (runs[-1].code, "Left:" in runs[-1].text) == (0, False)
        assert "1 session was not confirmed by Stripe" in runs[-1].text
    world.pay(wanted)
    world.wait(HOUR)
    assert world.run("checkout_process_events").code == 0

    assert [refund["amount"] for refund in world.stripe.list("/v1/refunds")] == [500]
    world.is_over()
