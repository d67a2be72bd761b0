"""The sole writer of payment state: joins facts into rows under lock, derives the order's state, announces it."""

from __future__ import annotations

from django_checkout.ledger.apply import apply
from django_checkout.ledger.attention import is_withheld
from django_checkout.ledger.erased import is_erased
from django_checkout.ledger.intentions import (
    abandon_session,
    accept,
    cancel,
    expect_revision,
    fail_session,
    give_up_revision,
    lease_session,
    mark_synced,
    note_session_request,
    reach_revision,
    release_session,
    reserve_session,
    resolve,
)
from django_checkout.ledger.locks import LockedOrder, in_transaction, lock_order
from django_checkout.ledger.orders import derive_status
from django_checkout.ledger.refunds import fail_refund, lease_refund, note_refund_request, reserve_refund
from django_checkout.ledger.subscriptions import forget_customer
from django_checkout.ledger.tickets import take_ticket

__all__ = [
    "LockedOrder",
    "abandon_session",
    "accept",
    "apply",
    "cancel",
    "derive_status",
    "expect_revision",
    "fail_refund",
    "fail_session",
    "forget_customer",
    "give_up_revision",
    "in_transaction",
    "is_erased",
    "is_withheld",
    "lease_refund",
    "lease_session",
    "lock_order",
    "mark_synced",
    "note_refund_request",
    "note_session_request",
    "reach_revision",
    "release_session",
    "reserve_refund",
    "reserve_session",
    "resolve",
    "take_ticket",
]
