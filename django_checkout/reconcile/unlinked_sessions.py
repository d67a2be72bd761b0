"""Compares sessions whose ids no row has: lost responses, recovered copies, lost rows and lost orders."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import Q

from django_checkout import ledger, services
from django_checkout.access import tokens
from django_checkout.conf import conf
from django_checkout.exceptions import CheckoutError, NotJoinableError, StripeRefusedError
from django_checkout.models import CheckoutSession, Order
from django_checkout.reconcile import reads
from django_checkout.reconcile.kinds import EXPIRED, Kind
from django_checkout.reconcile.reads import with_retries
from django_checkout.reconcile.report import Difference, Outcome
from django_checkout.reconcile.resource import Json
from django_checkout.reconcile.session_differences import at_stripe, session_rows
from django_checkout.services.lost_sessions import (
    find_differing,
    is_provably_of,
    is_started_here,
    is_to_this_site,
    links_of,
)
from django_checkout.services.orders import check_site
from django_checkout.services.placing import place_by_reference
from django_checkout.services.syncing import apply_facts
from django_checkout.states import PaymentStatus, SessionStatus
from django_checkout.stripe_api import facts, gateway
from django_checkout.stripe_api.json_fields import is_uuid

logger = logging.getLogger("django_checkout")


def compare(unlinked: Mapping[str, Json]) -> Iterator[Difference]:
    """Yield which of these sessions, by id, are ours.

    A session is a row's if that row has its UUID and no id, or the id that it was recovered from, as
    ``ledger.sessions.lock_order_of_session`` decides; or if the row's own id is one that Stripe does not know, and so
    was damaged here.
    """
    owners = {stripe_id: facts.read_ownership(data) for stripe_id, data in unlinked.items()}
    by_uuid = {owner.session_uuid: stripe_id for stripe_id, owner in owners.items() if is_uuid(owner.session_uuid)}
    copies: dict[str, list[str]] = {}
    for stripe_id, data in unlinked.items():
        if parent := facts.find_id(data, "recovered_from"):
            copies.setdefault(parent, []).append(stripe_id)
    found: set[str] = set()
    if by_uuid or copies:
        for row in session_rows(Q(uuid__in=list(by_uuid)) | Q(stripe_id__in=list(copies))):
            for stripe_id in (*copies.get(row.stripe_id or "", ()), by_uuid.get(str(row.uuid))):
                if stripe_id is None or stripe_id in found or row.livemode != owners[stripe_id].livemode:
                    continue
                difference = _compare_with_row(row, stripe_id, unlinked[stripe_id])
                if difference is not None:
                    found.add(stripe_id)
                    yield difference
    for stripe_id in by_uuid.values():
        if stripe_id not in found and _should_have_an_order(unlinked[stripe_id]):
            reference = owners[stripe_id].reference
            order = Order.objects.filter(reference=reference).first() if reference else None
            here = {"order": order.reference if order else None, "session": None}
            there = {**at_stripe(unlinked[stripe_id]), "order_id": reference}
            left = Difference.of(Kind.SESSION_WITHOUT_ORDER, stripe_id, order, here, there)
            yield _with_order(left, unlinked[stripe_id], order)


def _compare_with_row(row: CheckoutSession, stripe_id: str, data: Json) -> Difference | None:
    """Return the difference of a session that has a row's UUID or is a copy of it; None if it is another site's."""
    kind = Kind.PAID_NOT_RECORDED if _is_paid(data) else Kind.SESSION_BEHIND
    difference = Difference.of(kind, stripe_id, row.order, {"session": None}, at_stripe(data))
    if row.stripe_id is None:
        return replace(difference, answers=str(row.uuid))
    if facts.find_id(data, "recovered_from") == row.stripe_id:
        return difference
    if not data.get("recovered_from") and not reads.exists("checkout.session", row.stripe_id):
        here, there = {"session": row.stripe_id}, {"session": stripe_id, **at_stripe(data)}
        return Difference.of(Kind.RELATION_DIFFERS, stripe_id, row.order, here, there)
    return None


def restore(stripe_id: str) -> Difference | None:
    """Create the lost row of a session again and apply what Stripe says; return what a person has to decide.

    It is this order's if a link in it is signed for the order's row, or if this site started it and number, amount,
    currency and shopper are the order's. An open session that this site started for a row that is lost is expired:
    nobody may pay it. If it was paid, an order that the shop has and that is not here is placed. Without
    CHECKOUT_BASE_URL nothing is proven.
    """
    data = reads.retrieve("checkout.session", stripe_id)
    left = next(compare({stripe_id: data}), None)
    if left is None or left.kind is not Kind.SESSION_WITHOUT_ORDER:
        return left
    order = Order.objects.filter(pk=left.order_pk or 0).first()
    if order is not None and _leads_back(data, order):
        _join(order, data)
        return None
    if data.get("status") == SessionStatus.OPEN and is_started_here(data):
        data = _expire(stripe_id)
        if data.get("status") == SessionStatus.EXPIRED:
            return replace(left, outcome=Outcome.FIXED, done=EXPIRED)
    order = order or _place(data)
    if order is not None and is_provably_of(data, order):
        _join(order, data)
        return None
    return _with_order(replace(left, at_stripe={**left.at_stripe, **at_stripe(data)}), data, order)


def _with_order(left: Difference, data: Json, order: Order | None) -> Difference:
    """Return the difference of a session with the order that it names, and in what that differs from what was sold.

    Only a session that is complete can be joined with its order.
    """
    if order is None:
        return left
    is_joinable = data.get("status") == SessionStatus.COMPLETE and not _leads_back(data, order)
    differs = ", ".join(find_differing(data, order)) if is_joinable else ""
    there = {**left.at_stripe, **({"differs": differs} if differs else {})}
    return Difference.of(left.kind, left.subject, order, {**left.here, "order": order.reference}, there)


def _place(data: Json) -> Order | None:
    """Place the order that a session names, if this site started it: the shop may have entered it again."""
    reference = facts.read_ownership(data).reference
    if not reference or not is_started_here(data):
        return None
    try:
        return place_by_reference(reference)
    except (CheckoutError, InterfaceError, OperationalError):
        raise
    except Exception:
        # The site's own code, which does not stop the other differences.
        logger.exception("find_order_failed session=%s order=%s", data["id"], reference)
        return None


def join(stripe_id: str, order: Order) -> None:
    """Join a session whose row is lost with the order that it names, because staff have decided so.

    The order is compared with the payment as usual: another amount needs attention. Must run outside transactions.

    Raises:
        NotJoinableError: the session names another order, is not paid or authorized, or has a row.
        OtherSiteError: another installation started it or the order.
    """
    check_site(order)
    data = reads.retrieve("checkout.session", stripe_id)
    left = next(compare({stripe_id: data}), None)
    if left is None or left.kind is not Kind.SESSION_WITHOUT_ORDER or left.order_pk != order.pk:
        raise NotJoinableError("The session does not name this order, or belongs to a session that is stored here.")
    if data.get("status") != SessionStatus.COMPLETE:
        raise NotJoinableError(f"The session is {data.get('status')}: there is nothing to join.")
    _join(order, data)
    # The refunds and disputes of the payment, and other sessions that could still pay the order.
    with_retries(partial(services.sync, order))


def _join(order: Order, data: Json) -> None:
    fact = facts.read_session(data)
    intent = data.get("payment_intent")
    is_manual = isinstance(intent, Mapping) and intent.get("capture_method") == "manual"
    ui_mode = str(data.get("ui_mode") or "hosted_page")
    create = partial(ledger.restore_session, order.pk, fact, ui_mode=ui_mode, is_manual_capture=is_manual)
    ledger.in_transaction(create)
    with_retries(partial(apply_facts, facts.read_whole_session(data)))


def _expire(stripe_id: str) -> dict[str, Any]:
    """Expire a session that has no row here; return it, which may have been paid just before."""
    with suppress(StripeRefusedError):
        reads.fetch(gateway.expire_session, stripe_id)
    return reads.retrieve("checkout.session", stripe_id)


def _leads_back(data: Json, order: Order) -> bool:
    """Return whether a session has a link to this site that is signed for this order."""
    return any(tokens.without_tokens(link, order) != link for link in links_of(data))


def _should_have_an_order(data: Json) -> bool:
    """Return whether a session with our metadata is open or complete, of our mode, and of this site.

    Another installation may share the account: its sessions return shoppers to its own address.
    """
    if data.get("status") == SessionStatus.EXPIRED or data.get("livemode") != conf.livemode:
        return False
    link = str(data.get("success_url") or data.get("return_url") or data.get("cancel_url") or "")
    return not (link and conf.CHECKOUT_BASE_URL) or is_to_this_site(link)


def _is_paid(data: Json) -> bool:
    intent = data.get("payment_intent")
    received = intent.get("amount_received") if isinstance(intent, Mapping) else 0
    return data.get("payment_status") == PaymentStatus.PAID or bool(received)
