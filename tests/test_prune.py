"""Pruning: old settled events are deleted in small transactions; unprocessed and failed events are kept."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_checkout import services
from django_checkout.models import (
    CheckoutSession,
    Customer,
    Dispute,
    Order,
    Payment,
    ReadTicket,
    Refund,
    WebhookEvent,
    relations,
)
from django_checkout.operations import retention, unowned
from tests.damage import overwrite
from tests.factories import HostOrderFactory, UserFactory
from tests.races.together import run_before

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


def _payment(name, *, days=200, days_of_refund=200, **columns):
    """A payment with a refund and a dispute that changed so many days ago."""
    payment = Payment.objects.create(stripe_id=f"pi_{name}", **columns)
    refund = Refund.objects.create(stripe_id=f"re_{name}", payment=payment, amount_minor=1, currency="eur")
    dispute = Dispute.objects.create(stripe_id=f"du_{name}", payment=payment, amount_minor=1, currency="eur")
    now = timezone.now()
    for row, age in ((payment, days), (refund, days_of_refund), (dispute, days)):
        overwrite(type(row).objects.filter(pk=row.pk), updated_at=now - timedelta(days=age))
    return payment


def _left():
    return {row.stripe_id for model in (Payment, Refund, Dispute) for row in model.objects.all()}


def test_old_rows_of_no_order_are_deleted(monkeypatch):
    monkeypatch.setattr(unowned, "BATCH", 2)
    for name in "abc":
        _payment(name)
    of_no_order = "Of no order: 3 payments, 3 refunds, 3 disputes, 0 tickets"

    assert _prune(dry_run=True) == f"0 events would be deleted.\n{of_no_order} would be deleted.\n"
    assert len(_left()) == 9
    assert _prune() == f"0 events were deleted.\n{of_no_order} were deleted.\n"
    assert _left() == set()


def test_rows_of_no_order_that_may_get_one_are_kept(order):
    _payment("of_an_order", order=order)
    _payment("young", days=89)
    _payment("refunded", days_of_refund=89)
    requested = _payment("requested")
    Refund.objects.filter(payment=requested).update(is_ours=True)
    CheckoutSession.objects.create(
        order=order,
        payment=_payment("of_a_session"),
        livemode=False,
        revision=1,
        asked_subtotal_minor=1,
        expires_at=timezone.now(),
    )
    before = _left()

    _prune()

    assert _left() == before


def test_rows_of_no_order_are_kept_for_as_long_as_a_session_may_be_paid():
    _payment("early", days=34, days_of_refund=34)

    _prune(min_age_days=1)

    assert len(_left()) == 3


def test_payment_that_gets_an_order_meanwhile_is_kept(order):
    payment = _payment("early")

    with run_before(
        "django_checkout.operations.unowned._delete_payments",
        lambda: Payment.objects.filter(pk=payment.pk).update(order=order),
    ):
        _prune()

    assert len(_left()) == 3


def test_tickets_are_deleted_once_no_row_and_no_event_has_their_object():
    _payment("young", days=1)
    _events(1, days=1)
    WebhookEvent.objects.update(object_id="sub_read")
    for name in ("du_young", "sub_read", "sub_foreign"):
        ReadTicket.objects.create(stripe_id=name, issued=1)

    assert _prune().endswith("0 payments, 0 refunds, 0 disputes, 1 tickets were deleted.\n")
    assert set(ReadTicket.objects.values_list("stripe_id", flat=True)) == {"du_young", "sub_read"}


@pytest.mark.parametrize("column", ["payment_intent_id", "object_id"])
@pytest.mark.parametrize("state", ["received", "processing", "failed"])
def test_payment_that_an_unsettled_event_names_is_kept(column, state):
    _payment("named")
    _events(1, days=200, state=state)
    WebhookEvent.objects.update(**{column: "pi_named"})

    _prune()
    assert len(_left()) == 3

    WebhookEvent.objects.update(state="processed")
    _prune()
    assert _left() == set()


def test_limit_includes_rows_of_no_order(monkeypatch):
    monkeypatch.setattr(unowned, "BATCH", 2)
    _events(2, days=200)
    for name in "abcd":
        _payment(name)
    for number in range(3):
        ReadTicket.objects.create(stripe_id=f"du_{number}", issued=1)

    for dry_run in (True, False):
        were = "would be" if dry_run else "were"
        of_no_order = f"Of no order: 3 payments, 3 refunds, 3 disputes, 0 tickets {were} deleted.\n"
        assert _prune(limit=5, dry_run=dry_run) == f"2 events {were} deleted.\n{of_no_order}"
    of_no_order = "Of no order: 1 payments, 1 refunds, 1 disputes, 2 tickets"
    assert _prune(limit=3, dry_run=True) == f"0 events would be deleted.\n{of_no_order} would be deleted.\n"
    assert _prune(limit=3) == f"0 events were deleted.\n{of_no_order} were deleted.\n"
    assert ReadTicket.objects.count() == 1


def test_limit_that_events_use_up_deletes_no_other_row():
    _events(3, days=200)
    _payment("a")

    assert _prune(limit=2) == "2 events were deleted.\n"
    assert len(_left()) == 3
