"""What every page of the shop shows: the cart."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from django_checkout.conf import conf
from example_project.shop.cart import Cart
from example_project.shop.models import CURRENCY


def shop(request: HttpRequest) -> dict[str, Any]:
    """Return the cart, read when a template asks for it (the admin never does), and what the footer says."""
    return {
        "cart": SimpleLazyObject(lambda: Cart(request)),
        "shop_currency": CURRENCY,
        "is_emulated": conf.CHECKOUT_EMULATOR,
    }
