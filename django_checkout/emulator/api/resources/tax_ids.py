"""Tax IDs of customers and of the account: https://docs.stripe.com/api/tax_ids."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, list_objects, list_of
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.messages import ApiError, Doc, missing_object
from django_checkout.emulator.reference import tax_ids
from django_checkout.emulator.state.state import State

KIND = "tax_id"


def new_tax_id(state: State, customer: str | None, kind: str, value: str, param: str = "value") -> Doc:
    """Create a tax ID of a customer or of the account, and start its verification. Raises ``ApiError``."""
    value = value.upper()
    if not tax_ids.is_valid(kind, value):
        # https://docs.stripe.com/error-codes#tax-id-invalid
        raise ApiError(f"Invalid value for {kind}.", code="tax_id_invalid", param=param)
    status = "pending" if kind in tax_ids.VERIFIED else "unavailable"
    owner: Doc = {"type": "customer", "customer": customer} if customer else {"type": "self"}
    tax_id = state.new(
        KIND,
        "customer_account",
        country=tax_ids.country_of(kind, value),
        customer=customer,
        owner=owner,
        type=kind,
        value=value,
        verification={"status": status, "verified_address": None, "verified_name": None} if customer else None,
    )
    state.store.insert(tax_id)
    if customer:
        state.emit("customer.tax_id.created", tax_id)
        if status == "pending" and tax_ids.result_of(value):
            state.schedule("verify_tax_id", tax_id["id"], state.clock.now())
    return tax_id


def check_own(state: State, params: Doc) -> None:
    """Raise Stripe's error for one of a session's ``account_tax_ids`` that the account does not have."""
    for tax_id in params.get("invoice_creation", {}).get("invoice_data", {}).get("account_tax_ids") or []:
        if state.get(KIND, tax_id, "invoice_creation[invoice_data][account_tax_ids]")["owner"]["type"] != "self":
            raise missing_object(KIND, tax_id, "invoice_creation[invoice_data][account_tax_ids]")


def verify(state: State, tax_id: Doc) -> None:
    """Record what the verification of a number finds."""
    status = tax_ids.result_of(tax_id["value"])
    shown = "Emulated" if status == "verified" else None
    state.update(
        tax_id,
        "customer.tax_id.updated",
        verification={"status": status, "verified_address": shown, "verified_name": shown},
    )


def of_customer(state: State, customer: str) -> list[Doc]:
    """Return the tax IDs of a customer, newest first."""
    return state.store.select(KIND, {"customer": customer})


def shown_on_documents(state: State, customer: str) -> list[Doc]:
    """Return the tax IDs of a customer as sessions and invoices show them."""
    return [{"type": tax_id["type"], "value": tax_id["value"]} for tax_id in of_customer(state, customer)]


def list_on_customer(state: State, customer: Doc) -> Doc:
    """Return the expanded list in a customer."""
    return list_of(of_customer(state, customer["id"]), f"/v1/customers/{customer['id']}/tax_ids")


def keep(state: State, customer: str, kind: str, value: str) -> None:
    """Create a tax ID of a customer unless the customer has it."""
    if {"type": kind, "value": value} not in shown_on_documents(state, customer):
        new_tax_id(state, customer, kind, value)


def create_of_customer(call: Call) -> Doc:
    """POST /v1/customers/:customer/tax_ids."""
    return new_tax_id(call.state, _customer(call)["id"], call.params["type"], call.params["value"])


def list_of_customer(call: Call) -> Doc:
    """GET /v1/customers/:customer/tax_ids."""
    return list_objects(call, KIND, where={"customer": _customer(call)["id"]})


def retrieve_of_customer(call: Call) -> Doc:
    """GET /v1/customers/:customer/tax_ids/:id."""
    return _of_customer(call)


def delete_of_customer(call: Call) -> Doc:
    """DELETE /v1/customers/:customer/tax_ids/:id."""
    return _delete(call, _of_customer(call))


def create(call: Call) -> Doc:
    """POST /v1/tax_ids. The owner is the account unless it is a customer."""
    owner = call.params.get("owner", {})
    customer = None
    if owner.get("type", "self") == "customer":
        if "customer" not in owner:
            raise missing("owner[customer]")
        customer = call.state.get("customer", owner["customer"], "owner[customer]")["id"]
    return new_tax_id(call.state, customer, call.params["type"], call.params["value"])


def list_all(call: Call) -> Doc:
    """GET /v1/tax_ids. Without an owner, those of the account."""
    owner = call.params.get("owner", {})
    if owner.get("type", "self") != "customer":
        return list_objects(call, KIND, where={"owner.type": "self"})
    if "customer" not in owner:
        raise missing("owner[customer]")
    return list_objects(call, KIND, where={"customer": owner["customer"]})


def retrieve(call: Call) -> Doc:
    """GET /v1/tax_ids/:id."""
    return call.target(KIND)


def delete(call: Call) -> Doc:
    """DELETE /v1/tax_ids/:id."""
    return _delete(call, call.target(KIND))


def _customer(call: Call) -> Doc:
    return call.state.get("customer", call.ids["customer"], "customer", status=404)


def _of_customer(call: Call) -> Doc:
    tax_id = call.state.get(KIND, call.ids["id"], "id", status=404)
    if tax_id["customer"] != _customer(call)["id"]:
        raise missing_object(KIND, call.ids["id"], status=404)
    return tax_id


def _delete(call: Call, tax_id: Doc) -> Doc:
    call.state.store.delete(tax_id["id"])
    if tax_id["customer"]:
        call.state.emit("customer.tax_id.deleted", tax_id)
    return {"id": tax_id["id"], "object": KIND, "deleted": True}


EXPANDABLE = {"tax_id": ("customer", "owner.customer")}
OWNERS = {"owner.type": "customer self"}
ROUTES = {
    "GET /v1/customers/{customer}/tax_ids": Route(list_of_customer),
    "POST /v1/customers/{customer}/tax_ids": Route(create_of_customer),
    "GET /v1/customers/{customer}/tax_ids/{id}": Route(retrieve_of_customer),
    "DELETE /v1/customers/{customer}/tax_ids/{id}": Route(delete_of_customer),
    "GET /v1/tax_ids": Route(list_all, "owner.account owner.customer_account", OWNERS),
    "POST /v1/tax_ids": Route(create, "owner.account owner.customer_account", OWNERS),
    "GET /v1/tax_ids/{id}": Route(retrieve),
    "DELETE /v1/tax_ids/{id}": Route(delete),
}
