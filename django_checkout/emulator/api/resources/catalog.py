"""Products and prices, created over the API or inline in a line item."""

from __future__ import annotations

import re
from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, merged_metadata, retrieve
from django_checkout.emulator.api.resources.pricing import amounts, inside, missing, one_currency, one_of
from django_checkout.emulator.api.resources.session_values import check_descriptors, invalid_integer
from django_checkout.emulator.messages import ApiError, Doc, StateError
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

MAX_IMAGES = 8
#: https://docs.stripe.com/api/prices/create#create_price-recurring-interval_count
THREE_YEARS = {"day": 1095, "week": 156, "month": 36, "year": 3}
_URL = re.compile(r"https?://([^/\s:@]+\.[^/\s:@]+|\[[0-9a-f:]+\])([:/?#]|$)", re.IGNORECASE)


def new_product(state: State, params: Doc, param: str = "", *, active: bool = True) -> Doc:
    """Create a product."""
    _check_product(params, param)
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
        tax_details=None,
        unit_label=params.get("unit_label"),
        url=params.get("url"),
    )
    product["updated"] = product["created"]
    if "id" in params:
        if state.store.find(params["id"]):
            raise ApiError("Product already exists.", code="resource_already_exists", param="id")
        product["id"] = params["id"]
    return state.store.insert(product)


def _check_product(params: Doc, param: str = "") -> None:
    images, where = params.get("images") or [], inside(param, "images")
    if len(images) > MAX_IMAGES:
        raise ApiError("Array images exceeded maximum 8 allowed elements.", param=where)
    for index, url in enumerate(images):
        # Stripe refuses image URLs at localhost: stripe/stripe-dotnet#2964.
        if not _URL.match(url):
            raise ApiError("Not a valid URL", code="url_invalid", param=f"{where}[{index}]")
    check_descriptors(params, param)


def new_price(state: State, params: Doc, param: str = "", *, active: bool = True, object_id: str = "") -> Doc:
    """Create a price, with a new id or a given one, and its product if there is ``product_data``."""
    if "product" in params and "product_data" in params:
        raise one_of("product", "product_data", param)
    if "product" in params:
        product = state.get("product", params["product"], inside(param, "product"))
    elif "product_data" in params:
        product = new_product(state, params["product_data"], inside(param, "product_data"), active=active)
    else:
        raise missing(inside(param, "product"))
    currency = check_currency(params["currency"], inside(param, "currency"))
    recurring = params.get("recurring")
    if recurring and "custom_unit_amount" in params:
        # https://docs.stripe.com/payments/checkout/pay-what-you-want
        message = "`custom_unit_amount` can only be used with one-time prices."
        raise ApiError(message, param=inside(param, "custom_unit_amount"))
    _claim_lookup_key(state, params, "")
    price = state.new(
        "price",
        active=params.get("active", active),
        **amounts(params, currency, param),
        currency=currency,
        lookup_key=params.get("lookup_key"),
        metadata=merged_metadata({}, params.get("metadata", {})),
        nickname=params.get("nickname"),
        product=product["id"],
        recurring=_recurring(recurring, inside(param, "recurring")) if recurring else None,
        type="recurring" if recurring else "one_time",
    )
    price["id"] = object_id or price["id"]
    return state.store.insert(price)


def _recurring(params: Doc, param: str) -> Doc:
    count, interval = params.get("interval_count", 1), params["interval"]
    if count < 1:
        raise invalid_integer("Invalid positive integer", inside(param, "interval_count"))
    if count > THREE_YEARS[interval]:
        message = f"The maximum `interval_count` for `interval: {interval}` is {THREE_YEARS[interval]} (3 years)."
        raise ApiError(message, param=inside(param, "interval_count"))
    return {
        "interval": params["interval"],
        "interval_count": params.get("interval_count", 1),
        "meter": None,
        "usage_type": params.get("usage_type", "licensed"),
    }


