"""Who may see an order: its owner by login, a guest by the session or a signed link. Others get a 404."""

from __future__ import annotations

from django.core import signing
from django.http import Http404, HttpRequest
from django.urls import reverse

from example_project.shop.models import Order

SESSION_KEY = "orders"
SALT = "example_project.shop.access"
LINK_MAX_AGE_SECONDS = 90 * 24 * 60 * 60


def remember_order(request: HttpRequest, order: Order) -> None:
    """Allow this browser to see the order."""
    numbers: list[str] = request.session.get(SESSION_KEY, [])
    if order.number not in numbers:
        request.session[SESSION_KEY] = [*numbers, order.number][-50:]


def can_see(request: HttpRequest, order: Order) -> bool:
    if order.number in request.session.get(SESSION_KEY, []):
        return True
    return request.user.is_authenticated and order.user_id == request.user.pk


def get_visible_order(request: HttpRequest, number: str) -> Order:
    """Return the order; raise Http404 if it does not exist or belongs to another shopper."""
    order = Order.objects.filter(number=number).prefetch_related("lines__product").first()
    if order is None or not can_see(request, order):
        raise Http404
    return order


def signed_path(order: Order) -> str:
    """Return the path that shows the order without a login, for its confirmation mail."""
    return reverse("shop:open-order", args=[signing.dumps(order.number, salt=SALT)])


def get_order_by_token(token: str) -> Order:
    """Return the order of a signed link; raise Http404 if the link is forged or expired."""
    try:
        number = signing.loads(token, salt=SALT, max_age=LINK_MAX_AGE_SECONDS)
        return Order.objects.get(number=number)
    except (signing.BadSignature, Order.DoesNotExist) as error:
        raise Http404 from error
