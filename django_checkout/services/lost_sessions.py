"""Sessions at Stripe that this site has started and whose rows are lost, for example with a backup.

Proof that this site started one is a link in it to CHECKOUT_BASE_URL with a token that this site has signed: a copy of
the site may share the account and the secret key, but not the address. Which order such a session pays is another
question: after a backup was restored, a number may be given to another shopper's order.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django_checkout.access import tokens
from django_checkout.conf import conf
from django_checkout.exceptions import StripeNotFoundError
from django_checkout.models import CheckoutSession, Discrepancy, Order
from django_checkout.models.reconciliation import SESSION_WITHOUT_ORDER, DiscrepancyState
from django_checkout.services.customers import find_customer_ids
from django_checkout.states import PaymentStatus, SessionStatus
from django_checkout.stripe_api import facts, gateway
from django_checkout.stripe_api.steps import run

logger = logging.getLogger("django_checkout")

Json = Mapping[str, Any]

_LINKS = ("success_url", "return_url", "cancel_url")


def is_to_this_site(link: str) -> bool:
    """Whether a URL leads to CHECKOUT_BASE_URL, or to a former one."""
    urls = (conf.CHECKOUT_BASE_URL, *conf.CHECKOUT_FORMER_BASE_URLS)
    return urlsplit(link).netloc in {urlsplit(url).netloc for url in urls if url}


def links_of(data: Json) -> list[str]:
    """Return the links of a session that lead to this site."""
    links = (str(data.get(name) or "") for name in _LINKS)
    return [unquote(link) for link in links if is_to_this_site(link)]


def is_started_here(data: Json) -> bool:
    """Whether this site started a session, in the mode of its key."""
    return data.get("livemode") == conf.livemode and any(tokens.has_token(link) for link in links_of(data))


def is_provably_of(data: Json, order: Order) -> bool:
    """Whether a session that this site started was for this order: number, amount, currency and shopper are equal."""
    return not find_differing(data, order)


def find_differing(data: Json, order: Order) -> list[str]:
    """Return which facts do not prove that a session was for this order: their names, and no personal data.

    A session's metadata can be edited with a key of the account, its ``client_reference_id`` cannot.
    """
    fact = facts.read_session(data)
    equal = {
        "site": is_started_here(data),
        "order": {fact.ownership.reference, fact.client_reference_id} == {order.reference},
        "amount": fact.amount_subtotal_minor == order.subtotal_minor,
        "currency": fact.currency == order.currency,
    }
    return [*(name for name, is_equal in equal.items() if not is_equal), *_differing_shopper(data, order)]


def _differing_shopper(data: Json, order: Order) -> list[str]:
    """Return what differs of the shopper: either the Customer or the e-mail address proves who it was."""
    customer_id = facts.find_id(data, "customer")
    if customer_id and customer_id in find_customer_ids(order.user):
        return []
    details = data.get("customer_details")
    emails = {data.get("customer_email"), details.get("email") if isinstance(details, Mapping) else None}
    if order.email and order.email.casefold() in {str(email).casefold() for email in emails if email}:
        return []
    return ["email", "user"] if customer_id and order.user is not None else ["email"]


def find_lost_session(session_id: str) -> bool:
    """Read a completed session with our metadata that has no row; return whether this site started it.

    If so, it is recorded as a difference, so that its order is not sold twice meanwhile; ``checkout_reconcile`` finds
    the same. Must run outside transactions.

    Raises:
        StripeUnavailableError: retry.
    """
    if CheckoutSession.objects.filter(stripe_id=session_id).exists():
        # Another installation's, in a copy of the database.
        return False
    try:
        data = run(gateway.retrieve_session_data(session_id))
    except StripeNotFoundError:
        return False
    owner = facts.read_ownership(data)
    if not owner.session_uuid or data.get("status") != SessionStatus.COMPLETE or not is_started_here(data):
        return False
    order = Order.objects.filter(reference=owner.reference).first() if owner.reference else None
    shown = {
        "status": data.get("status"),
        "payment_status": data.get("payment_status"),
        "total": data.get("amount_total"),
        "currency": data.get("currency"),
        "order_id": owner.reference,
    }
    here = {"order": order.reference if order else None, "session": None}
    Discrepancy.objects.get_or_create(
        kind=SESSION_WITHOUT_ORDER,
        subject=str(data["id"])[:255],
        defaults={"order": order, "here": here, "at_stripe": shown},
    )
    logger.warning("session_lost session=%s order=%s", data["id"], owner.reference)
    return True


def has_unmatched_payment(order: Order) -> bool:
    """Whether a payment that names this order's number is recorded, and nobody has decided whose it is."""
    rows = Discrepancy.objects.filter(
        kind=SESSION_WITHOUT_ORDER,
        state=DiscrepancyState.OPEN,
        at_stripe__order_id=order.reference,
        at_stripe__payment_status=PaymentStatus.PAID.value,
    )
    return rows.exists()
