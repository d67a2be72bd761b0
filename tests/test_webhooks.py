from __future__ import annotations

import json
import time

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.module_loading import import_string

from django_checkout import services
from django_checkout.emulator import signature_header
from django_checkout.models import Announcement, CheckoutSession, Order, WebhookEvent
from django_checkout.testing import post_event, sign
from django_checkout.webhooks import processing, registry, tasks
from tests.damage import overwrite

pytestmark = [pytest.mark.django_db, pytest.mark.core]


@pytest.fixture
def event(order, stripe_emulator):
    """The body of the event that pays the order."""
    stripe_emulator.pay(services.start(order).stripe_id)
    return _delivery(stripe_emulator, "checkout.session.completed").body


def _delivery(emulator, event_type):
    return next(row for row in emulator.pending_deliveries() if row.event_type == event_type)


def _statements(queries) -> list[str]:
    """Return the statements without transaction control and the queries of the host's receivers."""
    control = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")
    statements = [query["sql"] for query in queries if not query["sql"].startswith(control)]
    return [sql for sql in statements if "host_hostorder" not in sql]


def test_signed_event_pays_the_order(event, order):
    response = post_event(event)

    order.refresh_from_db()
    assert (response.status_code, order.status, order.paid_minor) == (200, "paid", 2000)
    assert WebhookEvent.objects.get().state == "processed"


def test_fresh_event_costs_at_most_nine_statements_and_no_call(event, stripe_emulator, settings):
    settings.STRIPE_API_BASE = "http://nothing.answers.here.invalid"
    # The first delivery with a secret is recorded in two more statements.
    stripe_object = {"id": "cs_1", "object": "checkout.session", "metadata": {"checkout_session": "of another site"}}
    post_event(json.dumps({**json.loads(event), "id": "evt_1", "data": {"object": stripe_object}}).encode())

    with CaptureQueriesContext(connection) as queries:
        response = post_event(event)

    assert response.status_code == 200
    # One of them finds out whether the verified delivery has to be recorded, which it is once a minute.
    assert len(_statements(queries)) <= 9, "\n".join(_statements(queries))


def test_duplicate_costs_at_most_three_statements(event):
    post_event(event)

    with CaptureQueriesContext(connection) as queries:
        response = post_event(event)

    assert response.status_code == 200
    assert len(_statements(queries)) <= 3, "\n".join(_statements(queries))
    assert WebhookEvent.objects.count() == Announcement.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda body: (body, ""), "not signed", id="unsigned"),
        pytest.param(lambda body: (body, "nonsense"), "not signed", id="malformed-header"),
        pytest.param(lambda body: (body, signature_header(body, "whsec_other")), "not signed", id="wrong-secret"),
        pytest.param(lambda body: (body, sign(body, timestamp=int(time.time()) - 301)), "too old", id="stale"),
        pytest.param(lambda body: (body, sign(body, timestamp=int(time.time()) + 320)), "future", id="future-dated"),
        pytest.param(lambda body: (body[:-20], sign(body)), "not signed", id="truncated"),
        pytest.param(lambda body: (b"\xff\xfe", sign(b"\xff\xfe")), "not UTF-8", id="not-utf-8"),
        pytest.param(lambda body: (b"{", sign(b"{")), "not JSON", id="not-json"),
        pytest.param(lambda body: (b"[]", sign(b"[]")), "not a JSON object", id="not-an-object"),
        pytest.param(lambda body: (b"{}", sign(b"{}")), "not an event", id="not-an-event"),
        pytest.param(lambda body: (b" " * 1_048_577, sign(b" " * 1_048_577)), "larger", id="over-large"),
    ],
)
def test_invalid_request_is_refused_and_not_stored(event, order, caplog, change, reason):
    body, header = change(event)

    response = post_event(body, header)

    order.refresh_from_db()
    assert response.status_code == 400
    assert not response.content
    assert (order.status, WebhookEvent.objects.count()) == ("unpaid", 0)
    assert reason in caplog.text


