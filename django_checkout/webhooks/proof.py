"""What is known about an endpoint at Stripe: whether it is enabled, and whether its deliveries verify here.

Stripe shows an endpoint's secret only once. That this site has it is proven by a verified delivery of the endpoint. It
is recognized by the fingerprint of the secret that the endpoint was created with, or, because a secret can be rolled,
by the API version of the event; the only endpoint of a URL that has no version by any delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django_checkout.conf import conf
from django_checkout.models import Observation, database
from django_checkout.stripe_api import observations
from django_checkout.stripe_api.observations import Kind
from django_checkout.stripe_api.signatures import fingerprint
from django_checkout.stripe_api.storable import find_instant

Json = Mapping[str, Any]

#: In place of event types, a subscription to all of them.
ALL_EVENTS = "*"
#: Stripe repeats a delivery that failed within this time.
REPEATED_WITHIN = timedelta(hours=1)
#: An endpoint that another one receives more than may have had nothing to deliver for this long.
RARE_WITHIN = timedelta(days=7)


def record_created(endpoint_id: str, secret: str) -> None:
    """Remember which secret a new endpoint has, by its fingerprint."""
    observations.observe(Kind.ENDPOINT, endpoint_id, detail=fingerprint(secret))


def record_status(endpoints: Sequence[Json], *, began_at: datetime) -> None:
    """Record whether one of the site's endpoints is enabled, for the alert; without any, nothing is known.

    ``began_at`` is when they began to be read: what was read later is not overwritten.
    """
    is_enabled = any(endpoint["status"] == "enabled" for endpoint in endpoints)
    if endpoints:
        with observations.best_effort():
            database.in_transaction(partial(_store_status, is_enabled=is_enabled, began_at=began_at))


def _store_status(*, is_enabled: bool, began_at: datetime) -> None:
    if not observations.supersede(Kind.LOOKED, began_at=began_at):
        return
    if is_enabled:
        Observation.objects.filter(kind=Kind.DISABLED).delete()
    else:
        observations.insert(Kind.DISABLED, "")


def find_last_delivery(endpoint: Json, others: Sequence[Json] = ()) -> datetime | None:
    """Return when a delivery of an endpoint last verified with a secret that is set here; None if that is unknown.

    ``others`` are the other enabled endpoints of the same URL.
    """
    configured = [fingerprint(secret) for secret in conf.STRIPE_WEBHOOK_SECRETS]
    rows = Observation.objects.filter(kind__in=(Kind.DELIVERED, Kind.ENDPOINT))
    delivered = [row for row in rows if row.kind == Kind.DELIVERED and row.subject in configured]
    # The secret may have been rolled since.
    secrets = [row.detail for row in rows if row.kind == Kind.ENDPOINT and row.subject == endpoint["id"]]
    versions = [other["api_version"] for other in others]
    version = endpoint["api_version"]
    # An endpoint without a version has the account's, which may be any.
    is_distinct = not {None, version} & {*versions} if version else not others
    created_at = find_instant(endpoint.get("created"))
    proofs = [
        row
        for row in delivered
        if row.subject in secrets
        or (
            is_distinct and (not version or row.detail == version) and (created_at is None or row.last_at >= created_at)
        )
    ]
    return max((row.last_at for row in proofs), default=None)


def _find_due(other: Json, endpoint: Json, others: Sequence[Json]) -> datetime | None:
    """Return since when an endpoint must have delivered, because the other one has; None if that one has not."""
    last = find_last_delivery(other, [endpoint, *(one for one in others if one is not other)])
    # What only the other one receives says little about this one; every other event goes to both.
    return last and last - (RARE_WITHIN if _receives_more(other, endpoint) else REPEATED_WITHIN)


def _receives_more(endpoint: Json, than: Json) -> bool:
    """Whether an endpoint is subscribed to event types that another one is not."""
    types, known = ({*one["enabled_events"]} for one in (endpoint, than))
    return ALL_EVENTS not in known and not types <= known


def finish_problem(endpoint: Json, others: Sequence[Json]) -> str:
    """Return why the other endpoints must not be disabled yet and what to do, or ""."""
    at = find_last_delivery(endpoint, others)
    earliest = max(filter(None, (_find_due(one, endpoint, others) for one in others)), default=None)
    if at is not None and (earliest is None or at >= earliest):
        return ""
    version = conf.CHECKOUT_API_VERSION
    if endpoint["api_version"] == version and all(other["api_version"] != version for other in others):
        since = "yet" if at is None else f"since {at:%Y-%m-%d %H:%M} UTC, and other endpoints have delivered later"
        return (
            f"No delivery of {endpoint['id']} has been verified here {since}. Add its signing secret to "
            "STRIPE_WEBHOOK_SECRETS, deploy, wait for an event or resend one to it at "
            f"https://dashboard.stripe.com/webhooks/{endpoint['id']}, then run "
            "manage.py checkout_setup_webhook --finish-upgrade"
        )
    ids = ", ".join(one["id"] for one in (endpoint, *others))
    return (
        f"It is unknown which of {ids} has a secret that is in STRIPE_WEBHOOK_SECRETS. Compare the signing secrets at "
        "https://dashboard.stripe.com/webhooks, and disable there all but one that is"
    )
