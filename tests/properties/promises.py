"""What signals.py promises, as one check of the signals that were sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.signal_recorder import SentSignal

#: A signal about a moment -> the final signals about the same session or the order.
SUPERSEDED_BY = {
    "order_pending": ("order_paid", "order_payment_failed"),
    "order_authorized": ("order_paid",),
    "order_payment_failed": ("order_paid",),
    "order_disputed": ("dispute_closed",),
    "order_refunded": ("refund_failed",),
}
_WITHHELD = frozenset(("amount_mismatch", "currency_mismatch", "livemode_mismatch", "paid_after_cancel"))
CLOSED_DISPUTES = frozenset(("won", "lost", "warning_closed", "prevented"))


def check(sent: Sequence[SentSignal], end: dict[str, Any]) -> None:
    """Assert every promise for the state in which the order ended."""
    check_order(sent)
    expected = _exactly_once(end)
    for signal in expected:
        assert signal in sent, f"{signal} was not sent; sent: {sent}"
    for signal in sent:
        if signal.name in ("order_paid", "session_expired", "dispute_closed", "refund_failed"):
            assert signal in expected, f"{signal} was sent and is not true"


def check_order(sent: Sequence[SentSignal]) -> None:
    """Assert what holds at any moment: nothing is sent twice or after what supersedes it, and paid is sent first."""
    for signal, count in Counter(sent).items():
        assert count == 1, f"{signal} was sent {count} times"
    for position, signal in enumerate(sent):
        earlier = sent[:position]
        if signal.name == "order_refunded":
            assert "order_paid" in [other.name for other in earlier], "order_refunded was sent before order_paid"
        for other in earlier:
            is_same_subject = other.subject == signal.subject or other.name == "order_paid"
            superseded = is_same_subject and other.name in SUPERSEDED_BY.get(signal.name, ())
            assert not superseded, f"{signal} was sent after {other}"


def _exactly_once(end: dict[str, Any]) -> set[SentSignal]:
    expected = {SentSignal("attention_needed", reason) for reason in end["reasons"]}
    if end["kept"] and not _WITHHELD & set(end["reasons"]):
        expected.add(SentSignal("order_paid", "H-1"))
    for stripe_id, status, *_ in end["sessions"]:
        if status == "expired":
            expected.add(SentSignal("session_expired", stripe_id))
    for stripe_id, status, _amount, is_kept in end["refunds"]:
        if status == "failed":
            expected.add(SentSignal("refund_failed", stripe_id))
        elif status == "succeeded" and is_kept:
            expected.add(SentSignal("order_refunded", stripe_id))
    for stripe_id, status, *_ in end["disputes"]:
        if status in CLOSED_DISPUTES:
            expected.add(SentSignal("dispute_closed", stripe_id))
        else:
            expected.add(SentSignal("order_disputed", stripe_id))
    return expected
