"""Finds and locks the orders of the host's rows, and checks that they are this site's."""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models

from django_checkout.conf import conf
from django_checkout.exceptions import OrderNotFoundError, OtherSiteError
from django_checkout.models import Order, sites
from django_checkout.models.statements import Select

# Django sorts the conditions by name.
_OF_SOURCE = Select(lambda: Order.objects.filter(source_id="", source_type=1).order_by("-pk")[:1])


def get_own_order(order: Any) -> Order:
    """Return our order, which must be this site's: what follows changes money or announces it.

    Raises:
        OrderNotFoundError: the host's order was never placed.
        OtherSiteError: another installation placed it or started its latest session.
    """
    ours = get_order(order)
    check_site(ours)
    return ours


def check_site(row: sites.OfSite) -> None:
    """Check that an order or a session is this site's.

    Raises:
        OtherSiteError: it is not.
    """
    if not sites.is_own(row):
        raise OtherSiteError(
            f"It belongs to {row.site_url}, and this site is {conf.base_url or 'without CHECKOUT_BASE_URL'}. If the "
            "site was renamed, add the former URL to CHECKOUT_FORMER_BASE_URLS."
        )


def get_order(order: Any) -> Order:
    """Return our order for itself or for the host's row.

    Raises:
        OrderNotFoundError: the host's order was never placed.
    """
    found = find_order(order)
    if found is None:
        raise OrderNotFoundError("This order has not been placed; call services.place() first.")
    return found


def find_order(order: Any) -> Order | None:
    """Return our order for itself or for the host's row; None if that was never placed."""
    if isinstance(order, Order):
        return order
    if not isinstance(order, models.Model):
        return None
    content_type = ContentType.objects.get_for_model(order, for_concrete_model=False)
    return next(iter(_OF_SOURCE(str(order.pk), content_type.pk)), None)


def lock(order: Any) -> Order:
    """Lock our order until the transaction ends, and return its current state.

    Hosts that lock their own row call this first, because receivers run under this lock.
    """
    return Order.objects.select_for_update().get(pk=get_order(order).pk)
