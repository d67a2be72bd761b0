"""Paying a session: what the hosted page does when a person presses the button."""

from __future__ import annotations

from dataclasses import dataclass

from . import cards
from .cards import BankAccount, Card, Decline
from .ids import new_id
from .messages import ApiError, Doc
from .resources import charges, disputes, payments, sessions
from .resources.customers import new_customer
from .resources.session_object import details
from .world import World

SETTLEMENT_SECONDS = 3 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """What a person types besides the card."""

    email: str = "shopper@example.com"
    name: str = "Sam Shopper"
    country: str = "US"
    postal_code: str = "10001"
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOutcome:
    """What became of an attempt.

    ``status`` is ``paid``, ``free``, ``authorized``, ``processing``, ``requires_action`` or ``declined``; ``code``,
    ``decline_code`` and ``message`` say why it was declined.
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
        """Whether the session is done with and the shopper goes back to the shop."""
        return self.status in ("paid", "free", "authorized", "processing")


def pay(world: World, session: Doc, method: Card | BankAccount | Decline, shopper: Shopper) -> PaymentOutcome:
    """Try to pay an open session once.

    A ``Decline`` in place of a method is a card that the page itself refuses: no charge, no event.
    Raises ``ApiError`` where the session is no longer open.
    """
    sessions.check_open(session)
    if session["mode"] != "payment":
        raise ApiError(f"The emulator cannot complete sessions in `{session['mode']}` mode.", status=501)
    billing = _billing(shopper)
    if session["amount_total"] == 0:
        _complete(world, session, shopper, "no_payment_required")
        return _outcome(session, "free")
    if isinstance(method, Decline):
        return _outcome(session, "declined", decline=method)
    intent = _get_or_create_intent(world, session)
    kind = "card" if isinstance(method, Card) else cards.DELAYED_METHODS.get(session["currency"], "sepa_debit")
    payment_method = charges.new_method(world, method, kind, billing)
    intent["payment_method"] = payment_method["id"]
    session["_shopper"] = _typed(shopper)
    session["_method"] = method.number
    world.store.save(session)
    if isinstance(method, BankAccount):
        return _submit(world, session, intent, payment_method, shopper)
    if method.decline:
        return _decline(world, session, intent, payment_method, method.decline)
    if method.effect == "challenge":
        return _challenge(world, session, intent)
    return _charge(world, session, intent, payment_method, method, shopper)


def authenticate(world: World, session: Doc, *, succeed: bool) -> PaymentOutcome:
    """Answer the 3-D Secure challenge of a session that waits for it."""
    sessions.check_open(session)
    intent = world.store.find(session["payment_intent"])
    if intent is None or intent["status"] != "requires_action":
        raise ApiError("This Checkout Session does not wait for authentication.")
    method = world.get("payment_method", intent["payment_method"])
    if not succeed:
        return _decline(world, session, intent, method, cards.UNAUTHENTICATED, with_charge=False)
    card = cards.find_card(session["_method"])
    if card is None:
        raise ApiError("This Checkout Session was not paid by card.")
    return _charge(world, session, intent, method, card, Shopper(**session["_shopper"]))


def settle(world: World, session: Doc, *, succeed: bool) -> PaymentOutcome:
    """End a delayed payment that is on its way."""
    intent = world.store.find(session["payment_intent"])
    if intent is None or intent["status"] != "processing":
        raise ApiError("This Checkout Session has no payment on its way.")
    charge = world.get("charge", intent["latest_charge"])
    if succeed:
        world.update(charge, "charge.succeeded", status="succeeded", paid=True, amount_captured=charge["amount"])
        payments.succeed(world, intent, charge, charge["amount"])
        world.update(session, "checkout.session.async_payment_succeeded", payment_status="paid")
        return _outcome(session, "paid", intent)
    reason = Decline(
        code="payment_intent_payment_attempt_failed",
        decline_code=None,
        message="The customer's bank refused the debit.",
    )
    world.update(
        charge,
        "charge.failed",
        status="failed",
        captured=False,
        failure_code="insufficient_funds",
        failure_message=reason.message,
    )
    method = world.get("payment_method", intent["payment_method"])
    _fail_intent(world, intent, charges.payment_error(reason, method, charge))
    world.emit("checkout.session.async_payment_failed", session)
    return _outcome(session, "declined", intent, decline=reason)


def settle_due(world: World, session: Doc) -> None:
    """End a delayed payment as its test account says, if nobody did before."""
    intent = world.store.find(session["payment_intent"])
    if intent is not None and intent["status"] == "processing":
        account = cards.find_bank_account(session["_method"])
        settle(world, session, succeed=account is None or account.succeeds)


def _get_or_create_intent(world: World, session: Doc) -> Doc:
    if session["payment_intent"]:
        intent = world.get("payment_intent", session["payment_intent"])
        intent["amount"] = session["amount_total"]
        return intent
    intent = payments.new_intent(world, session)
    world.update(session, payment_intent=intent["id"])
    return intent


def _charge(world: World, session: Doc, intent: Doc, method: Doc, card: Card, shopper: Shopper) -> PaymentOutcome:
    charge = charges.new_charge(world, intent, method, status="succeeded")
    charge["_effect"] = card.effect
    if card.effect == "challenge":
        charge["payment_method_details"]["card"]["three_d_secure"] = {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": "05",
            "exemption_indicator": None,
            "result": "authenticated",
            "result_reason": None,
            "transaction_id": new_id("request").removeprefix("req_"),
            "version": "2.2.0",
        }
    world.store.save(charge)
    intent["latest_charge"] = charge["id"]
    world.emit("charge.succeeded", charge)
    if intent["capture_method"] == "manual":
        changes = {"status": "requires_capture", "amount_capturable": intent["amount"], "last_payment_error": None}
        world.update(intent, "payment_intent.amount_capturable_updated", **changes, next_action=None)
        world.schedule("expire_authorization", intent["id"], world.clock.now() + charges.AUTHORIZATION_SECONDS)
        _complete(world, session, shopper, "unpaid")
        return _outcome(session, "authorized", intent)
    payments.succeed(world, intent, charge, intent["amount"])
    _complete(world, session, shopper, "paid")
    if card.effect == "dispute":
        disputes.open_dispute(world, charge, "fraudulent")
    if card.effect == "fraud_warning":
        disputes.warn(world, charge)
    return _outcome(session, "paid", intent)


def _submit(world: World, session: Doc, intent: Doc, method: Doc, shopper: Shopper) -> PaymentOutcome:
    charge = charges.new_charge(world, intent, method, status="pending")
    world.emit("charge.pending", charge)
    world.update(
        intent, "payment_intent.processing", status="processing", latest_charge=charge["id"], last_payment_error=None
    )
    _complete(world, session, shopper, "unpaid")
    world.schedule("settle", session["id"], world.clock.now() + SETTLEMENT_SECONDS)
    return _outcome(session, "processing", intent)


def _challenge(world: World, session: Doc, intent: Doc) -> PaymentOutcome:
    url = f"{session['_base_url']}/pay/{session['id']}/authenticate"
    action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": session["url"], "url": url}}
    world.update(intent, "payment_intent.requires_action", status="requires_action", next_action=action)
    return _outcome(session, "requires_action", intent, redirect_url=url)


def _decline(
    world: World, session: Doc, intent: Doc, method: Doc, decline: Decline, *, with_charge: bool = True
) -> PaymentOutcome:
    charge = None
    if with_charge:
        charge = charges.new_charge(world, intent, method, status="failed", decline=decline)
        intent["latest_charge"] = charge["id"]
        world.emit("charge.failed", charge)
    _fail_intent(world, intent, charges.payment_error(decline, method, charge))
    return _outcome(session, "declined", intent, decline=decline)


def _fail_intent(world: World, intent: Doc, error: Doc) -> None:
    world.update(
        intent,
        "payment_intent.payment_failed",
        status="requires_payment_method",
        last_payment_error=error,
        payment_method=None,
        next_action=None,
    )


def _complete(world: World, session: Doc, shopper: Shopper, payment_status: str) -> None:
    billing = _billing(shopper)
    known = {
        "address": billing["address"],
        "email": (session["customer_details"] or {}).get("email") or shopper.email,
        "name": shopper.name,
    }
    changes: Doc = {"customer_details": details(**known, phone=shopper.phone)}
    if session["customer_creation"] == "always" and not session["customer"]:
        customer = new_customer(world, {"email": known["email"], "name": shopper.name})
        changes["customer"] = customer["id"]
    if session["shipping_address_collection"]:
        typed = session.get("_typed_shipping")
        shipping = typed or {"address": {**billing["address"], "line1": "1 Example Street"}, "name": shopper.name}
        changes["collected_information"] = {
            "business_name": None,
            "individual_name": None,
            "shipping_details": shipping,
        }
    changes.update(status="complete", payment_status=payment_status, url=None, client_secret=None)
    world.update(session, "checkout.session.completed", **changes)


def _billing(shopper: Shopper) -> Doc:
    address = {**dict.fromkeys(charges.ADDRESS), "country": shopper.country, "postal_code": shopper.postal_code}
    return charges.blank_billing(address=address, email=shopper.email, name=shopper.name, phone=shopper.phone)


def _typed(shopper: Shopper) -> Doc:
    names = ("email", "name", "country", "postal_code", "phone")
    return {name: getattr(shopper, name) for name in names}


def _outcome(
    session: Doc,
    status: str,
    intent: Doc | None = None,
    *,
    decline: Decline | None = None,
    redirect_url: str | None = None,
) -> PaymentOutcome:
    if redirect_url is None and session["status"] == "complete":
        redirect_url = sessions.substituted(session["success_url"] or session.get("return_url"), session)
    return PaymentOutcome(
        status=status,
        session_id=session["id"],
        payment_intent=intent["id"] if intent else None,
        charge=intent["latest_charge"] if intent else None,
        code=decline.code if decline else None,
        decline_code=decline.decline_code if decline else None,
        message=decline.message if decline else "",
        redirect_url=redirect_url,
    )
