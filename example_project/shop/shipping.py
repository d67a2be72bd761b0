"""Shipping prices, and the countries that the shop ships to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_noop

HOME = "DE"
NEIGHBOURS = frozenset(("AT", "BE", "CH", "DK", "ES", "FI", "FR", "IE", "IT", "LU", "NL", "PL", "PT", "SE"))
COUNTRIES = (HOME, *sorted(NEIGHBOURS), "CA", "GB", "JP", "US")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A shipping option: its name in English, its price in the catalogue's currency, and its delivery time."""

    name: str
    price: Decimal
    business_days: tuple[int, int]


def usual_parcel() -> Parcel:
    """Return the option for an address that is not known yet."""
    return Parcel(name=gettext_noop("Parcel"), price=Decimal("4.90"), business_days=(2, 4))


def parcel_to(country: str) -> Parcel:
    """Return the option for a country; "" is not known yet."""
    if country in {"", HOME}:
        return usual_parcel()
    if country in NEIGHBOURS:
        return Parcel(name=gettext_noop("Parcel abroad"), price=Decimal("9.90"), business_days=(4, 7))
    return Parcel(name=gettext_noop("Parcel overseas"), price=Decimal("16.90"), business_days=(7, 14))
