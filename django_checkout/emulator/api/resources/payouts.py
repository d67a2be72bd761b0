"""Payouts of the available balance, one per currency."""

from __future__ import annotations

from collections import defaultdict

from django_checkout.emulator.api.resources.balance import new_balance_transaction
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State

KIND = "payout"
DAY_SECONDS = 24 * 3600
#: Fields of a new object that are null.
NULLS = (
    "application_fee application_fee_amount balance_transaction failure_balance_transaction failure_code "
    "failure_message original_payout payout_method reversed_by statement_descriptor"
)


def pay_out(state: State) -> list[Doc]:
    """Pay out the available balance, as the daily schedule does. Skip currencies without a positive balance."""
    waiting: dict[str, list[Doc]] = defaultdict(list)
    for transaction in state.store.select("balance_transaction", {"status": "available"}, oldest_first=True):
        if "_payout" not in transaction:
            waiting[transaction["currency"]].append(transaction)
    return [
        _new_payout(state, currency, transactions)
        for currency, transactions in waiting.items()
        if sum(transaction["net"] for transaction in transactions) > 0
    ]


def _new_payout(state: State, currency: str, transactions: list[Doc]) -> Doc:
    amount = sum(transaction["net"] for transaction in transactions)
    now = state.clock.now()
    payout = state.new(
        KIND,
        NULLS,
        amount=amount,
        arrival_date=now - now % DAY_SECONDS + DAY_SECONDS,
        automatic=True,
        currency=currency,
        description="STRIPE PAYOUT",
        destination="ba_emulator",
        metadata={},
        method="standard",
        reconciliation_status="completed",
        source_type="card",
        status="paid",
        trace_id={"status": "pending", "value": None},
        type="bank_account",
    )
    own = new_balance_transaction(state, payout, KIND, -amount, available_at_once=True)
    payout["balance_transaction"] = own["id"]
    state.store.insert(payout)
    for transaction in (*transactions, own):
        state.update(transaction, _payout=payout["id"])
    for event_type in ("payout.created", "payout.paid", "payout.reconciliation_completed"):
        state.emit(event_type, payout)
    return payout
