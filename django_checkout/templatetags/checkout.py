"""``{% load checkout %}``: money, and the checkout of an order, in the host's templates."""

from __future__ import annotations

from django import template

from django_checkout.money import format_minor

register = template.Library()


@register.filter
def money(minor: int | None, currency: str) -> str:
    """Return minor units as text in the active language, nothing where there is no amount.

    ``{{ order.paid_minor|money:order.currency }}``
    """
    return format_minor(minor, currency) if isinstance(minor, int) and currency else ""
