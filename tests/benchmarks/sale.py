"""A flash sale: shoppers, a Stripe that loses, repeats, delays and reorders events, and workers that are killed."""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from tests.benchmarks.servers import ROOT, SECRET, Server, serving

if TYPE_CHECKING:
    from django_checkout.emulator.api.rate_limits import Mode

SETTINGS = "tests.benchmarks.site.sale_settings"
APPLICATION = "tests.benchmarks.site.wsgi:application"
COMPLETED = "checkout.session.completed"
SHOPPERS = 24
Result = TypeVar("Result")
DRAIN = """
import django, time
django.setup()
from django.db import OperationalError, close_old_connections
from django_checkout.webhooks import tasks
while True:
    try:
        tasks.drain() or time.sleep(0.05)
    except OperationalError:
        close_old_connections()
        time.sleep(0.2)
"""
#: How long everybody waits for a database that restarts.
PATIENCE_SECONDS = 60
#: How long a browser takes to follow the redirect from Stripe's page to the shop, in seconds of the model.
BROWSER_SECONDS = (0.2, 0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated. Times are of the model, except for ``speed``."""

    orders_per_second: float = 50.0
    seconds: float = 600.0
    #: Seconds of the model in a second of this machine. A site with more cores has a higher one.
    speed: float = 0.2
    #: The limits of Stripe's API that apply: "live", "sandbox" or none.
    limits: str = "live"
    mode: str = "inline"
    #: Shares of the orders.
    lost: float = 0.01
    doubled: float = 0.05
    delayed: float = 0.03
    returning: float = 0.95
    delay_seconds: int = 20
    #: A process of the site is killed this often.
    crash_seconds: float = 10.0
    seed: int = 0

    @property
    def orders(self) -> int:
        """How many shoppers there are."""
        return int(self.orders_per_second * self.seconds)


@dataclass(slots=True)
class Purchase:
    """What one shopper did, in seconds of the model."""

    number: int
    order_pk: int = 0
    stripe_id: str = ""
    paid_at: float = 0
    refused: int = 0


@dataclass(slots=True, kw_only=True)
class Sale:
    """A running sale."""

    plan: Plan
    emulator: Any
    server: Server
    began: float = 0
    began_at: float = 0
    purchases: list[Purchase] = field(default_factory=list)
    #: Requests at Stripe by method, path and status.
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    crashes: int = 0
    drains: list[subprocess.Popen[bytes]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def now(self) -> float:
        """Return the time of the model."""
        return (time.monotonic() - self.began) * self.plan.speed

    def of_model(self, at: float) -> float:
        """Return the time of the model of a time of this machine."""
        return (at - self.began_at) * self.plan.speed

    def run(self, sample: Callable[[Sale], None]) -> None:
        """Let the shoppers arrive and buy; ``sample`` is called twenty times, and once a second at most."""
        chance = random.Random(self.plan.seed)  # noqa: S311  # repeatable, not secret
        arrivals: SimpleQueue[Purchase | None] = SimpleQueue()
        shoppers = [threading.Thread(target=self._shop, args=(arrivals,)) for _ in range(SHOPPERS)]
        self.began, self.began_at = time.monotonic(), time.time()
        for thread in shoppers:
            thread.start()
        sampled, crashed = self.now(), self.now()
        for number in range(self.plan.orders):
            self._wait(number / self.plan.orders_per_second)
            self._play_chaos(chance)
            arrivals.put(Purchase(number))
            if self.now() - crashed > self.plan.crash_seconds:
                crashed = self.now()
                self._crash(chance)
            if self.now() - sampled > self.plan.seconds / 20:
                sampled = self.now()
                patiently(lambda: sample(self))
        for _ in shoppers:
            arrivals.put(None)
        while any(thread.is_alive() for thread in shoppers):
            time.sleep(1)
            patiently(lambda: sample(self))

    def _wait(self, until: float) -> None:
        if (left := until - self.now()) > 0:
            time.sleep(left / self.plan.speed)

    def _play_chaos(self, chance: random.Random) -> None:
        plan, chaos, drawn = self.plan, self.emulator.chaos, chance.random()
        if drawn < plan.lost:
            chaos.lose(types=COMPLETED)
        elif drawn < plan.lost + plan.doubled:
            chaos.duplicate(types=COMPLETED)
        elif drawn < plan.lost + plan.doubled + plan.delayed:
            chaos.delay(int(plan.delay_seconds / plan.speed), types=COMPLETED)

    def _crash(self, chance: random.Random) -> None:
        """Kill a process of the site; gunicorn replaces its workers, and this the others."""
        victims = self.server.workers() + [process.pid for process in self.drains]
        os.kill(chance.choice(victims), signal.SIGKILL)
        self.crashes += 1
        for number, process in enumerate(self.drains):
            if process.poll() is not None:
                self.drains[number] = drain_process(self.plan)

    def _shop(self, arrivals: SimpleQueue[Purchase | None]) -> None:
        from django.db import connections

        while (purchase := arrivals.get()) is not None:
            try:
                self._buy(purchase)
            except Exception as error:
                self.errors.append(repr(error))
            finally:
                connections.close_all()
            self.purchases.append(purchase)

    def _buy(self, purchase: Purchase) -> None:
        from django.db import connections

        from django_checkout import services
        from tests.host.models import HostOrder

        values = {"price_minor": 1000 + purchase.number % 900}
        number = f"S-{purchase.number}"
        host, _ = patiently(lambda: HostOrder.objects.get_or_create(number=number, defaults=values))
        order = patiently(lambda: services.place(host))
        purchase.order_pk = order.pk
        path = patiently(lambda: services.start_url(order))
        # As at the end of a request: a pool has fewer connections than there are shoppers.
        connections.close_all()
        # Stripe refuses more requests than its limits allow; the shopper presses the button again.
        while (session_url := self._start(path)) is None:
            purchase.refused += 1
            time.sleep(random.uniform(0.5, 2) / self.plan.speed)  # noqa: S311  # not secret
        purchase.stripe_id = next(part for part in urlsplit(session_url).path.split("/") if part.startswith("cs_"))
        self.emulator.pay(purchase.stripe_id)
        purchase.paid_at = self.now()
        if purchase.number % 100 < self.plan.returning * 100:
            self._return(order, purchase)

    def _start(self, path: str) -> str | None:
        """Return the address of the payment page, or None if the shopper must try again."""
        status, location = self._request("POST", path)
        return location if status == 303 and "cs_" in location else None

    def _return(self, order: Any, purchase: Purchase) -> None:
        """Come back when Stripe has an answer to its webhook, or has waited for a second; a browser takes a moment."""
        from django.urls import reverse

        from django_checkout.access.tokens import Purpose, make_token

        self.emulator.wait_until_acknowledged(purchase.stripe_id, timeout_seconds=1 / self.plan.speed)
        time.sleep(random.uniform(*BROWSER_SECONDS) / self.plan.speed)  # noqa: S311  # not secret
        path = reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)])
        for _ in range(3):
            if self._request("GET", f"{path}?{urlencode({'session_id': purchase.stripe_id})}")[0] == 200:
                return

    def _request(self, method: str, path: str) -> tuple[int, str]:
        """Return the status and the location; 0 if the worker was killed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            connection.request(method, path, body=b"" if method == "POST" else None)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()
        return response.status, response.headers.get("Location", "")


def patiently(action: Callable[[], Result]) -> Result:
    """Return what an action returns, which is repeated while the database does not respond."""
    from django.db import OperationalError, connection

    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return action()
        except OperationalError:
            if time.monotonic() > ends:
                raise
            connection.close()
            time.sleep(0.2)


def drain_process(plan: Plan) -> subprocess.Popen[bytes]:
    """Start a worker that processes what is queued."""
    variables = {**os.environ, "BENCHMARK_PROCESS_EVENTS": plan.mode, "PYTHONDEVMODE": ""}
    return subprocess.Popen([sys.executable, "-c", DRAIN], cwd=ROOT, env=variables)  # noqa: S603  # our own command


@contextmanager
def opened(plan: Plan) -> Iterator[Sale]:
    """Serve Stripe in this process, at BENCHMARK_STRIPE, and the site in others, until the block ends."""
    from django_checkout.emulator import Emulator
    from django_checkout.emulator.server import EmulatorServer
    from django_checkout.webhooks.registry import handled_types
    from tests.serving import serving as serving_here

    with ExitStack() as stack:
        environment = {"BENCHMARK_PROCESS_EVENTS": plan.mode}
        server = stack.enter_context(serving(APPLICATION, SETTINGS, environment=environment))
        emulator = Emulator(
            webhook_url=f"http://127.0.0.1:{server.port}/checkout/webhook/",
            webhook_secret=SECRET,
            enabled_events=tuple(handled_types()),
        )
        stack.callback(emulator.close)
        sale = Sale(plan=plan, emulator=emulator, server=server)
        # The limits are of the model's seconds.
        emulator.rate_limits._wall = sale.now
        emulator.rate_limits.mode = cast("Mode", plan.limits)
        emulator.chaos.reorder()
        handle = emulator.handle

        def counted(request: Any) -> Any:
            response = handle(request)
            sale.calls[f"{request.method} {request.path.partition('/cs_')[0]}", response.status] += 1
            return response

        emulator.handle = counted  # type: ignore[method-assign]  # counts, and does the same
        port = urlsplit(os.environ["BENCHMARK_STRIPE"]).port or 0
        stack.enter_context(serving_here(EmulatorServer(("127.0.0.1", port), emulator)))
        emulator.start_webhook_sender()
        if plan.mode == "task":
            sale.drains = [drain_process(plan) for _ in range(2)]
        try:
            yield sale
        finally:
            for process in sale.drains:
                process.kill()
                process.wait()
