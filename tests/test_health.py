"""Webhook health: the health view, the dashboard and the doctor agree in every incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_checkout import services
from django_checkout.models import Announcement, CheckoutSession, WebhookEvent
from django_checkout.operations import health, retention, statistics
from django_checkout.operations.doctor.site import examine_backlog
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FINE = {"last_event_at": None, "oldest_waiting_at": None, "failed": 0, "pending": 0, "completed_at": None}


def ago(**span):
    return NOW - timedelta(**span)


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        ({}, []),
        ({"last_event_at": ago(days=90)}, []),
        ({"failed": 1}, ["events_failed"]),
        ({"oldest_waiting_at": ago(minutes=9)}, []),
        ({"oldest_waiting_at": ago(minutes=10)}, ["events_stuck"]),
        ({"pending": 1}, ["notifications_pending"]),
        ({"completed_at": ago(minutes=2)}, ["webhooks_silent"]),
        ({"completed_at": ago(minutes=2), "last_event_at": ago(days=2)}, ["webhooks_silent"]),
        # The return page may record a completed session a moment before its event arrives.
        ({"completed_at": ago(seconds=30), "last_event_at": ago(days=2)}, []),
        ({"completed_at": ago(seconds=30)}, []),
        ({"completed_at": ago(hours=5), "last_event_at": ago(hours=5, minutes=4)}, []),
        ({"completed_at": ago(hours=5), "last_event_at": ago(hours=4)}, []),
        (
            {"failed": 1, "completed_at": ago(days=1), "last_event_at": ago(days=2)},
            ["events_failed", "webhooks_silent"],
        ),
    ],
)
def test_rows_give_reasons(rows, reasons):
    assert list(health.find_reasons(NOW, **{**FINE, **rows})) == reasons


def move_clock(**span):
    """Move the times of all rows into the past."""
    passed = timedelta(**span)
    WebhookEvent.objects.update(received_at=F("received_at") - passed)
    CheckoutSession.objects.update(created_at=F("created_at") - passed, completed_at=F("completed_at") - passed)


def sell(emulator):
    """Complete a session whose events do not arrive; the return page reads it."""
    session = services.start(services.place(HostOrderFactory()))
    emulator.pay(session.stripe_id)
    services.sync(session)


def answers(django_user_model):
    """Return whether the health view, the dashboard and the doctor report no problem."""
    response = Client().get(reverse("django_checkout:health"))
    assert (response.status_code == 200) == response.json()["ok"] == (response.json()["reasons"] == [])
    cache.clear()
    staff = Client()
    staff.force_login(django_user_model.objects.create_superuser("viewer", password="x"))
    tile = staff.get(reverse("admin:django_checkout_order_dashboard")).text
    return (response.json()["ok"], "Webhooks are working" in tile, not list(examine_backlog(timezone.now())))


def _silence(order, emulator):
    move_clock(days=1)
    sell(emulator)
    move_clock(days=1)


def _failure(order, emulator):
    WebhookEvent.objects.update(state="failed")


def _backlog(order, emulator):
    WebhookEvent.objects.update(state="received")
    move_clock(minutes=11)


def _receiver(order, emulator):
    Announcement.objects.update(state="pending", attempts=1)


@pytest.mark.parametrize("incident", [_silence, _failure, _backlog, _receiver])
def test_view_dashboard_and_doctor_report_the_same_incident(incident, paid_order, stripe_emulator, django_user_model):
    incident(paid_order, stripe_emulator)

    assert answers(django_user_model) == (False, False, False)


@pytest.mark.parametrize("days", [0, 2, 30])
def test_none_reports_a_site_that_sells_nothing(days, paid_order, django_user_model):
    move_clock(days=days)

    assert answers(django_user_model) == (True, True, True)


def test_none_reports_a_problem_after_pruning(paid_order, settings, django_user_model):
    settings.CHECKOUT_EVENT_RETENTION_DAYS = 2
    move_clock(days=3)

    retention.prune()

    assert WebhookEvent.objects.count() == 0
    assert answers(django_user_model) == (True, True, True)


def test_health_response_503_names_the_reasons(paid_order, stripe_emulator):
    _silence(paid_order, stripe_emulator)

    response = Client().get(reverse("django_checkout:health"))

    assert (response.status_code, response.json()["reasons"]) == (503, ["webhooks_silent"])
    assert statistics.dashboard().webhooks.reasons == ("webhooks_silent",)


def test_health_needs_no_key(settings):
    settings.STRIPE_SECRET_KEY = ""

    assert Client().get(reverse("django_checkout:health")).status_code == 200
