"""Completion of a session: the shopper's details, the Customer, the saved card."""

from __future__ import annotations

from django_checkout.emulator.api.resources import discounts, payment_links, tax_ids
from django_checkout.emulator.api.resources.customers import new_customer
from django_checkout.emulator.api.resources.methods import attach_to_customer
from django_checkout.emulator.api.resources.session_object import details
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.payer.shopper import Shopper
from django_checkout.emulator.reference.conversion import presented
from django_checkout.emulator.state.state import State


def saves_method(session: Doc, shopper: Shopper) -> bool:
    """Return whether the payment method is saved."""
    asked = session["_params"].get("payment_intent_data", {}).get("setup_future_usage")
    by_method = session["_params"].get("payment_method_options", {}).get("card", {}).get("setup_future_usage")
    wanted = shopper.saves_card and offers_saving(session)
    return bool(session["mode"] != "payment" or asked or by_method or wanted)


def offers_saving(session: Doc) -> bool:
    """Return whether the page offers to save the card."""
    options: Doc = session["saved_payment_method_options"] or {}
    return bool(options.get("payment_method_save") == "enabled")


def needs_customer(session: Doc, shopper: Shopper) -> bool:
    """Return whether the completion of a session creates a Customer."""
    if session["mode"] == "setup":
        return bool(session["customer_creation"] == "always")
    invoiced = (session["invoice_creation"] or {}).get("enabled", False)
    return bool(session["customer_creation"] == "always" or invoiced or saves_method(session, shopper))


def bind_customer(state: State, session: Doc, shopper: Shopper) -> str | None:
    """Return the Customer of a session. Create it if one is needed."""
    if not session["customer"] and needs_customer(session, shopper):
        billing = {"name": shopper.name, "address": shopper.billing["address"], "phone": shopper.phone}
        customer = new_customer(state, {"email": known_email(session) or shopper.email, **billing})
        session["customer"] = customer["id"]
        state.store.save(session)
    customer_id: str | None = session["customer"]
    return customer_id


def save_method(state: State, session: Doc, method: Doc, shopper: Shopper) -> None:
    """Attach the payment method to the Customer if it is saved."""
    if session["customer"] and not method["customer"] and saves_method(session, shopper):
        attach_to_customer(state, method, session["customer"], always=shopper.saves_card)


def known_email(session: Doc) -> str:
    """Return the email address from the shop or the Customer, which the shopper cannot change."""
    return session.get("_known_email") or ""


def complete(state: State, session: Doc, shopper: Shopper, payment_status: str, **changes: object) -> None:
    """Complete a session with the shopper's details."""
    typed = session["_typed"]
    collected_details = {
        "address": shopper.billing["address"] if session["mode"] != "setup" else None,
        "business_name": typed.get("business_name"),
        "email": known_email(session) or shopper.email,
        "individual_name": typed.get("individual_name"),
        "name": shopper.name,
        "phone": shopper.phone or typed.get("phone"),
        "tax_exempt": (session["customer_details"] or {}).get("tax_exempt", "none"),
        "tax_ids": [typed["tax_id"]] if typed.get("tax_id") else [],
    }
    discounts.redeem(state, session)
    collected = _collected(session, shopper) or session["collected_information"]
    customer = bind_customer(state, session, shopper)
    if customer and typed.get("tax_id"):
        tax_ids.keep(state, customer, typed["tax_id"]["type"], typed["tax_id"]["value"])
    _save_on_customer(state, session, collected_details, (collected or {}).get("shipping_details"))
    fields: Doc = {
        "customer": customer,
        "customer_details": details(**collected_details),
        "collected_information": collected,
        "consent": _consent(session),
        "custom_fields": _answered(session),
        **presented(session),
        "status": "complete",
        "payment_status": payment_status,
        "url": None,
        "client_secret": None,
    }
    state.update(session, "checkout.session.completed", **{**fields, **changes})
    payment_links.count(state, session)


def _save_on_customer(state: State, session: Doc, entered: Doc, shipping: Doc | None) -> None:
    """Save the details on an existing Customer that ``customer_update`` allows."""
    update = session["_params"].get("customer_update", {})
    found = {"address": entered["address"], "name": entered["business_name"] or entered["name"], "shipping": shipping}
    changes = {name: value for name, value in found.items() if value and update.get(name) == "auto"}
    if "shipping" in changes:
        changes["shipping"] = {"phone": None, **changes["shipping"]}
    if changes:
        state.update(state.get("customer", session["customer"]), "customer.updated", **changes)


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
