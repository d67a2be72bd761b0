"""Tax on line items and shipping: automatic, with one rate everywhere, or by the tax rates of the lines."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django_checkout.emulator.api.resources.session_rules import NEEDS_POSTAL_CODE
from django_checkout.emulator.messages import ApiError, Doc, not_implemented, without_hidden
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
    is_automatic = session["automatic_tax"]["enabled"]
    for line in session["_lines"]:
        line["amount_total"] = line["amount_subtotal"] - line["amount_discount"]
        rates = line.get("_tax_rates") or session.get("_tax_rates") or []
        if rates and is_automatic:
            raise not_implemented("tax rates together with automatic_tax", "automatic_tax[enabled]")
        _tax_line(line, [] if is_automatic else by_rates(line["amount_total"], rates))
    shipping = session["shipping_cost"]
    if shipping:
        shipping.update(amount_tax=0, amount_total=shipping["amount_subtotal"])
        session["_shipping_taxes"] = []
    if not is_automatic:
        return
    address = tax_address(session)
    session["automatic_tax"]["status"] = "complete" if address else "requires_location_inputs"
    if address is None:
        return
    for line in session["_lines"]:
        _tax_line(line, [_tax(state, line["amount_total"], _behavior(line), session, address)])
    if shipping:
        rate = state.store.find(shipping["shipping_rate"]) or {"tax_behavior": "unspecified"}
        tax = _tax(state, shipping["amount_subtotal"], rate["tax_behavior"], session, address)
        session["_shipping_taxes"] = [tax]
        shipping["amount_tax"] = tax["amount"]
        shipping["amount_total"] += 0 if tax["rate"]["inclusive"] else tax["amount"]


def _tax_line(line: Doc, taxes: list[Doc]) -> None:
    line.update(amount_tax=sum(tax["amount"] for tax in taxes), _taxes=taxes)
    line["amount_total"] += sum(tax["amount"] for tax in taxes if not tax["rate"]["inclusive"])


def _behavior(line: Doc) -> str | None:
    behavior: str | None = (line.get("_pricing") or line["price"])["tax_behavior"]
    return behavior


def by_rates(amount: int, rates: list[Doc]) -> list[Doc]:
    """Return the taxes on an amount by tax rates. Exclusive rates add to the amount without inclusive ones."""
    inside = sum((Decimal(str(rate["percentage"])) for rate in rates if rate["inclusive"]), Decimal(0))
    parts = {rate["id"]: _part(amount, rate, inside) for rate in rates if rate["inclusive"]}
    base = amount - sum(parts.values())
    parts |= {rate["id"]: portion(base, _exact(rate), inclusive=False) for rate in rates if not rate["inclusive"]}
    return [
        {
            "amount": parts[rate["id"]],
            "rate": without_hidden(rate),
            "taxability_reason": "standard_rated",
            "taxable_amount": base,
        }
        for rate in rates
    ]


def _part(amount: int, rate: Doc, inside: Decimal) -> int:
    exact = Decimal(amount) * _exact(rate) / (100 + inside)
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _exact(rate: Doc) -> Decimal:
    return Decimal(str(rate["percentage"]))


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
