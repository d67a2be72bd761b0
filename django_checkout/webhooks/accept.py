"""Accepts a webhook request: verifies it, records the event, and processes or enqueues it."""

from __future__ import annotations

from django.http import HttpRequest, UnreadablePostError

from django_checkout.conf import conf
from django_checkout.exceptions import EventBusyError, SignatureError
from django_checkout.models import WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.stripe_api.signatures import verify_webhook
from django_checkout.stripe_api.steps import Steps, arun, run
from django_checkout.stripe_api.storable import storable_id
from django_checkout.webhooks import deliveries, inbox, processing, tasks


def accept(body: bytes, signature_header: str) -> WebhookEvent:
    """Record a delivered event, and process or enqueue it. Must run outside transactions.

    Raises:
        SignatureError: the signature is invalid; nothing is stored.
        Exception: processing failed; the event is stored as failed and retried.
    """
    return run(_accept_steps(body, signature_header))


async def aaccept(body: bytes, signature_header: str) -> WebhookEvent:
    """Do the same as ``accept`` from a coroutine."""
    return await arun(_accept_steps(body, signature_header))


def _accept_steps(body: bytes, signature_header: str) -> Steps[WebhookEvent]:
    if len(body) > conf.CHECKOUT_WEBHOOK_MAX_BYTES:
        raise SignatureError("The webhook body is larger than CHECKOUT_WEBHOOK_MAX_BYTES.")
    try:
        verified = verify_webhook(body, signature_header)
    except SignatureError as error:
        deliveries.record_refused(body, signature_header, error)
        raise
    deliveries.record_verified(verified)
    try:
        row = yield from processing.receive_steps(verified.data)
    except EventBusyError:
        # It is stored. Whoever has leased it processes it; ``checkout_process_events`` does, if that worker has died.
        return inbox.get_stored(storable_id(verified.data["id"]))
    if row.state == EventState.RECEIVED:
        tasks.request_drain()
    return row


def read_body(request: HttpRequest) -> bytes:
    """Return a request's body, reading at most CHECKOUT_WEBHOOK_MAX_BYTES.

    Raises:
        SignatureError: the body is larger, or its length is unknown.
    """
    limit = conf.CHECKOUT_WEBHOOK_MAX_BYTES
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError as error:
        raise SignatureError("The webhook's Content-Length is not a number.") from error
    if length > limit:
        raise SignatureError("The webhook body is larger than CHECKOUT_WEBHOOK_MAX_BYTES.")
    try:
        # DATA_UPLOAD_MAX_MEMORY_SIZE does not apply to read(), which stops at Content-Length.
        return request.read(limit + 1)
    except UnreadablePostError as error:
        raise SignatureError("The webhook's body ended before its Content-Length.") from error
