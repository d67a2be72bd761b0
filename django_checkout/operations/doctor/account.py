"""Checks what only Stripe knows: whether the key is valid, its permissions, the time, and the webhook endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.exceptions import (
    EndpointError,
    StripeAnswerError,
    StripeCredentialsError,
    StripeError,
    StripeUnavailableError,
)
from django_checkout.models import CheckoutSession, WebhookEvent
from django_checkout.operations.doctor.findings import IDS, Finding, ForeignAnswer, Severity, new
from django_checkout.states import SessionStatus
from django_checkout.stripe_api import gateway, permissions, webhook_endpoints
from django_checkout.stripe_api.steps import run
from django_checkout.stripe_api.time_limit import time_limit
from django_checkout.webhooks import endpoints, proof, registry

#: Every list that the app reads; a restricted key needs permission for each.
LISTS = (
    "/v1/checkout/sessions",
    "/v1/payment_intents",
    "/v1/charges",
    "/v1/refunds",
    "/v1/disputes",
    "/v1/events",
    "/v1/webhook_endpoints",
    "/v1/balance_transactions",
    "/v1/payouts",
    "/v1/radar/early_fraud_warnings",
    "/v1/reviews",
    "/v1/subscriptions",
    "/v1/invoices",
)
#: What every site writes; the rest is needed for subscriptions, Customers and the Billing portal.
ALWAYS_WRITTEN = ("checkout.session", "payment_intent", "refund")
#: If Stripe does not respond for this long, it is not called again.
FIRST_SECONDS = 4
#: The smallest difference between the clocks that is reported.
SKEW_SECONDS = 30
#: Stripe retries deliveries; an event that is undelivered for longer than this is reported.
UNDELIVERED_SECONDS = 3600
#: A session that was created this long ago and is complete has been reported, unless it was paid at this moment.
UNREPORTED_SECONDS = 600
#: The most event types in one request: https://docs.stripe.com/api/events/list.
MAX_TYPES = 20
MAX_PAGES = 3
#: For how long a verified delivery shows that this site has the endpoint's secret.
PROOF_DAYS = 7
_SETUP = "manage.py checkout_setup_webhook"
_KEY = "Copy a valid key from https://dashboard.stripe.com/apikeys into STRIPE_SECRET_KEY"
#: Resending an event proves that deliveries arrive again.
NO_EVENTS_HINT = (
    "Correct what the other findings say about the endpoint, then run manage.py checkout_reconcile --fix. The finding "
    "ends with the next event of a session: wait for a payment, or resend one at https://dashboard.stripe.com/events"
)


def examine(url: str, now: datetime) -> Iterator[Finding]:
    """Check the account and the endpoints; the endpoints only if Stripe responds."""
    found = list(examine_account())
    yield from found
    if not any(one.id == IDS["stripe_unavailable"] and one.severity is Severity.ERROR for one in found):
        yield from examine_endpoints(url, now)


def examine_account() -> Iterator[Finding]:
    """Retrieve the account, compare the clocks, and try the key's permissions."""
    began = timezone.now()
    try:
        with time_limit(FIRST_SECONDS):
            account, server_time = run(gateway.retrieve_account())
    except StripeCredentialsError as error:
        if error.is_revoked:
            yield new("key_refused", Severity.ERROR, str(error), _KEY)
            return
        account, server_time = {}, None
    except StripeError as error:
        yield _unavailable(error, Severity.ERROR)
        return
    if account.get("charges_enabled") is False:
        yield new(
            "charges",
            Severity.ERROR if conf.livemode else Severity.INFO,
            "The Stripe account cannot take payments yet.",
            "Complete the account at https://dashboard.stripe.com/account/onboarding",
        )
    if server_time is not None:
        yield from _compare_clocks(server_time, began, timezone.now())
    yield from _try_permissions()


def _try_permissions() -> Iterator[Finding]:
    """Try each list and each write; end when Stripe does not respond, because every further call would wait for it."""
    tries = [(path, "read access", permissions.check_can_list(path), Severity.ERROR) for path in LISTS]
    for resource in permissions.WRITES:
        severity = Severity.ERROR if resource in ALWAYS_WRITTEN else Severity.WARNING
        tries.append((resource, "write access", permissions.check_can_write(resource), severity))
    for what, access, steps, severity in tries:
        try:
            run(steps)
        except StripeCredentialsError as error:
            hint = f"Give the restricted key {access} to it at https://dashboard.stripe.com/apikeys"
            yield new("permission", severity, f"{what}: {error}", hint)
        except StripeError as error:
            yield _unavailable(error, Severity.WARNING, f"{what}: ")
            is_silent = isinstance(error, StripeUnavailableError) and not error.answered_status
            if is_silent or isinstance(error, StripeAnswerError):
                return


