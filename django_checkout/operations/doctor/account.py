"""Checks what only Stripe knows: whether the key is valid, what it may read, the time, and the webhook endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django_checkout.conf import API_VERSION, conf
from django_checkout.exceptions import EndpointError, StripeCredentialsError, StripeError
from django_checkout.operations.doctor.findings import Finding, Severity, new
from django_checkout.stripe_api import gateway, webhook_endpoints
from django_checkout.stripe_api.steps import run
from django_checkout.webhooks import endpoints, registry

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
)
#: The smallest difference between the clocks that is reported.
SKEW_SECONDS = 30
#: Stripe retries deliveries; an event that is undelivered for longer than this is reported.
UNDELIVERED_SECONDS = 3600
#: The most event types in one request: https://docs.stripe.com/api/events/list.
MAX_TYPES = 20
_SETUP = "manage.py checkout_setup_webhook"
_KEY = "Copy a valid key from https://dashboard.stripe.com/apikeys into STRIPE_SECRET_KEY"
_LATER = "Run this command again; see https://status.stripe.com"


def examine_account(now: datetime) -> Iterator[Finding]:
    """Retrieve the account, compare the clocks, and read one page of every list."""
    try:
        account, server_time = run(gateway.retrieve_account())
    except StripeCredentialsError as error:
        if error.is_revoked:
            yield new("key_refused", Severity.ERROR, str(error), _KEY)
            return
        account, server_time = {}, None
    except StripeError as error:
        yield new("stripe_unavailable", Severity.ERROR, str(error), _LATER)
        return
    if account.get("charges_enabled") is False:
        yield new(
            "charges",
            Severity.ERROR if conf.livemode else Severity.INFO,
            "The Stripe account cannot take payments yet.",
            "Complete the account at https://dashboard.stripe.com/account/onboarding",
        )
    if server_time is not None:
        yield from _compare_clocks(server_time, now)
    for path in LISTS:
        try:
            run(gateway.check_can_list(path))
        except StripeCredentialsError as error:
            yield new("permission", Severity.ERROR, f"{path}: {error}", "Give the restricted key this read permission")
        except StripeError as error:
            yield new("stripe_unavailable", Severity.WARNING, f"{path}: {error}", _LATER)


def _compare_clocks(server_time: datetime, now: datetime) -> Iterator[Finding]:
    skew = (now - server_time).total_seconds()
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
    try:
        known = endpoints.endpoints_for(run(webhook_endpoints.list_endpoints()), url)
        undelivered = _count_undelivered(now)
    except StripeCredentialsError:
        # examine_account reports the missing permission.
        return
    except StripeError as error:
        yield new("stripe_unavailable", Severity.WARNING, str(error), _LATER)
        return
    yield from _check_enabled(known, url)
    if undelivered:
        message = f"Stripe could not deliver {undelivered} events within an hour."
        yield new("undelivered", Severity.ERROR, message, "manage.py checkout_reconcile --missed-events")


def _check_enabled(known: Sequence[Mapping[str, Any]], url: str) -> Iterator[Finding]:
    enabled = [endpoint for endpoint in known if endpoint["status"] == "enabled"]
    if not known:
        yield new("no_endpoint", Severity.ERROR, f"No endpoint at Stripe delivers to {url}.", _SETUP)
    elif not enabled:
        yield new("disabled", Severity.ERROR, f"The endpoint {known[0]['id']} is disabled.", _SETUP)
    enabled.sort(key=lambda endpoint: not endpoints.is_exact(endpoint, url))
    for endpoint in enabled[:1]:
        yield from _compare_endpoint(endpoint)
        if not endpoints.is_exact(endpoint, url):
            message = (
                f"The endpoint {endpoint['id']} delivers to {endpoint['url']}, which redirects to {url}; "
                "Stripe does not follow redirects."
            )
            yield new("address", Severity.ERROR, message, _SETUP)
    if len(enabled) > 1:
        ids = ", ".join(endpoint["id"] for endpoint in enabled)
        message = f"{len(enabled)} endpoints deliver to {url}: {ids}. Each event is delivered more than once."
        yield new("duplicates", Severity.WARNING, message, f"{_SETUP} --finish-upgrade")


def _compare_endpoint(endpoint: Mapping[str, Any]) -> Iterator[Finding]:
    missing, extra = endpoints.missing_events(endpoint), endpoints.extra_events(endpoint)
    if missing:
        message = f"The endpoint {endpoint['id']} does not receive: {', '.join(missing)}."
        yield new("missing_events", Severity.ERROR, message, _SETUP)
    if extra:
        message = f"The endpoint {endpoint['id']} receives events that this site does not handle: {', '.join(extra)}."
        yield new("extra_events", Severity.INFO, message, _SETUP)
    if endpoint["api_version"] != API_VERSION:
        version = endpoint["api_version"] or "the account's default"
        message = f"The endpoint {endpoint['id']} uses API version {version}, not {API_VERSION}."
        yield new("version", Severity.WARNING, message, f"{_SETUP} --upgrade")


def _count_undelivered(now: datetime) -> int:
    """Return how many events that we handle are undelivered after an hour, counting up to 100 for every 20 types."""
    created = {"lte": int((now - timedelta(seconds=UNDELIVERED_SECONDS)).timestamp())}
    types = registry.handled_types()
    return sum(
        len(run(gateway.read_page("/v1/events", created=created, types=some, delivery_success="false"))[0])
        for some in (types[first : first + MAX_TYPES] for first in range(0, len(types), MAX_TYPES))
    )
