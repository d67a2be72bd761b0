"""Customers."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, list_objects, merged_metadata
from django_checkout.emulator.api.params import plain
from django_checkout.emulator.api.resources import methods, subscriptions, test_clocks
from django_checkout.emulator.api.resources.charges import ADDRESS
from django_checkout.emulator.api.resources.session_values import check_email
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import Doc, missing_object
from django_checkout.emulator.state.state import State

_FIELDS = "address business_name description email individual_name name phone shipping preferred_locales tax_exempt"
FIELDS = tuple(_FIELDS.split())
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
        invoice_settings=dict.fromkeys(("custom_fields", "default_payment_method", "footer", "rendering_options")),
        metadata=merged_metadata({}, params.get("metadata", {})),
        name=params.get("name"),
        next_invoice_sequence=1,
        phone=params.get("phone"),
        preferred_locales=params.get("preferred_locales", []),
        shipping=_shipping(params.get("shipping")),
        test_clock=test_clocks.joined(state, params["test_clock"]) if params.get("test_clock") else None,
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
    state, params = call.state, call.params
    _check(params)
    sent = params.get("payment_method")
    method = methods.get_method(state, sent) if sent else None
    if method:
        methods.check_attachable(method)
    customer = new_customer(state, params)
    if method:
        methods.attach_to_customer(state, method, customer["id"])
    if "invoice_settings" in params:
        settings = dict(params["invoice_settings"])
        if method and settings.get("default_payment_method") == sent:
            settings["default_payment_method"] = method["id"]
        changes = _invoice_settings(state, customer, settings)
        # The default can be attached only to a customer that exists.
        event = "customer.updated" if changes["default_payment_method"] else None
        state.update(customer, event, invoice_settings=changes)
    return customer


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
    _check(call.params)
    changes = call.changes(customer, *FIELDS)
    if "address" in changes:
        changes["address"] = full_address(changes["address"])
    if "shipping" in changes:
        changes["shipping"] = _shipping(changes["shipping"])
    if "invoice_settings" in call.params:
        changes["invoice_settings"] = _invoice_settings(call.state, customer, call.params["invoice_settings"])
    return call.state.update(customer, "customer.updated", **changes)


def _check(params: Doc) -> None:
    email = plain(params).get("email")
    if email:
        check_email(email, "email")


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


ROUTES = {
    "GET /v1/customers": Route(list_customers),
    "POST /v1/customers": Route(
        create_customer,
        "balance cash_balance invoice_prefix next_invoice_sequence source tax tax_id_data",
    ),
    "GET /v1/customers/{customer}": Route(retrieve_customer),
    "POST /v1/customers/{customer}": Route(
        update_customer,
        "balance bank_account card cash_balance default_alipay_account default_bank_account "
        "default_card default_source invoice_prefix next_invoice_sequence source "
        "tax",
    ),
    "DELETE /v1/customers/{customer}": Route(delete_customer),
}