def _unavailable(error: StripeError, severity: Severity, prefix: str = "") -> Finding:
    kind = ForeignAnswer if isinstance(error, StripeAnswerError) else Finding
    message = f"{prefix}{error}"
    return kind(id=IDS["stripe_unavailable"], severity=severity, message=message, command=unavailable_hint())


def unavailable_hint() -> str:
    """Return what to check if Stripe does not respond, in this order."""
    base = conf.STRIPE_API_BASE
    return (
        "Check in this order, and run this command again: 1. https://status.stripe.com; if Stripe is fine, 2. DNS: "
        f"getent hosts {urlsplit(base).hostname}; 3. the proxy: the environment variables HTTPS_PROXY and NO_PROXY of "
        f"this process; 4. the firewall: curl -sv {base}/healthcheck"
    )


def _compare_clocks(server_time: datetime, began: datetime, ended: datetime) -> Iterator[Finding]:
    """Compare Stripe's time with this machine's while the call lasted, however long that was."""
    skew = (min(max(began, server_time), ended) - server_time).total_seconds()
    if abs(skew) < SKEW_SECONDS:
        return
    tolerance = conf.CHECKOUT_WEBHOOK_TOLERANCE_SECONDS
    is_error = abs(skew) >= tolerance
    effect = "every webhook is refused" if is_error else f"at {tolerance} seconds every webhook is refused"
    ahead = "ahead of" if skew > 0 else "behind"
    message = f"This machine's clock is {abs(skew):.0f} seconds {ahead} Stripe's; {effect}."
    yield new("clock", Severity.ERROR if is_error else Severity.WARNING, message, "timedatectl set-ntp true")


def examine_endpoints(url: str, now: datetime) -> Iterator[Finding]:
    """Check the webhook endpoints at Stripe that deliver to this site, and count undelivered events."""
    if conf.CHECKOUT_EMULATOR and not conf.is_stripe_api:
        message = "Payments go to the emulator, which needs no webhook endpoint."
        yield new("emulated", Severity.INFO, message, "Remove STRIPE_API_BASE and CHECKOUT_EMULATOR to use Stripe")
        return
    try:
        url = endpoints.webhook_url(url)
    except EndpointError as error:
        yield new("no_address", Severity.ERROR, str(error), "Set CHECKOUT_BASE_URL, and run this command again")
        return
    began_at = timezone.now()
    try:
        known = endpoints.endpoints_for(run(webhook_endpoints.list_endpoints()), url)
        undelivered, unreported = _count_undelivered(now), _count_unreported(now)
    except StripeCredentialsError:
        # examine_account reports the missing permission.
        return
    except StripeError as error:
        yield _unavailable(error, Severity.WARNING)
        return
    proof.record_status(known, began_at=began_at)
    yield from _check_enabled(known, url)
    yield from _check_proof(known, url, now)
    if undelivered:
        message = f"Stripe could not deliver {undelivered} events within an hour, and they have not arrived since."
        yield new("undelivered", Severity.ERROR, message, "manage.py checkout_reconcile --missed-events")
    if unreported:
        message = f"{unreported} sessions are complete at Stripe and open here: their events have not arrived."
        yield new("no_events", Severity.ERROR, message, NO_EVENTS_HINT)


def _check_enabled(known: Sequence[Mapping[str, Any]], url: str) -> Iterator[Finding]:
    enabled = [endpoint for endpoint in known if endpoint["status"] == "enabled"]
    if not known:
        yield new("no_endpoint", Severity.ERROR, f"No endpoint at Stripe delivers to {url}.", _SETUP)
    elif not enabled:
        # Stripe keeps no failed delivery of what happened meanwhile.
        command = f"{_SETUP}, then manage.py checkout_reconcile --fix"
        yield new("disabled", Severity.ERROR, f"The endpoint {known[0]['id']} is disabled.", command)
    enabled.sort(key=lambda endpoint: not endpoints.is_exact(endpoint, url))
    for endpoint in enabled[:1]:
        yield from _compare_endpoint(endpoint, url)
    if len(enabled) > 1:
        yield _report_duplicates(known, url)


