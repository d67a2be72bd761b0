"""The shopper, and the outcome of a payment attempt."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from django_checkout.emulator.api.resources import charges, sessions
from django_checkout.emulator.api.resources.amounts import recalculate
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.reference.cards import Decline
from django_checkout.emulator.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """The shopper's details, without the card."""

    email: str = "shopper@example.com"
    name: str = "Sam Shopper"
    country: str = "US"
    postal_code: str = "10001"
    phone: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    #: Whether the shopper saves the card for later sessions.
    saves_card: bool = False

    @property
    def billing(self) -> Doc:
        """Return what Stripe calls ``billing_details``."""
        address = {name: getattr(self, name) or None for name in charges.ADDRESS}
        return charges.blank_billing(address=address, email=self.email, name=self.name, phone=self.phone)

    def document(self) -> Doc:
        """Return the fields, which are stored until 3-D Secure is complete."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOutcome:
    """The outcome of a payment attempt.

    ``status`` is ``paid``, ``free``, ``saved``, ``authorized``, ``processing``, ``instructed``, ``requires_action``,
    ``requires_confirmation``, ``expired`` or ``declined``. If the shopper is ``instructed``, the session is complete,
    and the instructions to pay are at ``redirect_url``. ``session_id`` is "" for an intent without a session;
    ``code``, ``decline_code`` and ``message`` give the reason of a decline.
    """

    status: str
    session_id: str
    payment_intent: str | None = None
    charge: str | None = None
    code: str | None = None
    decline_code: str | None = None
    message: str = ""
    redirect_url: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the session is complete: the shopper returns to the shop, or goes to the instructions."""
        return self.status in ("paid", "free", "saved", "authorized", "processing", "instructed")


def outcome(
    session: Doc,
    status: str,
    intent: Doc | None = None,
    *,
    decline: Decline | None = None,
    redirect_url: str | None = None,
) -> PaymentOutcome:
    """Return the outcome of an attempt."""
    is_shown_here = bool(session.get("_confirmation"))
    if redirect_url is None and session["status"] == "complete" and not is_shown_here:
        redirect_url = sessions.substituted(session["success_url"] or session.get("return_url"), session)
    return PaymentOutcome(
        status=status,
        session_id=session["id"],
        payment_intent=intent["id"] if intent else None,
        charge=intent.get("latest_charge") if intent else None,
        code=decline.code if decline else None,
        decline_code=decline.decline_code if decline else None,
        message=decline.message if decline else "",
        redirect_url=redirect_url,
    )


def set_shopper(state: State, session: Doc, shopper: Shopper) -> None:
    """Set the shopper of a session, which may change its tax. The caller saves the session."""
    billing = {"name": shopper.name, "address": shopper.billing["address"]}
    session["_shopper"] = shopper.document()
    session["_typed"] = {**session["_typed"], "billing": billing}
    if session["automatic_tax"]["enabled"]:
        recalculate(state, session)
