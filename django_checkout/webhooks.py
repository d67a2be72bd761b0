"""Accepts a delivery: verify, record, then process it or nudge the queue."""

from __future__ import annotations

from django.http import HttpRequest, UnreadablePostError

from django_checkout import gateway, inbox, tasks
from django_checkout.conf import conf
from django_checkout.exceptions import SignatureError
from django_checkout.models import WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.steps import Steps, waits


@waits
def accept(body: bytes, signature_header: str) -> Steps[WebhookEvent]:
    """Record one delivery of an event and see that it is processed. Must run outside transactions.

    Raises:
        SignatureError: Stripe did not sign it; nothing is stored.
        EventBusyError: another worker holds the event.
        Exception: whatever processing raised; the event is kept as failed, and Stripe should deliver it again.
    """
    if len(body) > conf.CHECKOUT_WEBHOOK_MAX_BYTES:
        raise SignatureError("The webhook body is larger than CHECKOUT_WEBHOOK_MAX_BYTES.")
    row = yield from inbox.receive.steps(gateway.verify_webhook(body, signature_header))
    if row.state == EventState.RECEIVED:
        tasks.nudge()
    return row


def read_body(request: HttpRequest) -> bytes:
    """Return a request's body, without reading more than CHECKOUT_WEBHOOK_MAX_BYTES.

    Raises:
        SignatureError: it is larger, or does not say how large it is.
    """
    limit = conf.CHECKOUT_WEBHOOK_MAX_BYTES
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError as error:
        raise SignatureError("The webhook's Content-Length is not a number.") from error
    if length > limit:
        raise SignatureError("The webhook body is larger than CHECKOUT_WEBHOOK_MAX_BYTES.")
    try:
        # Django's own limit for form data does not apply: read() stops at Content-Length.
        return request.read(limit + 1)
    except UnreadablePostError as error:
        raise SignatureError("The webhook's body ended before its Content-Length.") from error
