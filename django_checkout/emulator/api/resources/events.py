"""Events, snapshot and thin."""

from __future__ import annotations

from datetime import UTC, datetime

from django_checkout.emulator.api.calls import Call, list_objects
from django_checkout.emulator.api.resources.catalog import one_of
from django_checkout.emulator.messages import ApiError, Doc

MAX_TYPES = 20
THIN_PREFIX = "evt_test_"


def list_events(call: Call) -> Doc:
    """GET /v1/events."""
    params = call.params
    if "type" in params and "types" in params:
        raise one_of("type", "types")
    where: Doc = {}
    if len(params.get("types", ())) > MAX_TYPES:
        raise ApiError(f"You may only specify up to {MAX_TYPES} types.", param="types")
    if "types" in params:
        where["type"] = params["types"]
    if "type" in params:
        where["type"] = _expanded(call, params["type"])
    if "delivery_success" in params:
        where["_is_delivered"] = params["delivery_success"]
    return list_objects(call, "event", (), where)


def _expanded(call: Call, pattern: str) -> list[str]:
    if "*" not in pattern:
        return [pattern]
    return call.state.store.distinct("event", "type", pattern)


def thin(event: Doc) -> Doc:
    """Return the thin event of an event: type and object id, without content."""
    shown = event["data"]["object"]
    return {
        "id": event["id"].replace("evt_", THIN_PREFIX),
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "created": datetime.fromtimestamp(event["created"], UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "livemode": event["livemode"],
        "context": None,
        "related_object": {"id": shown["id"], "type": shown["object"], "url": object_url(shown)},
    }


def retrieve_thin(call: Call) -> Doc:
    """GET /v2/core/events/:id."""
    event = call.state.get("event", call.ids["id"].replace(THIN_PREFIX, "evt_"))
    request = event["request"]
    reason = {"type": "request", "request": request} if request["id"] else None
    return {**thin(event), "reason": reason, "data": {}}


def object_url(document: Doc) -> str:
    """Return the API path of an object."""
    kind: str = document["object"]
    path = {"checkout.session": "checkout/sessions", "radar.early_fraud_warning": "radar/early_fraud_warnings"}
    return f"/v1/{path.get(kind, kind + 's')}/{document['id']}"
