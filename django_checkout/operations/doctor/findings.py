"""A finding of the doctor: its id, its severity, what is wrong, and the command or setting that fixes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django_checkout.operations.alerts import RUNBOOK


class Severity(StrEnum):
    """How severe a finding is, the most severe first."""

    #: Payments fail or are not recorded.
    ERROR = "error"
    #: Payments will fail, or money is at risk.
    WARNING = "warning"
    #: Nothing is broken.
    INFO = "info"


#: One id per finding. A retired id is not used again. System checks are reported under their own ids.
IDS: Mapping[str, str] = {
    "key_refused": "D001",
    "permission": "D002",
    "stripe_unavailable": "D003",
    "clock": "D004",
    "charges": "D005",
    "no_address": "D010",
    "no_endpoint": "D011",
    "disabled": "D012",
    "missing_events": "D013",
    "extra_events": "D014",
    "version": "D015",
    "duplicates": "D016",
    "undelivered": "D017",
    "emulated": "D018",
    "address": "D019",
    "delivery_refused": "D020",
    "unreachable": "D021",
    "other_site": "D022",
    "slow": "D023",
    "refused_deliveries": "D024",
    "late_deliveries": "D025",
    "other_mode": "D026",
    "unproven": "D027",
    "failed_events": "D030",
    "stuck_events": "D031",
    "failing_receiver": "D032",
    "no_events": "D033",
    "no_payment_receiver": "D034",
    "no_receiver": "D035",
    "overdue_notifications": "D036",
    "stopped_queue": "D037",
    "overdue_attention": "D038",
    "unconfirmed_refunds": "D039",
    "migrations": "D040",
    "constraint": "D041",
    "database": "D042",
    "copied_database": "D043",
    "base_urls": "D044",
    "emulator": "D050",
    "not_reconciled": "D060",
    "discrepancies": "D061",
    "attention": "D062",
    "retention": "D063",
}


#: The system checks that report an unusable secret key.
KEY_IDS = frozenset(("E001", "E002", "E003", "E004", "E048"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem of an installation."""

    id: str
    severity: Severity
    message: str
    #: The command to run or the setting to change.
    command: str

    @property
    def url(self) -> str:
        """What the runbook says about it; about a system check its hint says all."""
        return f"{RUNBOOK}#{self.id.lower() if self.id in IDS.values() else 'findings'}"

    @property
    def is_key(self) -> bool:
        """Whether the secret key is unusable."""
        return self.id in KEY_IDS


class ForeignAnswer(Finding):
    """Something other than Stripe answered, so that nothing of the account could be examined."""


def new(name: str, severity: Severity, message: str, command: str) -> Finding:
    """Return a finding, given the name of its id in ``IDS``."""
    return Finding(id=IDS[name], severity=severity, message=message, command=command)
