"""``{% load shop %}``: formats prices."""

from __future__ import annotations

from decimal import Decimal

from babel.core import UnknownLocaleError
from babel.numbers import format_currency
from django import template
from django.utils.translation import get_language, to_locale

from example_project.shop.prices import price_in

register = template.Library()


@register.filter
def price(amount: Decimal, currency: str) -> str:
    """Format an amount in the visitor's language: {{ product.price|price:"eur" }} is €68.00 or 68,00 €."""
    try:
        return format_currency(amount, currency.upper(), locale=to_locale(get_language() or "en"))
    except UnknownLocaleError:
        return format_currency(amount, currency.upper(), locale="en")


@register.filter
def in_currency(euros: Decimal, currency: str) -> str:
    """Convert a price of the catalogue, and format it in the visitor's language."""
    return price(price_in(currency, euros), currency)
