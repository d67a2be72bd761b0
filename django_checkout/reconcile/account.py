"""Checks that STRIPE_SECRET_KEY belongs to the account that has our sessions, before anything is compared."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.exceptions import StripeCredentialsError
from django_checkout.models import CheckoutSession
from django_checkout.reconcile import reads
from django_checkout.reconcile.reads import fetch
from django_checkout.reconcile.sessions import EXPAND, SESSIONS
from django_checkout.stripe_api import gateway

#: How many of our latest sessions are read; if Stripe knows one, the key belongs to our account.
PROOFS = 5


def check_key() -> None:
    """Read our latest sessions from Stripe until it knows one, which usually takes one call.

    Raises:
        StripeCredentialsError: the key belongs to another account or mode than our sessions.
    """
    rows = CheckoutSession.objects.exclude(stripe_id=None).order_by("-pk")
    latest = list(rows.filter(livemode=conf.livemode).values_list("stripe_id", flat=True)[:PROOFS])
    if any(reads.exists(SESSIONS.object_type, stripe_id or "") for stripe_id in latest):
        return
    if latest:
        raise StripeCredentialsError(
            f"STRIPE_SECRET_KEY belongs to {_account_name()}, which has none of our latest {len(latest)} sessions. "
            "Set the key of the account that created them."
        )
    if rows.exists() and _lists_our_sessions():
        ours, keys = ("test", "live") if conf.livemode else ("live", "test")
        raise StripeCredentialsError(
            f"STRIPE_SECRET_KEY is a {keys} mode key of {_account_name()}, but all of our sessions were created in "
            f"{ours} mode. Set a {ours} mode key."
        )


def find_time(now: datetime | None = None) -> datetime:
    """Return ``now``, or Stripe's time, or ours if a proxy has removed Stripe's from the response."""
    return now or fetch(gateway.retrieve_time) or timezone.now()


def _lists_our_sessions() -> bool:
    """Return whether this mode's newest sessions include one with our metadata, which would be reported."""
    page, _ = fetch(gateway.read_page, SESSIONS.path, expand=[*EXPAND])
    return any(True for _ in SESSIONS.compare(page))


def _account_name() -> str:
    """Return the id of the key's account, if the key may read it."""
    try:
        account, _ = fetch(gateway.retrieve_account)
    except StripeCredentialsError:
        return "another account"
    return str(account.get("id") or "another account")
