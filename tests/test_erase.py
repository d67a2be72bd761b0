"""Erasure: what the shopper typed is gone everywhere and does not come back; the accounts stay."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_checkout import gateway, inbox, services
from django_checkout.erasure import without_personal_data
from django_checkout.models import Customer, IdempotentAnswer, Order, WebhookEvent
from django_checkout.values import LineData, OrderData
from tests.factories import HostOrderFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

TYPED = ("quince@example.com", "Quince Q. Shopper", "SW1A 1AA")


def _erase(**options) -> str:
    out = StringIO()
    call_command("checkout_erase", stdout=out, **options)
    return out.getvalue()


def _stored() -> str:
    """Everything that this app's tables hold, as text."""
    return json.dumps(
        [list(model.objects.values()) for model in apps.get_app_config("django_checkout").get_models()],
        default=str,
    )


@pytest.fixture
def typed_order(stripe_emulator, deliver_events):
    """A paid and partly refunded order whose shopper typed a name, an address and an e-mail address."""
    order = services.place(HostOrderFactory())
    email, name, postal_code = TYPED
    session = services.start(order, params={"customer_email": email})
    stripe_emulator.pay(session.stripe_id, email=email, name=name, country="GB", postal_code=postal_code)
    stripe_emulator.refund(stripe_emulator.latest("payment_intent", 1)[0]["id"], 300)
    deliver_events()
    order.refresh_from_db()
    return order


def test_what_was_typed_is_gone_and_the_accounts_stay(typed_order):
    assert all(text in _stored() for text in TYPED)
    before = (typed_order.status, typed_order.paid_minor, typed_order.refunded_minor, WebhookEvent.objects.count())

    out = _erase(order=typed_order.reference)

    typed_order.refresh_from_db()
    assert "erased from 1 orders, 1 sessions" in out
    assert [text for text in TYPED if text in _stored()] == []
    assert typed_order.erased_at is not None
    after = (typed_order.status, typed_order.paid_minor, typed_order.refunded_minor, WebhookEvent.objects.count())
    assert after == before
    assert typed_order.lines.get().name


def test_a_later_read_from_stripe_brings_nothing_back(typed_order):
    _erase(order=typed_order.reference)

    services.sync(typed_order)

    assert [text for text in TYPED if text in _stored()] == []


def test_erased_events_can_still_be_processed(typed_order, stripe_emulator, deliver_events, heard):
    _erase(order=typed_order.reference)

    for event in WebhookEvent.objects.all():
        assert inbox.replay(event).state in ("processed", "ignored")
    assert heard == []


def test_doing_it_again_erases_no_more_events(typed_order):
    _erase(order=typed_order.reference)

    assert "1 orders, 1 sessions, 0 events" in _erase(order=typed_order.reference)


def test_what_the_api_would_repeat_is_gone(typed_order):
    """``tests/api/test_idempotency.py`` shows it over HTTP."""
    now = timezone.now()
    user = UserFactory(username="quince")
    Order.objects.filter(pk=typed_order.pk).update(user=user)
    somebody = f"user:{user.pk + 5}"
    theirs = [
        (somebody, {"reference": typed_order.reference, "email": TYPED[0]}),
        (somebody, {"order": typed_order.reference}),
        (somebody, {"id": str(typed_order.sessions.get().uuid)}),
        (f"order:{typed_order.pk}", None),
    ]
    others = [(somebody, {"reference": "H-0", "email": TYPED[0]}), (f"user:{user.pk}", {"id": "sub_1"}), (somebody, 5)]
    for number, (principal, body) in enumerate([*theirs, *others]):
        IdempotentAnswer.objects.create(
            principal=principal, key=f"key-{number}", request_hash="", leased_until=now, status=200, body=body
        )

    assert "4 answers" in _erase(order=typed_order.reference, dry_run=True)
    assert "4 answers" in _erase(order=typed_order.reference)
    assert IdempotentAnswer.objects.count() == len(others)
    assert "1 answers" in _erase(user="quince")


def test_a_dry_run_erases_nothing(typed_order):
    stored = _stored()

    assert "would be erased from 1 orders" in _erase(order=typed_order.reference, dry_run=True)
    assert _stored() == stored


def test_all_orders_of_a_user_are_erased_and_no_other(typed_order, stripe_emulator, deliver_events):
    user = UserFactory(username="quince")
    other = services.place(HostOrderFactory())
    stripe_emulator.pay(services.start(other).stripe_id, email="other@example.com")
    deliver_events()
    Order.objects.filter(pk=typed_order.pk).update(user=user)
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")

    _erase(user="quince")

    typed_order.refresh_from_db()
    assert [text for text in TYPED if text in _stored()] == []
    assert "other@example.com" in _stored()
    assert (typed_order.user, Customer.objects.count()) == (None, 0)


