"""Adds the cart and the visitor's currency to every template."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from django_checkout.conf import conf
from example_project.shop.cart import Cart
from example_project.shop.prices import CURRENCIES, currency_of
from example_project.shop.shipping import usual_parcel


def shop(request: HttpRequest) -> dict[str, Any]:
    """Return the cart, which is read only if a template uses it, and what the header shows."""
    return {
        "cart": SimpleLazyObject(lambda: Cart(request)),
        "shop_currency": SimpleLazyObject(lambda: currency_of(request)),
        "shop_currencies": CURRENCIES,
        "parcel_price": usual_parcel().price,
        "is_emulated": conf.CHECKOUT_EMULATOR,
    }
