"""Reviews: Radar holds a payment until a person has looked at it."""

from __future__ import annotations

from ..calls import Call, list_objects
from ..messages import Doc, StateError
from ..world import World

KIND = "review"


def open_review(world: World, charge: Doc, reason: str = "rule") -> Doc:
    """Place a charge in review: https://docs.stripe.com/radar/reviews."""
    review = world.new(
        KIND,
        billing_zip=None,
        charge=charge["id"],
        closed_reason=None,
        ip_address=None,
        ip_address_location=None,
        open=True,
        opened_reason=reason,
        payment_intent=charge["payment_intent"],
        reason=reason,
        session=None,
    )
    world.store.insert(review)
    world.update(charge, review=review["id"])
    world.update(world.get("payment_intent", charge["payment_intent"]), review=review["id"])
    world.emit("review.opened", review)
    return review


def close_review(world: World, review: Doc, closed_reason: str) -> Doc:
    """Close a review: ``approved``, ``refunded``, ``refunded_as_fraud``, ``disputed`` ..., never to be opened again."""
    if not review["open"]:
        raise StateError("This review is already closed.")
    return world.update(review, "review.closed", open=False, reason=closed_reason, closed_reason=closed_reason)


def retrieve(call: Call) -> Doc:
    """GET /v1/reviews/:review."""
    return call.world.get(KIND, call.ids["review"], "review")


def list_reviews(call: Call) -> Doc:
    """GET /v1/reviews: the open ones."""
    return list_objects(call, KIND, (), {"open": True})


def approve(call: Call) -> Doc:
    """POST /v1/reviews/:review/approve."""
    return close_review(call.world, retrieve(call), "approved")
