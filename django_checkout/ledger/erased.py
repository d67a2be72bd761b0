"""Finds out whose order a Stripe object belongs to, and whether its personal data was erased."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q

from django_checkout.models import CheckoutSession, Payment, Subscription, sites
from django_checkout.models.statements import SelectIn, Statement
from django_checkout.stripe_api.json_fields import is_uuid


def _named(model: Any, column: str) -> SelectIn[Any]:
    return SelectIn(lambda names: model.objects.filter(**{f"{column}__in": names}).only("pk").order_by())


_NAMED = (_named(CheckoutSession, "stripe_id"), _named(Payment, "stripe_id"), _named(Payment, "charge_id"))
_NAMED_SUBSCRIPTIONS = (_named(Subscription, "stripe_id"), _named(CheckoutSession, "subscription_id"))
#: The ids of objects other than subscriptions, which are named most.
_OTHER_PREFIXES = ("cs_", "pi_", "ch_", "py_", "in_")


def naming(stripe_ids: Collection[str]) -> list[Statement]:
    """Return the statements that find rows by ids of sessions, payments, charges or subscriptions, whichever site's."""
    ids = sorted(stripe_ids)
    subscriptions = [stripe_id for stripe_id in ids if not stripe_id.startswith(_OTHER_PREFIXES)]
    selects: list[Statement] = [select.of(ids) for select in _NAMED]
    if subscriptions:
        selects += [select.of(subscriptions) for select in _NAMED_SUBSCRIPTIONS]
    return selects


def is_known(stripe_ids: Collection[str], *, session_uuid: str) -> bool:
    """Return whether one of the ids, or a session's UUID, is that of a row of ours; at most four queries."""
    about = [
        CheckoutSession.objects.filter(stripe_id__in=stripe_ids),
        Payment.objects.filter(stripe_id__in=stripe_ids),
        Payment.objects.filter(charge_id__in=stripe_ids),
        Subscription.objects.filter(stripe_id__in=stripe_ids),
    ]
    if is_uuid(session_uuid):
        about.insert(0, CheckoutSession.objects.filter(uuid=session_uuid))
    return any(rows.exists() for rows in about)


def find_other_sites(events: Mapping[int, Collection[str]]) -> dict[int, str]:
    """Return the site's URL of each event that is about a row of another site; at most three queries for all events.

    ``events`` has the Stripe ids that an event names, and the UUID of a session.
    """
    names = {name for named in events.values() for name in named}
    if not names:
        return {}
    uuids = [name for name in names if is_uuid(name)]
    sessions = CheckoutSession.objects.filter(Q(stripe_id__in=names) | Q(uuid__in=uuids)).exclude(sites.own())
    payments = Payment.objects.filter(Q(stripe_id__in=names) | Q(charge_id__in=names), order__isnull=False)
    subscriptions = Subscription.objects.filter(stripe_id__in=names).exclude(sites.own("order__"))
    found: dict[str, str] = {}
    for *known, url in (
        *sessions.values_list("stripe_id", "uuid", "site_url"),
        *payments.exclude(sites.own("order__")).values_list("stripe_id", "charge_id", "order__site_url"),
        *subscriptions.values_list("stripe_id", "order__site_url"),
    ):
        found |= {str(name): str(url) for name in known}
    urls = {pk: next((found[name] for name in named if name in found), "") for pk, named in events.items()}
    return {pk: url for pk, url in urls.items() if url}


def is_erased(stripe_ids: Collection[str], *, customer_id: str) -> bool:
    """Return whether one of the ids, or a subscription of the customer, belongs to an erased order, in one query."""
    about = (
        CheckoutSession.objects.filter(stripe_id__in=stripe_ids),
        Payment.objects.filter(Q(stripe_id__in=stripe_ids) | Q(charge_id__in=stripe_ids)),
        # A renewal's charge has no id of ours except its customer.
        Subscription.objects.filter(Q(stripe_id__in=stripe_ids) | Q(customer_id=customer_id or None)),
    )
    first, *others = (rows.filter(order__erased_at__isnull=False).order_by().values("order_id") for rows in about)
    return first.union(*others, all=True).exists()
