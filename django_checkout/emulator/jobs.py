"""The jobs that the clock starts, by the name under which they are scheduled."""

from __future__ import annotations

from django_checkout.emulator.api.resources import (
    balance,
    coupons,
    disputes,
    payments,
    recurring,
    refunds,
    sessions,
    subscriptions,
)
from django_checkout.emulator.payer import checkout
from django_checkout.emulator.state.state import Job

JOBS: dict[str, Job] = {
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
