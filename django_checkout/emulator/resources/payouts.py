"""Payouts: what is available goes to the bank, one payout per currency, and its transactions know it."""

from __future__ import annotations

from collections import defaultdict

from ..calls import Call, list_objects
from ..messages import Doc
from ..world import World
from .balance import new_balance_transaction

KIND = "payout"
DAY_SECONDS = 24 * 3600


def pay_out(world: World) -> list[Doc]:
    """Pay out what is available, as the daily schedule does; a currency with nothing to pay is left waiting."""
    waiting: dict[str, list[Doc]] = defaultdict(list)
    for transaction in world.store.select("balance_transaction", {"status": "available"}, oldest_first=True):
        if "_payout" not in transaction:
            waiting[transaction["currency"]].append(transaction)
    return [
        _new_payout(world, currency, transactions)
        for currency, transactions in waiting.items()
        if sum(transaction["net"] for transaction in transactions) > 0
    ]


def _new_payout(world: World, currency: str, transactions: list[Doc]) -> Doc:
    amount = sum(transaction["net"] for transaction in transactions)
    now = world.clock.now()
    payout = world.new(
        KIND,
        amount=amount,
        application_fee=None,
        application_fee_amount=None,
        arrival_date=now - now % DAY_SECONDS + DAY_SECONDS,
        automatic=True,
        balance_transaction=None,
        currency=currency,
        description="STRIPE PAYOUT",
        destination="ba_emulator",
        failure_balance_transaction=None,
        failure_code=None,
        failure_message=None,
        metadata={},
        method="standard",
        original_payout=None,
        payout_method=None,
        reconciliation_status="completed",
        reversed_by=None,
        source_type="card",
        statement_descriptor=None,
        status="paid",
        trace_id={"status": "pending", "value": None},
        type="bank_account",
    )
    own = new_balance_transaction(world, payout, KIND, -amount, available_at_once=True)
    payout["balance_transaction"] = own["id"]
    world.store.insert(payout)
    for transaction in (*transactions, own):
        world.update(transaction, _payout=payout["id"])
    for event_type in ("payout.created", "payout.paid", "payout.reconciliation_completed"):
        world.emit(event_type, payout)
    return payout


def retrieve_payout(call: Call) -> Doc:
    """GET /v1/payouts/:payout."""
    return call.world.get(KIND, call.ids["payout"], "payout")


def list_payouts(call: Call) -> Doc:
    """GET /v1/payouts."""
    return list_objects(call, KIND, ("destination", "status"))
