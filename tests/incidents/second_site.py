"""A second site in a process of its own: each line of its input calls a method of its ``World``."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
import traceback
from typing import Any


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.management import call_command
    from django.core.servers.basehttp import ThreadedWSGIServer
    from django.test.testcases import QuietWSGIRequestHandler

    from django_checkout.stripe_api import webhook_endpoints
    from tests.crashes import acts
    from tests.incidents.stripe_side import PATIENCE_SECONDS, Stripe
    from tests.incidents.world import World
    from tests.serving import serving

    webhook_endpoints.DELIVERY_TIMEOUT_SECONDS = PATIENCE_SECONDS
    call_command("migrate", verbosity=0)
    acts.connect()
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler, allow_reuse_address=False)
    server.set_app(WSGIHandler())
    with serving(server):
        url = f"http://127.0.0.1:{server.server_port}"
        settings.CHECKOUT_BASE_URL = url
        settings.STRIPE_API_BASE, key = json.loads(sys.stdin.readline())
        settings.STRIPE_SECRET_KEY = key
        world = World(url, Stripe(settings.STRIPE_API_BASE), settings, Log(), None)
        print(json.dumps(url), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(world, *json.loads(line))), flush=True)
        world.stripe.close()


class Log(logging.Handler):
    """What pytest's ``caplog`` is to the first site."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        logging.getLogger("django_checkout").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def clear(self) -> None:
        self.records.clear()


def answer(world: Any, name: str, arguments: list[Any], named: dict[str, Any]) -> Any:
    """Return what a method returns, with the reference of an order in its place, or a traceback."""
    from django_checkout.models import CheckoutSession, Order

    try:
        found = getattr(world, name)(*arguments, **named)
    except Exception:
        return {"error": traceback.format_exc()}
    if isinstance(found, Order):
        found = found.reference
    elif isinstance(found, CheckoutSession):
        found = found.stripe_id
    elif isinstance(found, set):
        found = sorted(found)
    return {"result": dataclasses.asdict(found) if dataclasses.is_dataclass(found) else found}


if __name__ == "__main__":
    main()
