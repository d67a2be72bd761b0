"""Radar reviews of payments."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_objects, retrieve
from django_checkout.emulator.messages import Doc, StateError
from django_checkout.emulator.state.state import State

KIND = "review"
#: Fields of a new object that are null.
NULLS = "billing_zip closed_reason ip_address ip_address_location session"


def open_review(state: State, charge: Doc, reason: str = "rule") -> Doc:
    """Place a charge in review: https://docs.stripe.com/radar/reviews."""
    review = state.new(
        KIND,
        NULLS,
        charge=charge["id"],
        open=True,
        opened_reason=reason,
        payment_intent=charge["payment_intent"],
        reason=reason,
    )
    state.store.insert(review)
    state.update(charge, review=review["id"])
    state.update(state.get("payment_intent", charge["payment_intent"]), review=review["id"])
    state.emit("review.opened", review)
    return review


def close_review(state: State, review: Doc, closed_reason: str) -> Doc:
    """Close a review as ``approved``, ``refunded``, ``refunded_as_fraud`` or ``disputed``. It cannot be reopened."""
    if not review["open"]:
        raise StateError("This review is already closed.")
    return state.update(review, "review.closed", open=False, reason=closed_reason, closed_reason=closed_reason)


def list_reviews(call: Call) -> Doc:
    """GET /v1/reviews, open reviews only."""
    return list_objects(call, KIND, (), {"open": True})


def approve(call: Call) -> Doc:
    """POST /v1/reviews/:review/approve."""
    return close_review(call.state, call.target(KIND), "approved")


EXPANDABLE = {
    "review": ("charge", "payment_intent"),
}
ROUTES = {
    "GET /v1/reviews": Route(list_reviews),
    "GET /v1/reviews/{review}": Route(partial(retrieve, "review")),
    "POST /v1/reviews/{review}/approve": Route(approve),
}
