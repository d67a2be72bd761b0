"""``{% load checkout %}``: money, and the checkout of an order, in the host's templates."""

from __future__ import annotations

from django import template

from django_checkout.money import format_minor

register = template.Library()


@register.filter
def money(minor: int | None, currency: str) -> str:
    """Return minor units as text in the active language: ``{{ order.paid_minor|money:order.currency }}``."""
    return "" if minor is None else format_minor(minor, currency)
