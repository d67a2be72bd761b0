"""Checks the site itself: settings, database, webhook delivery, backlog and routine maintenance."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Container, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from django.apps import apps
from django.core import checks
from django.db import Error, models
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from django_checkout import ledger
from django_checkout.conf import conf
from django_checkout.exceptions import EndpointError
from django_checkout.ledger import announcements
from django_checkout.models import (
    AttentionItem,
    CheckoutSession,
    Discrepancy,
    Observation,
    ReconciliationRun,
    WebhookEvent,
    database,
    sites,
)
from django_checkout.models.reconciliation import DiscrepancyState, RunState
from django_checkout.operations import health
from django_checkout.operations.alerts import RULES, Reason
from django_checkout.operations.doctor import account
from django_checkout.operations.doctor.findings import IDS, Finding, Severity, new
from django_checkout.stripe_api import observations, webhook_endpoints
from django_checkout.stripe_api.observations import Kind
from django_checkout.webhooks import endpoints
from django_checkout.webhooks.deliveries import SELF_DELIVERY
from django_checkout.webhooks.inbox import SETTLED

LABEL = "django_checkout"
#: The hosted page waits up to 10 seconds for the webhook's response: https://docs.stripe.com/checkout/fulfillment.
SLOW_SECONDS = 5
RECONCILED_WITHIN_DAYS = 7
#: Pruning is late when events are this much older than CHECKOUT_EVENT_RETENTION_DAYS.
PRUNED_WITHIN_DAYS = 7
_PROCESS = "Run manage.py checkout_process_events every minute"
#: Without waiting for the next attempt.
_RETRY = "run manage.py checkout_process_events --now"
_LEVELS = {checks.ERROR: Severity.ERROR, checks.CRITICAL: Severity.ERROR, checks.WARNING: Severity.WARNING}


def examine_settings() -> Iterator[Finding]:
    """Run this app's system checks, those for deployment included.

    A warning that is also an error, or that SILENCED_SYSTEM_CHECKS names, is left out.
    """
    all_messages = checks.run_checks(include_deployment_checks=True)
    found = [message for message in all_messages if str(message.id).startswith(f"{LABEL}.")]
    errors = {message.msg for message in found if message.level >= checks.ERROR}
    for message in found:
        if message.level >= checks.ERROR or not (message.is_silenced() or message.msg in errors):
            yield Finding(
                id=str(message.id).removeprefix(f"{LABEL}."),
                severity=_LEVELS.get(message.level, Severity.INFO),
                message=str(message.msg),
                command=str(message.hint or "manage.py check --deploy"),
            )
    if conf.CHECKOUT_EMULATOR and not conf.debug and conf.is_stripe_api:
        text = "CHECKOUT_EMULATOR is on in production."
        yield new("emulator", Severity.ERROR, text, "Set CHECKOUT_EMULATOR to False")


def examine_schema() -> Iterator[Finding]:
    """Compare the database with the models: unapplied migrations and missing constraints."""
    try:
        executor = MigrationExecutor(database.connection())
        targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == LABEL]
        unapplied = [migration.name for migration, _ in executor.migration_plan(targets)]
        if unapplied:
            message = f"Unapplied migrations: {', '.join(unapplied)}."
            yield new("migrations", Severity.ERROR, message, str(RULES[Reason.MIGRATIONS].hint))
            return
        for model in apps.get_app_config(LABEL).get_models():
            for name in _missing_constraints(model):
                message = f"The table {model._meta.db_table} lacks the constraint {name}."
                command = f"Create it with the statement that manage.py sqlmigrate {LABEL} shows"
                yield new("constraint", Severity.ERROR, message, command)
        observations.check_writable()
    except Error as error:
        rule = RULES[Reason.DATABASE]
        yield new("database", Severity.ERROR, f"{rule.text} ({type(error).__name__})", str(rule.hint))


def _missing_constraints(model: type[models.Model]) -> Iterator[str]:
    """Yield the unique and check constraints of a model that its table lacks."""
    connection = database.connection()
    with connection.cursor() as cursor:
        existing = connection.introspection.get_constraints(cursor, model._meta.db_table)
    unique = [set(found["columns"]) for found in existing.values() if found["unique"]]
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            columns = {field.column for field in model._meta.concrete_fields if field.name in constraint.fields}
            if columns not in unique:
                yield constraint.name
        elif constraint.name not in existing and connection.features.supports_table_check_constraints:
            yield constraint.name
    for field in model._meta.concrete_fields:
        if field.unique and not field.primary_key and {field.column} not in unique:
            yield f"unique {field.column}"


@sensitive_variables()
def examine_delivery(url: str) -> Iterator[Finding]:
    """Post an event to this site's webhook, signed with each secret, and check that it is recorded in our database."""
    try:
        url = endpoints.webhook_url(url)
    except EndpointError:
        return
    for number, secret in enumerate(conf.STRIPE_WEBHOOK_SECRETS):
        name = f"STRIPE_WEBHOOK_SECRETS[{number}]"
        event_id = f"evt_doctor_{uuid4().hex}"
        # The checks before take their own time, and the webhook compares it.
        now = timezone.now()
        body = _event(event_id, now)
        began = time.monotonic()
        try:
            status = webhook_endpoints.deliver(url, body, _signature(body, secret, now))
        except EndpointError as error:
            yield new("unreachable", Severity.WARNING, str(error), "manage.py checkout_doctor --url URL")
            return
        took = time.monotonic() - began
        recorded, _ = WebhookEvent.objects.filter(stripe_id=event_id).delete()
        yield from _check_response(url, name, status, took, is_recorded=bool(recorded))


