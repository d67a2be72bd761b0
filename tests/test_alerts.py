"""What deliveries and calls to Stripe raise as alerts, and what ends them, through the real view and client."""

from __future__ import annotations

import io
import json
import logging
import time
from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_checkout import services
from django_checkout.exceptions import StripeError, StripeNotFoundError
from django_checkout.models import Observation, Order, Refund, WebhookEvent
from django_checkout.operations import alert_log, doctor, health
from django_checkout.operations.alerts import RULES
from django_checkout.stripe_api import billing, gateway, observations
from django_checkout.stripe_api.client import forget_clients, get_client, permission_for
from django_checkout.stripe_api.observations import Kind
from django_checkout.stripe_api.steps import run
from django_checkout.testing import deliver_events, post_event, sign
from django_checkout.webhooks import proof
from tests import process_memory
from tests.races.together import run_after

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def reasons():
    response = Client().get(reverse("django_checkout:health"))
    assert response.status_code == (503 if response.json()["reasons"] else 200)
    return response.json()["reasons"]


def later(**span):
    """Move the times of all observations into the past."""
    passed = timedelta(**span)
    process_memory.forget()
    Observation.objects.update(first_at=F("first_at") - passed, last_at=F("last_at") - passed)


@pytest.fixture
def session(stripe_emulator, order):
    """An open session."""
    return services.start(order)


def about(session, **changes):
    """An event about a session, not signed yet."""
    event = {
        "id": f"evt_{time.monotonic_ns()}",
        "object": "event",
        "api_version": "2026-08-26.dahlia",
        "type": "checkout.session.of_the_future",
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": {"id": session.stripe_id, "object": "checkout.session"}},
    }
    return json.dumps({**event, **changes}).encode()


def refuse(session, times=3, secret="whsec_of_before"):
    for _ in range(times):
        body = about(session)
        assert post_event(body, sign(body, secret=secret)).status_code == 400


def test_rolled_secret_is_an_alert_until_a_delivery_verifies(stripe_emulator, session):
    secret = stripe_emulator.roll_secret()
    stripe_emulator.pay(session.stripe_id)
    assert {attempt.status for attempt in deliver_events(stripe_emulator)} == {400}
    assert reasons() == []

    later(minutes=5)
    assert reasons() == ["deliveries_refused"]

    body = about(session)
    assert post_event(body, sign(body)).status_code == 200
    assert secret
    assert reasons() == []


@pytest.mark.parametrize(
    ("change", "header"),
    [
        pytest.param({"data": {"object": {"id": "cs_test_of_a_stranger"}}}, "", id="object-of-a-stranger"),
        pytest.param({"id": 7}, "", id="no-event"),
        pytest.param({"data": {"object": {"id": "x", "metadata": {"checkout_session": "no-uuid"}}}}, "", id="no-uuid"),
        pytest.param({}, "nonsense", id="malformed-header"),
        pytest.param({}, "t=1", id="header-without-signature"),
    ],
)
def test_garbage_is_neither_counted_nor_stored(session, change, header):
    body = about(session, **change)

    assert post_event(body, header or sign(body, secret="whsec_other")).status_code == 400

    assert not Observation.objects.filter(kind=Kind.REFUSED).exists()
    assert not WebhookEvent.objects.exists()


def test_deep_body_is_refused(session):
    body = b"[" * 100_000

    assert post_event(body, sign(body, secret="whsec_other")).status_code == 400


def test_refused_deliveries_take_one_row_and_few_writes(session):
    refuse(session, times=30)

    (row,) = Observation.objects.filter(kind=Kind.REFUSED)
    assert observations.EXACT <= row.count <= 30


def test_number_says_that_not_every_delivery_was_counted(session):
    refuse(session, times=9)
    later(minutes=5)
    (alert,) = health.read().alerts
    assert alert.text.endswith(": 9.")

    refuse(session, times=20)

    (alert,) = health.read().alerts
    assert alert.text.endswith("+.")


