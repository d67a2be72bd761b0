"""Posts webhooks over HTTP in the background, as Stripe does."""

from __future__ import annotations

import ipaddress
import logging
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from .deliveries import Delivery

if TYPE_CHECKING:
    from .emulator import Emulator

logger = logging.getLogger("django_checkout.emulator")

POLL_SECONDS = 0.5
TIMEOUT_SECONDS = 20
WORKERS = 4


def is_address(host: str) -> bool:
    """Whether a host is an IP address and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_localhost(host: str) -> bool:
    """Whether a host can only be this machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


class Courier:
    """A thread that takes what is due, and a few short-lived ones that post it; none keeps the process alive."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._free = threading.BoundedSemaphore(WORKERS)
        self._thread = threading.Thread(target=self._run, name="emulator-courier", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is being posted."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()
        for _ in range(WORKERS):
            self._free.acquire()

    def wake(self) -> None:
        """Look at once whether something is due."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                for delivery in self._emulator.take_due():
                    self._free.acquire()
                    threading.Thread(target=self._carry, args=(delivery,), daemon=True).start()
            except Exception:
                logger.exception("the emulator could not read its outbox")
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()

    def _carry(self, delivery: Delivery) -> None:
        try:
            self._post(delivery)
        finally:
            self._free.release()

    def _post(self, delivery: Delivery) -> None:
        status: int | None = None
        prepared = self._prepare(delivery)
        if prepared is None:
            logger.warning(
                "event=%s endpoint=%s: its host is not this machine", delivery.event_id, delivery.endpoint_id
            )
            self._emulator.acknowledge(delivery, status)
            return
        try:
            with requests.Session() as session:
                answer = session.send(prepared, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            status = answer.status_code
        except requests.RequestException as error:
            logger.warning("event=%s endpoint=%s: %s", delivery.event_id, delivery.endpoint_id, type(error).__name__)
        logger.info("event=%s type=%s status=%s", delivery.event_id, delivery.event_type, status)
        self._emulator.acknowledge(delivery, status)

    def _prepare(self, delivery: Delivery) -> requests.PreparedRequest | None:
        """Return the request, or None where whoever reaches the API would make this machine call another.

        The address is read after ``requests`` has read it: parsers disagree on where a malformed one leads.
        """
        asked = requests.Request("POST", delivery.url, headers=delivery.headers, data=delivery.body)
        try:
            prepared = asked.prepare()
            to, own = urlsplit(prepared.url or ""), urlsplit(self._emulator.webhook_url)
            is_own = (to.scheme, to.hostname, to.port) == (own.scheme, own.hostname, own.port)
            return prepared if is_own or is_localhost(to.hostname or "") else None
        except (requests.RequestException, ValueError):
            return None
