"""The jobs that the clock or another change starts, by name."""

from __future__ import annotations

from django_checkout.emulator.api.resources import (
    balance,
    bank_transfers,
    collection,
    coupons,
    disputes,
    files,
    payments,
    payouts,
    quotes,
    recurring,
    refunds,
    sessions,
    subscription_changes,
    subscription_schedules,
    subscriptions,
    tax_ids,
    vouchers,
)
from django_checkout.emulator.payer import checkout, page_confirmation
from django_checkout.emulator.state.state import Job

JOBS: dict[str, Job] = {
    "action_failed": checkout.on_action_failed,
    "action_paid": checkout.on_action_paid,
    "advance_voucher": vouchers.advance,
    "arrive_payout": payouts.arrive,
    "announce_schedule_end": subscription_schedules.announce_end,
    "announce_trial_end": subscriptions.announce_trial_end,
    "cancel_due": subscriptions.cancel_due,
    "confirm_page": page_confirmation.confirm,
    "end_code": coupons.end_code,
    "end_coupon": coupons.end_coupon,
    "expire_incomplete": subscriptions.expire_incomplete,
    "expire_authorization": payments.expire_authorization,
    "expire_file_link": files.expire_link,
    "expire_quote": quotes.expire_due,
    "expire_session": sessions.expire_due,
    "fail_refund": refunds.fail_due,
    "finalize_invoice": collection.finalize_due,
    "finish_refund": refunds.finish_due,
    "invoice_paid": collection.on_paid,
    "invoice_refused": collection.on_refused,
    "lose_dispute": disputes.lose_dispute,
    "make_available": balance.make_available,
    "next_phase": subscription_schedules.next_phase,
    "renew": recurring.renew,
    "return_funds": bank_transfers.return_funds,
    "resume_collection": subscription_changes.resume_collection,
    "settle": checkout.settle_due,
    "verify_tax_id": tax_ids.verify,
}
