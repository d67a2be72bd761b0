"""Decides in which UI modes an order may be paid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_checkout.adapters import get_adapter
from django_checkout.conf import conf
from django_checkout.exceptions import UiModeError
from django_checkout.models import Order
from django_checkout.params.options import effective

Options = Mapping[str, Any]


def ui_modes(order: Order, options: Options | None = None) -> list[str]:
    """Return the UI modes in which an order may be paid; ``options`` are the ``params`` of ``start``.

    Only the Elements checkout asks the server for shipping prices, so an order without known prices is paid there.
    """
    parameters = effective(order.params, options)
    is_shipping_known = not computes_shipping(order, options) or bool(parameters.get("shipping_options"))
    return [mode for mode in conf.CHECKOUT_UI_MODES if is_shipping_known or mode == "elements"]


def default_ui_mode(order: Order, options: Options | None = None) -> str:
    """Return CHECKOUT_UI_MODE if the order allows it, otherwise the first mode that it allows."""
    allowed = ui_modes(order, options)
    return conf.CHECKOUT_UI_MODE if conf.CHECKOUT_UI_MODE in allowed or not allowed else allowed[0]


def check_ui_mode(order: Order, ui_mode: str, options: Options | None = None) -> None:
    """Check that the order may be paid in a UI mode.

    Raises:
        UiModeError: it may not.
    """
    allowed = ui_modes(order, options)
    if ui_mode not in allowed:
        raise UiModeError(f"ui_mode={ui_mode!r} is not allowed for this order: {', '.join(allowed) or 'none'} is.")


def computes_shipping(order: Order, options: Options | None = None) -> bool:
    """Return whether the adapter computes the shipping options of this order from the address."""
    collects_address = bool(effective(order.params, options).get("shipping_address_collection"))
    # Stripe has no shipping rates in other modes.
    return collects_address and order.mode == "payment" and get_adapter().computes_shipping
