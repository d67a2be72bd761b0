"""What the signals promise (see signals.py and "announcing" in the architecture), as one check of what was heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.properties.shop import Heard

#: News of a moment -> what is final about the same session or the order.
SUPERSEDED_BY = {
    "order_pending": ("order_paid", "order_payment_failed"),
    "order_authorized": ("order_paid",),
    "order_payment_failed": ("order_paid",),
    "order_disputed": ("dispute_closed",),
    "order_refunded": ("refund_failed",),
}
_WITHHELD = frozenset(("amount_mismatch", "currency_mismatch", "livemode_mismatch", "paid_after_cancel"))
CLOSED_DISPUTES = frozenset(("won", "lost", "warning_closed", "prevented"))


def check(heard: Sequence[Heard], end: dict[str, Any]) -> None:
    """Assert every promise, given the state in which the order ended."""
    check_order(heard)
    expected = _exactly_once(end)
    for news in expected:
        assert news in heard, f"{news} was not told; heard: {heard}"
    for news in heard:
        if news.signal in ("order_paid", "session_expired", "dispute_closed", "refund_failed"):
            assert news in expected, f"{news} was told and is not so"


def check_order(heard: Sequence[Heard]) -> None:
    """Assert what can be asserted at any moment: nothing twice, nothing after what supersedes it, paid first."""
    for news, count in Counter(heard).items():
        assert count == 1, f"{news} was told {count} times"
    for position, news in enumerate(heard):
        earlier = heard[:position]
        if news.signal == "order_refunded":
            assert "order_paid" in [other.signal for other in earlier], "refunded was told before paid"
        for other in earlier:
            is_about_same = other.about == news.about or other.signal == "order_paid"
            superseded = is_about_same and other.signal in SUPERSEDED_BY.get(news.signal, ())
            assert not superseded, f"{news} was told after {other}"


def _exactly_once(end: dict[str, Any]) -> set[Heard]:
    expected = {Heard("attention_needed", reason) for reason in end["reasons"]}
    if end["kept"] and not _WITHHELD & set(end["reasons"]):
        expected.add(Heard("order_paid", "H-1"))
    for stripe_id, status, *_ in end["sessions"]:
        if status == "expired":
            expected.add(Heard("session_expired", stripe_id))
    for stripe_id, status, _amount, is_kept in end["refunds"]:
        if status == "failed":
            expected.add(Heard("refund_failed", stripe_id))
        elif status == "succeeded" and is_kept:
            expected.add(Heard("order_refunded", stripe_id))
    for stripe_id, status, *_ in end["disputes"]:
        if status in CLOSED_DISPUTES:
            expected.add(Heard("dispute_closed", stripe_id))
        else:
            expected.add(Heard("order_disputed", stripe_id))
    return expected
