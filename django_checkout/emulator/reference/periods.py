"""Billing periods by the calendar."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def end_of_period(start: int, recurring: dict[str, object], anchor: int | None = None) -> int:
    """Return the end of the period that begins at ``start``, as a Unix timestamp.

    It is on the day of the month of ``anchor``, or on the last day of a shorter month.
    """
    begins = datetime.fromtimestamp(start, UTC)
    interval, count = str(recurring["interval"]), int(str(recurring["interval_count"]))
    if interval in DAYS:
        return int((begins + timedelta(days=DAYS[interval] * count)).timestamp())
    day = datetime.fromtimestamp(anchor or start, UTC).day
    years, month = divmod(begins.month - 1 + MONTHS[interval] * count, 12)
    year, month = begins.year + years, month + 1
    ends = begins.replace(year=year, month=month, day=min(day, calendar.monthrange(year, month)[1]))
    return int(ends.timestamp())
