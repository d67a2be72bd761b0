"""Finds sessions that ended and whose events have not arrived: the sign that deliveries from Stripe have stopped."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django_checkout.conf import conf
from django_checkout.models import CheckoutSession, Observation, WebhookEvent, sites
from django_checkout.operations.alerts import Seen
from django_checkout.states import SessionStatus
from django_checkout.stripe_api.observations import Kind
from django_checkout.webhooks import inbox

#: How many of the sessions that ended last are examined.
SESSIONS = 20
#: The event of a session that has ended is due after this time.
DUE_AFTER = timedelta(minutes=5)
#: The time of the last delivery is exact to a minute, and a session may be read a moment before its event arrives.
DELIVERED_SLACK = timedelta(minutes=2)
#: A session's event may have been pruned this long before the session leaves the window.
PRUNED_SLACK = timedelta(hours=1)


def silent_sessions(rows: Collection[Observation], now: datetime) -> Seen:
    """Return the sessions that ended since the last one whose event was delivered, and when the first of them ended.

    A session ends when it is completed or expires; Stripe reports either. What the sweep, the return page or
    reconciliation reads is no delivery. A delivery about another session counts if this one's was due by then: it
    proves that deliveries arrive again. An event that is not processed yet, or that failed, has arrived as well.
    """
    delivered_at = next((row.last_at for row in rows if row.kind == Kind.SESSION_EVENT), None)
    ended = sorted(_ended_sessions(now), reverse=True)[:SESSIONS]
    ids = [session_id for _, session_id in ended]
    arrived = dict(WebhookEvent.objects.filter(object_id__in=ids).order_by("pk").values_list("object_id", "state"))
    silent: list[datetime] = []
    for at, session_id in ended:
        # Before the first delivery on record a stored event is taken for one.
        state = arrived.get(session_id)
        if state is not None and state not in inbox.SETTLED:
            continue
        is_own = state is not None and (delivered_at is None or at <= delivered_at + DELIVERED_SLACK)
        if is_own or (delivered_at is not None and delivered_at >= at + DUE_AFTER):
            break
        silent.append(at)
    return Seen(number=len(silent), since=min(silent, default=None))


def _ended_sessions(now: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield when sessions of the key's mode ended, and their ids; of each way to end the latest ``SESSIONS``."""
    sessions = CheckoutSession.objects.filter(sites.own()).exclude(stripe_id=None)
    livemode = conf.find("livemode")
    if livemode is not None:
        sessions = sessions.filter(livemode=livemode)
    days = conf.find("CHECKOUT_EVENT_RETENTION_DAYS") or 1
    window = (now - timedelta(days=days) + PRUNED_SLACK, now)
    for column, rows in (
        ("completed_at", sessions),
        ("expired_at", sessions),
        ("expires_at", sessions.filter(status=SessionStatus.OPEN)),
    ):
        latest = rows.filter(**{f"{column}__range": window}).order_by(f"-{column}")
        yield from latest.values_list(column, "stripe_id")[:SESSIONS]
