"""The least that a webhook can do: verify the signature with Stripe's library and insert the event once."""

from __future__ import annotations

import json

import stripe
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from tests.benchmarks.site.models import RecordedEvent


@csrf_exempt
def record(request: HttpRequest) -> HttpResponse:
    """Record an event; nothing is done about it."""
    header = request.headers.get("Stripe-Signature", "")
    try:
        stripe.WebhookSignature.verify_header(
            request.body.decode(), header, settings.STRIPE_WEBHOOK_SECRETS[0], tolerance=300
        )
    except stripe.SignatureVerificationError:
        return HttpResponse(status=400)
    event = json.loads(request.body)
    row = RecordedEvent(stripe_id=event["id"], type=event["type"], payload=event)
    RecordedEvent.objects.bulk_create([row], ignore_conflicts=True)
    return HttpResponse()
