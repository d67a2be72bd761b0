"""What a site's own code can write."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.forms import modelform_factory

from django_checkout import services, signals
from django_checkout.exceptions import DerivedColumnError, OrderNotPayableError
from django_checkout.models import CheckoutSession, Dispute, Order, Payment, Refund, Subscription, database
from django_checkout.operations import erasure
from tests.damage import overwrite
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

#: Ways to save an order that was read before it was paid.
STALE_SAVES = {
    "save": lambda stale: stale.save(),
    "save_by_position": lambda stale: stale.save(False, True),
    "save_a_row_made_by_hand": lambda stale: Order(**_columns(stale)).save(),
    "model_form": lambda stale: _form(stale).save(),
    "save_base_of_the_clean_row": lambda stale: (stale.full_clean(), stale.save()),
    "update_or_create_of_a_host_column": lambda stale: Order.objects.update_or_create(
        pk=stale.pk, defaults={"locale": "de"}
    ),
    "bulk_update_of_a_host_column": lambda stale: Order.objects.bulk_update([stale], ["locale"]),
}
#: Ways to write derived columns by name.
REFUSED = {
    "save": lambda stale: stale.save(update_fields=["status"]),
    "save_by_position": lambda stale: stale.save(False, False, None, ["status"]),
    "update": lambda stale: Order.objects.filter(pk=stale.pk).update(status="unpaid"),
    "update_by_column": lambda stale: Order.objects.filter(pk=stale.pk).update(kept_payment_id=None),
    "update_of_a_relation": lambda stale: UserFactory().checkout_orders.model.objects.update(paid_minor=0),
    "bulk_update": lambda stale: Order.objects.bulk_update([stale], ["paid_minor", "locale"]),
    "update_or_create": lambda stale: Order.objects.update_or_create(pk=stale.pk, defaults={"status": "unpaid"}),
    "upsert": lambda stale: Order.objects.bulk_create(
        [stale], update_conflicts=True, update_fields=["status"], unique_fields=["id"]
    ),
}


def _columns(order):
    return {field.attname: getattr(order, field.attname) for field in Order._meta.concrete_fields}


def _form(stale):
    form = modelform_factory(Order, fields=["status", "paid_minor", "locale"])
    return form({"status": "unpaid", "paid_minor": 0, "locale": "de"}, instance=stale)


@pytest.fixture
def stale(order, pay):
    """The order as the host read it before it was paid."""
    read_before = Order.objects.get(pk=order.pk)
    pay(order)
    assert (read_before.status, Order.objects.get().status) == ("unpaid", "paid")
    return read_before


@pytest.mark.parametrize("save", STALE_SAVES.values(), ids=STALE_SAVES)
def test_stale_order_that_the_host_saves_stays_paid(save, stale):
    before = Order.objects.values().get()
    save(stale)

    after = Order.objects.values().get()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"locale", "updated_at"}
    with pytest.raises(OrderNotPayableError):
        services.start(Order.objects.get())


@pytest.mark.parametrize("write", REFUSED.values(), ids=REFUSED)
def test_host_cannot_write_derived_columns_by_name(write, stale):
    with pytest.raises(DerivedColumnError):
        write(stale)

    assert Order.objects.values_list("status", "paid_minor").get() == ("paid", 2000)


def test_host_writes_its_own_columns(stale):
    user = UserFactory()
    stale.user = user
    stale.save()
    Order.objects.filter(pk=stale.pk).update(metadata={"cart": "7"})

    assert Order.objects.values_list("user_id", "metadata", "status").get() == (user.pk, {"cart": "7"}, "paid")


def test_order_that_is_saved_after_its_erasure_stays_erased(stale):
    user = UserFactory()
    Order.objects.update(user=user, metadata={"note": "For Quince"})
    stale.refresh_from_db()
    assert stale.user == user
    erasure.erase_user(user)
    stale.locale = "de"

    stale.save()

    stale.refresh_from_db()
    assert (stale.user_id, stale.metadata, stale.locale) == (None, {}, "de")


def test_order_that_is_saved_after_its_user_was_deleted_has_no_user(stale):
    user = UserFactory()
    Order.objects.update(user=user)
    stale.refresh_from_db()
    assert stale.user == user
    type(user).objects.get().delete()
    stale.metadata = {"cart": "7"}

    stale.save()

    assert Order.objects.values_list("user_id", "metadata").get() == (None, {"cart": "7"})


def test_receiver_that_saves_its_arguments_undoes_nothing(order, pay):
    def on_paid(order, session, **arguments):
        for row in (order, session):
            row.status = "expired"
            row.save()
        with pytest.raises(DerivedColumnError):
            Order.objects.update(status="unpaid")

    signals.order_paid.connect(on_paid, sender=Order)
    try:
        pay(order)
    finally:
        signals.order_paid.disconnect(on_paid, sender=Order)

    assert (Order.objects.get().status, CheckoutSession.objects.get().status) == ("paid", "complete")
    assert order.announcements.get(signal="order_paid").attempts == 1


def test_on_commit_hooks_are_host_code(django_capture_on_commit_callbacks):
    seen = []
    with django_capture_on_commit_callbacks(execute=True), database.atomic():
        database.on_commit(lambda: seen.append(database.is_writing()))

    assert seen == [False]


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (CheckoutSession, {"status": "open"}),
        (Payment, {"captured_minor": 0}),
        (Refund, {"status": "failed"}),
        (Dispute, {"status": "won"}),
        (Subscription, {"status": "canceled"}),
    ],
)
def test_fact_row_that_the_host_saves_stays_unchanged(model, change, stale, stripe_emulator, deliver_events):
    services.refund(Order.objects.get(), 500)
    payment = Payment.objects.get()
    Dispute.objects.create(stripe_id="dp_1", payment=payment, amount_minor=1, currency="eur", status="lost")
    Subscription.objects.create(stripe_id="sub_1", order=payment.order, livemode=False, status="active")
    row = model.objects.get()
    before = model.objects.values().get()
    for name, value in change.items():
        setattr(row, name, value)
    row.save()

    assert model.objects.values().get() == before


@pytest.mark.parametrize("column", [{"status": "unpaid"}, {"status": "unpaid", "kept_payment": None, "paid_minor": 0}])
def test_order_with_damaged_columns_cannot_be_paid_again(column, stale):
    overwrite(Order.objects, **column)

    with pytest.raises(OrderNotPayableError):
        services.start(Order.objects.get())
    with pytest.raises(OrderNotPayableError):
        services.cancel(Order.objects.get())
    assert CheckoutSession.objects.count() == 1


def test_fixtures_are_loaded_with_derived_columns(stale, tmp_path):
    path = tmp_path / "rows.json"
    call_command("dumpdata", "django_checkout", output=str(path), verbosity=0)
    overwrite(Order.objects, status="unpaid", paid_minor=0)
    call_command("loaddata", str(path), verbosity=0)

    assert Order.objects.values_list("status", "paid_minor").get() == ("paid", 2000)
