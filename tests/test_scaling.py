"""The chart and the table of ``docs/scaling.md`` are those of the measured ratios."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from tests.benchmarks.chart import reduced, svg, with_table

DOCS = Path(__file__).resolve().parent.parent / "docs"
MACHINE = {"cores": 2, "architecture": "x86_64", "python": "3.11.7", "django": "6.1", "postgresql": "15.19 (Debian)"}


def _row(**values):
    return {"part": "webhook", "name": "duplicate", "value": 0.777, "minimum": 0.6, "note": "", **values}


def test_chart_and_table_show_the_ratios_of_a_run():
    rows = [_row(), _row(name="p99 of a paid session"), _row(part="peers", name="dj-stripe", note="not installed")]

    document = reduced({"machine": MACHINE, "rows": rows})

    assert [(row["name"], row["value"]) for row in document["rows"]] == [("duplicate", 0.78)]
    assert "| duplicate | 0.78 |" in with_table((DOCS / "scaling.md").read_text(), document)
    assert "0.78" in [text.text for text in ElementTree.fromstring(svg(document)).iter() if text.tag.endswith("text")]  # noqa: S314  # our own


def test_page_shows_the_published_run():
    document = json.loads((DOCS / "benchmarks.json").read_text())
    page = (DOCS / "scaling.md").read_text()

    assert (DOCS / "benchmarks.svg").read_text() == svg(document)
    assert page == with_table(page, document)
