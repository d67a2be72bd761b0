"""Sets up the webhook endpoint at Stripe: its URL, its event types and the pinned API version.

An endpoint's API version cannot be changed. An upgrade therefore creates a second endpoint (``upgrade``); both deliver
and each event is processed once. After its secret is added to STRIPE_WEBHOOK_SECRETS and deployed, the old endpoint is
disabled (``finish``). https://docs.stripe.com/webhooks/versioning
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from django_checkout.conf import conf
from django_checkout.exceptions import EndpointError, StripeError
from django_checkout.stripe_api import observations, webhook_endpoints
from django_checkout.stripe_api.steps import run
from django_checkout.webhooks import proof
from django_checkout.webhooks.proof import ALL_EVENTS
from django_checkout.webhooks.registry import handled_types

Json = Mapping[str, Any]

DESCRIPTION = "django_checkout"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """What was changed, or would be in a dry run; Stripe returns ``secret`` only when an endpoint is created."""

    url: str
    endpoint_id: str
    steps: tuple[str, ...]
    #: What the operator has to do next.
    notes: tuple[str, ...] = ()
    secret: str = ""


def webhook_url(url: str = "") -> str:
    """Return the URL that Stripe delivers to: ``url``, or the site's own; a missing trailing slash is added.

    Raises:
        EndpointError: the URL is unknown, or Stripe cannot deliver to it.
    """
    try:
        path = reverse("django_checkout:webhook")
    except NoReverseMatch as error:
        if not url:
            raise EndpointError("Include django_checkout.urls in your URLconf, or pass --url.") from error
        path = ""
    if url and path and urlsplit(url).path + "/" == path:
        url += "/"
    if not url:
        if not conf.CHECKOUT_BASE_URL:
            raise EndpointError("Set CHECKOUT_BASE_URL, or pass --url.")
        url = f"{conf.CHECKOUT_BASE_URL}{path}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EndpointError(f"{url} is not an absolute URL.")
    if conf.livemode and parts.scheme != "https":
        raise EndpointError(f"{url} is not https, which Stripe requires in live mode.")
    return url


def endpoints_for(endpoints: Sequence[Json], url: str) -> list[Json]:
    """Return the endpoints that deliver to a URL, with or without its trailing slash, the newest first."""
    return [endpoint for endpoint in endpoints if endpoint["url"].rstrip("/") == url.rstrip("/")]


def is_exact(endpoint: Json, url: str) -> bool:
    """Whether an endpoint has exactly this URL; otherwise Django redirects, which Stripe does not follow.

    https://docs.stripe.com/webhooks#fix-http-status-codes
    """
    return bool(endpoint["url"] == url)


def missing_events(endpoint: Json) -> list[str]:
    """Return the event types that are handled here and that an endpoint is not subscribed to."""
    enabled = set(endpoint["enabled_events"])
    return [] if ALL_EVENTS in enabled else [name for name in handled_types() if name not in enabled]


def extra_events(endpoint: Json) -> list[str]:
    """Return the event types that an endpoint is subscribed to and that are not handled here."""
    return sorted(set(endpoint["enabled_events"]) - set(handled_types()))


def set_up(url: str = "", *, is_dry: bool = False, upgrade: bool = False, finish: bool = False) -> SetUp:
    """Create the endpoint or update the existing one; safe to repeat. Must run outside transactions.

    Raises:
        EndpointError: the endpoint has another API version, and neither ``upgrade`` nor ``finish`` is set; or with
            ``finish``, no delivery of the new endpoint has been verified.
        Error: the database could not store which secret a new endpoint has.
    """
    url = webhook_url(url)
    observations.check_writable()
    known = endpoints_for(run(webhook_endpoints.list_endpoints()), url)
    current, others = divide(known, url)
    if finish:
        return _finish(url, current, others, is_dry=is_dry)
    if current:
        return _update(url, current, others, is_dry=is_dry)
    if others and not upgrade:
        version = others[0]["api_version"] or "the account's default"
        raise EndpointError(
            f"The endpoint {others[0]['id']} has API version {version}, not {conf.CHECKOUT_API_VERSION}, and it cannot "
            "be changed. Pass --upgrade to create a second one, deploy its secret, then pass --finish-upgrade."
        )
    return _create(url, others, is_dry=is_dry)


def divide(known: Sequence[Json], url: str) -> tuple[Json | None, list[Json]]:
    """Return the endpoint with the pinned API version that is kept, and the other ones that are enabled."""
    current = [endpoint for endpoint in known if endpoint["api_version"] == conf.CHECKOUT_API_VERSION]
    # Prefer an endpoint that already delivers, then one whose deliveries verify here.
    enabled = [endpoint for endpoint in known if not _is_disabled(endpoint)]

    def rank(endpoint: Json) -> tuple[bool, bool, bool]:
        is_proven = proof.find_last_delivery(endpoint, [one for one in enabled if one is not endpoint]) is not None
        return _is_disabled(endpoint), not is_proven, not is_exact(endpoint, url)

    kept = min(current, key=rank) if len(current) > 1 else next(iter(current), None)
    return kept, [endpoint for endpoint in enabled if endpoint is not kept]


def look() -> None:
    """Read the site's endpoints and record whether one is enabled, for the alert; nothing is raised."""
    with suppress(EndpointError, StripeError):
        url, began_at = webhook_url(), timezone.now()
        proof.record_status(endpoints_for(run(webhook_endpoints.list_endpoints()), url), began_at=began_at)


