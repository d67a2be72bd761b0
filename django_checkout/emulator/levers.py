"""What happens at Stripe without the shop asking: time passes, banks decide, the owner uses the dashboard."""

from __future__ import annotations

from decimal import Decimal

from . import cards, checkout, jobs, recurring
from .messages import Doc, without_hidden
from .resources import amounts, disputes, payouts, refunds, reviews, sessions, tax
from .resources.session_rules import check_open
from .shopper import PaymentOutcome
from .store import Store
from .world import World


class EmulatorClock:
    """The emulator's clock as a test moves it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> int:
        """Return the emulator's time in whole seconds."""
        return self._world.clock.now()

    @property
    def offset_seconds(self) -> int:
        """How far the emulator is ahead of the wall clock."""
        return self._world.clock.offset_seconds

    def advance(self, seconds: int) -> None:
        """Move on, and let happen what was due meanwhile: expiry, settlement, failing refunds."""
        with self._world.store.transaction():
            self._world.clock.move(seconds)
            jobs.run_due(self._world)


class Levers:
    """The part of an emulator that plays everybody but the shop and the shopper."""

    world: World
    store: Store

    def use_custom_domain(self, origin: str) -> None:
        """Let payment pages be at a domain of the account's, such as ``https://pay.shop.example``; "" ends that."""
        with self.store.transaction():
            self.store.set_setting(sessions.CUSTOM_DOMAIN, origin)

    def settle(self, session_id: str, *, succeed: bool = True) -> PaymentOutcome:
        """End the delayed payment of a session."""
        with self.store.transaction():
            return checkout.settle(self.world, self._session(session_id), succeed=succeed)

    def adjust(self, session_id: str, quantity: int, *, line: int = 0) -> Doc:
        """Change an adjustable quantity as the shopper does on the page."""
        with self.store.transaction():
            return without_hidden(amounts.adjust(self.world, self._session(session_id), line, quantity))

    def apply_promotion_code(self, session_id: str, code: str) -> Doc:
        """Type a promotion code as the shopper does on the page; raises ``ApiError`` where it is refused."""
        with self.store.transaction():
            return without_hidden(amounts.apply_code(self.world, self._session(session_id), code))

    def remove_promotion_code(self, session_id: str) -> Doc:
        """Take the shopper's promotion code away again."""
        with self.store.transaction():
            return without_hidden(amounts.remove_code(self.world, self._session(session_id)))

    def choose_shipping(self, session_id: str, shipping_rate: str) -> Doc:
        """Choose one of the session's shipping rates as the shopper does on the page."""
        with self.store.transaction():
            return without_hidden(amounts.choose_shipping(self.world, self._session(session_id), shipping_rate))

    def set_tax(self, percent: Decimal | int | str) -> None:
        """Set the rate that ``automatic_tax`` levies everywhere, 20 % unless set."""
        with self.store.transaction():
            tax.set_percent(self.world, percent)

    def pay_invoice(self, invoice_id: str, card: str | None = None) -> Doc:
        """Try an open invoice of a subscription again, with its saved card or with another one."""
        with self.store.transaction():
            jobs.run_due(self.world)
            invoice = self.world.get("invoice", invoice_id)
            other = cards.find_card(card) if card else None
            return without_hidden(recurring.collect(self.world, invoice, card=other))

    def expire(self, session_id: str) -> Doc:
        """Expire an open session from the dashboard."""
        with self.store.transaction():
            session = self._session(session_id)
            check_open(session)
            return without_hidden(sessions.expire_session(self.world, session))

    def refund(self, payment_intent: str, amount: int | None = None) -> Doc:
        """Refund from the dashboard: a refund that carries no metadata."""
        with self.store.transaction():
            jobs.run_due(self.world)
            intent = self.world.get("payment_intent", payment_intent)
            charge = self.world.get("charge", intent["latest_charge"])
            left = charge["amount"] - charge["amount_refunded"]
            return without_hidden(refunds.new_refund(self.world, charge, amount or left, None, {}))

    def finish_refund(self, refund_id: str) -> Doc:
        """Let a pending refund succeed."""
        with self.store.transaction():
            return without_hidden(refunds.finish_refund(self.world, self.world.get("refund", refund_id)))

    def fail_refund(self, refund_id: str) -> Doc:
        """Let a refund fail, also one that had succeeded."""
        with self.store.transaction():
            return without_hidden(refunds.fail_refund(self.world, self.world.get("refund", refund_id)))

    def open_dispute(
        self, payment_intent: str, *, reason: str = "fraudulent", amount: int | None = None, inquiry: bool = False
    ) -> Doc:
        """Let a shopper dispute a payment."""
        with self.store.transaction():
            charge = self._charge(payment_intent)
            return without_hidden(disputes.open_dispute(self.world, charge, reason, amount, inquiry=inquiry))

    def close_dispute(self, dispute_id: str, status: str = "won") -> Doc:
        """Close a dispute as ``won``, ``lost``, ``prevented`` or ``warning_closed``."""
        with self.store.transaction():
            return without_hidden(disputes.close_dispute(self.world, self.world.get("dispute", dispute_id), status))

    def pay_out(self) -> list[Doc]:
        """Send to the bank what is available: one payout per currency. Money is available two days after a sale."""
        with self.store.transaction():
            jobs.run_due(self.world)
            return [without_hidden(payout) for payout in payouts.pay_out(self.world)]

    def warn_of_fraud(self, payment_intent: str) -> Doc:
        """Report a payment as probably fraudulent."""
        with self.store.transaction():
            return without_hidden(disputes.warn(self.world, self._charge(payment_intent)))

    def open_review(self, payment_intent: str) -> Doc:
        """Let Radar hold a payment for review."""
        with self.store.transaction():
            return without_hidden(reviews.open_review(self.world, self._charge(payment_intent)))

    def close_review(self, review_id: str, closed_reason: str = "approved") -> Doc:
        """Close a review in the dashboard, for a reason of Stripe's."""
        with self.store.transaction():
            review = self.world.get(reviews.KIND, review_id)
            return without_hidden(reviews.close_review(self.world, review, closed_reason))

    def _session(self, session_id: str) -> Doc:
        jobs.run_due(self.world)
        return self.world.get(sessions.KIND, session_id, "session")

    def _charge(self, payment_intent: str) -> Doc:
        jobs.run_due(self.world)
        return self.world.get("charge", self.world.get("payment_intent", payment_intent)["latest_charge"])
