"""What happens by itself once its time has come."""

from __future__ import annotations

from collections.abc import Callable

from . import checkout, recurring
from .messages import Doc
from .resources import balance, coupons, disputes, payments, refunds, sessions, subscriptions
from .world import World

JOBS: dict[str, Callable[[World, Doc], object]] = {
    "announce_trial_end": subscriptions.announce_trial_end,
    "end_code": coupons.end_code,
    "end_coupon": coupons.end_coupon,
    "expire_authorization": payments.expire_authorization,
    "expire_session": sessions.expire_due,
    "fail_refund": refunds.fail_due,
    "finish_refund": refunds.finish_due,
    "lose_dispute": disputes.lose_dispute,
    "make_available": balance.make_available,
    "renew": recurring.renew,
    "settle": checkout.settle_due,
}


def run_due(world: World) -> None:
    """Do everything whose time has come, in the order of its time, and what became due by it."""
    while True:
        due = world.store.select("_job", {"state": "pending"}, ranges={"due_at": {"lte": world.clock.now()}})
        if not due:
            return
        for job in sorted(due, key=lambda job: job["due_at"]):
            world.store.delete(job["id"])
            target = world.store.find(job["target"])
            if target is not None:
                JOBS[job["name"]](world, target)
