"""Builds the links with which an order is paid, and its documents are opened."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.http import HttpRequest
from django.urls import reverse

from django_checkout.access.tokens import Purpose, make_token
from django_checkout.conf import conf
from django_checkout.exceptions import OrderNotPayableError
from django_checkout.models import Order
from django_checkout.services.documents import find_documents
from django_checkout.services.orders import find_order, get_order
from django_checkout.services.placing import place
from django_checkout.states import OrderStatus
from django_checkout.values import OrderData


def pay_url(order: Any, *, request: HttpRequest | None = None) -> str:
    """Return the absolute, signed URL of the order's payment page, e.g. for an email; place the order if necessary.

    Raises:
        ImproperlyConfigured: there is no request, and CHECKOUT_BASE_URL is not set (DEBUG uses ``runserver``'s URL).
    """
    ours = _get_or_place(order)
    return absolute_url(reverse("django_checkout:pay", args=[make_token(ours, Purpose.PAY)]), request)


def recovery_url(order: Any, *, request: HttpRequest | None = None) -> str:
    """Return the absolute URL with which a shopper comes back to an order that they left unpaid, e.g. for a reminder.

    It is our payment page, which starts one session or shows what became of the order. Stripe's own recovery URL opens
    a copy of the expired session as it was, and another one beside the session that is open.

    Raises:
        OrderNotPayableError: there is nothing to come back to: the order is paid, in progress, canceled or erased.
        ImproperlyConfigured: see ``pay_url``.
    """
    ours = Order.objects.get(pk=get_order(order).pk)
    if ours.status != OrderStatus.UNPAID or ours.erased_at is not None:
        raise OrderNotPayableError(f"The order is {ours.status}.")
    return pay_url(ours, request=request)


def start_url(order: Any) -> str:
    """Return the signed path that a form posts to in order to start paying; place the order if necessary."""
    return reverse("django_checkout:start", args=[make_token(_get_or_place(order), Purpose.PAY)])


def document_links(order: Order, token: str) -> list[dict[str, str]]:
    """Return the ``kind`` and the ``url``, a path, of each document of an order; ``token`` decides who may open it."""
    kinds = find_documents(order)
    return [{"kind": kind, "url": reverse("django_checkout:document", args=[token, kind])} for kind in kinds]


def absolute_url(path: str, request: HttpRequest | None) -> str:
    """Return a path as an absolute URL of the request, of CHECKOUT_BASE_URL, or in DEBUG of ``runserver``.

    Raises:
        ImproperlyConfigured: none of them exists.
    """
    if request is not None:
        return request.build_absolute_uri(path)
    base_url = conf.base_url
    if not base_url:
        raise ImproperlyConfigured("The URL of this site is not known: set CHECKOUT_BASE_URL, or pass request=.")
    return f"{base_url}{path}"


def _get_or_place(order: Any) -> Order:
    if isinstance(order, (models.Model, OrderData)):
        return find_order(order) or place(order)
    return get_order(order)
