"""Asks whose key STRIPE_SECRET_KEY is, before anything is compared by it."""

from __future__ import annotations

from functools import partial

from django_checkout import account_gateway, gateway
from django_checkout.conf import conf
from django_checkout.exceptions import StripeCredentialsError
from django_checkout.models import CheckoutSession
from django_checkout.reconcile import sessions
from django_checkout.reconcile.pages import patiently
from django_checkout.reconcile.strangers import is_known

#: So many of our latest sessions are asked for; one that Stripe knows proves that the key is of our account.
PROOFS = 5


def check_key() -> None:
    """Ask Stripe for our latest sessions, until it knows one: usually one call.

    Raises:
        StripeCredentialsError: the key is of another account, or of the other mode, than made our sessions.
    """
    rows = CheckoutSession.objects.exclude(stripe_id=None).order_by("-pk")
    latest = list(rows.filter(livemode=conf.livemode).values_list("stripe_id", flat=True)[:PROOFS])
    if any(is_known(stripe_id or "") for stripe_id in latest):
        return
    if latest:
        raise StripeCredentialsError(
            f"STRIPE_SECRET_KEY is of {_name_of_account()}, which knows none of our latest {len(latest)} sessions: "
            "set the key of the account that made them."
        )
    if rows.exists() and _has_orphans():
        made, has = ("test", "live") if conf.livemode else ("live", "test")
        raise StripeCredentialsError(
            f"STRIPE_SECRET_KEY is a {has} mode key of {_name_of_account()}, and all of our sessions were made in "
            f"{made} mode: set a {made} mode key."
        )


def _has_orphans() -> bool:
    """Return whether this mode's newest sessions hold one that carries our marks: it would be put on the work list."""
    page, _ = patiently(partial(gateway.read_page, sessions.PATH, expand=[*sessions.EXPAND]))
    return any(True for _ in sessions.compare(page))


def _name_of_account() -> str:
    """Return the id of the key's account, where the key may read it."""
    try:
        account, _ = patiently(account_gateway.retrieve_account)
    except StripeCredentialsError:
        return "another account"
    return str(account.get("id") or "another account")
