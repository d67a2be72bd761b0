"""What the benchmarks found: rows with their goals, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure of one part. It has a goal if ``minimum`` or ``maximum`` is set."""

    part: str
    name: str
    value: float
    #: What the value is, for example "of the floor".
    unit: str
    minimum: float | None = None
    maximum: float | None = None
    #: Further figures, by their name.
    more: dict[str, float] = field(default_factory=dict)
    #: Why there is no value.
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the goal is met, or by how much not; "" without a goal."""
        if self.minimum is not None:
            goal, short = f">= {self.minimum:g}", self.minimum - self.value
        elif self.maximum is not None:
            goal, short = f"<= {self.maximum:g}", self.value - self.maximum
        else:
            return ""
        return f"{goal}: met" if short <= 0 else f"{goal}: MISSED by {short:.3g}"

    @property
    def is_met(self) -> bool:
        """Whether there is no goal that is missed."""
        return "MISSED" not in self.verdict


def line(row: Row) -> str:
    """Return a row as text."""
    if row.note:
        return f"{row.part:10} {row.name:26}   skipped: {row.note}"
    more = "  ".join(f"{name} {value:,.4g}" for name, value in row.more.items())
    return f"{row.part:10} {row.name:26} {row.value:9.3f} {row.unit:18} {row.verdict:26} {more}".rstrip()


def as_json(rows: Iterable[Row]) -> list[dict[str, object]]:
    """Return the rows for a JSON document."""
    return [asdict(row) | {"verdict": row.verdict} for row in rows]
