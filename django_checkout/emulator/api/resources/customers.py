"""Customers."""

from __future__ import annotations

import re

from django_checkout.emulator.api.calls import Call, Route, list_objects, merged_metadata
from django_checkout.emulator.api.resources import (
    customer_balance,
    customer_cards,
    methods,
    subscriptions,
    tax_ids,
    test_clocks,
)
from django_checkout.emulator.api.resources.charges import ADDRESS
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, missing_object
from django_checkout.emulator.state.state import State

_FIELDS = "address business_name description email individual_name name phone shipping preferred_locales tax_exempt"
FIELDS = tuple(_FIELDS.split())
INVOICE_SETTINGS = ("custom_fields", "default_payment_method", "footer", "rendering_options")
#: Fields that a customer has only if they are set.
NAMES = ("business_name", "individual_name")
#: Fields of a new object that are null.
NULLS = "currency customer_account default_source discount"


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
        invoice_settings=dict.fromkeys(INVOICE_SETTINGS),
        metadata=merged_metadata({}, params.get("metadata", {})),
        name=params.get("name"),
        next_invoice_sequence=1,
        phone=params.get("phone"),
        preferred_locales=params.get("preferred_locales", []),
        shipping=_shipping(params.get("shipping")),
        test_clock=test_clocks.joined(state, params["test_clock"]) if params.get("test_clock") else None,
        tax_exempt=params.get("tax_exempt") or "none",
    )
    customer.update({name: params[name] for name in NAMES if params.get(name)})
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
    state, params = call.state, call.params
    sent = params.get("payment_method")
    method = methods.get_method(state, sent) if sent else None
    if method:
        methods.check_attachable(method)
    customer = new_customer(state, params)
    if method:
        methods.attach_to_customer(state, method, customer["id"])
    changes = _numbering(params)
    if "source" in params:
        changes["default_source"] = customer_cards.attach(state, customer, params["source"])["id"]
    if "invoice_settings" in params:
        settings = dict(params["invoice_settings"])
        if method and settings.get("default_payment_method") == sent:
            settings["default_payment_method"] = method["id"]
        changes["invoice_settings"] = _invoice_settings(state, customer, settings)
    if changes:
        # The default can be attached only to a customer that exists.
        is_default = changes.get("invoice_settings", {}).get("default_payment_method") or "default_source" in changes
        event = "customer.updated" if is_default else None
        state.update(customer, event, **changes)
    for index, tax_id in enumerate(params.get("tax_id_data", ())):
        tax_ids.new_tax_id(state, customer["id"], tax_id["type"], tax_id["value"], f"tax_id_data[{index}][value]")
    customer_balance.set_cash(state, customer["id"], params.get("cash_balance", {}))
    if params.get("balance"):
        customer_balance.adjust(state, customer, params["balance"], "initial")
    return customer


def _numbering(params: Doc) -> Doc:
    """Return the changes of how invoices of the customer are numbered. Raises ``ApiError``."""
    changes: Doc = {name: params[name] for name in ("invoice_prefix", "next_invoice_sequence") if name in params}
    if not re.fullmatch("[A-Z0-9]{3,12}", changes.get("invoice_prefix", "AAA")):
        # https://docs.stripe.com/invoicing/customize#invoice-numbering
        raise ApiError("Invoice prefix must be 3-12 uppercase letters or numbers", param="invoice_prefix")
    return changes


def _invoice_settings(state: State, customer: Doc, sent: Doc) -> Doc:
    """Return the invoice settings of a customer after a change. "" unsets a field."""
    changed: Doc = {**customer["invoice_settings"], **{name: value or None for name, value in sent.items()}}
    if sent.get("default_payment_method"):
        changed["default_payment_method"] = methods.own_method(
            state, customer["id"], sent["default_payment_method"], "invoice_settings[default_payment_method]"
        )
    if changed["rendering_options"]:
        changed["rendering_options"] = {"amount_tax_display": None, "template": None, **changed["rendering_options"]}
    return changed


def list_customers(call: Call) -> Doc:
    """GET /v1/customers."""
    return list_objects(call, "customer", ("email",), {"test_clock": call.params.get("test_clock")})


def retrieve_customer(call: Call) -> Doc:
    """GET /v1/customers/:customer."""
    return _get(call, with_deleted=True)


def update_customer(call: Call) -> Doc:
    """POST /v1/customers/:customer."""
    customer = _get(call)
    changes = call.changes(customer, *FIELDS)
    for name in NAMES:
        # An empty name is removed: Stripe's document does not know it as null.
        if changes.get(name, "") is None:
            del changes[name]
            customer.pop(name, None)
    if "address" in changes:
        changes["address"] = full_address(changes["address"])
    if "shipping" in changes:
        changes["shipping"] = _shipping(changes["shipping"])
    if "invoice_settings" in call.params:
        changes["invoice_settings"] = _invoice_settings(call.state, customer, call.params["invoice_settings"])
    changes.update(_numbering(call.params))
    customer_balance.set_cash(call.state, customer["id"], call.params.get("cash_balance", {}))
    if call.params.get("balance", customer["balance"]) != customer["balance"]:
        call.state.update(customer, **changes)
        customer_balance.adjust(call.state, customer, call.params["balance"] - customer["balance"])
        return customer
    return call.state.update(customer, "customer.updated", **changes)


def delete_customer(call: Call) -> Doc:
    """DELETE /v1/customers/:customer. The id stays known as deleted."""
    customer = _get(call)
    for subscription in subscriptions.alive_of(call.state, customer["id"]):
        subscriptions.end(call.state, subscription)
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
        raise missing_object("customer", call.ids["customer"], "id", status=404)
    return document


EXPANDABLE = {
    "customer": (
        "cash_balance",
        "invoice_settings.default_payment_method",
        "subscriptions",
        "tax_ids",
        "test_clock",
    ),
}
ROUTES = {
    "GET /v1/customers": Route(list_customers),
    "POST /v1/customers": Route(
        create_customer,
        "tax",
    ),
    "GET /v1/customers/{customer}": Route(retrieve_customer),
    "POST /v1/customers/{customer}": Route(
        update_customer,
        "bank_account card default_alipay_account default_bank_account default_card default_source source tax",
    ),
    "DELETE /v1/customers/{customer}": Route(delete_customer),
}
