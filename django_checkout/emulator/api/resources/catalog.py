"""Products and prices, created over the API or inline in a line item."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from django_checkout.emulator.api.calls import Call, merged_metadata
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.currencies import check_currency, check_unit_amount
from django_checkout.emulator.state.state import State

MAX_IMAGES = 8
_URL = re.compile(r"https?://([^/\s:@]+\.[^/\s:@]+|\[[0-9a-f:]+\])([:/?#]|$)", re.IGNORECASE)


def new_product(state: State, params: Doc, *, active: bool = True) -> Doc:
    """Create a product."""
    if len(params.get("images", [])) > MAX_IMAGES:
        raise ApiError("Array images exceeded maximum 8 allowed elements.", param="images")
    for index, url in enumerate(params.get("images", [])):
        # Stripe refuses image URLs at localhost: stripe/stripe-dotnet#2964.
        if not _URL.match(url):
            raise ApiError("Not a valid URL", code="url_invalid", param=f"images[{index}]")
    product = state.new(
        "product",
        active=params.get("active", active),
        default_price=None,
        description=params.get("description"),
        images=params.get("images", []),
        marketing_features=[],
        metadata=merged_metadata({}, params.get("metadata", {})),
        name=params["name"],
        package_dimensions=None,
        shippable=params.get("shippable"),
        statement_descriptor=params.get("statement_descriptor"),
        tax_code=params.get("tax_code"),
        unit_label=params.get("unit_label"),
        url=params.get("url"),
    )
    product["updated"] = product["created"]
    if "id" in params:
        if state.store.find(params["id"]):
            raise ApiError("Product already exists.", code="resource_already_exists", param="id")
        product["id"] = params["id"]
    return state.store.insert(product)


def new_price(state: State, params: Doc, param: str = "", *, active: bool = True) -> Doc:
    """Create a price, and its product if there is ``product_data``."""
    if "product" in params and "product_data" in params:
        raise one_of("product", "product_data", param)
    if "unit_amount" in params and "unit_amount_decimal" in params:
        raise one_of("unit_amount", "unit_amount_decimal", param)
    if "product" in params:
        product = state.get("product", params["product"], inside(param, "product"))
    elif "product_data" in params:
        product = new_product(state, params["product_data"], active=active)
    else:
        raise missing(inside(param, "product"))
    currency = check_currency(params["currency"], inside(param, "currency"))
    amount, exact = _unit_amount(params, currency, param)
    recurring = params.get("recurring")
    price = state.new(
        "price",
        active=params.get("active", active),
        billing_scheme="per_unit",
        currency=currency,
        custom_unit_amount=None,
        lookup_key=params.get("lookup_key"),
        metadata=merged_metadata({}, params.get("metadata", {})),
        nickname=params.get("nickname"),
        product=product["id"],
        recurring=_recurring(recurring) if recurring else None,
        tax_behavior=params.get("tax_behavior", "unspecified"),
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=exact,
    )
    return state.store.insert(price)


def line_amount(price: Doc, quantity: int) -> int:
    """Return the amount for a quantity. Fractional prices are rounded half up, as Stripe does."""
    return int((Decimal(price["unit_amount_decimal"]) * quantity).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def inside(param: str, name: str) -> str:
    """Return the path of a nested parameter."""
    return f"{param}[{name}]" if param else name


def missing(param: str) -> ApiError:
    """Return Stripe's error for a missing parameter."""
    return ApiError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def one_of(first: str, second: str, param: str = "") -> ApiError:
    """Return Stripe's error for two exclusive parameters."""
    return ApiError(f"You may only specify one of these parameters: {first}, {second}.", param=inside(param, first))


def _unit_amount(params: Doc, currency: str, param: str) -> tuple[int | None, str]:
    if "unit_amount" in params:
        check_unit_amount(params["unit_amount"], currency, inside(param, "unit_amount"))
        return params["unit_amount"], str(params["unit_amount"])
    if "unit_amount_decimal" not in params:
        raise missing(inside(param, "unit_amount"))
    where = inside(param, "unit_amount_decimal")
    try:
        exact = Decimal(params["unit_amount_decimal"])
    except InvalidOperation:
        raise ApiError("Invalid decimal", code="parameter_invalid_decimal", param=where) from None
    if not exact.is_finite() or exact < 0 or exact != exact.quantize(Decimal(1).scaleb(-12)):
        raise ApiError("Invalid decimal", code="parameter_invalid_decimal", param=where)
    whole = int(exact) if exact == int(exact) else None
    if whole is not None:
        check_unit_amount(whole, currency, where)
    return whole, format(exact.normalize(), "f")


def _recurring(params: Doc) -> Doc:
    return {
        "interval": params["interval"],
        "interval_count": params.get("interval_count", 1),
        "meter": params.get("meter"),
        "usage_type": params.get("usage_type", "licensed"),
    }


def create_product(call: Call) -> Doc:
    """POST /v1/products."""
    product = new_product(call.state, call.params)
    call.state.emit("product.created", product)
    return product


def update_product(call: Call) -> Doc:
    """POST /v1/products/:id."""
    return _update(call, "product", updated=call.state.clock.now())


def create_price(call: Call) -> Doc:
    """POST /v1/prices."""
    price = new_price(call.state, call.params)
    call.state.emit("price.created", price)
    return price


def update_price(call: Call) -> Doc:
    """POST /v1/prices/:price."""
    return _update(call, "price")


def _update(call: Call, kind: str, **extra: object) -> Doc:
    document = call.target(kind)
    changes = call.changes(document, *call.params.keys() - {"expand"})
    return call.state.update(document, f"{kind}.updated", **changes, **extra)