def _check_response(url: str, secret_name: str, status: int, took: float, *, is_recorded: bool) -> Iterator[Finding]:
    if status == 400:
        message = f"{url} refuses an event signed with {secret_name}: its secrets differ, or a proxy changes the body."
        yield new("delivery_refused", Severity.ERROR, message, "Deploy the same STRIPE_WEBHOOK_SECRETS to every server")
    elif status != 200:
        message = f"{url} responds to a signed event with {status} instead of 200."
        hint = "Exempt the path from redirects, login and CSRF checks; see the server's log"
        yield new("delivery_refused", Severity.ERROR, message, hint)
    elif not is_recorded:
        message = f"{url} accepted a signed event that is not in this database: another site responds there."
        yield new("other_site", Severity.ERROR, message, "Compare DATABASES and CHECKOUT_BASE_URL of both sites")
    elif took > SLOW_SECONDS:
        message = f"{url} took {took:.1f} seconds to respond."
        yield new("slow", Severity.WARNING, message, 'Set CHECKOUT_PROCESS_EVENTS to "task"')


def _event(event_id: str, now: datetime) -> bytes:
    event = {
        "id": event_id,
        "object": "event",
        "api_version": conf.CHECKOUT_API_VERSION,
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


#: The finding of each alert.
FINDINGS: Mapping[Reason, str] = {
    Reason.DATABASE: "database",
    Reason.MIGRATIONS: "migrations",
    Reason.FAILED: "failed_events",
    Reason.STUCK: "stuck_events",
    Reason.QUEUE: "stopped_queue",
    Reason.SILENT: "no_events",
    Reason.REFUSED: "refused_deliveries",
    Reason.LATE: "late_deliveries",
    Reason.OTHER_MODE: "other_mode",
    Reason.DISABLED: "disabled",
    Reason.KEY_REFUSED: "key_refused",
    Reason.FORBIDDEN: "permission",
    Reason.STRIPE_SILENT: "stripe_unavailable",
    Reason.REFUNDS: "unconfirmed_refunds",
    Reason.OTHER_SITE: "copied_database",
    Reason.BASE_URLS: "base_urls",
    Reason.ATTENTION: "overdue_attention",
}


def examine_backlog(now: datetime, *, reported: Container[str] = ()) -> Iterator[Finding]:
    """Report each alert whose finding is not ``reported``, and the notifications without a receiver."""
    for alert in health.read(now=now).alerts:
        if alert.reason is Reason.PENDING:
            yield from _examine_pending(now)
        elif alert.reason is Reason.FORBIDDEN:
            yield _report_permissions()
        elif IDS[FINDINGS[alert.reason]] not in reported:
            hint = _hints().get(alert.reason, alert.hint)
            yield new(FINDINGS[alert.reason], Severity.ERROR, alert.text, hint)
    yield from _examine_receivers(now)


def _hints() -> dict[Reason, str]:
    """Return the hints of the alerts that advise to run the doctor."""
    return {Reason.SILENT: account.NO_EVENTS_HINT, Reason.STRIPE_SILENT: account.unavailable_hint()}


def _report_permissions() -> Finding:
    """Return what calls needed and the key lacks; what was tried is reported where it is tried."""
    lacking = Observation.objects.filter(kind=Kind.FORBIDDEN).order_by("subject").values_list("subject", flat=True)
    message = f"Calls were refused because the key lacks the permission: {', '.join(lacking)}."
    hint = (
        "Give it to the restricted key at https://dashboard.stripe.com/apikeys; the alert ends with the next call that "
        "needs it"
    )
    return new("permission", Severity.ERROR, message, hint)


def _examine_pending(now: datetime) -> Iterator[Finding]:
    pending = announcements.stuck(now)
    if failing := pending.exclude(attempts=0).count():
        message = f"Notifications are pending because a receiver raises an exception, which the admin shows: {failing}."
        yield new("failing_receiver", Severity.ERROR, message, f"Correct the receiver, then {_RETRY}")
    if overdue := pending.filter(attempts=0, signal__in=announcements.connected_signals()).count():
        yield new("overdue_notifications", Severity.ERROR, f"Notifications are overdue: {overdue}.", _PROCESS)
    if undelivered := 0 if ledger.has_receiver("order_paid") else pending.filter(signal="order_paid").count():
        message = f"Paid orders have a pending notification because order_paid has no receiver: {undelivered}."
        yield new("no_payment_receiver", Severity.ERROR, message, "Import your receivers in ready() of your AppConfig")


def _examine_receivers(now: datetime) -> Iterator[Finding]:
    counted = announcements.without_receiver(now).order_by().values_list("signal").annotate(number=models.Count("pk"))
    if counts := ", ".join(f"{signal} {number}" for signal, number in sorted(counted)):
        message = f"Notifications are pending because their signal has no receiver: {counts}."
        hint = (
            "Connect a receiver and run manage.py checkout_process_events, or waive them in the admin under "
            "Notifications. Those of session_expired end by themselves after a day"
        )
        yield new("no_receiver", Severity.INFO, message, hint)


def examine_upkeep(now: datetime) -> Iterator[Finding]:
    """Check that reconciliation and pruning run, and that open differences and orders are looked at."""
    runs = ReconciliationRun.objects.filter(state=RunState.COMPLETE, scope__startswith="orders")
    days = None if (last := runs.aggregate(last=models.Max("until"))["last"]) is None else (now - last).days
    if (days is None or days >= RECONCILED_WITHIN_DAYS) and CheckoutSession.objects.exists():
        message = "No reconciliation has been completed yet."
        if days is not None:
            message = f"The last complete reconciliation was {days} days ago."
        yield new("not_reconciled", Severity.WARNING, message, "Run manage.py checkout_reconcile --fix every night")
    number = Discrepancy.objects.filter(state=DiscrepancyState.OPEN).count()
    if number:
        message = f"Differences from Stripe are open: {number}."
        hint = "manage.py checkout_reconcile --fix, then resolve the rest in the admin"
        yield new("discrepancies", Severity.WARNING, message, hint)
    number = AttentionItem.objects.filter(sites.own("order__"), resolved_at=None).count()
    if number:
        message = f"Reasons for attention are unresolved: {number}."
        yield new("attention", Severity.INFO, message, "Accept or refund the orders in the admin")
    cutoff = now - timedelta(days=conf.CHECKOUT_EVENT_RETENTION_DAYS + PRUNED_WITHIN_DAYS)
    if WebhookEvent.objects.filter(received_at__lt=cutoff, state__in=SETTLED).exists():
        message = "There are processed events older than CHECKOUT_EVENT_RETENTION_DAYS."
        yield new("retention", Severity.WARNING, message, "Run manage.py checkout_prune every night")
