"""Examines the site itself: its settings, its database, the way in to its webhook, and what waits."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

from django.apps import apps
from django.core import checks
from django.db import DatabaseError, models
from django.db.migrations.executor import MigrationExecutor
from django.views.decorators.debug import sensitive_variables

from django_checkout import account_gateway, database, endpoints, health
from django_checkout.conf import STRIPE_API_BASE, conf
from django_checkout.doctor.findings import Finding, Severity, new
from django_checkout.exceptions import EndpointError
from django_checkout.gateway import API_VERSION
from django_checkout.health import Reason
from django_checkout.ledger import announcements
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Discrepancy,
    ReconciliationRun,
    WebhookEvent,
)
from django_checkout.models.news import AnnouncementState, DiscrepancyState
from django_checkout.models.payouts import RunState
from django_checkout.retention import SETTLED

LABEL = "django_checkout"
SELF_DELIVERY = "django_checkout.self_delivery"
#: Stripe gives up on slow answers; the hosted page keeps the shopper waiting for them.
SLOW_SECONDS = 5
RECONCILED_WITHIN_DAYS = 7
#: Pruning is late when settled events are this much older than they should become.
PRUNED_WITHIN_DAYS = 7
_SWEEP = "manage.py checkout_process_events, every minute"
_LEVELS = {checks.ERROR: Severity.ERROR, checks.CRITICAL: Severity.ERROR, checks.WARNING: Severity.WARNING}


def examine_settings() -> Iterator[Finding]:
    """Run this app's system checks, with those of a site that sells; what both report is one finding."""
    found = [said for said in checks.run_checks(include_deployment_checks=True) if str(said.id).startswith(f"{LABEL}.")]
    errors = {said.msg for said in found if said.level >= checks.ERROR}
    for said in found:
        if said.level >= checks.ERROR or said.msg not in errors:
            yield Finding(
                id=str(said.id).removeprefix(f"{LABEL}."),
                severity=_LEVELS.get(said.level, Severity.INFO),
                message=str(said.msg),
                command=str(said.hint or "manage.py check --deploy"),
            )
    if conf.CHECKOUT_EMULATOR and not conf.debug and conf.STRIPE_API_BASE == STRIPE_API_BASE:
        message = "The emulator is served by a site that sells."
        yield new("emulator", Severity.ERROR, message, "Set CHECKOUT_EMULATOR to False")


def examine_schema() -> Iterator[Finding]:
    """Compare the database with the models: migrations that wait, constraints that are missing."""
    try:
        executor = MigrationExecutor(database.connection())
        targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == LABEL]
        waiting = [migration.name for migration, _ in executor.migration_plan(targets)]
        if waiting:
            message = f"Migrations wait: {', '.join(waiting)}."
            yield new("migrations", Severity.ERROR, message, f"manage.py migrate {LABEL}")
            return
        for model in apps.get_app_config(LABEL).get_models():
            for name in _missing_constraints(model):
                message = f"The table {model._meta.db_table} lacks the constraint {name}."
                command = f"Restore it as manage.py sqlmigrate {LABEL} shows it"
                yield new("constraint", Severity.ERROR, message, command)
    except DatabaseError as error:
        message = f"The database does not answer: {type(error).__name__}."
        yield new("database", Severity.ERROR, message, "manage.py dbshell")


def _missing_constraints(model: type[models.Model]) -> Iterator[str]:
    """Yield the unique and check constraints that the models declare and the table does not have."""
    connection = database.connection()
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, model._meta.db_table)
    unique = [set(found["columns"]) for found in there.values() if found["unique"]]
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            columns = {field.column for field in model._meta.concrete_fields if field.name in constraint.fields}
            if columns not in unique:
                yield constraint.name
        elif constraint.name not in there and connection.features.supports_table_check_constraints:
            yield constraint.name
    for field in model._meta.concrete_fields:
        if field.unique and not field.primary_key and {field.column} not in unique:
            yield f"unique {field.column}"


@sensitive_variables()
def examine_delivery(url: str, now: datetime) -> Iterator[Finding]:
    """Post an event to our own webhook, signed with each secret, and see whether it arrives here."""
    try:
        url = endpoints.webhook_url(url)
    except EndpointError:
        return
    for number, secret in enumerate(conf.STRIPE_WEBHOOK_SECRETS):
        which = f"STRIPE_WEBHOOK_SECRETS[{number}]"
        event_id = f"evt_doctor_{uuid4().hex}"
        body = _event(event_id, now)
        began = time.monotonic()
        try:
            status = account_gateway.deliver(url, body, _signature(body, secret, now))
        except EndpointError as error:
            yield new("unreachable", Severity.WARNING, str(error), "manage.py checkout_doctor --url ADDRESS")
            return
        took = time.monotonic() - began
        arrived, _ = WebhookEvent.objects.filter(stripe_id=event_id).delete()
        yield from _judge(url, which, status, took, arrived=bool(arrived))


