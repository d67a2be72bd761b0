"""An order and the host's options made into the SDK's ``SessionCreateParams``; nothing here calls Stripe.

https://docs.stripe.com/api/checkout/sessions/create. ``build`` gives all that identifies a request; ``complete`` adds
what belongs to one attempt (ids, expiry, links), so that an unchanged request can be recognised and reused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django_checkout.conf import RENAMED_UI_MODES, UI_MODES
from django_checkout.exceptions import ParameterError
from django_checkout.facts import ORDER_KEY, SESSION_KEY
from django_checkout.metadata import check_metadata
from django_checkout.models import Order, OrderLine

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

MODES = ("payment", "subscription", "setup")
#: What the order, the arguments of ``start`` or the URLs decide; naming them again would contradict us.
OWN_PARAMETERS = frozenset(
    (
        "mode",
        "ui_mode",
        "line_items",
        "client_reference_id",
        "expires_at",
        "success_url",
        "cancel_url",
        "return_url",
        "metadata",
    )
)


def build(
    order: Order,
    lines: Sequence[OrderLine],
    *,
    mode: str,
    ui_mode: str,
    capture_method: str,
    options: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the parameters that do not depend on the attempt.

    ``options`` are merged in turn, later ones winning: the project's defaults, then the caller's.

    Raises:
        ParameterError: naming the parameter that is ours to set, or a mode that does not exist.
        MetadataError: nested metadata that Stripe may not have.
    """
    check_modes(mode, ui_mode)
    params: dict[str, Any] = {"mode": mode, "ui_mode": ui_mode}
    params["line_items"] = [_line_item(line, order.currency) for line in lines]
    if order.email:
        params["customer_email"] = order.email
    if order.locale:
        params["locale"] = order.locale
    if capture_method and mode == "payment":
        params["payment_intent_data"] = {"capture_method": capture_method}
    for option in options:
        _check_option(option)
        params = _merge(params, option)
    if "customer" in params:
        params.pop("customer_email", None)
    return params


def complete(
    params: Mapping[str, Any],
    order: Order,
    *,
    session_uuid: str,
    expires_at: datetime,
    urls: Mapping[str, str],
) -> SessionCreateParams:
    """Return the whole request of one attempt, as it will be sent and stored."""
    result: dict[str, Any] = deepcopy(dict(params))
    metadata = {**order.metadata, ORDER_KEY: order.reference, SESSION_KEY: session_uuid}
    result["metadata"] = metadata
    result["client_reference_id"] = order.reference
    nested = {"payment": "payment_intent_data", "subscription": "subscription_data", "setup": "setup_intent_data"}
    key = nested[result["mode"]]
    result[key] = {**result.get(key, {}), "metadata": {**result.get(key, {}).get("metadata", {}), **metadata}}
    result["expires_at"] = int(expires_at.timestamp())
    result.update(urls)
    return result  # type: ignore[return-value]  # a plain dict of the shape that the SDK's TypedDict describes


def fingerprint(params: Mapping[str, Any], order: Order) -> str:
    """Return a hash by which an unchanged request is recognised."""
    content = json.dumps([params, order.metadata, order.reference, order.revision], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def is_manual_capture(params: Mapping[str, Any]) -> bool:
    """Whether the request asks for an authorisation that we capture later."""
    if params.get("payment_intent_data", {}).get("capture_method") == "manual":
        return True
    options = params.get("payment_method_options", {}).values()
    return any(isinstance(option, Mapping) and option.get("capture_method") == "manual" for option in options)


def check_modes(mode: str, ui_mode: str) -> None:
    """Refuse modes that do not exist, naming what a renamed one is called now.

    Raises:
        ParameterError: naming the mode.
    """
    if mode not in MODES:
        raise ParameterError(f"mode={mode!r} is not one of: {', '.join(MODES)}.")
    if ui_mode in RENAMED_UI_MODES:
        raise ParameterError(f"ui_mode={ui_mode!r} is called {RENAMED_UI_MODES[ui_mode]!r} since API 2026-03-25.")
    if ui_mode not in UI_MODES:
        raise ParameterError(f"ui_mode={ui_mode!r} is not one of: {', '.join(UI_MODES)}.")


def _check_option(option: Mapping[str, Any]) -> None:
    for name in option:
        if name in OWN_PARAMETERS:
            raise ParameterError(f"The parameter {name!r} is set by django_checkout from the order and its settings.")
    _check_nested_metadata(option)


def _check_nested_metadata(value: Any) -> None:
    """Hold metadata of the objects that Stripe makes beside the session to the same rules as the order's own."""
    if isinstance(value, Mapping):
        for name, nested in value.items():
            if name == "metadata" and isinstance(nested, Mapping):
                check_metadata(nested)
            else:
                _check_nested_metadata(nested)
    elif isinstance(value, (list, tuple)):
        for nested in value:
            _check_nested_metadata(nested)


def _line_item(line: OrderLine, currency: str) -> dict[str, Any]:
    product: dict[str, Any] = {"name": line.name}
    if line.description:
        product["description"] = line.description
    if line.image_url:
        product["images"] = [line.image_url]
    if line.tax_code:
        product["tax_code"] = line.tax_code
    price: dict[str, Any] = {"currency": currency, "unit_amount": line.unit_amount_minor, "product_data": product}
    if line.tax_behavior:
        price["tax_behavior"] = line.tax_behavior
    return {"price_data": price, "quantity": line.quantity}


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(known, value) if both else deepcopy(value)  # type: ignore[arg-type]  # both are mappings
    return merged
