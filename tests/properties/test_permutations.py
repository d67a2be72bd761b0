"""Exhaustive: the events of each named history, told in every order, end in the state that Stripe is in.

Orders that have led to the same rows and the same signals are followed on together: what our tables hold (``digest``)
and what the host has heard are all that can decide what happens next. In which order it heard is checked at once.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import pytest

from django_checkout.testing import post_event
from tests.properties import IS_LONG, promises
from tests.properties.histories import HISTORIES, History
from tests.properties.shop import Ear, Shop, digest, undone

pytestmark = pytest.mark.django_db

#: Seven in the long profile: 5,040 orders of arrival for one history.
MAXIMUM_EVENTS = 7 if IS_LONG else 5
#: The histories that are short enough for every run; the cells of the matrix go through all.
QUICK = (
    "card paid",
    "declined, then paid",
    "free order",
    "delayed payment fails",
    "session expires",
    "authorised, voided",
    "expired, recovered and paid",
    "refund pending, then succeeded",
)
#: What mostly repeats others, and is left out first where there are more events than that.
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
    shop.forget()
    walk = Walk(shop, history)
    with walk.ear.listening():
        walk.from_here(events)
    print(f"{name}: {len(events)} events, {walk.permutations} orders, {walk.posts} deliveries")
    assert walk.permutations == factorial(len(events))


class Walk:
    """Goes through the tree of permutations, merging branches that have become the same."""

    def __init__(self, shop: Shop, history: History, known: dict[Any, int] | None = None) -> None:
        self.shop = shop
        self.history = history
        self.ear = Ear()
        self.posts = 0
        self.permutations = 0
        self.ends: set[str] = set()
        self._known = {} if known is None else known
        reads = [shop.direct_read(session) for session in shop.order.sessions.values_list("stripe_id", flat=True)]
        self._truth = {end["kept"]: end for end in reads}
        for end in reads:
            shop.judge(end)

    def from_here(self, events: list[dict[str, Any]]) -> None:
        self.permutations = self._go(events, [])

    def _go(self, left: list[dict[str, Any]], path: list[str]) -> int:
        """Tell what is left in every order; return in how many orders that was."""
        if not left:
            self._check(path)
            return 1
        key = (frozenset(event["id"] for event in left), digest(), frozenset(self.ear.heard))
        if key not in self._known:
            self._known[key] = sum(self._tell(event, left, path) for event in left)
        return self._known[key]

    def _tell(self, event: dict[str, Any], left: list[dict[str, Any]], path: list[str]) -> int:
        heard_before = len(self.ear.heard)
        try:
            with undone():
                answer = post_event(event)
                self.posts += 1
                assert answer.status_code == 200, [*path, event["type"]]
                promises.check_order(self.ear.heard)
                return self._go([other for other in left if other is not event], [*path, event["type"]])
        finally:
            del self.ear.heard[heard_before:]

    def _check(self, path: list[str]) -> None:
        end = self.shop.end()
        assert end["kept"] in self._truth, path
        assert end == self._truth[end["kept"]], path
        for paid in self.shop.order.announcements.filter(signal="order_paid", session__payment__isnull=False):
            assert paid.session.payment.stripe_id == end["kept"], f"{path}: another payment is kept than was announced"
        self.ends.add(repr(end))
        if self.history.ends:
            assert end["status"] == self.history.ends, path
        try:
            promises.check(self.ear.heard, end)
        except AssertionError as error:
            error.add_note(f"order of arrival: {path}")
            error.add_note(f"heard: {[(news.signal, news.about[-6:]) for news in self.ear.heard]}")
            raise


def test_merging_equal_branches_changes_nothing(stripe_emulator):
    shop = Shop(stripe_emulator)
    HISTORIES["card paid"].play(shop)
    events = shop.events()
    shop.forget()
    ends = []
    for known in ({}, _Never()):
        walk = Walk(shop, HISTORIES["card paid"], known)
        with walk.ear.listening():
            walk.from_here(events)
        ends.append((walk.permutations, frozenset(walk.ends)))
    assert ends[0] == ends[1]


class _Never(dict):
    """Remembers nothing: every branch is followed on its own."""

    def __contains__(self, key: object) -> bool:
        return False
