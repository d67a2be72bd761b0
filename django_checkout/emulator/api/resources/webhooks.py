"""Webhook endpoints."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import urlsplit

from django_checkout.emulator.api.calls import Call, Route, list_kind, retrieve
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.event_types import EVENT_TYPES
from django_checkout.emulator.reference.versions import KNOWN
from django_checkout.emulator.state.state import TARGET, State

KIND = "webhook_endpoint"
MAX_ENDPOINTS = 16
MAX_OVERLAP_SECONDS = 24 * 3600
CONFIGURED_ID = "we_configured"


def configure(
    state: State, url: str, secret: str, enabled_events: tuple[str, ...] = ("*",), version: str | None = None
) -> Doc:
    """Store the configured endpoint, which the API does not list. Without a URL an existing one is kept."""
    known = state.store.find(CONFIGURED_ID)
    if known and not url:
        return known
    target = {
        "id": CONFIGURED_ID,
        "object": TARGET,
        "api_version": version,
        "enabled_events": list(enabled_events),
        "secret": secret,
        "status": "enabled",
        "url": url,
    }
    return state.store.save(target) if known else state.store.insert(target)


def create(call: Call) -> Doc:
    """POST /v1/webhook_endpoints. Only this response contains the secret."""
    state, params = call.state, call.params
    _check(params)
    if len(state.store.select(KIND)) >= MAX_ENDPOINTS:
        raise ApiError(f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.")
    endpoint = state.new(
        KIND,
        api_version=params.get("api_version"),
        application=None,
        description=params.get("description") or None,
        enabled_events=params["enabled_events"],
        metadata=params.get("metadata") or {},
        status="enabled",
        url=params["url"],
    )
    endpoint["_secret"] = f"whsec_{random_text(32)}"
    state.store.insert(endpoint)
    return {**endpoint, "secret": endpoint["_secret"]}


def update(call: Call) -> Doc:
    """POST /v1/webhook_endpoints/:webhook_endpoint."""
    endpoint, params = call.target(KIND), call.params
    _check(params)
    changes = call.changes(endpoint, "enabled_events", "url", "description")
    if "disabled" in params:
        set_status(call.state, endpoint, "disabled" if params["disabled"] else "enabled")
    return call.state.update(endpoint, **changes)


def set_status(state: State, endpoint: Doc, status: str) -> Doc:
    """Enable or disable an endpoint. One that is enabled again counts as if it had never failed."""
    return state.update(endpoint, status=status, _failing_since=None)


def roll_secret(state: State, endpoint: Doc, secret: str = "", *, overlap_seconds: int = 0) -> str:
    """Replace an endpoint's signing secret, as the dashboard does; the old one signs as well for up to 24 hours."""
    if not 0 <= overlap_seconds <= MAX_OVERLAP_SECONDS:
        raise ApiError("The old secret can be kept for at most 24 hours.")
    name = "secret" if endpoint["object"] == TARGET else "_secret"
    secret = secret or f"whsec_{random_text(32)}"
    until = state.clock.now() + overlap_seconds
    state.update(endpoint, **{name: secret, "_old_secret": endpoint[name], "_old_secret_until": until})
    return secret


def secrets_of(endpoint: Doc, now: int) -> list[str]:
    """Return the secrets that sign the events of an endpoint."""
    old = [endpoint["_old_secret"]] if endpoint.get("_old_secret_until", 0) > now else []
    return [endpoint.get("secret") or endpoint.get("_secret") or "", *old]


def delete(call: Call) -> Doc:
    """DELETE /v1/webhook_endpoints/:webhook_endpoint."""
    endpoint = call.target(KIND)
    call.state.store.delete(endpoint["id"])
    return {"id": endpoint["id"], "object": KIND, "deleted": True}


def _check(params: Doc) -> None:
    if "url" in params:
        check_url(params["url"])
    for index, name in enumerate(params.get("enabled_events", ())):
        if name != "*" and name.removeprefix("v1.") not in EVENT_TYPES:
            raise ApiError(f"Invalid enabled_events: unknown event {name}", param=f"enabled_events[{index}]")
    if "api_version" in params and params["api_version"] not in KNOWN:
        raise ApiError(f"Invalid api_version: {params['api_version']}", param="api_version")


def check_url(url: str, param: str = "url") -> None:
    """Raise Stripe's error for the URL of an endpoint that is not one."""
    if not url.startswith(("http://", "https://")):
        message = "Invalid URL: An explicit scheme (such as https) must be provided."
        raise ApiError(message, code="url_invalid", param=param)
    if not _is_plain(url):
        raise ApiError("Not a valid URL", code="url_invalid", param=param)


def _is_plain(url: str) -> bool:
    """Return whether every parser reads the same host: no user, backslash, white space or control characters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc and not re.search(r"[\\\s\x00-\x1f\x7f]", url)


ROUTES = {
    "GET /v1/webhook_endpoints": Route(partial(list_kind, "webhook_endpoint", "")),
    "POST /v1/webhook_endpoints": Route(create, "connect"),
    "GET /v1/webhook_endpoints/{webhook_endpoint}": Route(partial(retrieve, "webhook_endpoint")),
    "POST /v1/webhook_endpoints/{webhook_endpoint}": Route(update),
    "DELETE /v1/webhook_endpoints/{webhook_endpoint}": Route(delete),
}
