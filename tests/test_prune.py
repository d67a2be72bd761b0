"""Pruning: old settled events are deleted in small transactions; unprocessed and failed events are kept."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_checkout import services
from django_checkout.models import CheckoutSession, Customer, Order, WebhookEvent, relations
from django_checkout.operations import retention
from tests.damage import overwrite
from tests.factories import HostOrderFactory, UserFactory

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


def test_only_old_settled_events_are_deleted():
    _events(3, days=91)
    _events(2, days=91, state="ignored")
    _events(4, days=89)

    assert _prune() == "5 events were deleted.\n"
    assert WebhookEvent.objects.count() == 4


@pytest.mark.parametrize("state", ["received", "processing", "failed"])
def test_unprocessed_event_is_never_deleted(state):
    _events(2, days=4000, state=state)

    assert _prune() == "0 events were deleted.\n"
    assert WebhookEvent.objects.count() == 2


def test_setting_is_the_default_age(settings):
    settings.CHECKOUT_EVENT_RETENTION_DAYS = 10
    _events(1, days=11)
    _events(1, days=9)

    assert _prune() == "1 events were deleted.\n"


def test_age_can_be_passed():
    _events(1, days=11)
    _events(1, days=9)

    assert _prune(min_age_days=10) == "1 events were deleted.\n"


def test_dry_run_deletes_nothing():
    _events(3, days=91)

    assert _prune(dry_run=True) == "3 events would be deleted.\n"
    assert _prune(dry_run=True, limit=2) == "2 events would be deleted.\n"
    assert WebhookEvent.objects.count() == 3


def test_oldest_are_deleted_first_up_to_the_limit():
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


def test_event_that_is_replayed_in_the_meantime_is_kept(monkeypatch):
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


def test_contact_details_of_old_expired_sessions_are_erased(monkeypatch, stripe_emulator):
    monkeypatch.setattr(retention, "FIRST_BATCH", 2)
    typed = {"email": "quince@example.com"}
    rows = [("expired", 91), ("expired", 92), ("expired", 93), ("expired", 89), ("complete", 91)]
    for status, days in rows:
        session = services.start(services.place(HostOrderFactory()))
        at = timezone.now() - timedelta(days=days)
        overwrite(CheckoutSession.objects.filter(pk=session.pk), status=status, expires_at=at, customer_details=typed)

    _prune(dry_run=True)
    assert CheckoutSession.objects.filter(customer_details=typed).count() == 5
    _prune()

    kept = CheckoutSession.objects.filter(customer_details=typed).order_by("pk")
    assert list(kept.values_list("status", flat=True)) == ["expired", "complete"]


def test_links_to_users_deleted_without_signals_are_removed(monkeypatch):
    monkeypatch.setattr(relations, "_BATCH", 2)
    kept, gone = UserFactory(), [UserFactory() for _ in range(3)]
    orders = [services.place(HostOrderFactory()) for _ in range(4)]
    for order, user in zip(orders, [gone[0], kept, *gone[1:]], strict=True):
        Order.objects.filter(pk=order.pk).update(user=user)
        Customer.objects.create(user=user, livemode=False, stripe_id=f"cus_{user.pk}")
    type(kept).objects.filter(pk__in=[user.pk for user in gone])._raw_delete("default")

    _prune(dry_run=True)
    assert Customer.objects.count() == 4
    _prune()

    assert list(Order.objects.order_by("pk").values_list("user_id", flat=True)) == [None, kept.pk, None, None]
    assert Customer.objects.get().user == kept
    assert Order.objects.exclude(source_type=None).count() == 4


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_age_that_is_not_a_positive_integer_is_refused(value):
    with pytest.raises(CommandError, match="not a positive integer"):
        call_command("checkout_prune", "--min-age-days", value)
