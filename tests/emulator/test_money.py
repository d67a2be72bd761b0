"""Charges, refunds, the balance and payouts over the API."""

from __future__ import annotations

import pytest
import stripe

from .conftest import event_types

DAY = 24 * 3600


@pytest.fixture
def charge(client):
    """A charge whose money is available at once."""
    intent = client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "eur",
            "payment_method": "pm_card_bypassPending",
            "payment_method_types": ["card"],
            "confirm": True,
        }
    )
    return str(intent.latest_charge)


def available(client, currency="eur"):
    return {entry.currency: entry.amount for entry in client.v1.balance.retrieve().available}.get(currency)


def test_the_balance_is_reported_when_pending_money_becomes_available(emulator, client):
    intent = client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "eur",
            "payment_method": "pm_card_visa",
            "payment_method_types": ["card"],
            "confirm": True,
        }
    )
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    assert emulator.events("balance.available") == []

    emulator.clock.advance(2 * DAY)

    (event,) = emulator.events("balance.available")
    shown = {entry["currency"]: entry["amount"] for entry in event["data"]["object"]["available"]}
    assert shown["eur"] > 0
    assert client.v1.events.retrieve(event["id"]).type == "balance.available"


def test_a_charge_is_updated(emulator, client, charge):
    changed = client.v1.charges.update(
        charge,
        {"description": "Tea", "metadata": {"a": "b"}, "fraud_details": {"user_report": "fraudulent"}},
    )

    assert (changed.description, changed.metadata["a"]) == ("Tea", "b")
    assert changed.fraud_details.user_report == "fraudulent"
    assert event_types(emulator)[-1] == "charge.updated"


def test_a_customer_is_set_on_a_charge_without_one(client, charge):
    customers = [client.v1.customers.create({}).id for _ in range(2)]

    assert client.v1.charges.update(charge, {"customer": customers[0]}).customer == customers[0]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.charges.update(charge, {"customer": customers[1]})


def test_the_refunds_and_the_dispute_of_a_charge_are_listed(emulator, client, charge):
    refund = client.v1.refunds.create({"charge": charge, "amount": 100})
    refunds = client.deserialize(client.raw_request("get", f"/v1/charges/{charge}/refunds"), api_mode="V1")
    assert [row.id for row in refunds.data] == [refund.id]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.raw_request("get", f"/v1/charges/{charge}/dispute")
    assert caught.value.http_status == 404

    dispute = emulator.open_dispute(client.v1.charges.retrieve(charge).payment_intent)

    found = client.deserialize(client.raw_request("get", f"/v1/charges/{charge}/dispute"), api_mode="V1")
    assert found.id == dispute["id"]


def test_the_balance_is_that_of_the_transactions(client, charge):
    assert available(client) == 5000 - 100
    client.v1.refunds.create({"charge": charge, "amount": 1000})

    pending = {entry.currency: entry.amount for entry in client.v1.balance.retrieve().pending}
    assert (available(client), pending["eur"]) == (4900, -1000)


def test_a_payout_arrives_the_next_day(emulator, client, charge):
    payout = client.v1.payouts.create({"amount": 3000, "currency": "eur", "metadata": {"a": "b"}})
    assert (payout.status, payout.automatic, available(client)) == ("pending", False, 1900)

    emulator.clock.advance(DAY)

    assert client.v1.payouts.retrieve(payout.id).status == "paid"
    assert event_types(emulator)[-1] == "payout.paid"
    with pytest.raises(stripe.InvalidRequestError, match="only be canceled while they are pending"):
        client.v1.payouts.cancel(payout.id)
    assert [row["amount"] for row in emulator.pay_out()] == [1900]


def test_a_canceled_payout_returns_to_the_balance(emulator, client, charge):
    payout = client.v1.payouts.create({"amount": 3000, "currency": "eur"})

    assert client.v1.payouts.cancel(payout.id).status == "canceled"
    emulator.clock.advance(DAY)

    assert available(client) == 4900
    assert client.v1.payouts.retrieve(payout.id).status == "canceled"


def test_a_payout_is_covered_by_the_balance(client, charge):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.payouts.create({"amount": 4901, "currency": "eur"})

    assert caught.value.code == "balance_insufficient"


def test_a_refund_whose_shopper_does_not_answer_expires(emulator, client, make_session):
    outcome = emulator.pay((session := make_session(amount=1000, currency="jpy")).id, method="konbini")
    emulator.settle(session.id)
    refund = client.v1.refunds.create(
        {"payment_intent": str(outcome.payment_intent), "instructions_email": "kim@example.com"}
    )
    assert (refund.status, refund.instructions_email) == ("requires_action", "kim@example.com")
    assert refund.next_action.display_details.email_sent.email_sent_to == "kim@example.com"

    expired = client.v1.test_helpers.refunds.expire(refund.id)

    assert expired.status == "failed"
    assert client.v1.charges.retrieve(str(refund.charge)).amount_refunded == 0
    assert event_types(emulator)[-1] == "refund.failed"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.test_helpers.refunds.expire(refund.id)