def _create(url: str, others: Sequence[Json], *, is_dry: bool) -> SetUp:
    events = handled_types()
    steps = (f"create an endpoint for {len(events)} event types, API version {conf.CHECKOUT_API_VERSION}",)
    notes = []
    if others:
        notes.append("Until you deploy the new secret, deliveries from the new endpoint fail and Stripe retries them.")
        notes.append(
            "After a delivery from it was verified, run this command with --finish-upgrade: "
            f"it disables {_ids(others)}."
        )
    if is_dry:
        return SetUp(url=url, endpoint_id="", steps=steps, notes=tuple(notes))
    began_at = timezone.now()
    made = run(webhook_endpoints.create_endpoint(url, events, description=DESCRIPTION))
    secret = made.get("secret") or ""
    proof.record_created(made["id"], secret)
    proof.record_status([made], began_at=began_at)
    return SetUp(url=url, endpoint_id=made["id"], steps=steps, notes=tuple(notes), secret=secret)


def _update(url: str, endpoint: Json, others: Sequence[Json], *, is_dry: bool) -> SetUp:
    changes: dict[str, Any] = {}
    steps = []
    missing, extra = missing_events(endpoint), extra_events(endpoint)
    if missing or (extra and extra != [ALL_EVENTS]):
        changes["enabled_events"] = handled_types()
        steps += [f"add {', '.join(missing)}"] if missing else []
        steps += [f"remove {', '.join(extra)}"] if extra else []
    if not is_exact(endpoint, url):
        changes["url"] = url
        steps.append(f"change the URL from {endpoint['url']}")
    if _is_disabled(endpoint):
        changes["disabled"] = False
        steps.append("enable the endpoint")
    if not is_dry:
        began_at = timezone.now()
        updated = run(webhook_endpoints.update_endpoint(endpoint["id"], **changes)) if changes else endpoint
        proof.record_status([updated, *others], began_at=began_at)
    return SetUp(url=url, endpoint_id=endpoint["id"], steps=tuple(steps), notes=tuple(_notes(endpoint, others)))


def _notes(endpoint: Json, others: Sequence[Json]) -> Iterator[str]:
    if others:
        problem = proof.finish_problem(endpoint, others)
        yield f"Also enabled for this URL: {_ids(others)}. {problem or '--finish-upgrade disables them'}."
    elif proof.find_last_delivery(endpoint) is None:
        yield (
            "No delivery of this endpoint has been verified here yet. Its signing secret must be in "
            f"STRIPE_WEBHOOK_SECRETS; it is shown at https://dashboard.stripe.com/webhooks/{endpoint['id']}."
        )
    if not conf.STRIPE_WEBHOOK_SECRETS:
        yield "STRIPE_WEBHOOK_SECRETS is empty: copy the endpoint's secret from the Stripe Dashboard."


def _finish(url: str, endpoint: Json | None, others: Sequence[Json], *, is_dry: bool) -> SetUp:
    if endpoint is None or _is_disabled(endpoint):
        raise EndpointError(
            f"No endpoint with API version {conf.CHECKOUT_API_VERSION} is enabled for {url}: pass --upgrade first."
        )
    if others and (missing := missing_events(endpoint)):
        raise EndpointError(
            f"The endpoint {endpoint['id']} does not receive: {', '.join(missing)}. Run manage.py "
            "checkout_setup_webhook, which adds them, then pass --finish-upgrade."
        )
    if others and (problem := proof.finish_problem(endpoint, others)):
        raise EndpointError(f"{problem}.")
    for other in others:
        if not is_dry:
            run(webhook_endpoints.update_endpoint(other["id"], disabled=True))
    steps = tuple(f"disable {other['id']} (API version {other['api_version']})" for other in others)
    notes = (
        ("You can remove the old secret from STRIPE_WEBHOOK_SECRETS after an hour.",)
        if others
        else tuple(_notes(endpoint, others))
    )
    return SetUp(url=url, endpoint_id=endpoint["id"], steps=steps, notes=notes)


def _is_disabled(endpoint: Json) -> bool:
    return bool(endpoint["status"] != "enabled")


def _ids(endpoints: Sequence[Json]) -> str:
    return ", ".join(endpoint["id"] for endpoint in endpoints)