@pytest.mark.parametrize(
    "reason", [kind for kind in RULES if kind in health.OBSERVED.values() or kind == "webhooks_silent"]
)
def test_hint_says_what_ends_an_alert_that_a_correction_does_not_end(reason):
    # The doctor, or the command that the hint names, ends the others.
    is_ended = reason in ("endpoint_disabled", "key_refused", "stripe_silent")

    assert ("the alert ends with the next" in RULES[reason].hint) != is_ended


def test_whoever_knows_a_session_raises_no_alert_for_ever(session):
    refuse(session)
    later(minutes=5)
    assert reasons() == ["deliveries_refused"]

    later(days=7)

    assert reasons() == []


@pytest.mark.parametrize("seen", ["late", "other mode"])
def test_last_delivery_of_a_site_without_traffic_raises_no_alert_for_ever(session, seen):
    if seen == "late":
        body = about(session)
        post_event(body, sign(body, timestamp=int(time.time()) - 600))
    else:
        post_event(about(session, livemode=True))
    later(minutes=5)
    assert len(reasons()) == 1

    later(days=7)

    assert reasons() == []


def test_wrong_clock_is_an_alert_of_its_own(session):
    body = about(session)

    assert post_event(body, sign(body, timestamp=int(time.time()) - 600)).status_code == 400
    later(minutes=5)
    assert reasons() == ["deliveries_late"]

    assert post_event(body).status_code == 200
    assert reasons() == []


def test_events_of_the_other_mode_are_an_alert(session):
    assert post_event(about(session, livemode=True)).status_code == 200
    later(minutes=5)
    assert reasons() == ["deliveries_other_mode"]

    assert post_event(about(session)).status_code == 200
    assert reasons() == []


def test_test_event_of_a_connected_account_is_no_alert(session):
    post_event(about(session, livemode=True, account="acct_connected"))
    later(minutes=5)

    assert reasons() == []


def test_fingerprint_of_the_last_secret_is_stored_and_not_the_secret(session):
    post_event(about(session))

    (row,) = Observation.objects.filter(kind=Kind.DELIVERED)
    assert row.detail == "2026-08-26.dahlia"
    assert len(row.subject) == 16
    assert "whsec" not in row.subject


def test_verified_deliveries_take_no_query_of_the_alerts_for_some_seconds(session):
    post_event(about(session))

    with _Counter() as counter:
        for _ in range(3):
            post_event(about(session))
    assert (counter.reads, counter.writes) == (0, 0)

    later(seconds=20)
    with _Counter() as counter:
        post_event(about(session))
    assert (counter.reads, counter.writes) == (1, 0)


def test_delivery_of_another_version_is_stored_at_once(session):
    post_event(about(session))

    post_event(about(session, api_version="2026-10-28.endive"))

    assert Observation.objects.get(kind=Kind.DELIVERED).detail == "2026-10-28.endive"


def test_delivery_that_another_process_refused_ends_the_alert_some_seconds_later(session):
    post_event(about(session))
    observations.observe(Kind.REFUSED)

    post_event(about(session))
    assert Observation.objects.filter(kind=Kind.REFUSED).exists()

    later(seconds=20)
    post_event(about(session))
    assert not Observation.objects.filter(kind=Kind.REFUSED).exists()


def test_burst_of_refused_deliveries_is_not_looked_at(session):
    refuse(session, times=observations.EXACT)

    with CaptureQueriesContext(connection) as queries:
        refuse(session, times=5)

    assert len(queries) == 0


def test_strangers_do_not_keep_a_refused_delivery_from_being_seen_for_long(session):
    for number in range(30):
        body = about(session, data={"object": {"id": f"cs_test_{number}"}})
        post_event(body, sign(body, secret="whsec_other"))
    refuse(session, times=1)
    assert not Observation.objects.filter(kind=Kind.REFUSED).exists()

    later(seconds=20)
    refuse(session, times=1)

    assert Observation.objects.filter(kind=Kind.REFUSED).exists()


class _Counter:
    """Counts the queries of observations."""

    def __init__(self):
        self.reads = self.writes = 0

    def __call__(self, execute, sql, params, many, context):
        if "django_checkout_observation" in sql:
            self.reads += sql.startswith("SELECT")
            self.writes += not sql.startswith("SELECT")
        return execute(sql, params, many, context)

    def __enter__(self):
        self._context = connection.execute_wrapper(self)
        self._context.__enter__()
        return self

    def __exit__(self, *error):
        self._context.__exit__(*error)


