"""Refunds, which may stay pending or fail later."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, merged_metadata, retrieve
from django_checkout.emulator.api.resources.balance import new_balance_transaction
from django_checkout.emulator.api.resources.pricing import missing
from django_checkout.emulator.messages import ApiError, Doc, StateError
from django_checkout.emulator.reference.currencies import with_symbol
from django_checkout.emulator.state.state import State

KIND = "refund"
PENDING_SECONDS = 2 * 24 * 3600
ANSWER_SECONDS = 45 * 24 * 3600
WAITING = ("pending", "requires_action")
#: Stripe asks by email for a bank account: ``instructions_email`` in stripe/params/_refund_create_params.py,
#: https://docs.stripe.com/payments/konbini#refunds, https://docs.stripe.com/payments/customer-balance/refunding.
BY_EMAIL = ("customer_balance", "konbini", "promptpay")
#: https://docs.stripe.com/payments/boleto#refunds, https://docs.stripe.com/payments/oxxo#refunds
NOT_REFUNDABLE = ("boleto", "oxxo")
FAILING_SECONDS = 5 * 24 * 3600
#: Fields of a new object that are null.
NULLS = "balance_transaction customer_account receipt_number source_transfer_reversal transfer_reversal"


def create(call: Call) -> Doc:
    """POST /v1/refunds."""
    state, params = call.state, call.params
    charge = _charge_to_refund(state, params)
    left = charge["amount"] - charge["amount_refunded"] if charge["captured"] else 0
    kind = charge["payment_method_details"]["type"]
    if kind in NOT_REFUNDABLE:
        raise StateError(f"Payments by {kind} cannot be refunded.", param="charge")
    if charge["disputed"] and any(
        not dispute["is_charge_refundable"] and dispute["status"] != "won"
        for dispute in state.store.select("dispute", {"charge": charge["id"]})
    ):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StateError(message, code="charge_disputed", param="charge")
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StateError(message, code="charge_already_refunded", param="charge")
    amount = params.get("amount", left)
    if amount < 1:
        raise ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        # reactioncommerce/reaction#3704, woocommerce/woocommerce-gateway-stripe#1315
        limit, what = left, "unrefunded amount on charge"
        if amount > charge["amount"]:
            limit, what = charge["amount"], "charge amount"
        currency = charge["currency"]
        message = (
            f"Refund amount ({with_symbol(amount, currency)}) is greater than {what} ({with_symbol(limit, currency)})"
        )
        raise ApiError(message, param="amount")
    metadata = merged_metadata({}, params.get("metadata", {}))
    email = params.get("instructions_email")
    if kind in BY_EMAIL and not (email or _email(state, charge)):
        # https://docs.stripe.com/payments/customer-balance/refunding
        raise missing("instructions_email")
    return new_refund(state, charge, amount, params.get("reason"), metadata, instructions_email=email)


def _email(state: State, charge: Doc) -> str | None:
    """Return the email address to ask for a bank account: the customer's for transfers, else the payer's."""
    if charge["payment_method_details"]["type"] == "customer_balance":
        return state.get("customer", charge["customer"])["email"] or None
    return charge["billing_details"]["email"] or None


def new_refund(
    state: State,
    charge: Doc,
    amount: int,
    reason: str | None,
    metadata: Doc,
    *,
    instructions_email: str | None = None,
) -> Doc:
    """Create a refund and emit the events. The shopper may be asked for a bank account by ``instructions_email``."""
    effect = charge.get("_effect", "")
    needs_shopper = charge["payment_method_details"]["type"] in BY_EMAIL
    is_pending = effect == "refund_pending" or needs_shopper
    refund = _new(state, charge, amount, reason, metadata)
    refund["status"] = "requires_action" if needs_shopper else "pending" if is_pending else "succeeded"
    if instructions_email or needs_shopper:
        refund["instructions_email"] = instructions_email or _email(state, charge)
    if needs_shopper:
        refund["next_action"] = _next_action(state, refund["instructions_email"])
    elif is_pending:
        refund["pending_reason"] = "processing"
    if is_pending:
        state.schedule("finish_refund", refund["id"], state.clock.now() + PENDING_SECONDS)
    if effect == "refund_fails":
        state.schedule("fail_refund", refund["id"], state.clock.now() + FAILING_SECONDS)
    refund["balance_transaction"] = new_balance_transaction(state, refund, "refund", -amount)["id"]
    return _book(state, charge, refund)


def release(state: State, charge: Doc, amount: int) -> Doc:
    """Release an authorized amount that is not captured: at Stripe a refund that moves no money.

    It has no balance transaction and counts towards the charge's ``amount_refunded``:
    https://github.com/solidusio/solidus_stripe/pull/268,
    https://github.com/woocommerce/woocommerce-gateway-stripe/issues/1073.
    """
    refund = _new(state, charge, amount, None, {})
    if "card" in refund["destination_details"]:
        refund["destination_details"]["card"] = {"type": "reversal"}
    return _book(state, charge, refund)


def _new(state: State, charge: Doc, amount: int, reason: str | None, metadata: Doc) -> Doc:
    refund = state.new(
        KIND,
        NULLS,
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details=_destination(charge),
        metadata=metadata,
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=reason,
        status="succeeded",
    )
    del refund["livemode"]
    if charge["id"].startswith("py_"):
        refund["id"] = refund["id"].replace("re_", "pyr_")
    return refund


def _book(state: State, charge: Doc, refund: Doc) -> Doc:
    state.store.insert(refund)
    total = charge["amount_refunded"] + refund["amount"]
    state.emit("refund.created", refund)
    state.update(charge, "charge.refunded", amount_refunded=total, refunded=total == charge["amount"])
    return refund


def finish_refund(state: State, refund: Doc) -> Doc:
    """Complete a refund that waits for the bank or the shopper."""
    if refund["status"] not in WAITING:
        raise StateError(f"This refund has a status of {refund['status']}.")
    _clear_wait(refund)
    return _updated(state, refund, status="succeeded")


def _updated(state: State, refund: Doc, **changes: object) -> Doc:
    """Change a refund, and emit the event under both of its names: stripe-cli, charge.refund.updated.json."""
    previous = {name: refund.get(name) for name, value in changes.items() if refund.get(name) != value}
    state.update(refund, "charge.refund.updated", **changes)
    state.emit("refund.updated", refund, previous)
    return refund


def finish_due(state: State, refund: Doc) -> None:
    """Complete a refund if it is still waiting."""
    if refund["status"] in WAITING:
        finish_refund(state, refund)


def fail_refund(state: State, refund: Doc, failure_reason: str = "expired_or_canceled_card") -> Doc:
    """Fail a refund, pending or succeeded. The money returns to the account."""
    before = refund["status"]
    if before not in (*WAITING, "succeeded") or refund["balance_transaction"] is None:
        raise StateError(f"This refund has a status of {before}.")
    _clear_wait(refund)
    returned = new_balance_transaction(state, refund, "refund_failure", refund["amount"])
    refund["failure_balance_transaction"] = returned["id"]
    refund["failure_reason"] = failure_reason
    state.update(refund, status="failed")
    _reduce_refunded(state, refund)
    state.emit("charge.refund.updated", refund, {"status": before})
    state.emit("refund.updated", refund, {"status": before})
    state.emit("refund.failed", refund)
    return refund


def fail_due(state: State, refund: Doc) -> None:
    """Fail a refund unless it has failed or been canceled."""
    if refund["status"] in (*WAITING, "succeeded"):
        fail_refund(state, refund)


def _clear_wait(refund: Doc) -> None:
    refund.pop("pending_reason", None)
    refund.pop("next_action", None)


def _next_action(state: State, email: str | None) -> Doc:
    now = state.clock.now()
    sent = {"email_sent_at": now, "email_sent_to": email}
    return {"type": "display_details", "display_details": {"email_sent": sent, "expires_at": now + ANSWER_SECONDS}}


def _reduce_refunded(state: State, refund: Doc) -> None:
    charge = state.get("charge", refund["charge"])
    state.update(charge, amount_refunded=charge["amount_refunded"] - refund["amount"], refunded=False)


def _charge_to_refund(state: State, params: Doc) -> Doc:
    if "charge" in params:
        charge = state.get("charge", params["charge"], "charge")
        if not charge["captured"] and not charge["refunded"]:
            raise _nothing_to_refund(charge["payment_intent"], "charge")
        return charge
    if "payment_intent" not in params:
        # stripe/stripe-dotnet#2202
        raise missing("charge")
    intent = state.get("payment_intent", params["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        raise _nothing_to_refund(intent["id"], "payment_intent")
    return state.get("charge", intent["latest_charge"])


def _nothing_to_refund(intent_id: str, param: str) -> StateError:
    message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
    return StateError(message, code="payment_intent_unexpected_state", param=param)


def _destination(charge: Doc) -> Doc:
    if charge["payment_method_details"]["type"] != "card":
        return {"type": charge["payment_method_details"]["type"]}
    return {
        "type": "card",
        "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
    }


def update(call: Call) -> Doc:
    """POST /v1/refunds/:refund."""
    refund = call.target(KIND)
    return _updated(call.state, refund, **call.changes(refund))


def cancel(call: Call) -> Doc:
    """POST /v1/refunds/:refund/cancel, for refunds that wait for the shopper only."""
    refund = call.target(KIND)
    if refund["status"] != "requires_action":
        raise StateError(f"You cannot cancel a refund with a status of {refund['status']}.", param="refund")
    _clear_wait(refund)
    _reduce_refunded(call.state, refund)
    return _updated(call.state, refund, status="canceled")


def expire(call: Call) -> Doc:
    """POST /v1/test_helpers/refunds/:refund/expire, of a refund whose shopper gave no bank account.

    It fails, and the money returns to the balance: https://docs.stripe.com/refunds#failed-refunds.
    """
    refund = call.target(KIND)
    if refund["status"] != "requires_action":
        raise StateError(f"You cannot expire a refund with a status of {refund['status']}.", param="refund")
    return fail_refund(call.state, refund, "unknown")


EXPANDABLE = {
    "refund": (
        "balance_transaction",
        "charge",
        "customer",
        "failure_balance_transaction",
        "payment_intent",
        "payment_method",
    ),
}
ROUTES = {
    "GET /v1/refunds": Route(partial(list_kind, "refund", "charge payment_intent")),
    "POST /v1/refunds": Route(
        create,
        "currency customer origin refund_application_fee reverse_transfer",
    ),
    "GET /v1/refunds/{refund}": Route(partial(retrieve, "refund")),
    "POST /v1/refunds/{refund}": Route(update),
    "POST /v1/refunds/{refund}/cancel": Route(cancel),
    "POST /v1/test_helpers/refunds/{refund}/expire": Route(expire),
}
