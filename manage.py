#!/usr/bin/env python
"""Django's command line for the example project."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a management command with the example project's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise ImportError(
            'Django is not installed here. Run: python3 -m venv .venv && .venv/bin/pip install -e ".[example]"'
        ) from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
