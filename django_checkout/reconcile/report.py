"""What a run saw: the kinds of drift, in words, and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from django_checkout.models import Order


class Kind(StrEnum):
    """How Stripe and we can differ."""

    PAID_NOT_RECORDED = "paid_not_recorded"
    RECORDED_NOT_PAID = "recorded_not_paid"
    SESSION_BEHIND = "session_behind"
    STALE_OPEN = "stale_open"
    STUCK_PROCESSING = "stuck_processing"
    AMOUNT_DIFFERS = "amount_differs"
    DOUBLE_PAYMENT = "double_payment"
    REFUND_DIFFERS = "refund_differs"
    DISPUTE_UNKNOWN = "dispute_unknown"
    DISPUTE_DIFFERS = "dispute_differs"
    SUBSCRIPTION_DIFFERS = "subscription_differs"
    SESSION_WITHOUT_ORDER = "session_without_order"
    ORDER_WITHOUT_SESSION = "order_without_session"
    ORDER_DIFFERS = "order_differs"
    RELATION_DIFFERS = "relation_differs"
    AHEAD_OF_STRIPE = "ahead_of_stripe"
    INVOICE_UNKNOWN = "invoice_unknown"
    FRAUD_WARNING_UNKNOWN = "fraud_warning_unknown"
    REVIEW_DIFFERS = "review_differs"
    PAYOUT_DIFFERS = "payout_differs"
    NOT_UNDERSTOOD = "not_understood"


#: What each kind means.
EXPLANATIONS: Mapping[Kind, str] = {
    Kind.PAID_NOT_RECORDED: "Stripe has the money and the order does not know.",
    Kind.RECORDED_NOT_PAID: "The order counts as paid and Stripe has no money for it.",
    Kind.SESSION_BEHIND: "The session or its payment has moved on at Stripe.",
    Kind.STALE_OPEN: "The session counts as open here and has ended at Stripe.",
    Kind.STUCK_PROCESSING: "Something has been waiting for Stripe longer than Stripe ever takes.",
    Kind.AMOUNT_DIFFERS: "Another amount or currency is recorded than Stripe took.",
    Kind.DOUBLE_PAYMENT: "The order was paid more than once.",
    Kind.REFUND_DIFFERS: "A refund is missing here, or has another status or amount at Stripe.",
    Kind.DISPUTE_UNKNOWN: "A customer disputes a payment and the order does not know.",
    Kind.DISPUTE_DIFFERS: "A dispute has moved on at Stripe.",
    Kind.SUBSCRIPTION_DIFFERS: "A subscription is missing here, or is in another state at Stripe.",
    Kind.SESSION_WITHOUT_ORDER: "A session carries our marks, and no order here knows it.",
    Kind.ORDER_WITHOUT_SESSION: "Stripe does not know the session that the order counts on.",
    Kind.ORDER_DIFFERS: "The order, or what was announced of it, differs from what its own rows say.",
    Kind.RELATION_DIFFERS: "A row here belongs to another row than at Stripe.",
    Kind.AHEAD_OF_STRIPE: "A row here has a status that Stripe has not reached.",
    Kind.INVOICE_UNKNOWN: "A subscription's invoice was paid, or could not be, and that was never announced.",
    Kind.FRAUD_WARNING_UNKNOWN: "Stripe warns of fraud and the order does not know.",
    Kind.REVIEW_DIFFERS: "Radar holds a payment for review, or no longer does, and the order does not know.",
    Kind.PAYOUT_DIFFERS: "A payout is not the sum of its balance transactions, or of its orders.",
    Kind.NOT_UNDERSTOOD: "Stripe says something that this version of django_checkout does not know.",
}

_MEND = _("Run checkout_reconcile --fix; if it stays, sync the order in the admin and read the error.")
#: What a person can do about what was not mended.
SUGGESTIONS: Mapping[Kind, str] = {
    Kind.PAID_NOT_RECORDED: _MEND,
    Kind.RECORDED_NOT_PAID: _(
        "Hold the goods, and look the payment up in Stripe's dashboard: a payment once recorded "
        "is never taken back automatically. Check that STRIPE_SECRET_KEY is of the account that took the money."
    ),
    Kind.SESSION_BEHIND: _MEND,
    Kind.STALE_OPEN: _MEND,
    Kind.STUCK_PROCESSING: _("Look it up in Stripe's dashboard, and ask Stripe's support if the bank says nothing."),
    Kind.AMOUNT_DIFFERS: _(
        "Compare the payment in Stripe's dashboard with the order, then refund or ask for the rest."
    ),
    Kind.DOUBLE_PAYMENT: _('Refund the surplus payment in the admin, or set CHECKOUT_DOUBLE_PAYMENT = "refund".'),
    Kind.REFUND_DIFFERS: _("Compare the refund in Stripe's dashboard with the order; what was recorded stays."),
    Kind.DISPUTE_UNKNOWN: _("Answer the dispute in Stripe's dashboard before its evidence is due."),
    Kind.DISPUTE_DIFFERS: _MEND,
    Kind.SUBSCRIPTION_DIFFERS: _(
        "Run checkout_reconcile --fix; if it stays, look the subscription up in the dashboard."
    ),
    Kind.SESSION_WITHOUT_ORDER: _(
        "If it is of another installation on this Stripe account, ignore it with a note; else "
        "its order was deleted or lost: refund the payment or restore the order."
    ),
    Kind.ORDER_WITHOUT_SESSION: _(
        "Check that STRIPE_SECRET_KEY is of the account and mode in which the order was paid."
    ),
    Kind.ORDER_DIFFERS: _(
        "Run checkout_reconcile --fix; if it stays, an order that was announced as paid has lost its payment here: "
        "compare it with Stripe's dashboard, and restore the missing rows from a backup."
    ),
    Kind.RELATION_DIFFERS: _(
        "Run checkout_reconcile --fix; if it stays, compare the ids here with those in Stripe's dashboard."
    ),
    Kind.AHEAD_OF_STRIPE: _MEND,
    Kind.INVOICE_UNKNOWN: _MEND,
    Kind.FRAUD_WARNING_UNKNOWN: _("Refund the payment before it is disputed, or deliver the goods at your own risk."),
    Kind.REVIEW_DIFFERS: _MEND,
    Kind.PAYOUT_DIFFERS: _(
        "Run checkout_reconcile --payouts tomorrow; if it stays, compare it with Stripe's own report."
    ),
    Kind.NOT_UNDERSTOOD: _("Update django_checkout, then run checkout_reconcile --fix."),
}


#: No delayed method keeps a shop waiting longer than this; bank debits take up to two weeks.
STUCK_AFTER_DAYS = 21


def is_old(since: datetime) -> bool:
    """Whether something has been waiting since then for longer than Stripe ever takes."""
    return since < timezone.now() - timedelta(days=STUCK_AFTER_DAYS)


class Outcome(StrEnum):
    """What became of a difference in this run."""

    #: A dry run: nothing was done.
    FOUND = "found"
    #: Stripe's facts were applied and it is gone.
    MENDED = "mended"
    #: It is on the work list now, for a person.
    LISTED = "listed"
    #: It was on the work list already, unchanged.
    KNOWN = "known"
    #: A person decided to ignore it, and it has not changed since.
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference: what it is about, what each side says, and what became of it."""

    kind: Kind
    #: The Stripe id, or the order's reference, that it is about.
    subject: str
    #: The order's, or "" where there is none.
    reference: str
    order_pk: int | None
    here: Mapping[str, Any]
    at_stripe: Mapping[str, Any]
    #: The UUID of our row that Stripe's object answers for and that has not heard of it, or "".
    answers_for: str = ""
    outcome: Outcome = Outcome.FOUND

    @property
    def is_mended(self) -> bool:
        """Whether it is gone."""
        return self.outcome is Outcome.MENDED

    @property
    def suggestion(self) -> str:
        """What a person can do about it."""
        return SUGGESTIONS[self.kind]

    @property
    def explanation(self) -> str:
        """What its kind means."""
        return EXPLANATIONS[self.kind]


