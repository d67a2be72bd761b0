"""Vouchers and QR codes: what the shopper pays elsewhere, until an end, while the PaymentIntent waits."""

from __future__ import annotations

from django_checkout.emulator.api.resources import charges, next_actions, payments
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.action_methods import (
    ACTION_METHODS,
    MULTIBANCO_SECONDS,
    PIX_SECONDS,
    ActionMethod,
)
from django_checkout.emulator.reference.testing_page import REJECTED_NUMBER, Outcome, outcome_of
from django_checkout.emulator.state.state import State

CODE = "payment_intent_payment_attempt_expired"
WAITING = ("requires_action", "processing")


def method_of(intent: Doc) -> ActionMethod | None:
    """Return the method whose instructions an intent has, or None."""
    return ACTION_METHODS.get((intent.get("_voucher") or {}).get("type"))  # type: ignore[arg-type]  # None is no key


def is_latest(intent: Doc) -> bool:
    """Return whether the latest attempt to pay an intent is a voucher, a QR code or a bank transfer."""
    voucher = intent.get("_voucher") or {}
    return bool(voucher) and intent["payment_method"] in (None, voucher["payment_method"])


def is_waiting(intent: Doc) -> bool:
    """Return whether an intent waits for the shopper to pay a voucher, a QR code or a bank transfer."""
    return intent["status"] in WAITING and is_latest(intent)


def check_billing(method: Doc) -> None:
    """Raise Stripe's error if a payment method lacks details that its type needs: docs/payments/<method>."""
    for name in ACTION_METHODS[method["type"]].needs:
        known = method["billing_details"][name]
        if not (known["country"] if name == "address" else known):
            raise missing(f"billing_details[{name}]")


def start(state: State, intent: Doc, method: Doc, base_url: str) -> Doc:
    """Give the shopper the instructions of a voucher or QR code, and let them end. Return the intent.

    No charge exists before the payment.
    """
    kind, number = ACTION_METHODS[method["type"]], _confirmation_number(intent, method["type"])
    if number == REJECTED_NUMBER:
        raise ApiError(
            "The confirmation number was rejected by Konbini. Please try again with another one.",
            code="payment_intent_konbini_rejected_confirmation_number",
            param="payment_method_options[konbini][confirmation_number]",
        )
    outcome = _outcome(kind, method, number)
    now, key = state.clock.now(), random_text(32)
    ends_at = _end(kind, intent, outcome, now)
    voucher: Doc = {
        "type": kind.type,
        "payment_method": method["id"],
        "key": key,
        "paid_at": now + outcome.paid_after_seconds if outcome.paid_after_seconds is not None else None,
        "ends_at": ends_at,
        "fails_at": _failure(kind, outcome, ends_at),
    }
    url = next_actions.page_url(base_url, intent, key)
    action = next_actions.build(kind, intent=intent, url=url, ends_at=ends_at)
    voucher["details"] = _details(kind.type, action[kind.action])
    changes = {"status": "requires_action", "next_action": action, "last_payment_error": None, "_voucher": voucher}
    state.update(intent, "payment_intent.requires_action", **changes)
    for name in ("paid_at", "ends_at", "fails_at"):
        if voucher[name] is not None:
            state.schedule("advance_voucher", intent["id"], voucher[name])
    return intent


def _confirmation_number(intent: Doc, kind: str) -> str:
    number = intent["payment_method_options"][kind].get("confirmation_number") if kind == "konbini" else None
    return number or ""


def _outcome(kind: ActionMethod, method: Doc, number: str) -> Outcome:
    """Return what test mode does. PayNow and PromptPay have no values for it, but a page with buttons."""
    if kind.type in ("paynow", "promptpay"):
        return Outcome(word="", title="")
    return outcome_of(method["billing_details"]["email"], number)


