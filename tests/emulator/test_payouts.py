"""Payouts: what is available reaches the bank once, and its transactions tell which payout took them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stripe

from django_checkout.emulator import Emulator

DAY_SECONDS = 24 * 3600


def test_nothing_is_paid_out_before_it_is_available(emulator: Emulator, paid: Callable[..., str]) -> None:
    paid()

    assert emulator.pay_out() == []


def test_a_payout_adds_up_to_its_transactions(
    emulator: Emulator, client: stripe.StripeClient, paid: Callable[..., str]
) -> None:
    emulator.refund(paid(), 300)
    paid()
    emulator.clock.advance(3 * DAY_SECONDS)

    (payout,) = emulator.pay_out()

    listed = client.v1.balance_transactions.list({"payout": payout["id"]}).data
    lines = [line for line in listed if line.type != "payout"]
    assert sorted(line.type for line in listed) == ["charge", "charge", "payout", "refund"]
    assert sum(line.net for line in lines) == payout["amount"]
    assert sum(line.net for line in listed) == 0


def test_money_is_paid_out_once_and_per_currency(emulator: Emulator, paid: Callable[..., str]) -> None:
    for currency in ("eur", "usd"):
        paid(currency=currency)
    emulator.clock.advance(3 * DAY_SECONDS)

    assert sorted(payout["currency"] for payout in emulator.pay_out()) == ["eur", "usd"]
    assert emulator.pay_out() == []


def test_what_is_owed_to_stripe_is_not_paid_out(emulator: Emulator, paid: Callable[..., str]) -> None:
    emulator.refund(paid())
    emulator.clock.advance(3 * DAY_SECONDS)

    assert emulator.pay_out() == []


def test_payouts_are_found_by_id_and_status(
    emulator: Emulator, client: stripe.StripeClient, paid: Callable[..., str]
) -> None:
    paid()
    emulator.clock.advance(3 * DAY_SECONDS)
    (payout,) = emulator.pay_out()

    assert client.v1.payouts.retrieve(payout["id"]).amount == payout["amount"]
    assert [found.id for found in client.v1.payouts.list({"status": "paid"}).data] == [payout["id"]]
    assert client.v1.payouts.list({"status": "failed"}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.retrieve("po_none")
