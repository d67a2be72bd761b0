from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone, translation

from django_checkout.admin import display
from django_checkout.models import CheckoutSession
from django_checkout.states import OrderStatus
from tests.amounts import money


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


def test_a_badge_shows_the_label_of_a_status():
    assert ">partially refunded</span>" in display.status_badge(OrderStatus, "partially_refunded")


def test_an_unknown_status_is_shown_in_stripes_words():
    badge = display.status_badge(OrderStatus, "on_the_moon")
    assert "on the moon" in badge
    assert "checkout-badge-quiet" in badge


def test_a_badge_is_escaped():
    assert "<script>" not in display.status_badge(OrderStatus, "<script>")


def test_a_short_id_has_the_whole_id_as_title():
    shown = display.short_id("cs_test_" + "a" * 50 + "tail5")
    assert 'title="cs_test_' in shown
    assert "tail5</code>" in shown
    assert display.short_id("pi_1") == display.code("pi_1")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": "open"}, "unpaid"),
        ({"status": "complete", "payment_status": "paid"}, "paid"),
        ({"status": "complete"}, "pending"),
        ({"status": "complete", "is_manual_capture": True}, "authorized"),
        ({"status": "complete", "has_async_failed": True}, "failed"),
    ],
)
def test_an_unpaid_session_payment_is_shown_by_its_state(values, expected):
    assert display.session_payment(CheckoutSession(**values)) == expected


def test_json_is_readable_and_escaped():
    assert "&lt;b&gt;" in display.pretty_json({"name": "<b>"})
    assert display.pretty_json({}) == display.NOTHING
