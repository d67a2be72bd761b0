"""Webhook health: the health view, the dashboard and the doctor agree in every incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_checkout import services, thresholds
from django_checkout.models import Announcement, AttentionItem, CheckoutSession, Observation, WebhookEvent
from django_checkout.operations import health, retention, statistics
from django_checkout.operations.alerts import OF_ERRORS, RULES, Reason, Seen, find_alerts
from django_checkout.operations.doctor import IDS
from django_checkout.operations.doctor.site import FINDINGS, examine_backlog
from django_checkout.reconcile import missed_events
from django_checkout.testing import deliver_events
from tests import process_memory
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def ago(**span):
    return NOW - timedelta(**span)


@pytest.mark.parametrize(
    ("seen", "reasons"),
    [
        ({}, []),
        ({"events_failed": Seen(number=1)}, ["events_failed"]),
        ({"events_stuck": Seen(number=1, since=ago(seconds=599))}, []),
        ({"events_stuck": Seen(number=1, since=ago(minutes=10))}, ["events_stuck"]),
        ({"queue_stopped": Seen(number=1, since=ago(minutes=5))}, ["queue_stopped"]),
        ({"queue_stopped": Seen(since=ago(minutes=5))}, []),
        ({"notifications_pending": Seen(number=1)}, ["notifications_pending"]),
        # The return page may record a completed session a moment before its event arrives.
        ({"webhooks_silent": Seen(number=1, since=ago(seconds=30))}, []),
        ({"webhooks_silent": Seen(number=1, since=ago(minutes=6))}, ["webhooks_silent"]),
        ({"attention_overdue": Seen(number=4, since=ago(days=2))}, []),
        ({"attention_overdue": Seen(number=4, since=ago(days=3))}, ["attention_overdue"]),
        (
            {"webhooks_silent": Seen(number=1, since=ago(days=1)), "events_failed": Seen(number=2)},
            ["events_failed", "webhooks_silent"],
        ),
    ],
)
def test_what_was_seen_gives_alerts(seen, reasons):
    found = find_alerts({Reason(name): value for name, value in seen.items()}, thresholds.DEFAULTS, now=NOW)

    assert [alert.reason for alert in found] == reasons
    assert all(alert.number == seen[alert.reason].number for alert in found)


def test_threshold_moves_an_alert_and_none_turns_it_off():
    seen = {Reason.FAILED: Seen(number=5), Reason.STUCK: Seen(number=1, since=ago(minutes=20))}

    def reasons(**changes):
        return [alert.reason for alert in find_alerts(seen, {**thresholds.DEFAULTS, **changes}, now=NOW)]

    assert reasons() == ["events_failed", "events_stuck"]
    assert reasons(events_failed=6, events_stuck=1201) == []
    assert reasons(events_failed=None, events_stuck=1200) == ["events_stuck"]


def test_every_reason_has_a_threshold_a_rule_and_a_finding():
    reasons = {reason.value for reason in Reason}

    assert {rule.value for rule in RULES} == reasons
    assert set(thresholds.DEFAULTS) == reasons - {reason.value for reason in OF_ERRORS}
    assert {reason.value for reason in FINDINGS} | {"notifications_pending"} == reasons
    assert set(FINDINGS.values()) <= set(IDS)


def test_page_of_every_alert_is_in_the_admin():
    for rule in RULES.values():
        if rule.page is not None:
            assert reverse(f"admin:django_checkout_{rule.page[0]}_changelist")


@pytest.mark.parametrize("code", ["stripe_unavailable", "stripe_answer"])
def test_event_that_failed_because_stripe_did_not_respond_is_an_alert_if_retries_do_not_help(db, code):
    values = {"type": "t", "livemode": False, "created_at": timezone.now()}
    WebhookEvent.objects.create(stripe_id="evt_1", state="failed", error_code=code, **values)
    assert (health.read().reasons, health.read().events_failed) == ((), 1)

    move_clock(minutes=5)
    assert (health.read().reasons, health.read().numbers) == (("events_failed",), {"events_failed": 1})


def test_other_failure_of_an_event_is_an_alert_at_once(db):
    values = {"type": "t", "livemode": False, "created_at": timezone.now()}
    WebhookEvent.objects.create(stripe_id="evt_1", state="failed", error_code="TypeError", **values)

    assert health.read().reasons == ("events_failed",)


def move_clock(**span):
    """Move the times of all rows into the past."""
    passed = timedelta(**span)
    process_memory.forget()
    WebhookEvent.objects.update(received_at=F("received_at") - passed)
    Observation.objects.update(first_at=F("first_at") - passed, last_at=F("last_at") - passed)
    AttentionItem.objects.update(raised_at=F("raised_at") - passed)
    columns = ("created_at", "completed_at", "expires_at", "expired_at")
    CheckoutSession.objects.update(**{column: F(column) - passed for column in columns})


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
    return (response.json()["ok"], "No alerts" in tile, not list(examine_backlog(timezone.now())))


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


def _attention(order, emulator):
    AttentionItem.objects.create(order=order, code="fraud_warning", fact="issfr_1")
    move_clock(days=4)


def _expiry(order, emulator):
    """Webhooks are the only news: the shopper does not return, and the session's expiry is not reported."""
    move_clock(days=1)
    services.start(services.place(HostOrderFactory()))
    move_clock(days=1)


