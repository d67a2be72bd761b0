"""What tests and the control page do by hand: move the clock, act for the bank, the dashboard and the shopper."""

from __future__ import annotations

from decimal import Decimal

from django_checkout.emulator.api.rate_limits import RateLimits
from django_checkout.emulator.api.resources import (
    amounts,
    bank_transfers,
    collection,
    disputes,
    payouts,
    refunds,
    reviews,
    sessions,
    tax,
    webhooks,
)
from django_checkout.emulator.api.resources.session_rules import check_open
from django_checkout.emulator.api.versions import shown
from django_checkout.emulator.chaos import Chaos
from django_checkout.emulator.incidents import Incidents
from django_checkout.emulator.messages import ApiError, Doc, missing_object, not_implemented
from django_checkout.emulator.payer import authentication, checkout, shopper_input
from django_checkout.emulator.payer.checkout import Used
from django_checkout.emulator.payer.shopper import PaymentOutcome, Shopper
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.action_methods import ACTION_METHODS, TEST_TAX_ID, ActionPayment
from django_checkout.emulator.reference.cards import BankAccount, Card, Decline
from django_checkout.emulator.request_log import RequestLog
from django_checkout.emulator.state.state import ENDPOINT_KINDS, State
from django_checkout.emulator.webhooks.deliveries import Outbox


class EmulatorClock:
    """The emulator's clock. Tests move it forward, or set the server's clock wrong."""

    def __init__(self, state: State) -> None:
        self._state = state

    def now(self) -> int:
        """Return the emulator's time in whole seconds."""
        return self._state.clock.now()

    @property
    def offset_seconds(self) -> int:
        """How far the account was advanced."""
        return self._state.clock.offset_seconds

    @property
    def correction_seconds(self) -> int:
        """How far the server's clock is ahead of the system clock."""
        return self._state.clock.correction_seconds

    def correct(self, seconds: int) -> None:
        """Set the server's clock ahead of the system clock, or behind it; it signs events and dates responses."""
        with self._state.store.transaction():
            self._state.clock.correct(seconds)
            self._state.run_due()

    def advance(self, seconds: int) -> None:
        """Move the clock forward and run the jobs that become due: expiry, settlement, failing refunds."""
        with self._state.store.transaction():
            self._state.clock.move(seconds)
            self._state.run_due()