def test_request_is_refused_without_a_secret(event, settings):
    header = sign(event)
    settings.STRIPE_WEBHOOK_SECRETS = []

    response = post_event(event, header)

    assert (response.status_code, WebhookEvent.objects.count()) == (400, 0)


def test_any_of_two_secrets_matches_any_of_three_signatures(event, settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", "whsec_old"]
    now = int(time.time())
    good = signature_header(event, "whsec_old", now).rpartition(",")[2]

    response = post_event(event, f"t={now},v1={'0' * 64},{good},v0={'0' * 64}")

    assert response.status_code == 200


@pytest.mark.parametrize("known", ["whsec_emulator", "whsec_...", "whsec_your-signing-secret"])
@pytest.mark.parametrize("live", [{"STRIPE_SECRET_KEY": "sk_live_1"}, {"STRIPE_PUBLISHABLE_KEY": "pk_live_1"}])
def test_public_secret_is_refused_with_a_live_key(event, settings, known, live):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_real", known]
    for name, key in live.items():
        setattr(settings, name, key)

    response = post_event(event, sign(event, secret=known))

    assert (response.status_code, WebhookEvent.objects.count()) == (400, 0)
    assert post_event(event, sign(event, secret="whsec_real")).status_code == 200


def test_emulator_secret_is_accepted_with_test_keys(event, settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_emulator"]

    assert post_event(event).status_code == 200


def test_only_post_is_allowed(client):
    assert client.get(reverse("django_checkout:webhook")).status_code == 405


def test_unknown_type_is_recorded_as_ignored(event):
    body = json.loads(event) | {"id": "evt_unknown", "type": "something.happened"}

    response = post_event(body)

    row = WebhookEvent.objects.get()
    assert (response.status_code, row.state, row.error_code) == (200, "ignored", "unhandled_type")


@pytest.mark.parametrize("claim", [{}, {"checkout_session": "0b9f3a52-3a63-4b60-9a3c-0d7a3f9f6a11"}])
def test_session_of_another_integration_is_ignored(event, order, claim):
    body = json.loads(event)
    body["data"]["object"] |= {"id": "cs_test_theirs", "metadata": {"order_id": order.reference, **claim}}

    response = post_event(body)

    order.refresh_from_db()
    row = WebhookEvent.objects.get()
    assert (response.status_code, row.state, row.error_code, order.status) == (200, "ignored", "not_ours", "unpaid")


def test_replayed_event_pays_an_order_that_was_restored_from_a_backup(event, order):
    """The order's reference contains a space, and the event was ignored at first."""
    body = json.loads(event)
    body["data"]["object"]["metadata"]["order_id"] = body["data"]["object"]["client_reference_id"] = "Order 17"
    CheckoutSession.objects.update(stripe_id=None, status="creating")
    post_event(body)
    row = WebhookEvent.objects.get()
    assert row.error_code == "not_ours"
    overwrite(Order.objects, reference="Order 17")

    processing.replay(row)

    order.refresh_from_db()
    assert order.status == "paid"


def test_event_of_the_other_mode_is_ignored(event, order):
    response = post_event(json.loads(event) | {"livemode": True})

    order.refresh_from_db()
    row = WebhookEvent.objects.get()
    assert (response.status_code, row.error_code, order.status) == (200, "livemode_mismatch", "unpaid")


def _refuse_events(execute, sql, params, many, context):
    """Fail the insertion of events."""
    if sql.startswith("INSERT") and WebhookEvent._meta.db_table in sql:
        raise OperationalError("server closed the connection")
    return execute(sql, params, many, context)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cause", ["OperationalError", "ImproperlyConfigured"])
def test_failure_before_the_event_is_stored_returns_500_and_is_logged(event, settings, caplog, cause):
    if cause == "ImproperlyConfigured":
        settings.STRIPE_SECRET_KEY = ""

    with connection.execute_wrapper(_refuse_events):
        response = post_event(event)

    logged = [record for record in caplog.records if record.name == "django_checkout"]
    assert (response.status_code, WebhookEvent.objects.count()) == (500, 0)
    assert [(record.levelname, record.getMessage()) for record in logged] == [
        ("ERROR", f"webhook_failed error={cause}")
    ]
    assert logged[0].exc_info[0].__name__ == cause


def test_stored_failure_is_logged_once(event, monkeypatch, caplog):
    def broken(event):
        raise ZeroDivisionError

    kind = "checkout.session.completed"
    for module in ("django_checkout.webhooks.handlers", "shop"):
        broken.__module__ = module
        monkeypatch.setitem(registry.HANDLERS, kind, [registry.Registered(broken)])
        post_event(event)

    logged = [record.getMessage().split()[0] for record in caplog.records if record.name == "django_checkout"]
    assert logged == ["event_failed", "handler_failed"]


def test_failed_event_returns_500_and_is_retried(event, order, monkeypatch, caplog):
    def broken(event):
        raise ZeroDivisionError("shopper@example.com")

    broken.__module__ = "django_checkout.webhooks.handlers"
    registered = registry.HANDLERS["checkout.session.completed"]
    monkeypatch.setitem(registry.HANDLERS, "checkout.session.completed", [registry.Registered(broken)])
    response = post_event(event)
    row = WebhookEvent.objects.get()
    assert (response.status_code, row.state, row.attempts, row.error_code) == (500, "failed", 1, "ZeroDivisionError")
    assert row.error_message == ""
    assert row.next_attempt_at is not None

    monkeypatch.setitem(registry.HANDLERS, "checkout.session.completed", registered)
    response = post_event(event)

    order.refresh_from_db()
    row.refresh_from_db()
    assert (response.status_code, row.state, row.attempts, order.status) == (200, "processed", 2, "paid")


def test_failing_handler_of_the_host_does_not_prevent_the_payment(event, order, monkeypatch):
    def broken(event):
        raise ZeroDivisionError

    kind = "checkout.session.completed"
    monkeypatch.setitem(registry.HANDLERS, kind, [registry.Registered(broken), *registry.HANDLERS[kind]])
    first, second = post_event(event), post_event(event)

    order.refresh_from_db()
    row = WebhookEvent.objects.get()
    assert (first.status_code, second.status_code) == (500, 500)
    assert (order.status, row.state, row.attempts, row.error_code) == ("paid", "failed", 2, "ZeroDivisionError")
    assert Announcement.objects.get(signal="order_paid").state == "announced"


def test_failed_event_is_stored_without_secrets_and_our_urls(event, monkeypatch):
    def broken(event):
        raise ZeroDivisionError

    kind = "checkout.session.completed"
    monkeypatch.setitem(registry.HANDLERS, kind, [*registry.HANDLERS[kind], registry.Registered(broken)])
    body = json.loads(event)
    body["data"]["object"]["client_secret"] = "cs_secret_1"

    post_event(body)

    stored = WebhookEvent.objects.get().payload["data"]["object"]
    secret = {"client_secret", "success_url", "cancel_url"}
    assert body["data"]["object"]["success_url"]
    assert stored == {name: value for name, value in body["data"]["object"].items() if name not in secret}


def test_handler_of_the_host_gets_the_whole_object(event, monkeypatch):
    seen = []
    kind = "checkout.session.completed"
    monkeypatch.setitem(registry.HANDLERS, kind, [*registry.HANDLERS[kind], registry.Registered(seen.append)])

    post_event(event)

    assert seen[0].object["customer_details"]["email"]
    assert "customer_details" not in WebhookEvent.objects.get().payload["data"]["object"]


def test_event_with_an_unknown_status_fails_and_can_be_processed_later(event, order):
    body = json.loads(event)
    known = body["data"]["object"]["payment_status"]
    body["data"]["object"]["payment_status"] = "half_paid"

    response = post_event(body)

    row = WebhookEvent.objects.get()
    assert (response.status_code, row.state, row.error_code) == (500, "failed", "unknown_fact")
    row.payload["data"]["object"]["payment_status"] = known
    row.save()
    processing.process(row)
    order.refresh_from_db()
    assert order.status == "paid"


def test_object_with_a_missing_field_is_retrieved(event, order):
    body = json.loads(event)
    del body["data"]["object"]["payment_status"]
    del body["data"]["object"]["amount_subtotal"]

    response = post_event(body)

    order.refresh_from_db()
    assert (response.status_code, order.status, order.paid_minor) == (200, "paid", 2000)


def test_object_of_a_thin_event_is_retrieved(event, order):
    session_id = json.loads(event)["data"]["object"]["id"]
    thin = {
        "id": "evt_thin",
        "object": "v2.core.event",
        "type": "v1.checkout.session.completed",
        "created": "2026-11-24T10:00:00.000Z",
        "livemode": False,
        "related_object": {"id": session_id, "type": "checkout.session", "url": f"/v1/checkout/sessions/{session_id}"},
    }

    response = post_event(thin)

    order.refresh_from_db()
    assert (response.status_code, order.status) == (200, "paid")


def test_client_secrets_are_not_stored(event):
    body = json.loads(event)
    body["data"]["object"]["client_secret"] = "cs_test_x_secret_y"
    body["data"]["object"]["payment_intent"] = {"id": "pi_1", "client_secret": "pi_1_secret_z"}

    post_event(body)

    assert "_secret_" not in json.dumps(WebhookEvent.objects.get().payload)


def test_task_mode_stores_the_event_and_processes_it_later(event, order, queue):
    response = post_event(event)

    order.refresh_from_db()
    assert (response.status_code, WebhookEvent.objects.get().state, order.status) == (200, "received", "unpaid")
    assert tasks.drain() == 1
    order.refresh_from_db()
    assert order.status == "paid"


def test_worker_finds_the_task_by_its_path(event, order, queue):
    """A queue stores a task's path, and its worker imports it in another process."""
    post_event(event)
    queued = tasks.find_framework().default_task_backend.results[-1]

    task = import_string(queued.task.module_path)

    assert isinstance(task, type(queued.task))
    assert task.call() == 1
    order.refresh_from_db()
    assert order.status == "paid"


def test_webhook_needs_no_csrf_token_and_no_login(event):
    client = Client(enforce_csrf_checks=True)

    response = client.post(
        reverse("django_checkout:webhook"), event, "application/json", headers={"Stripe-Signature": sign(event)}
    )

    assert response.status_code == 200


def test_health_report_contains_counts_and_no_ids(client, event):
    post_event(event)

    report = client.get(reverse("django_checkout:health")).json()

    assert report.pop("runbook").startswith("https://")
    assert report == {
        "ok": True,
        "reasons": [],
        "alerts": {},
        "last_event_seconds": 0,
        "oldest_waiting_seconds": None,
        "events_waiting": 0,
        "events_failed": 0,
        "announcements_pending": 0,
    }


def test_neither_secrets_in_urls_nor_the_content_of_unhandled_events_are_stored():
    action = {"redirect_to_url": {"url": "https://hooks.example/?client_secret=pi_1_secret_2&x=1"}}
    stripe_object = {
        "id": "pi_1",
        "object": "payment_intent",
        "receipt_email": "kim@example.com",
        "next_action": action,
        "metadata": {"checkout_session": "00000000-0000-4000-8000-000000000000"},
    }
    body = {"object": "event", "livemode": False, "created": 1, "data": {"object": stripe_object}}

    post_event({**body, "id": "evt_1", "type": "payment_intent.canceled"})
    post_event({**body, "id": "evt_2", "type": "payment_intent.created"})

    handled, unhandled = (json.dumps(row.payload) for row in WebhookEvent.objects.order_by("stripe_id"))
    assert "pi_1_secret_2" not in handled
    assert "x=1" in handled
    assert "kim@example.com" not in unhandled
    assert "pi_1" in unhandled
