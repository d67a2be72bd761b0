"""What a shopper tells a session from the browser, before and while paying it through Elements."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from . import checkout, conversion
from .cards import INCOMPLETE, INCOMPLETE_CVC, UNKNOWN, BankAccount, Card, Decline, find_bank_account, find_card
from .messages import ApiError, Doc
from .resources import amounts, discounts, lines, methods
from .resources.session_rules import ELEMENTS, check_open
from .shopper import PaymentOutcome, Shopper
from .snapshot import missing
from .world import World

ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
Payload = dict[str, Any]

#: Forms of tax ids; of other types anything will do that is not too short.
TAX_IDS = {
    "eu_vat": r"[A-Z]{2}[A-Z0-9]{2,12}",
    "gb_vat": r"GB(\d{9}|\d{12}|GD\d{3}|HA\d{3})",
    "us_ein": r"\d{2}-?\d{7}",
    "ch_vat": r"CHE-?\d{3}\.?\d{3}\.?\d{3} ?(MWST|TVA|IVA)",
    "au_abn": r"\d{11}",
}


def tell(world: World, session: Doc, told: Payload) -> Doc:
    """Take over what the shopper has typed or chosen. Raises ``ApiError``, and then nothing has changed."""
    check_open(session)
    typed = dict(session["_typed"])
    if "email" in told and not session.get("_known_email"):
        typed["email"] = checked_email(told["email"])
    if "phone" in told:
        typed["phone"] = _text(told["phone"]) or None
    for kind in ("billing", "shipping"):
        if kind in told:
            typed[kind] = checked_contact(session, kind, told[kind])
    if "tax_id" in told:
        typed.update(_checked_tax_id(session, told["tax_id"]))
    typed.update({name: told[name] for name in ("consent", "custom_fields") if name in told})
    session["_typed"] = typed
    if "currency" in told:
        conversion.choose(session, _text(told["currency"]))
    if "line_item" in told:
        _set_quantity(session, told)
    for place, quantity in told.get("quantities", {}).items():
        if session["_lines"][place : place + 1] != [] and session["_lines"][place]["quantity"] == quantity:
            continue
        amounts.adjust(world, session, place, quantity)
    if "optional" in told:
        _choose_optional(world, session, told["optional"])
    if "shipping_rate" in told:
        amounts.choose_shipping(world, session, _text(told["shipping_rate"]))
    if "promotion_code" in told:
        if told["promotion_code"] is None:
            discounts.remove_code(session)
        else:
            discounts.apply_code(world, session, _text(told["promotion_code"]))
    amounts.recalculate(world, session)
    return world.store.save(session)


def confirm(world: World, session: Doc, told: Payload) -> PaymentOutcome:
    """Pay a session with what the payment frame sends."""
    if session["ui_mode"] != ELEMENTS:
        raise ApiError("Only a Checkout Session with `ui_mode: elements` is confirmed by the page.")
    parts = ["email", "phone", "billing", "shipping"]
    if is_shipped_by_server(session):
        # What stands in the Shipping Address Element has been told by the server, or has not been told at all.
        parts.remove("shipping")
    session = tell(world, session, {name: told[name] for name in parts if told.get(name)})
    wanting = [name for name in missing(session) if name != "billingAddress"]
    if wanting:
        raise ApiError(_("Please complete your details before paying: %(names)s") % {"names": ", ".join(wanting)})
    if told.get("saved"):
        return pay_saved(world, session, _text(told["saved"]), _shopper(session, told))
    return checkout.pay(world, session, _means(told.get("method") or {}), _shopper(session, told))


def pay_saved(world: World, session: Doc, method_id: str, shopper: Shopper) -> PaymentOutcome:
    """Pay a session with one of the customer's saved cards."""
    saved = next((known for known in methods.saved(world, session) if known["id"] == method_id), None)
    if saved is None:
        raise ApiError(_("This saved card is no longer there."))
    return checkout.pay(world, session, find_card(saved["_number"]) or UNKNOWN, shopper, saved=saved)


def checked_email(value: object) -> str | None:
    """Return an e-mail address, or raise what ``stripe.js`` calls incomplete and invalid."""
    text = _text(value)
    if not text:
        return None
    if "@" not in text or text.endswith("@"):
        raise ApiError(_("Your e-mail address is incomplete."), code="email_incomplete", param="email")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}", text):
        raise ApiError(_("Your e-mail address is invalid."), code="email_invalid", param="email")
    return text


