"""Planted faults of alerts, of the doctor's advice, and of what records deliveries and calls."""

from __future__ import annotations

from tests.proof.fault import Fault

ALERTS, HEALTH, SPEED = "tests/test_alerts.py", "tests/test_health.py", "tests/test_health_speed.py"
DOCTOR, SETUP = "tests/test_doctor.py", "tests/test_setup_webhook.py"

FAULTS = (
    Fault(
        name="any refused delivery counts",
        file="webhooks/deliveries.py",
        old="        if _is_looked_at(kind) and (kind == Kind.LATE or _is_about_ours(body)):\n",
        new="        if True:\n",
        tests=(f"{ALERTS}::test_garbage_is_neither_counted_nor_stored",),
    ),
    Fault(
        name="no refused delivery counts",
        file="webhooks/deliveries.py",
        old="        if _is_looked_at(kind) and (kind == Kind.LATE or _is_about_ours(body)):\n",
        new="        if False:\n",
        tests=(f"{ALERTS}::test_rolled_secret_is_an_alert_until_a_delivery_verifies",),
    ),
    Fault(
        name="a verified delivery ends no alert",
        file="webhooks/deliveries.py",
        old="    observations.delete([row.pk for row in rows if row.kind in over])\n",
        tests=(f"{ALERTS}::test_rolled_secret_is_an_alert_until_a_delivery_verifies",),
    ),
    Fault(
        name="refused deliveries are remembered for ever",
        file="operations/health.py",
        old="if row.kind not in _FORGOTTEN_KINDS or now - row.last_at < FORGOTTEN]",
        new="]",
        tests=(f"{ALERTS}::test_whoever_knows_a_session_raises_no_alert_for_ever",),
    ),
    Fault(
        name="any successful call ends the lack of a permission",
        file="stripe_api/observations.py",
        old="row.kind != Kind.FORBIDDEN or row.subject == permission",
        new="True",
        tests=(f"{ALERTS}::test_missing_permission_is_an_alert_until_that_permission_is_used",),
    ),
    Fault(
        name="a call that was not made is a silent Stripe",
        file="stripe_api/observations.py",
        old="return error.__cause__ is not None and error.answered_status not in (409, 429) and not error.is_replayed",
        new="return True",
        tests=(f"{ALERTS}::test_rate_limit_is_an_answer",),
    ),
    Fault(
        name="an error of the database while recording is raised",
        file="stripe_api/observations.py",
        old='    except Error as error:\n        logger.warning("observation_failed',
        new='    except ZeroDivisionError as error:\n        logger.warning("observation_failed',
        tests=(f"{ALERTS}::test_recording_never_breaks_a_request",),
    ),
    Fault(
        name="an alert is logged each time",
        file="operations/alert_log.py",
        old="if alert.reason not in known and observations.insert(Kind.ALERT, alert.reason)",
        new="",
        tests=(f"{ALERTS}::test_alert_is_logged_once_when_it_begins_and_ends",),
    ),
    Fault(
        name="an older evaluation is logged after a newer one",
        file="stripe_api/observations.py",
        old="rows.filter(is_older).update(last_at=began_at)",
        new="rows.update(last_at=began_at)",
        tests=(f"{ALERTS}::test_older_evaluation_is_not_logged_after_a_newer_one",),
    ),
    Fault(
        name="a clock that was ahead stops the log of alerts",
        file="stripe_api/observations.py",
        old=" | Q(last_at__gt=began_at + CLOCK_SLACK)",
        tests=(f"{ALERTS}::test_evaluation_of_a_machine_whose_clock_is_ahead_stops_no_other",),
    ),
    Fault(
        name="an evaluation that could not read the database ends alerts",
        file="operations/alert_log.py",
        old="for alert in alerts} if is_complete else ()",
        new="for alert in alerts}",
        tests=(f"{ALERTS}::test_missing_migration_is_logged_once_and_ends_no_other_alert",),
    ),
    Fault(
        name="the event of any session hides the silence of another",
        file="operations/silence.py",
        old="delivered_at >= at + DUE_AFTER",
        new="delivered_at >= at",
        tests=(f"{HEALTH}::test_event_of_another_session_that_arrives_meanwhile_hides_nothing",),
    ),
    Fault(
        name="what reconciliation fetches proves that webhooks arrive",
        file="operations/silence.py",
        old="state is not None and (delivered_at is None or at <= delivered_at + DELIVERED_SLACK)",
        new="state is not None",
        tests=(f"{HEALTH}::test_events_that_reconciliation_fetches_are_no_proof",),
    ),
    Fault(
        name="only completed sessions must be reported",
        file="operations/silence.py",
        old='        ("expired_at", sessions),\n        ("expires_at", sessions.filter(status=SessionStatus.OPEN)),\n',
        tests=(f"{HEALTH}::test_view_dashboard_and_doctor_report_the_same_incident",),
    ),
    Fault(
        name="rows are counted without a limit",
        file="operations/health.py",
        old="return rows.order_by(*order)[:MAX_COUNT].count()",
        new="return rows.order_by(*order).count()",
        tests=(f"{SPEED}::test_nothing_is_counted_without_a_limit",),
    ),
    Fault(
        name="an upgrade is finished before the new secret is deployed",
        file="webhooks/endpoints.py",
        old="if others and (problem := proof.finish_problem(endpoint, others)):",
        new='if others and (problem := ""):',
        tests=(f"{SETUP}::test_upgrade_is_not_finished_before_the_new_secret_is_deployed",),
    ),
    Fault(
        name="the doctor advises to finish an upgrade at once",
        file="operations/doctor/account.py",
        old='command = proof.finish_problem(kept, others) or f"{_SETUP} --finish-upgrade"',
        new='command = f"{_SETUP} --finish-upgrade"',
        tests=(f"{DOCTOR}::test_upgrade_is_not_advised_to_be_finished_before_a_delivery_of_the_new_endpoint",),
    ),
    Fault(
        name="events that have arrived count as undelivered",
        file="operations/doctor/account.py",
        old="number += len(ids) - WebhookEvent.objects.filter(stripe_id__in=ids).count()",
        new="number += len(ids)",
        tests=(f"{DOCTOR}::test_events_that_only_another_endpoint_refuses_are_not_reported",),
    ),
    Fault(
        name="every permission is tried while Stripe does not respond",
        file="operations/doctor/account.py",
        old="            if is_silent or isinstance(error, StripeAnswerError):\n                return\n",
        tests=(f"{DOCTOR}::test_stripe_that_stops_responding_is_not_asked_for_every_permission",),
    ),
    Fault(
        name="a missing permission to write is not found",
        file="stripe_api/permissions.py",
        old="    except StripeCredentialsError:\n        raise\n",
        tests=(f"{DOCTOR}::test_missing_permission_of_a_restricted_key_is_named",),
    ),
)
