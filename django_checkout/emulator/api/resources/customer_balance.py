"""The credit balance of a customer, which invoices use up, and its cash balance, which bank transfers fund."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, list_objects
from django_checkout.emulator.messages import Doc, missing_object, not_implemented
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

CREDIT, CASH, SETTINGS = "customer_balance_transaction", "customer_cash_balance_transaction", "_cash_balance"
#: The currency of a balance that was set before the customer had a currency.
DEFAULT_CURRENCY = "usd"


def adjust(state: State, customer: Doc, amount: int, kind: str = "adjustment", **fields: object) -> Doc:
    """Add ``amount`` minor units to what a customer owes, or give credit if it is negative.

    Creates the transaction, updates the customer and emits ``customer.updated``.
    """
    ending = customer["balance"] + amount
    transaction = state.new(
        CREDIT,
        "checkout_session credit_note customer_account description invoice",
        amount=amount,
        customer=customer["id"],
        ending_balance=ending,
        metadata={},
        type=kind,
    )
    transaction["currency"] = customer["currency"] or DEFAULT_CURRENCY
    transaction.update(fields)
    state.store.insert(transaction)
    state.update(customer, "customer.updated", balance=ending)
    return transaction


def create(call: Call) -> Doc:
    """POST /v1/customers/:customer/balance_transactions."""
    customer, currency = _customer(call), check_currency(call.params["currency"], "currency")
    if customer["currency"] is None:
        call.state.update(customer, currency=currency)
    elif customer["currency"] != currency:
        raise not_implemented("a balance in another currency than the customer's", "currency")
    fields = {"description": call.params.get("description"), "metadata": call.params.get("metadata") or {}}
    return adjust(call.state, customer, call.params["amount"], currency=currency, **fields)


def list_credits(call: Call) -> Doc:
    """GET /v1/customers/:customer/balance_transactions."""
    return list_objects(call, CREDIT, ("invoice",), {"customer": _customer(call)["id"]})


def retrieve(call: Call) -> Doc:
    """GET /v1/customers/:customer/balance_transactions/:transaction."""
    return _transaction(call, CREDIT)


def update(call: Call) -> Doc:
    """POST /v1/customers/:customer/balance_transactions/:transaction. Its amount stays."""
    transaction = _transaction(call, CREDIT)
    return call.state.update(transaction, **call.changes(transaction, "description"))


def cash_balance(state: State, customer: str) -> Doc:
    """Return the cash balance of a customer, in minor units by currency."""
    available: dict[str, int] = {}
    for transaction in state.store.select(CASH, {"customer": customer}, oldest_first=True):
        available[transaction["currency"]] = transaction["ending_balance"]
    settings = state.store.find(f"cash:{customer}", SETTINGS) or {"mode": "merchant_default"}
    is_default = settings["mode"] == "merchant_default"
    return {
        "object": "cash_balance",
        "available": available or None,
        "customer": customer,
        "customer_account": None,
        "livemode": False,
        "settings": {
            "reconciliation_mode": "automatic" if is_default else settings["mode"],
            "using_merchant_default": is_default,
        },
    }


def set_cash(state: State, customer: str, params: Doc) -> None:
    """Store the settings of a cash balance that a request has."""
    mode = params.get("settings", {}).get("reconciliation_mode")
    if mode:
        state.store.delete(f"cash:{customer}")
        state.store.insert({"id": f"cash:{customer}", "object": SETTINGS, "mode": mode})


def retrieve_cash(call: Call) -> Doc:
    """GET /v1/customers/:customer/cash_balance."""
    return cash_balance(call.state, _customer(call)["id"])


def update_cash(call: Call) -> Doc:
    """POST /v1/customers/:customer/cash_balance."""
    customer = _customer(call)["id"]
    set_cash(call.state, customer, call.params)
    return cash_balance(call.state, customer)


def list_cash(call: Call) -> Doc:
    """GET /v1/customers/:customer/cash_balance_transactions."""
    return list_objects(call, CASH, where={"customer": _customer(call)["id"]})


def retrieve_cash_transaction(call: Call) -> Doc:
    """GET /v1/customers/:customer/cash_balance_transactions/:transaction."""
    return _transaction(call, CASH)


def move(state: State, customer: str, currency: str, amount: int, kind: str, **fields: object) -> Doc:
    """Add an amount in minor units to a cash balance, or take it away if it is negative. Emit the event."""
    before = available(state, customer, currency)
    transaction = state.new(
        CASH,
        "customer_account",
        currency=currency,
        customer=customer,
        ending_balance=before + amount,
        net_amount=amount,
        type=kind,
        **fields,
    )
    state.store.insert(transaction)
    state.emit("customer_cash_balance_transaction.created", transaction)
    return transaction


def available(state: State, customer: str, currency: str) -> int:
    """Return the cash balance of a customer in a currency, in minor units."""
    return int((cash_balance(state, customer)["available"] or {}).get(currency, 0))


def is_automatic(state: State, customer: str) -> bool:
    """Return whether Stripe applies the cash balance of a customer to payments by itself."""
    return bool(cash_balance(state, customer)["settings"]["reconciliation_mode"] == "automatic")


def _customer(call: Call) -> Doc:
    return call.state.get("customer", call.ids["customer"], "customer", status=404)


def _transaction(call: Call, kind: str) -> Doc:
    found = call.state.get(kind, call.ids["transaction"], "transaction", status=404)
    if found["customer"] != _customer(call)["id"]:
        raise missing_object(kind, call.ids["transaction"], "transaction", status=404)
    return found


EXPANDABLE = {CREDIT: ("credit_note", "customer", "invoice"), CASH: ("customer",)}
_CUSTOMER = "/v1/customers/{customer}"
ROUTES = {
    f"GET {_CUSTOMER}/balance_transactions": Route(list_credits),
    f"POST {_CUSTOMER}/balance_transactions": Route(create),
    f"GET {_CUSTOMER}/balance_transactions/{{transaction}}": Route(retrieve),
    f"POST {_CUSTOMER}/balance_transactions/{{transaction}}": Route(update),
    f"GET {_CUSTOMER}/cash_balance": Route(retrieve_cash),
    f"POST {_CUSTOMER}/cash_balance": Route(update_cash),
    f"GET {_CUSTOMER}/cash_balance_transactions": Route(list_cash),
    f"GET {_CUSTOMER}/cash_balance_transactions/{{transaction}}": Route(retrieve_cash_transaction),
}
