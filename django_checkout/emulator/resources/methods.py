"""Payment methods that a customer keeps: attached, listed, changed, detached."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..messages import ApiError, Doc
from ..world import World

KIND = "payment_method"


def keep(world: World, method: Doc, customer: str, *, always: bool = False) -> None:
    """Attach a payment method to a customer; ``always`` is the shopper's wish to be offered it again."""
    method["allow_redisplay"] = "always" if always else "limited"
    method["customer"] = customer
    world.store.save(method)
    world.emit("payment_method.attached", method)


def saved(world: World, session: Doc) -> list[Doc]:
    """Return the cards that a session offers its customer, newest first."""
    options = session["saved_payment_method_options"]
    if not session["customer"] or not options or session["mode"] == "setup":
        return []
    where = {"customer": session["customer"], "type": "card", "allow_redisplay": options["allow_redisplay_filters"]}
    return world.store.select(KIND, where)


def retrieve(call: Call) -> Doc:
    """GET /v1/payment_methods/:payment_method."""
    return call.world.get(KIND, call.ids["payment_method"], "payment_method")


def list_methods(call: Call) -> Doc:
    """GET /v1/payment_methods: those of a customer."""
    if "customer" not in call.params:
        return list_objects(call, KIND, ("type",), {"customer": []})
    call.world.get("customer", call.params["customer"], "customer")
    return list_objects(call, KIND, ("allow_redisplay", "customer", "type"))


def list_of_customer(call: Call) -> Doc:
    """GET /v1/customers/:customer/payment_methods."""
    customer = call.world.get("customer", call.ids["customer"], "customer")
    return list_objects(call, KIND, ("allow_redisplay", "type"), {"customer": customer["id"]})


def update(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method."""
    method = retrieve(call)
    changes = {name: call.params[name] for name in ("allow_redisplay",) if name in call.params}
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(method["metadata"], call.params["metadata"])
    return call.world.update(method, "payment_method.updated", **changes)


def attach(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method/attach."""
    method = retrieve(call)
    customer = call.world.get("customer", call.params["customer"], "customer")
    if method["customer"] and method["customer"] != customer["id"]:
        raise ApiError("The payment method you provided has already been attached to a customer.")
    if not method["customer"]:
        keep(call.world, method, customer["id"])
    return method


def detach(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method/detach."""
    method = retrieve(call)
    if not method["customer"]:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise ApiError(message, param="payment_method")
    return call.world.update(method, "payment_method.detached", customer=None)
