"""The signals that the README promises, and what their comments say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.dispatch import Signal

from django_checkout import signals

pytestmark = pytest.mark.core

#: The names that hosts connect to.
CONTRACT = {
    "order_paid",
    "order_pending",
    "voucher_expires_soon",
    "order_payment_failed",
    "order_authorized",
    "order_refunded",
    "order_canceled",
    "refund_failed",
    "order_disputed",
    "dispute_closed",
    "session_expired",
    "attention_needed",
    "subscription_renewed",
    "subscription_payment_failed",
    "subscription_canceled",
}
SOURCE = Path(signals.__file__).read_text(encoding="utf-8")
COMMENTS = {name: comment for comment, name in re.findall(r"((?:^#:.*\n)+)^(\w+) = Signal\(\)", SOURCE, re.MULTILINE)}


def test_signals_are_those_of_the_contract():
    assert {name for name, value in vars(signals).items() if isinstance(value, Signal)} - {"Signal"} == CONTRACT


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_signal_says_how_often_it_is_sent(name):
    assert re.search(r"Exactly once|At most once", COMMENTS[name])


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_signal_names_its_arguments_with_their_types(name):
    arguments = re.findall(r"``(\w+)``: (\w+)", COMMENTS[name])

    assert set(arguments) <= {
        ("session", "CheckoutSession"),
        ("refund", "Refund"),
        ("dispute", "Dispute"),
        ("subscription", "Subscription"),
        ("amount_minor", "int"),
        ("reason", "str"),
        ("next_action", "NextAction"),
    }


@pytest.mark.parametrize("name", sorted(name for name in CONTRACT if name.startswith("subscription_")))
def test_signal_of_a_subscription_names_it(name):
    assert "``subscription``: Subscription" in COMMENTS[name]


def test_signals_that_are_sent_exactly_once():
    once = {name for name, comment in COMMENTS.items() if "Exactly once" in comment}

    assert {"order_paid", "order_refunded", "order_canceled", "session_expired"} <= once
    assert not once & {"order_pending", "order_authorized", "order_payment_failed", "order_disputed"}
