"""Adds the cart and the shop's currency to every template."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from django_checkout.conf import conf
from example_project.shop.cart import Cart
from example_project.shop.models import CURRENCY


def shop(request: HttpRequest) -> dict[str, Any]:
    """Return the cart, which is read only if a template uses it, and what the header shows."""
    return {
        "cart": SimpleLazyObject(lambda: Cart(request)),
        "shop_currency": CURRENCY,
        "is_emulated": conf.CHECKOUT_EMULATOR,
    }
