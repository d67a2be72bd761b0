"""An order has one payable session; any other is expired."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from django_checkout import ledger, services
from django_checkout.exceptions import OrderNotPayableError, StripeUnavailableError
from django_checkout.models import CheckoutSession
from django_checkout.services.syncing import apply_facts
from django_checkout.stripe_api import facts, gateway
from django_checkout.stripe_api.steps import run
from django_checkout.webhooks import pending_work
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
    """Recover the expired session at Stripe; return the id of the copy, whose events are not delivered."""
    return emulator.recover(session.stripe_id)["id"]


def _adopt(stripe_id):
    """Apply a session's current state, as reconciliation does."""
    apply_facts(facts.read_whole_session(run(gateway.retrieve_session_data(stripe_id))))
    return CheckoutSession.objects.get(stripe_id=stripe_id)


def _payable(emulator):
    with emulator.store.transaction():
        return [row["id"] for row in emulator.store.select("checkout.session", {"status": "open"})]


def test_recovered_copy_becomes_the_live_session(expired, order, stripe_emulator):
    copy = _adopt(_copy(stripe_emulator, expired))

    assert (copy.status, copy.live_for) == ("open", order)
    assert services.start(order, params=RECOVERY) == copy
    assert _payable(stripe_emulator) == [copy.stripe_id]


def test_start_expires_a_recovered_copy_of_a_changed_order(expired, order, host_order, stripe_emulator):
    copy = _adopt(_copy(stripe_emulator, expired))
    host_order.quantity = 2
    host_order.save()

    session = services.start(host_order, params=RECOVERY)

    copy.refresh_from_db()
    assert (copy.status, _payable(stripe_emulator)) == ("expired", [session.stripe_id])


def test_start_expires_a_copy_beside_the_live_session(expired, order, stripe_emulator):
    session = services.start(order, params=RECOVERY)
    copies = [_adopt(_copy(stripe_emulator, expired)) for _ in range(6)]
    assert {copy.live_for for copy in copies} == {None}

    assert services.start(order, params=RECOVERY) == session
    assert _payable(stripe_emulator) == [session.stripe_id]


def test_start_applies_a_copy_that_was_just_paid(expired, order, stripe_emulator):
    services.start(order, params=RECOVERY)
    copy = _adopt(_copy(stripe_emulator, expired))
    stripe_emulator.pay(copy.stripe_id)

    with pytest.raises(OrderNotPayableError):
        services.start(order, params=RECOVERY)


@pytest.mark.parametrize("way", ["sweep", "sync", "reconcile"])
def test_second_open_session_is_expired(way, expired, order, stripe_emulator):
    session = services.start(order, params=RECOVERY)
    copy_id = _copy(stripe_emulator, expired)
    if way == "reconcile":
        call_command("checkout_reconcile", "--fix")
    else:
        _adopt(copy_id)
        pending_work.process_pending() if way == "sweep" else services.sync(order)

    assert CheckoutSession.objects.get(stripe_id=copy_id).status == "expired"
    assert _payable(stripe_emulator) == [session.stripe_id]


def test_order_paid_by_a_copy_cannot_be_paid_by_its_other_session(expired, order, stripe_emulator, deliver_events):
    """The copy is paid before its events arrive, while another session is open."""
    services.start(order, params=RECOVERY)
    stripe_emulator.pay(_copy(stripe_emulator, expired))
    deliver_events()
    order.refresh_from_db()
    assert (order.status, len(_payable(stripe_emulator))) == ("paid", 1)

    assert pending_work.process_pending()["surplus_sessions"] == 1

    assert _payable(stripe_emulator) == []
    assert pending_work.process_pending()["surplus_sessions"] == 0


def test_surplus_session_that_cannot_be_expired_now_is_expired_later(expired, order, stripe_emulator):
    services.start(order, params=RECOVERY)
    copy = _adopt(_copy(stripe_emulator, expired))
    stripe_emulator.chaos.fail(4, status=500, match="POST /v1/checkout/sessions/*/expire")

    assert services.sync(order).status == "unpaid"
    assert pending_work.process_pending()["surplus_sessions_failed"] == 1
    stripe_emulator.chaos.reset()
    pending_work.process_pending()

    copy.refresh_from_db()
    assert copy.status == "expired"


def test_session_behind_a_stored_failure_is_found(order, stripe_emulator):
    """Stripe created the session, answered 500, and repeats that response for this key."""
    stripe_emulator.chaos.fail(1, status=500, when="after", match=CREATE)

    session = services.start(order)

    assert (CheckoutSession.objects.get(), session.status) == (session, "open")
    assert _payable(stripe_emulator) == [session.stripe_id]
    assert session.url
    assert services.start(order) == session


def test_stored_failure_keeps_the_key_while_stripe_is_unavailable(order, stripe_emulator):
    stripe_emulator.chaos.fail(1, status=500, when="after", match=CREATE)
    stripe_emulator.chaos.fail(2, status=500, match="GET /v1/checkout/sessions")
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    assert CheckoutSession.objects.get().status == "creating"

    session = services.start(order)

    assert CheckoutSession.objects.get() == session
    assert _payable(stripe_emulator) == [session.stripe_id]


def test_copy_adopted_while_a_session_is_created_does_not_replace_it(expired, order, stripe_emulator):
    copy_id = _copy(stripe_emulator, expired)
    with run_before("django_checkout.stripe_api.gateway.create_session", lambda: _adopt(copy_id)):
        session = services.start(order, params=RECOVERY)
    pending_work.process_pending()

    assert _payable(stripe_emulator) == [session.stripe_id]
    assert ledger.in_transaction(lambda: ledger.lock_order(pk=order.pk)).order.live_session == session
