"""Refunds: made, updated, canceled; they may stay pending or fail later."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..messages import ApiError, Doc, StateError
from ..world import World
from .balance import new_balance_transaction
from .catalog import missing

KIND = "refund"
PENDING_SECONDS = 2 * 24 * 3600
ANSWER_SECONDS = 45 * 24 * 3600
WAITING = ("pending", "requires_action")
#: Paid in cash: the shopper is asked by mail where the money is to go.
VOUCHERS = ("boleto", "konbini", "oxxo")
FAILING_SECONDS = 5 * 24 * 3600


def create(call: Call) -> Doc:
    """POST /v1/refunds."""
    world, params = call.world, call.params
    charge = _charge_to_refund(world, params)
    left = charge["amount"] - charge["amount_refunded"] if charge["captured"] else 0
    if charge["disputed"] and any(
        not dispute["is_charge_refundable"] and dispute["status"] != "won"
        for dispute in world.store.select("dispute", {"charge": charge["id"]})
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
        raise ApiError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            code="refund_amount_too_large",
            param="amount",
        )
    return new_refund(world, charge, amount, params.get("reason"), merged_metadata({}, params.get("metadata", {})))


def new_refund(world: World, charge: Doc, amount: int, reason: str | None, metadata: Doc) -> Doc:
    """Give money back and tell of it."""
    effect = charge.get("_effect", "")
    needs_shopper = charge["payment_method_details"]["type"] in VOUCHERS
    is_pending = effect == "refund_pending" or needs_shopper
    refund = _new(world, charge, amount, reason, metadata)
    refund["status"] = "requires_action" if needs_shopper else "pending" if is_pending else "succeeded"
    if needs_shopper:
        refund["next_action"] = _next_action(world, charge)
    elif is_pending:
        refund["pending_reason"] = "processing"
    if is_pending:
        world.schedule("finish_refund", refund["id"], world.clock.now() + PENDING_SECONDS)
    if effect == "refund_fails":
        world.schedule("fail_refund", refund["id"], world.clock.now() + FAILING_SECONDS)
    refund["balance_transaction"] = new_balance_transaction(world, refund, "refund", -amount)["id"]
    return _book(world, charge, refund)


def release(world: World, charge: Doc, amount: int) -> Doc:
    """Let go of what was authorized and is not captured: at Stripe a refund by which no money moves.

    It has no balance transaction, and counts in the charge's ``amount_refunded``:
    https://github.com/solidusio/solidus_stripe/pull/268,
    https://github.com/woocommerce/woocommerce-gateway-stripe/issues/1073.
    """
    refund = _new(world, charge, amount, None, {})
    if "card" in refund["destination_details"]:
        refund["destination_details"]["card"] = {"type": "reversal"}
    return _book(world, charge, refund)


def _new(world: World, charge: Doc, amount: int, reason: str | None, metadata: Doc) -> Doc:
    refund = world.new(
        KIND,
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        customer_account=None,
        destination_details=_destination(charge),
        metadata=metadata,
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=reason,
        receipt_number=None,
        source_transfer_reversal=None,
        status="succeeded",
        transfer_reversal=None,
    )
    del refund["livemode"]
    if charge["id"].startswith("py_"):
        refund["id"] = refund["id"].replace("re_", "pyr_")
    return refund


def _book(world: World, charge: Doc, refund: Doc) -> Doc:
    world.store.insert(refund)
    total = charge["amount_refunded"] + refund["amount"]
    world.emit("refund.created", refund)
    world.update(charge, "charge.refunded", amount_refunded=total, refunded=total == charge["amount"])
    return refund


def finish_refund(world: World, refund: Doc) -> Doc:
    """Let a refund arrive that waits for a bank or for the shopper."""
    if refund["status"] not in WAITING:
        raise StateError(f"This refund has a status of {refund['status']}.")
    _forget_wait(refund)
    return world.update(refund, "refund.updated", status="succeeded")


def finish_due(world: World, refund: Doc) -> None:
    """Let a waiting refund arrive if nothing else became of it."""
    if refund["status"] in WAITING:
        finish_refund(world, refund)


def fail_refund(world: World, refund: Doc, failure_reason: str = "expired_or_canceled_card") -> Doc:
    """Let a refund fail, also one that had succeeded: the money returns to the account."""
    before = refund["status"]
    if before not in (*WAITING, "succeeded") or refund["balance_transaction"] is None:
        raise StateError(f"This refund has a status of {before}.")
    _forget_wait(refund)
    returned = new_balance_transaction(world, refund, "refund_failure", refund["amount"])
    refund["failure_balance_transaction"] = returned["id"]
    refund["failure_reason"] = failure_reason
    world.update(refund, status="failed")
    _give_back(world, refund)
    world.emit("refund.updated", refund, {"status": before})
    world.emit("refund.failed", refund)
    return refund


def fail_due(world: World, refund: Doc) -> None:
    """Let a refund fail if nothing else became of it."""
    if refund["status"] in (*WAITING, "succeeded"):
        fail_refund(world, refund)


def _forget_wait(refund: Doc) -> None:
    refund.pop("pending_reason", None)
    refund.pop("next_action", None)


def _next_action(world: World, charge: Doc) -> Doc:
    now = world.clock.now()
    sent = {"email_sent_at": now, "email_sent_to": charge["billing_details"]["email"]}
    return {"type": "display_details", "display_details": {"email_sent": sent, "expires_at": now + ANSWER_SECONDS}}


def _give_back(world: World, refund: Doc) -> None:
    charge = world.get("charge", refund["charge"])
    world.update(charge, amount_refunded=charge["amount_refunded"] - refund["amount"], refunded=False)


def _charge_to_refund(world: World, params: Doc) -> Doc:
    if "charge" in params:
        return world.get("charge", params["charge"], "charge")
    if "payment_intent" not in params:
        raise missing("payment_intent")
    intent = world.get("payment_intent", params["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        raise StateError(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            code="payment_intent_unexpected_state" if intent["latest_charge"] else "missing",
            param="payment_intent",
        )
    return world.get("charge", intent["latest_charge"])


def _destination(charge: Doc) -> Doc:
    if charge["payment_method_details"]["type"] != "card":
        return {"type": charge["payment_method_details"]["type"]}
    return {
        "type": "card",
        "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
    }


def retrieve(call: Call) -> Doc:
    """GET /v1/refunds/:refund."""
    return call.world.get(KIND, call.ids["refund"], "refund")


def list_refunds(call: Call) -> Doc:
    """GET /v1/refunds."""
    return list_objects(call, KIND, ("charge", "payment_intent"))


def update(call: Call) -> Doc:
    """POST /v1/refunds/:refund."""
    refund = retrieve(call)
    metadata = merged_metadata(refund["metadata"], call.params.get("metadata", {}))
    return call.world.update(refund, "refund.updated", metadata=metadata)


def cancel(call: Call) -> Doc:
    """POST /v1/refunds/:refund/cancel; only one that waits for the customer can be."""
    refund = retrieve(call)
    if refund["status"] != "requires_action":
        raise StateError(f"You cannot cancel a refund with a status of {refund['status']}.", param="refund")
    _forget_wait(refund)
    _give_back(call.world, refund)
    return call.world.update(refund, "refund.updated", status="canceled")
