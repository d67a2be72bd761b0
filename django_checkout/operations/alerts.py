"""The alerts: one rule per reason, with its text and what to do; pure.

Health, the doctor, the dashboard and the log use these rules on what ``health`` reads. Thresholds are in
``CHECKOUT_ALERTS``. An alert has a number, and neither ids nor secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_checkout.exceptions import DATABASE_UNAVAILABLE, MigrationsPendingError
from django_checkout.states import Labeled

#: What each alert, finding and log record means and what to do.
RUNBOOK = "https://github.com/django-checkout/django-checkout/blob/main/docs/runbook/reference.md"
#: Rows are counted up to this number; more are shown as "1000+".
MAX_COUNT = 1000


class Reason(Labeled):
    """Why an operator must act."""

    DATABASE = DATABASE_UNAVAILABLE, _("the database does not respond, or refuses writes")
    MIGRATIONS = MigrationsPendingError.code, _("migrations are not applied")
    FAILED = "events_failed", _("events failed")
    STUCK = "events_stuck", _("events have waited for too long")
    QUEUE = "queue_stopped", _("no worker takes events from the queue")
    PENDING = "notifications_pending", _("a receiver of the shop raised an error, or no receiver is connected")
    SILENT = "webhooks_silent", _("sessions ended, and their events have not arrived")
    REFUSED = "deliveries_refused", _("deliveries from Stripe are refused")
    LATE = "deliveries_late", _("deliveries from Stripe are refused because of their time")
    OTHER_MODE = "deliveries_other_mode", _("events of the other mode arrive")
    DISABLED = "endpoint_disabled", _("the webhook endpoint is disabled at Stripe")
    KEY_REFUSED = "key_refused", _("Stripe refuses the secret key")
    FORBIDDEN = "permission_missing", _("the secret key lacks a permission")
    STRIPE_SILENT = "stripe_silent", _("Stripe does not respond")
    REFUNDS = "refunds_unconfirmed", _("Stripe has not confirmed a refund")
    OTHER_SITE = "other_site", _("this database is a copy of another site's")
    BASE_URLS = "base_urls_differ", _("a process has another CHECKOUT_BASE_URL")
    ATTENTION = "attention_overdue", _("orders have needed attention for too long")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How many problems of one kind were seen, and from when to when; ``until`` defaults to now."""

    number: int = 0
    since: datetime | None = None
    until: datetime | None = None
    #: Whether there may have been more.
    is_minimum: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; its texts are translatable.

    ``is_age`` says that the threshold is an age in seconds, of at least ``minimum`` problems; otherwise it is a number.
    ``page`` is a list of the admin, and its query.
    """

    text: str | Promise
    hint: str | Promise
    is_age: bool = False
    minimum: int = 1
    page: tuple[str, str] | None = None


#: The alerts that an error of the database raises, and no number of rows. ``CHECKOUT_ALERTS`` cannot turn them off.
OF_ERRORS = (Reason.DATABASE, Reason.MIGRATIONS)

#: Each hint works when it is followed literally.
RULES: Mapping[Reason, Rule] = {
    Reason.DATABASE: Rule(
        text=_("The database does not respond, or refuses writes."),
        hint=_(
            "Look at the log of the database server and the free space of its disk. When it accepts writes again, run "
            "manage.py checkout_process_events"
        ),
    ),
    Reason.MIGRATIONS: Rule(
        text=_("A table or column is missing in the database."),
        hint=_("Run manage.py migrate django_checkout, then manage.py checkout_process_events --now"),
    ),
    Reason.FAILED: Rule(
        text=_("Events that failed: %(number)s."),
        hint=_("Correct the error that the admin shows, then run manage.py checkout_process_events --now"),
        page=("webhookevent", "state=failed"),
    ),
    Reason.STUCK: Rule(
        text=_("Events that are not processed: %(number)s."),
        hint=_("Run manage.py checkout_process_events every minute"),
        is_age=True,
        page=("webhookevent", "state=received"),
    ),
    Reason.QUEUE: Rule(
        text=_("Events that no worker takes from the queue: %(number)s."),
        hint=_("Start the worker of the task backend. Until it runs, run manage.py checkout_process_events"),
        is_age=True,
        page=("webhookevent", "state=received"),
    ),
    Reason.PENDING: Rule(
        text=_("Notifications that are not delivered: %(number)s."),
        hint=_("Correct the receiver whose error the admin shows, then run manage.py checkout_process_events --now"),
        page=("announcement", "state=pending"),
    ),
    Reason.SILENT: Rule(
        text=_("Sessions that ended and whose events have not arrived: %(number)s."),
        hint=_(
            "Run manage.py checkout_doctor to find the cause, then manage.py checkout_reconcile --fix; the alert ends "
            "with the next event of a session"
        ),
        is_age=True,
    ),
    Reason.REFUSED: Rule(
        text=_("Deliveries from Stripe that were refused, because their signature is of another secret: %(number)s."),
        hint=_(
            "Add the signing secret from https://dashboard.stripe.com/webhooks to STRIPE_WEBHOOK_SECRETS, keep the "
            "old one for a day, and deploy. Then run manage.py checkout_reconcile --fix; the alert ends with the next "
            "delivery"
        ),
        is_age=True,
        minimum=3,
    ),
    Reason.LATE: Rule(
        text=_("Deliveries from Stripe that were refused, because their time differs from this machine's: %(number)s."),
        hint=_(
            "Set the clock: timedatectl set-ntp true. Then run manage.py checkout_reconcile --fix; the alert ends with "
            "the next delivery"
        ),
        is_age=True,
    ),
    Reason.OTHER_MODE: Rule(
        text=_("Events of the other mode, test or live, that were ignored: %(number)s."),
        hint=_(
            "Set STRIPE_SECRET_KEY to a key of the mode of the endpoint, or remove the endpoint's secret from "
            "STRIPE_WEBHOOK_SECRETS. Then run manage.py checkout_reconcile --fix; the alert ends with the next event "
            "of the key's mode"
        ),
        is_age=True,
    ),
    Reason.DISABLED: Rule(
        text=_("The webhook endpoint is disabled at Stripe."),
        hint=_("Run manage.py checkout_setup_webhook, then manage.py checkout_reconcile --fix"),
    ),
    Reason.KEY_REFUSED: Rule(
        text=_("Calls to Stripe that were refused, because the secret key is not valid: %(number)s."),
        hint=_("Copy a key from https://dashboard.stripe.com/apikeys into STRIPE_SECRET_KEY and deploy"),
    ),
    Reason.FORBIDDEN: Rule(
        text=_("Permissions that the secret key lacks: %(number)s."),
        hint=_(
            "Run manage.py checkout_doctor, which names them, and add them to the key at "
            "https://dashboard.stripe.com/apikeys; the alert ends with the next call that needs them"
        ),
    ),
    Reason.STRIPE_SILENT: Rule(
        text=_("Calls that Stripe did not respond to: %(number)s."),
        hint=_("See https://status.stripe.com, and run manage.py checkout_doctor"),
        is_age=True,
        minimum=3,
    ),
    Reason.REFUNDS: Rule(
        text=_("Refunds that Stripe has not confirmed: %(number)s."),
        hint=_(
            "Run manage.py checkout_process_events every minute: it completes them. Do not repeat them in Stripe's "
            "dashboard"
        ),
        is_age=True,
        page=("refund", "status=creating"),
    ),
    Reason.OTHER_SITE: Rule(
        text=_("Sessions and notifications of another site, which this copy leaves alone: %(number)s."),
        hint=_(
            "Nothing to do if this is a copy. If the site was renamed, add its former URL to CHECKOUT_FORMER_BASE_URLS "
            "and deploy. Then run manage.py checkout_reconcile --fix"
        ),
    ),
    Reason.BASE_URLS: Rule(
        text=_("Events and sessions that a process with another CHECKOUT_BASE_URL has ignored or started: %(number)s."),
        hint=_(
            "Set CHECKOUT_BASE_URL to the same value in every process, also where cron runs. If sessions were started "
            "with another value, add it to CHECKOUT_FORMER_BASE_URLS. Deploy, and run manage.py checkout_process_events"
        ),
        is_age=True,
        page=("webhookevent", "state=ignored"),
    ),
    Reason.ATTENTION: Rule(
        text=_("Reasons for attention that nobody has resolved: %(number)s."),
        hint=_("Accept or refund the orders in the admin"),
        is_age=True,
        page=("attentionitem", "resolved=no"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A rule that holds, and the number of problems."""

    reason: Reason
    number: int
    #: Whether there may have been more.
    is_minimum: bool = False

    @property
    def rule(self) -> Rule:
        """The rule."""
        return RULES[self.reason]

    @property
    def text(self) -> str:
        """What is wrong, in the active language."""
        return str(self.rule.text) % {"number": display_number(self.number, is_minimum=self.is_minimum)}

    @property
    def hint(self) -> str:
        """What to do, in the active language."""
        return str(self.rule.hint)


def find_alerts(
    seen: Mapping[Reason, Seen], thresholds: Mapping[str, int | None], *, now: datetime
) -> tuple[Alert, ...]:
    """Return the alerts that what was seen gives, in the order of ``Reason``."""
    return tuple(
        Alert(reason=reason, number=seen[reason].number, is_minimum=seen[reason].is_minimum)
        for reason in Reason
        if reason in seen and _holds(RULES[reason], seen[reason], thresholds[reason], now)
    )


def display_number(number: int, *, is_minimum: bool = False) -> str:
    """Return a number as text; with "+" where there may be more, such as "1000+" where counting rows stopped."""
    return f"{min(number, MAX_COUNT)}+" if is_minimum or number >= MAX_COUNT else str(number)


def _holds(rule: Rule, seen: Seen, threshold: int | None, now: datetime) -> bool:
    if threshold is None or seen.number < rule.minimum:
        return False
    if not rule.is_age:
        return seen.number >= threshold
    return seen.since is not None and (seen.until or now) - seen.since >= timedelta(seconds=threshold)