class Controls:
    """Actions without an API request. Each is one transaction."""

    def __init__(self, state: State, rate_limits: RateLimits) -> None:
        self.state = state
        self.store = state.store
        self.rate_limits = rate_limits
        self.request_log = RequestLog()
        self.clock = EmulatorClock(state)
        self.chaos: Chaos = Chaos()
        self.incidents = Incidents()
        self.outbox = Outbox(state, self.chaos, self.incidents)

    # The shopper's actions

    def pay(
        self,
        session_id: str,
        card: str = "4242424242424242",
        *,
        iban: str | None = None,
        method: str = "",
        confirmation_number: str = "",
        tax_id: str = TEST_TAX_ID,
        email: str = "shopper@example.com",
        name: str = "Sam Shopper",
        country: str = "US",
        postal_code: str = "10001",
    ) -> PaymentOutcome:
        """Pay a session by test card, or with ``iban`` by delayed debit. Raises ``ApiError`` if it is not open.

        ``method`` is a voucher, QR code or bank transfer, such as ``konbini``: the shopper then has instructions, and
        ``settle`` or the clock pays. The e-mail address says what test mode does by itself.
        """
        shopper = Shopper(email=email, name=name, country=country, postal_code=postal_code)
        used: Used | Decline = find_method(card, iban)
        if method:
            known = ACTION_METHODS.get(method)
            if known is None:
                raise not_implemented(f"the payment method {method} on a payment page")
            tax_id = tax_id if method in ("boleto", "pix") else ""
            used = ActionPayment(method=known, confirmation_number=confirmation_number, tax_id=tax_id)
        with self.state.transaction():
            return checkout.pay(self.state, self._session(session_id), used, shopper)

    def authenticate(self, object_id: str, *, succeed: bool = True) -> PaymentOutcome:
        """Complete or fail the 3-D Secure challenge of a session, or of an intent that the API has created."""
        with self.state.transaction():
            if intent := self._direct_intent(object_id):
                return authentication.authenticate(self.state, intent, succeed=succeed)
            return checkout.authenticate(self.state, self._session(object_id), succeed=succeed)

    def recover(self, session_id: str) -> Doc:
        """Open the recovery URL of an expired session, and return the new session."""
        with self.state.transaction():
            return shown(sessions.recover(self.state, self._session(session_id)))

    def confirm(self, session_id: str, entered: Doc) -> PaymentOutcome:
        """Pay a session through an Elements page."""
        with self.state.transaction():
            return shopper_input.confirm(self.state, self._session(session_id), entered)

    # Stripe's side

    def use_custom_domain(self, origin: str) -> None:
        """Serve payment pages at a domain such as ``https://pay.shop.example``; "" resets it."""
        with self.store.transaction():
            self.store.set_setting(sessions.CUSTOM_DOMAIN, origin)

    def settle(self, object_id: str, *, succeed: bool = True, amount: int | None = None) -> PaymentOutcome:
        """Settle the delayed payment of a session or a PaymentIntent: the bank pays, or the shopper, elsewhere.

        Without ``succeed``, the bank refuses or the voucher expires. ``amount`` is that of a bank transfer, by default
        what remains: less funds a payment in part, more stays in the customer's cash balance, as does a second one.
        """
        with self.state.transaction():
            if intent := self._direct_intent(object_id):
                return authentication.settle(self.state, intent, succeed=succeed, amount=amount)
            return checkout.settle(self.state, self._session(object_id), succeed=succeed, amount=amount)

    def transfer(self, customer: str, amount: int, currency: str, *, reference: str | None = None) -> Doc:
        """Let a bank transfer of a customer arrive, in minor units, as ``fund_cash_balance`` of the API does."""
        with self.state.transaction():
            return shown(bank_transfers.receive(self.state, customer, amount, currency, reference))

    def adjust(self, session_id: str, quantity: int, *, line: int = 0) -> Doc:
        """Change an adjustable quantity on the payment page."""
        with self.state.transaction():
            return shown(amounts.adjust(self.state, self._session(session_id), line, quantity))

    def choose_amount(self, session_id: str, amount: int, *, line: int = 0) -> Doc:
        """Choose an amount on the payment page, in minor units, where the price lets the customer choose it."""
        with self.state.transaction():
            return shown(amounts.choose_amount(self.state, self._session(session_id), line, amount))

    def apply_promotion_code(self, session_id: str, code: str) -> Doc:
        """Apply a promotion code on the payment page. Raises ``ApiError`` if the code is refused."""
        with self.state.transaction():
            return shown(amounts.apply_code(self.state, self._session(session_id), code))

    def remove_promotion_code(self, session_id: str) -> Doc:
        """Remove the promotion code on the payment page."""
        with self.state.transaction():
            return shown(amounts.remove_code(self.state, self._session(session_id)))

    def choose_shipping(self, session_id: str, shipping_rate: str) -> Doc:
        """Choose one of the session's shipping rates on the payment page."""
        with self.state.transaction():
            return shown(amounts.choose_shipping(self.state, self._session(session_id), shipping_rate))

    def set_tax(self, percent: Decimal | int | str) -> None:
        """Set the rate of ``automatic_tax``, which is 20 % by default."""
        with self.store.transaction():
            tax.set_percent(self.state, percent)

    def pay_invoice(self, invoice_id: str, card: str | None = None) -> Doc:
        """Retry an open invoice of a subscription, with its saved card or another one."""
        with self.state.transaction():
            invoice = self.state.get("invoice", invoice_id)
            other = cards.find_card(card) if card else None
            return shown(collection.collect(self.state, invoice, card=other))

    def expire(self, session_id: str) -> Doc:
        """Expire an open session in the dashboard."""
        with self.state.transaction():
            session = self._session(session_id)
            check_open(session)
            return shown(sessions.expire_session(self.state, session))

    def refund(self, payment_intent: str, amount: int | None = None) -> Doc:
        """Refund a payment in the dashboard, so without metadata."""
        with self.state.transaction():
            charge = self._charge(payment_intent)
            left = charge["amount"] - charge["amount_refunded"]
            with self.state.request():
                return shown(refunds.new_refund(self.state, charge, amount or left, None, {}))

    def finish_refund(self, refund_id: str) -> Doc:
        """Complete a pending refund."""
        with self.store.transaction():
            return shown(refunds.finish_refund(self.state, self.state.get("refund", refund_id)))

    def fail_refund(self, refund_id: str) -> Doc:
        """Fail a refund, pending or succeeded."""
        with self.store.transaction():
            return shown(refunds.fail_refund(self.state, self.state.get("refund", refund_id)))

    def open_dispute(
        self, payment_intent: str, *, reason: str = "fraudulent", amount: int | None = None, inquiry: bool = False
    ) -> Doc:
        """Dispute a payment. Raises ``ApiError`` unless it has succeeded."""
        with self.state.transaction():
            charge = self._charge(payment_intent)
            if charge["status"] != "succeeded":
                raise ApiError(f"The charge {charge['id']} has not succeeded, so that it cannot be disputed.")
            return shown(disputes.open_dispute(self.state, charge, reason, amount, inquiry=inquiry))

    def close_dispute(self, dispute_id: str, status: str = "won") -> Doc:
        """Close a dispute as ``won``, ``lost``, ``prevented`` or ``warning_closed``."""
        with self.store.transaction():
            return shown(disputes.close_dispute(self.state, self.state.get("dispute", dispute_id), status))

    def pay_out(self) -> list[Doc]:
        """Pay out the available balance, one payout per currency. Payments are available after two days."""
        with self.state.transaction():
            return [shown(payout) for payout in payouts.pay_out(self.state)]

    def warn_of_fraud(self, payment_intent: str) -> Doc:
        """Send an early fraud warning for a payment."""
        with self.state.transaction():
            return shown(disputes.warn(self.state, self._charge(payment_intent)))

    def open_review(self, payment_intent: str) -> Doc:
        """Place a payment in review."""
        with self.state.transaction():
            return shown(reviews.open_review(self.state, self._charge(payment_intent)))

    def close_review(self, review_id: str, closed_reason: str = "approved") -> Doc:
        """Close a review in the dashboard, with one of Stripe's reasons."""
        with self.store.transaction():
            review = self.state.get(reviews.KIND, review_id)
            return shown(reviews.close_review(self.state, review, closed_reason))

    def repeat(self, event_id: str) -> Doc:
        """Report a change a second time, as Stripe sometimes does: the same content under another event id."""
        with self.store.transaction():
            event = self.state.get("event", event_id)
            return shown(self.state.emit(event["type"], event["data"]["object"]))

    def resend(self, event_id: str) -> None:
        """Send an event again to all its endpoints, as the dashboard does."""
        with self.store.transaction():
            self.outbox.resend(event_id)

    def roll_secret(self, endpoint_id: str = "", *, secret: str = "", overlap_seconds: int = 0) -> str:
        """Replace the signing secret of an endpoint, and return it. The old one is valid for up to 24 hours more."""
        with self.store.transaction():
            endpoint = self._endpoint(endpoint_id)
            return webhooks.roll_secret(self.state, endpoint, secret, overlap_seconds=overlap_seconds)

    def disable_endpoint(self, endpoint_id: str = "") -> str:
        """Disable an endpoint, as Stripe does after days of failures, and return its id."""
        return self._set_status(endpoint_id, "disabled")

    def enable_endpoint(self, endpoint_id: str = "") -> str:
        """Enable an endpoint in the dashboard, and return its id."""
        return self._set_status(endpoint_id, "enabled")

    def _set_status(self, endpoint_id: str, status: str) -> str:
        with self.store.transaction():
            return str(webhooks.set_status(self.state, self._endpoint(endpoint_id), status)["id"])

    def _endpoint(self, endpoint_id: str) -> Doc:
        """Return an endpoint, by default the newest one, or the configured one if there is no other."""
        if endpoint_id:
            found = self.store.find(endpoint_id)
            known = [found] if found and found["object"] in ENDPOINT_KINDS else []
        else:
            known = [one for kind in ENDPOINT_KINDS for one in self.store.select(kind, limit=1)]
        if not known:
            raise missing_object("webhook endpoint", endpoint_id, status=404)
        return known[0]

    def _session(self, session_id: str) -> Doc:
        return self.state.get(sessions.KIND, session_id, "session", status=404)

    def _direct_intent(self, object_id: str) -> Doc | None:
        """Return an intent that the API has created, or None for an id of another type."""
        kind = authentication.kind_of(object_id)
        return self.state.get(kind, object_id, "intent", status=404) if kind else None

    def _charge(self, payment_intent: str) -> Doc:
        return self.state.get("charge", self.state.get("payment_intent", payment_intent)["latest_charge"])


def find_method(card: str, iban: str | None) -> Card | BankAccount | Decline:
    """Return the test card or account with this number, or why the page refuses it."""
    if iban is not None:
        return cards.find_bank_account(iban) or cards.INCOMPLETE
    digits = "".join(character for character in card if character.isdigit())
    if not 13 <= len(digits) <= 19:
        return cards.INCOMPLETE
    if cards.is_not_played(digits):
        raise not_implemented(f"the test card {digits}")
    return cards.find_card(digits) or cards.UNKNOWN
