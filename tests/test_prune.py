"""Pruning: old settled events go, in small transactions; what waits or has failed stays."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_checkout import retention
from django_checkout.models import WebhookEvent

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def _events(count, *, days, state="processed", prefix="evt"):
    now = timezone.now()
    WebhookEvent.objects.bulk_create(
        WebhookEvent(
            stripe_id=f"{prefix}_{state}_{days}_{number}", type="t", livemode=False, state=state, created_at=now
        )
        for number in range(count)
    )
    ours = WebhookEvent.objects.filter(stripe_id__startswith=f"{prefix}_{state}_{days}_")
    ours.update(received_at=now - timedelta(days=days))


def _prune(**options) -> str:
    out = StringIO()
    call_command("checkout_prune", stdout=out, **options)
    return out.getvalue()


def test_old_settled_events_go_and_young_ones_stay():
    _events(3, days=91)
    _events(2, days=91, state="ignored")
    _events(4, days=89)

    assert _prune() == "5 events were deleted.\n"
    assert WebhookEvent.objects.count() == 4


@pytest.mark.parametrize("state", ["received", "processing", "failed"])
def test_an_event_that_is_not_processed_is_never_deleted(state):
    _events(2, days=4000, state=state)

    assert _prune() == "0 events were deleted.\n"
    assert WebhookEvent.objects.count() == 2


def test_the_retention_is_a_setting(settings):
    settings.CHECKOUT_EVENT_RETENTION_DAYS = 10
    _events(1, days=11)
    _events(1, days=9)

    assert _prune() == "1 events were deleted.\n"


def test_the_age_can_be_given():
    _events(1, days=11)
    _events(1, days=9)

    assert _prune(min_age_days=10) == "1 events were deleted.\n"


def test_a_dry_run_deletes_nothing():
    _events(3, days=91)

    assert _prune(dry_run=True) == "3 events would be deleted.\n"
    assert _prune(dry_run=True, limit=2) == "2 events would be deleted.\n"
    assert WebhookEvent.objects.count() == 3


def test_the_oldest_go_first_up_to_the_limit():
    _events(2, days=100)
    _events(2, days=200)

    assert _prune(limit=2) == "2 events were deleted.\n"
    assert set(WebhookEvent.objects.values_list("stripe_id", flat=True)) == {f"evt_processed_100_{n}" for n in (0, 1)}


def test_many_are_deleted_in_batches(monkeypatch):
    monkeypatch.setattr(retention, "FIRST_BATCH", 3)
    monkeypatch.setattr(retention, "MAX_BATCH", 4)
    _events(11, days=91)
    _events(5, days=91, state="failed")
    seen: list[int] = []

    assert retention.prune(progress=lambda name, number: seen.append(number)) == 11
    assert seen == [3, 7, 11]
    assert WebhookEvent.objects.count() == 5


def test_slow_batches_become_smaller(monkeypatch):
    monkeypatch.setattr(retention, "FIRST_BATCH", 8)
    monkeypatch.setattr(retention, "MIN_BATCH", 2)
    clock = iter(range(0, 1000, 1))
    monkeypatch.setattr(retention.time, "monotonic", lambda: next(clock))
    _events(20, days=91)
    seen: list[int] = []

    retention.prune(progress=lambda name, number: seen.append(number))

    assert seen[:3] == [8, 12, 14]
    assert seen[-1] == 20


def test_an_event_that_is_replayed_meanwhile_stays(monkeypatch):
    _events(2, days=91)
    first = WebhookEvent.objects.order_by("received_at").first()
    rows = retention.WebhookEvent.objects.filter(pk=first.pk)
    atomic = retention.database.atomic

    def replay_then(*args, **options):
        monkeypatch.setattr(retention.database, "atomic", atomic)
        rows.update(state="received")
        return atomic(*args, **options)

    monkeypatch.setattr(retention.database, "atomic", replay_then)

    assert retention.prune() == 1
    assert list(WebhookEvent.objects.values_list("pk", "state")) == [(first.pk, "received")]


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_an_age_that_is_none_is_refused(value):
    with pytest.raises(CommandError, match="above zero"):
        _prune_text("--min-age-days", value)


def _prune_text(*arguments) -> None:
    call_command("checkout_prune", *arguments)
