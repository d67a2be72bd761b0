"""Customers."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, merged_metadata
from django_checkout.emulator.api.resources.charges import ADDRESS
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import Doc, missing_object
from django_checkout.emulator.state.state import State

_FIELDS = "address business_name description email individual_name name phone shipping preferred_locales tax_exempt"
FIELDS = tuple(_FIELDS.split())
#: Fields of a new object that are null.
NULLS = "currency customer_account default_source discount test_clock"


def new_customer(state: State, params: Doc) -> Doc:
    """Create a customer and emit the event."""
    customer = state.new(
        "customer",
        NULLS,
        address=full_address(params.get("address")),
        balance=0,
        delinquent=False,
        description=params.get("description"),
        email=params.get("email"),
        invoice_prefix=random_text(8).upper(),
        invoice_settings=dict.fromkeys(("custom_fields", "default_payment_method", "footer", "rendering_options")),
        metadata=merged_metadata({}, params.get("metadata", {})),
        name=params.get("name"),
        next_invoice_sequence=1,
        phone=params.get("phone"),
        preferred_locales=params.get("preferred_locales", []),
        shipping=_shipping(params.get("shipping")),
        tax_exempt=params.get("tax_exempt") or "none",
    )
    customer.update({name: params[name] for name in ("business_name", "individual_name") if params.get(name)})
    state.store.insert(customer)
    state.emit("customer.created", customer)
    return customer


def full_address(params: Doc | None) -> Doc | None:
    """Return an address with all of Stripe's fields."""
    return {**dict.fromkeys(ADDRESS), **params} if params else None


def _shipping(params: Doc | None) -> Doc | None:
    return {"phone": None, **params, "address": full_address(params["address"])} if params else None


def create_customer(call: Call) -> Doc:
    """POST /v1/customers."""
    return new_customer(call.state, call.params)


def retrieve_customer(call: Call) -> Doc:
    """GET /v1/customers/:customer."""
    return _get(call, with_deleted=True)


def update_customer(call: Call) -> Doc:
    """POST /v1/customers/:customer."""
    customer = _get(call)
    changes = call.changes(customer, *FIELDS)
    if "address" in changes:
        changes["address"] = full_address(changes["address"])
    if "shipping" in changes:
        changes["shipping"] = _shipping(changes["shipping"])
    return call.state.update(customer, "customer.updated", **changes)


def delete_customer(call: Call) -> Doc:
    """DELETE /v1/customers/:customer. The id stays known as deleted."""
    customer = _get(call)
    call.state.emit("customer.deleted", customer)
    deleted = {"id": customer["id"], "object": "customer", "deleted": True}
    call.state.store.delete(customer["id"])
    call.state.store.insert({**deleted, "object": "_deleted_customer"})
    return deleted


def _get(call: Call, *, with_deleted: bool = False) -> Doc:
    document = call.state.store.find(call.ids["customer"])
    if document is not None and document["object"] == "_deleted_customer" and with_deleted:
        return {**document, "object": "customer"}
    if document is None or document["object"] != "customer":
        raise missing_object("customer", call.ids["customer"], "id")
    return document
