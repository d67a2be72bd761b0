"""Draws the ratios of a run: ``python -m tests.benchmarks.chart``.

Reads the JSON of ``python -m tests.benchmarks`` and writes ``docs/benchmarks.json``, only its ratios to the floor,
``docs/benchmarks.svg``, which is readable on light and dark pages, and the figures of ``docs/scaling.md``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 720, 250, 70
ROW, BAR, TOP, BOTTOM = 26, 16, 56, 34
#: The rows by their part and name, and how they are labelled.
LABELS = {
    ("webhook", "paid session"): "paid session, its whole effect",
    ("webhook", "charge.succeeded"): "charge.succeeded",
    ("webhook", "payment_intent.succeeded"): "payment_intent.succeeded",
    ("webhook", "refund.created"): "refund.created",
    ("webhook", "charge.refunded, known"): "charge.refunded",
    ("webhook", "duplicate"): "duplicate",
    ("webhook", "foreign"): "event of another system",
    ("webhook", "queued"): "recorded for the queue",
    ("drain", "a purchase's events"): "queue, two workers: purchases",
    ("drain", "one event an order"): "queue, two workers: single events",
    ("peers", "django-payments"): "django-payments, paid session",
    ("peers", "dj-stripe"): "dj-stripe, paid session",
}
BEGIN, END = "<!-- ratios -->", "<!-- end of ratios -->"
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 11px; fill: #59636e; }
  .title { font-weight: 600; font-size: 14px; }
  .ours { fill: #0969da; } .peers { fill: #8c959f; }
  .line { stroke: #59636e; stroke-dasharray: 3 3; } .goal { stroke: #bc4c00; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; }
    .ours { fill: #4493f8; } .peers { fill: #6e7681; }
    .line { stroke: #9198a1; } .goal { stroke: #f0883e; }
  }
"""


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("json", type=Path, nargs="?", default=Path("var/benchmarks.json"), help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="default: %(default)s")
    options = parser.parse_args()
    document = reduced(json.loads(options.json.read_text()))
    (options.folder / "benchmarks.json").write_text(json.dumps(document, indent=1) + "\n")
    (options.folder / "benchmarks.svg").write_text(svg(document))
    page = options.folder / "scaling.md"
    page.write_text(with_table(page.read_text(), document))


def reduced(document: dict[str, Any]) -> dict[str, Any]:
    """Return the machine, and the ratios that are drawn."""
    found = {(row["part"], row["name"]): row for row in document["rows"]}
    keys = ("part", "name", "value", "minimum")
    rows = [{key: found[name][key] for key in keys} for name in LABELS if name in found and not found[name]["note"]]
    return {"machine": document["machine"], "rows": [row | {"value": round(row["value"], 2)} for row in rows]}


def with_table(text: str, document: dict[str, Any]) -> str:
    """Return the page with the chart and the ratios of a run."""
    before, rest = text.split(BEGIN)
    title = "Events per second, as a share of a view that only verifies and inserts"
    lines = ["", f"![{title}](benchmarks.svg)", "", "| events | of the floor |", "|---|---|"]
    lines += [f"| {LABELS[row['part'], row['name']]} | {row['value']:.2f} |" for row in document["rows"]]
    machine = document["machine"]
    lines += ["", f"Medians of one run on {machine['cores']} cores ({ran_on(machine)}), with two workers."]
    return "\n".join([f"{before}{BEGIN}", *lines, "", f"{END}{rest.split(END)[1]}"])


def ran_on(machine: dict[str, Any]) -> str:
    """Return what was measured with."""
    postgresql = machine["postgresql"].split()[0]
    return f"{machine['architecture']}, Python {machine['python']}, Django {machine['django']}, PostgreSQL {postgresql}"


def svg(document: dict[str, Any]) -> str:
    """Return the chart: a bar for each row, the floor as a line, and a mark for each goal."""
    rows = document["rows"]
    widest = max(1.0, *(row["value"] for row in rows))
    unit, height = (WIDTH - LEFT - RIGHT) / widest, TOP + ROW * len(rows) + BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Events per second, as a share of a view that only verifies and inserts</title>",
        f"<style>{STYLE}</style>",
        '<text class="title" x="8" y="20">Events per second, as a share of the floor</text>',
        '<text class="small" x="8" y="38">The floor, 1.0, is a view that only verifies and inserts.</text>',
    ]
    for number, row in enumerate(rows):
        y = TOP + ROW * number
        middle, kind = y + BAR / 2 + 4, "peers" if row["part"] == "peers" else "ours"
        end = LEFT + unit * row["value"]
        lines += [
            f'<text x="{LEFT - 8}" y="{middle:g}" text-anchor="end">{escape(LABELS[row["part"], row["name"]])}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}" rx="2"/>',
            f'<text x="{end + 6:.1f}" y="{middle:g}">{row["value"]:.2f}</text>',
        ]
        if row["minimum"] is not None:
            goal = LEFT + unit * row["minimum"]
            lines.append(f'<line class="goal" x1="{goal:.1f}" x2="{goal:.1f}" y1="{y - 3}" y2="{y + BAR + 3}"/>')
    floor = LEFT + unit
    machine = f"{document['machine']['cores']} cores, {ran_on(document['machine'])}"
    lines += [
        f'<line class="line" x1="{floor:.1f}" x2="{floor:.1f}" y1="{TOP - 8}" y2="{height - BOTTOM}"/>',
        f'<text class="small" x="8" y="{height - 12}">{escape(machine)}. A mark is a goal.</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