def _claim_lookup_key(state: State, params: Doc, price_id: str) -> None:
    """Take the lookup key from another price on request, else raise Stripe's error: stripe/stripe-ruby#933."""
    key = params.get("lookup_key")
    known = state.store.select("price", {"lookup_key": key}, limit=1) if key else []
    if not known or known[0]["id"] == price_id:
        return
    if not params.get("transfer_lookup_key"):
        message = f"A price (`{known[0]['id']}`) already uses that lookup key."
        raise ApiError(message, param="lookup_key")
    state.update(known[0], "price.updated", lookup_key=None)


def create_product(call: Call) -> Doc:
    """POST /v1/products."""
    state, params = call.state, call.params
    product = new_product(state, params)
    state.emit("product.created", product)
    if "default_price_data" in params:
        data = {**params["default_price_data"], "product": product["id"]}
        price = new_price(state, data, "default_price_data")
        state.emit("price.created", price)
        state.update(product, default_price=price["id"])
    return product


def update_product(call: Call) -> Doc:
    """POST /v1/products/:id."""
    _check_product(call.params)
    return _update(call, "product", updated=call.state.clock.now())


def delete_product(call: Call) -> Doc:
    """DELETE /v1/products/:id, of a product without prices."""
    product = call.target("product")
    if call.state.store.select("price", {"product": product["id"]}, limit=1):
        # stripe/stripe-python#658
        raise StateError("This product cannot be deleted because it has one or more user-created prices.")
    call.state.store.delete(product["id"])
    call.state.emit("product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


def create_price(call: Call) -> Doc:
    """POST /v1/prices."""
    price = new_price(call.state, call.params)
    call.state.emit("price.created", price)
    return price


def update_price(call: Call) -> Doc:
    """POST /v1/prices/:price."""
    price, params = call.target("price"), call.params
    _claim_lookup_key(call.state, params, price["id"])
    extra: Doc = {}
    behavior = params.get("tax_behavior", price["tax_behavior"])
    if behavior != price["tax_behavior"] and price["tax_behavior"] != "unspecified":
        # https://docs.stripe.com/api/prices/update#update_price-tax_behavior
        message = "`tax_behavior` cannot be changed once it is `inclusive` or `exclusive`."
        raise ApiError(message, param="tax_behavior")
    if "currency_options" in params:
        # An empty text removes all of them.
        options = dict(price.get("_currency_options") or {}) if params["currency_options"] else {}
        for code, option in (params["currency_options"] or {}).items():
            currency, where = check_currency(code, "currency_options"), f"currency_options[{code}]"
            options[currency] = one_currency(option, currency, where, price["billing_scheme"])
        extra["_currency_options"] = options
    return _update(call, "price", **extra)


def _update(call: Call, kind: str, **extra: object) -> Doc:
    document = call.target(kind)
    changes = call.changes(document, *call.params.keys() - {"currency_options", "expand", "transfer_lookup_key"})
    return call.state.update(document, f"{kind}.updated", **changes, **extra)


EXPANDABLE = {
    "price": ("currency_options", "product", "tiers"),
    "product": ("default_price",),
}
ROUTES = {
    "GET /v1/prices": Route(
        partial(list_kind, "price", "active currency product type lookup_keys=lookup_key"), "recurring"
    ),
    "POST /v1/prices": Route(
        create_price, "currency_options.custom_unit_amount recurring.meter", {"recurring.usage_type": "licensed"}
    ),
    "GET /v1/prices/{price}": Route(partial(retrieve, "price")),
    "POST /v1/prices/{price}": Route(update_price, "currency_options.custom_unit_amount"),
    "GET /v1/products": Route(partial(list_kind, "product", "active shippable url ids=id")),
    "POST /v1/products": Route(
        create_product,
        "default_price_data.currency_options.custom_unit_amount marketing_features package_dimensions",
    ),
    "GET /v1/products/{id}": Route(partial(retrieve, "product")),
    "DELETE /v1/products/{id}": Route(delete_product),
    "POST /v1/products/{id}": Route(update_product, "marketing_features package_dimensions statement_descriptor"),
}
