"""Searches: https://docs.stripe.com/search. Objects are found at once, where Stripe finds them within a minute."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from itertools import islice

from django_checkout.emulator.api.calls import Call, Route, page_limit
from django_checkout.emulator.api.search_query import Query, parse
from django_checkout.emulator.messages import ApiError, Doc

BATCH = 500


def search_kind(kind: str, call: Call) -> Doc:
    """Return the page of a route such as ``GET /v1/charges/search``."""
    query = parse(call.params["query"], kind)
    limit = page_limit(call)
    after = _cursor(call, kind)
    found = list(islice(_matching(call, kind, query, after), limit + 1))
    result: Doc = {
        "object": "search_result",
        "data": found[:limit],
        "has_more": len(found) > limit,
        "next_page": _page(found[limit - 1]["id"]) if len(found) > limit else None,
        "url": call.path,
    }
    if "total_count" in call.params.get("expand", ()):
        result["total_count"] = sum(1 for _ in _matching(call, kind, query, None))
    return result


def _matching(call: Call, kind: str, query: Query, after: str | None) -> Iterator[Doc]:
    while batch := call.state.store.select(kind, after=after, limit=BATCH):
        yield from filter(query.matches, batch)
        after = batch[-1]["id"]


def _page(object_id: str) -> str:
    return base64.urlsafe_b64encode(object_id.encode()).decode().rstrip("=")


def _cursor(call: Call, kind: str) -> str | None:
    """Return the id that a page begins after."""
    if "page" not in call.params:
        return None
    page: str = call.params["page"]
    try:
        object_id = base64.b64decode(f"{page}{'=' * (-len(page) % 4)}", altchars="-_", validate=True).decode()
    except ValueError:
        object_id = ""
    if call.state.store.find(object_id, kind) is None:
        raise ApiError(f"{page} is an invalid page.", param="page")
    return object_id


ROUTES = {
    f"GET /v1/{kind}s/search": Route(partial(search_kind, kind))
    for kind in ("charge", "customer", "invoice", "payment_intent", "price", "product", "subscription")
}