def call():
    run(gateway.retrieve_account())


def fail(calls=1):
    for _ in range(calls):
        with pytest.raises(StripeError):
            call()


def test_revoked_key_is_an_alert_until_stripe_accepts_a_call(stripe_emulator, db):
    call()
    stripe_emulator.incidents.revoke_keys()
    fail()
    assert reasons() == ["key_refused"]

    stripe_emulator.incidents.end()
    call()

    assert reasons() == []


def test_missing_permission_is_an_alert_until_that_permission_is_used(stripe_emulator, order):
    call()
    stripe_emulator.incidents.restrict_keys("POST /v1/checkout/sessions*")
    with pytest.raises(StripeError):
        services.start(order)
    assert reasons() == ["permission_missing"]
    assert Observation.objects.get(kind=Kind.FORBIDDEN).subject == "checkout.session write"

    call()
    assert reasons() == ["permission_missing"]

    stripe_emulator.incidents.end()
    services.start(order)
    assert reasons() == []


@pytest.mark.parametrize("match", ["GET /v1/account", "POST /v1/customers*", "GET /v1/payouts*"])
def test_what_the_doctor_tries_raises_no_alert(stripe_emulator, match, db):
    call()
    stripe_emulator.incidents.restrict_keys(match)

    doctor.examine(delivers=False)

    assert "permission_missing" not in reasons()


def test_setup_without_its_permission_raises_no_alert(stripe_emulator, db):
    call()
    stripe_emulator.incidents.restrict_keys("POST /v1/webhook_endpoints*")

    with pytest.raises(CommandError):
        call_command("checkout_setup_webhook", "--url", "https://shop.example/checkout/webhook/")

    assert reasons() == []


def test_doctor_names_the_permission_that_a_call_lacked(stripe_emulator, settings, db):
    settings.CHECKOUT_BASE_URL = "https://shop.example"
    call()
    stripe_emulator.incidents.restrict_keys("POST /v1/coupons*")
    with pytest.raises(StripeError):
        run(billing.create_coupon("off_1", amount_minor=100, currency="eur", name="", reference="R-1"))
    assert reasons() == ["permission_missing"]

    (finding,) = [found for found in doctor.examine(delivers=False) if found.id == doctor.IDS["permission"]]

    assert "coupon write" in finding.message
    assert "checkout_doctor" not in finding.command


def test_refund_that_nobody_sends_again_is_an_alert_until_it_is_confirmed(paid_order, stripe_emulator):
    """Cron does not run."""
    stripe_emulator.chaos.drop(2, when="before", match="POST /v1/refunds")
    with pytest.raises(StripeError):
        services.refund(paid_order, 500)
    assert reasons() == []

    Refund.objects.update(created_at=F("created_at") - timedelta(minutes=30))
    assert reasons() == ["refunds_unconfirmed"]
    (finding,) = [found for found in doctor.examine(delivers=False) if found.id == doctor.IDS["unconfirmed_refunds"]]
    assert "checkout_process_events" in finding.command

    call_command("checkout_process_events")
    assert reasons() == []


@pytest.mark.parametrize("outage", ["close", "unavailable", "html", "garbage"])
def test_silence_of_stripe_is_an_alert_until_the_first_answer(stripe_emulator, outage, db):
    stripe_emulator.incidents.start_outage(outage)
    fail()
    Observation.objects.update(first_at=F("first_at") - timedelta(minutes=5))
    fail()
    assert reasons() == []

    fail()
    assert reasons() == ["stripe_silent"]

    stripe_emulator.incidents.end()
    # This process makes no calls for some seconds after three have failed.
    forget_clients()
    with pytest.raises(StripeNotFoundError):
        run(gateway.retrieve_session("cs_test_unknown"))
    assert reasons() == []


