"""In which UI modes an order may be paid: those of the site, where the price of shipping is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_checkout.adapters import get_adapter
from django_checkout.conf import conf
from django_checkout.exceptions import UiModeError
from django_checkout.models import Order

Options = Mapping[str, Any]


def ui_modes(order: Order, options: Options | None = None) -> list[str]:
    """Return the UI modes in which an order may be paid; ``options`` are what the caller of ``start`` adds to it.

    Only the Elements checkout asks the server for the price of shipping, so an order that was placed without one is
    paid there.
    """
    asked = _asked(order, options)
    is_open = not computes_shipping(order, options) or bool(asked.get("shipping_options"))
    return [mode for mode in conf.CHECKOUT_UI_MODES if is_open or mode == "elements"]


def default_ui_mode(order: Order, options: Options | None = None) -> str:
    """Return the UI mode of an order for which none is named: CHECKOUT_UI_MODE, or the first that it may be paid in."""
    allowed = ui_modes(order, options)
    return conf.CHECKOUT_UI_MODE if conf.CHECKOUT_UI_MODE in allowed or not allowed else allowed[0]


def check_ui_mode(order: Order, ui_mode: str, options: Options | None = None) -> None:
    """Refuse a UI mode in which the order may not be paid, whoever asks for it.

    Raises:
        UiModeError: naming the mode.
    """
    allowed = ui_modes(order, options)
    if ui_mode not in allowed:
        raise UiModeError(f"ui_mode={ui_mode!r} is not allowed for this order: {', '.join(allowed) or 'none'} is.")


def computes_shipping(order: Order, options: Options | None = None) -> bool:
    """Return whether the adapter says what it costs to ship this order, once the address is known."""
    asks = bool(_asked(order, options).get("shipping_address_collection"))
    # Stripe has no shipping rates in other modes.
    return asks and order.mode == "payment" and get_adapter().computes_shipping


def _asked(order: Order, options: Options | None) -> dict[str, Any]:
    return {**conf.CHECKOUT_SESSION_DEFAULTS, **order.params, **(options or {})}
