"""Who may see and pay an order, for every face: the holder of a signed link, or its owner; the host may refuse."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from django_checkout.adapters import get_adapter, get_subject, is_deleted
from django_checkout.conf import conf
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Order
from django_checkout.tokens import Purpose, Token, read_token

#: Which tokens are a right to what; whoever may pay may see the status.
_SUFFICIENT = {Purpose.PAY: (Purpose.PAY,), Purpose.STATUS: (Purpose.STATUS, Purpose.PAY)}
_COOKIE = "checkout_pay_"
#: A browser keeps the links of so many orders: servers refuse requests with more than about 8 KB of headers.
_KEPT_LINKS = 10


def get_order(request: HttpRequest, token: str, purpose: Purpose) -> Order:
    """Return the order that a link for this purpose names, if this request has a right to it.

    An expired link still works for the order's owner, signed in.

    Raises:
        OrderNotFoundError: in every other case, so that nobody learns which orders there are.
    """
    said = read_token(token, purpose)
    order = Order.objects.filter(pk=said.order_pk).first()
    if order is None or not said.is_for(order):
        raise OrderNotFoundError("The order is gone.")
    return _admit(request, order, purpose, is_bearer=said.is_young)


def get_order_by_reference(request: HttpRequest, reference: str, *, token: str, purpose: Purpose) -> Order:
    """Return an order by its number, if this request has a right to it by a token or as its owner.

    One query, and what the adapter does.

    Raises:
        OrderNotFoundError: in every other case, so that nobody learns which orders there are.
    """
    order = Order.objects.filter(reference=reference).first()
    if order is None:
        raise OrderNotFoundError("There is no such order.")
    return _admit(request, order, purpose, is_bearer=is_bearer(order, token, purpose))


def is_owner(request: HttpRequest, order: Order) -> bool:
    """Whether the request is of the order's user, signed in."""
    user = getattr(request, "user", None)
    return order.user_id is not None and user is not None and user.is_authenticated and user.pk == order.user_id


def is_offered(request: HttpRequest, order: Order) -> bool:
    """Whether the host still has the order and lets this request pay it."""
    return not is_deleted(order) and get_adapter().can_pay(request, get_subject(order))


def is_bearer(order: Order, token: str, purpose: Purpose) -> bool:
    """Whether a token is a right of its own to see or pay this order now."""
    return any(
        said is not None and said.is_young and said.is_for(order)
        for said in (_find_said(token, sufficient) for sufficient in _SUFFICIENT[purpose])
    )


def remember_link(request: HttpRequest, response: HttpResponse, order: Order, token: str) -> None:
    """Let this browser keep the link by which it pays, so that it can try again when it returns from Stripe.

    It keeps those of the newest orders; the order's owner needs none.
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
    # The longer number is the larger.
    others.sort(key=lambda known: (len(known), known), reverse=True)
    for old in others[_KEPT_LINKS - 1 :]:
        response.delete_cookie(old, path=path, samesite="Lax")


def find_link(request: HttpRequest, order: Order) -> str:
    """Return the ``PAY`` token that this browser keeps for an order, or ""."""
    token = request.COOKIES.get(f"{_COOKIE}{order.pk}", "")
    return token if is_bearer(order, token, Purpose.PAY) else ""


def _admit(request: HttpRequest, order: Order, purpose: Purpose, *, is_bearer: bool) -> Order:
    """Apply the one rule: a right to the order, and to pay it, an order that the host has and lets be paid."""
    if not (is_bearer or is_owner(request, order)):
        raise OrderNotFoundError("The request has no right to this order.")
    if purpose == Purpose.PAY and not is_offered(request, order):
        raise OrderNotFoundError("The shop has deleted the order, or does not let this request pay it.")
    return order


def _find_said(token: str, purpose: Purpose) -> Token | None:
    try:
        return read_token(token, purpose)
    except OrderNotFoundError:
        return None