def test_one_unanswered_call_is_no_alert_however_long_ago(stripe_emulator, db):
    stripe_emulator.incidents.start_outage("close")
    fail(calls=3)

    later(days=1)

    assert reasons() == []


def test_rate_limit_is_an_answer(stripe_emulator, db):
    stripe_emulator.chaos.fail(10, status=429)

    fail()

    assert not Observation.objects.exists()


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/v1/checkout/sessions/cs_test_A1/line_items", "checkout.session read"),
        ("/v1/payment_intents", "payment_intent read"),
        ("/v1/radar/early_fraud_warnings/issfr_1", "radar.early_fraud_warning read"),
        ("/v1/account", "account read"),
    ],
)
def test_permission_of_a_path(path, permission):
    assert permission_for(get_client().raw_request, ("get", path)) == permission


def test_path_and_service_name_the_same_permission():
    v1 = get_client().v1
    named = {
        "checkout.session write": (v1.checkout.sessions.create, v1.checkout.sessions.expire),
        "checkout.session read": (v1.checkout.sessions.retrieve,),
        "refund write": (v1.refunds.create,),
        "payment_intent write": (v1.payment_intents.capture, v1.payment_intents.cancel),
        "webhook_endpoint write": (v1.webhook_endpoints.update,),
        "billing_portal.session write": (v1.billing_portal.sessions.create,),
    }

    for permission, methods in named.items():
        assert {permission_for(method, ()) for method in methods} == {permission}


def _no_observations(execute, sql, params, many, context):
    if "django_checkout_observation" in sql:
        raise DatabaseError("the table is gone")
    return execute(sql, params, many, context)


def test_recording_never_breaks_a_request(stripe_emulator, session):
    with connection.execute_wrapper(_no_observations):
        call()
        stripe_emulator.incidents.start_outage("close")
        fail()
        body = about(session)
        assert post_event(body).status_code == 200
        assert post_event(body, sign(body, secret="whsec_other")).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_observation_inside_a_transaction_is_stored_after_the_commit():
    with transaction.atomic():
        observations.observe(Kind.SILENT)
        assert not Observation.objects.exists()
    assert Observation.objects.count() == 1

    with transaction.atomic():
        observations.forget([Kind.SILENT])
        assert Observation.objects.exists()
    assert not Observation.objects.exists()


def test_alert_is_logged_once_when_it_begins_and_ends(session, caplog):
    caplog.set_level(logging.INFO, "django_checkout")
    refuse(session)
    later(minutes=5)

    for _ in range(3):
        reasons()
    call_command("checkout_process_events", verbosity=0)
    (began,) = [record for record in caplog.records if "alert_began" in record.message]
    assert began.levelno == logging.ERROR
    assert "deliveries_refused" in began.message
    assert "STRIPE_WEBHOOK_SECRETS" in began.message

    post_event(about(session))
    for _ in range(2):
        reasons()
    (ended,) = [record for record in caplog.records if "alert_ended" in record.message]
    assert ended.levelno == logging.INFO


def _logged(caplog):
    """Return how often alerts began and ended in the log."""
    names = [record.getMessage().split(" ")[0] for record in caplog.records if record.name == "django_checkout"]
    return names.count("alert_began"), names.count("alert_ended")


def _begin(session):
    refuse(session)
    later(minutes=5)
    assert reasons() == ["deliveries_refused"]


def test_older_evaluation_is_not_logged_after_a_newer_one(session, caplog):
    """A slow request reads the alerts, and writes what it read after a quick one."""
    caplog.set_level(logging.INFO, "django_checkout")
    with run_after("django_checkout.operations.health.read", lambda: _begin(session)):
        assert reasons() == []
    assert _logged(caplog) == (1, 0)

    def end():
        post_event(about(session))
        assert reasons() == []

    with run_after("django_checkout.operations.health.read", end):
        assert reasons() == ["deliveries_refused"]
    assert _logged(caplog) == (1, 1)
    assert reasons() == []
    assert _logged(caplog) == (1, 1)


