"""Event destinations of the second API: https://docs.stripe.com/event-destinations."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route, list_page
from django_checkout.emulator.api.resources.events import OWN, PING, thin, timestamp
from django_checkout.emulator.api.resources.webhooks import check_url
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.event_types import EVENT_TYPES
from django_checkout.emulator.reference.versions import KNOWN
from django_checkout.emulator.state.state import DESTINATION

URL, SECRET = "webhook_endpoint.url", "webhook_endpoint.signing_secret"


def create(call: Call) -> Doc:
    """POST /v2/core/event_destinations. Only this response can contain the secret, if it is included."""
    state, params = call.state, call.params
    is_thin = params["event_payload"] == "thin"
    if is_thin and "snapshot_api_version" in params:
        raise ApiError("`snapshot_api_version` is for snapshot events only.", param="snapshot_api_version")
    if "snapshot_api_version" in params and params["snapshot_api_version"] not in KNOWN:
        raise ApiError(f"Invalid API version: {params['snapshot_api_version']}", param="snapshot_api_version")
    if "webhook_endpoint" not in params:
        raise ApiError("Missing required param: webhook_endpoint.", code="parameter_missing", param="webhook_endpoint")
    for source in params.get("events_from", ("@self",)):
        if source != "@self":
            raise ApiError(f"Invalid events_from: {source}. This account has no other accounts.", param="events_from")
    url = params["webhook_endpoint"]["url"]
    check_url(url, "webhook_endpoint[url]")
    _check_events(params["enabled_events"], is_thin=is_thin)
    destination = state.new(
        DESTINATION,
        "status_details",
        api_version=params.get("snapshot_api_version"),
        description=params.get("description", ""),
        enabled_events=params["enabled_events"],
        event_payload=params["event_payload"],
        metadata=params.get("metadata") or {},
        name=params["name"],
        status="enabled",
        type=params["type"],
        url=url,
        _secret=f"whsec_{random_text(32)}",
    )
    destination["updated"] = destination["created"]
    state.store.insert(destination)
    shown = _shown(destination, params.get("include", ()))
    if SECRET in params.get("include", ()):
        shown["webhook_endpoint"]["signing_secret"] = destination["_secret"]
    return shown


def list_all(call: Call) -> Doc:
    """GET /v2/core/event_destinations."""
    include = call.params.get("include", ())
    return list_page(call, call.state.store.select(DESTINATION), lambda found: _shown(found, include))


def retrieve(call: Call) -> Doc:
    """GET /v2/core/event_destinations/:id."""
    return _shown(call.target(DESTINATION), call.params.get("include", ()))


def update(call: Call) -> Doc:
    """POST /v2/core/event_destinations/:id."""
    destination, params = call.target(DESTINATION), call.params
    changes = call.changes(destination, "description", "enabled_events", "name")
    if "enabled_events" in params:
        _check_events(params["enabled_events"], is_thin=destination["event_payload"] == "thin")
    if "url" in params.get("webhook_endpoint", {}):
        changes["url"] = params["webhook_endpoint"]["url"]
        check_url(changes["url"], "webhook_endpoint[url]")
    return _changed(call, destination, params.get("include", ()), **changes)


def disable(call: Call) -> Doc:
    """POST /v2/core/event_destinations/:id/disable."""
    details = {"disabled": {"reason": "user"}}
    return _changed(call, call.target(DESTINATION), (), status="disabled", status_details=details)


def enable(call: Call) -> Doc:
    """POST /v2/core/event_destinations/:id/enable."""
    return _changed(call, call.target(DESTINATION), (), status="enabled", status_details=None)


def ping(call: Call) -> Doc:
    """POST /v2/core/event_destinations/:id/ping. The event is sent to this destination alone."""
    state, destination = call.state, call.target(DESTINATION)
    event = state.new(
        "event",
        api_version=None,
        data={"object": {"id": destination["id"], "object": DESTINATION}},
        pending_webhooks=1,
        request={"id": state.origin.request_id, "idempotency_key": state.origin.idempotency_key},
        type=PING,
    )
    event.update(object=OWN, _is_delivered=False)
    state.store.insert(event)
    state.queue(event, destination)
    return thin(event)


def delete(call: Call) -> Doc:
    """DELETE /v2/core/event_destinations/:id."""
    destination = call.target(DESTINATION)
    call.state.store.delete(destination["id"])
    return {"id": destination["id"], "object": DESTINATION}


def _changed(call: Call, destination: Doc, include: object, **changes: object) -> Doc:
    return _shown(call.state.update(destination, None, updated=call.state.clock.now(), **changes), include)


def _check_events(names: list[str], *, is_thin: bool) -> None:
    """Raise an error for an event type that is unknown, or that the payload does not have."""
    for index, name in enumerate(names):
        is_of_payload = name.startswith("v1.") == is_thin
        if name == "*" or (name.removeprefix("v1.") in EVENT_TYPES and is_of_payload) or (name == PING and is_thin):
            continue
        raise ApiError(f"Invalid enabled_events: unknown event {name}", param=f"enabled_events[{index}]")


def _shown(destination: Doc, include: object) -> Doc:
    names = include if isinstance(include, list) else []
    fields = "id object description enabled_events event_payload livemode metadata name status status_details type"
    endpoint: Doc = {"signing_secret": None, "url": destination["url"] if URL in names else None}
    is_thin = destination["event_payload"] == "thin"
    return {
        **{name: destination[name] for name in fields.split()},
        "created": timestamp(destination["created"]),
        "events_from": ["@self"],
        "snapshot_api_version": None if is_thin else destination["api_version"],
        "updated": timestamp(destination["updated"]),
        "webhook_endpoint": endpoint,
    }


_PATH = "/v2/core/event_destinations"
_OTHERS = "amazon_eventbridge azure_event_grid"
ROUTES = {
    f"GET {_PATH}": Route(list_all),
    f"POST {_PATH}": Route(create, _OTHERS, {"type": "webhook_endpoint"}),
    f"GET {_PATH}/{{id}}": Route(retrieve),
    f"POST {_PATH}/{{id}}": Route(update),
    f"DELETE {_PATH}/{{id}}": Route(delete),
    f"POST {_PATH}/{{id}}/disable": Route(disable),
    f"POST {_PATH}/{{id}}/enable": Route(enable),
    f"POST {_PATH}/{{id}}/ping": Route(ping),
}
