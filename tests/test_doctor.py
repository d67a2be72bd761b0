"""The doctor: each problem has a finding with the command that fixes it; a correct site has none."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime
from io import StringIO
from types import SimpleNamespace

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from django_checkout import reconcile, services
from django_checkout.api_versions import API_VERSIONS
from django_checkout.conf import conf
from django_checkout.emulator.messages import ApiError
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Discrepancy,
    ReconciliationRun,
    WebhookEvent,
)
from django_checkout.operations import doctor, health
from django_checkout.operations.alerts import RUNBOOK, Alert
from django_checkout.operations.doctor import IDS, Severity
from django_checkout.operations.doctor import site as site_examination
from django_checkout.reconcile import missed_events
from django_checkout.stripe_api import gateway, permissions, webhook_endpoints
from django_checkout.stripe_api.steps import run
from django_checkout.testing import post_event
from django_checkout.webhooks import endpoints, registry

pytestmark = [pytest.mark.django_db, pytest.mark.core]

URL = "http://testserver/checkout/webhook/"
#: Warnings about a test project that a production site does not have.
OF_TESTS = {"W005", "W011"}


@pytest.fixture
def own_webhook(monkeypatch):
    """Deliver events to the site's webhook in process; return the list of response statuses."""
    answers: list[int] = []

    def deliver(url, body, signature):
        assert url == URL
        answers.append(post_event(body, signature).status_code)
        return answers[-1]

    monkeypatch.setattr(webhook_endpoints, "deliver", deliver)
    return answers


@pytest.fixture
def site(stripe_emulator, own_webhook, settings):
    """A site whose webhook endpoint is set up, and has delivered an event."""
    settings.STRIPE_WEBHOOK_SECRETS = [endpoints.set_up().secret]
    assert post_event({"id": "evt_1", "object": "event", "type": "x.y", "livemode": False}).status_code == 200
    WebhookEvent.objects.all().delete()
    return stripe_emulator


def _ids(**options) -> list[str]:
    return [finding.id for finding in doctor.examine(**options) if finding.id not in OF_TESTS]


def _names(**options) -> list[str]:
    names = {number: name for name, number in IDS.items()}
    return [names.get(number, number) for number in _ids(**options)]


def _edit_endpoint(emulator, **changes):
    with emulator.store.transaction():
        (endpoint,) = emulator.store.select("webhook_endpoint")
        emulator.store.save({**endpoint, **changes})


def test_paid_session_of_a_shopper_who_does_not_return_is_found(site, order):
    """Webhooks are the only news, and health knows of the session when it expires."""
    site.pay(services.start(order).stripe_id)
    later = timezone.now() + timedelta(minutes=11)

    def found():
        return [
            finding.message for finding in doctor.examine(now=later, delivers=False) if "open here" in finding.message
        ]

    assert found() == ["1 sessions are complete at Stripe and open here: their events have not arrived."]
    reconcile.run(fix=True)
    assert found() == []


def test_correct_site_has_no_findings(site, own_webhook):
    assert _ids() == []
    assert own_webhook == [200]


def test_test_delivery_leaves_no_event(site):
    doctor.examine()

    assert WebhookEvent.objects.count() == 0


def test_ids_are_unique():
    assert len(set(IDS.values())) == len(IDS)


def test_every_finding_names_what_fixes_it(stripe_emulator, settings):
    settings.STRIPE_WEBHOOK_SECRETS = []

    found = doctor.examine(delivers=False)

    assert {"E011", IDS["no_endpoint"]} <= {finding.id for finding in found}
    assert all(finding.message and finding.command for finding in found)
    assert [finding.severity for finding in found] == sorted(
        (finding.severity for finding in found), key=list(Severity).index
    )


def test_silenced_warnings_are_not_reported_and_errors_are(site, settings):
    settings.SILENCED_SYSTEM_CHECKS = [f"django_checkout.{number}" for number in ("W005", "W011", "E011")]
    assert doctor.examine(delivers=False) == []

    settings.STRIPE_WEBHOOK_SECRETS = []

    assert "E011" in [finding.id for finding in doctor.examine(delivers=False)]