def test_older_evaluation_is_not_logged_after_a_newer_one_without_alerts(session, caplog):
    """No row of an alert shows that the newer one was made."""
    caplog.set_level(logging.INFO, "django_checkout")
    refuse(session)
    later(minutes=5)

    def end():
        post_event(about(session))
        assert reasons() == []

    with run_after("django_checkout.operations.health.read", end):
        assert reasons() == ["deliveries_refused"]

    assert _logged(caplog) == (0, 0)


def test_evaluation_of_a_machine_whose_clock_is_ahead_stops_no_other(session, caplog):
    health.report(now=timezone.now() + timedelta(hours=1))

    _begin(session)

    assert "alert_began reason=deliveries_refused" in caplog.text


def test_monitor_that_asks_often_writes_once_in_five_seconds(session):
    now = timezone.now()
    health.report(now=now)
    with CaptureQueriesContext(connection) as queries:
        health.report(now=now + timedelta(seconds=4))
        again = [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]
        health.report(now=now + timedelta(seconds=6))

    assert again == []
    assert any(query["sql"].startswith("UPDATE") for query in queries)


def test_older_look_at_the_endpoints_does_not_replace_a_newer_one(db):
    began_at = timezone.now()
    enabled, disabled = [{"status": "enabled"}], [{"status": "disabled"}]
    proof.record_status(disabled, began_at=began_at)
    proof.record_status(enabled, began_at=began_at + timedelta(seconds=2))

    proof.record_status(disabled, began_at=began_at + timedelta(seconds=1))
    assert reasons() == []

    proof.record_status(disabled, began_at=began_at + timedelta(seconds=3))
    assert reasons() == ["endpoint_disabled"]


def test_sweep_logs_alerts_of_a_site_without_a_monitor(session, caplog):
    refuse(session)
    later(minutes=5)

    call_command("checkout_process_events", verbosity=0)

    assert "alert_began reason=deliveries_refused" in caplog.text


#: The members of every response of health, and the types of their values.
MEMBERS = {
    "ok": bool,
    "reasons": list,
    "alerts": dict,
    "last_event_seconds": int,
    "oldest_waiting_seconds": int,
    "events_waiting": int,
    "events_failed": int,
    "announcements_pending": int,
    "runbook": str,
}


@pytest.fixture
def new_process(monkeypatch):
    """A process that has not logged that the database cannot be used."""
    monkeypatch.setattr(alert_log, "_unstored", {})


def _no_database(execute, sql, params, many, context):
    raise OperationalError("the server closed the connection") from OSError("it is gone")


def _read_only(execute, sql, params, many, context):
    if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")):
        raise OperationalError("attempt to write a readonly database")
    return execute(sql, params, many, context)


def _no_events(execute, sql, params, many, context):
    """Let the table of events be missing, as SQLite says it."""
    if "django_checkout_webhookevent" in sql:
        raise OperationalError("no such table") from Exception("no such table: django_checkout_webhookevent")
    return execute(sql, params, many, context)


@pytest.mark.parametrize(
    ("fault", "reason", "is_read"),
    [
        (None, None, True),
        (_no_database, "database_unavailable", False),
        (_read_only, "database_unavailable", True),
        (_no_events, "migrations_pending", False),
    ],
)
def test_every_response_of_health_has_the_same_members(fault, reason, is_read, paid_order, new_process, caplog):
    with connection.execute_wrapper(fault) if fault else nullcontext():
        response = Client().get(reverse("django_checkout:health"))

    found = response.json()
    assert response.status_code == (503 if reason else 200)
    assert (found["reasons"], found["alerts"]) == (([reason], {reason: 1}) if reason else ([], {}))
    assert list(found) == list(MEMBERS)
    assert {name for name in MEMBERS if found[name] is None} == (
        {"oldest_waiting_seconds"} if is_read else {name for name in MEMBERS if MEMBERS[name] is int}
    )
    assert all(value is None or type(value) is MEMBERS[name] for name, value in found.items())
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("fault", [_no_database, _read_only])
def test_database_that_stores_nothing_is_logged_once_per_process(fault, new_process, caplog):
    caplog.set_level(logging.INFO, "django_checkout")
    with connection.execute_wrapper(fault):
        for _ in range(3):
            assert reasons() == ["database_unavailable"]
    assert _logged(caplog) == (1, 0)
    assert "alert_began reason=database_unavailable" in caplog.text
    assert "free space" in caplog.text

    for _ in range(2):
        assert reasons() == []
    assert _logged(caplog) == (1, 1)


