"""Events, snapshot and thin."""

from __future__ import annotations

from datetime import UTC, datetime

from django_checkout.emulator.api.calls import Call, Route, list_objects, list_page
from django_checkout.emulator.api.resources.pricing import one_of
from django_checkout.emulator.messages import ApiError, Doc, missing_object

MAX_TYPES = 20
RETENTION_SECONDS = 30 * 24 * 3600
THIN_PREFIX = "evt_test_"
#: The event of the second API that tests a destination, and the type of such events in the store.
PING, OWN = "v2.core.event_destination.ping", "_v2_event"


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
    return list_objects(call, "event", (), where, since=call.state.clock.now() - RETENTION_SECONDS)


def retrieve_event(call: Call) -> Doc:
    """GET /v1/events/:id."""
    event = call.target("event")
    if event["created"] < call.state.clock.now() - RETENTION_SECONDS:
        raise missing_object("event", event["id"], status=404)
    return event


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
        "type": event["type"] if event["type"] == PING else f"v1.{event['type']}",
        "created": timestamp(event["created"]),
        "livemode": event["livemode"],
        "context": None,
        "related_object": {"id": shown.get("id", ""), "type": shown["object"], "url": object_url(shown)},
    }


def timestamp(seconds: int) -> str:
    """Return a time as the second API writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def list_thin(call: Call) -> Doc:
    """GET /v2/core/events, newest first."""
    store, params = call.state.store, call.params
    where: Doc = {"data.object.id": params["object_id"]} if "object_id" in params else {}
    names = params.get("types", ())
    if len(names) > MAX_TYPES:
        raise ApiError(f"You may only specify up to {MAX_TYPES} types.", param="types")
    if names:
        where["type"] = [name.removeprefix("v1.") for name in names]
    since = {"created": {"gte": call.state.clock.now() - RETENTION_SECONDS}}
    found = [event for kind in ("event", OWN) for event in store.select(kind, where, ranges=since)]
    return list_page(call, sorted(found, key=lambda event: -event["created"]), _whole)


def retrieve_thin(call: Call) -> Doc:
    """GET /v2/core/events/:id."""
    event_id = call.ids["id"].replace(THIN_PREFIX, "evt_")
    return _whole(call.state.store.find(event_id, OWN) or call.state.get("event", event_id, status=404))


def _whole(event: Doc) -> Doc:
    request = event["request"]
    reason = {"type": "request", "request": request} if request["id"] else None
    found = {**thin(event), "reason": reason}
    if event["object"] != OWN:
        found["snapshot_event"] = event["id"]
    if previous := event["data"].get("previous_attributes"):
        after = {name: event["data"]["object"].get(name) for name in previous}
        found["changes"] = {"before": previous, "after": after}
    return found


def object_url(document: Doc) -> str:
    """Return the API path of an object."""
    kind: str = document["object"]
    if kind == "balance":
        return "/v1/balance"
    if kind == "cash_balance":
        return f"/v1/customers/{document['customer']}/cash_balance"
    if kind.startswith("v2."):
        return f"/{kind.replace('.', '/')}s/{document['id']}"
    path = {"checkout.session": "checkout/sessions", "radar.early_fraud_warning": "radar/early_fraud_warnings"}
    path["billing_portal.configuration"] = "billing_portal/configurations"
    path["test_helpers.test_clock"] = "test_helpers/test_clocks"
    return f"/v1/{path.get(kind, kind + 's')}/{document['id']}"


ROUTES = {
    "GET /v1/events": Route(list_events),
    "GET /v1/events/{id}": Route(retrieve_event),
    "GET /v2/core/events": Route(list_thin, "created"),
    "GET /v2/core/events/{id}": Route(retrieve_thin),
}