def _other_events(order, emulator):
    """Events of another integration arrive, but not those of our sessions."""
    _silence(order, emulator)
    WebhookEvent.objects.create(stripe_id="evt_other", type="person.created", livemode=False, created_at=timezone.now())


INCIDENTS = [_silence, _failure, _backlog, _receiver, _attention, _expiry, _other_events]


@pytest.mark.parametrize("incident", INCIDENTS)
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


def test_silence_ends_with_the_event_of_a_later_session(paid_order, stripe_emulator, order, pay):
    _silence(paid_order, stripe_emulator)
    stripe_emulator.deliver_to(lambda body, headers: 200)

    pay(services.place(HostOrderFactory()))

    assert Client().get(reverse("django_checkout:health")).json()["reasons"] == []


def test_events_that_reconciliation_fetches_are_no_proof(paid_order, stripe_emulator):
    """The endpoint still refuses every delivery."""
    _silence(paid_order, stripe_emulator)
    stripe_emulator.deliver_to(lambda body, headers: 500)

    assert missed_events.process()["processed"]

    assert Client().get(reverse("django_checkout:health")).json()["reasons"] == ["webhooks_silent"]


def test_silence_ends_with_an_event_that_the_operator_sends_again(paid_order, stripe_emulator):
    _silence(paid_order, stripe_emulator)
    completed = next(
        event
        for event in stripe_emulator.latest("event", 100)
        if event["type"] == "checkout.session.completed"
        and event["data"]["object"]["id"] == paid_order.sessions.get().stripe_id
    )
    stripe_emulator.deliver_to(lambda body, headers: 500)

    stripe_emulator.resend(completed["id"])
    deliver_events(stripe_emulator)

    assert Client().get(reverse("django_checkout:health")).json()["reasons"] == []


def test_event_of_another_session_that_arrives_meanwhile_hides_nothing(paid_order, stripe_emulator):
    move_clock(days=1)
    sell(stripe_emulator)
    stripe_emulator.deliver_to(lambda body, headers: 500)
    Observation.objects.filter(kind="session_event").update(last_at=timezone.now() + timedelta(seconds=30))
    move_clock(minutes=6)

    assert Client().get(reverse("django_checkout:health")).json()["reasons"] == ["webhooks_silent"]


def test_stopped_worker_is_an_alert(queue, paid_order):
    WebhookEvent.objects.update(state="received")
    move_clock(minutes=6)

    assert Client().get(reverse("django_checkout:health")).json()["reasons"] == ["queue_stopped"]
    assert [finding.id for finding in examine_backlog(timezone.now())] == [IDS["stopped_queue"]]


def test_dashboard_says_what_to_do_and_where(paid_order, django_user_model):
    WebhookEvent.objects.update(state="failed")
    cache.clear()
    staff = Client()
    staff.force_login(django_user_model.objects.create_superuser("viewer", password="x"))

    page = staff.get(reverse("admin:django_checkout_order_dashboard")).text

    assert "manage.py checkout_process_events" in page
    assert f"Events that failed: {WebhookEvent.objects.count()}." in page


def test_health_survives_a_malformed_setting(settings, db):
    settings.CHECKOUT_ALERTS = {"events_lost": 1}

    assert Client().get(reverse("django_checkout:health")).status_code == 200


def test_health_response_503_names_the_reasons(paid_order, stripe_emulator):
    _silence(paid_order, stripe_emulator)

    response = Client().get(reverse("django_checkout:health"))

    assert (response.status_code, response.json()["reasons"]) == (503, ["webhooks_silent"])
    assert response.json()["alerts"] == {"webhooks_silent": 1}
    assert statistics.dashboard().webhooks.reasons == ("webhooks_silent",)


def test_health_needs_no_key(settings):
    settings.STRIPE_SECRET_KEY = ""

    assert Client().get(reverse("django_checkout:health")).status_code == 200
