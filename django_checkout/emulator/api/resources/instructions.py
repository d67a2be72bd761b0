"""The instructions of a payment that the shopper makes elsewhere: a voucher, a QR code or a bank transfer."""

from __future__ import annotations

from django_checkout.emulator.api.resources import bank_transfers, method_options, vouchers
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.messages import Doc, StateError, not_implemented
from django_checkout.emulator.state.state import State


def start(state: State, intent: Doc, method: Doc, base_url: str) -> Doc:
    """Give the shopper the instructions of a payment method. Return the intent, which a cash balance may have paid.

    Raises Stripe's error for an amount or details that the method does not take.
    """
    method_options.check_amount([method["type"]], intent["amount"], intent["capture_method"])
    vouchers.check_billing(method)
    if method["type"] != bank_transfers.KIND:
        return vouchers.start(state, intent, method, base_url)
    if not intent["customer"]:
        # https://docs.stripe.com/payments/bank-transfers/accept-a-payment
        raise missing("customer")
    return bank_transfers.start(state, intent, base_url)


def check_funds(intent: Doc, method: Doc) -> None:
    """Raise the emulator's own error for another payment method of an intent that a transfer has funded in part."""
    voucher = intent.get("_voucher") or {}
    if voucher.get("funded") and method["type"] != voucher["type"]:
        raise not_implemented("another payment method of a payment that is funded in part", "payment_method")


def withdraw(state: State, intent: Doc, params: Doc) -> Doc:
    """Withdraw the instructions of an intent whose payment changes. Return the changes of the intent.

    "Updating the PaymentIntent ... will also implicitly cancel the existing Konbini payment" and "When you change the
    amount of a partially funded PaymentIntent, the funds are returned to the customer balance", on the same pages.
    It is to be confirmed again then: https://docs.stripe.com/payments/paymentintents/lifecycle
    """
    if not vouchers.is_waiting(intent):
        return {}
    if "customer" in params:
        raise not_implemented("another customer of a payment that waits for the shopper", "customer")
    if not params.keys() & {"amount", "currency", "payment_method", "payment_method_data"}:
        return {}
    state.update(intent, status="requires_confirmation", next_action=None)
    bank_transfers.return_funds(state, intent)
    return {"status": "requires_confirmation", "next_action": None}


def settle(state: State, intent: Doc, *, succeed: bool, amount: int | None = None) -> None:
    """Let the shopper pay what an intent waits for, or let its voucher expire.

    ``amount`` is that of a bank transfer, by default what remains. Raises the emulator's own error if nothing can be
    paid: a code that has ended or is paid is refused where it is entered, and Multibanco and Pix return the money.
    """
    voucher = intent.get("_voucher") or {}
    if voucher.get("type") == bank_transfers.KIND:
        if not succeed:
            raise StateError("A bank transfer does not expire.")
        left = bank_transfers.remaining(intent) if vouchers.is_waiting(intent) else intent["amount"]
        currency, customer = intent["currency"], intent["customer"]
        bank_transfers.receive(state, customer, left if amount is None else amount, currency, voucher["reference"])
        return
    if not vouchers.is_waiting(intent):
        message = f"{intent['id']} has no instructions that can be paid: its status is {intent['status']}."
        raise StateError(message)
    if amount not in (None, intent["amount"]):
        raise StateError("This payment method takes the exact amount only.")
    if succeed:
        vouchers.pay(state, intent)
    else:
        vouchers.expire(state, intent)
