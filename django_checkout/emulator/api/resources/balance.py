"""Balance transactions of charges, refunds, disputes and payouts."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, retrieve
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State

SETTLEMENT_SECONDS = 2 * 24 * 3600
DEFAULT_CURRENCY = "usd"
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
    elif kind == "charge":
        state.emit("balance.available", _shown(state))
    return transaction


def make_available(state: State, transaction: Doc) -> None:
    """Make a pending transaction available.

    The event "is not fired for negative transactions": https://docs.stripe.com/api/events/types
    """
    state.update(transaction, status="available")
    if transaction["net"] > 0:
        state.emit("balance.available", _shown(state))


def available(state: State) -> dict[str, int]:
    """Return the available balance by currency."""
    return _balance(state, "available")


def _balance(state: State, status: str) -> dict[str, int]:
    amounts: dict[str, int] = defaultdict(int)
    for transaction in state.store.select("balance_transaction", {"status": status}):
        amounts[transaction["currency"]] += transaction["net"]
    return amounts


def retrieve_balance(call: Call) -> Doc:
    """GET /v1/balance. The account's own currency is always there."""
    return _shown(call.state)


def _shown(state: State) -> Doc:
    shown = {}
    for status in ("available", "pending"):
        amounts = {DEFAULT_CURRENCY: 0, **_balance(state, status)}
        shown[status] = [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(amounts.items())
        ]
    return {"object": "balance", "livemode": False, **shown}


EXPANDABLE = {
    "balance_transaction": ("source",),
}
ROUTES = {
    "GET /v1/balance": Route(retrieve_balance),
    "GET /v1/balance_transactions": Route(
        partial(list_kind, "balance_transaction", "currency source type payout=_payout")
    ),
    "GET /v1/balance_transactions/{id}": Route(partial(retrieve, "balance_transaction")),
}
