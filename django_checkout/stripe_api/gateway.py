"""Calls to Stripe about sessions, payments, refunds and the account, and reads of any object or list.

They return facts or plain JSON types. Call them outside transactions and locks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django_checkout.exceptions import StripeNotFoundError
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.client import (
    ask,
    checked,
    get_client,
    plain,
    read_raw,
    read_raw_expecting_refusal,
    request_id_of,
)
from django_checkout.stripe_api.json_fields import mapping
from django_checkout.stripe_api.steps import Steps
from django_checkout.stripe_api.storable import storable
from django_checkout.values import CreatedSession, Fact, PaymentFact, RefundFact, SessionFact

if TYPE_CHECKING:
    import stripe
    from stripe.params.checkout import SessionCreateParams, SessionUpdateParams

_SESSION_EXPAND = ["payment_intent", "payment_intent.latest_charge", "line_items", "invoice.payments"]


#: From the prefix of an event type to the path of its objects.
_PATHS = {
    "payment_intent": "payment_intents",
    "charge": "charges",
    "refund": "refunds",
    "charge.refund": "refunds",
    "charge.dispute": "disputes",
    "radar.early_fraud_warning": "radar/early_fraud_warnings",
    "review": "reviews",
    "invoice": "invoices",
    "customer.subscription": "subscriptions",
    "customer": "customers",
}


def create_session(params: SessionCreateParams, *, idempotency_key: str) -> Steps[CreatedSession]:
    """Create a Checkout Session.

    Raises:
        StripeUnavailableError: retry with the same key and body.
        StripeRefusedError: nothing was created, and a retry changes nothing.
    """
    sessions = get_client().v1.checkout.sessions
    created = yield from ask(sessions.create, sessions.create_async, params, {"idempotency_key": idempotency_key})
    data = plain(created)
    return CreatedSession(
        fact=facts.read_session(data),
        request_id=request_id_of(created),
        client_secret=data.get("client_secret") or "",
    )


def retrieve_session(session_id: str) -> Steps[list[Fact]]:
    """Retrieve a Checkout Session with its PaymentIntent and Charge in one call."""
    return facts.read_whole_session((yield from retrieve_session_data(session_id)))


def retrieve_session_data(session_id: str) -> Steps[dict[str, Any]]:
    """Retrieve a Checkout Session as plain JSON types, with its PaymentIntent, Charge and line items expanded."""
    sessions, expand = get_client().v1.checkout.sessions, [*_SESSION_EXPAND]
    data = plain((yield from ask(sessions.retrieve, sessions.retrieve_async, checked(session_id), {"expand": expand})))
    if mapping(data, "line_items").get("has_more"):
        # Stripe expands the first page only.
        lines = yield from read_all(f"/v1/checkout/sessions/{data['id']}/line_items")
        data["line_items"] = {"data": lines, "has_more": False}
    return data


def find_session(session_uuid: str, created_after: datetime) -> Steps[SessionFact | None]:
    """Find the Checkout Session with this UUID in its metadata; Stripe's list filters by time but not by metadata."""
    created, cursor, has_more = {"gte": int(created_after.timestamp())}, "", True
    while has_more:
        page, has_more = yield from read_page("/v1/checkout/sessions", starting_after=cursor, created=created)
        for data in page:
            if facts.read_ownership(data).session_uuid == session_uuid:
                return facts.read_session(data)
        cursor, has_more = page[-1]["id"] if page else "", has_more and bool(page)
    return None


def retrieve_client_secret(session_id: str) -> Steps[str]:
    """Retrieve the client secret of an open embedded or Elements session, or "" if it has none."""
    sessions = get_client().v1.checkout.sessions
    session = yield from ask(sessions.retrieve, sessions.retrieve_async, checked(session_id))
    return session.client_secret or ""


def update_session(session_id: str, params: SessionUpdateParams) -> Steps[SessionFact]:
    """Update an open session's line items, shipping options or shipping address; safe to repeat.

    Raises:
        StripeRefusedError: the session is no longer open, or cannot be updated.
    """
    sessions = get_client().v1.checkout.sessions
    session = yield from ask(sessions.update, sessions.update_async, checked(session_id), params)
    return facts.read_session(plain(session))


def expire_session(session_id: str) -> Steps[SessionFact]:
    """Expire an open Checkout Session.

    Raises:
        StripeRefusedError: it is not open; it may have just been paid, so retrieve it.
    """
    sessions = get_client().v1.checkout.sessions
    session = yield from ask(sessions.expire, sessions.expire_async, checked(session_id))
    return facts.read_session(plain(session))


def capture_payment(payment_intent_id: str, amount_minor: int | None) -> Steps[PaymentFact]:
    """Capture an authorized PaymentIntent, in full or in part; Stripe releases the rest of the authorization.

    No idempotency key is stored: a PaymentIntent can be captured only once, and with a stored key Stripe would repeat a
    stored failure.

    Raises:
        StripeRefusedError: it cannot be captured, perhaps because it already was.
    """
    params: stripe.params.PaymentIntentCaptureParams = {}
    if amount_minor is not None:
        params["amount_to_capture"] = amount_minor
    intents = get_client().v1.payment_intents
    intent = yield from ask(intents.capture, intents.capture_async, checked(payment_intent_id), params)
    return facts.read_payment_intent(plain(intent))


