"""Payouts of the available balance, and their transactions."""

from __future__ import annotations

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
