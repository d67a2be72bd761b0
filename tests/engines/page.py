"""Reads docs/queues.md: the settings of each engine, and how its worker is started."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "queues.md"
#: By the name that the environment variable ENGINE has, the heading on the page.
HEADINGS = {
    "database": "Your database",
    "rq": "RQ on Redis",
    "celery-redis": "Celery on Redis",
    "celery-rabbitmq": "Celery on RabbitMQ",
}


def settings_of(engine: str, broker_url: str) -> str:
    """Return the settings of an engine, with another URL of its broker."""
    block = _block(engine, "python")
    found = re.findall(r'"((?:redis|amqp)://[^"]*)"', block)
    assert len(found) == (engine != "database")
    return block.replace(found[0], broker_url) if found else block


def worker_of(engine: str) -> list[str]:
    """Return the command line of an engine's worker."""
    (line,) = _block(engine, "console").splitlines()
    program, *arguments = line.split()
    if program == "python":
        return [sys.executable, "-m", "django", *arguments[1:]]
    return [sys.executable, "-m", program, *arguments]


def _block(engine: str, language: str) -> str:
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {HEADINGS[engine]}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return block
