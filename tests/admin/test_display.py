from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone, translation

from django_checkout.admin import display
from django_checkout.models import CheckoutSession
from django_checkout.models.events import EventState
from django_checkout.models.news import AnnouncementState, DiscrepancyState
from django_checkout.models.payouts import RunState
from django_checkout.states import Attention, IntentStatus, OrderStatus, RefundStatus, SessionStatus
from tests.amounts import money

STATUSES = (
    OrderStatus,
    SessionStatus,
    IntentStatus,
    RefundStatus,
    EventState,
    AnnouncementState,
    DiscrepancyState,
    RunState,
)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (1250, "eur", money("12.50")),
        (500, "jpy", money("500", "jpy")),
        (-1250, "eur", money("-12.50")),
        (None, "eur", "\N{EN DASH}"),
        (0, "", "\N{EN DASH}"),
        (7, "", "7"),
    ],
)
def test_an_amount_is_formatted_or_a_dash(minor, currency, shown):
    with translation.override("en"):
        assert display.amount(minor, currency) == shown


def test_an_instant_is_shown_in_the_current_time_zone():
    at = datetime(2026, 11, 24, 20, 41, 3, tzinfo=UTC)
    with timezone.override("Asia/Tokyo"):
        assert display.instant(at, seconds=True) == "2026-11-25 05:41:03"
        assert display.instant(at) == "2026-11-25 05:41"
    assert display.instant(None) == "\N{EN DASH}"


def test_a_badge_says_its_status_in_words():
    assert ">partially refunded</span>" in display.badge(OrderStatus.PARTIALLY_REFUNDED)


def test_a_status_of_the_future_is_called_as_stripe_calls_it():
    badge = display.badge("on_the_moon")
    assert "on the moon" in badge
    assert "checkout-badge-quiet" in badge


def test_a_badge_escapes_what_stripe_says():
    assert "<script>" not in display.badge("<script>")


def test_every_reason_for_attention_is_explained():
    assert set(display.ATTENTION) == set(Attention)
    assert display.attention_label("new_reason") == "New reason"


@pytest.mark.parametrize(
    "statuses",
    STATUSES,
)
def test_every_status_of_ours_has_a_name(statuses):
    """In German, where a status without a name of its own still reads as Stripe spells it."""
    with translation.override("de"):
        assert [status for status in statuses if display.label(status) == status.replace("_", " ")] == []


def test_a_short_id_keeps_the_whole_of_it_as_title():
    shown = display.short_id("cs_test_" + "a" * 50 + "tail5")
    assert 'title="cs_test_' in shown
    assert "tail5</code>" in shown
    assert display.short_id("pi_1") == display.code("pi_1")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"status": "open"}, "unpaid"),
        ({"status": "complete", "payment_status": "paid"}, "paid"),
        ({"status": "complete"}, "pending"),
        ({"status": "complete", "is_manual_capture": True}, "authorized"),
        ({"status": "complete", "has_async_failed": True}, "failed"),
    ],
)
def test_a_payment_that_stripe_calls_unpaid_is_called_what_it_is(values, said):
    assert display.payment_status(CheckoutSession(**values)) == said


def test_json_is_readable_and_escaped():
    assert "&lt;b&gt;" in display.pretty_json({"name": "<b>"})
    assert display.pretty_json({}) == display.NOTHING
