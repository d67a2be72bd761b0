"""Completes a session: what the shopper told comes onto it, the customer is made, the card is kept."""

from __future__ import annotations

from .conversion import presented
from .messages import Doc
from .resources import discounts
from .resources.customers import new_customer
from .resources.methods import keep
from .resources.session_object import details
from .shopper import Shopper
from .world import World


def saves_method(session: Doc, shopper: Shopper) -> bool:
    """Return whether the way of paying is kept for later."""
    asked = session["_params"].get("payment_intent_data", {}).get("setup_future_usage")
    by_method = session["_params"].get("payment_method_options", {}).get("card", {}).get("setup_future_usage")
    wanted = shopper.saves_card and offers_saving(session)
    return bool(session["mode"] != "payment" or asked or by_method or wanted)


def offers_saving(session: Doc) -> bool:
    """Return whether the page asks the shopper to keep the card."""
    options: Doc = session["saved_payment_method_options"] or {}
    return bool(options.get("payment_method_save") == "enabled")


def needs_customer(session: Doc, shopper: Shopper) -> bool:
    """Return whether a session that is completed leaves a Customer behind."""
    if session["mode"] == "setup":
        return bool(session["customer_creation"] == "always")
    invoiced = (session["invoice_creation"] or {}).get("enabled", False)
    return bool(session["customer_creation"] == "always" or invoiced or saves_method(session, shopper))


def bind_customer(world: World, session: Doc, shopper: Shopper) -> str | None:
    """Return the Customer of a session, making it where one is needed."""
    if not session["customer"] and needs_customer(session, shopper):
        known = known_email(session)
        customer = new_customer(
            world,
            {
                "email": known or shopper.email,
                "name": shopper.name,
                "address": shopper.billing["address"],
                **({"phone": shopper.phone} if shopper.phone else {}),
            },
        )
        session["customer"] = customer["id"]
        world.store.save(session)
    customer_id: str | None = session["customer"]
    return customer_id


def keep_method(world: World, session: Doc, method: Doc, shopper: Shopper) -> None:
    """Attach the way of paying to the Customer if it is to be kept."""
    if session["customer"] and not method["customer"] and saves_method(session, shopper):
        keep(world, method, session["customer"], always=shopper.saves_card)


def known_email(session: Doc) -> str:
    """Return the address that the shop gave, itself or with the customer; the shopper cannot change it."""
    return session.get("_known_email") or ""


def complete(world: World, session: Doc, shopper: Shopper, payment_status: str, **changes: object) -> None:
    """Close a session as paid, free or on its way, with what the shopper told."""
    typed = session["_typed"]
    told = {
        "address": shopper.billing["address"] if session["mode"] != "setup" else None,
        "business_name": typed.get("business_name"),
        "email": known_email(session) or shopper.email,
        "individual_name": typed.get("individual_name"),
        "name": shopper.name,
        "phone": shopper.phone or typed.get("phone"),
        "tax_exempt": (session["customer_details"] or {}).get("tax_exempt", "none"),
        "tax_ids": [typed["tax_id"]] if typed.get("tax_id") else [],
    }
    discounts.redeem(world, session)
    collected = _collected(session, shopper) or session["collected_information"]
    customer = bind_customer(world, session, shopper)
    _save_on_customer(world, session, told, (collected or {}).get("shipping_details"))
    world.update(
        session,
        "checkout.session.completed",
        **{
            "customer": customer,
            "customer_details": details(**told),
            "collected_information": collected,
            "consent": _consent(session),
            "custom_fields": _answered(session),
            **presented(session),
            "status": "complete",
            "payment_status": payment_status,
            "url": None,
            "client_secret": None,
            **changes,
        },
    )


def _save_on_customer(world: World, session: Doc, told: Doc, shipping: Doc | None) -> None:
    """Copy onto a known Customer what ``customer_update`` says is copied."""
    update = session["_params"].get("customer_update", {})
    told = {"address": told["address"], "name": told["business_name"] or told["name"], "shipping": shipping}
    changes = {name: value for name, value in told.items() if value and update.get(name) == "auto"}
    if "shipping" in changes:
        changes["shipping"] = {"phone": None, **changes["shipping"]}
    if changes:
        world.update(world.get("customer", session["customer"]), "customer.updated", **changes)


def _collected(session: Doc, shopper: Shopper) -> Doc | None:
    typed = session["_typed"]
    shipping = None
    if session["shipping_address_collection"]:
        address = {**shopper.billing["address"], "line1": shopper.line1 or "1 Example Street"}
        shipping = typed.get("shipping") or {"address": address, "name": shopper.name}
    names = {name: typed.get(name) for name in ("business_name", "individual_name")}
    return {**names, "shipping_details": shipping} if shipping or any(names.values()) else None


def _consent(session: Doc) -> Doc | None:
    asked: Doc | None = session["consent_collection"]
    if asked is None:
        return None
    given = session["_typed"].get("consent", {})
    promotions = "opt_in" if given.get("promotions") else "opt_out"
    return {
        "promotions": promotions if asked["promotions"] == "auto" else None,
        "terms_of_service": "accepted" if asked["terms_of_service"] == "required" else None,
    }


def _answered(session: Doc) -> list[Doc]:
    answers = session["_typed"].get("custom_fields", {})
    return [
        {**field, field["type"]: {**field[field["type"]], "value": answers.get(field["key"]) or None}}
        for field in session["custom_fields"]
    ]
