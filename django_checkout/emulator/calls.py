"""What an endpoint is given, and the answers that endpoints share: lists, deletions, metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .messages import ApiError, Doc
from .world import World

DEFAULT_LIMIT = 10
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the API whose parameters have been read and checked for form."""

    world: World
    path: str
    base_url: str
    ids: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)


def list_of(data: list[Doc], url: str, *, has_more: bool = False) -> Doc:
    """Return a list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def page_limit(call: Call) -> int:
    """Return how many objects a page is to hold."""
    limit: int = call.params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise ApiError("Invalid limit: must be between 1 and 100", code="parameter_invalid_integer", param="limit")
    return limit


def list_objects(call: Call, kind: str, filters: tuple[str, ...] = (), where: Doc | None = None) -> Doc:
    """Return a page of objects, newest first, by the cursors and filters of the call."""
    limit = page_limit(call)
    for cursor in ("starting_after", "ending_before"):
        if cursor in call.params:
            call.world.get(kind, call.params[cursor], cursor)
    chosen = {name: call.params[name] for name in filters if name in call.params}
    found = call.world.store.select(
        kind,
        {**chosen, **(where or {})},
        ranges={"created": call.params["created"]} if "created" in call.params else None,
        after=call.params.get("starting_after"),
        before=call.params.get("ending_before"),
        limit=limit + 1,
    )
    return _page(call, found, limit)


def list_values(call: Call, documents: list[Doc]) -> Doc:
    """Return a page of objects that are not kept on their own, in their order."""
    limit = page_limit(call)
    ids = [document["id"] for document in documents]
    start, end = 0, len(ids)
    try:
        if "starting_after" in call.params:
            start = ids.index(call.params["starting_after"]) + 1
        if "ending_before" in call.params:
            end = ids.index(call.params["ending_before"])
            start = max(start, end - limit)
    except ValueError:
        raise ApiError("Invalid cursor", code="resource_missing", param="starting_after") from None
    has_more = start > 0 if "ending_before" in call.params else end - start > limit
    return list_of(documents[start:end][:limit], call.path, has_more=has_more)


def _page(call: Call, found: list[Doc], limit: int) -> Doc:
    has_more = len(found) > limit
    if has_more and "ending_before" in call.params and "starting_after" not in call.params:
        found = found[1:]
    return list_of(found[:limit], call.path, has_more=has_more)


def merged_metadata(current: Doc, change: object) -> Doc:
    """Return metadata after an update: empty values unset their key, an empty whole unsets all."""
    if change == "":
        return {}
    if not isinstance(change, dict):
        return current
    merged = {**current, **change}
    return {key: value for key, value in merged.items() if value != ""}
