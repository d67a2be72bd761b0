"""The only writer of payment state: joins facts into rows under lock, derives the order's state, and announces it.

Services, webhooks, reconcile and operations import from here, and ``announcements`` to deliver; modules of this package
import one another. It does not know HTTP, how Stripe is called, or the host apart from its signal receivers.
"""

from __future__ import annotations

from django_checkout.ledger.announced_refund import AnnouncedRefund
from django_checkout.ledger.apply import apply
from django_checkout.ledger.attention import is_withheld
from django_checkout.ledger.batch import Batch
from django_checkout.ledger.budget import count_request, count_request_of_user
from django_checkout.ledger.corrections import (
    correct_dispute,
    correct_refund,
    correct_session,
    correct_subscription,
    named_orders,
    restore_session,
)
from django_checkout.ledger.creation import record_created
from django_checkout.ledger.credit_notes import (
    can_have_credit_note,
    drop_credit_note,
    fail_credit_note,
    lease_credit_note,
    note_credit_note,
)
from django_checkout.ledger.derivation import ColumnDifference, examine, rederive
from django_checkout.ledger.erased import find_other_sites, is_erased, is_known, naming
from django_checkout.ledger.intentions import (
    NO_ANSWER,
    UNREAD,
    abandon_session,
    accept,
    cancel,
    drop_revision,
    expect_revision,
    fail_session,
    fail_unanswered_session,
    lease_session,
    mark_source_deleted,
    mark_synced,
    note_read,
    postpone_read,
    reach_revision,
    record_consent,
    release_session,
    reserve_session,
    resolve,
    set_way_back,
)
from django_checkout.ledger.locks import LockedOrder, in_transaction, lock_order, lock_order_alone, lock_rows
from django_checkout.ledger.next_actions import (
    find_action_of,
    find_current,
    find_waiting,
    has_action,
    join_actions,
    note_refusal,
)
from django_checkout.ledger.orders import derive_status
from django_checkout.ledger.refunds import (
    fail_refund,
    lease_refund,
    note_refund_request,
    release_refund,
    reserve_refund,
)
from django_checkout.ledger.rows import write, write_many
from django_checkout.ledger.sending import backoff_seconds, has_receiver, is_superseded
from django_checkout.ledger.settling import announce
from django_checkout.ledger.subscriptions import RENEWED, forget_customer, invoice_signal
from django_checkout.ledger.tickets import take_ticket
from django_checkout.ledger.whole_order import WholeOrder, load

__all__ = [
    "NO_ANSWER",
    "RENEWED",
    "UNREAD",
    "AnnouncedRefund",
    "Batch",
    "ColumnDifference",
    "LockedOrder",
    "WholeOrder",
    "abandon_session",
    "accept",
    "announce",
    "apply",
    "backoff_seconds",
    "can_have_credit_note",
    "cancel",
    "correct_dispute",
    "correct_refund",
    "correct_session",
    "correct_subscription",
    "count_request",
    "count_request_of_user",
    "derive_status",
    "drop_credit_note",
    "drop_revision",
    "examine",
    "expect_revision",
    "fail_credit_note",
    "fail_refund",
    "fail_session",
    "fail_unanswered_session",
    "find_action_of",
    "find_current",
    "find_other_sites",
    "find_waiting",
    "forget_customer",
    "has_action",
    "has_receiver",
    "in_transaction",
    "invoice_signal",
    "is_erased",
    "is_known",
    "is_superseded",
    "is_withheld",
    "join_actions",
    "lease_credit_note",
    "lease_refund",
    "lease_session",
    "load",
    "lock_order",
    "lock_order_alone",
    "lock_rows",
    "mark_source_deleted",
    "mark_synced",
    "named_orders",
    "naming",
    "note_credit_note",
    "note_read",
    "note_refund_request",
    "note_refusal",
    "postpone_read",
    "reach_revision",
    "record_consent",
    "record_created",
    "rederive",
    "release_refund",
    "release_session",
    "reserve_refund",
    "reserve_session",
    "resolve",
    "restore_session",
    "set_way_back",
    "take_ticket",
    "write",
    "write_many",
]
