"""Saved payment methods of customers."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, list_objects
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.state.state import State

KIND = "payment_method"


def attach_to_customer(state: State, method: Doc, customer: str, *, always: bool = False) -> None:
    """Attach a payment method to a customer. ``always`` offers it again at later sessions."""
    method["allow_redisplay"] = "always" if always else "limited"
    method["customer"] = customer
    state.store.save(method)
    state.emit("payment_method.attached", method)


def saved(state: State, session: Doc) -> list[Doc]:
    """Return the saved cards that a session offers, newest first."""
    options = session["saved_payment_method_options"]
    if not session["customer"] or not options or session["mode"] == "setup":
        return []
    where = {"customer": session["customer"], "type": "card", "allow_redisplay": options["allow_redisplay_filters"]}
    return state.store.select(KIND, where)


def list_methods(call: Call) -> Doc:
    """GET /v1/payment_methods, of a customer only."""
    if "customer" not in call.params:
        return list_objects(call, KIND, ("type",), {"customer": []})
    call.state.get("customer", call.params["customer"], "customer")
    return list_objects(call, KIND, ("allow_redisplay", "customer", "type"))


def list_of_customer(call: Call) -> Doc:
    """GET /v1/customers/:customer/payment_methods."""
    customer = call.state.get("customer", call.ids["customer"], "customer")
    return list_objects(call, KIND, ("allow_redisplay", "type"), {"customer": customer["id"]})


def update(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method."""
    method = call.target(KIND)
    return call.state.update(method, "payment_method.updated", **call.changes(method, "allow_redisplay"))


def attach(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method/attach."""
    method = call.target(KIND)
    customer = call.state.get("customer", call.params["customer"], "customer")
    if method["customer"] and method["customer"] != customer["id"]:
        raise ApiError("The payment method you provided has already been attached to a customer.")
    if not method["customer"]:
        attach_to_customer(call.state, method, customer["id"])
    return method


def detach(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method/detach."""
    method = call.target(KIND)
    if not method["customer"]:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise ApiError(message, param="payment_method")
    return call.state.update(method, "payment_method.detached", customer=None)