def _judge(url: str, which: str, status: int, took: float, *, arrived: bool) -> Iterator[Finding]:
    if status == 400:
        message = f"{url} refuses what is signed with {which}: it runs with other secrets, or something changes bodies."
        yield new("delivery_refused", Severity.ERROR, message, "Deploy the same STRIPE_WEBHOOK_SECRETS everywhere")
    elif status != 200:
        message = f"{url} answers a signed event with {status}, and Stripe wants 200."
        hint = "Leave the path out of redirects, logins and CSRF checks; see the server's log"
        yield new("delivery_refused", Severity.ERROR, message, hint)
    elif not arrived:
        message = f"{url} took a signed event, and it is not in this database: another site answers there."
        yield new("elsewhere", Severity.ERROR, message, "Compare DATABASES and CHECKOUT_BASE_URL of both")
    elif took > SLOW_SECONDS:
        message = f"{url} took {took:.1f} seconds to answer."
        yield new("slow", Severity.WARNING, message, 'Set CHECKOUT_PROCESS_EVENTS to "task"')


def _event(event_id: str, now: datetime) -> bytes:
    event = {
        "id": event_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": int(now.timestamp()),
        "data": {"object": {}},
        "livemode": conf.livemode,
        "type": SELF_DELIVERY,
    }
    return json.dumps(event).encode()


def _signature(body: bytes, secret: str, now: datetime) -> str:
    """Sign as Stripe does: https://docs.stripe.com/webhooks/signature."""
    at = int(now.timestamp())
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def examine_backlog(now: datetime) -> Iterator[Finding]:
    """Look at what waits in the inbox and what the host has not been told."""
    found = health.read(now=now)
    if Reason.FAILED in found.reasons:
        message = f"{found.events_failed} events have failed; the admin shows why."
        yield new("failed_events", Severity.ERROR, message, _SWEEP)
    if Reason.STUCK in found.reasons:
        message = f"{found.events_waiting} events wait, the oldest for {found.oldest_waiting_seconds} seconds."
        yield new("waiting_events", Severity.ERROR, message, f"{_SWEEP}; and see that the task worker runs")
    if Reason.PENDING in found.reasons:
        yield from _examine_pending(now)
    yield from _examine_unheard()
    if Reason.SILENT in found.reasons:
        message = "No event has arrived since a session was completed."
        yield new("silent_webhook", Severity.ERROR, message, "manage.py checkout_reconcile --missed-events")


def _examine_pending(now: datetime) -> Iterator[Finding]:
    pending = announcements.pressing(now)
    if failing := pending.exclude(attempts=0).count():
        message = f"{failing} notifications are pending, because a receiver of yours raises."
        yield new("pending", Severity.ERROR, message, _SWEEP)
    if overdue := pending.filter(attempts=0, signal__in=announcements.heard_signals()).count():
        yield new("overdue", Severity.ERROR, f"{overdue} notifications are overdue.", _SWEEP)
    if unheard := 0 if announcements.is_heard("order_paid") else pending.filter(signal="order_paid").count():
        message = f"{unheard} paid orders are not announced, because order_paid has no receiver."
        yield new("unheard_payments", Severity.ERROR, message, "Import your receivers in ready() of your AppConfig")


def _examine_unheard() -> Iterator[Finding]:
    pending = Announcement.objects.filter(state=AnnouncementState.PENDING)
    unheard = pending.exclude(signal__in=["order_paid", *announcements.heard_signals()]).order_by()
    counted = unheard.values_list("signal").annotate(number=models.Count("pk"))
    if counts := ", ".join(f"{signal} {number}" for signal, number in sorted(counted)):
        message = f"Notifications of signals without a receiver are pending: {counts}."
        yield new("unheard", Severity.INFO, message, "manage.py checkout_prune gives up the old ones")


def examine_upkeep(now: datetime) -> Iterator[Finding]:
    """Look at what a person, or cron, should have done."""
    recent = now - timedelta(days=RECONCILED_WITHIN_DAYS)
    runs = ReconciliationRun.objects.filter(state=RunState.COMPLETE, scope__startswith="orders", until__gte=recent)
    if CheckoutSession.objects.exists() and not runs.exists():
        message = f"Nothing has been reconciled for {RECONCILED_WITHIN_DAYS} days."
        yield new("not_reconciled", Severity.WARNING, message, "manage.py checkout_reconcile --fix, every night")
    number = Discrepancy.objects.filter(state=DiscrepancyState.OPEN).count()
    if number:
        message = f"{number} discrepancies are on the work list in the admin."
        yield new("discrepancies", Severity.WARNING, message, "manage.py checkout_reconcile --fix, then the admin")
    number = AttentionItem.objects.filter(resolved_at=None).count()
    if number:
        message = f"{number} reasons to look at an order are not resolved."
        yield new("attention", Severity.INFO, message, "Look at them in the admin, and accept or refund")
    cutoff = now - timedelta(days=conf.CHECKOUT_EVENT_RETENTION_DAYS + PRUNED_WITHIN_DAYS)
    if WebhookEvent.objects.filter(received_at__lt=cutoff, state__in=SETTLED).exists():
        message = "Events are kept for longer than CHECKOUT_EVENT_RETENTION_DAYS."
        yield new("retention", Severity.WARNING, message, "manage.py checkout_prune, every night")
