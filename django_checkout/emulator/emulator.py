"""The emulator as tests, views and the command use it: one object, without a framework."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django_checkout.emulator.api.dispatch import Api
from django_checkout.emulator.api.rate_limits import RateLimits
from django_checkout.emulator.api.resources import webhooks
from django_checkout.emulator.api.versions import shown
from django_checkout.emulator.control.controls import Controls
from django_checkout.emulator.control.page import ControlPage
from django_checkout.emulator.file_downloads import FileDownloads
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.jobs import JOBS
from django_checkout.emulator.messages import Doc, Request, Response, StoreError
from django_checkout.emulator.payer.client_api import ClientApi
from django_checkout.emulator.payer.document_pages import DocumentPages
from django_checkout.emulator.payer.frames import ElementFrames
from django_checkout.emulator.payer.link_page import LinkPage
from django_checkout.emulator.payer.pages import Pages
from django_checkout.emulator.payer.portal_page import PortalPage
from django_checkout.emulator.payer.rendering import asset
from django_checkout.emulator.payer.tokens import Tokens
from django_checkout.emulator.request_log import KEPT, LoggedRequest
from django_checkout.emulator.state.clock import Clock
from django_checkout.emulator.state.state import LISTENER, State
from django_checkout.emulator.state.store import Store
from django_checkout.emulator.webhooks.deliveries import Attempt, Delivery, Post
from django_checkout.emulator.webhooks.failures import EMAIL
from django_checkout.emulator.webhooks.listening import Listening
from django_checkout.emulator.webhooks.webhook_sender import WebhookSender

logger = logging.getLogger("django_checkout.emulator")

#: The default signing secret. It is public: anyone can sign with it.
DEFAULT_SECRET = "whsec_emulator"  # noqa: S105 - the emulator has no secrets

Handler = Callable[[Request], Response]


class Emulator(Controls):
    """A stateful stand-in for Stripe with one account in test mode.

    ``store`` is the path of an SQLite file, or "" for memory; ``StoreError`` is raised if it cannot be used. Events
    are sent to ``webhook_url``, signed with ``webhook_secret`` and in the API version ``webhook_version``, by default
    the account's; and to endpoints created over the API if these are on this machine or at the host of
    ``webhook_url``. Without a URL they stay pending for ``deliver_to``.
    All methods are thread-safe.
    """

    def __init__(
        self,
        *,
        store: str = "",
        webhook_url: str = "",
        webhook_secret: str = DEFAULT_SECRET,
        webhook_version: str | None = None,
        enabled_events: tuple[str, ...] = ("*",),
        wall: Callable[[], float] = time.time,
    ) -> None:
        opened = Store(store)
        super().__init__(State(opened, Clock(opened, wall), JOBS), RateLimits(wall))
        self.webhook_secret = webhook_secret
        with opened.transaction():
            configured = webhooks.configure(self.state, webhook_url, webhook_secret, enabled_events, webhook_version)
            self.webhook_url: str = configured["url"]
            self.form_secret = opened.setting("form_secret", "") or random_text(32)
            opened.set_setting("form_secret", self.form_secret)
            for listener in opened.select(LISTENER):
                self.outbox.forget(listener["id"])
        tokens = Tokens(self.form_secret)
        self._handlers: dict[str, Handler] = {
            "v1": (api := Api(self.state, self.chaos, self.incidents, self.rate_limits, self.request_log).answer),
            "v2": api,
            "buy": LinkPage(self.state).answer,
            "control": ControlPage(self, tokens).answer,
            "elements": ElementFrames(self.state, tokens).answer,
            "documents": DocumentPages(self.state).answer,
            "links": FileDownloads(self.state).answer,
            "payment_pages": ClientApi(self.state, tokens).answer,
            "portal": PortalPage(self.state, tokens).answer,
        }
        self._pages = Pages(self.state, tokens, self.wait_until_acknowledged)
        self.listening = Listening(self.state, self.outbox, self.request_log)
        self._webhook_sender: WebhookSender | None = None

    def close(self) -> None:
        """Stop sending webhooks and close the store."""
        if self._webhook_sender:
            self._webhook_sender.stop()
            self._webhook_sender = None
        self.store.close()

    def start_webhook_sender(self) -> None:
        """Send events over HTTP in the background from now on."""
        if self._webhook_sender is None:
            self._webhook_sender = WebhookSender(self.state, self.outbox, self.webhook_url)
            self._webhook_sender.start()

    def handle(self, request: Request) -> Response:
        """Answer an HTTP request. Raises ``DroppedError`` if chaos drops the response."""
        root = request.path.lstrip("/").partition("/")[0]
        self.state.base_url = request.base_url
        if request.path.rstrip("/").endswith("/stripe.js"):
            return asset("stripe.js")
        try:
            return self._handlers.get(root, self._pages.answer)(request)
        except StoreError as error:
            logger.error("%s", error)
            return Response.from_json(500, {"error": {"message": str(error), "type": "api_error"}})
        finally:
            if self._webhook_sender:
                self._webhook_sender.wake()

    # Stored objects and events

    def get(self, object_id: str) -> Doc:
        """Return an object by its id, as the API returns it in the account's version. Raises ``KeyError``."""
        with self.state.transaction():
            document = self.store.find(object_id)
        if document is None:
            raise KeyError(object_id)
        return shown(document)

    def events(self, event_type: str | None = None) -> list[Doc]:
        """Return all events, or those of one type, oldest first."""
        with self.state.transaction():
            where = {"type": event_type} if event_type else None
            return [shown(event) for event in self.store.select("event", where, oldest_first=True)]

    def latest(self, kind: str, count: int) -> list[Doc]:
        """Return the newest objects of a type."""
        with self.state.transaction():
            return [shown(document) for document in self.store.select(kind, limit=count)]

    def requests(self, count: int = KEPT) -> list[LoggedRequest]:
        """Return the newest API requests to this process, newest first."""
        return self.request_log.latest(count)

    # Webhooks

    def wait_until_acknowledged(self, session_id: str, timeout_seconds: float = 10) -> None:
        """Wait until all endpoints have acknowledged the session's completion, at most as long as Stripe does."""
        if self._webhook_sender:
            self._webhook_sender.wait_until_acknowledged(session_id, timeout_seconds)

    def emails(self) -> list[Doc]:
        """Return the e-mails about failing endpoints, newest first: when they fail since, and are disabled."""
        return self.latest(EMAIL, 100)

    def pending_deliveries(self) -> list[Delivery]:
        """Return all unacknowledged deliveries, oldest first, freshly signed, for the caller to post."""
        with self.state.transaction():
            return self.outbox.pending()

    def acknowledge(self, delivery: Delivery, status: int | None = 200) -> None:
        """Record the response to a delivery that the caller has posted."""
        with self.store.transaction():
            self.outbox.record(delivery.id, status)

    def deliver_to(self, post: Post, *, endpoint_id: str | None = None) -> list[Attempt]:
        """Attempt every pending delivery once, with chaos applied.

        ``post(body, headers)`` returns the status, or None. A refused delivery stays pending, and the next call
        attempts it whatever its back-off.
        """
        with self.state.transaction():
            deliveries = self.outbox.take(due_only=False, in_process=True, endpoint_id=endpoint_id)
        attempts = []
        for delivery in deliveries:
            status = post(delivery.body, delivery.headers)
            self.acknowledge(delivery, status)
            attempts.append(Attempt(delivery=delivery, status=status))
        return attempts
