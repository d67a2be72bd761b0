"""Posts events to webhook endpoints over HTTP, in background threads."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django_checkout.emulator.messages import StoreError
from django_checkout.emulator.state.state import State
from django_checkout.emulator.webhooks.deliveries import Delivery, Outbox

if TYPE_CHECKING:
    import requests

logger = logging.getLogger("django_checkout.emulator")

POLL_SECONDS = 0.5
ACKNOWLEDGED_POLL_SECONDS = 0.02
TIMEOUT_SECONDS = 20
WORKERS = 4


def is_address(host: str) -> bool:
    """Return whether a host is an IP address and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_localhost(host: str) -> bool:
    """Return whether a host can only be this machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


class WebhookSender:
    """A thread that takes due deliveries, and up to ``WORKERS`` threads that post them. All are daemon threads.

    Only endpoints on this machine or on the host and port of ``own_url`` are posted to.
    """

    def __init__(self, state: State, outbox: Outbox, own_url: str) -> None:
        self._state = state
        self._outbox = outbox
        self._own_url = own_url
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._free = threading.BoundedSemaphore(WORKERS)
        self._thread = threading.Thread(target=self._run, name="emulator-webhook-sender", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current deliveries."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()
        for _ in range(WORKERS):
            self._free.acquire()

    def wake(self) -> None:
        """Look for due deliveries now."""
        self._wake.set()

    def wait_until_acknowledged(self, session_id: str, timeout_seconds: float) -> None:
        """Wait until every endpoint has acknowledged the completion of a session, or until the timeout."""
        self.wake()
        deadline = time.monotonic() + timeout_seconds
        where = {"type": "checkout.session.completed", "data.object.id": session_id}
        while time.monotonic() < deadline:
            with self._state.store.transaction():
                events = self._state.store.select("event", where)
                if not any(self._outbox.is_pending(event["id"]) for event in events):
                    return
            time.sleep(ACKNOWLEDGED_POLL_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._state.transaction():
                    deliveries = self._outbox.take(due_only=True, in_process=False)
                for delivery in deliveries:
                    self._free.acquire()
                    threading.Thread(target=self._deliver, args=(delivery,), daemon=True).start()
            except StoreError as error:
                logger.error("%s", error)
            except Exception:
                logger.exception("the emulator could not read its outbox")
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()

    def _deliver(self, delivery: Delivery) -> None:
        try:
            status = self._post(delivery)
            with self._state.store.transaction():
                self._outbox.record(delivery.id, status)
        except StoreError as error:
            # The delivery is due again later.
            logger.error("%s", error)
        finally:
            self._free.release()

    def _post(self, delivery: Delivery) -> int | None:
        """Return the status of the response, or None without one."""
        import requests

        status: int | None = None
        prepared = self._prepare(delivery)
        if prepared is None:
            logger.warning(
                "event=%s endpoint=%s: its host is not this machine", delivery.event_id, delivery.endpoint_id
            )
            return None
        try:
            with requests.Session() as session:
                status = session.send(prepared, timeout=TIMEOUT_SECONDS, allow_redirects=False).status_code
        except requests.RequestException as error:
            logger.warning("event=%s endpoint=%s: %s", delivery.event_id, delivery.endpoint_id, type(error).__name__)
        logger.info("event=%s type=%s status=%s", delivery.event_id, delivery.event_type, status)
        return status

    def _prepare(self, delivery: Delivery) -> requests.PreparedRequest | None:
        """Return the request, or None for a foreign host: API clients must not make this machine call others.

        The URL is checked as ``requests`` has parsed it, because parsers disagree about malformed ones.
        """
        import requests

        request = requests.Request("POST", delivery.url, headers=delivery.headers, data=delivery.body)
        try:
            prepared = request.prepare()
            to, own = urlsplit(prepared.url or ""), urlsplit(self._own_url)
            is_own = (to.scheme, to.hostname, to.port) == (own.scheme, own.hostname, own.port)
            return prepared if is_own or is_localhost(to.hostname or "") else None
        except (requests.RequestException, ValueError):
            return None
