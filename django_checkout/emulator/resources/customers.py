"""Customers."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..ids import random_text
from ..messages import Doc, missing_object
from ..world import World

FIELDS = (
    "address",
    "business_name",
    "description",
    "email",
    "individual_name",
    "name",
    "phone",
    "shipping",
    "preferred_locales",
    "tax_exempt",
)


def new_customer(world: World, params: Doc) -> Doc:
    """Make and keep a customer, and tell of it."""
    customer = world.new(
        "customer",
        address=_address(params.get("address")),
        balance=0,
        currency=None,
        customer_account=None,
        default_source=None,
        delinquent=False,
        description=params.get("description"),
        discount=None,
        email=params.get("email"),
        invoice_prefix=random_text(8).upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        metadata=merged_metadata({}, params.get("metadata", {})),
        name=params.get("name"),
        next_invoice_sequence=1,
        phone=params.get("phone"),
        preferred_locales=params.get("preferred_locales", []),
        shipping=_shipping(params.get("shipping")),
        tax_exempt=params.get("tax_exempt") or "none",
        test_clock=None,
    )
    customer.update({name: params[name] for name in ("business_name", "individual_name") if params.get(name)})
    world.store.insert(customer)
    world.emit("customer.created", customer)
    return customer


def _address(params: Doc | None) -> Doc | None:
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    return {**dict.fromkeys(names), **params} if params else None


def _shipping(params: Doc | None) -> Doc | None:
    return {"phone": None, **params, "address": _address(params["address"])} if params else None


def create_customer(call: Call) -> Doc:
    """POST /v1/customers."""
    return new_customer(call.world, call.params)


def retrieve_customer(call: Call) -> Doc:
    """GET /v1/customers/:customer."""
    return _get(call, with_deleted=True)


def update_customer(call: Call) -> Doc:
    """POST /v1/customers/:customer."""
    customer = _get(call)
    changes = {name: call.params[name] or None for name in FIELDS if name in call.params}
    if "address" in changes:
        changes["address"] = _address(changes["address"])
    if "shipping" in changes:
        changes["shipping"] = _shipping(changes["shipping"])
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(customer["metadata"], call.params["metadata"])
    return call.world.update(customer, "customer.updated", **changes)


def list_customers(call: Call) -> Doc:
    """GET /v1/customers."""
    return list_objects(call, "customer", ("email",))


def delete_customer(call: Call) -> Doc:
    """DELETE /v1/customers/:customer; the id stays known as deleted."""
    customer = _get(call)
    call.world.emit("customer.deleted", customer)
    deleted = {"id": customer["id"], "object": "customer", "deleted": True}
    call.world.store.delete(customer["id"])
    call.world.store.insert({**deleted, "object": "_deleted_customer"})
    return deleted


def _get(call: Call, *, with_deleted: bool = False) -> Doc:
    document = call.world.store.find(call.ids["customer"])
    if document is not None and document["object"] == "_deleted_customer" and with_deleted:
        return {**document, "object": "customer"}
    if document is None or document["object"] != "customer":
        raise missing_object("customer", call.ids["customer"], "id")
    return document
