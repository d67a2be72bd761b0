from __future__ import annotations

import pytest
import stripe

from .conftest import event_types

DAY = 24 * 3600


def test_a_refund_without_amount_is_a_full_refund(emulator, client, paid):
    refund = client.v1.refunds.create({"payment_intent": paid(), "metadata": {"refund": "R1"}})

    charge = client.v1.charges.retrieve(str(refund.charge))
    assert (refund.status, refund.amount) == ("succeeded", 1000)
    assert refund.metadata is not None
    assert refund.metadata.to_dict() == {"refund": "R1"}
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    assert event_types(emulator)[-2:] == ["refund.created", "charge.refunded"]


def test_partial_refunds_cannot_exceed_the_charge(client, paid):
    intent = paid()
    client.v1.refunds.create({"payment_intent": intent, "amount": 300})
    client.v1.refunds.create({"payment_intent": intent, "amount": 700})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent, "amount": 1})

    assert caught.value.code == "charge_already_refunded"
    assert len(client.v1.refunds.list({"payment_intent": intent}).data) == 2


@pytest.mark.parametrize("amount", [0, -5, 1001])
def test_invalid_amounts_are_refused(client, paid, amount):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": paid(), "amount": amount})


def test_an_authorization_cannot_be_refunded(client, paid):
    intent = paid(payment_intent_data={"capture_method": "manual"})

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent})


def test_a_pending_refund_succeeds_later(emulator, client, paid):
    refund = client.v1.refunds.create({"payment_intent": paid("4000000000007726")})
    assert refund.status == "pending"

    emulator.clock.advance(3 * DAY)

    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    updated = [event for event in emulator.events() if event["type"].endswith("refund.updated")]
    assert [event["type"] for event in updated] == ["charge.refund.updated", "refund.updated"]
    assert [event["data"]["previous_attributes"] for event in updated] == [{"status": "pending"}] * 2


def test_a_succeeded_refund_can_fail_later(emulator, client, paid):
    refund = client.v1.refunds.create({"payment_intent": paid("4000000000005126"), "amount": 400})
    assert refund.status == "succeeded"

    emulator.clock.advance(6 * DAY)

    failed = client.v1.refunds.retrieve(refund.id)
    charge = client.v1.charges.retrieve(str(refund.charge))
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert failed.failure_balance_transaction
    assert charge.amount_refunded == 0
    assert event_types(emulator)[-3:] == ["charge.refund.updated", "refund.updated", "refund.failed"]


def test_a_refund_from_the_dashboard_has_no_metadata(emulator, client, paid):
    made = emulator.refund(paid(), 250)

    refund = client.v1.refunds.retrieve(made["id"])
    assert refund.amount == 250
    assert refund.metadata is not None
    assert refund.metadata.to_dict() == {}


def test_a_succeeded_refund_cannot_be_canceled(client, paid):
    refund = client.v1.refunds.create({"payment_intent": paid()})

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.cancel(refund.id)


def test_charges_and_refunds_have_balance_transactions(client, paid):
    client.v1.refunds.create({"payment_intent": paid(), "amount": 400})

    moved = client.v1.balance_transactions.list().data

    assert sorted((entry.type, entry.amount) for entry in moved) == [("charge", 1000), ("refund", -400)]
    assert all(entry.net == entry.amount - entry.fee for entry in moved)
