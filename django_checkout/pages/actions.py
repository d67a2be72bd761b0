"""The pages on which a shopper changes their mind: cancel an order, or pay it in another way. A GET only asks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from django_checkout import ledger, services
from django_checkout.access.orders import get_order_of_link, may_cancel, remember_link
from django_checkout.access.tokens import Purpose
from django_checkout.exceptions import CheckoutError, OrderNotFoundError
from django_checkout.models import Order
from django_checkout.pages.responses import SeeOther, followed, page, with_retry_after
from django_checkout.pages.status_page import get_status_url
from django_checkout.services import outcomes
from django_checkout.services.next_actions import find_next_action
from django_checkout.services.shopper_actions import is_replaceable
from django_checkout.states import OrderStatus

logger = logging.getLogger("django_checkout")


@page
@followed
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to cancel an order that is not paid; on POST cancel it, and show the status."""
    order = get_order_of_link(request, token, Purpose.PAY)
    if not may_cancel(request, order):
        raise OrderNotFoundError("The adapter's can_cancel() refuses.")
    context = {
        "title": _("Cancel order %(reference)s?") % {"reference": order.reference},
        "button": _("Cancel the order"),
        "keep": _("Keep the order"),
    }
    act = partial(services.cancel, by_shopper=True)
    return _ask_or_act(request, order, token, act, context, done_url=get_status_url(token))


@page
@followed
@require_http_methods(["GET", "HEAD", "POST"])
def another_way(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to give up a voucher or a bank transfer; on POST cancel it at Stripe, and show the payment page."""
    order = get_order_of_link(request, token, Purpose.PAY)
    context = {
        "title": _("Pay order %(reference)s in another way?") % {"reference": order.reference},
        "button": _("Pay in another way"),
        "keep": _("Keep it as it is"),
    }
    pay_url = reverse("django_checkout:pay", args=[token])
    return _ask_or_act(request, order, token, services.pay_another_way, context, done_url=pay_url)


def _ask_or_act(
    request: HttpRequest,
    order: Order,
    token: str,
    act: Callable[[Order], Order],
    context: dict[str, Any],
    *,
    done_url: str,
) -> HttpResponse:
    """Show the question, or act and redirect; the status page shows an order that has moved on meanwhile."""
    if request.method != "POST":
        if request.method == "GET":
            # Their last event may not have arrived, and they must not be asked about an order that they have paid.
            order = outcomes.sync_if_due(order, outcomes.get_session(order))
        if order.status == OrderStatus.UNPAID or is_replaceable(order):
            return _render(request, order, token, context)
        return SeeOther(get_status_url(token))
    try:
        ledger.count_request(order.pk)
        act(order)
    except CheckoutError as error:
        logger.warning("change_of_mind_failed order=%s code=%s", order.reference, error.code)
        order.refresh_from_db()
        if order.status == OrderStatus.CANCELED:
            return SeeOther(get_status_url(token))
        return _render(request, order, token, context, error)
    response = SeeOther(done_url)
    remember_link(request, response, order, token)
    return response


def _render(
    request: HttpRequest, order: Order, token: str, context: dict[str, Any], error: CheckoutError | None = None
) -> HttpResponse:
    is_waiting = is_replaceable(order)
    is_possible = is_waiting or order.status == OrderStatus.UNPAID
    shown = {
        **context,
        "order": order,
        "is_waiting": is_waiting,
        "is_possible": is_possible,
        # The error says until when it can be paid, or what was received.
        "is_kept": not is_possible and find_next_action(order) is not None,
        "status_url": get_status_url(token),
        "error_message": error.user_message if error else "",
    }
    response = render(request, "django_checkout/confirm.html", shown, status=error.http_status if error else 200)
    return with_retry_after(response, error) if error else response
