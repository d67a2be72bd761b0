"""The questions we ask the host: one class, named by ``CHECKOUT_ADAPTER``, and nothing else to configure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from django_checkout.conf import conf
from django_checkout.exceptions import OutOfStockError
from django_checkout.models import Order
from django_checkout.values import OrderData, ShippingOption


class CheckoutAdapter:
    """Translates between the host's orders and ours. Subclass it, answer ``describe``, and name it in the settings.

    ``order`` is the host's own row. A shop without an order model does not write ``describe``; it is asked about our
    ``Order``. A shop that writes it and places an ``OrderData`` as well is asked ``can_pay`` about None, and no more.
    """

    def describe(self, order: Any) -> OrderData:
        """Say what is sold, to whom, and for how much; called by ``services.place`` inside no lock of ours.

        A shop that has no order model, and places ``OrderData`` only, does not write it.
        """
        raise ImproperlyConfigured(
            f"CHECKOUT_ADAPTER: {type(self).__qualname__} has no describe(order) to place "
            f"{type(order).__qualname__} with; write that method, or place an OrderData."
        )

    def can_pay(self, request: HttpRequest, order: Any) -> bool:
        """Whether this request may see the pay page and pay; we know already that it holds a link or is the owner.

        The return page is not asked about: who has paid may see how it went.
        """
        return True

    def shipping_options(self, order: Any, address: Mapping[str, str]) -> Sequence[ShippingOption]:
        """Say how the order can be shipped to an address, for the Elements checkout; empty: it is not shipped there.

        ``address`` has Stripe's keys: ``country``, ``postal_code``, ``city``, ``state``, ``line1`` ... It is what the
        browser says and may be incomplete. Where this is answered, an order that asks for a shipping address and was
        placed without ``shipping_options`` is paid in the Elements checkout alone: no other page asks for them.
        """
        return ()

    @property
    def describes_rows(self) -> bool:
        """Whether this adapter answers ``describe``, so that its other methods are written for rows of the host's."""
        return type(self).describe is not CheckoutAdapter.describe

    @property
    def computes_shipping(self) -> bool:
        """Whether this adapter answers ``shipping_options``, so that only the server may set the shipping address."""
        return type(self).shipping_options is not CheckoutAdapter.shipping_options

    @property
    def changes_quantities(self) -> bool:
        """Whether this adapter answers ``change_quantity``, so that the Elements checkout offers it."""
        return type(self).change_quantity is not CheckoutAdapter.change_quantity

    def change_quantity(self, order: Any, sku: str, quantity: int) -> None:
        """Change how many of an article the host's order has, for the Elements checkout; the price is yours to say.

        Called in a transaction of ours, under the lock of our order. Raise ``OutOfStockError`` with a message for the
        shopper to refuse; whoever does not answer this offers fixed quantities.
        """
        raise OutOfStockError(gettext("Quantities cannot be changed here."))

    def find_own_order(self, request: HttpRequest, reference: str) -> Any:
        """Return your own order of this number if this request may pay for it, else None; asked by the JSON API.

        The API places what is returned. Whoever does not answer this places orders on the server only.
        """
        return None

    def take_order(self, request: HttpRequest, content: OrderData) -> Any:
        """Return the order that a request to the JSON API becomes: a row of yours, or an ``OrderData``; None refuses.

        ``content`` is what the request says: nothing of it is known to be true, prices least of all, so look them up
        by ``sku``. Its reference is random unless the request gives one; an order that has been placed under it is
        revised for its user and for the bearer of its link, and refused to everybody else. Called in a transaction that
        also places the order, on our database and on your users', so call no other service over the network here.
        """
        return None

    def return_url(self, order: Any) -> str:
        """Where the return page leads on to once payment is settled; "" offers no link."""
        return ""

    def cancel_url(self, order: Any) -> str:
        """Where a shopper who turns back from the payment page arrives; "" is our own pay page."""
        return ""


def get_subject(order: Order) -> Any:
    """Return what the adapter is asked about for our order; None where the host has no row for it, or none any more."""
    if order.source_id:
        return order.source
    return None if get_adapter().describes_rows else order


def is_deleted(order: Order) -> bool:
    """Whether the host has deleted the row that our order was placed from."""
    return bool(order.source_id) and order.source is None


def get_adapter() -> CheckoutAdapter:
    """Return a fresh instance of the host's adapter.

    Raises:
        ImproperlyConfigured: CHECKOUT_ADAPTER cannot be imported or is not a ``CheckoutAdapter``.
    """
    return get_adapter_class()()


def get_adapter_class() -> type[CheckoutAdapter]:
    """Return the class that CHECKOUT_ADAPTER names.

    Raises:
        ImproperlyConfigured: CHECKOUT_ADAPTER cannot be imported or is not a ``CheckoutAdapter``.
    """
    path = conf.CHECKOUT_ADAPTER
    try:
        adapter_class = import_string(path)
    except (ImportError, TypeError) as error:
        # TypeError is import_module's answer to a path that starts with a dot.
        raise ImproperlyConfigured(f"CHECKOUT_ADAPTER: {path!r} cannot be imported: {error}") from error
    if not (isinstance(adapter_class, type) and issubclass(adapter_class, CheckoutAdapter)):
        raise ImproperlyConfigured(f"CHECKOUT_ADAPTER: {path!r} is not a subclass of CheckoutAdapter.")
    return adapter_class
