"""Automatic tax: one rate everywhere, on line items and shipping, inclusive or exclusive."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django_checkout.emulator.api.resources.session_rules import NEEDS_POSTAL_CODE
from django_checkout.emulator.messages import ApiError, Doc, without_hidden
from django_checkout.emulator.state.state import State

DEFAULT_PERCENT = "20"
SETTING = "tax_percent"
#: Fields of a new object that are null.
NULLS = "description effective_percentage flat_amount jurisdiction state"


def percent(state: State) -> Decimal:
    """Return the tax rate."""
    return Decimal(state.store.setting(SETTING, DEFAULT_PERCENT))


def set_percent(state: State, value: Decimal | int | str) -> None:
    """Set the rate of later calculations."""
    rate = Decimal(str(value))
    if not 0 <= rate <= 100:
        raise ApiError("A tax rate must be between 0 and 100.")
    state.store.set_setting(SETTING, str(rate))


def tax_address(session: Doc) -> Doc | None:
    """Return the address that determines the tax, or None while it is incomplete."""
    typed = session.get("_typed", {})
    kind = "shipping" if session["shipping_address_collection"] else "billing"
    known = (typed.get(kind) or typed.get("billing") or {}).get("address") or session.get("_customer_address")
    if not known or not known.get("country"):
        return None
    if known["country"] in NEEDS_POSTAL_CODE and not known.get("postal_code"):
        return None
    address: Doc = known
    return address


def apply(state: State, session: Doc) -> None:
    """Set the tax of line items and shipping, and the status of ``automatic_tax``."""
    for line in session["_lines"]:
        line.update(amount_tax=0, _taxes=[])
        line["amount_total"] = line["amount_subtotal"] - line["amount_discount"]
    shipping = session["shipping_cost"]
    if shipping:
        shipping.update(amount_tax=0, amount_total=shipping["amount_subtotal"])
        session["_shipping_taxes"] = []
    if not session["automatic_tax"]["enabled"]:
        return
    address = tax_address(session)
    session["automatic_tax"]["status"] = "complete" if address else "requires_location_inputs"
    if address is None:
        return
    for line in session["_lines"]:
        tax = _tax(state, line["amount_total"], line["price"]["tax_behavior"], session, address)
        line.update(amount_tax=tax["amount"], _taxes=[tax])
        line["amount_total"] += 0 if tax["rate"]["inclusive"] else tax["amount"]
    if shipping:
        rate = state.store.find(shipping["shipping_rate"]) or {"tax_behavior": "unspecified"}
        tax = _tax(state, shipping["amount_subtotal"], rate["tax_behavior"], session, address)
        session["_shipping_taxes"] = [tax]
        shipping["amount_tax"] = tax["amount"]
        shipping["amount_total"] += 0 if tax["rate"]["inclusive"] else tax["amount"]


def breakdown(session: Doc) -> list[Doc]:
    """Return the taxes of ``total_details.breakdown``: one entry per rate."""
    found: dict[str, Doc] = {}
    every = [tax for line in session.get("_lines", []) for tax in line.get("_taxes", [])]
    for tax in every + session.get("_shipping_taxes", []):
        known = found.setdefault(tax["rate"]["id"], {**tax, "amount": 0, "taxable_amount": 0})
        known["amount"] += tax["amount"]
        known["taxable_amount"] += tax["taxable_amount"]
    return list(found.values())


def portion(amount: int, rate: Decimal, *, inclusive: bool) -> int:
    """Return the tax in, or on top of, an amount in minor units, rounded half up."""
    divisor = 100 + rate if inclusive else Decimal(100)
    return int((Decimal(amount) * rate / divisor).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _tax(state: State, amount: int, behavior: str | None, session: Doc, address: Doc) -> Doc:
    inclusive = behavior == "inclusive"
    rate = _rate(state, inclusive=inclusive, country=address["country"])
    exempt = (session["customer_details"] or {}).get("tax_exempt", "none") != "none"
    tax = 0 if exempt else portion(amount, Decimal(str(rate["percentage"])), inclusive=inclusive)
    return {
        "amount": tax,
        "rate": without_hidden(rate),
        "taxability_reason": "customer_exempt" if exempt else "standard_rated",
        "taxable_amount": 0 if exempt else amount - (tax if inclusive else 0),
    }


def _rate(state: State, *, inclusive: bool, country: str) -> Doc:
    """Return the TaxRate for a country, created on first use."""
    key = f"{percent(state)}/{inclusive}/{country}"
    known = state.store.select("tax_rate", {"_key": key}, limit=1)
    if known:
        return known[0]
    sales_tax = country in NEEDS_POSTAL_CODE
    rate = state.new(
        "tax_rate",
        NULLS,
        active=True,
        country=country,
        display_name="Sales Tax" if sales_tax else "VAT",
        inclusive=inclusive,
        jurisdiction_level="country",
        metadata={},
        percentage=float(percent(state)),
        rate_type="percentage",
        tax_type="sales_tax" if sales_tax else "vat",
    )
    rate["_key"] = key
    return state.store.insert(rate)
