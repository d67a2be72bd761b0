"""Payouts of the available balance, and their transactions."""

from __future__ import annotations

import json

import pytest
import stripe

DAY_SECONDS = 24 * 3600


def test_nothing_is_paid_out_before_it_is_available(emulator, paid):
    paid()

    assert emulator.pay_out() == []


def test_a_payout_adds_up_to_its_transactions(emulator, client, paid):
    emulator.refund(paid(), 300)
    paid()
    emulator.clock.advance(3 * DAY_SECONDS)

    (payout,) = emulator.pay_out()

    listed = client.v1.balance_transactions.list({"payout": payout["id"]}).data
    lines = [line for line in listed if line.type != "payout"]
    assert sorted(line.type for line in listed) == ["charge", "charge", "payout", "refund"]
    assert sum(line.net for line in lines) == payout["amount"]
    assert sum(line.net for line in listed) == 0


def test_money_is_paid_out_once_and_per_currency(emulator, paid):
    for currency in ("eur", "usd"):
        paid(currency=currency)
    emulator.clock.advance(3 * DAY_SECONDS)

    assert sorted(payout["currency"] for payout in emulator.pay_out()) == ["eur", "usd"]
    assert emulator.pay_out() == []


def test_a_negative_balance_is_not_paid_out(emulator, paid):
    emulator.refund(paid())
    emulator.clock.advance(3 * DAY_SECONDS)

    assert emulator.pay_out() == []


def test_payouts_are_found_by_id_and_status(emulator, client, paid):
    paid()
    emulator.clock.advance(3 * DAY_SECONDS)
    (payout,) = emulator.pay_out()

    assert client.v1.payouts.retrieve(payout["id"]).amount == payout["amount"]
    assert [found.id for found in client.v1.payouts.list({"status": "paid"}).data] == [payout["id"]]
    assert client.v1.payouts.list({"status": "failed"}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.retrieve("po_none")


def test_money_that_is_available_at_once_is_reported(emulator, client, paid, visitor):
    endpoint = client.v1.webhook_endpoints.create(
        {"url": "http://localhost/", "enabled_events": ["v1.balance.available"]}
    )
    intent = paid("4000000000000077", currency="usd")

    (event,) = emulator.events("balance.available")
    balance = event["data"]["object"]
    net = client.v1.balance_transactions.list({"source": emulator.get(intent)["latest_charge"]}).data[0].net
    assert {"amount": net, "currency": "usd", "source_types": {"card": net}} in balance["available"]
    assert visitor.get("/control/").status == 200
    (thin,) = [one for one in emulator.pending_deliveries() if one.endpoint_id == endpoint.id]
    assert json.loads(thin.body)["related_object"]["url"] == "/v1/balance"
