"""What django_checkout asks this shop. This file and receivers.py are the whole integration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from django_checkout.adapters import CheckoutAdapter
from django_checkout.exceptions import OutOfStockError
from django_checkout.money import to_minor
from django_checkout.values import CheckoutOptions, LineData, OrderData, ShippingOption
from example_project.shop.models import MAX_QUANTITY, Order
from example_project.shop.shipping import COUNTRIES, Parcel, parcel_to, usual_parcel


class ShopAdapter(CheckoutAdapter):
    """The shop's orders, in django_checkout's words."""

    def describe(self, order: Order) -> OrderData:
        """Say what is to be paid; what recurs makes it a subscription, and that has its postage in the price."""
        lines = list(order.lines.select_related("product"))
        is_recurring = any(line.interval for line in lines)
        return OrderData(
            reference=order.number,
            currency=order.currency,
            lines=tuple(
                LineData(
                    name=line.name,
                    unit_amount_minor=to_minor(line.unit_price, order.currency),
                    quantity=line.quantity,
                    sku=line.product.slug if line.product else "",
                    recurring_interval=line.interval,
                )
                for line in lines
            ),
            user=order.user,
            email=order.email,
            options=CheckoutOptions(
                allow_promotion_codes=True,
                shipping_countries=COUNTRIES,
                shipping_options=() if is_recurring else _options(order, usual_parcel()),
            ),
        )

    def can_pay(self, request: HttpRequest, order: Order) -> bool:
        """Ask nothing more of whoever holds the signed link or owns the order: gifts may be paid by the giver."""
        return True

    def shipping_options(self, order: Order, address: Mapping[str, str]) -> Sequence[ShippingOption]:
        """Say what a parcel to this address costs; the Elements checkout asks, Stripe's own page cannot."""
        if order.is_recurring:
            return ()
        return _options(order, parcel_to(address.get("country", "")))

    def change_quantity(self, order: Order, sku: str, quantity: int) -> None:
        """Change a line, if there is that much of it."""
        line = order.lines.select_related("product").filter(product__slug=sku).first()
        if line is None or line.product is None:
            raise OutOfStockError(gettext("This is no longer part of your order."))
        most = line.product.maximum_quantity
        if quantity > most:
            raise OutOfStockError(_refusal(line.name, most))
        line.quantity = quantity
        line.save(update_fields=["quantity"])

    def return_url(self, order: Order) -> str:
        return order.get_absolute_url()

    def cancel_url(self, order: Order) -> str:
        return f"{reverse('shop:pay', args=[order.number])}?back"


def _options(order: Order, parcel: Parcel) -> tuple[ShippingOption, ...]:
    return (
        ShippingOption(name=gettext("Pick-up at the studio"), amount_minor=0),
        ShippingOption(
            name=parcel.name,
            amount_minor=to_minor(parcel.price, order.currency),
            business_days=parcel.business_days,
        ),
    )


def _refusal(name: str, most: int) -> str:
    """Return what the shopper reads who asked for more than there is."""
    if most == MAX_QUANTITY:
        return gettext("We are a small studio: %(most)d of one thing is the most we can pack.") % {"most": most}
    if most == 0:
        return gettext("The last %(name)s has just been sold. The next firing is in three weeks.") % {"name": name}
    return ngettext(
        "There is only one %(name)s left until the next firing.",
        "There are only %(most)d of %(name)s left until the next firing.",
        most,
    ) % {"name": name, "most": most}
