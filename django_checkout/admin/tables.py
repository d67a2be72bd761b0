"""Tables to render with ``includes/table.html``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; each row has a cell per heading, and the first cell is its header."""

    name: str
    title: str
    headings: tuple[str, ...]
    rows: list[tuple[object, ...]]
    #: The headings of the columns of amounts and numbers, which are aligned at the end.
    amounts: tuple[str, ...] = ()

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """The headings, each with whether its column holds amounts."""
        return [(heading, heading in self.amounts) for heading in self.headings]

    @property
    def labelled_rows(self) -> list[list[tuple[str, object]]]:
        """The rows, each cell with its heading; narrow screens show a row as a list."""
        return [list(zip(self.headings, row, strict=True)) for row in self.rows]