def test_no_endpoint(stripe_emulator, own_webhook):
    (finding,) = [finding for finding in doctor.examine() if finding.id not in OF_TESTS]

    assert (finding.id, finding.severity) == (IDS["no_endpoint"], Severity.ERROR)
    assert finding.command == "manage.py checkout_setup_webhook"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"status": "disabled"}, ["disabled"]),
        ({"enabled_events": ["checkout.session.completed"]}, ["missing_events"]),
        ({"enabled_events": [*registry.handled_types(), "person.created"]}, ["extra_events"]),
        ({"enabled_events": ["*"]}, ["extra_events"]),
        ({"api_version": "2024-06-20"}, ["version"]),
        ({"api_version": None}, ["version"]),
        ({"url": "https://elsewhere.example/"}, ["no_endpoint"]),
    ],
)
def test_endpoint_is_compared_with_the_requirements(site, changes, names):
    _edit_endpoint(site, **changes)

    assert _names() == names


@pytest.mark.parametrize(
    "changes",
    [{"enabled_events": ["*"]}, {"enabled_events": ["checkout.session.completed"]}, {"url": URL.rstrip("/")}],
    ids=["extra", "missing", "redirected"],
)
def test_advice_about_an_endpoint_of_another_version_can_be_followed(site, changes):
    _edit_endpoint(site, api_version="2024-06-20", **changes)
    found = [finding for finding in doctor.examine(delivers=False) if finding.command.startswith("manage.py checkout_")]

    assert len(found) == 2
    for finding in found:
        _, name, *options = finding.command.split()
        call_command(name, *options, "--dry-run", stdout=StringIO())


def test_endpoint_is_compared_with_the_version_of_the_setting(site, settings):
    settings.CHECKOUT_API_VERSION = next(name for name in API_VERSIONS if name != settings.CHECKOUT_API_VERSION)

    assert _names() == ["version"]


def test_two_endpoints_with_one_url(site):
    run(webhook_endpoints.create_endpoint(URL, registry.handled_types(), description=""))

    assert _names() == ["duplicates"]


def test_upgrade_is_not_advised_to_be_finished_before_a_delivery_of_the_new_endpoint(stripe_emulator, settings):
    old = run(webhook_endpoints.create_endpoint(URL, registry.handled_types(), description=""))
    _edit_endpoint(stripe_emulator, api_version="2024-06-20")
    secret = endpoints.set_up(upgrade=True).secret
    settings.STRIPE_WEBHOOK_SECRETS = [old["secret"]]

    def advice():
        found = doctor.examine(delivers=False)
        return next(finding.command for finding in found if finding.id == IDS["duplicates"])

    assert advice().startswith("No delivery of we_")
    assert "Add its signing secret to STRIPE_WEBHOOK_SECRETS, deploy" in advice()

    settings.STRIPE_WEBHOOK_SECRETS = [secret, old["secret"]]
    event = {"id": "evt_1", "object": "event", "type": "x.y", "livemode": False}
    event["api_version"] = conf.CHECKOUT_API_VERSION
    assert post_event(event).status_code == 200

    assert advice() == "manage.py checkout_setup_webhook --finish-upgrade"


def test_disabled_endpoint_stays_an_alert_until_it_is_seen_enabled(site):
    _edit_endpoint(site, status="disabled")
    assert _names() == ["disabled"]
    assert [alert.reason for alert in health.read().alerts] == ["endpoint_disabled"]

    endpoints.set_up()

    assert health.read().alerts == ()


def test_events_that_stripe_could_not_deliver(site, order):
    site.chaos.lose(1000)
    site.pay(services.start(order).stripe_id)
    site.deliver_to(lambda body, headers: 200)
    assert "undelivered" not in _names()

    later = timezone.now() + timedelta(hours=2)

    (finding,) = [found for found in doctor.examine(now=later, delivers=False) if found.id == IDS["undelivered"]]
    assert finding.command == "manage.py checkout_reconcile --missed-events"

    missed_events.process()
    assert "undelivered" not in _names(now=later, delivers=False)


def test_events_that_only_another_endpoint_refuses_are_not_reported(site, order, pay, settings):
    settings.STRIPE_WEBHOOK_SECRETS = [*settings.STRIPE_WEBHOOK_SECRETS, "whsec_tests"]
    run(webhook_endpoints.create_endpoint("https://elsewhere.example/", registry.handled_types(), description=""))
    pay(order)
    assert WebhookEvent.objects.filter(state="processed").exists()
    with site.store.transaction():
        assert site.store.select("event", {"_is_delivered": False})

    assert "undelivered" not in _names(now=timezone.now() + timedelta(hours=2), delivers=False)


