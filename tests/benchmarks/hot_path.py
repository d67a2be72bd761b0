"""Prints what one webhook costs, by counts: ``python -m tests.benchmarks.hot_path``.

Statements, transaction control, commits, calls to Stripe and calls of Python functions for each kind of event, with a
receiver of ``order_paid`` that writes one row of the site. PostgreSQL unless ``DATABASE_URL`` names another database.
The bounds are in ``tests/test_hot_path.py``.
"""

from __future__ import annotations

import os

os.environ.setdefault("DATABASE_URL", "postgres://root@127.0.0.1:5432/checkout_hot_path")


def main() -> None:
    """Print the table."""
    from tests.benchmarks import databases

    databases.prepare()
    from django.test.utils import override_settings

    from django_checkout.testing import emulated_stripe
    from tests.benchmarks.counting import NAMES, count_python_calls, measure, receiver

    databases.empty()
    columns = ("statements", "controls", "commits", "stripe_calls", "python_calls")
    print(f"{'event':<24}", *(f"{column:>12}" for column in columns))
    # On a busy machine, a call may take long.
    patient = override_settings(CHECKOUT_STRIPE_TIMEOUT_SECONDS=600)
    with patient, emulated_stripe() as emulator, receiver():
        for name in NAMES:
            cost = measure(name, emulator)
            cost.python_calls = count_python_calls(name, emulator)
            print(f"{name:<24}", *(f"{getattr(cost, column):>12}" for column in columns))


if __name__ == "__main__":
    main()
