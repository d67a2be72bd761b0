"""Cards of customers from tokens, the predecessors of PaymentMethods. Each is a PaymentMethod of the same id as well.

https://docs.stripe.com/payments/payment-methods/transitioning#compatibility
"""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, list_objects, list_of, merged_metadata
from django_checkout.emulator.api.resources import charges, methods, tokens
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import Doc, missing_object, not_implemented
from django_checkout.emulator.state.state import State

KIND, METHOD = "card", methods.KIND
#: Fields of a card that are null here.
NULLS = "address_line1_check address_zip_check dynamic_last4 name tokenization_method"
ADDRESS = {
    "address_city": "city",
    "address_country": "country",
    "address_line1": "line1",
    "address_line2": "line2",
    "address_state": "state",
    "address_zip": "postal_code",
}
KNOWN = ("country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status")


def attach(state: State, customer: Doc, token: str, param: str = "source") -> Doc:
    """Create the card of a token, attach it to a customer and emit its event. The caller sets the default."""
    if token.startswith("src_"):
        raise not_implemented("a source other than the token of a card", param)
    card, expiry = tokens.use_token(state, token, param)
    method = charges.new_method(state, card, "card", charges.blank_billing())
    state.store.delete(method["id"])
    method.update(id=new_id(KIND), allow_redisplay="unspecified", _is_source=True)
    method["card"].update(expiry)
    state.store.insert(method)
    methods.check_attachable(method, customer["id"])
    state.update(method, customer=customer["id"])
    state.emit("customer.source.created", card_of(method))
    return method


def card_of(method: Doc) -> Doc:
    """Return the card of a PaymentMethod."""
    known, billing = method["card"], method["billing_details"]
    return {
        **dict.fromkeys(NULLS.split()),
        **{name: (billing["address"] or {}).get(part) for name, part in ADDRESS.items()},
        **{name: known[name] for name in KNOWN},
        "id": method["id"],
        "object": KIND,
        "allow_redisplay": method["allow_redisplay"],
        "brand": tokens.BRANDS[known["brand"]],
        "customer": method["customer"],
        "cvc_check": known["checks"]["cvc_check"],
        "metadata": method["metadata"],
        "name": billing["name"],
        "networks": {"preferred": None},
    }


def create(call: Call) -> Doc:
    """POST /v1/customers/:customer/sources. The first one becomes the default."""
    state, customer = call.state, _customer(call)
    if "source" not in call.params:
        raise missing("source")
    method = attach(state, customer, call.params["source"])
    if "metadata" in call.params:
        state.update(method, metadata=merged_metadata({}, call.params["metadata"]))
    if not customer["default_source"]:
        state.update(customer, "customer.updated", default_source=method["id"])
    return card_of(method)


def retrieve(call: Call) -> Doc:
    """GET /v1/customers/:customer/sources/:id."""
    return card_of(_target(call))


def list_cards(call: Call) -> Doc:
    """GET /v1/customers/:customer/sources."""
    customer = _customer(call)
    if call.params.get("object", KIND) != KIND:
        return list_of([], call.path)
    page = list_objects(call, METHOD, where={"customer": customer["id"], "_is_source": True})
    return {**page, "data": [card_of(method) for method in page["data"]]}


def update(call: Call) -> Doc:
    """POST /v1/customers/:customer/sources/:id."""
    state, params, method = call.state, call.params, _target(call)
    before = card_of(method)
    changes = call.changes(method)
    address = {part: params[name] for name, part in ADDRESS.items() if name in params}
    billing = {**method["billing_details"], "address": {**(method["billing_details"]["address"] or {}), **address}}
    if "name" in params:
        billing["name"] = params["name"]
    expiry = tokens.checked_expiry(state, params, "")
    state.update(method, billing_details=billing, card={**method["card"], **expiry}, **changes)
    after = card_of(method)
    previous = {name: value for name, value in before.items() if after[name] != value}
    state.emit("customer.source.updated", after, previous)
    return after


def delete(call: Call) -> Doc:
    """DELETE /v1/customers/:customer/sources/:id. The newest of the others becomes the default."""
    state, customer, method = call.state, _customer(call), _target(call)
    state.store.delete(method["id"])
    state.emit("customer.source.deleted", card_of(method))
    if customer["default_source"] == method["id"]:
        others = state.store.select(METHOD, {"customer": customer["id"], "_is_source": True}, limit=1)
        state.update(customer, "customer.updated", default_source=others[0]["id"] if others else None)
    return {"id": method["id"], "object": KIND, "deleted": True}


def _customer(call: Call) -> Doc:
    return call.state.get("customer", call.ids["customer"], "customer", status=404)


def _target(call: Call) -> Doc:
    """Return the PaymentMethod of the card in the path."""
    customer = _customer(call)
    method = call.state.store.find(call.ids["id"], METHOD)
    if method is None or method["customer"] != customer["id"] or not method.get("_is_source"):
        raise missing_object("source", call.ids["id"], "id", status=404)
    return method


ROUTES = {
    "GET /v1/customers/{customer}/sources": Route(list_cards),
    "POST /v1/customers/{customer}/sources": Route(create, "alipay_account bank_account card"),
    "GET /v1/customers/{customer}/sources/{id}": Route(retrieve),
    "POST /v1/customers/{customer}/sources/{id}": Route(update, "account_holder_name account_holder_type owner"),
    "DELETE /v1/customers/{customer}/sources/{id}": Route(delete),
}
