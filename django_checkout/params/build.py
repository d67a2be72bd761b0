"""Builds the request that creates a Checkout Session from the order, the site's defaults and the caller's options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django_checkout.conf import conf
from django_checkout.models import Order, OrderLine
from django_checkout.models.sessions import GUEST_KEY
from django_checkout.params.rules import (
    ATTEMPT_PARAMETERS,
    check_combination,
    check_modes,
    checked_options,
    fill_in,
    leave_out,
)
from django_checkout.params.spelling import find_email, find_image_url, find_locale
from django_checkout.params.versions import for_version
from django_checkout.stripe_api.facts import ORDER_KEY, SESSION_KEY

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

_NESTED_DATA = {"payment": "payment_intent_data", "subscription": "subscription_data", "setup": "setup_intent_data"}


def build(
    order: Order,
    lines: Sequence[OrderLine],
    *,
    mode: str,
    ui_mode: str,
    capture_method: str,
    options: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, Any] | None = None,
    customer_id: str = "",
    is_guests: bool = False,
) -> dict[str, Any]:
    """Return the parameters that do not depend on the attempt.

    ``options`` (the order's, then the caller's) are merged over the site's ``defaults``. A default that Stripe refuses
    in this combination is removed, and a parameter that the combination requires is added. If a guest pays a user's
    order (``is_guests``), neither the card nor a Customer is saved.

    Raises:
        ParameterError: a parameter is reserved, or Stripe does not allow it.
        MetadataError: nested metadata is invalid.
    """
    check_modes(mode, ui_mode)
    params: dict[str, Any] = {"mode": mode, "ui_mode": ui_mode}
    if mode == "setup":
        params["currency"] = order.currency
    else:
        params["line_items"] = line_items(lines, order.currency)
    if order.locale:
        params["locale"] = order.locale
    if capture_method and mode == "payment":
        params["payment_intent_data"] = {"capture_method": capture_method}
    params = _merge(params, checked_options(defaults or {}))
    explicit: set[str] = set()
    for option in options:
        params = _merge(params, checked_options(option))
        explicit.update(option)
    if customer_id:
        params.setdefault("customer", customer_id)
    _set_email(params, order)
    if order.asked_discount_minor:
        params["discounts"] = [{"coupon": coupon_id(order)}]
        explicit.add("discounts")
    if "locale" in params:
        params["locale"] = find_locale(str(params["locale"] or "")) or None
    params = for_version(_without_none(params), conf.CHECKOUT_API_VERSION)
    if is_guests:
        _save_nothing(params)
    if ui_mode == "elements":
        # Elements has no checkbox of Stripe's; see services/consent.py.
        params.pop("consent_collection", None)
    leave_out(params, explicit)
    fill_in(params)
    check_combination(params)
    return {**params, GUEST_KEY: True} if is_guests else params


def _save_nothing(params: dict[str, Any]) -> None:
    """Remove the parameters that save a card or a Customer."""
    for name in ("saved_payment_method_options", "customer_creation"):
        params.pop(name, None)
    methods = params.get("payment_method_options", {}).values()
    for options in (params.get("payment_intent_data"), *methods):
        if isinstance(options, dict):
            options.pop("setup_future_usage", None)
    if params.get("payment_intent_data") == {}:
        del params["payment_intent_data"]


def _set_email(params: dict[str, Any], order: Order) -> None:
    """Set the order's email address, unless Stripe uses the Customer's."""
    if params.get("customer"):
        params.pop("customer_creation", None)
        params.pop("customer_email", None)
    elif email := find_email(str(params.get("customer_email") or order.email)):
        params["customer_email"] = email
    else:
        params.pop("customer_email", None)


def complete(
    params: Mapping[str, Any],
    order: Order,
    *,
    session_uuid: str,
    expires_at: datetime,
    urls: Mapping[str, str],
) -> SessionCreateParams:
    """Return the complete request of one attempt."""
    result: dict[str, Any] = deepcopy(dict(params))
    metadata = {**order.metadata, ORDER_KEY: order.reference, SESSION_KEY: session_uuid}
    result |= {"metadata": metadata, "client_reference_id": order.reference, "expires_at": int(expires_at.timestamp())}
    nested = result.setdefault(_NESTED_DATA[result["mode"]], {})
    nested["metadata"] = {**nested.get("metadata", {}), **metadata}
    if result.get("redirect_on_completion") != "never":
        result.update(urls)
    return result  # type: ignore[return-value]  # a dict with the keys of the SDK's TypedDict


def without_attempt(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored request without what ``complete`` added."""
    params = {key: deepcopy(value) for key, value in request.items() if key not in ATTEMPT_PARAMETERS}
    own = set(request["metadata"])
    key = _NESTED_DATA[request["mode"]]
    nested = params.pop(key)
    nested["metadata"] = {name: value for name, value in nested["metadata"].items() if name not in own}
    if not nested["metadata"]:
        del nested["metadata"]
    if nested:
        params[key] = nested
    return params


def fingerprint(params: Mapping[str, Any], order: Order) -> str:
    """Return a hash that identifies a request."""
    # The email of an existing Customer is not a parameter: the Customer is updated when a session is created.
    content = json.dumps(
        [params, order.metadata, order.reference, order.revision, find_email(order.email)], sort_keys=True, default=str
    )
    return hashlib.sha256(content.encode()).hexdigest()


def coupon_id(order: Order) -> str:
    """Return the id of the coupon for an order's one-off discount."""
    content = f"{order.pk}:{order.reference}:{order.currency}:{order.asked_discount_minor}:{order.asked_discount_name}"
    return f"order-{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def is_manual_capture(params: Mapping[str, Any]) -> bool:
    """Whether the request authorizes a payment that is captured later."""
    if params.get("payment_intent_data", {}).get("capture_method") == "manual":
        return True
    options = params.get("payment_method_options", {}).values()
    return any(isinstance(option, Mapping) and option.get("capture_method") == "manual" for option in options)


def is_adjustable(params: Mapping[str, Any]) -> bool:
    """Whether the shopper can change the items, so that line items must be read to check the amount."""
    if params["mode"] == "subscription" or params.get("optional_items"):
        return True
    return any(line.get("adjustable_quantity", {}).get("enabled") for line in params.get("line_items", ()))


def line_items(lines: Sequence[OrderLine], currency: str) -> list[dict[str, Any]]:
    """Return Stripe's line items with inline prices."""
    return [_line_item(line, currency) for line in lines]


def _line_item(line: OrderLine, currency: str) -> dict[str, Any]:
    product: dict[str, Any] = {"name": line.name}
    if line.description.strip():
        product["description"] = line.description
    if image_url := find_image_url(line.image_url):
        product["images"] = [image_url]
    if line.tax_code:
        product["tax_code"] = line.tax_code
    price: dict[str, Any] = {"currency": currency, "unit_amount": line.unit_amount_minor, "product_data": product}
    if line.tax_behavior:
        price["tax_behavior"] = line.tax_behavior
    if line.recurring_interval:
        price["recurring"] = {"interval": line.recurring_interval, "interval_count": line.recurring_interval_count}
    item: dict[str, Any] = {"price_data": price, "quantity": line.quantity}
    if line.maximum_quantity is not None:
        item["adjustable_quantity"] = {"enabled": True, "minimum": 1, "maximum": line.maximum_quantity}
    return item


def _without_none(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters without None values, at every depth."""
    return {
        name: _without_none(value) if isinstance(value, Mapping) else value
        for name, value in params.items()
        if value is not None
    }


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(known, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return merged