def is_shipped_by_server(session: Doc) -> bool:
    """Return whether only the shop's server may say where the order is shipped."""
    return bool((session["permissions"] or {}).get("update_shipping_details") == "server_only")


def checked_contact(session: Doc, kind: str, value: object) -> Doc | None:
    """Return a name and an address as Stripe keeps them."""
    if value is None:
        return None
    if kind == "shipping" and is_shipped_by_server(session):
        raise ApiError("The shipping address of this Checkout Session can only be updated by the server.")
    address = value.get("address") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(address, dict) or not address.get("country"):
        raise ApiError(_("An address needs at least a country."), param=f"{kind}_address")
    country = _text(address["country"]).upper()
    allowed = (session["shipping_address_collection"] or {}).get("allowed_countries")
    if kind == "shipping" and allowed and country not in allowed:
        raise ApiError(_("We do not ship to this country."), param="shipping_address")
    parts = {name: _text(address.get(name)) or None for name in ADDRESS}
    return {"name": _text(value.get("name")) or None, "address": {**parts, "country": country}}


def _checked_tax_id(session: Doc, value: object) -> Doc:
    if value is None:
        return {"tax_id": None, "business_name": None}
    if not session["tax_id_collection"]["enabled"]:
        raise ApiError("Tax ids are not collected by this Checkout Session.", code="tax_id_invalid")
    given = value if isinstance(value, dict) else {}
    kind, number = _text(given.get("type")), _text(given.get("value")).upper()
    if not kind or not re.fullmatch(TAX_IDS.get(kind, r".{4,}"), number):
        raise ApiError(_("This tax id is invalid."), code="tax_id_invalid", param="tax_id")
    return {"tax_id": {"type": kind, "value": number}, "business_name": _text(given.get("business_name")) or None}


def _set_quantity(session: Doc, told: Payload) -> None:
    found = [line for line in session["_lines"] if line["id"] == told["line_item"]]
    quantity = told.get("quantity")
    bounds = found[0]["adjustable_quantity"] if found else None
    if not bounds or not isinstance(quantity, int) or not bounds["minimum"] <= quantity <= bounds["maximum"]:
        raise ApiError(_("This quantity cannot be chosen."), param="quantity")
    lines.priced(found[0], quantity, "quantity")


def _choose_optional(world: World, session: Doc, chosen: list[int]) -> None:
    """Have just the chosen optional items among the lines."""
    own = [line for line in session["_lines"] if line.get("_optional") is None or line["_optional"] in chosen]
    known = [line.get("_optional") for line in own]
    for place in chosen:
        if place not in known:
            item = session["optional_items"][place]
            param = f"optional_items[{place}]"
            line = lines.new_line(world, {"price": item["price"], "quantity": item["quantity"]}, param)
            own.append({**line, "_optional": place})
    session["_lines"] = own


def _means(method: Payload) -> Card | BankAccount | Decline:
    if method.get("type") == "wallet":
        return find_card("4242424242424242") or UNKNOWN
    if method.get("type") == "bank":
        return find_bank_account(_text(method.get("iban"))) or INCOMPLETE
    digits = re.sub(r"[\s-]", "", _text(method.get("number")))
    if not re.fullmatch(r"\d{13,19}", digits):
        return INCOMPLETE
    if not re.fullmatch(r"\d{3,4}", _text(method.get("cvc"))):
        return INCOMPLETE_CVC
    return find_card(digits) or UNKNOWN


def _shopper(session: Doc, told: Payload) -> Shopper:
    typed = session["_typed"]
    email = session.get("_known_email") or typed.get("email") or ""
    billing, shipping = typed.get("billing") or {}, typed.get("shipping") or {}
    own = told.get("method") or {}
    address = billing.get("address") or {}
    same = shipping.get("address") or {}
    country = address.get("country") or _text(own.get("country")) or same.get("country") or "US"
    return Shopper(
        email=email,
        name=billing.get("name") or shipping.get("name") or email.partition("@")[0],
        country=country,
        postal_code=address.get("postal_code") or _text(own.get("postal_code")) or same.get("postal_code") or "",
        phone=typed.get("phone"),
        line1=address.get("line1"),
        line2=address.get("line2"),
        city=address.get("city"),
        state=address.get("state"),
        saves_card=bool(told.get("save")),
    )


def _text(value: object) -> str:
    return value.strip()[:500] if isinstance(value, str) else ""
