"""Sets up the webhook endpoint at Stripe: the right address, the right events, the pinned API version.

The version of an endpoint cannot be changed, so a new one takes two endpoints: the new one is created beside the old
(``upgrade``; both deliver, and the inbox takes each event once), its secret is added to STRIPE_WEBHOOK_SECRETS and
deployed, and then the old one is disabled (``finish``). https://docs.stripe.com/webhooks/versioning
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.urls import NoReverseMatch, reverse

from django_checkout import account_gateway, inbox
from django_checkout.conf import conf
from django_checkout.exceptions import EndpointError
from django_checkout.gateway import API_VERSION

Json = Mapping[str, Any]

DESCRIPTION = "django_checkout"
ALL_EVENTS = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """What was done, or in a dry run would be; ``secret`` is told once, when an endpoint is created."""

    url: str
    endpoint_id: str
    steps: tuple[str, ...]
    #: What is left for a person.
    notes: tuple[str, ...] = ()
    secret: str = ""


def webhook_url(url: str = "") -> str:
    """Return where Stripe should deliver: the given address, or the site's own; with the slash of our path.

    Raises:
        EndpointError: it is not known, or not one that Stripe delivers to.
    """
    try:
        path = reverse("django_checkout:webhook")
    except NoReverseMatch as error:
        if not url:
            raise EndpointError("Include django_checkout.urls in your URLs, or give --url.") from error
        path = ""
    if url and path and urlsplit(url).path + "/" == path:
        url += "/"
    if not url:
        if not conf.CHECKOUT_BASE_URL:
            raise EndpointError("Set CHECKOUT_BASE_URL, or give --url.")
        url = f"{conf.CHECKOUT_BASE_URL}{path}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EndpointError(f"{url} is not an absolute address.")
    if conf.livemode and parts.scheme != "https":
        raise EndpointError(f"{url} is not https, and Stripe delivers live events to nothing else.")
    return url


def ours(endpoints: Sequence[Json], url: str) -> list[Json]:
    """Return the endpoints that deliver to an address, with or without its last slash, the newest first.

    ``is_exact`` says which deliver to the very address: Django answers the others with a redirect, and Stripe follows
    none (https://docs.stripe.com/webhooks#fix-http-status-codes).
    """
    return [endpoint for endpoint in endpoints if endpoint["url"].rstrip("/") == url.rstrip("/")]


def is_exact(endpoint: Json, url: str) -> bool:
    """Whether an endpoint delivers to the very address."""
    return bool(endpoint["url"] == url)


def missing_events(endpoint: Json) -> list[str]:
    """Return the types of event that we handle and an endpoint is not told of."""
    enabled = set(endpoint["enabled_events"])
    return [] if ALL_EVENTS in enabled else [name for name in inbox.handled_types() if name not in enabled]


def spare_events(endpoint: Json) -> list[str]:
    """Return the types of event that an endpoint is told of and we do not handle."""
    return sorted(set(endpoint["enabled_events"]) - set(inbox.handled_types()))


def set_up(url: str = "", *, is_dry: bool = False, upgrade: bool = False, finish: bool = False) -> SetUp:
    """Create the endpoint, or bring the one that there is up to date; doing it again changes nothing.

    Must run outside transactions.

    Raises:
        EndpointError: the endpoint has another API version, and neither ``upgrade`` nor ``finish`` was asked for.
    """
    url = webhook_url(url)
    known = ours(account_gateway.list_endpoints(), url)
    current = [endpoint for endpoint in known if endpoint["api_version"] == API_VERSION]
    # One that delivers already is brought up to date rather than one that does not.
    current.sort(key=lambda endpoint: (_is_disabled(endpoint), not is_exact(endpoint, url)))
    others = [endpoint for endpoint in known if endpoint not in current[:1] and not _is_disabled(endpoint)]
    if finish:
        return _finish(url, current, others, is_dry=is_dry)
    if current:
        return _update(url, current[0], others, is_dry=is_dry)
    if others and not upgrade:
        version = others[0]["api_version"] or "the account's default"
        raise EndpointError(
            f"The endpoint {others[0]['id']} has API version {version}, not {API_VERSION}, and that cannot be changed: "
            "run it with --upgrade to create a second one, deploy its secret, then run it with --finish-upgrade."
        )
    return _create(url, others, is_dry=is_dry)


def _create(url: str, others: Sequence[Json], *, is_dry: bool) -> SetUp:
    events = inbox.handled_types()
    steps = (f"create an endpoint for {len(events)} types of event, API version {API_VERSION}",)
    notes = []
    if others:
        notes.append("Until the new secret is deployed, the new endpoint's deliveries are refused, and tried again.")
        notes.append(f"When it is deployed, run it with --finish-upgrade: that disables {_ids(others)}.")
    if is_dry:
        return SetUp(url=url, endpoint_id="", steps=steps, notes=tuple(notes))
    made = account_gateway.create_endpoint(url, events, description=DESCRIPTION)
    return SetUp(url=url, endpoint_id=made["id"], steps=steps, notes=tuple(notes), secret=made.get("secret") or "")


def _update(url: str, endpoint: Json, others: Sequence[Json], *, is_dry: bool) -> SetUp:
    changes: dict[str, Any] = {}
    steps = []
    missing, spare = missing_events(endpoint), spare_events(endpoint)
    if missing or (spare and spare != [ALL_EVENTS]):
        changes["enabled_events"] = inbox.handled_types()
        steps += [f"add {', '.join(missing)}"] if missing else []
        steps += [f"leave out {', '.join(spare)}"] if spare else []
    if not is_exact(endpoint, url):
        changes["url"] = url
        steps.append(f"correct its address, which is {endpoint['url']}")
    if _is_disabled(endpoint):
        changes["disabled"] = False
        steps.append("enable it")
    if changes and not is_dry:
        account_gateway.update_endpoint(endpoint["id"], **changes)
    notes = [f"Also enabled for this address: {_ids(others)}; --finish-upgrade disables them."] if others else []
    if not conf.STRIPE_WEBHOOK_SECRETS:
        notes.append("STRIPE_WEBHOOK_SECRETS is empty: copy the endpoint's secret from Stripe's dashboard.")
    return SetUp(url=url, endpoint_id=endpoint["id"], steps=tuple(steps), notes=tuple(notes))


def _finish(url: str, current: Sequence[Json], others: Sequence[Json], *, is_dry: bool) -> SetUp:
    if not current or _is_disabled(current[0]):
        raise EndpointError(f"No endpoint with API version {API_VERSION} is enabled for {url}: run it with --upgrade.")
    for endpoint in others:
        if not is_dry:
            account_gateway.update_endpoint(endpoint["id"], disabled=True)
    steps = tuple(f"disable {endpoint['id']} (API version {endpoint['api_version']})" for endpoint in others)
    notes = ("Its secret can be taken out of STRIPE_WEBHOOK_SECRETS in an hour or so.",) if others else ()
    return SetUp(url=url, endpoint_id=current[0]["id"], steps=steps, notes=notes)


def _is_disabled(endpoint: Json) -> bool:
    return bool(endpoint["status"] != "enabled")


def _ids(endpoints: Sequence[Json]) -> str:
    return ", ".join(endpoint["id"] for endpoint in endpoints)
