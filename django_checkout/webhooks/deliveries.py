"""Records whether deliveries verify, for the alerts. A refused delivery is counted; nothing of it is stored.

Anyone can post to the webhook. A refused delivery counts only if it has the form of one from Stripe and is about a
session or payment of ours, whose ids a stranger does not know, or if it is signed with a secret of ours. In a burst,
few are looked at. What verified deliveries prove is compared with what is stored once in some seconds, so an alert may
end that much later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from django_checkout import ledger
from django_checkout.conf import conf
from django_checkout.exceptions import SignatureError
from django_checkout.models import Observation, database
from django_checkout.stripe_api import facts, observations
from django_checkout.stripe_api.json_fields import mapping
from django_checkout.stripe_api.observations import Kind
from django_checkout.stripe_api.signatures import Verified
from django_checkout.stripe_api.storable import read_json
from django_checkout.webhooks.envelope import event_data, read_envelope
from django_checkout.webhooks.pace import Pace

#: The type of the event that the doctor posts to the site itself, which proves nothing about Stripe.
SELF_DELIVERY = "django_checkout.self_delivery"
#: The time of the last verified delivery is stored this exactly.
EXACT_TO = timedelta(seconds=60)
#: What a verified delivery proves to be over.
_OVER = (Kind.REFUSED, Kind.LATE, Kind.DISABLED)
#: https://docs.stripe.com/webhooks#verify-manually.
_SIGNATURE = re.compile(r"(?=.*\bt=\d{1,12}\b)(?=.*\bv1=[0-9a-f]{64}\b)[\w=,-]+", re.ASCII)

#: How often a process compares what deliveries of one kind prove with what is stored.
looks = Pace(seconds=5)
#: How often a process finds out whether a delivery that is a problem counts; the first ones are counted exactly.
problems = Pace(seconds=1, burst=observations.EXACT)


def record_verified(verified: Verified) -> None:
    """Record a verified delivery; without a query, if this process has seen another one like it just now."""
    data = verified.data
    if data.get("type") == SELF_DELIVERY:
        return
    is_other_mode = conf.find("livemode") not in (None, data.get("livemode"))
    # A live endpoint for connected accounts receives their test events as well:
    # https://docs.stripe.com/connect/webhooks.
    if is_other_mode and not data.get("account") and _is_looked_at(Kind.OTHER_MODE):
        _observe(Kind.OTHER_MODE)
    seen = {(Kind.DELIVERED, verified.fingerprint): str(data.get("api_version") or "")[:255]}
    if not is_other_mode and _is_about_session(data):
        seen[Kind.SESSION_EVENT, ""] = ""
    if looks.allows((database.alias(), is_other_mode, *seen, *seen.values())):
        with observations.best_effort():
            _store_verified(seen, is_other_mode=is_other_mode)


def _store_verified(seen: Mapping[tuple[Kind, str], str], *, is_other_mode: bool) -> None:
    over = _OVER if is_other_mode else (*_OVER, Kind.OTHER_MODE)
    now = timezone.now()
    rows = list(Observation.objects.filter(kind__in=(Kind.DELIVERED, Kind.SESSION_EVENT, *over)))
    observations.delete([row.pk for row in rows if row.kind in over])
    known = {(row.kind, row.subject): row for row in rows}
    for (kind, subject), detail in seen.items():
        row = known.get((kind, subject))
        if row is None:
            observations.insert(kind, subject, detail=detail)
        elif now - row.last_at >= EXACT_TO or row.detail != detail:
            Observation.objects.filter(pk=row.pk).update(last_at=now, detail=detail)


def _is_about_session(data: Mapping[str, Any]) -> bool:
    """Whether an event is about a session with our metadata, which those of other integrations do not have."""
    named = facts.read_ownership(mapping(mapping(data, "data"), "object")).session_uuid
    return bool(named) and str(data.get("type")).startswith("checkout.session.")


def record_refused(body: bytes, header: str, error: SignatureError) -> None:
    """Count a refused delivery, if it is Stripe's."""
    kind = Kind.LATE if error.is_time_wrong else Kind.REFUSED
    if kind == Kind.REFUSED and not _SIGNATURE.fullmatch(header):
        return
    with observations.best_effort():
        if _is_looked_at(kind) and (kind == Kind.LATE or _is_about_ours(body)):
            _observe(kind)


def _is_looked_at(kind: Kind) -> bool:
    return problems.allows((database.alias(), kind))


def _observe(kind: Kind) -> None:
    """Record a problem; the next verified delivery to this process is looked at, because it may end it."""
    observations.observe(kind)
    looks.forget()


def _is_about_ours(body: bytes) -> bool:
    try:
        data: Any = read_json(body.decode())
        row = read_envelope(data) if isinstance(data, Mapping) else None
    except (ValueError, RecursionError, SignatureError):
        return False
    if row is None:
        return False
    named = facts.read_ownership(event_data(row).object).session_uuid
    return ledger.is_known({row.object_id, row.payment_intent_id, row.subscription_id} - {""}, session_uuid=named)
