"""Prints the register as tables in Markdown, one per area."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from . import AREAS, RULES
from .rule import Rule


def table() -> Iterator[str]:
    """Yield the lines of the tables."""
    yield f"{len(RULES)} rules."
    for area, rules in AREAS.items():
        yield from ("", f"## {area}", "", "| rule | what Stripe does | response | source |", "|---|---|---|---|")
        yield from map(_row, rules)


def _row(rule: Rule) -> str:
    answer = rule.answer
    response = " ".join(filter(None, (str(answer.status), answer.code, answer.param and f"`{answer.param}`")))
    cells = (f"`{rule.id}`", rule.says, response, rule.source)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
