"""``python -m tests.emulator.rules``: print the register as Markdown; ``--write``: as a page of the documentation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from . import AREAS, RULES
from .rule import Rule

PATH = Path(__file__).resolve().parents[3] / "docs" / "emulator" / "rules.md"
INTRODUCTION = f"""\
# Rules of Stripe that the emulator keeps

Written by `python -m tests.emulator.rules --write`. See [What the emulator implements](../emulator.md). Tests send two
requests for each of these {len(RULES)} rules: one that Stripe refuses, or answers as described, and the nearest one
that Stripe accepts.

A source is a page of Stripe's, a class and field or method whose docstring in the Python library states the rule, an
operation and parameter of the OpenAPI document, an issue or pull request with Stripe's response
(`owner/repository#number`), or responses of Stripe's sandbox in version 2026-08-26.dahlia that a project has recorded
(`owner/repository recording`).
"""


def page() -> str:
    """Return the page of the documentation."""
    return "\n".join([INTRODUCTION.rstrip("\n"), *table(), ""])


def table() -> Iterator[str]:
    """Yield the lines of the tables, one table per area."""
    for area, rules in AREAS.items():
        yield from ("", f"## {area}", "", "| rule | what Stripe does | response | source |", "|---|---|---|---|")
        yield from map(_row, rules)


def _row(rule: Rule) -> str:
    answer = rule.answer
    response = " ".join(filter(None, (str(answer.status), answer.code, answer.param and f"`{answer.param}`")))
    cells = (f"`{rule.id}`", rule.says, response, _cited(rule.source))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _cited(source: str) -> str:
    if source.startswith("https://"):
        return f"<{source}>"
    return f"`{source.rpartition('.py ')[2]}`" if ".py " in source else source


if __name__ == "__main__":
    if "--write" in sys.argv:
        PATH.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