def _report_duplicates(known: Sequence[Mapping[str, Any]], url: str) -> Finding:
    kept, others = endpoints.divide(known, url)
    ids = ", ".join(endpoint["id"] for endpoint in [*([kept] if kept else []), *others])
    message = f"Several endpoints deliver to {url}: {ids}. Each event is delivered more than once."
    if kept is None:
        command = f"{_SETUP} --upgrade"
    else:
        command = proof.finish_problem(kept, others) or f"{_SETUP} --finish-upgrade"
    return new("duplicates", Severity.WARNING, message, command)


def _compare_endpoint(endpoint: Mapping[str, Any], url: str) -> Iterator[Finding]:
    missing, extra = endpoints.missing_events(endpoint), endpoints.extra_events(endpoint)
    is_old = endpoint["api_version"] != conf.CHECKOUT_API_VERSION
    # An endpoint with another version is not changed, but replaced.
    command = f"{_SETUP} --upgrade" if is_old else _SETUP
    if missing:
        message = f"The endpoint {endpoint['id']} does not receive: {', '.join(missing)}."
        yield new("missing_events", Severity.ERROR, message, command)
    if extra:
        message = f"The endpoint {endpoint['id']} receives events that this site does not handle: {', '.join(extra)}."
        yield new("extra_events", Severity.INFO, message, command)
    if is_old:
        version = endpoint["api_version"] or "the account's default"
        message = f"The endpoint {endpoint['id']} uses API version {version}, not {conf.CHECKOUT_API_VERSION}."
        yield new("version", Severity.WARNING, message, command)
    if not endpoints.is_exact(endpoint, url):
        message = (
            f"The endpoint {endpoint['id']} delivers to {endpoint['url']}, which redirects to {url}; "
            "Stripe does not follow redirects."
        )
        yield new("address", Severity.ERROR, message, command)


def _check_proof(known: Sequence[Mapping[str, Any]], url: str, now: datetime) -> Iterator[Finding]:
    """Say when a delivery of the endpoint last verified: nothing else shows that this site has its secret."""
    endpoint, others = endpoints.divide(known, url)
    if endpoint is None or endpoint["status"] != "enabled" or others:
        return
    at = proof.find_last_delivery(endpoint)
    if at is not None and now - at <= timedelta(days=PROOF_DAYS):
        return
    last = "No delivery" if at is None else f"For {(now - at).days} days, no delivery"
    message = (
        f"{last} of the endpoint {endpoint['id']} has been verified here. Whether STRIPE_WEBHOOK_SECRETS contains its "
        "secret is unknown: the test delivery is signed with the site's own secrets."
    )
    command = (
        "Pay an order, or resend an event to the endpoint at "
        f"https://dashboard.stripe.com/webhooks/{endpoint['id']}, and run this command again"
    )
    yield new("unproven", Severity.INFO, message, command)


def _count_undelivered(now: datetime) -> int:
    """Return how many events that we handle are undelivered after an hour, and have not arrived here otherwise.

    An event that another endpoint of the account refuses is undelivered as well. The latest ``MAX_PAGES`` pages for
    every 20 types are read.
    """
    created = {"lte": int((now - timedelta(seconds=UNDELIVERED_SECONDS)).timestamp())}
    types = registry.handled_types()
    return sum(
        _count_unknown(created=created, types=types[first : first + MAX_TYPES], delivery_success="false")
        for first in range(0, len(types), MAX_TYPES)
    )


def _count_unreported(now: datetime) -> int:
    """Return how many of the last 100 sessions that Stripe calls complete are open here without an event.

    Where shoppers do not return, nothing else than events reports them before they expire. An event that is not
    processed yet, or that failed, has arrived.
    """
    begins, ends = (int((now - ago).timestamp()) for ago in (timedelta(days=1), timedelta(seconds=UNREPORTED_SECONDS)))
    page, _ = run(gateway.read_page("/v1/checkout/sessions", status="complete", created={"gte": begins, "lte": ends}))
    ids = [session["id"] for session in page]
    arrived = WebhookEvent.objects.filter(object_id__in=ids).order_by().values("object_id")
    return (
        CheckoutSession.objects.filter(stripe_id__in=ids, status=SessionStatus.OPEN)
        .exclude(stripe_id__in=arrived)
        .count()
    )


def _count_unknown(**filters: Any) -> int:
    number, after, has_more = 0, "", True
    for _ in range(MAX_PAGES):
        if has_more:
            page, has_more = run(gateway.read_page("/v1/events", starting_after=after, **filters))
            ids = [event["id"] for event in page]
            number += len(ids) - WebhookEvent.objects.filter(stripe_id__in=ids).count()
            after = ids[-1] if ids else after
    return number
