"""Fetches the events that Stripe could not deliver, and feeds them to the inbox, oldest first."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from django_checkout import inbox
from django_checkout.envelope import without_secrets
from django_checkout.exceptions import EventBusyError
from django_checkout.models.events import EventState
from django_checkout.reconcile import account
from django_checkout.reconcile.pages import pages

PATH = "/v1/events"
#: Stripe keeps events for this long: https://docs.stripe.com/api/events.
RETENTION_DAYS = 30
#: How many types one list may ask for.
MAX_TYPES = 20


def feed(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
    progress: Callable[[str, int], None] | None = None,
    now: datetime | None = None,
) -> Counter[str]:
    """Receive every undelivered event of the types that we handle, as the webhook would; count what became of them.

    Counted are ``missed`` and then ``processed``, ``ignored``, ``failed`` or ``busy``. An event that fails is kept, and
    tried again by the sweep. Must run outside transactions.

    Raises:
        StripeUnavailableError: Stripe stopped answering before anything was fed.
        StripeCredentialsError: the key is wrong, or of another account.
    """
    now = now or timezone.now()
    account.check_key()
    start = max(since or now - timedelta(days=RETENTION_DAYS), now - timedelta(days=RETENTION_DAYS))
    created = {"gte": int(start.timestamp())} | ({"lte": int(until.timestamp())} if until else {})
    report: Counter[str] = Counter()
    # Stripe lists the newest first, and they are fed in the order in which they happened; packed, they take little.
    missed: list[tuple[int, int, bytes]] = []
    types = inbox.handled_types()
    for first in range(0, len(types), MAX_TYPES):
        wanted = types[first : first + MAX_TYPES]
        for page in pages(PATH, created=created, types=wanted, delivery_success="false"):
            for event in page:
                packed = zlib.compress(json.dumps(without_secrets(event)).encode())
                missed.append((int(event["created"]), -len(missed), packed))
            report["missed"] = len(missed)
            if progress is not None:
                progress("events", len(missed))
    for _, _, packed in sorted(missed)[:limit]:
        report[_feed_one(packed)] += 1
    return report


def _feed_one(packed: bytes) -> str:
    try:
        row = inbox.receive(json.loads(zlib.decompress(packed)))
        if row.state == EventState.RECEIVED:
            row = inbox.process(row)
    except EventBusyError:
        return "busy"
    except Exception:
        # The inbox has recorded and logged it.
        return "failed"
    return str(row.state)