def test_no_address(site, settings):
    settings.CHECKOUT_BASE_URL = ""

    assert _names() == ["no_address"]


def test_emulator_needs_no_endpoint(stripe_emulator, own_webhook, settings):
    settings.CHECKOUT_EMULATOR = True

    assert "emulated" in _names()
    assert "no_endpoint" not in _names()


def test_emulator_in_production(own_webhook, settings, monkeypatch):
    settings.CHECKOUT_EMULATOR = True
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    monkeypatch.setattr(doctor.account, "examine_account", lambda: iter(()))
    monkeypatch.setattr(doctor.account, "examine_endpoints", lambda url, now: iter(()))

    assert {"E043", "emulator"} <= set(_names())


def test_key_that_stripe_does_not_know(site, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_unknown key"

    assert "key_refused" in _names()


def test_unusable_key_ends_the_examination(stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = ""

    assert _ids() == ["E048"]


def test_publishable_key_of_another_mode_does_not_end_the_examination(stripe_emulator, own_webhook, settings):
    settings.STRIPE_PUBLISHABLE_KEY = "pk_live_51Hk2"

    assert {"E008", "no_endpoint"} <= set(_names())


def test_malformed_setting_is_reported_by_its_id(site, settings):
    settings.CHECKOUT_BASE_URL = "https://shop.example/somewhere"

    assert _ids() == ["E023"]


def test_more_event_types_than_one_request_allows(site, monkeypatch):
    types = registry.handled_types() + [f"host.type_{number}" for number in range(30)]
    monkeypatch.setattr(registry, "handled_types", lambda: types)
    requested = []
    read_page = gateway.read_page

    def read(path, **filters):
        if path == "/v1/events":
            requested.extend(filters["types"])
            assert len(filters["types"]) <= 20
        return read_page(path, **filters)

    monkeypatch.setattr(gateway, "read_page", read)

    assert "undelivered" not in _names(delivers=False)
    assert requested == types


def test_endpoints_that_stripe_cannot_list_at_the_moment(site):
    read = site.handle
    lists = []

    def answer(request):
        lists.extend([request.path] if request.path == "/v1/webhook_endpoints" else [])
        if len(lists) == 2:
            site.chaos.fail(100, status=503)
        return read(request)

    site.handle = answer

    assert _names(delivers=False) == ["stripe_unavailable"]


@pytest.mark.parametrize(
    ("match", "what", "severity"),
    [
        ("GET /v1/refunds*", "/v1/refunds: ", Severity.ERROR),
        ("POST /v1/refunds*", "refund: ", Severity.ERROR),
        ("POST /v1/checkout/sessions*", "checkout.session: ", Severity.ERROR),
        ("POST /v1/payment_intents*", "payment_intent: ", Severity.ERROR),
        ("POST /v1/customers*", "customer: ", Severity.WARNING),
        ("POST /v1/billing_portal/sessions*", "billing_portal.session: ", Severity.WARNING),
        ("DELETE /v1/subscriptions*", "subscription: ", Severity.WARNING),
    ],
)
def test_missing_permission_of_a_restricted_key_is_named(site, match, what, severity):
    run(gateway.retrieve_account())
    site.incidents.restrict_keys(match)
    site.incidents.restrict_keys("GET /v1/account")

    (finding,) = [finding for finding in doctor.examine(delivers=False) if finding.id == IDS["permission"]]

    assert finding.message.startswith(what)
    assert "rak_" in finding.message
    assert finding.severity is severity


def test_trying_what_the_key_may_write_changes_nothing(site, stripe_requests, caplog):
    before = {kind: site.store.select(kind) for kind in ("checkout.session", "refund", "customer", "event")}

    assert _names(delivers=False) == []

    written = [request for request in stripe_requests if request.method != "GET"]
    assert len(written) == len(permissions.WRITES)
    assert before == {kind: site.store.select(kind) for kind in before}
    assert "stripe_error" not in caplog.text


@pytest.mark.parametrize(
    "words", ["Having the 'rak_charge_read' permission would", "Enabling \"Charges Read\" ('charge_read') permissions"]
)
def test_either_wording_of_stripe_names_the_permission(site, monkeypatch, words):
    def refuse(method, path, when):
        if path == "/v1/charges":
            raise ApiError(f"The key 'rk_test_1' lacks permissions. {words} would allow this request.", status=403)

    monkeypatch.setattr(site.chaos, "raise_fault", refuse)

    (finding,) = [finding for finding in doctor.examine(delivers=False) if finding.id == IDS["permission"]]
    assert "charge_read" in finding.message


@pytest.mark.parametrize("outage", ["hang", "close"])
def test_stripe_that_does_not_respond_is_not_called_again(site, stripe_requests, outage):
    site.incidents.start_outage(outage)

    assert _names(delivers=False) == ["stripe_unavailable"]
    # The SDK repeats the first call.
    assert {request.path for request in stripe_requests} == {"/v1/account"}


def test_stripe_that_stops_responding_is_not_asked_for_every_permission(site, stripe_requests):
    site.incidents.start_outage("hang", match="GET /v1/c*")

    assert "stripe_unavailable" in _names(delivers=False)
    assert not any(request.path == "/v1/refunds" for request in stripe_requests)


def test_stripe_is_unavailable(site):
    site.chaos.fail(10_000, status=503)

    assert "stripe_unavailable" in _names()


def test_one_list_is_unavailable(site):
    site.chaos.fail(2, status=500, match="GET /v1/payouts")

    assert _names() == ["stripe_unavailable"]


def test_account_that_cannot_charge(site, monkeypatch):
    def without_charges():
        yield from ()
        return {"charges_enabled": False}, None

    monkeypatch.setattr(gateway, "retrieve_account", without_charges)

    assert _names() == ["charges"]


@pytest.mark.parametrize(
    ("seconds", "severity"), [(5, None), (60, Severity.WARNING), (-60, Severity.WARNING), (600, Severity.ERROR)]
)
def test_clocks_are_compared(site, monkeypatch, seconds, severity):
    handle = site.handle
    date = format_datetime(timezone.now() - timedelta(seconds=seconds), usegmt=True)

    def dated(request):
        answer = handle(request)
        answer.headers["Date"] = date
        return answer

    monkeypatch.setattr(site, "handle", dated)

    found = {finding.id: finding.severity for finding in doctor.examine(delivers=False)}

    assert found.get(IDS["clock"]) == severity


def test_webhook_with_other_secrets(site, monkeypatch, settings):
    deliver = webhook_endpoints.deliver

    def other_site(url, body, signature):
        with monkeypatch.context() as patch:
            patch.setattr(settings, "STRIPE_WEBHOOK_SECRETS", ["whsec_other"])
            return deliver(url, body, signature)

    monkeypatch.setattr(webhook_endpoints, "deliver", other_site)

    assert _names() == ["delivery_refused"]


def test_every_secret_is_tried(site, own_webhook, settings):
    settings.STRIPE_WEBHOOK_SECRETS = [*settings.STRIPE_WEBHOOK_SECRETS, "whsec_new"]

    assert _ids() == []
    assert own_webhook == [200, 200]


@pytest.mark.parametrize(
    ("status", "name"), [(302, "delivery_refused"), (403, "delivery_refused"), (200, "other_site")]
)
def test_another_site_responds(site, monkeypatch, status, name):
    monkeypatch.setattr(webhook_endpoints, "deliver", lambda url, body, signature: status)

    assert _names() == [name]


def test_slow_webhook(site, monkeypatch):
    monkeypatch.setattr(site_examination, "SLOW_SECONDS", -1)

    assert _names() == ["slow"]


def test_unreachable_webhook(stripe_emulator, settings):
    settings.CHECKOUT_BASE_URL = "http://127.0.0.1:9"
    endpoints.set_up()

    assert _names() == ["unreachable", "unproven"]


def test_endpoint_whose_deliveries_were_never_verified_is_not_called_right(stripe_emulator, own_webhook):
    """The test delivery verifies, because it is signed with the site's own secret."""
    endpoints.set_up()

    (finding,) = [finding for finding in doctor.examine() if finding.id not in OF_TESTS]

    assert own_webhook == [200]
    assert (finding.id, finding.severity) == (IDS["unproven"], Severity.INFO)
    assert "the test delivery is signed with the site's own secrets" in finding.message


def test_age_of_the_last_verified_delivery_is_reported(site):
    (finding,) = [
        finding
        for finding in doctor.examine(now=timezone.now() + timedelta(days=9), delivers=False)
        if finding.id == IDS["unproven"]
    ]

    assert finding.message.startswith("For 9 days, no delivery of the endpoint")


def test_failed_events_stuck_events_and_failing_receivers(site, order):
    now = timezone.now()
    values = {"type": "t", "livemode": False, "created_at": now}
    WebhookEvent.objects.create(stripe_id="evt_1", state="failed", **values)
    WebhookEvent.objects.create(stripe_id="evt_2", state="received", **values)
    WebhookEvent.objects.update(received_at=now - timedelta(hours=1))
    Announcement.objects.create(order=order, signal="order_paid", fact="x", state="pending", attempts=3)

    assert _names() == ["failed_events", "stuck_events", "failing_receiver"]


def test_endpoint_without_the_trailing_slash_is_reported_and_corrected(site, own_webhook):
    (endpoint,) = run(webhook_endpoints.list_endpoints())
    run(webhook_endpoints.update_endpoint(endpoint["id"], url=endpoint["url"].rstrip("/")))
    before = _names()

    endpoints.set_up()

    assert (before, _names()) == (["address"], [])


def test_completed_session_without_events(site, order):
    site.pay(services.start(order).stripe_id)
    reconcile.run(fix=True)
    CheckoutSession.objects.update(completed_at=timezone.now() - timedelta(minutes=6))

    assert _names() == ["no_events"]


def test_neglected_maintenance(site, order):
    services.start(order)
    Discrepancy.objects.create(kind="refund_differs", subject="re_1")
    AttentionItem.objects.create(order=order, code="disputed", fact="du_1")
    now = timezone.now()
    WebhookEvent.objects.create(stripe_id="evt_1", type="t", livemode=False, created_at=now, state="processed")
    WebhookEvent.objects.update(received_at=now - timedelta(days=400))

    assert _names() == ["not_reconciled", "discrepancies", "retention", "attention"]


@pytest.mark.parametrize(
    ("ran_days_ago", "message"),
    [
        (None, "No reconciliation has been completed yet."),
        (6, None),
        (9, "The last complete reconciliation was 9 days ago."),
    ],
)
def test_reconciliation_that_has_never_run_is_not_said_to_be_late(ran_days_ago, message, site, order):
    services.start(order)
    now = timezone.now()
    ReconciliationRun.objects.create(scope="orders", state="stopped", since=now - timedelta(days=1), until=now)
    if ran_days_ago:
        until = now - timedelta(days=ran_days_ago)
        ReconciliationRun.objects.create(scope="orders", state="complete", since=until, until=until)

    found = [finding.message for finding in site_examination.examine_upkeep(now) if finding.id == IDS["not_reconciled"]]

    assert found == ([message] if message else [])


def test_database_that_does_not_respond_is_reported(site):
    def fail(execute, sql, params, many, context):
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(fail):
        found = {finding.id for finding in doctor.examine(delivers=False)}

    assert IDS["database"] in found


def test_unapplied_migrations(site):
    MigrationRecorder(connection).Migration.objects.filter(app="django_checkout").latest("pk").delete()

    assert "migrations" in _names()


def test_dropped_constraint(site, monkeypatch):
    get_constraints = connection.introspection.get_constraints

    def without(cursor, table):
        found = get_constraints(cursor, table)
        if table == CheckoutSession._meta.db_table:
            return {name: value for name, value in found.items() if value["columns"] != ["live_for_id"]}
        return found

    monkeypatch.setattr(connection.introspection, "get_constraints", without)

    (finding,) = [finding for finding in doctor.examine() if finding.id == IDS["constraint"]]
    assert "unique live_for_id" in finding.message


def _command(**options) -> tuple[str, int]:
    out = StringIO()
    code = 0
    try:
        call_command("checkout_doctor", stdout=out, **options)
    except SystemExit as error:
        code = error.code
    return out.getvalue(), code


def test_command_exits_zero_without_errors(site):
    text, code = _command()

    assert code == 0
    assert "Errors: 0." in text or "No problems found." in text


def test_command_exits_one_on_errors_and_writes_json(stripe_emulator, own_webhook):
    text, code = _command(format="json")

    report = json.loads(text)
    assert (code, report["ok"]) == (1, False)
    assert {"id", "severity", "message", "command", "url"} == set(report["findings"][0])
    assert report["findings"][0]["id"] == IDS["no_endpoint"]


def test_no_secret_is_shown(site, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_veryprivate key"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_veryprivate"]

    text, _ = _command(format="json")

    assert "veryprivate" not in text


def test_command_exits_two_if_it_cannot_run(site, monkeypatch):
    def broken(**options):
        raise RuntimeError("a bug")

    monkeypatch.setattr(doctor, "examine", broken)

    with pytest.raises(CommandError, match="a bug") as caught:
        _command()
    assert caught.value.returncode == 2


def test_session_whose_event_waits_is_not_called_unreported(site, order, pay, queue):
    """The queue has stopped: the event has arrived, at any state, and the session is still open here."""
    pay(order)
    later = timezone.now() + timedelta(minutes=11)
    for state in ("received", "processing", "failed"):
        WebhookEvent.objects.update(state=state, received_at=timezone.now() - timedelta(hours=2))
        assert CheckoutSession.objects.get().status == "open"
        assert "no_events" not in _names(now=later, delivers=False)
    # Its time is over as well, and the event of no other session has arrived since.
    CheckoutSession.objects.update(expires_at=later - timedelta(minutes=1))
    assert "no_events" not in _names(now=later + timedelta(hours=1), delivers=False)


def test_advice_about_missing_events_ends_the_finding(site, order, settings):
    site.pay(services.start(order).stripe_id)
    site.deliver_to(lambda body, headers: 200)
    later = timezone.now() + timedelta(minutes=11)
    (finding,) = [found for found in doctor.examine(now=later, delivers=False) if found.id == IDS["no_events"]]
    reconcile.run(fix=True)
    CheckoutSession.objects.update(completed_at=timezone.now() - timedelta(minutes=6))
    (alert,) = [found for found in doctor.examine(delivers=False) if found.id == IDS["no_events"]]

    assert finding.command == alert.command
    assert "checkout_doctor" not in alert.command
    with site.store.transaction():
        (event,) = site.store.select("event", {"type": "checkout.session.completed"})
    assert post_event(event).status_code == 200

    assert "no_events" not in _names(delivers=False)


def test_advice_of_no_finding_is_to_run_the_doctor(site, monkeypatch):
    """It was run already; with an option it does something else."""
    alerts = tuple(Alert(reason=reason, number=1) for reason in site_examination.FINDINGS)
    monkeypatch.setattr(health, "read", lambda *, now: SimpleNamespace(alerts=alerts))

    found = list(site_examination.examine_backlog(timezone.now()))

    assert len(found) == len(alerts)
    assert [finding.id for finding in found if "manage.py checkout_doctor" in finding.command] == []


@pytest.mark.parametrize("leg", ["request", "response"])
def test_time_of_a_slow_call_is_no_difference_of_clocks(site, monkeypatch, leg):
    handle = site.handle
    with time_machine.travel(timezone.now(), tick=True) as traveller:

        def slow(request):
            is_slow = request.path == "/v1/account"
            if is_slow and leg == "request":
                traveller.shift(400)
            answer = handle(request)
            answer.headers["Date"] = format_datetime(timezone.now(), usegmt=True)
            if is_slow and leg == "response":
                traveller.shift(400)
            return answer

        monkeypatch.setattr(site, "handle", slow)

        assert "clock" not in _names(delivers=False)


def test_test_delivery_is_signed_when_it_is_sent(site, monkeypatch):
    """The checks before may take longer than the tolerance of the webhook."""
    examine_account = doctor.account.examine_account
    with time_machine.travel(timezone.now(), tick=True) as traveller:

        def slow():
            yield from examine_account()
            traveller.shift(400)

        monkeypatch.setattr(doctor.account, "examine_account", slow)

        assert "delivery_refused" not in _names()


def test_hint_for_a_silent_stripe_says_what_to_check_in_order(site, settings):
    site.incidents.start_outage("close")

    (finding,) = [found for found in doctor.examine(delivers=False) if found.id == IDS["stripe_unavailable"]]

    words = ("https://status.stripe.com", "DNS", "HTTPS_PROXY", "curl -sv")
    places = [finding.command.find(word) for word in words]
    assert -1 not in places
    assert places == sorted(places)
    assert settings.STRIPE_API_BASE in finding.command


def test_link_of_each_finding_leads_to_it(site):
    _edit_endpoint(site, status="disabled")
    text, _ = _command(no_delivery=True)
    report = json.loads(_command(format="json", no_delivery=True)[0])

    assert f"{RUNBOOK}#d012" in text
    assert {finding["id"]: finding["url"] for finding in report["findings"]}["D012"] == f"{RUNBOOK}#d012"
    # The reference has the system checks in common.
    assert {finding["url"] for finding in report["findings"] if finding["id"] in OF_TESTS} == {f"{RUNBOOK}#findings"}