def test_a_user_is_found_by_primary_key(typed_order):
    user = UserFactory()
    Order.objects.filter(pk=typed_order.pk).update(user=user)

    assert "1 orders" in _erase(user=str(user.pk), dry_run=True)
    assert "1 orders" in _erase(user=str(user.pk))


@pytest.mark.parametrize("which", [{"user": "nobody"}, {"user": "0"}, {"order": "nothing"}])
def test_who_does_not_exist_is_refused(which):
    with pytest.raises(CommandError, match="There is no") as caught:
        _erase(**which)
    assert caught.value.returncode == 2


def test_an_order_that_can_still_be_paid_is_refused(order, stripe_emulator):
    services.start(order)

    with pytest.raises(CommandError, match="can still be paid"):
        _erase(order=order.reference)
    with pytest.raises(CommandError, match="can still be paid"):
        _erase(order=order.reference, dry_run=True)


def test_an_order_whose_payment_is_in_flight_is_refused(order, stripe_emulator, deliver_events):
    stripe_emulator.pay(services.start(order).stripe_id, iban="AT611904300234573201")
    deliver_events()

    with pytest.raises(CommandError, match="is in flight"):
        _erase(order=order.reference)


def test_a_user_one_of_whose_orders_can_be_paid_keeps_everything(typed_order, stripe_emulator):
    user = UserFactory(username="quince")
    live = services.place(HostOrderFactory())
    services.start(live)
    Order.objects.update(user=user)

    with pytest.raises(CommandError, match="can still be paid"):
        _erase(user="quince")
    assert all(text in _stored() for text in TYPED)


def test_redaction_at_stripe_says_that_the_api_lacks_it_and_what_to_redact(typed_order):
    session = typed_order.sessions.get()
    out = StringIO()

    with pytest.raises(CommandError, match="no redaction jobs") as caught:
        call_command("checkout_erase", order=typed_order.reference, redact=True, stdout=out)

    typed_order.refresh_from_db()
    assert (caught.value.returncode, typed_order.erased_at is not None) == (2, True)
    assert f"checkout_sessions: {session.stripe_id}\n" in out.getvalue()
    assert f"payment_intents: {session.payment.stripe_id}\n" in out.getvalue()


def test_a_dry_run_lists_what_would_be_redacted(typed_order):
    out = _erase(order=typed_order.reference, redact=True, dry_run=True)

    assert f"charges: {typed_order.payments.get().charge_id}\n" in out


def test_a_user_s_customers_are_listed_for_redaction(typed_order):
    user = UserFactory(username="quince")
    Order.objects.filter(pk=typed_order.pk).update(user=user)
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")

    out = _erase(user="quince", redact=True, dry_run=True)

    assert "customers: cus_1\n" in out


def test_stripe_s_library_offers_no_redaction_jobs():
    """Once it does, ``--redact`` can start one."""
    assert not hasattr(gateway.client().v1, "privacy")


def test_renewals_and_customers_are_erased_too(stripe_emulator, deliver_events):
    email, name, _ = TYPED
    tea = LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month")
    order = services.place(OrderData(reference="S-1", currency="eur", lines=(tea,)))
    stripe_emulator.pay(services.start(order).stripe_id, email=email, name=name)
    deliver_events()
    stripe_emulator.clock.advance(32 * 24 * 3600)
    deliver_events()
    customer = order.sessions.get().customer_id
    renewal = WebhookEvent.objects.filter(type="invoice.paid").order_by("-pk").first()
    named = {**renewal.payload, "data": {"object": {**renewal.payload["data"]["object"], "customer_email": email}}}
    WebhookEvent.objects.filter(pk=renewal.pk).update(payload=named)
    about_them = {"id": customer, "object": "customer", "name": name, "email": email}
    WebhookEvent.objects.create(
        stripe_id="evt_1",
        type="customer.updated",
        livemode=False,
        object_id=customer,
        payload={"data": {"object": about_them}},
        created_at=renewal.created_at,
    )
    assert email in _stored()

    _erase(order="S-1")

    assert [text for text in (email, name) if text in _stored()] == []


def test_names_of_products_stay_and_names_of_people_go():
    event = {
        "data": {
            "object": {
                "object": "customer",
                "id": "cus_1",
                "name": "Quince",
                "items": [{"object": "product", "name": "Teapot"}],
            }
        }
    }

    assert without_personal_data(event)["data"]["object"] == {
        "object": "customer",
        "id": "cus_1",
        "name": None,
        "items": [{"object": "product", "name": "Teapot"}],
    }
