"""Bank transfers: they fund the cash balance of a customer, which pays the PaymentIntents that wait for them.

https://docs.stripe.com/payments/bank-transfers/accept-a-payment and
https://docs.stripe.com/payments/customer-balance/reconciliation
"""

from __future__ import annotations

from itertools import combinations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.resources import next_actions, vouchers
from django_checkout.emulator.api.resources.customer_balance import available, cash_balance, is_automatic, move
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, not_implemented, wrong_state
from django_checkout.emulator.reference.action_methods import ACTION_METHODS
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

KIND = "customer_balance"
SENDER = "Emulated sender"
#: How bank transfers arrive, by currency: https://docs.stripe.com/payments/customer-balance#bank-transfer-options
TRANSFERS: dict[str, tuple[str, Doc | None]] = {
    "eur": ("eu_bank_transfer", {"bic": "TESTDEFF", "iban_last4": "3000", "sender_name": SENDER}),
    "gbp": (
        "gb_bank_transfer",
        {"account_number_last4": "2345", "sender_name": SENDER, "sort_code": "108800"},
    ),
    "jpy": (
        "jp_bank_transfer",
        {"sender_bank": "Example Bank", "sender_branch": "Example Branch", "sender_name": SENDER},
    ),
    # The object of a Mexican transfer has no fields of its own.
    "mxn": ("mx_bank_transfer", None),
    "usd": ("us_bank_transfer", {"network": "ach", "sender_name": SENDER}),
}
MAX_GROUP = 5
REVERSAL = "reversal_"


def start(state: State, intent: Doc, base_url: str) -> Doc:
    """Pay an intent from the cash balance, or give the shopper the accounts to transfer the rest to. Return it."""
    customer, currency = intent["customer"], intent["currency"]
    _release(state, intent)
    key, kind = random_text(32), ACTION_METHODS[KIND]
    reference = next_actions.new_reference(currency)
    known = {"type": KIND, "payment_method": intent["payment_method"], "key": key, "reference": reference}
    intent["_voucher"] = {**known, "funded": 0}
    state.store.save(intent)
    if is_automatic(state, customer):
        _take(state, intent, min(available(state, customer, currency), intent["amount"]))
    if not remaining(intent):
        vouchers.pay(state, intent)
        return intent
    url = next_actions.page_url(base_url, intent, key)
    action = next_actions.build(kind, intent=intent, url=url, remaining=remaining(intent), reference=reference)
    changes = {"status": "requires_action", "next_action": action, "last_payment_error": None}
    return state.update(intent, "payment_intent.requires_action", **changes, _confirmed_at=state.clock.now())


def remaining(intent: Doc) -> int:
    """Return what is still to be transferred, in minor units."""
    return int(intent["amount"] - intent["_voucher"]["funded"])


def _take(state: State, intent: Doc, amount: int) -> None:
    """Move an amount from the cash balance to an intent."""
    if amount <= 0:
        return
    applied = {"applied_to_payment": {"payment_intent": intent["id"]}}
    move(state, intent["customer"], intent["currency"], -amount, "applied_to_payment", **applied)
    state.update(intent, _voucher={**intent["_voucher"], "funded": intent["_voucher"]["funded"] + amount})


def apply(state: State, intent: Doc, amount: int) -> Doc:
    """Apply an amount of the cash balance to an intent that waits, which may complete it. Return it."""
    _take(state, intent, amount)
    if not remaining(intent):
        vouchers.pay(state, intent)
        return intent
    action = intent["next_action"]
    shown = {**action[action["type"]], "amount_remaining": remaining(intent)}
    changed = {**action, action["type"]: shown}
    return state.update(intent, "payment_intent.partially_funded", next_action=changed)


def fund(call: Call) -> Doc:
    """POST /v1/test_helpers/customers/:customer/fund_cash_balance."""
    customer = call.state.get("customer", call.ids["customer"], "customer", status=404)["id"]
    currency = check_currency(call.params["currency"], "currency")
    return receive(call.state, customer, call.params["amount"], currency, call.params.get("reference"))


