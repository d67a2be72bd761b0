"""Fetches the events that Stripe could not deliver, and passes them to the inbox, oldest first."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django_checkout.exceptions import EventBusyError
from django_checkout.models import WebhookEvent
from django_checkout.models.events import EventState
from django_checkout.reconcile import account, reads
from django_checkout.webhooks import inbox, processing, registry
from django_checkout.webhooks.envelope import without_secrets

#: What becomes of a missed event.
RESULTS = ("processed", "ignored", "failed", "busy")
PATH = "/v1/events"
#: How many types Stripe's list can be filtered by.
MAX_TYPES = 20


def process(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Counter[str]:
    """Process every undelivered event of the types that we handle, as the webhook would, and count the results.

    The counts are ``missed`` and then ``processed``, ``ignored``, ``failed`` or ``busy``. ``arrived`` counts events
    that are settled here already: another endpoint refuses them, or an earlier run processed them. An event that fails
    is stored, and ``checkout_process_events`` retries it. Must run outside transactions.

    Raises:
        StripeUnavailableError: Stripe does not answer; nothing was processed.
        StripeCredentialsError: the key is wrong or belongs to another account.
    """
    account.check_key()
    # Without bounds Stripe lists what it keeps, whatever our clock says.
    bounds = {name: int(at.timestamp()) for name, at in (("gte", since), ("lte", until)) if at is not None}
    created: dict[str, Any] = {"created": bounds} if bounds else {}
    report: Counter[str] = Counter()
    # Stripe lists the newest first; they are processed oldest first, and compressed until then.
    missed: list[tuple[int, int, bytes]] = []
    types = registry.handled_types()
    for first in range(0, len(types), MAX_TYPES):
        some = types[first : first + MAX_TYPES]
        for page in reads.pages(PATH, **created, types=some, delivery_success="false"):
            ids = [event["id"] for event in page]
            settled = WebhookEvent.objects.filter(stripe_id__in=ids, state__in=inbox.SETTLED)
            arrived = set(settled.values_list("stripe_id", flat=True))
            report["arrived"] += len(arrived)
            for event in page:
                if event["id"] in arrived:
                    continue
                compressed = zlib.compress(json.dumps(without_secrets(event)).encode())
                missed.append((int(event["created"]), -len(missed), compressed))
            report["missed"] = len(missed)
            if progress is not None:
                progress("events", len(missed))
    for _, _, compressed in sorted(missed)[:limit]:
        report[_process_one(compressed)] += 1
    return report


def _process_one(compressed: bytes) -> str:
    try:
        row = processing.receive(json.loads(zlib.decompress(compressed)))
        if row.state == EventState.RECEIVED:
            row = processing.process(row)
    except EventBusyError:
        return "busy"
    except Exception:
        # The inbox has recorded and logged it.
        return "failed"
    return str(row.state)