def test_end_that_another_thread_logs_at_the_same_time_is_logged_once(new_process, monkeypatch, caplog):
    class Shared(dict):
        """Another thread takes every reason once this one has seen it."""

        def keys(self):
            seen = [*super().keys()]
            self.clear()
            return {}.fromkeys(seen).keys()

    caplog.set_level(logging.INFO, "django_checkout")
    monkeypatch.setattr(alert_log, "_unstored", Shared(database_unavailable=timezone.now()))

    assert reasons() == []
    assert _logged(caplog) == (0, 0)


def test_missing_migration_is_logged_once_and_ends_no_other_alert(session, new_process, caplog):
    caplog.set_level(logging.INFO, "django_checkout")
    _begin(session)

    with connection.execute_wrapper(_no_events):
        for _ in range(3):
            assert reasons() == ["migrations_pending"]
    assert _logged(caplog) == (2, 0)

    assert reasons() == ["deliveries_refused"]
    assert _logged(caplog) == (2, 1)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (_no_database, "The database does not respond, or refuses writes."),
        (_no_events, "A table or column is missing in the database."),
    ],
)
def test_dashboard_shows_the_same_alert_as_health(fault, text, admin_client, new_process):
    """The pages of the admin read the site's tables as well, which are there."""

    def of_ours(execute, sql, params, many, context):
        if "django_checkout_" in sql:
            return fault(execute, sql, params, many, context)
        return execute(sql, params, many, context)

    cache.clear()
    with connection.execute_wrapper(of_ours):
        page = admin_client.get(reverse("admin:django_checkout_order_dashboard"))
        index = admin_client.get(reverse("admin:app_list", args=["django_checkout"]))

    for response in (page, index):
        assert response.status_code == 200
        assert text in response.text
        assert "No alerts" not in response.text


def _no_tables(execute, sql, params, many, context):
    if "django_checkout_" in sql:
        raise OperationalError("no such table") from Exception("no such table: django_checkout_order")
    return execute(sql, params, many, context)


COMMANDS = {
    "checkout_process_events": (),
    "checkout_reconcile": ("--fix",),
    "checkout_prune": (),
    "checkout_erase": ("--order", "R-1"),
    "checkout_setup_webhook": ("--url", "https://shop.example/checkout/webhook/"),
}


@pytest.mark.parametrize("fault", [_no_database, _read_only, _no_tables])
@pytest.mark.parametrize("command", COMMANDS)
def test_command_says_in_one_line_that_the_database_cannot_be_used(fault, command, paid_order, caplog):
    # What prune deletes, and what erase erases.
    WebhookEvent.objects.update(received_at=F("received_at") - timedelta(days=900))
    Order.objects.update(reference="R-1")
    caplog.clear()

    with connection.execute_wrapper(fault), pytest.raises(CommandError) as caught:
        call_command(command, *COMMANDS[command], stdout=io.StringIO(), stderr=io.StringIO())

    rule = RULES["migrations_pending" if fault is _no_tables else "database_unavailable"]
    assert caught.value.returncode == 2
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(rule.text))
    assert [record for record in caplog.records if record.name == "django_checkout"] == []


@pytest.mark.parametrize("fault", [_no_database, _read_only])
def test_doctor_reports_a_database_that_cannot_be_used(fault, stripe_emulator, settings, db):
    settings.CHECKOUT_BASE_URL = "https://shop.example"
    with connection.execute_wrapper(fault):
        found = {finding.id for finding in doctor.examine(delivers=False)}

    assert doctor.IDS["database"] in found


def test_health_reports_no_ids_and_no_secrets(session):
    refuse(session)
    later(minutes=5)

    text = Client().get(reverse("django_checkout:health")).text

    assert health.read().numbers == {"deliveries_refused": 3}
    assert session.stripe_id not in text
    assert "whsec" not in text
