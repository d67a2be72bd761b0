"""Balance transactions of charges, refunds, disputes and payouts."""

from __future__ import annotations

from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State

SETTLEMENT_SECONDS = 2 * 24 * 3600
FEE_PERMILLE = 15
FEE_FIXED_MINOR = 25


def new_balance_transaction(
    state: State, source: Doc, kind: str, amount: int, *, available_at_once: bool = False, fee: int | None = None
) -> Doc:
    """Create a transaction. ``amount`` is negative if money leaves the account."""
    if fee is None:
        fee = amount * FEE_PERMILLE // 1000 + FEE_FIXED_MINOR if kind == "charge" else 0
    transaction = state.new(
        "balance_transaction",
        amount=amount,
        available_on=0,
        balance_type="payments",
        currency=source["currency"],
        description=source.get("description"),
        exchange_rate=None,
        fee=fee,
        fee_details=[],
        net=amount - fee,
        reporting_category="dispute" if source["object"] == "dispute" else kind,
        source=source["id"],
        status="available" if available_at_once else "pending",
        type=kind,
    )
    transaction["available_on"] = transaction["created"] + (0 if available_at_once else SETTLEMENT_SECONDS)
    if fee:
        transaction["fee_details"] = [
            {
                "amount": fee,
                "application": None,
                "currency": source["currency"],
                "description": "Stripe processing fees" if kind == "charge" else "Dispute fee",
                "type": "stripe_fee",
            }
        ]
    del transaction["livemode"]
    state.store.insert(transaction)
    if not available_at_once:
        state.schedule("make_available", transaction["id"], transaction["available_on"])
    return transaction


def make_available(state: State, transaction: Doc) -> None:
    """Make a pending transaction available."""
    state.update(transaction, status="available")