def receive(state: State, customer: str, amount: int, currency: str, reference: str | None = None) -> Doc:
    """Let a bank transfer arrive, and apply it to what waits for it. Return the transaction."""
    if amount < 1:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if currency not in TRANSFERS:
        raise not_implemented(f"bank transfers in {currency}", "currency")
    if (reference or "").startswith(REVERSAL):
        raise not_implemented("the reversal of a bank transfer", "reference")
    kind, details = TRANSFERS[currency]
    transfer: Doc = {"type": kind, "reference": reference}
    if details:
        transfer[kind] = details
    funded = move(state, customer, currency, amount, "funded", funded={"bank_transfer": transfer})
    if is_automatic(state, customer):
        reconcile(state, customer, currency, reference, amount)
    # Only if something remains: https://docs.stripe.com/api/events/types#event_types-cash_balance.funds_available
    if available(state, customer, currency):
        state.emit("cash_balance.funds_available", cash_balance(state, customer))
    return funded


def reconcile(state: State, customer: str, currency: str, reference: str | None = None, amount: int = 0) -> None:
    """Apply the cash balance to the intents that wait: by reference, by the exact amount, then the oldest first.

    ``amount`` is that of the transfer that has arrived.
    """
    waiting = _waiting(state, customer, currency)
    chosen = [intent for intent in waiting if reference and intent["_voucher"]["reference"] == reference]
    chosen = chosen or _exact(waiting, amount)
    for intent in [*chosen, *(one for one in waiting if one not in chosen)]:
        if left := available(state, customer, currency):
            apply(state, intent, min(left, remaining(intent)))


def _waiting(state: State, customer: str, currency: str) -> list[Doc]:
    where = {"customer": customer, "currency": currency, "status": "requires_action"}
    found = state.store.select("payment_intent", where, oldest_first=True)
    mine = [intent for intent in found if vouchers.is_waiting(intent) and intent["_voucher"]["type"] == KIND]
    return sorted(mine, key=lambda intent: intent["_confirmed_at"])


def _exact(waiting: list[Doc], amount: int) -> list[Doc]:
    """Return the smallest group of one to five intents that wait for exactly this amount, the oldest ones."""
    groups = (group for size in range(1, MAX_GROUP + 1) for group in combinations(waiting, size))
    return next((list(group) for group in groups if sum(map(remaining, group)) == amount), [])


def return_funds(state: State, intent: Doc) -> None:
    """Return to the cash balance what a canceled or changed intent was funded with. It may pay the next intent."""
    if _release(state, intent) and is_automatic(state, intent["customer"]):
        reconcile(state, intent["customer"], intent["currency"])


def _release(state: State, intent: Doc) -> bool:
    """Move an intent's funds back to the cash balance: ``type`` in stripe/_customer_cash_balance_transaction.py."""
    voucher = intent.get("_voucher") or {}
    funded = voucher.get("funded", 0)
    if not funded:
        return False
    state.update(intent, _voucher={**voucher, "funded": 0})
    returned = {"unapplied_from_payment": {"payment_intent": intent["id"]}}
    move(state, intent["customer"], intent["currency"], funded, "unapplied_from_payment", **returned)
    return True


def apply_balance(call: Call) -> Doc:
    """POST /v1/payment_intents/:intent/apply_customer_balance, of what remains by default."""
    state, intent = call.state, call.target("payment_intent")
    if not vouchers.is_waiting(intent) or intent["_voucher"]["type"] != KIND:
        message = f"You cannot apply the customer balance to this PaymentIntent: its status is {intent['status']}."
        raise wrong_state(intent, message)
    currency = call.params.get("currency", intent["currency"])
    if currency != intent["currency"]:
        raise ApiError(f"The currency must be {intent['currency']}, as the PaymentIntent's.", param="currency")
    amount: int = call.params.get("amount", remaining(intent))
    most = min(available(state, intent["customer"], currency), remaining(intent))
    if amount < 1 or amount > most:
        raise ApiError(f"The amount must be at least 1 and at most {most}.", param="amount")
    return apply(state, intent, amount)


ROUTES = {
    "POST /v1/payment_intents/{intent}/apply_customer_balance": Route(apply_balance),
    "POST /v1/test_helpers/customers/{customer}/fund_cash_balance": Route(fund),
}
