"""Stripe Checkout Sessions in Django, from cart to paid and back."""

from __future__ import annotations

__version__ = "0.1.0"
