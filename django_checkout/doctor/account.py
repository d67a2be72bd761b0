"""Examines what Stripe says: of our key, of the time, of the endpoint compared with what we need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django_checkout import account_gateway, endpoints, inbox
from django_checkout.conf import STRIPE_API_BASE, conf
from django_checkout.doctor.findings import Finding, Severity, new
from django_checkout.exceptions import EndpointError, StripeCredentialsError, StripeError
from django_checkout.gateway import API_VERSION, read_page

#: Every list that we read; a restricted key must be allowed to.
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
#: Differences of the clocks, in seconds: from here it is worth telling.
SKEW_SECONDS = 30
#: Deliveries may take a while, and are tried again; these have not arrived for longer.
UNDELIVERED_SECONDS = 3600
#: How many types of event one list may ask for: https://docs.stripe.com/api/events/list.
MAX_TYPES = 20
_SETUP = "manage.py checkout_setup_webhook"
_KEY = "Copy a valid key from https://dashboard.stripe.com/apikeys into STRIPE_SECRET_KEY"


def examine_account(now: datetime) -> Iterator[Finding]:
    """Ask Stripe who we are and what we may read, and compare the clocks."""
    try:
        account, server_time = account_gateway.retrieve_account()
    except StripeCredentialsError as error:
        if error.is_revoked:
            yield new("key_refused", Severity.ERROR, str(error), _KEY)
            return
        account, server_time = {}, None
    except StripeError as error:
        yield new("silence", Severity.ERROR, str(error), "Try again; see https://status.stripe.com")
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
            account_gateway.try_list(path)
        except StripeCredentialsError as error:
            yield new("permission", Severity.ERROR, f"{path}: {error}", "Let the restricted key read it")
        except StripeError as error:
            yield new("silence", Severity.WARNING, f"{path}: {error}", "Try again; see https://status.stripe.com")


def _compare_clocks(server_time: datetime, now: datetime) -> Iterator[Finding]:
    skew = (now - server_time).total_seconds()
    if abs(skew) < SKEW_SECONDS:
        return
    tolerance = conf.CHECKOUT_WEBHOOK_TOLERANCE_SECONDS
    is_bad = abs(skew) >= tolerance
    effect = "every webhook is refused" if is_bad else f"webhooks are refused from {tolerance} seconds on"
    ahead = "ahead of" if skew > 0 else "behind"
    message = f"This machine's clock is {abs(skew):.0f} seconds {ahead} Stripe's; {effect}."
    yield new("clock", Severity.ERROR if is_bad else Severity.WARNING, message, "timedatectl set-ntp true")


def examine_endpoints(url: str, now: datetime) -> Iterator[Finding]:
    """Compare the endpoint at Stripe with what we need: address, events, version, duplicates, disabled, undelivered."""
    if conf.CHECKOUT_EMULATOR and conf.STRIPE_API_BASE != STRIPE_API_BASE:
        message = "Payments go to the emulator, which delivers its events by itself."
        yield new("emulated", Severity.INFO, message, "Leave STRIPE_API_BASE and CHECKOUT_EMULATOR out to use Stripe")
        return
    try:
        url = endpoints.webhook_url(url)
    except EndpointError as error:
        yield new("no_address", Severity.ERROR, str(error), "Set CHECKOUT_BASE_URL, and run this again")
        return
    try:
        known = endpoints.ours(account_gateway.list_endpoints(), url)
        undelivered = _count_undelivered(now)
    except StripeCredentialsError:
        # Said already, with the permission that lacks.
        return
    except StripeError as error:
        yield new("silence", Severity.WARNING, str(error), "Try again; see https://status.stripe.com")
        return
    enabled = [endpoint for endpoint in known if endpoint["status"] == "enabled"]
    if not known:
        yield new("no_endpoint", Severity.ERROR, f"No endpoint at Stripe delivers to {url}.", _SETUP)
    elif not enabled:
        yield new("disabled", Severity.ERROR, f"The endpoint {known[0]['id']} is disabled.", _SETUP)
    enabled.sort(key=lambda endpoint: not endpoints.is_exact(endpoint, url))
    for endpoint in enabled[:1]:
        yield from _compare_endpoint(endpoint)
        if not endpoints.is_exact(endpoint, url):
            message = f"The endpoint {endpoint['id']} delivers to {endpoint['url']}, which redirects to {url}."
            yield new("address", Severity.ERROR, message, _SETUP)
    if len(enabled) > 1:
        ids = ", ".join(endpoint["id"] for endpoint in enabled)
        message = f"{len(enabled)} endpoints deliver to {url}: {ids}. Each event arrives more than once."
        yield new("duplicates", Severity.WARNING, message, f"{_SETUP} --finish-upgrade")
    if undelivered:
        message = f"Stripe could not deliver {undelivered} events that are older than an hour."
        yield new("undelivered", Severity.ERROR, message, "manage.py checkout_reconcile --missed-events")


def _compare_endpoint(endpoint: Mapping[str, Any]) -> Iterator[Finding]:
    missing, spare = endpoints.missing_events(endpoint), endpoints.spare_events(endpoint)
    if missing:
        message = f"The endpoint {endpoint['id']} is not told of: {', '.join(missing)}."
        yield new("events", Severity.ERROR, message, _SETUP)
    if spare:
        message = f"The endpoint {endpoint['id']} is told of what is not handled here: {', '.join(spare)}."
        yield new("spare_events", Severity.INFO, message, _SETUP)
    if endpoint["api_version"] != API_VERSION:
        version = endpoint["api_version"] or "the account's default"
        message = f"The endpoint {endpoint['id']} renders events in API version {version}, not {API_VERSION}."
        yield new("version", Severity.WARNING, message, f"{_SETUP} --upgrade")


def _count_undelivered(now: datetime) -> int:
    """Return how many events of our types have not been delivered for an hour, up to a hundred of twenty types."""
    created = {"lte": int((now - timedelta(seconds=UNDELIVERED_SECONDS)).timestamp())}
    types = inbox.handled_types()
    return sum(
        len(read_page("/v1/events", created=created, types=some, delivery_success="false")[0])
        for some in (types[first : first + MAX_TYPES] for first in range(0, len(types), MAX_TYPES))
    )
