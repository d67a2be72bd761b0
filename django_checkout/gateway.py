"""The only importer of ``stripe`` at run time: calls, signatures, error translation; plain values leave it.

``stripe`` is imported on first use (it takes a while), the API version is pinned on every call, and no global of the
library is changed. Every call runs outside transactions and locks, and is tried twice.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_checkout import facts, transport
from django_checkout.conf import conf
from django_checkout.exceptions import (
    SignatureError,
    StripeCredentialsError,
    StripeNotFoundError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.missing import find_accepted_secrets
from django_checkout.steps import Steps, waits
from django_checkout.storable import read_json, storable
from django_checkout.tracebacks import forgetting_variables
from django_checkout.transport import without_bodies
from django_checkout.values import CreatedSession, Fact, PaymentFact, RefundFact, SessionFact

if TYPE_CHECKING:
    import stripe
    from stripe.params.checkout import SessionCreateParams, SessionUpdateParams

API_VERSION = "2026-08-26.dahlia"
#: How often a call is repeated by the SDK, with the same idempotency key, after silence, 409 or 5xx.
MAX_NETWORK_RETRIES = 1

logger = logging.getLogger("django_checkout")

_SESSION_EXPAND = ["payment_intent", "payment_intent.latest_charge", "line_items", "invoice.payments"]
#: Which of the SDK's services reads the objects of events of this kind.
_SERVICES = {
    "payment_intent": "payment_intents",
    "charge": "charges",
    "refund": "refunds",
    "charge.refund": "refunds",
    "charge.dispute": "disputes",
    "radar.early_fraud_warning": "radar.early_fraud_warnings",
    "review": "reviews",
    "invoice": "invoices",
    "customer.subscription": "subscriptions",
    "customer": "customers",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method of the SDK's client, by its dotted name, to be waited for in either way."""

    method: str
    arguments: tuple[Any, ...] = field(default=(), repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def block(self) -> Any:
        """Call it, and hold this thread until Stripe answers."""
        with forgetting_variables(), without_bodies(), translated():
            return attrgetter(self.method)(client())(*self.arguments, **self.options)

    async def wait(self) -> Any:
        """Call the SDK's own asynchronous twin of it."""
        with forgetting_variables(), without_bodies(), translated():
            return await attrgetter(f"{self.method}_async")(client())(*self.arguments, **self.options)


@waits
def create_session(params: SessionCreateParams, *, idempotency_key: str) -> Steps[CreatedSession]:
    """Create a Checkout Session.

    Raises:
        StripeUnavailableError: the same call may be repeated, with the same key and body.
        StripeRefusedError: nothing was created and this request never will be.
    """
    created = yield Call("v1.checkout.sessions.create", (params, {"idempotency_key": idempotency_key}))
    data = plain(created)
    return CreatedSession(
        fact=facts.read_session(data),
        request_id=request_id_of(created),
        client_secret=data.get("client_secret") or "",
    )


@waits
def retrieve_session(session_id: str) -> Steps[list[Fact]]:
    """Read a Checkout Session, and its PaymentIntent and Charge where there are any, in one call."""
    return facts.read_whole_session((yield from retrieve_session_data.steps(session_id)))


@waits
def retrieve_session_data(session_id: str) -> Steps[dict[str, Any]]:
    """Read the same as plain JSON types, its PaymentIntent, Charge and line items expanded."""
    session = yield Call("v1.checkout.sessions.retrieve", (checked(session_id), {"expand": [*_SESSION_EXPAND]}))
    data = plain(session)
    listed = data.get("line_items")
    if isinstance(listed, dict) and listed.get("has_more"):
        # Stripe inlines the first page only.
        lines = yield from list_line_items.steps(data["id"])
        data["line_items"] = {"data": lines, "has_more": False}
    return data


@waits
def retrieve_client_secret(session_id: str) -> Steps[str]:
    """Read the secret by which a browser acts on an open embedded or Elements session; "" where there is none."""
    session = yield Call("v1.checkout.sessions.retrieve", (checked(session_id),))
    return plain(session).get("client_secret") or ""


@waits
def update_session(session_id: str, params: SessionUpdateParams) -> Steps[SessionFact]:
    """Change an open session: line items, shipping options, the shipping address. Doing it again changes nothing.

    Raises:
        StripeRefusedError: it is not open any more, or not a session that can be changed.
    """
    session = yield Call("v1.checkout.sessions.update", (checked(session_id), params))
    return facts.read_session(plain(session))


@waits
def list_line_items(session_id: str) -> Steps[list[dict[str, Any]]]:
    """Read every line item of a session, page by page, as plain JSON types."""
    return (yield from read_all.steps(f"/v1/checkout/sessions/{checked(session_id)}/line_items"))


@waits
def expire_session(session_id: str) -> Steps[SessionFact]:
    """Expire an open Checkout Session.

    Raises:
        StripeRefusedError: it is not open; it may have been paid just now, so read it.
    """
    session = yield Call("v1.checkout.sessions.expire", (checked(session_id),))
    return facts.read_session(plain(session))


@waits
def capture_payment(payment_intent_id: str, amount_minor: int | None) -> Steps[PaymentFact]:
    """Capture an authorised PaymentIntent, in full or in part; the rest of the authorisation is released.

    Without a key that outlives the call: a PaymentIntent can be captured only once, and a stored failure of Stripe's
    must not stand in the way.

    Raises:
        StripeRefusedError: it cannot be captured, perhaps because it has been.
    """
    params = {} if amount_minor is None else {"amount_to_capture": amount_minor}
    intent = yield Call("v1.payment_intents.capture", (checked(payment_intent_id), params))
    return facts.read_payment_intent(plain(intent))


@waits
def cancel_payment(payment_intent_id: str) -> Steps[PaymentFact]:
    """Cancel an authorised PaymentIntent: the money is released."""
    intent = yield Call("v1.payment_intents.cancel", (checked(payment_intent_id),))
    return facts.read_payment_intent(plain(intent))


@waits
def create_refund(
    payment_intent_id: str, amount_minor: int, *, reason: str, refund_uuid: str, metadata: Mapping[str, str]
) -> Steps[tuple[RefundFact, str]]:
    """Ask for a refund; return it and Stripe's request id. ``refund_uuid`` is the key and stands in the metadata."""
    params: stripe.params.RefundCreateParams = {
        "payment_intent": checked(payment_intent_id),
        "amount": amount_minor,
        "metadata": {**metadata, facts.REFUND_KEY: refund_uuid},
    }
    if reason:
        params["reason"] = reason
    refund = yield Call("v1.refunds.create", (params, {"idempotency_key": refund_uuid}))
    return facts.read_refund(plain(refund)), request_id_of(refund)


@waits
def list_refunds(*, payment_intent_id: str = "", charge_id: str = "") -> Steps[list[dict[str, Any]]]:
    """Read every refund of a payment, page by page, as plain JSON types."""
    if payment_intent_id:
        return (yield from read_all.steps("/v1/refunds", payment_intent=payment_intent_id))
    return (yield from read_all.steps("/v1/refunds", charge=checked(charge_id)))


@waits
def list_disputes(payment_intent_id: str) -> Steps[list[dict[str, Any]]]:
    """Read every dispute of a payment, as plain JSON types."""
    return (yield from read_all.steps("/v1/disputes", payment_intent=checked(payment_intent_id)))


@waits
def retrieve_payment_intent(payment_intent_id: str) -> Steps[list[Fact]]:
    """Read a PaymentIntent and its latest Charge in one call."""
    intent = yield Call("v1.payment_intents.retrieve", (checked(payment_intent_id), {"expand": ["latest_charge"]}))
    data = plain(intent)
    result: list[Fact] = [facts.read_payment_intent(data)]
    charge = data.get("latest_charge")
    if isinstance(charge, Mapping):
        result.append(facts.read_charge(charge))
    return result


@waits
def read_page(path: str, *, starting_after: str = "", **filters: Any) -> Steps[tuple[list[dict[str, Any]], bool]]:
    """Read up to a hundred objects of a list as plain JSON types, and whether there are more.

    Raw, because building the SDK's objects costs eighteen times what parsing JSON does.
    """
    cursor = {"starting_after": starting_after} if starting_after else {}
    answer = yield Call("raw_request", ("get", path), {"limit": 100, **cursor, **filters})
    listed: dict[str, Any] = answer.data
    return storable(listed["data"]), bool(listed["has_more"])


@waits
def read_all(path: str, **filters: Any) -> Steps[list[dict[str, Any]]]:
    """Read a list of Stripe's whole, a hundred objects a call, newest first, as plain JSON types."""
    found: list[dict[str, Any]] = []
    has_more = True
    while has_more:
        cursor = found[-1]["id"] if found else ""
        page, has_more = yield from read_page.steps(path, starting_after=cursor, **filters)
        found += page
        has_more = has_more and bool(page)
    return found


@waits
def retrieve_object(kind: str, object_id: str) -> Steps[dict[str, Any]]:
    """Read the object that an event is about, as plain JSON types.

    ``kind`` is the event type's prefix, e.g. ``checkout.session`` or ``charge.dispute``.

    Raises:
        StripeNotFoundError: of this kind or with this id there is none.
    """
    if kind == "checkout.session":
        return (yield from retrieve_session_data.steps(object_id))
    if kind not in _SERVICES:
        raise StripeNotFoundError(f"Objects of events {kind}.* are not read by django_checkout.")
    return plain((yield Call(f"v1.{_SERVICES[kind]}.retrieve", (checked(object_id),))))


@sensitive_variables()
def verify_webhook(payload: bytes, header: str, *, now: datetime | None = None) -> dict[str, Any]:
    """Return the JSON object that Stripe signed, or raise; https://docs.stripe.com/webhooks/signature.

    Every secret is tried in turn; with a live key, none that anybody knows, such as the emulator's. Unlike the SDK's
    own check, a timestamp from the future is refused too.

    Raises:
        SignatureError: not signed with any of STRIPE_WEBHOOK_SECRETS, too old, too new, or not a JSON object.
    """
    import stripe

    tolerance = conf.CHECKOUT_WEBHOOK_TOLERANCE_SECONDS
    now = now or timezone.now()
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise SignatureError("The webhook body is not UTF-8.") from error
    if not header.isascii():
        # Python compares signatures in ASCII only, and raises TypeError otherwise.
        raise SignatureError("The Stripe-Signature header is not ASCII.")
    secrets = find_accepted_secrets()
    if not secrets:
        raise SignatureError("STRIPE_WEBHOOK_SECRETS is empty or a placeholder; run manage.py checkout_setup_webhook.")
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(text, header, secret, tolerance)
        except stripe.SignatureVerificationError:
            continue
        if _signed_at(header) > now.timestamp() + tolerance:
            raise SignatureError("The webhook's timestamp is in the future; compare this machine's clock.")
        break
    else:
        raise SignatureError("The webhook is not signed with any of STRIPE_WEBHOOK_SECRETS, or is too old.")
    try:
        data = read_json(text)
    except ValueError as error:
        raise SignatureError("The webhook body is not JSON.") from error
    if not isinstance(data, dict):
        raise SignatureError("The webhook body is not a JSON object.")
    return data


def _signed_at(header: str) -> int:
    """Return the timestamp of a header that the SDK has verified, read as the SDK reads it: the first ``t``."""
    items = (item.split("=", 2) for item in header.split(","))
    return next(int(item[1]) for item in items if item[0] == "t")


def client() -> stripe.StripeClient:
    """Return the client for the present settings: the API version pinned, nothing global changed."""
    return _build_client(conf.STRIPE_SECRET_KEY, conf.STRIPE_API_BASE, conf.CHECKOUT_STRIPE_TIMEOUT_SECONDS)


@lru_cache(maxsize=4)
def _build_client(key: str, api_base: str, timeout_seconds: int) -> stripe.StripeClient:
    import stripe

    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=MAX_NETWORK_RETRIES,
        http_client=transport.traced(stripe.RequestsClient)(
            timeout=timeout_seconds,
            session=transport.http_session(),
            async_fallback_client=transport.AsyncClient(timeout=timeout_seconds, failed=stripe.APIConnectionError),  # type: ignore[arg-type]  # the part that is used
        ),
        base_addresses={"api": api_base},
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn the SDK's errors into ours, keeping ids and codes and dropping bodies."""
    import stripe

    try:
        yield
    except stripe.APIConnectionError as error:
        raise StripeUnavailableError("Stripe did not answer.") from error
    except stripe.StripeError as error:
        status = error.http_status or 0
        stripe_code = getattr(error.error, "code", None) or error.code or ""
        details = {
            "stripe_code": stripe_code,
            "request_id": error.request_id or "",
            "param": getattr(error, "param", None) or "",
        }
        note = f"Stripe answered {status} {stripe_code} (request_id={details['request_id']}, param={details['param']})"
        logger.warning("stripe_error status=%s code=%s request_id=%s", status, stripe_code, details["request_id"])
        # A refusal is definite only where Stripe said so itself: not a garbled answer, nor a proxy's page.
        if not isinstance(error, _definite_errors()) or status in (409, 429) or status >= 500:
            unavailable = StripeUnavailableError(f"{note}.", **details)
            is_reused = isinstance(error, stripe.IdempotencyError) and status == 400
            unavailable.is_replayed = is_reused or (error.headers or {}).get("Idempotent-Replayed") == "true"
            raise unavailable from error
        if status in (401, 403):
            lacks = re.search(r"rak_\w+", str(error))
            hint = (
                f"the key lacks the permission {lacks[0]}" if lacks else "check STRIPE_SECRET_KEY and its permissions"
            )
            refused = StripeCredentialsError(f"{note}: {hint}.", **details)
            refused.is_revoked = status == 401
            raise refused from error
        if status == 404:
            raise StripeNotFoundError(f"{note}: no such object in this account and mode.", **details) from error
        raise StripeRefusedError(f"{note}.", **details) from error


@lru_cache(maxsize=1)
def _definite_errors() -> tuple[type[stripe.StripeError], ...]:
    """Return the SDK's errors that it makes of Stripe's own JSON and after which Stripe has not acted."""
    import stripe

    return (
        stripe.InvalidRequestError,
        stripe.CardError,
        stripe.AuthenticationError,
        stripe.PermissionError,
    )


def checked(stripe_id: str) -> str:
    """Return an id that may stand in a path; an empty one would address a list."""
    if not stripe_id or "/" in stripe_id:
        raise StripeNotFoundError("An empty or malformed id was about to be sent to Stripe.")
    return stripe_id


def plain(stripe_object: stripe.StripeObject) -> dict[str, Any]:
    """Return one of the SDK's objects as plain JSON types."""
    data: dict[str, Any] = storable(stripe_object.to_dict(for_json=True))
    return data


def request_id_of(stripe_object: stripe.StripeObject) -> str:
    """Return Stripe's id of the request that an object came from."""
    response = stripe_object.last_response
    return (response.request_id if response else None) or ""
