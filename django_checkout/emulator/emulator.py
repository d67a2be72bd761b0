"""The emulator as tests, pages, views and command use it: one object, no framework."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Protocol

from django_checkout.conf import EMULATOR_SECRET

from . import cards, checkout, jobs, telling
from .api import Api
from .cards import BankAccount, Card, Decline
from .chaos import Chaos
from .client_api import ClientApi
from .clock import Clock
from .control import ControlPage
from .courier import Courier
from .deliveries import Attempt, Delivery, Outbox, Post
from .frames import ElementFrames
from .ids import random_text
from .levers import EmulatorClock, Levers
from .messages import Doc, Request, Response, without_hidden
from .pages import Pages
from .payment_form import PaymentForm
from .portal_page import PortalPage
from .rendering import asset
from .resources import sessions, webhooks
from .shopper import PaymentOutcome, Shopper
from .store import Store
from .world import World

ACKNOWLEDGED_POLL_SECONDS = 0.02


class Desk(Protocol):
    """Answers what is asked below one root."""

    def answer(self, request: Request) -> Response:
        """Return the answer."""


class Emulator(Levers):
    """A stateful stand-in for Stripe with one test-mode account.

    ``store`` is the path of its SQLite file, or empty for memory. Events go to ``webhook_url``, signed with
    ``webhook_secret``, and to endpoints created over the API, if these are on this machine or on the host of
    ``webhook_url``; without a URL they wait for ``deliver_to``.
    All methods may be called from any thread.
    """

    def __init__(
        self,
        *,
        store: str = "",
        webhook_url: str = "",
        webhook_secret: str = EMULATOR_SECRET,
        enabled_events: tuple[str, ...] = ("*",),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.store = Store(store)
        self.world = World(self.store, Clock(self.store, wall))
        self.chaos: Chaos = Chaos()
        self.clock = EmulatorClock(self.world)
        self.outbox = Outbox(self.world, self.chaos)
        self.webhook_secret = webhook_secret
        self._api = Api(self.world, self.chaos)
        self._pages = Pages(self)
        self._desks: dict[str, Desk] = {
            "control": ControlPage(self),
            "elements": ElementFrames(self),
            "payment_pages": ClientApi(self),
            "portal": PortalPage(self),
        }
        self._courier: Courier | None = None
        with self.store.transaction():
            configured = webhooks.configure(self.world, webhook_url, webhook_secret, enabled_events)
            self.webhook_url: str = configured["url"]
            self.form_secret = self.store.setting("form_secret", "") or random_text(32)
            self.store.set_setting("form_secret", self.form_secret)

    def close(self) -> None:
        """Stop delivering and close the store."""
        if self._courier:
            self._courier.stop()
            self._courier = None
        self.store.close()

    def start_courier(self) -> None:
        """Deliver events over HTTP from now on, in the background."""
        if self._courier is None:
            self._courier = Courier(self)
            self._courier.start()

    def handle(self, request: Request) -> Response:
        """Answer an HTTP request; raises ``DroppedError`` where chaos wants the connection cut."""
        root = request.path.lstrip("/").partition("/")[0]
        if request.path.rstrip("/").endswith("/stripe.js"):
            return asset("stripe.js")
        try:
            if root in ("v1", "v2"):
                return self._api.answer(request)
            return self._desks.get(root, self._pages).answer(request)
        finally:
            if self._courier:
                self._courier.wake()

    # What a shopper does

    def pay(
        self,
        session_id: str,
        card: str = "4242424242424242",
        *,
        iban: str | None = None,
        email: str = "shopper@example.com",
        name: str = "Sam Shopper",
        country: str = "US",
        postal_code: str = "10001",
    ) -> PaymentOutcome:
        """Pay a session by test card, or with ``iban`` by delayed debit. Raises ``ApiError`` if it is not open."""
        shopper = Shopper(email=email, name=name, country=country, postal_code=postal_code)
        method = chosen_method(card, iban)
        with self.store.transaction():
            return checkout.pay(self.world, self._session(session_id), method, shopper)

    def authenticate(self, session_id: str, *, succeed: bool = True) -> PaymentOutcome:
        """Answer the 3-D Secure challenge of a session."""
        with self.store.transaction():
            return checkout.authenticate(self.world, self._session(session_id), succeed=succeed)

    def recover(self, session_id: str) -> Doc:
        """Open the recovery URL of an expired session: return the new session that it makes."""
        with self.store.transaction():
            return without_hidden(sessions.recover(self.world, self._session(session_id)))

    def submit(self, session_id: str, form: PaymentForm) -> PaymentOutcome:
        """Pay with what was typed on the page."""
        with self.store.transaction():
            session = self._session(session_id)
            if form.saved:
                return telling.pay_saved(self.world, session, form.saved, form.shopper())
            return checkout.pay(self.world, session, form.method(), form.shopper())

    def tell(self, session_id: str, told: Doc) -> Doc:
        """Take over what the shopper has told an Elements page; return the session with what the API hides."""
        with self.store.transaction():
            return telling.tell(self.world, self._session(session_id), told)

    def confirm(self, session_id: str, told: Doc) -> PaymentOutcome:
        """Pay a session through an Elements page."""
        with self.store.transaction():
            return telling.confirm(self.world, self._session(session_id), told)

    def frame_token(self, session_id: str) -> str:
        """Return proof that whoever opens a frame of a session has shown its client secret."""
        return hmac.new(self.form_secret.encode(), f"frame {session_id}".encode(), hashlib.sha256).hexdigest()

    def choose(self, session_id: str, told: Doc) -> Doc:
        """Take over what was chosen on the page, without paying yet; return the session with what the API hides."""
        return self.tell(session_id, told)

    # What tests look at

    def get(self, object_id: str) -> Doc:
        """Return any object by its id, as the API shows it; raises KeyError."""
        with self.store.transaction():
            jobs.run_due(self.world)
            document = self.store.find(object_id)
        if document is None:
            raise KeyError(object_id)
        return without_hidden(document)

    def events(self, event_type: str | None = None) -> list[Doc]:
        """Return all events so far, or those of one type, oldest first."""
        with self.store.transaction():
            jobs.run_due(self.world)
            where = {"type": event_type} if event_type else None
            return [without_hidden(event) for event in self.store.select("event", where, oldest_first=True)]

    def latest(self, kind: str, count: int) -> list[Doc]:
        """Return the newest objects of a type."""
        with self.store.transaction():
            jobs.run_due(self.world)
            return [without_hidden(document) for document in self.store.select(kind, limit=count)]

    def deliveries_of(self, event_id: str) -> list[Doc]:
        """Return where an event was sent, how often, and how that went."""
        with self.store.transaction():
            return self.store.select("_delivery", {"event": event_id}, oldest_first=True)

    def find(self, object_id: str, kind: str) -> Doc | None:
        """Return an object with what the API hides, or None."""
        with self.store.transaction():
            jobs.run_due(self.world)
            return self.store.find(object_id, kind)

    def find_session(self, session_id: str) -> Doc | None:
        """Return a session with what the API hides, or None."""
        return self.find(session_id, sessions.KIND)

    # Webhooks over HTTP

    def take_due(self) -> list[Delivery]:
        """Return what is to be posted over HTTP now."""
        with self.store.transaction():
            jobs.run_due(self.world)
            return self.outbox.take(due_only=True, in_process=False)

    def wait_until_acknowledged(self, session_id: str, timeout_seconds: float = 10) -> None:
        """Wait as the hosted page does: until every endpoint has taken the session's completion, or for 10 seconds."""
        if self._courier is None:
            return
        self._courier.wake()
        deadline = time.monotonic() + timeout_seconds
        where = {"type": "checkout.session.completed", "data.object.id": session_id}
        while time.monotonic() < deadline:
            with self.store.transaction():
                if not any(self.outbox.is_waiting(event["id"]) for event in self.store.select("event", where)):
                    return
            time.sleep(ACKNOWLEDGED_POLL_SECONDS)

    # Webhooks in process

    def pending_deliveries(self) -> list[Delivery]:
        """Return what has not been acknowledged, oldest first, freshly signed; posting it is the caller's."""
        with self.store.transaction():
            jobs.run_due(self.world)
            return self.outbox.pending()

    def acknowledge(self, delivery: Delivery, status: int | None = 200) -> None:
        """Note how a delivery that the caller has posted was answered."""
        with self.store.transaction():
            self.outbox.record(delivery.id, status)

    def repeat(self, event_id: str) -> Doc:
        """Report a change a second time, as Stripe sometimes does: the same content under another event id."""
        with self.store.transaction():
            event = self.world.get("event", event_id)
            return without_hidden(self.world.emit(event["type"], event["data"]["object"]))

    def resend(self, event_id: str) -> None:
        """Owe an event again, as the dashboard's button does."""
        with self.store.transaction():
            self.outbox.resend(event_id)

    def deliver_to(self, post: Post, *, endpoint_id: str | None = None) -> list[Attempt]:
        """Try everything pending once, as chaos wants it; ``post(body, headers)`` returns the status, or None.

        What is refused stays pending and is tried by the next call, whatever its back-off.
        """
        with self.store.transaction():
            jobs.run_due(self.world)
            deliveries = self.outbox.take(due_only=False, in_process=True, endpoint_id=endpoint_id)
        attempts = []
        for delivery in deliveries:
            status = post(delivery.body, delivery.headers)
            with self.store.transaction():
                self.outbox.record(delivery.id, status)
            attempts.append(Attempt(delivery=delivery, status=status))
        return attempts


def chosen_method(card: str, iban: str | None) -> Card | BankAccount | Decline:
    """Return the test card or account with this number, or why the page refuses it."""
    if iban is not None:
        return cards.find_bank_account(iban) or cards.INCOMPLETE
    digits = "".join(character for character in card if character.isdigit())
    if not 13 <= len(digits) <= 19:
        return cards.INCOMPLETE
    return cards.find_card(digits) or cards.UNKNOWN
