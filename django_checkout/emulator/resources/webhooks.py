"""Webhook endpoints: where events are sent."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..calls import Call, list_objects, merged_metadata
from ..ids import random_text
from ..messages import API_VERSION, ApiError, Doc
from ..world import TARGET, World

KIND = "webhook_endpoint"
MAX_ENDPOINTS = 16
CONFIGURED_ID = "we_configured"


def configure(world: World, url: str, secret: str, enabled_events: tuple[str, ...] = ("*",)) -> Doc:
    """Set the endpoint that the API does not list; without a URL, one that is known already keeps its own."""
    known = world.store.find(CONFIGURED_ID)
    if known and not url:
        return known
    target = {
        "id": CONFIGURED_ID,
        "object": TARGET,
        "api_version": None,
        "enabled_events": list(enabled_events),
        "secret": secret,
        "status": "enabled",
        "url": url,
    }
    return world.store.save(target) if known else world.store.insert(target)


def create(call: Call) -> Doc:
    """POST /v1/webhook_endpoints; the only answer that shows the secret."""
    world, params = call.world, call.params
    _check(params)
    if len(world.store.select(KIND)) >= MAX_ENDPOINTS:
        raise ApiError(f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.")
    endpoint = world.new(
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
    world.store.insert(endpoint)
    return {**endpoint, "secret": endpoint["_secret"]}


def retrieve(call: Call) -> Doc:
    """GET /v1/webhook_endpoints/:webhook_endpoint."""
    return call.world.get(KIND, call.ids["webhook_endpoint"], "webhook_endpoint")


def list_endpoints(call: Call) -> Doc:
    """GET /v1/webhook_endpoints."""
    return list_objects(call, KIND)


def update(call: Call) -> Doc:
    """POST /v1/webhook_endpoints/:webhook_endpoint."""
    endpoint, params = retrieve(call), call.params
    _check(params)
    for name in ("enabled_events", "url", "description"):
        if name in params:
            endpoint[name] = params[name] or None
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    if "metadata" in params:
        endpoint["metadata"] = merged_metadata(endpoint["metadata"], params["metadata"])
    return call.world.store.save(endpoint)


def delete(call: Call) -> Doc:
    """DELETE /v1/webhook_endpoints/:webhook_endpoint."""
    endpoint = retrieve(call)
    call.world.store.delete(endpoint["id"])
    return {"id": endpoint["id"], "object": KIND, "deleted": True}


def _check(params: Doc) -> None:
    if "url" in params and not params["url"].startswith(("http://", "https://")):
        raise ApiError(
            "Invalid URL: An explicit scheme (such as https) must be provided.", code="url_invalid", param="url"
        )
    if "url" in params and not _is_plain(params["url"]):
        raise ApiError("Not a valid URL", code="url_invalid", param="url")
    for name in params.get("enabled_events", ()):
        if not re.fullmatch(r"\*|[a-z0-9_]+(\.[a-z0-9_*]+)+", name):
            raise ApiError(f"Invalid enabled_events: unknown event {name}", param="enabled_events")
    if "api_version" in params and not re.fullmatch(r"\d{4}-\d\d-\d\d(\.[a-z]+)?", params["api_version"]):
        raise ApiError(f"Invalid api_version; the latest is {API_VERSION}", param="api_version")


def _is_plain(url: str) -> bool:
    """Whether every parser reads the same host: no user, no backslash, no blanks or control characters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc and not re.search(r"[\\\s\x00-\x1f\x7f]", url)
