"""Erasure: personal data is deleted everywhere and does not come back; the accounting data is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from django_checkout import services
from django_checkout.exceptions import OrderNotPayableError
from django_checkout.models import CheckoutSession, Customer, IdempotentAnswer, Order, WebhookEvent
from django_checkout.operations.erasure import KEPT_OF_REQUESTS
from django_checkout.stripe_api import facts
from django_checkout.stripe_api.client import get_client
from django_checkout.testing import post_event
from django_checkout.values import LineData, OrderData
from django_checkout.webhooks import processing, registry, tasks
from django_checkout.webhooks.envelope import KEPT, reduced
from tests.factories import HostOrderFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

TYPED = ("quince@example.com", "Quince Q. Shopper", "SW1A 1AA")


def _erase(**options) -> str:
    out = StringIO()
    call_command("checkout_erase", stdout=out, **options)
    return out.getvalue()


def _stored() -> str:
    return json.dumps(
        [list(model.objects.values()) for model in apps.get_app_config("django_checkout").get_models()],
        default=str,
    )


@pytest.fixture
def typed_order(stripe_emulator, deliver_events):
    """A paid and partly refunded order with a name, an address and an email address."""
    order = services.place(HostOrderFactory())
    email, name, postal_code = TYPED
    session = services.start(order, params={"customer_email": email})
    stripe_emulator.pay(session.stripe_id, email=email, name=name, country="GB", postal_code=postal_code)
    stripe_emulator.refund(stripe_emulator.latest("payment_intent", 1)[0]["id"], 300)
    deliver_events()
    order.refresh_from_db()
    return order


def test_personal_data_is_erased_and_the_accounting_data_is_kept(typed_order):
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


def test_later_read_from_stripe_restores_nothing(typed_order):
    _erase(order=typed_order.reference)

    services.sync(typed_order)

    assert [text for text in TYPED if text in _stored()] == []


def test_erased_events_can_still_be_processed(typed_order, stripe_emulator, deliver_events, recorder):
    _erase(order=typed_order.reference)

    for event in WebhookEvent.objects.all():
        assert processing.replay(event).state in ("processed", "ignored")
    assert recorder.names == []


def test_second_erasure_erases_no_events(typed_order):
    _erase(order=typed_order.reference)

    assert "1 orders, 1 sessions, 0 events" in _erase(order=typed_order.reference)


def test_stored_api_responses_are_deleted(typed_order):
    """``tests/api/test_idempotency.py`` shows it over HTTP."""
    user = UserFactory(username="quince")
    Order.objects.filter(pk=typed_order.pk).update(user=user)
    other = f"user:{user.pk + 5}"
    theirs = [
        (other, {"reference": typed_order.reference, "email": TYPED[0]}),
        (other, {"order": typed_order.reference}),
        (other, {"id": str(typed_order.sessions.get().uuid)}),
        (f"order:{typed_order.pk}", None),
    ]
    others = [(other, {"reference": "H-0", "email": TYPED[0]}), (f"user:{user.pk}", {"id": "sub_1"}), (other, 5)]
    for number, (principal, body) in enumerate([*theirs, *others]):
        IdempotentAnswer.objects.create(
            principal=principal, key=f"key-{number}", request_hash="", status=200, body=body
        )

    assert "4 API responses" in _erase(order=typed_order.reference, dry_run=True)
    assert "4 API responses" in _erase(order=typed_order.reference)
    assert IdempotentAnswer.objects.count() == len(others)
    assert "1 API responses" in _erase(user="quince")


def test_dry_run_erases_nothing(typed_order):
    stored = _stored()

    assert "would be erased from 1 orders" in _erase(order=typed_order.reference, dry_run=True)
    assert _stored() == stored


def test_only_the_user_s_orders_are_erased(typed_order, pay):
    user = UserFactory(username="quince")
    other = services.place(HostOrderFactory())
    pay(other, email="other@example.com")
    Order.objects.filter(pk=typed_order.pk).update(user=user)
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")

    _erase(user="quince")

    typed_order.refresh_from_db()
    assert [text for text in TYPED if text in _stored()] == []
    assert "other@example.com" in _stored()
    assert (typed_order.user, Customer.objects.count()) == (None, 0)


def test_user_is_found_by_primary_key(typed_order):
    user = UserFactory()
    Order.objects.filter(pk=typed_order.pk).update(user=user)

    assert "1 orders" in _erase(user=str(user.pk), dry_run=True)
    assert "1 orders" in _erase(user=str(user.pk))


@pytest.mark.parametrize("which", [{"user": "nobody"}, {"user": "0"}, {"order": "nothing"}])
def test_unknown_user_or_order_is_refused(which):
    with pytest.raises(CommandError, match="There is no") as caught:
        _erase(**which)
    assert caught.value.returncode == 2


def test_payable_order_is_refused(order, stripe_emulator):
    services.start(order)

    with pytest.raises(CommandError, match="can still be paid"):
        _erase(order=order.reference)
    with pytest.raises(CommandError, match="can still be paid"):
        _erase(order=order.reference, dry_run=True)


def test_order_with_a_payment_in_progress_is_refused(order, pay):
    pay(order, iban="AT611904300234573201")

    with pytest.raises(CommandError, match="is in progress"):
        _erase(order=order.reference)


def test_nothing_is_erased_for_a_user_with_a_payable_order(typed_order, stripe_emulator):
    user = UserFactory(username="quince")
    live = services.place(HostOrderFactory())
    services.start(live)
    Order.objects.update(user=user)

    with pytest.raises(CommandError, match="can still be paid"):
        _erase(user="quince")
    assert all(text in _stored() for text in TYPED)


def test_redact_lists_the_objects_and_reports_that_the_api_cannot_redact_them(typed_order):
    session = typed_order.sessions.get()
    out = StringIO()

    with pytest.raises(CommandError, match="no redaction jobs") as caught:
        call_command("checkout_erase", order=typed_order.reference, redact=True, stdout=out)

    typed_order.refresh_from_db()
    assert (caught.value.returncode, typed_order.erased_at is not None) == (2, True)
    assert f"checkout_sessions: {session.stripe_id}\n" in out.getvalue()
    assert f"payment_intents: {session.payment.stripe_id}\n" in out.getvalue()


def test_dry_run_lists_the_objects_to_redact(typed_order):
    out = _erase(order=typed_order.reference, redact=True, dry_run=True)

    assert f"charges: {typed_order.payments.get().charge_id}\n" in out


def test_user_s_customers_are_listed_for_redaction(typed_order):
    user = UserFactory(username="quince")
    Order.objects.filter(pk=typed_order.pk).update(user=user)
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")

    out = _erase(user="quince", redact=True, dry_run=True)

    assert "customers: cus_1\n" in out


def test_stripe_s_library_has_no_redaction_jobs():
    """When it has them, ``--redact`` can create one."""
    assert not hasattr(get_client().v1, "privacy")


def test_renewals_and_customers_are_erased(stripe_emulator, deliver_events, pay):
    email, name, _ = TYPED
    tea = LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month")
    order = services.place(OrderData(reference="S-1", currency="eur", lines=(tea,)))
    pay(order, email=email, name=name)
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


MARKER = "M4rker"


def _marked(value, key="", kept=KEPT):
    """Return a Stripe object or request with a marker for every text that is not needed, and with unknown fields."""
    if isinstance(value, dict):
        inner = {name: _marked(item, name, kept) for name, item in value.items()}
        return inner if key == "metadata" else {**inner, "field_of_tomorrow": MARKER, "owner": {"name": MARKER}}
    if isinstance(value, list):
        return [_marked(item, key, kept) for item in value]
    needed = key in kept or key in ("order_id", "checkout_session", "checkout_refund")
    return value if needed or (value is not None and not isinstance(value, str)) else MARKER


def _deliver_marked(emulator, prefix: str) -> None:
    for event in emulator.events():
        post_event(_marked(event) | {"id": f"evt_{prefix}{event['id'][4:]}"})


@pytest.fixture
def sold(stripe_emulator):
    """A refunded and disputed order, an expired one, and a subscription with one renewal."""
    teapot, abandoned = services.place(HostOrderFactory()), services.place(HostOrderFactory())
    recovery = {"after_expiration": {"recovery": {"enabled": True}}}
    stripe_emulator.expire(services.start(abandoned, params=recovery).stripe_id)
    stripe_emulator.pay(
        services.start(
            teapot,
            params={"payment_intent_data": {"description": MARKER}, "custom_text": {"submit": {"message": MARKER}}},
        ).stripe_id
    )
    intent = stripe_emulator.latest("payment_intent", 1)[0]
    stripe_emulator.refund(intent["id"], 300)
    stripe_emulator.open_dispute(intent["id"])
    stripe_emulator.warn_of_fraud(intent["id"])
    tea = LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month")
    monthly = services.place(OrderData(reference="S 1", currency="eur", lines=(tea,), metadata={"note": MARKER}))
    stripe_emulator.pay(services.start(monthly).stripe_id)
    stripe_emulator.clock.advance(32 * 24 * 3600)
    return [teapot, abandoned, monthly]


@pytest.mark.slow
@pytest.mark.parametrize("is_failing", [True, False])
def test_no_unneeded_text_is_left_or_restored(is_failing, sold, stripe_emulator, monkeypatch):
    """Events that failed in a handler of the site, which are stored whole until they are retried, included."""

    def broken(event):
        raise ZeroDivisionError

    if is_failing:
        for kind in registry.handled_types():
            monkeypatch.setitem(registry.HANDLERS, kind, [*registry.HANDLERS[kind], registry.Registered(broken)])
    _deliver_marked(stripe_emulator, "1")
    stored = json.dumps(list(WebhookEvent.objects.values_list("payload", flat=True)))
    assert (MARKER in stored, MARKER in _stored()) == (is_failing, True)

    for order in sold:
        _erase(order=order.reference)
    assert MARKER not in _stored()

    _deliver_marked(stripe_emulator, "2")
    for order in sold:
        services.sync(order)
    assert MARKER not in _stored()
    assert [order.sessions.get().request["mode"] for order in sold] == ["payment", "payment", "subscription"]


def test_queued_events_restore_nothing(sold, stripe_emulator, deliver_events, request):
    deliver_events()
    for order in sold:
        _erase(order=order.reference)
    request.getfixturevalue("queue")

    _deliver_marked(stripe_emulator, "1")
    assert tasks.drain() > 0

    assert MARKER not in _stored()


def test_event_that_fails_restores_nothing(typed_order, stripe_emulator, monkeypatch):
    def broken(event):
        raise ZeroDivisionError

    _erase(order=typed_order.reference)
    kind = "checkout.session.completed"
    monkeypatch.setitem(registry.HANDLERS, kind, [*registry.HANDLERS[kind], registry.Registered(broken)])
    event = next(event for event in stripe_emulator.events() if event["type"] == kind)
    monkeypatch.setitem(event["data"]["object"]["metadata"], "note", MARKER)

    assert post_event(event | {"id": "evt_failing"}).status_code == 500

    assert WebhookEvent.objects.get(stripe_id="evt_failing").state == "failed"
    assert [text for text in (MARKER, *TYPED) if text in _stored()] == []


def test_events_that_wait_are_erased_with_their_order(sold, stripe_emulator, request):
    request.getfixturevalue("queue")
    _deliver_marked(stripe_emulator, "1")
    tasks.drain()
    _deliver_marked(stripe_emulator, "2")

    for order in sold:
        _erase(order=order.reference)

    stored = WebhookEvent.objects.filter(state="received").values_list("type", "payload")
    personal = {kind for kind, payload in stored if MARKER in json.dumps(payload)}
    assert personal == set()


def test_unneeded_text_of_a_request_is_erased(order, stripe_emulator):
    session = services.start(order)
    services.expire(session)
    request = _marked({**session.request, "shipping_options": [{"display_name": ""}]}, kept=KEPT_OF_REQUESTS)
    CheckoutSession.objects.update(request=request)
    Order.objects.update(params=request, metadata={"note": MARKER}, customer_details={"note": MARKER})

    _erase(order=order.reference)

    session.refresh_from_db()
    assert MARKER not in _stored()
    (line,) = session.request["line_items"]
    assert (line["price_data"]["unit_amount"], line["quantity"]) == (2000, 1)


def test_erased_order_is_not_payable_and_gets_no_email_back(host_order, order, stripe_emulator):
    Order.objects.update(email=TYPED[0])
    _erase(order=order.reference)

    with pytest.raises(OrderNotPayableError, match="erased"):
        services.start(host_order)
    assert services.place(host_order).email == ""


def test_reduced_event_keeps_every_fact_except_personal_data(sold, stripe_emulator):
    """A settled event can therefore be replayed."""
    seen = set()
    for event in stripe_emulator.events():
        full, kept = event["data"]["object"], reduced(event)["data"]["object"]
        kind = full["object"]
        seen.add(kind)
        if kind == "checkout.session":
            whole, small = (facts.read_session(data, event_type=event["type"]) for data in (full, kept))
            typed = {"customer_details": None, "recovery_url": None, "url": None}
            assert small == replace(whole, **typed)
        elif kind == "dispute":
            assert facts.read_dispute(kept, ticket=1) == facts.read_dispute(full, ticket=1)
        elif kind == "subscription":
            assert facts.read_subscription(kept, ticket=1) == facts.read_subscription(full, ticket=1)
        elif kind == "charge":
            assert facts.read_charge(kept) == replace(facts.read_charge(full), method={"type": "card"})
        elif kind in READERS:
            assert READERS[kind](kept) == READERS[kind](full)
    assert seen > {"checkout.session", "dispute", "subscription", *READERS}


READERS = {
    "payment_intent": facts.read_payment_intent,
    "charge": facts.read_charge,
    "refund": facts.read_refund,
    "radar.early_fraud_warning": facts.read_fraud_warning,
    "invoice": facts.read_invoice,
}
