"""Compares every order of the site with what Stripe knows, when an incident is over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

from django_checkout.ledger import announcements
from django_checkout.models import Announcement, CheckoutSession, Order, Payment, Refund, WebhookEvent
from tests.host.models import HostOrder

from .stripe_side import Stripe

#: What the receivers of tests/crashes/acts.py write into the host's row.
PAID, REFUNDED = "p", "r"
TAKEN = ("paid", "partially_refunded", "refunded")


def compare(stripe: Stripe, *, ignored: Collection[str] = (), foreign: int = 0, pending: int = 0) -> None:
    """Assert that every order is in Stripe's state, and was announced exactly once.

    ``ignored`` are references of orders whose end is asserted by the rehearsal itself; ``foreign`` is the number of
    sessions of other sites on the account, ``pending`` that of notifications that are left pending on purpose.
    """
    charges, refunds = _charges(stripe), _refunds(stripe)
    listed = [session for session in stripe.list("/v1/checkout/sessions") if _reference(session) not in ignored]
    ours = {str(uuid) for uuid in CheckoutSession.objects.values_list("uuid", flat=True)}
    sessions = [session for session in listed if session["metadata"].get("checkout_session") in ours]
    assert len(listed) - len(sessions) == foreign
    assert _states_here(ignored) == {session["id"]: session["status"] for session in sessions}
    intents = defaultdict(list)
    for session in sessions:
        if charges[session["payment_intent"]]:
            intents[_reference(session)].append(session["payment_intent"])
    for order in Order.objects.exclude(reference__in=ignored):
        _compare_order(order, intents[order.reference], charges, refunds)
    _nothing_is_left(pending)


def _compare_order(order: Order, intents: list[str], charges: Counter[str], refunds: dict[str, Counter[str]]) -> None:
    where = f"{order.reference} is {order.status}"
    assert {payment.stripe_id for payment in Payment.objects.filter(order=order, captured_minor__gt=0)} == set(
        intents
    ), where
    stored: dict[str, Counter[str]] = defaultdict(Counter)
    for refund in Refund.objects.filter(payment__order=order, status="succeeded").select_related("payment"):
        stored[refund.payment.stripe_id or ""][refund.stripe_id or ""] += refund.amount_minor
    assert stored == {intent: refunds[intent] for intent in intents if refunds[intent]}, where
    host = HostOrder.objects.filter(number=order.reference).first()
    letters = Counter(host.state.removeprefix("new")) if host else Counter()
    if not intents:
        assert (order.paid_minor, order.status in TAKEN, letters[PAID]) == (0, False, 0), where
        return
    kept = order.kept_payment.stripe_id if order.kept_payment else ""
    assert kept in intents, where
    assert (order.paid_minor, order.refunded_minor) == (charges[kept], sum(refunds[kept].values())), where
    assert order.status == _status(order.paid_minor, order.refunded_minor), where
    for surplus in set(intents) - {kept}:
        assert order.needs_attention or sum(refunds[surplus].values()) == charges[surplus], f"{where}: {surplus}"
    if host:
        assert (letters[PAID], letters[REFUNDED]) == (1, len(refunds[kept])), f"{where}: {host.state}"


def _status(paid_minor: int, refunded_minor: int) -> str:
    if not refunded_minor:
        return "paid"
    return "refunded" if refunded_minor == paid_minor else "partially_refunded"


def _nothing_is_left(pending: int) -> None:
    left = WebhookEvent.objects.exclude(state__in=("processed", "ignored"))
    assert list(left.values_list("type", "state", "error_code")) == []
    heard = announcements.connected_signals()
    assert Announcement.objects.filter(state="pending", signal__in=heard).count() == pending
    assert not Refund.objects.filter(status="creating").exists()
    assert not CheckoutSession.objects.filter(status="creating").exists()


def _states_here(ignored: Collection[str]) -> dict[str, str]:
    rows = CheckoutSession.objects.exclude(stripe_id=None).exclude(order__reference__in=ignored)
    return dict(rows.values_list("stripe_id", "status"))


def _reference(session: dict[str, Any]) -> str:
    return str(session["metadata"].get("order_id", ""))


def _charges(stripe: Stripe) -> Counter[str]:
    """Return what was captured of each PaymentIntent."""
    captured: Counter[str] = Counter()
    for charge in stripe.list("/v1/charges"):
        captured[charge["payment_intent"]] += charge["amount_captured"]
    return captured


def _refunds(stripe: Stripe) -> dict[str, Counter[str]]:
    """Return the amount of each succeeded refund of each PaymentIntent."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for refund in stripe.list("/v1/refunds"):
        if refund["status"] == "succeeded":
            found[refund["payment_intent"]][refund["id"]] += refund["amount"]
    return found
