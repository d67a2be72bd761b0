"""A process that forks children; each runs one use case and kills itself with SIGKILL at its n-th boundary.

Boundaries are before and after each commit, each call to Stripe, and each write outside transactions.
Reads one JSON command per line, ``{"act": "start", "order": pk, "kill_at": n, "bodies": [...]}``, and answers each with
``killed`` or ``survived``. It has no connection itself, so every child opens its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.db import connections

    settings.STRIPE_API_BASE = os.environ["VICTIM_STRIPE"]
    connections["default"].settings_dict["NAME"] = os.environ["VICTIM_DATABASE"]
    # Imported before the fork, so that children start faster.
    import stripe.checkout  # noqa: F401

    import tests.crashes.acts
    import tests.urls

    tests.crashes.acts.connect()

    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(tests.crashes.acts.ACTS[command["act"]], command)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            print("killed", flush=True)
        else:
            print("survived" if status == 0 else f"failed {status}", flush=True)


def _run(act: Callable[[dict[str, Any]], object], command: dict[str, Any]) -> None:
    try:
        _count_boundaries(command["kill_at"])
        act(command)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _count_boundaries(kill_at: int) -> None:
    from django.db import connection

    from django_checkout.stripe_api import transport

    left = kill_at

    def boundary() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            boundary()
            result = real(*args, **kwargs)
            boundary()
            return result

        return wrapped

    def execute(real: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        alone = not connection.in_atomic_block and not sql.lstrip().upper().startswith("SELECT")
        return (around(real) if alone else real)(sql, params, many, context)

    connection._commit = around(connection._commit)
    session = transport.http_session()
    session.send = around(session.send)
    connection.execute_wrappers.append(execute)


if __name__ == "__main__":
    main()
