"""An order has one payable session: whoever learns of another ends it."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from django_checkout import facts, gateway, ledger, services, sweep
from django_checkout.exceptions import OrderNotPayableError, StripeUnavailableError
from django_checkout.models import CheckoutSession
from django_checkout.services.settling import apply_facts
from tests.races.together import run_before

pytestmark = [pytest.mark.django_db, pytest.mark.core]

CREATE = "POST /v1/checkout/sessions"
RECOVERY = {"after_expiration": {"recovery": {"enabled": True}}}


@pytest.fixture
def expired(order, stripe_emulator, deliver_events):
    """A session that has expired and can be recovered."""
    session = services.start(order, params=RECOVERY)
    stripe_emulator.expire(session.stripe_id)
    deliver_events()
    session.refresh_from_db()
    return session


def _copy(emulator, session):
    """Let the shopper recover a cart; return the id of the copy, of which we have not heard."""
    return emulator.recover(session.stripe_id)["id"]


def _adopt(stripe_id):
    """Hear of a session as it is now, as reconciliation does."""
    apply_facts(facts.read_whole_session(gateway.retrieve_session_data(stripe_id)))
    return CheckoutSession.objects.get(stripe_id=stripe_id)


def _payable(emulator):
    with emulator.store.transaction():
        return [row["id"] for row in emulator.store.select("checkout.session", {"status": "open"})]


def test_a_recovered_copy_is_the_orders_live_session(expired, order, stripe_emulator):
    copy = _adopt(_copy(stripe_emulator, expired))

    assert (copy.status, copy.live_for) == ("open", order)
    assert services.start(order, params=RECOVERY) == copy
    assert _payable(stripe_emulator) == [copy.stripe_id]


def test_a_recovered_copy_of_what_has_changed_is_expired_by_start(expired, order, host_order, stripe_emulator):
    copy = _adopt(_copy(stripe_emulator, expired))
    host_order.quantity = 2
    host_order.save()

    session = services.start(host_order, params=RECOVERY)

    copy.refresh_from_db()
    assert (copy.status, _payable(stripe_emulator)) == ("expired", [session.stripe_id])


def test_a_copy_beside_the_live_session_is_expired_by_start(expired, order, stripe_emulator):
    session = services.start(order, params=RECOVERY)
    copies = [_adopt(_copy(stripe_emulator, expired)) for _ in range(6)]
    assert {copy.live_for for copy in copies} == {None}

    assert services.start(order, params=RECOVERY) == session
    assert _payable(stripe_emulator) == [session.stripe_id]


def test_a_copy_beside_the_live_session_that_was_just_paid_is_applied_by_start(expired, order, stripe_emulator):
    services.start(order, params=RECOVERY)
    copy = _adopt(_copy(stripe_emulator, expired))
    stripe_emulator.pay(copy.stripe_id)

    with pytest.raises(OrderNotPayableError):
        services.start(order, params=RECOVERY)


@pytest.mark.parametrize("way", ["sweep", "sync", "reconcile"])
def test_who_learns_of_a_second_open_session_ends_it(way, expired, order, stripe_emulator):
    session = services.start(order, params=RECOVERY)
    copy_id = _copy(stripe_emulator, expired)
    if way == "reconcile":
        call_command("checkout_reconcile", "--fix")
    else:
        _adopt(copy_id)
        sweep.sweep() if way == "sweep" else services.sync(order)

    assert CheckoutSession.objects.get(stripe_id=copy_id).status == "expired"
    assert _payable(stripe_emulator) == [session.stripe_id]


def test_an_order_paid_by_a_copy_cannot_be_paid_by_its_other_session(expired, order, stripe_emulator, deliver_events):
    """The copy is paid before we have heard of it, while another session is open."""
    services.start(order, params=RECOVERY)
    stripe_emulator.pay(_copy(stripe_emulator, expired))
    deliver_events()
    order.refresh_from_db()
    assert (order.status, len(_payable(stripe_emulator))) == ("paid", 1)

    assert sweep.sweep()["sessions_surplus"] == 1

    assert _payable(stripe_emulator) == []
    assert sweep.sweep()["sessions_surplus"] == 0


def test_a_surplus_session_that_cannot_be_ended_now_is_ended_later(expired, order, stripe_emulator):
    services.start(order, params=RECOVERY)
    copy = _adopt(_copy(stripe_emulator, expired))
    stripe_emulator.chaos.fail(4, status=500, match="POST /v1/checkout/sessions/*/expire")

    assert services.sync(order).status == "unpaid"
    assert sweep.sweep()["sessions_surplus_kept"] == 1
    stripe_emulator.chaos.reset()
    sweep.sweep()

    copy.refresh_from_db()
    assert copy.status == "expired"


def test_a_session_behind_a_stored_failure_is_found(order, stripe_emulator):
    """Stripe made the session, answered 500, and repeats that answer for this key for ever."""
    stripe_emulator.chaos.fail(1, status=500, when="after", match=CREATE)

    session = services.start(order)

    assert (CheckoutSession.objects.get(), session.status) == (session, "open")
    assert _payable(stripe_emulator) == [session.stripe_id]
    assert session.url
    assert services.start(order) == session


def test_a_stored_failure_keeps_the_key_while_stripe_cannot_be_asked(order, stripe_emulator):
    stripe_emulator.chaos.fail(1, status=500, when="after", match=CREATE)
    stripe_emulator.chaos.fail(2, status=500, match="GET /v1/checkout/sessions")
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    assert CheckoutSession.objects.get().status == "creating"

    session = services.start(order)

    assert CheckoutSession.objects.get() == session
    assert _payable(stripe_emulator) == [session.stripe_id]


def test_a_copy_adopted_while_a_session_is_being_created_waits_for_its_end(expired, order, stripe_emulator):
    copy_id = _copy(stripe_emulator, expired)
    with run_before("django_checkout.gateway.create_session", lambda: _adopt(copy_id)):
        session = services.start(order, params=RECOVERY)
    sweep.sweep()

    assert _payable(stripe_emulator) == [session.stripe_id]
    assert ledger.in_transaction(lambda: ledger.lock_order(pk=order.pk)).order.live_session == session
