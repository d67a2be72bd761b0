"""Test clocks: customers whose subscriptions and invoices live at a time of their own.

https://docs.stripe.com/billing/testing/test-clocks

The account has one clock, which tests move and which drives everything else. A test clock stops it for the objects of
its customers: requests about them see the frozen time, and what is due for them happens only when their clock is
advanced, each at its own time. Events are dated and delivered by the account's clock.
"""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, retrieve
from django_checkout.emulator.api.params import Params
from django_checkout.emulator.messages import ApiError, Doc, StateError
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import CLOCK_JOB, TEST_CLOCK, State

KIND = TEST_CLOCK
MAX_CUSTOMERS = 3
LIFE_SECONDS = 30 * 24 * 3600
#: The parameters that name the object that a request is about.
NAMED = ("customer", "subscription", "invoice", "payment_intent", "test_clock", "from_subscription")
#: What is deleted with its clock.
ATTACHED = ("customer", "subscription", "invoice", "invoiceitem", "subscription_schedule")


def create(call: Call) -> Doc:
    """POST /v1/test_helpers/test_clocks."""
    state, params = call.state, call.params
    clock = state.new(
        KIND,
        deletes_after=state.clock.account_now() + LIFE_SECONDS,
        frozen_time=params["frozen_time"],
        name=params.get("name"),
        status="ready",
        status_details={},
    )
    state.store.insert(clock)
    state.emit(f"{KIND}.created", clock)
    return clock


def advance(call: Call) -> Doc:
    """POST /v1/test_helpers/test_clocks/:test_clock/advance.

    The response says ``advancing``, as Stripe's does; the clock is ready when it arrives.
    """
    clock, state, to = call.target(KIND), call.state, call.params["frozen_time"]
    if to <= clock["frozen_time"]:
        message = "You cannot advance a test clock to a time that is not after its current frozen time."
        raise StateError(message, param="frozen_time")
    latest = _latest(state, clock)
    if to > latest:
        # https://docs.stripe.com/billing/testing/test-clocks/api-advanced-usage
        message = f"You can advance this test clock to {latest} at most: two intervals of its shortest subscription."
        raise StateError(message, param="frozen_time")
    details = {"advancing": {"target_frozen_time": to}}
    state.update(clock, f"{KIND}.advancing", status="advancing", status_details=details)
    shown = dict(clock)
    state.advance(clock, to)
    state.update(clock, f"{KIND}.ready", status="ready", status_details={})
    return shown


def _latest(state: State, clock: Doc) -> int:
    """Return how far a clock can be advanced at once: by two years without subscriptions."""
    found = state.store.select("subscription", {"test_clock": clock["id"]})
    alive = [one for one in found if one["ended_at"] is None]
    recurring = [item["price"]["recurring"] for one in alive for item in one["items"]["data"]]
    recurring = recurring or [{"interval": "year", "interval_count": 1}]
    start: int = clock["frozen_time"]
    return min(end_of_period(end_of_period(start, interval), interval) for interval in recurring)


def delete(call: Call) -> Doc:
    """DELETE /v1/test_helpers/test_clocks/:test_clock, with its customers and their objects."""
    clock, store = call.target(KIND), call.state.store
    call.state.emit(f"{KIND}.deleted", clock)
    attached_to = [one for kind in ATTACHED for one in store.select(kind, {"test_clock": clock["id"]})]
    for document in [*attached_to, *store.select(CLOCK_JOB, {"state": clock["id"]}), clock]:
        store.delete(document["id"])
    return {"id": clock["id"], "object": KIND, "deleted": True}


def joined(state: State, clock_id: str) -> str:
    """Return the id of a test clock for one more customer. It takes three."""
    clock = state.get(KIND, clock_id, "test_clock")
    if len(state.store.select("customer", {"test_clock": clock["id"]})) >= MAX_CUSTOMERS:
        raise ApiError(f"A test clock can have at most {MAX_CUSTOMERS} customers.", param="test_clock")
    return str(clock["id"])


def attached(state: State, route: str, ids: dict[str, str], params: Params) -> Doc | None:
    """Return the object on a test clock that a request is about, or None.

    Pages that a shopper opens are valid for hours, and expire by the account's clock.
    """
    if "/checkout/" in route or "/billing_portal/" in route:
        return None
    named = [dict.get(params, name) for name in NAMED]
    for object_id in (*ids.values(), *named):
        found = state.store.find(object_id) if isinstance(object_id, str) else None
        if found is not None and found["object"] == KIND:
            return {"test_clock": found["id"]}
        owner = state.store.find(found.get("customer")) if found and "test_clock" not in found else found
        if owner and owner.get("test_clock"):
            return owner
    return None


ROUTES = {
    "GET /v1/test_helpers/test_clocks": Route(partial(list_kind, KIND, "")),
    "POST /v1/test_helpers/test_clocks": Route(create),
    "GET /v1/test_helpers/test_clocks/{test_clock}": Route(partial(retrieve, KIND)),
    "DELETE /v1/test_helpers/test_clocks/{test_clock}": Route(delete),
    "POST /v1/test_helpers/test_clocks/{test_clock}/advance": Route(advance),
}
