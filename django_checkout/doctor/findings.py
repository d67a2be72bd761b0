"""What an examination finds: an id, how bad it is, what it is, and the command that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is, the worst first."""

    #: Payments fail or are missed.
    ERROR = "error"
    #: They will, or money is at risk.
    WARNING = "warning"
    #: Good to know.
    INFO = "info"


#: One id per finding, never used again for another; those of Django's system checks stand beside them.
IDS: Mapping[str, str] = {
    "key_refused": "D001",
    "permission": "D002",
    "silence": "D003",
    "clock": "D004",
    "charges": "D005",
    "no_address": "D010",
    "no_endpoint": "D011",
    "disabled": "D012",
    "events": "D013",
    "spare_events": "D014",
    "version": "D015",
    "duplicates": "D016",
    "undelivered": "D017",
    "emulated": "D018",
    "address": "D019",
    "delivery_refused": "D020",
    "unreachable": "D021",
    "elsewhere": "D022",
    "slow": "D023",
    "failed_events": "D030",
    "waiting_events": "D031",
    "pending": "D032",
    "silent_webhook": "D033",
    "unheard_payments": "D034",
    "unheard": "D035",
    "overdue": "D036",
    "migrations": "D040",
    "constraint": "D041",
    "database": "D042",
    "emulator": "D050",
    "not_reconciled": "D060",
    "discrepancies": "D061",
    "attention": "D062",
    "retention": "D063",
}


#: The system checks of a secret key that cannot be used at all.
KEY_IDS = frozenset(("E001", "E002", "E003", "E004", "E048"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    id: str
    severity: Severity
    message: str
    #: The command, or the change of a setting, that mends it.
    command: str

    @property
    def is_key(self) -> bool:
        """Whether it is about a secret key that cannot be used at all."""
        return self.id in KEY_IDS


def new(name: str, severity: Severity, message: str, command: str) -> Finding:
    """Return a finding by the name of its id."""
    return Finding(id=IDS[name], severity=severity, message=message, command=command)
