"""Routes, the calls that endpoints receive, and what endpoints share: lists and metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django_checkout.emulator.api.params import Params, plain
from django_checkout.emulator.messages import API_VERSION, ApiError, Doc, Response
from django_checkout.emulator.state.state import State

DEFAULT_LIMIT = 10
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An API call with typed parameters."""

    state: State
    path: str
    base_url: str
    version: str = API_VERSION
    #: Whether the request has the version, and not the account.
    names_version: bool = True
    ids: dict[str, str] = field(default_factory=dict)
    params: Params = field(default_factory=lambda: Params({}))

    def target(self, kind: str, param: str = "") -> Doc:
        """Return the object whose id is in the path. Errors name ``param``, by default as the path does."""
        ((name, object_id),) = self.ids.items()
        return self.state.get(kind, object_id, param or name, status=404)

    def changes(self, document: Doc, *names: str) -> Doc:
        """Return the given parameters as changes of ``document``: "" empties a list or unsets, metadata is merged."""
        sent = {name: self.params[name] for name in names if name in self.params}
        empty: Doc = {name: [] if isinstance(document.get(name), list) else None for name in sent}
        changes: Doc = {name: empty[name] if value == "" else value for name, value in sent.items()}
        if "metadata" in self.params:
            changes["metadata"] = merged_metadata(document["metadata"], self.params["metadata"])
        return changes


#: Returns an object, or a response that is not JSON.
Endpoint = Callable[[Call], Doc | Response]


@dataclass(frozen=True, slots=True)
class Route:
    """An operation that is played, as a resource module declares it in its ``ROUTES``.

    ``not_played`` are the parameters that Stripe's document has and the endpoint does not play, separated by spaces:
    ``origin line_items.tax_rates``. ``only`` has, by parameter, the members of an object or the values of a text that
    are played, where few are: ``{"payment_method_options": "card"}``.
    """

    endpoint: Endpoint
    not_played: str = ""
    only: Mapping[str, str] = field(default_factory=dict)


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


def list_objects(
    call: Call, kind: str, filters: tuple[str, ...] = (), where: Doc | None = None, *, since: int | None = None
) -> Doc:
    """Return a page of objects, newest first, with the cursors and filters of the call, created ``since`` at least."""
    limit = page_limit(call)
    if "starting_after" in call.params and "ending_before" in call.params:
        raise ApiError("Received both starting_after and ending_before parameters. Please pass in only one.")
    for cursor in ("starting_after", "ending_before"):
        if cursor in call.params:
            call.state.get(kind, call.params[cursor], cursor)
    chosen = {name: call.params[name] for name in filters if name in call.params}
    created = dict(call.params.get("created", {}))
    if since is not None:
        created["gte"] = max(since, created.get("gte", since))
    found = call.state.store.select(
        kind,
        {**chosen, **(where or {})},
        ranges={"created": created},
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


def list_page(call: Call, documents: list[Doc], shown: Callable[[Doc], Doc]) -> Doc:
    """Return a page of the second API: https://docs.stripe.com/api-v2-overview#list-pagination"""
    limit, page = page_limit(call), call.params.get("page", "")
    ids = [document["id"] for document in documents]
    if page and page not in ids:
        raise ApiError("Invalid page token", param="page")
    start = ids.index(page) if page else 0
    end = start + limit
    return {
        "data": [shown(document) for document in documents[start:end]],
        "next_page_url": _page_url(call, ids[end]) if end < len(ids) else None,
        "previous_page_url": _page_url(call, ids[max(start - limit, 0)]) if start else None,
    }


def _page_url(call: Call, page: str) -> str:
    """Return the URL of the same list from an object on."""
    fields = {}
    for name, value in {**plain(call.params), "page": page}.items():
        items = {f"{name}[{n}]": item for n, item in enumerate(value)} if isinstance(value, list) else {name: value}
        fields.update(items)
    return f"{call.path}?{urlencode(fields)}"


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
