"""The shop's prices: in euros, and in yen at the studio's own rate."""

from __future__ import annotations

from decimal import Decimal

from django.http import HttpRequest
from django.utils.translation import get_language_from_request

from example_project.shop.models import CURRENCY

#: The currencies that a visitor can choose, as they are shown.
CURRENCIES = {CURRENCY: "€", "jpy": "¥"}
#: The studio changes it once a year, so that prices are quiet.
YEN_PER_EURO = 160
SESSION_KEY = "currency"


def currency_of(request: HttpRequest) -> str:
    """Return the currency that the visitor has chosen, else the yen for a browser in Japanese."""
    chosen: str = request.session.get(SESSION_KEY, "")
    if chosen in CURRENCIES:
        return chosen
    return "jpy" if get_language_from_request(request) == "ja" else CURRENCY


def price_in(currency: str, euros: Decimal) -> Decimal:
    """Return a price in a currency; a price in yen ends in a zero."""
    return euros if currency == CURRENCY else Decimal(int(round(euros * YEN_PER_EURO, -1)))
