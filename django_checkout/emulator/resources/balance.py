"""Balance transactions: what each charge, refund and dispute did to the account."""

from __future__ import annotations

from ..calls import Call, list_objects
from ..messages import Doc
from ..world import World

SETTLEMENT_SECONDS = 2 * 24 * 3600
FEE_PERMILLE = 15
FEE_FIXED_MINOR = 25


def new_balance_transaction(
    world: World, source: Doc, kind: str, amount: int, *, available_at_once: bool = False, fee: int | None = None
) -> Doc:
    """Make and keep a transaction; ``amount`` is negative where money leaves."""
    if fee is None:
        fee = amount * FEE_PERMILLE // 1000 + FEE_FIXED_MINOR if kind == "charge" else 0
    transaction = world.new(
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
    world.store.insert(transaction)
    if not available_at_once:
        world.schedule("make_available", transaction["id"], transaction["available_on"])
    return transaction


def make_available(world: World, transaction: Doc) -> None:
    """Move the money from pending to available."""
    world.update(transaction, status="available")


def retrieve_balance_transaction(call: Call) -> Doc:
    """GET /v1/balance_transactions/:id."""
    return call.world.get("balance_transaction", call.ids["id"])


def list_balance_transactions(call: Call) -> Doc:
    """GET /v1/balance_transactions."""
    where = {"_payout": call.params["payout"]} if "payout" in call.params else None
    return list_objects(call, "balance_transaction", ("currency", "source", "type"), where)
