"""Disputes and early fraud warnings, opened by test cards or by hand."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, retrieve
from django_checkout.emulator.api.resources.balance import new_balance_transaction
from django_checkout.emulator.messages import ApiError, Doc, StateError
from django_checkout.emulator.state.state import State

KIND = "dispute"
WARNING_KIND = "radar.early_fraud_warning"
ANSWER_SECONDS = 7 * 24 * 3600
DISPUTE_FEE_MINOR = 1500
#: The characters of all fields of evidence together: ``stripe/params/_dispute_update_params.py``.
MAXIMUM_EVIDENCE = 150_000
CLOSED = ("won", "lost", "warning_closed", "prevented")
#: Stripe refuses evidence when its files are larger together: Automattic/woocommerce-payments#559.
MAX_FILES_BYTES = 9 * 1024**2 // 2
#: The fields of evidence that are files.
_FILES = (
    "cancellation_policy customer_communication customer_signature duplicate_charge_documentation receipt "
    "refund_policy service_documentation shipping_documentation uncategorized_file"
)
FILES = tuple(_FILES.split())
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
)
EVIDENCE = tuple(_EVIDENCE.split())
#: Effects of test cards to the reason of the dispute that they open, and whether it is an inquiry.
DISPUTES = {
    "dispute": ("fraudulent", False),
    "dispute_not_received": ("product_not_received", False),
    "dispute_inquiry": ("fraudulent", True),
}


def open_dispute(state: State, charge: Doc, reason: str, amount: int | None = None, *, inquiry: bool = False) -> Doc:
    """Open a dispute of a charge, or an inquiry."""
    if charge["disputed"]:
        raise StateError(f"The charge {charge['id']} is already disputed.", code="charge_disputed")
    details = charge["payment_method_details"]
    dispute = state.new(
        KIND,
        amount=charge["amount"] - charge["amount_refunded"] if amount is None else amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence={**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        evidence_details={
            "due_by": state.clock.now() + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        intended_submission_method=None,
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
    state.store.insert(dispute)
    if not inquiry:
        _move_funds(state, dispute, -dispute["amount"], DISPUTE_FEE_MINOR)
    state.update(charge, disputed=True)
    state.emit("charge.dispute.created", dispute)
    if not inquiry:
        state.emit("charge.dispute.funds_withdrawn", dispute)
    state.schedule("lose_dispute", dispute["id"], dispute["evidence_details"]["due_by"])
    return dispute


def close_dispute(state: State, dispute: Doc, status: str) -> Doc:
    """Close a dispute as ``won``, ``lost``, ``prevented`` or ``warning_closed``."""
    _check_open(dispute)
    withdrawn = -sum(transaction["amount"] for transaction in dispute["balance_transactions"])
    if status == "won" and withdrawn:
        _move_funds(state, dispute, withdrawn, 0)
        state.update(dispute, status=status)
        state.emit("charge.dispute.funds_reinstated", dispute)
    return state.update(dispute, "charge.dispute.closed", status=status)


def _check_open(dispute: Doc) -> None:
    if dispute["status"] in CLOSED:
        raise StateError(f"This dispute is already closed: {dispute['status']}.")


def lose_dispute(state: State, dispute: Doc) -> None:
    """Close an unanswered dispute at its due time."""
    if dispute["status"] == "needs_response":
        close_dispute(state, dispute, "lost")
    elif dispute["status"] == "warning_needs_response":
        close_dispute(state, dispute, "warning_closed")


def warn(state: State, charge: Doc, fraud_type: str = "made_with_stolen_card") -> Doc:
    """Create an early fraud warning for a charge."""
    warning = state.new(
        WARNING_KIND,
        actionable=not charge["refunded"] and not charge["disputed"],
        charge=charge["id"],
        fraud_type=fraud_type,
        payment_intent=charge["payment_intent"],
    )
    state.store.insert(warning)
    state.emit("radar.early_fraud_warning.created", warning)
    return warning


def follow_up(state: State, charge: Doc) -> None:
    """Open the dispute or send the warning that a test card causes, once its charge is captured."""
    effect = charge.get("_effect", "")
    if effect in DISPUTES and charge["captured"]:
        reason, inquiry = DISPUTES[effect]
        open_dispute(state, charge, reason, inquiry=inquiry)
    if effect == "fraud_warning" and charge["captured"]:
        warn(state, charge)


def _move_funds(state: State, dispute: Doc, amount: int, fee: int) -> None:
    transaction = new_balance_transaction(state, dispute, "adjustment", amount, fee=fee)
    dispute["balance_transactions"].append(transaction)
    state.store.save(dispute)


def update_dispute(call: Call) -> Doc:
    """POST /v1/disputes/:dispute. As at Stripe, ``winning_evidence`` and ``losing_evidence`` decide the dispute."""
    state, dispute = call.state, call.target(KIND)
    _check_open(dispute)
    evidence = {name: value or None for name, value in call.params.get("evidence", {}).items()}
    if sum(len(value) for value in evidence.values() if isinstance(value, str)) > MAXIMUM_EVIDENCE:
        raise ApiError(
            f"Evidence has at most {MAXIMUM_EVIDENCE:,} characters in all fields together.", param="evidence"
        )
    _check_files(state, {**dispute["evidence"], **evidence}, evidence)
    details = dict(dispute["evidence_details"])
    changes = call.changes(dispute, "intended_submission_method")
    changes |= {"evidence": {**dispute["evidence"], **evidence}, "evidence_details": details}
    details["has_evidence"] = any(value for name, value in changes["evidence"].items() if name in EVIDENCE)
    # Staged evidence is submitted by a request with nothing but ``submit``.
    has_more = evidence or ("submit" in call.params and details["has_evidence"])
    is_submitted = has_more and call.params.get("submit", True)
    if is_submitted:
        details["submission_count"] += 1
        details["submission_method"] = "manual"
        is_inquiry = dispute["status"].startswith("warning")
        changes["status"] = "warning_under_review" if is_inquiry else "under_review"
    state.update(dispute, "charge.dispute.updated", **changes)
    words = changes["evidence"]["uncategorized_text"] or ""
    decision = {"winning_evidence": "won", "losing_evidence": "lost"}.get(words)
    return close_dispute(state, dispute, decision) if is_submitted and decision else dispute


def _check_files(state: State, evidence: Doc, sent: Doc) -> None:
    """Raise Stripe's error for files of evidence that are unknown, for another purpose, or too large together."""
    size = 0
    for name in FILES:
        if not evidence[name]:
            continue
        param = f"evidence[{name}]"
        file = state.store.find(evidence[name], "file")
        if file is None:
            message = f"No such file upload: '{evidence[name]}'"
            raise ApiError(message, code="resource_missing", param=param)
        purposes = ("dispute_evidence", "customer_signature")[: 2 if name == "customer_signature" else 1]
        if name in sent and file["purpose"] not in purposes:
            raise ApiError(f"The purpose of the file {file['id']} is not `dispute_evidence`.", param=param)
        size += file["size"]
    if size > MAX_FILES_BYTES:
        message = "The files you've attached to this dispute as evidence will exceed the limit for its total size."
        raise ApiError(f"{message} Try using smaller files as evidence.", param="evidence")


def close(call: Call) -> Doc:
    """POST /v1/disputes/:dispute/close: accept the dispute."""
    return close_dispute(call.state, call.target(KIND), "lost")


EXPANDABLE = {
    "dispute": ("charge", "payment_intent"),
    "radar.early_fraud_warning": ("charge", "payment_intent"),
}
ROUTES = {
    "GET /v1/disputes": Route(partial(list_kind, "dispute", "charge payment_intent")),
    "GET /v1/disputes/{dispute}": Route(partial(retrieve, "dispute")),
    "POST /v1/disputes/{dispute}": Route(update_dispute, "evidence.enhanced_evidence"),
    "POST /v1/disputes/{dispute}/close": Route(close),
    "GET /v1/radar/early_fraud_warnings": Route(
        partial(list_kind, "radar.early_fraud_warning", "charge payment_intent")
    ),
    "GET /v1/radar/early_fraud_warnings/{early_fraud_warning}": Route(partial(retrieve, "radar.early_fraud_warning")),
}