def cancel_payment(payment_intent_id: str) -> Steps[PaymentFact]:
    """Cancel an authorized PaymentIntent, which releases the money."""
    intents = get_client().v1.payment_intents
    intent = yield from ask(intents.cancel, intents.cancel_async, checked(payment_intent_id))
    return facts.read_payment_intent(plain(intent))


def create_refund(
    payment_intent_id: str, amount_minor: int, *, reason: str, refund_uuid: str, metadata: Mapping[str, str]
) -> Steps[tuple[RefundFact, str]]:
    """Create a refund; return it and Stripe's request id.

    ``refund_uuid`` is the idempotency key, and is written into the metadata.
    """
    params: stripe.params.RefundCreateParams = {
        "payment_intent": checked(payment_intent_id),
        "amount": amount_minor,
        "metadata": {**metadata, facts.REFUND_KEY: refund_uuid},
    }
    if reason:
        params["reason"] = reason
    refunds = get_client().v1.refunds
    refund = yield from ask(refunds.create, refunds.create_async, params, {"idempotency_key": refund_uuid})
    return facts.read_refund(plain(refund)), request_id_of(refund)


def list_refunds(*, payment_intent_id: str = "", charge_id: str = "") -> Steps[list[dict[str, Any]]]:
    """List every refund of a PaymentIntent or of a Charge, as plain JSON types."""
    if payment_intent_id:
        return read_all("/v1/refunds", payment_intent=payment_intent_id)
    return read_all("/v1/refunds", charge=checked(charge_id))


def list_disputes(payment_intent_id: str) -> Steps[list[dict[str, Any]]]:
    """List every dispute of a PaymentIntent, as plain JSON types."""
    return read_all("/v1/disputes", payment_intent=checked(payment_intent_id))


def retrieve_payment_intent(payment_intent_id: str) -> Steps[list[Fact]]:
    """Retrieve a PaymentIntent and its latest Charge in one call."""
    intents = get_client().v1.payment_intents
    intent = yield from ask(
        intents.retrieve, intents.retrieve_async, checked(payment_intent_id), {"expand": ["latest_charge"]}
    )
    data = plain(intent)
    charge = data.get("latest_charge")
    return [facts.read_payment_intent(data), *([facts.read_charge(charge)] if isinstance(charge, Mapping) else [])]


def read_page(
    path: str, *, starting_after: str = "", is_stored: bool = True, **filters: Any
) -> Steps[tuple[list[dict[str, Any]], bool]]:
    """Read up to 100 objects of a list as plain JSON types, and whether there are more.

    Without ``is_stored`` the caller makes ``storable`` what it stores or looks up: for a whole page that is slow.
    """
    cursor = {"starting_after": starting_after} if starting_after else {}
    listed, _ = yield from read_raw(path, limit=100, **cursor, **filters)
    return storable(listed["data"]) if is_stored else listed["data"], bool(listed["has_more"])


def read_all(path: str, **filters: Any) -> Steps[list[dict[str, Any]]]:
    """Read a whole list as plain JSON types, newest first, 100 objects per call."""
    found: list[dict[str, Any]] = []
    has_more = True
    while has_more:
        cursor = found[-1]["id"] if found else ""
        page, has_more = yield from read_page(path, starting_after=cursor, **filters)
        found += page
        has_more = has_more and bool(page)
    return found


def retrieve_object(kind: str, object_id: str) -> Steps[dict[str, Any]]:
    """Retrieve the object of an event as plain JSON types.

    ``kind`` is the prefix of the event type, e.g. ``checkout.session`` or ``charge.dispute``.

    Raises:
        StripeNotFoundError: the kind is unknown, or no object has this id.
    """
    if kind == "checkout.session":
        return (yield from retrieve_session_data(object_id))
    if kind not in _PATHS:
        raise StripeNotFoundError(f"django_checkout does not retrieve the objects of {kind}.* events.")
    data, _ = yield from read_raw(f"/v1/{_PATHS[kind]}/{quote(checked(object_id), safe='')}")
    found: dict[str, Any] = storable(data)
    return found


def retrieve_account() -> Steps[tuple[dict[str, Any], datetime | None]]:
    """Retrieve the account that the key belongs to, and Stripe's time if the response states it.

    A restricted key may lack the permission for it, which no payment needs.
    """
    account, headers = yield from read_raw_expecting_refusal("/v1/account")
    return account, _time_of(headers)


def retrieve_time() -> Steps[datetime | None]:
    """Retrieve Stripe's time, if the response states it, from a list that every key of the app may read."""
    _, headers = yield from read_raw("/v1/checkout/sessions", limit=1)
    return _time_of(headers)


def _time_of(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("Date") or "")
    except ValueError:
        return None
