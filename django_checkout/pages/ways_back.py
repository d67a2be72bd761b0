"""Sends shoppers who come from the checkout on to where they came from, with the outcome and without any secret."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse

from django_checkout import origins
from django_checkout.access.ways_back import is_allowed
from django_checkout.models import CheckoutSession, Order
from django_checkout.pages.responses import SeeOther, redirect_page
from django_checkout.services.outcomes import get_outcome

logger = logging.getLogger("django_checkout")

#: The query of our return page when the browser comes from the payment page: after a payment, or without one.
FROM_CHECKOUT = ("session_id", "canceled")


def hand_on(request: HttpRequest, order: Order, session: CheckoutSession | None) -> HttpResponse | None:
    """Return the response that sends a browser from the checkout to the session's way back; None if there is none.

    Browsers block a redirect to an app that the shopper has not clicked, so a page with a link does it as well.
    """
    if not any(name in request.GET for name in FROM_CHECKOUT):
        return None
    url = find_way_back(request, order, session)
    if not url:
        return None
    if origins.is_app(url):
        return redirect_page(request, url, "django_checkout/open_app.html")
    return SeeOther(url)


def find_way_back(request: HttpRequest, order: Order, session: CheckoutSession | None) -> str:
    """Return a session's way back with the order's reference and outcome in its query; "" if there is none."""
    if session is None or not session.return_url:
        return ""
    if not is_allowed(session.return_url, request):
        logger.warning("return_url_not_allowed order=%s session=%s", order.reference, session.uuid)
        return ""
    return origins.with_query(session.return_url, reference=order.reference, outcome=get_outcome(order, session))