def new(kind: Kind, subject: str, order: Order | None, here: Mapping[str, Any], at_stripe: Mapping[str, Any]) -> Drift:
    """Return a difference that nothing has been done about."""
    reference, order_pk = (order.reference, order.pk) if order else ("", None)
    return Drift(
        kind=kind, subject=subject, reference=reference, order_pk=order_pk, here=dict(here), at_stripe=dict(at_stripe)
    )


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run saw."""

    since: datetime | None = None
    until: datetime | None = None
    #: Objects looked at, by kind: ``sessions``, ``refunds``, ``disputes``, ``subscriptions``, ``unmentioned`` ...
    seen: Counter[str] = field(default_factory=Counter)
    drift: list[Drift] = field(default_factory=list)
    #: Entries of the work list that are gone: resolved, or, in a dry run, to be.
    gone: int = 0
    #: Whether the run went on where an earlier one had stopped.
    is_resumed: bool = False
    #: False where ``limit`` stopped it; the next mending run goes on from there.
    is_complete: bool = True

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left that is neither mended nor on the work list since an earlier run."""
        settled = (Outcome.MENDED, Outcome.KNOWN, Outcome.IGNORED)
        return all(drift.outcome in settled for drift in self.drift)

    def count(self, outcome: Outcome) -> int:
        """Return how many differences ended so."""
        return sum(drift.outcome is outcome for drift in self.drift)

    def add(self, later: Report) -> None:
        """Add what a run that followed this one saw; what is on the work list is told once."""
        told = {(drift.kind, drift.subject) for drift in self.drift}
        self.drift += [drift for drift in later.drift if drift.is_mended or (drift.kind, drift.subject) not in told]
        self.seen += later.seen
        self.gone += later.gone
        self.until = later.until
