"""``python -m tests.emulator.write_coverage``: bring ``docs/emulator/coverage.md`` up to date."""

from __future__ import annotations

import os
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "docs" / "emulator" / "coverage.md"
INTRODUCTION = """\
# Operations that the emulator implements

Written by `python -m tests.emulator.write_coverage`. See [What the emulator implements](../emulator.md). In the last
column `a.b` is the parameter `b` within `a`.
"""


def text() -> str:
    """Return the page."""
    from django_checkout.emulator import coverage

    return "\n".join([INTRODUCTION.rstrip("\n"), *coverage.as_markdown(), ""])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    PATH.write_text(text(), encoding="utf-8")
