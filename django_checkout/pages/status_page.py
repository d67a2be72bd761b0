"""The context of the return page: the outcome for whoever has the link, and the details for who may see them."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import iri_to_uri

from django_checkout import ledger
from django_checkout.access.orders import find_link, is_owner, may_see_details
from django_checkout.access.tokens import Purpose, make_status_token, make_token
from django_checkout.access.ways_back import is_allowed
from django_checkout.adapters import get_adapter, get_subject
from django_checkout.conf import conf
from django_checkout.models import CheckoutSession, Order
from django_checkout.pages import outcome_texts
from django_checkout.pages.summary import get_summary
from django_checkout.pages.ways_back import find_way_back
from django_checkout.services import outcomes, small_print
from django_checkout.services.links import document_links
from django_checkout.services.outcomes import Outcome
from django_checkout.services.shopper_actions import ShopperActions, find_actions
from django_checkout.states import OrderStatus
from django_checkout.values import NextAction

logger = logging.getLogger("django_checkout")

#: The page is reloaded as soon as one of these changes.
WAITING = frozenset((Outcome.ACTION_NEEDED, Outcome.PROCESSING, Outcome.OPEN, Outcome.UNKNOWN))
#: Of these the shopper may have paid, or may still be paying, so the page offers no second payment.
_IN_FLIGHT = frozenset((Outcome.PROCESSING, Outcome.UNKNOWN))
#: The shopper may want these on paper.
_SETTLED = frozenset((Outcome.PAID, Outcome.AUTHORIZED, Outcome.REFUNDED))


def get_context(request: HttpRequest, order: Order, session: CheckoutSession | None, token: str) -> dict[str, Any]:
    """Return what ``return.html`` shows of an order and one of its sessions.

    ``has_details`` says whether the request may see amounts and personal data; a block or an include that shows any
    must ask for it.
    """
    outcome = outcomes.get_outcome(order, session)
    query = f"?session_id={session.stripe_id}" if session is not None and session.stripe_id else ""
    token_to_pay = make_token(order, Purpose.PAY) if is_owner(request, order) else find_link(request, order)
    actions = find_actions(request, order, token_to_pay)
    texts = outcome_texts.get_texts(outcome, order)
    has_details = may_see_details(request, order)
    return {
        "order": order,
        "session": session,
        "outcome": outcome,
        "title": texts.title,
        "text": texts.text,
        "has_details": has_details,
        "summary": get_summary(order, session) if has_details else None,
        "next_action": find_shown_action(order, session) if has_details else None,
        "documents": document_links(order, token) if has_details else [],
        "is_waiting": outcome in WAITING,
        "is_settled": outcome in _SETTLED,
        "can_retry": bool(actions.pay_url) and outcome not in _IN_FLIGHT,
        "actions": actions if outcome != Outcome.UNKNOWN else ShopperActions(),
        "poll_url": reverse("django_checkout:status", args=[token]) + query,
        "pay_url": actions.pay_url,
        "host_url": find_way_back(request, order, session) or find_host_url(request, order),
        "small_print": {"shop_name": small_print.find_shop_name(order), "links": small_print.find_links(order)},
    }


def find_shown_action(order: Order, session: CheckoutSession | None) -> NextAction | None:
    """Return what the shopper has to do to pay one session; only for who may see details."""
    is_waiting = order.status in (OrderStatus.PENDING, OrderStatus.UNPAID)
    return ledger.find_action_of(session) if is_waiting and session is not None else None


def get_status_url(token: str) -> str:
    """Return the path of the return page of the order that a token is for."""
    return reverse("django_checkout:return", args=[make_status_token(token)])


def find_host_url(request: HttpRequest, order: Order) -> str:
    """Return the adapter's ``return_url`` of an order; "" without a row of the host, or if it may not be linked."""
    subject = get_subject(order)
    # The adapter's URL may be spelled as it is read: with an umlaut or a space.
    url = iri_to_uri(get_adapter().return_url(subject) or "") if subject is not None else ""
    if url and not is_allowed(url, request):
        logger.warning("return_url_not_allowed order=%s adapter=%s", order.reference, conf.CHECKOUT_ADAPTER)
        return ""
    return url
