"""What it costs to send a parcel, and where the shop sends one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext

HOME = "DE"
NEIGHBOURS = frozenset(("AT", "BE", "CH", "DK", "ES", "FI", "FR", "IE", "IT", "LU", "NL", "PL", "PT", "SE"))
COUNTRIES = (HOME, *sorted(NEIGHBOURS), "CA", "GB", "US")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One parcel: its name on the payment page, its price in the shop's currency, and its days on the road."""

    name: str
    price: Decimal
    business_days: tuple[int, int]


def usual_parcel() -> Parcel:
    """Return what a parcel costs as long as nobody knows where it goes."""
    return Parcel(name=gettext("Parcel"), price=Decimal("4.90"), business_days=(2, 4))


def parcel_to(country: str) -> Parcel:
    """Return what a parcel to a country costs; "" is not known yet."""
    if country in {"", HOME}:
        return usual_parcel()
    if country in NEIGHBOURS:
        return Parcel(name=gettext("Parcel abroad"), price=Decimal("9.90"), business_days=(4, 7))
    return Parcel(name=gettext("Parcel overseas"), price=Decimal("16.90"), business_days=(7, 14))
