"""Exhaustive: the events of each history end in Stripe's state in every order of arrival.

Paths that have led to the same rows and the same signals are followed once: the content of our tables (``digest``) and
the signals sent are all that can affect what happens next. The order of the signals is checked after each event.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import pytest

from django_checkout.testing import post_event
from tests.properties import IS_LONG, promises
from tests.properties.histories import HISTORIES, History
from tests.properties.shop import Shop, digest, rolled_back
from tests.signal_recorder import SignalRecorder

pytestmark = pytest.mark.django_db

#: Seven in the long profile: 5,040 orders of arrival for one history.
MAXIMUM_EVENTS = 7 if IS_LONG else 5
#: The histories that are short enough for every run; the long run uses all.
QUICK = (
    "card paid",
    "declined, then paid",
    "free order",
    "delayed payment fails",
    "session expires",
    "authorized, voided",
    "voucher paid",
    "voucher expires",
    "transfer in parts, not complete",
    "expired, recovered and paid",
    "refund pending, then succeeded",
)
#: Types that mostly repeat others; they are left out first if there are too many events.
REPEATING = (
    "charge.updated",
    "charge.refunded",
    "charge.succeeded",
    "charge.dispute.funds_withdrawn",
    "charge.captured",
    "refund.updated",
    "charge.dispute.funds_reinstated",
    "payment_intent.succeeded",
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in HISTORIES]
)
def test_every_order_of_arrival_ends_as_a_direct_read(name, stripe_emulator):
    history = HISTORIES[name]
    shop = Shop(stripe_emulator, price_minor=history.price_minor)
    history.play(shop)
    events = shop.events()
    for event in events:
        if event["type"] in history.charge_only:
            event["data"]["object"]["payment_intent"] = None
    for repeating in REPEATING:
        if len(events) > MAXIMUM_EVENTS:
            events = [event for event in events if event["type"] != repeating]
    assert 1 <= len(events) <= MAXIMUM_EVENTS
    shop.reset_rows()
    walk = Walk(shop, history)
    with walk.recorder:
        walk.walk(events)
    print(f"{name}: {len(events)} events, {walk.permutations} orders, {walk.posts} deliveries")
    assert walk.permutations == factorial(len(events))


class Walk:
    """Walks the tree of permutations and merges equal branches."""

    def __init__(self, shop: Shop, history: History, known: dict[Any, int] | None = None) -> None:
        self.shop = shop
        self.history = history
        self.recorder = SignalRecorder()
        self.posts = 0
        self.permutations = 0
        self.ends: set[str] = set()
        self._known = {} if known is None else known
        reads = [shop.direct_read(session) for session in shop.order.sessions.values_list("stripe_id", flat=True)]
        self._truth = {end["kept"]: end for end in reads}
        for end in reads:
            shop.assert_matches_stripe(end)

    def walk(self, events: list[dict[str, Any]]) -> None:
        self.permutations = self._walk(events, [])

    def _walk(self, left: list[dict[str, Any]], path: list[str]) -> int:
        """Post the remaining events in every order; return the number of orders."""
        if not left:
            self._check(path)
            return 1
        key = (frozenset(event["id"] for event in left), digest(), frozenset(self.recorder.sent))
        if key not in self._known:
            self._known[key] = sum(self._post(event, left, path) for event in left)
        return self._known[key]

    def _post(self, event: dict[str, Any], left: list[dict[str, Any]], path: list[str]) -> int:
        sent_before = len(self.recorder.sent)
        try:
            with rolled_back():
                answer = post_event(event)
                self.posts += 1
                assert answer.status_code == 200, [*path, event["type"]]
                promises.check_order(self.recorder.sent)
                return self._walk([other for other in left if other is not event], [*path, event["type"]])
        finally:
            del self.recorder.sent[sent_before:]

    def _check(self, path: list[str]) -> None:
        end = self.shop.outcome()
        assert end["kept"] in self._truth, path
        assert end == self._truth[end["kept"]], path
        for paid in self.shop.order.announcements.filter(signal="order_paid", session__payment__isnull=False):
            assert paid.session.payment.stripe_id == end["kept"], f"{path}: the kept payment is not the announced one"
        self.ends.add(repr(end))
        if self.history.ends:
            assert end["status"] == self.history.ends, path
        try:
            promises.check(self.recorder.sent, end)
        except AssertionError as error:
            error.add_note(f"order of arrival: {path}")
            error.add_note(f"sent: {[(signal.name, signal.subject[-6:]) for signal in self.recorder.sent]}")
            raise


def test_merging_equal_branches_changes_nothing(stripe_emulator):
    shop = Shop(stripe_emulator)
    HISTORIES["card paid"].play(shop)
    events = shop.events()
    shop.reset_rows()
    ends = []
    for known in ({}, _Forgetful()):
        walk = Walk(shop, HISTORIES["card paid"], known)
        with walk.recorder:
            walk.walk(events)
        ends.append((walk.permutations, frozenset(walk.ends)))
    assert ends[0] == ends[1]


class _Forgetful(dict):
    """Remembers nothing, so that every branch is walked."""

    def __contains__(self, key: object) -> bool:
        return False
