"""Compares sessions whose ids we do not know: those never answered for, copies, lost rows, sessions of lost orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from django.db.models import Q

from django_checkout import facts, gateway, ledger, tokens
from django_checkout.conf import conf
from django_checkout.exceptions import StripeNotFoundError
from django_checkout.models import CheckoutSession, Order
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.report import Drift, Kind, new
from django_checkout.reconcile.rows import is_uuid, session_rows, words
from django_checkout.services.settling import apply_facts
from django_checkout.states import PaymentStatus, SessionStatus

Json = Mapping[str, Any]


def compare(said: Mapping[str, Json]) -> Iterator[Drift]:
    """Compare sessions whose ids we do not know: those we never heard the answer of, copies of ours, orphans.

    Whose they are is decided as ``ledger.sessions.lock_order_of_session`` does. Besides, a session with the UUID of a
    row whose own id Stripe does not know is that row's: its id was damaged here.
    """
    owners = {stripe_id: facts.read_ownership(data) for stripe_id, data in said.items()}
    uuids = {owner.session_uuid: stripe_id for stripe_id, owner in owners.items() if is_uuid(owner.session_uuid)}
    copies: dict[str, list[str]] = {}
    for stripe_id, data in said.items():
        if parent := facts.find_id(data, "recovered_from"):
            copies.setdefault(parent, []).append(stripe_id)
    found: set[str] = set()
    if uuids or copies:
        for row in session_rows(Q(uuid__in=list(uuids)) | Q(stripe_id__in=list(copies))):
            of_uuid = uuids.get(str(row.uuid))
            for its_id in (*copies.get(row.stripe_id or "", ()), *filter(None, (of_uuid,))):
                if row.livemode == owners[its_id].livemode and its_id not in found:
                    drift = _compare_claimed(row, its_id, said[its_id])
                    if drift is not None:
                        found.add(its_id)
                        yield drift
    for its_id in uuids.values():
        if its_id not in found and _is_orphan(said[its_id]):
            reference = owners[its_id].reference
            order = Order.objects.filter(reference=reference).first() if reference else None
            here = {"order": order.reference if order else None, "session": None}
            at_stripe = {**words(said[its_id]), "order_id": reference}
            yield new(Kind.SESSION_WITHOUT_ORDER, its_id, order, here, at_stripe)


def _compare_claimed(row: CheckoutSession, its_id: str, data: Json) -> Drift | None:
    """Compare a session that says it is one of ours, or a copy of it, with that row; None if it is another site's."""
    kind = Kind.PAID_NOT_RECORDED if _is_paid(data) else Kind.SESSION_BEHIND
    drift = new(kind, its_id, row.order, {"session": None}, words(data))
    if row.stripe_id is None:
        return replace(drift, answers_for=str(row.uuid))
    if facts.find_id(data, "recovered_from") == row.stripe_id:
        return drift
    if not data.get("recovered_from") and not is_known(row.stripe_id):
        here = {"session": row.stripe_id}
        return new(Kind.RELATION_DIFFERS, its_id, row.order, here, {"session": its_id, **words(data)})
    return None


def is_known(stripe_id: str) -> bool:
    """Return whether Stripe knows a session by this id."""
    try:
        patiently(partial(gateway.retrieve_object, "checkout.session", stripe_id))
    except StripeNotFoundError:
        return False
    return True


def restore(subject: str) -> Drift | None:
    """Write the lost row of a session of ours again and apply what Stripe says; return what is left to a person.

    Proof is a link to CHECKOUT_BASE_URL, signed by this site for this very order, in the session itself: a copy of the
    site may share the key, but not the address. Without that setting nothing is restored.
    """
    data = patiently(partial(gateway.retrieve_session_data, subject))
    left = next(compare({subject: data}), None)
    order = Order.objects.filter(pk=left.order_pk or 0).first() if left else None
    if left is None or left.kind is not Kind.SESSION_WITHOUT_ORDER or order is None or not _leads_back(data, order):
        return left
    fact = facts.read_session(data)
    intent = data.get("payment_intent")
    is_manual = isinstance(intent, Mapping) and intent.get("capture_method") == "manual"
    ui_mode = str(data.get("ui_mode") or "hosted_page")
    write = partial(ledger.restore_session, order.pk, fact, ui_mode=ui_mode, is_manual_capture=is_manual)
    ledger.in_transaction(write)
    patiently(partial(apply_facts, facts.read_whole_session(data)))
    return None


def _leads_back(data: Json, order: Order) -> bool:
    links = (str(data.get(name) or "") for name in ("success_url", "return_url", "cancel_url"))
    signed = (unquote(link) for link in links if _is_ours(link))
    return any(tokens.without_tokens(link, order) != link for link in signed)


def _is_orphan(data: Json) -> bool:
    """Whether a session with our marks should have an order here: alive or complete, of our mode, and of this site.

    Another installation may share the account: the addresses that it sends shoppers back to are its own.
    """
    if data.get("status") == SessionStatus.EXPIRED or data.get("livemode") != conf.livemode:
        return False
    back = data.get("success_url") or data.get("return_url") or data.get("cancel_url")
    return not (back and conf.CHECKOUT_BASE_URL) or _is_ours(back)


def _is_ours(link: str) -> bool:
    """Whether a link leads to this site, as far as CHECKOUT_BASE_URL says which it is."""
    return bool(conf.CHECKOUT_BASE_URL) and urlsplit(link).netloc == urlsplit(conf.CHECKOUT_BASE_URL).netloc


def _is_paid(data: Json) -> bool:
    intent = data.get("payment_intent")
    received = intent.get("amount_received") if isinstance(intent, Mapping) else 0
    return data.get("payment_status") == PaymentStatus.PAID or bool(received)
