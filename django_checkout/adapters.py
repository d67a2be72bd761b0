"""The adapter: the class, named by ``CHECKOUT_ADAPTER``, that connects the host's orders to the app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from django_checkout.conf import conf
from django_checkout.exceptions import OutOfStockError
from django_checkout.models import Order

if TYPE_CHECKING:
    from django_checkout.legal_links import LegalLinks
    from django_checkout.values import OrderData, ShippingOption


class CheckoutAdapter:
    """Connects the host's orders to the app's. Subclass it, override ``describe``, and set CHECKOUT_ADAPTER.

    ``order`` is the host's row. If ``describe`` is not overridden, it is the app's ``Order``. If it is overridden but
    an order was placed as ``OrderData``, only ``can_pay`` and ``can_cancel`` are called, with None.
    """

    def describe(self, order: Any) -> OrderData:
        """Return the data of a host's order; called by ``services.place`` without locks.

        A site that has no order model and places only ``OrderData`` does not override it.
        """
        raise ImproperlyConfigured(
            f"CHECKOUT_ADAPTER: {type(self).__qualname__} does not define describe(order), which is "
            f"needed to place {type(order).__qualname__}. Define it, or place an OrderData."
        )

    def can_pay(self, request: HttpRequest, order: Any) -> bool:
        """Return whether a request, which has a valid link or is the owner's, may see the payment page and pay.

        Not called for the return page: a shopper who has paid may see the result.
        """
        return True

    def shipping_options(self, order: Any, address: Mapping[str, str]) -> Sequence[ShippingOption]:
        """Return the options to ship an order to an address in the Elements checkout; empty if it is not shipped there.

        ``address`` comes from the browser and may be incomplete. It has Stripe's keys: ``country``, ``postal_code``,
        ``city``, ``state``, ``line1`` ... If this method is overridden, orders that collect a shipping address and have
        no ``shipping_options`` can be paid only in the Elements checkout.
        """
        return ()

    @property
    def describes_rows(self) -> bool:
        """Whether ``describe`` is overridden, so that the other methods take the host's rows."""
        return type(self).describe is not CheckoutAdapter.describe

    @property
    def computes_shipping(self) -> bool:
        """Whether ``shipping_options`` is overridden, so that only the server sets the shipping address."""
        return type(self).shipping_options is not CheckoutAdapter.shipping_options

    @property
    def changes_quantities(self) -> bool:
        """Whether ``change_quantity`` is overridden, so that the Elements checkout offers it."""
        return type(self).change_quantity is not CheckoutAdapter.change_quantity

    def change_quantity(self, order: Any, sku: str, quantity: int) -> None:
        """Change a quantity of the host's order from the Elements checkout; quantities are fixed if not overridden.

        Called in a transaction, with our order locked. To refuse, raise ``OutOfStockError`` with a message for the
        shopper.
        """
        raise OutOfStockError(gettext("Quantities cannot be changed here."))

    def find_order(self, reference: str) -> Any:
        """Return the host's order with this number, else None.

        Called by ``checkout_reconcile --fix`` without locks, for an order that has a payment at Stripe and was never
        placed here, such as one that was entered again after a backup was restored. If not overridden, such an order
        must be placed by hand: ``services.place``.
        """
        return None

    def find_own_order(self, request: HttpRequest, reference: str) -> Any:
        """Return the host's order with this number if the request may pay it, else None.

        Called by the JSON API, which places the returned order. If not overridden, orders are placed only on the
        server.
        """
        return None

    def take_order(self, request: HttpRequest, content: OrderData) -> Any:
        """Return the order to place for a request to the JSON API: a row or an ``OrderData``, or None to refuse.

        ``content`` is untrusted: look up the prices by ``sku``. Its reference is random unless the request has one; an
        existing order with that reference is changed if the request is its user's or has its link, and refused
        otherwise. Called in the transaction that places the order, which starts over after a deadlock: do not call
        other services over the network, and send mail in ``on_commit``.
        """
        return None

    def can_cancel(self, request: HttpRequest, order: Any) -> bool:
        """Return whether a request, which has a valid link or is the owner's, may cancel the order before it is paid.

        Called after ``can_pay``. An authorized payment is canceled by the shop only.
        """
        return True

    def legal_links(self, order: Any) -> LegalLinks:
        """Return the legal pages for an order by kind, such as those of its seller; they replace CHECKOUT_LEGAL_LINKS.

        See that setting for the kinds; "" removes a link.
        """
        return {}

    def return_url(self, order: Any) -> str:
        """Return the path or URL that the return page links to, see CHECKOUT_RETURN_ORIGINS; "" for no link."""
        return ""

    def cancel_url(self, order: Any) -> str:
        """Return the URL for shoppers who cancel and have no other way back; "" for the app's own payment page."""
        return ""


def get_subject(order: Order) -> Any:
    """Return the ``order`` argument of the adapter's methods; None if the host has no row for the order."""
    if order.source_id:
        return order.source
    return None if get_adapter().describes_rows else order


def is_deleted(order: Order) -> bool:
    """Whether the host has deleted the row of an order."""
    return bool(order.source_id) and order.source is None


def get_adapter() -> CheckoutAdapter:
    """Return a new instance of the host's adapter.

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
        # import_module raises TypeError if the path starts with a dot.
        raise ImproperlyConfigured(f"CHECKOUT_ADAPTER: {path!r} cannot be imported: {error}") from error
    if not (isinstance(adapter_class, type) and issubclass(adapter_class, CheckoutAdapter)):
        raise ImproperlyConfigured(f"CHECKOUT_ADAPTER: {path!r} is not a subclass of CheckoutAdapter.")
    return adapter_class
