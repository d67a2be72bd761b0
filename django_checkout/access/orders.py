"""Who may see and pay an order: the holder of a signed link and the order's owner, unless the adapter refuses."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from django_checkout.access.tokens import Purpose, read_token
from django_checkout.adapters import get_adapter, get_subject, is_deleted
from django_checkout.conf import conf
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Order
from django_checkout.states import OrderStatus

#: The tokens that are sufficient for each purpose: a token to pay also shows the status.
_SUFFICIENT = {Purpose.PAY: (Purpose.PAY,), Purpose.STATUS: (Purpose.STATUS, Purpose.PAY)}
_COOKIE = "checkout_pay_"
#: How many links a browser keeps: servers refuse requests with more than about 8 KB of headers.
_KEPT_LINKS = 10


def get_order_of_link(request: HttpRequest, token: str, purpose: Purpose) -> Order:
    """Return the order that a link opens, if the request may access it for this purpose.

    An expired link still works for the order's owner who is signed in.

    Raises:
        OrderNotFoundError: in every other case, so that a response does not reveal which orders exist.
    """
    claim = read_token(token, purpose)
    order = Order.objects.filter(pk=claim.order_pk).first()
    if order is None or not claim.is_for(order):
        raise OrderNotFoundError("The order no longer exists.")
    return _admit(request, order, purpose, is_bearer=claim.is_young)


def get_order_by_reference(request: HttpRequest, reference: str, *, token: str, purpose: Purpose) -> Order:
    """Return the order with this reference, if the request has its token or is made by its owner.

    Takes one query, and those of the adapter.

    Raises:
        OrderNotFoundError: in every other case, so that a response does not reveal which orders exist.
    """
    order = Order.objects.filter(reference=reference).first()
    if order is None:
        raise OrderNotFoundError("The order does not exist.")
    return _admit(request, order, purpose, is_bearer=is_bearer(order, token, purpose))


def is_owner(request: HttpRequest, order: Order) -> bool:
    """Whether the order's user is signed in and makes the request."""
    user = getattr(request, "user", None)
    return order.user_id is not None and user is not None and user.is_authenticated and user.pk == order.user_id


def is_offered(request: HttpRequest | None, order: Order, subject: Any = None) -> bool:
    """Whether the host still has the order and lets this request pay it; without a request, the adapter is not called.

    Pass the host's row as ``subject`` to save the query for it.
    """
    if subject is None:
        if is_deleted(order):
            return False
        subject = get_subject(order)
    return request is None or get_adapter().can_pay(request, subject)


def is_payable(request: HttpRequest | None, order: Order, subject: Any = None) -> bool:
    """Whether the order is unpaid and ``is_offered``, so that an attempt to pay it is not refused."""
    return order.status == OrderStatus.UNPAID and is_offered(request, order, subject)


def may_cancel(request: HttpRequest, order: Order, subject: Any = None) -> bool:
    """Whether the host lets this request, which may pay the order, cancel it before it is paid."""
    subject = get_subject(order) if subject is None else subject
    return get_adapter().can_cancel(request, subject)


def may_see_details(request: HttpRequest, order: Order) -> bool:
    """Whether the request may see the order's amounts and personal data, on a page that a status link opens.

    A status link is shared easily: with it alone, the page shows the status and the reference.
    """
    return is_owner(request, order) or bool(find_link(request, order))


def get_order_with_details(request: HttpRequest, token: str) -> Order:
    """Return the order that a link opens, if the request may see its details: with a ``PAY`` link, everybody may.

    Raises:
        OrderNotFoundError: in every other case.
    """
    for purpose in (Purpose.PAY, Purpose.STATUS):
        with suppress(OrderNotFoundError):
            claim = read_token(token, purpose)
            order = Order.objects.filter(pk=claim.order_pk).first()
            if order is not None and claim.is_for(order):
                is_bearer = claim.is_young and purpose == Purpose.PAY
                if is_bearer or is_owner(request, order) or (claim.is_young and may_see_details(request, order)):
                    return order
    raise OrderNotFoundError("The request may not see the details of this order.")


def has_right(request: HttpRequest, order: Order, token: str, purpose: Purpose) -> bool:
    """Whether the request has a sufficient token, or is made by the owner."""
    return is_bearer(order, token, purpose) or is_owner(request, order)


def is_bearer(order: Order, token: str, purpose: Purpose) -> bool:
    """Whether a token is valid for this order and sufficient for the purpose."""
    for sufficient in _SUFFICIENT[purpose]:
        with suppress(OrderNotFoundError):
            claim = read_token(token, sufficient)
            if claim.is_young and claim.is_for(order):
                return True
    return False


def remember_link(request: HttpRequest, response: HttpResponse, order: Order, token: str) -> None:
    """Store the link with which this browser pays in a cookie, so that it can retry when it returns from Stripe.

    The browser keeps the links of the newest orders. The order's owner does not need one.
    """
    if is_owner(request, order):
        return
    path = reverse("django_checkout:health").removesuffix("health/")
    name = f"{_COOKIE}{order.pk}"
    response.set_cookie(
        name,
        token,
        max_age=conf.CHECKOUT_TOKEN_MAX_AGE_SECONDS,
        path=path,
        secure=request.is_secure() or conf.session_secure,
        httponly=True,
        samesite="Lax",
    )
    others = [known for known in request.COOKIES if known.startswith(_COOKIE) and known != name]
    # Compare numerically: the longer of two numbers is the larger.
    others.sort(key=lambda known: (len(known), known), reverse=True)
    for old in others[_KEPT_LINKS - 1 :]:
        response.delete_cookie(old, path=path, samesite="Lax")


def find_link(request: HttpRequest, order: Order) -> str:
    """Return the valid ``PAY`` token that this browser keeps for an order, or ""."""
    token = request.COOKIES.get(f"{_COOKIE}{order.pk}", "")
    return token if is_bearer(order, token, Purpose.PAY) else ""


def _admit(request: HttpRequest, order: Order, purpose: Purpose, *, is_bearer: bool) -> Order:
    """Return the order if the request may access it; to pay it, it must also be ``is_offered``."""
    if not (is_bearer or is_owner(request, order)):
        raise OrderNotFoundError("The request has no right to this order.")
    if purpose == Purpose.PAY and not is_offered(request, order):
        raise OrderNotFoundError("The host has deleted the order, or does not let this request pay it.")
    return order
