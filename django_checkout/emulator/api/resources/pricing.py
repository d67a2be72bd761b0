"""How much a price costs: per unit, in tiers, in other currencies, or as the customer chooses."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation

from django_checkout.emulator.api.resources.session_values import invalid_integer
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.currencies import (
    MAXIMUM_MINOR,
    TOO_LARGE,
    check_charge_amount,
    check_currency,
    check_unit_amount,
)

#: The fields of a price that say how much it costs in one currency.
AMOUNTS = ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")


def amounts(params: Doc, currency: str, param: str) -> Doc:
    """Return the fields of a new price that say how much it costs.

    https://docs.stripe.com/api/prices/create: ``unit_amount``, ``tiers``, ``transform_quantity``.
    """
    scheme = params.get("billing_scheme", "per_unit")
    if "tiers" in params and "transform_quantity" in params:
        raise one_of("tiers", "transform_quantity", param)
    if scheme == "tiered":
        for name in ("tiers", "tiers_mode"):
            if name not in params:
                raise missing(inside(param, name))
    elif "tiers" in params or "tiers_mode" in params:
        name = "tiers" if "tiers" in params else "tiers_mode"
        raise ApiError(f"`{name}` requires `billing_scheme` to be `tiered`.", param=inside(param, name))
    transform = params.get("transform_quantity")
    if transform and transform["divide_by"] < 1:
        where = inside(inside(param, "transform_quantity"), "divide_by")
        raise invalid_integer("Invalid positive integer", where)
    options = {
        check_currency(code, inside(param, "currency_options")): one_currency(
            option, code.lower(), inside(inside(param, "currency_options"), code), scheme
        )
        for code, option in params.get("currency_options", {}).items()
    }
    own = one_currency(params, currency, param, scheme)
    return {
        "billing_scheme": scheme,
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": dict(transform) if transform else None,
        **{name: own[name] for name in AMOUNTS},
        "_currency_options": {currency: own, **options},
        **({"_tiers": own["tiers"]} if "tiers" in own else {}),
    }


def one_currency(params: Doc, currency: str, param: str, scheme: str) -> Doc:
    """Return the entry of ``currency_options`` for a currency."""
    fields: Doc = {
        "custom_unit_amount": None,
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "unit_amount": None,
        "unit_amount_decimal": None,
    }
    custom = params.get("custom_unit_amount")
    if scheme == "tiered":
        fields["tiers"] = _tiers(params.get("tiers") or [], currency, inside(param, "tiers"))
    elif custom and custom["enabled"]:
        if "unit_amount" in params or "unit_amount_decimal" in params:
            raise one_of("custom_unit_amount", "unit_amount", param)
        names, where = ("maximum", "minimum", "preset"), inside(param, "custom_unit_amount")
        for name in names:
            if name in custom:
                check_unit_amount(custom[name], currency, inside(where, name))
        check_charge_amount(custom.get("minimum", 0), currency, inside(where, "minimum"))
        fields["custom_unit_amount"] = {name: custom.get(name) for name in names}
    else:
        fields["unit_amount"], fields["unit_amount_decimal"] = _amount(params, "unit_amount", currency, param)
    return fields


def in_currency(price: Doc, currency: str, param: str) -> Doc:
    """Return how much a price costs in a currency, for ``cost``. Raises ``ApiError`` if it has none in it."""
    options = price.get("_currency_options") or {price["currency"]: price}
    if currency not in options:
        # lichess-org/lila#9297
        message = (
            f"The price specified supports currencies of `{'`, `'.join(options)}` which doesn't include the expected "
            f"currency of `{currency}`."
        )
        raise ApiError(message, param=param)
    names = ("billing_scheme", "tiers_mode", "transform_quantity")
    return {**options[currency], **{name: price[name] for name in names}}


def cost(pricing: Doc, quantity: int, chosen: int | None = None) -> int:
    """Return the amount for a quantity. Fractions are rounded half up, as Stripe does.

    ``pricing`` is a price or the result of ``in_currency``; ``chosen`` the unit amount that the customer chose.
    """
    if pricing.get("custom_unit_amount"):
        return quantity * (chosen if chosen is not None else pricing["custom_unit_amount"]["preset"] or 0)
    transform = pricing["transform_quantity"]
    units = Decimal(quantity)
    if transform:
        rounding = ROUND_CEILING if transform["round"] == "up" else ROUND_FLOOR
        units = (units / transform["divide_by"]).to_integral_value(rounding)
    if pricing["billing_scheme"] == "tiered":
        tiers = pricing.get("tiers") or pricing.get("_tiers") or []
        exact = sum(_in_tiers(tiers, pricing["tiers_mode"], units), Decimal(0))
    else:
        exact = Decimal(pricing["unit_amount_decimal"]) * units
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _in_tiers(tiers: list[Doc], mode: str, units: Decimal) -> Iterator[Decimal]:
    """Yield the amounts of the tiers that a quantity reaches."""
    floor = Decimal(0)
    for tier in tiers:
        top = units if tier["up_to"] is None else min(units, Decimal(tier["up_to"]))
        is_last = top == units
        counted = units if mode == "volume" else top - floor
        if is_last or mode == "graduated":
            yield Decimal(tier["unit_amount_decimal"] or 0) * counted + Decimal(tier["flat_amount_decimal"] or 0)
        if is_last:
            return
        floor = top


def _tiers(params: list[Doc], currency: str, param: str) -> list[Doc]:
    found: list[Doc] = []
    for index, tier in enumerate(params):
        where = f"{param}[{index}]"
        up_to = None if tier["up_to"] == "inf" else int(tier["up_to"])
        if (up_to is None) != (index == len(params) - 1):
            raise ApiError("The last tier, and no other, must have `up_to` as `inf`.", param=inside(where, "up_to"))
        if up_to is not None and up_to <= (found[-1]["up_to"] if found else 0):
            raise ApiError("`up_to` must increase from tier to tier.", param=inside(where, "up_to"))
        names = [name for name in ("flat_amount", "unit_amount") if name in tier or f"{name}_decimal" in tier]
        if not names:
            raise missing(inside(where, "unit_amount"))
        entry: Doc = dict.fromkeys(("flat_amount", "flat_amount_decimal", "unit_amount", "unit_amount_decimal"))
        for name in names:
            entry[name], entry[f"{name}_decimal"] = _amount(tier, name, currency, where)
        found.append({**entry, "up_to": up_to})
    return found


def _amount(params: Doc, name: str, currency: str, param: str) -> tuple[int | None, str]:
    """Return an amount as an integer, if it is one, and as a decimal."""
    if name in params and f"{name}_decimal" in params:
        raise one_of(name, f"{name}_decimal", param)
    if name in params:
        check_unit_amount(params[name], currency, inside(param, name))
        return params[name], str(params[name])
    if f"{name}_decimal" not in params:
        raise missing(inside(param, name))
    where = inside(param, f"{name}_decimal")
    try:
        exact = Decimal(params[f"{name}_decimal"])
    except InvalidOperation:
        raise ApiError("Invalid decimal", param=where) from None
    if not exact.is_finite() or exact < 0:
        raise ApiError("Invalid decimal", param=where)
    if exact > MAXIMUM_MINOR:
        raise ApiError(TOO_LARGE, code="amount_too_large", param=where)
    if exact != exact.quantize(Decimal(1).scaleb(-12)):
        raise ApiError("Invalid decimal", param=where)
    whole = int(exact) if exact == int(exact) else None
    if whole is not None:
        check_unit_amount(whole, currency, where)
    return whole, format(exact.normalize(), "f")


def inside(param: str, name: str) -> str:
    """Return the path of a nested parameter."""
    return f"{param}[{name}]" if param else name


def missing(param: str) -> ApiError:
    """Return Stripe's error for a missing parameter."""
    return ApiError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def one_of(first: str, second: str, param: str = "") -> ApiError:
    """Return Stripe's error for two exclusive parameters."""
    return ApiError(f"You may only specify one of these parameters: {first}, {second}.", param=inside(param, first))
