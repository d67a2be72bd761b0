"""The adapter of django_checkout. This file and receivers.py are the whole integration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, gettext_noop, ngettext

from django_checkout.adapters import CheckoutAdapter
from django_checkout.exceptions import OutOfStockError
from django_checkout.money import to_minor
from django_checkout.values import CheckoutOptions, LineData, OrderData, ShippingOption
from example_project.shop.models import MAX_QUANTITY, Order
from example_project.shop.prices import price_in
from example_project.shop.shipping import COUNTRIES, Parcel, parcel_to, usual_parcel


class ShopAdapter(CheckoutAdapter):
    """Translates the shop's orders for django_checkout."""

    def describe(self, order: Order) -> OrderData:
        """Return what is to be paid. A recurring line makes it a subscription, whose price includes shipping."""
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
                # Stripe cannot ask for an address only if a parcel is chosen, so the shop asks for the choice before.
                shipping_countries=() if order.is_picked_up else COUNTRIES,
                shipping_options=() if is_recurring else _options(order, usual_parcel()),
            ),
        )

    def find_order(self, reference: str) -> Order | None:
        """Return an order that was entered again after a backup was restored."""
        return Order.objects.filter(number=reference).first()

    def can_pay(self, request: HttpRequest, order: Order) -> bool:
        """Let anyone pay who has the signed link or owns the order: someone else may pay for a gift."""
        return True

    def shipping_options(self, order: Order, address: Mapping[str, str]) -> Sequence[ShippingOption]:
        """Return what a parcel to this address costs. Only the Elements checkout calls it; Stripe's page cannot."""
        if order.is_recurring:
            return ()
        return _options(order, parcel_to(address.get("country", "")))

    def change_quantity(self, order: Order, sku: str, quantity: int) -> None:
        """Change the quantity of a line, if that much is in stock."""
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
    """Return the one option, whose name Stripe's page, the order and the mail show in the buyer's language."""
    if order.is_picked_up:
        return (ShippingOption(name=_named(order, gettext_noop("Pick-up at the studio")), amount_minor=0),)
    price = to_minor(price_in(order.currency, parcel.price), order.currency)
    return (ShippingOption(name=_named(order, parcel.name), amount_minor=price, business_days=parcel.business_days),)


def _named(order: Order, name: str) -> str:
    with translation.override(order.language):
        return gettext(name)


def _refusal(name: str, most: int) -> str:
    """Return the message for a shopper who wants more than is in stock."""
    if most == MAX_QUANTITY:
        return gettext("We are a small studio: we can pack at most %(most)d of one thing.") % {"most": most}
    if most == 0:
        return gettext("The last %(name)s has just been sold. The next firing is in three weeks.") % {"name": name}
    return ngettext(
        "There is only one %(name)s left until the next firing.",
        "There are only %(most)d of %(name)s left until the next firing.",
        most,
    ) % {"name": name, "most": most}