def _end(kind: ActionMethod, intent: Doc, outcome: Outcome, now: int) -> int | None:
    """Return when the instructions end; None for a method that does not say it."""
    if outcome.ends_after_seconds is not None:
        return now + outcome.ends_after_seconds
    options = intent["payment_method_options"].get(kind.type) or {}
    if options.get("expires_at"):
        return int(options["expires_at"])
    if kind.type == "pix":
        return now + int(options.get("expires_after_seconds") or PIX_SECONDS)
    if kind.type == "multibanco":
        return now + MULTIBANCO_SECONDS
    return kind.end(now, options.get("expires_after_days")) if kind.max_days else None


def _failure(kind: ActionMethod, outcome: Outcome, ends_at: int | None) -> int | None:
    """Return when the intent fails: at the end, or where a late payment may arrive after a buffer.

    The test values that let a voucher expire fail at its end.
    """
    if ends_at is None or outcome.ends_after_seconds is not None:
        return ends_at
    return ends_at + kind.buffer_seconds


def advance(state: State, intent: Doc) -> None:
    """Let happen what is due: test mode's payment, the end of a voucher, its failure."""
    voucher, now = intent.get("_voucher"), state.clock.now()
    if not is_waiting(intent) or not voucher:
        return
    if voucher["paid_at"] is not None and voucher["paid_at"] <= now:
        pay(state, intent)
    elif voucher["fails_at"] is not None and voucher["fails_at"] <= now:
        expire(state, intent)
    elif _is_late(intent, now):
        state.update(intent, "payment_intent.processing", status="processing", next_action=None)


def _is_late(intent: Doc, now: int) -> bool:
    """Return whether only a payment that is on its way can still arrive.

    Of Multibanco: https://docs.stripe.com/payments/multibanco/accept-a-payment#expiration
    """
    voucher = intent["_voucher"]
    if voucher["type"] != "multibanco" or intent["status"] != "requires_action":
        return False
    return bool(voucher["ends_at"] <= now)


def pay(state: State, intent: Doc) -> Doc:
    """Let the shopper pay a voucher or QR code. Return the charge."""
    method = state.get("payment_method", intent["payment_method"])
    charge = charges.new_charge(state, intent, method, status="succeeded")
    charge["payment_method_details"][method["type"]].update(intent["_voucher"].get("details", {}))
    state.store.save(charge)
    state.update(method, _used=True)
    intent["latest_charge"] = charge["id"]
    state.emit("charge.succeeded", charge)
    payments.succeed(state, intent, charge, intent["amount"])
    if intent["_session"]:
        state.run("action_paid", intent)
    return charge


def _details(kind: str, action: Doc) -> Doc:
    """Return what the charge will tell about the payment."""
    details: dict[str, Doc] = {
        "konbini": {"store": {"chain": next_actions.STORES[0]}},
        "oxxo": {"number": action.get("number")},
        "multibanco": {name: action.get(name) for name in ("entity", "reference")},
        "pix": {"bank_transaction_id": f"E{next_actions.digits(31)}"},
        "paynow": {"reference": random_text(16).upper()},
        "promptpay": {"reference": random_text(16).upper()},
    }
    return details.get(kind, {})


def expire(state: State, intent: Doc) -> Doc:
    """End the instructions of an intent without payment. Return it.

    The error is the one that test mode gives for PromptPay; the documentation of the other methods has its code.
    """
    kind = method_of(intent)
    title = kind.title if kind else ""
    method = state.get("payment_method", intent["payment_method"])
    why = {
        "code": CODE,
        "doc_url": f"https://stripe.com/docs/error-codes/{CODE.replace('_', '-')}",
        "message": (
            f"The {title} payment attempt of this PaymentIntent has expired. You can provide payment_method_data or a "
            "new PaymentMethod to attempt to fulfill this PaymentIntent again."
        ),
        "payment_method": {name: value for name, value in method.items() if not name.startswith("_")},
        "type": "card_error",
    }
    state.update(method, _used=True)
    changes = {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    state.update(intent, "payment_intent.payment_failed", **changes, last_payment_error=why)
    if intent.get("_invoice"):
        state.run("invoice_refused", intent)
    if intent["_session"]:
        state.run("action_failed", intent)
    return intent
