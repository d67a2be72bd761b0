"""Payouts of the available balance: automatic ones, one per currency, and those of the API."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, merged_metadata, retrieve
from django_checkout.emulator.api.resources.balance import available, new_balance_transaction
from django_checkout.emulator.api.resources.session_values import invalid_integer
from django_checkout.emulator.messages import ApiError, Doc, StateError
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

KIND = "payout"
DAY_SECONDS = 24 * 3600
DESTINATION = "ba_emulator"
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
        _pay_out_automatically(state, currency, transactions)
        for currency, transactions in waiting.items()
        if sum(transaction["net"] for transaction in transactions) > 0
    ]


def _pay_out_automatically(state: State, currency: str, transactions: list[Doc]) -> Doc:
    amount = sum(transaction["net"] for transaction in transactions)
    payout = _new(state, amount, currency, automatic=True, description="STRIPE PAYOUT")
    payout.update(reconciliation_status="completed", status="paid")
    own = _take(state, payout)
    for transaction in (*transactions, own):
        state.update(transaction, _payout=payout["id"])
    for event_type in ("payout.created", "payout.paid", "payout.reconciliation_completed"):
        state.emit(event_type, payout)
    return payout


def _new(state: State, amount: int, currency: str, **fields: object) -> Doc:
    now = state.clock.now()
    common = {
        "amount": amount,
        "arrival_date": now - now % DAY_SECONDS + DAY_SECONDS,
        "currency": currency,
        "destination": DESTINATION,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "not_applicable",
        "source_type": "card",
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }
    return state.new(KIND, NULLS, **{**common, **fields})


def _take(state: State, payout: Doc) -> Doc:
    """Store a payout and take its amount from the balance."""
    own = new_balance_transaction(state, payout, KIND, -payout["amount"], available_at_once=True)
    payout["balance_transaction"] = own["id"]
    state.store.insert(payout)
    return own


def create(call: Call) -> Doc:
    """POST /v1/payouts. The balance must cover it, and it arrives the next day."""
    state, params = call.state, call.params
    amount, currency = params["amount"], check_currency(params["currency"], "currency")
    if amount < 1:
        raise invalid_integer("Invalid positive integer", "amount")
    if params.get("destination", DESTINATION) != DESTINATION:
        raise ApiError(
            f"No such external account: '{params['destination']}'", code="resource_missing", param="destination"
        )
    if amount > available(state).get(currency, 0):
        # stripe/stripe-node#1147
        raise StateError(
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low.  You "
            "can use the /v1/balance endpoint to view your Stripe balance (for more details, see "
            "stripe.com/docs/api#balance).",
            code="balance_insufficient",
        )
    payout = _new(
        state,
        amount,
        currency,
        automatic=False,
        description=params.get("description"),
        metadata=merged_metadata({}, params.get("metadata", {})),
        method=params.get("method", "standard"),
        source_type=params.get("source_type", "card"),
        statement_descriptor=params.get("statement_descriptor"),
    )
    _take(state, payout)
    state.emit("payout.created", payout)
    state.schedule("arrive_payout", payout["id"], payout["arrival_date"])
    return payout


def arrive(state: State, payout: Doc) -> None:
    """Complete a payout that has not been canceled."""
    if payout["status"] == "pending":
        state.update(payout, "payout.paid", status="paid")


def update(call: Call) -> Doc:
    """POST /v1/payouts/:payout."""
    payout = call.target(KIND)
    return call.state.update(payout, "payout.updated", **call.changes(payout))


def cancel(call: Call) -> Doc:
    """POST /v1/payouts/:payout/cancel, of a pending payout of the API. The money returns to the balance."""
    state, payout = call.state, call.target(KIND)
    if payout["status"] != "pending" or payout["automatic"]:
        raise StateError("Payouts can only be canceled while they are pending.", param="payout")
    returned = new_balance_transaction(state, payout, "payout_cancel", payout["amount"], available_at_once=True)
    changes = {"status": "canceled", "failure_balance_transaction": returned["id"]}
    return state.update(payout, "payout.canceled", **changes)


EXPANDABLE = {
    "payout": ("balance_transaction", "failure_balance_transaction"),
}
ROUTES = {
    "GET /v1/payouts": Route(partial(list_kind, "payout", "destination status"), "arrival_date"),
    "GET /v1/payouts/{payout}": Route(partial(retrieve, "payout")),
    "POST /v1/payouts": Route(create, "payout_method", {"method": "standard", "source_type": "card"}),
    "POST /v1/payouts/{payout}": Route(update),
    "POST /v1/payouts/{payout}/cancel": Route(cancel),
}
