"""Disputes and early fraud warnings: opened by a test card or a test, answered and closed."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..messages import Doc, StateError
from ..world import World
from .balance import new_balance_transaction

KIND = "dispute"
WARNING_KIND = "radar.early_fraud_warning"
ANSWER_SECONDS = 7 * 24 * 3600
DISPUTE_FEE_MINOR = 1500
CLOSED = ("won", "lost", "warning_closed", "prevented")
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
)
EVIDENCE = tuple(_EVIDENCE.split())


def open_dispute(world: World, charge: Doc, reason: str, amount: int | None = None, *, inquiry: bool = False) -> Doc:
    """Open a dispute (or, as ``inquiry``, only a question) about a charge."""
    if charge["disputed"]:
        raise StateError(f"The charge {charge['id']} is disputed already.", code="charge_disputed")
    details = charge["payment_method_details"]
    dispute = world.new(
        KIND,
        amount=charge["amount"] - charge["amount_refunded"] if amount is None else amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence={**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        evidence_details={
            "due_by": world.clock.now() + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=inquiry,
        metadata={},
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )
    if details["type"] == "card":
        brand = details["card"]["brand"]
        case = {"brand": brand, "case_type": "inquiry" if inquiry else "chargeback", "network": brand}
        dispute["payment_method_details"] = {"type": "card", "card": {**case, "network_reason_code": "10.4"}}
    world.store.insert(dispute)
    if not inquiry:
        _move_funds(world, dispute, -dispute["amount"], DISPUTE_FEE_MINOR)
    world.update(charge, disputed=True)
    world.emit("charge.dispute.created", dispute)
    if not inquiry:
        world.emit("charge.dispute.funds_withdrawn", dispute)
    world.schedule("lose_dispute", dispute["id"], dispute["evidence_details"]["due_by"])
    return dispute


def close_dispute(world: World, dispute: Doc, status: str) -> Doc:
    """Close a dispute as ``won``, ``lost``, ``prevented`` or ``warning_closed``."""
    if dispute["status"] in CLOSED:
        raise StateError(f"This dispute is already closed: {dispute['status']}.", code="dispute_already_closed")
    withdrawn = -sum(transaction["amount"] for transaction in dispute["balance_transactions"])
    if status == "won" and withdrawn:
        _move_funds(world, dispute, withdrawn, 0)
        world.update(dispute, status=status)
        world.emit("charge.dispute.funds_reinstated", dispute)
    return world.update(dispute, "charge.dispute.closed", status=status)


def lose_dispute(world: World, dispute: Doc) -> None:
    """Close a dispute that nobody answered in time."""
    if dispute["status"] == "needs_response":
        close_dispute(world, dispute, "lost")
    elif dispute["status"] == "warning_needs_response":
        close_dispute(world, dispute, "warning_closed")


def warn(world: World, charge: Doc, fraud_type: str = "made_with_stolen_card") -> Doc:
    """Report a charge as probably fraudulent."""
    warning = world.new(
        WARNING_KIND,
        actionable=not charge["refunded"] and not charge["disputed"],
        charge=charge["id"],
        fraud_type=fraud_type,
        payment_intent=charge["payment_intent"],
    )
    world.store.insert(warning)
    world.emit("radar.early_fraud_warning.created", warning)
    return warning


def _move_funds(world: World, dispute: Doc, amount: int, fee: int) -> None:
    transaction = new_balance_transaction(world, dispute, "adjustment", amount, fee=fee)
    dispute["balance_transactions"].append(transaction)
    world.store.save(dispute)


def retrieve_dispute(call: Call) -> Doc:
    """GET /v1/disputes/:dispute."""
    return call.world.get(KIND, call.ids["dispute"], "dispute")


def list_disputes(call: Call) -> Doc:
    """GET /v1/disputes."""
    return list_objects(call, KIND, ("charge", "payment_intent"))


def update_dispute(call: Call) -> Doc:
    """POST /v1/disputes/:dispute; evidence ``winning_evidence`` or ``losing_evidence`` decides as at Stripe."""
    world, dispute = call.world, retrieve_dispute(call)
    if dispute["status"] in CLOSED:
        raise StateError(f"This dispute is already closed: {dispute['status']}.", code="dispute_already_closed")
    evidence = {name: value or None for name, value in call.params.get("evidence", {}).items()}
    details = dict(dispute["evidence_details"])
    changes: Doc = {"evidence": {**dispute["evidence"], **evidence}, "evidence_details": details}
    details["has_evidence"] = any(value for name, value in changes["evidence"].items() if name in EVIDENCE)
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(dispute["metadata"], call.params["metadata"])
    is_submitted = evidence and call.params.get("submit", True)
    if is_submitted:
        details["submission_count"] += 1
        is_inquiry = dispute["status"].startswith("warning")
        changes["status"] = "warning_under_review" if is_inquiry else "under_review"
    world.update(dispute, "charge.dispute.updated", **changes)
    decision = {"winning_evidence": "won", "losing_evidence": "lost"}.get(evidence.get("uncategorized_text") or "")
    return close_dispute(world, dispute, decision) if is_submitted and decision else dispute


def close(call: Call) -> Doc:
    """POST /v1/disputes/:dispute/close: accept that it is lost."""
    return close_dispute(call.world, retrieve_dispute(call), "lost")


def retrieve_warning(call: Call) -> Doc:
    """GET /v1/radar/early_fraud_warnings/:early_fraud_warning."""
    return call.world.get(WARNING_KIND, call.ids["early_fraud_warning"], "early_fraud_warning")


def list_warnings(call: Call) -> Doc:
    """GET /v1/radar/early_fraud_warnings."""
    return list_objects(call, WARNING_KIND, ("charge", "payment_intent"))
