"""The calls that endpoints receive, and what endpoints share: lists and metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.state.state import State

DEFAULT_LIMIT = 10
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An API call with typed parameters."""

    state: State
    path: str
    base_url: str
    ids: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)

    def target(self, kind: str, param: str = "") -> Doc:
        """Return the object whose id is in the path. Errors name ``param``, by default as the path does."""
        ((name, object_id),) = self.ids.items()
        return self.state.get(kind, object_id, param or name)

    def changes(self, document: Doc, *names: str) -> Doc:
        """Return the given parameters as changes of ``document``: "" as None, metadata merged."""
        sent = {name: self.params[name] for name in names if name in self.params}
        changes: Doc = {name: None if value == "" else value for name, value in sent.items()}
        if "metadata" in self.params:
            changes["metadata"] = merged_metadata(document["metadata"], self.params["metadata"])
        return changes


def retrieve(kind: str, call: Call, *, param: str = "") -> Doc:
    """Return the object of a route such as ``GET /v1/charges/:charge``."""
    return call.target(kind, param)


def list_kind(kind: str, filters: str, call: Call) -> Doc:
    """Return the page of a route such as ``GET /v1/charges``.

    ``filters`` are the names of parameters, each with the field that it filters if that has another name: ``ids=id``.
    """
    fields = {item.partition("=")[0]: item.rpartition("=")[2] for item in filters.split()}
    return list_objects(call, kind, where={fields[name]: call.params[name] for name in fields if name in call.params})


def list_of(data: list[Doc], url: str, *, has_more: bool = False) -> Doc:
    """Return a list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def page_limit(call: Call) -> int:
    """Return the size of a page."""
    limit: int = call.params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise ApiError("Invalid limit: must be between 1 and 100", code="parameter_invalid_integer", param="limit")
    return limit


def list_objects(call: Call, kind: str, filters: tuple[str, ...] = (), where: Doc | None = None) -> Doc:
    """Return a page of objects, newest first, with the cursors and filters of the call."""
    limit = page_limit(call)
    for cursor in ("starting_after", "ending_before"):
        if cursor in call.params:
            call.state.get(kind, call.params[cursor], cursor)
    chosen = {name: call.params[name] for name in filters if name in call.params}
    found = call.state.store.select(
        kind,
        {**chosen, **(where or {})},
        ranges={"created": call.params["created"]} if "created" in call.params else None,
        after=call.params.get("starting_after"),
        before=call.params.get("ending_before"),
        limit=limit + 1,
    )
    return _page(call, found, limit)


def list_values(call: Call, documents: list[Doc]) -> Doc:
    """Return a page of objects that are part of another one, in their order."""
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
    """Return metadata after an update. Empty values unset their key; "" unsets all."""
    if change == "":
        return {}
    if not isinstance(change, dict):
        return current
    merged = {**current, **change}
    return {key: value for key, value in merged.items() if value != ""}
