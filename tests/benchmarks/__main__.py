"""Measures the app, every figure as a ratio within one run: ``python -m tests.benchmarks [PART...]``.

Prints a table with goals, and writes it as JSON. The database is PostgreSQL; ``DATABASE_URL`` names it, and it is
created if it does not exist. All its rows are deleted. The servers are gunicorn with two workers, and the load comes
from a process of its own. ``--quick`` shows within a minute that everything works, not how fast.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

DEFAULT_URL = "postgres://root@127.0.0.1:5432/checkout_bench"
SETTINGS = "tests.benchmarks.site.settings"


def main() -> None:
    """Measure the parts, print what was found, and exit with 1 if a goal is missed."""
    os.environ.setdefault("DATABASE_URL", DEFAULT_URL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    # The servers end with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    from tests.benchmarks import parts, report
    from tests.benchmarks.sizes import FULL, QUICK

    options = _options(list(parts.PARTS))
    sizes = QUICK if options.quick else FULL
    changes = {name: value for name in ("rounds", "events") if (value := getattr(options, name)) is not None}
    sizes = replace(sizes, **changes)
    profile = options.json.with_suffix(".prof") if options.profile else None
    rows = []
    for name in options.parts or parts.PARTS:
        for row in parts.measure(name, sizes, profile=profile):
            print(report.line(row), flush=True)
            rows.append(row)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": _machine(), "quick": options.quick, "rows": report.as_json(rows)}
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    if profile:
        parts.print_profile(profile)
    missed = [row for row in rows if not row.is_met]
    print(f"\n{len(rows)} figures, {len(missed)} goals missed; written to {options.json}")
    sys.exit(1 if missed and not options.quick else 0)


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smoke run with few rows")
    parser.add_argument("--rounds", type=int, help="rounds of deliveries")
    parser.add_argument("--events", type=int, help="deliveries of each kind in a round")
    parser.add_argument("--json", type=Path, default=Path("var/benchmarks.json"), help="default: %(default)s")
    parser.add_argument("--profile", action="store_true", help="print what the workers' time is spent on; slows them")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(names):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def _machine() -> dict[str, Any]:
    """Return what the ratios depend on."""
    import django
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        ((version,),) = cursor.fetchall()
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "django": django.__version__,
        "postgresql": version,
    }


if __name__ == "__main__":
    main()
