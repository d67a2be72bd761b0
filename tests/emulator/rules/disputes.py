"""Disputes and their evidence."""

from __future__ import annotations

from .rule import Rule, get, post, refusal, sdk, shows

TESTING = "https://docs.stripe.com/testing#disputes"
DISPUTE = "/v1/disputes/<dispute>"
#: The texts of evidence that have at most 20,000 characters.
TEXTS = (
    "access_activity_log",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "duplicate_charge_explanation",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "uncategorized_text",
)
LIMITS = {**dict.fromkeys(TEXTS, 20_000), "customer_name": 5_000, "shipping_tracking_number": 5_000}
FULL = "&".join(f"evidence[{name}]={'a' * 20_000}" for name in TEXTS[:7])


def _update(name: str) -> str:
    return sdk("_dispute_update_params", f"DisputeUpdateParams{name}")


RULES = (
    *(
        Rule(
            id=f"dispute.evidence.{name}",
            says=f"`{name}` has at most {limit:,} characters.",
            source="OpenAPI POST /v1/disputes/{dispute} evidence." + name,
            given=("disputed_intent", "dispute"),
            refused=post(DISPUTE, f"evidence[{name}]={'a' * (limit + 1)}"),
            answer=refusal(param=f"evidence[{name}]"),
            accepted=post(DISPUTE, f"evidence[{name}]={'a' * limit}"),
        )
        for name, limit in LIMITS.items()
    ),
    Rule(
        id="dispute.evidence.combined",
        says="All fields of evidence have at most 150,000 characters together.",
        source=_update(".evidence"),
        given=("disputed_intent", "dispute"),
        refused=post(DISPUTE, FULL, f"evidence[uncategorized_text]={'a' * 10_001}"),
        answer=refusal(),
        accepted=post(DISPUTE, FULL, f"evidence[uncategorized_text]={'a' * 10_000}"),
    ),
    Rule(
        id="dispute.evidence.staged",
        says="Evidence is submitted unless `submit` is false.",
        source=_update(".submit"),
        given=("disputed_intent", "dispute"),
        refused=post(DISPUTE, "evidence[customer_name]=Kim&submit=false"),
        answer=shows(status="needs_response", evidence_details__submission_count=0),
        accepted=post(DISPUTE, "evidence[customer_name]=Kim"),
        result=shows(status="under_review", evidence_details__submission_count=1),
    ),
    Rule(
        id="dispute.evidence.staged.submitted",
        says="Staged evidence is submitted by another request with `submit`.",
        source=_update(".submit"),
        given=("disputed_intent", "dispute", "staged_evidence"),
        refused=post(DISPUTE, "metadata[a]=b"),
        answer=shows(status="needs_response"),
        accepted=post(DISPUTE, "submit=true"),
        result=shows(status="under_review", evidence_details__submission_count=1),
    ),
    Rule(
        id="dispute.evidence.decides",
        says="In test mode the text `winning_evidence` wins a dispute.",
        source=TESTING,
        given=("disputed_intent", "dispute"),
        refused=post(DISPUTE, "evidence[uncategorized_text]=other"),
        answer=shows(status="under_review"),
        accepted=post(DISPUTE, "evidence[uncategorized_text]=winning_evidence"),
        result=shows(status="won"),
    ),
    Rule(
        id="dispute.closed",
        says="A dispute that was accepted stays lost.",
        source="stripe/_dispute_service.py DisputeService.close",
        given=("disputed_intent", "dispute", "accepted_dispute"),
        refused=post(f"{DISPUTE}/close"),
        answer=refusal(),
        accepted=get(DISPUTE),
        result=shows(status="lost"),
    ),
    Rule(
        id="dispute.unknown",
        says="A dispute that does not exist is not found.",
        source="https://docs.stripe.com/error-codes#resource-missing",
        given=("disputed_intent", "dispute"),
        refused=get("/v1/disputes/du_unknown"),
        answer=refusal("No such dispute: 'du_unknown'", code="resource_missing", status=404),
        accepted=get(DISPUTE),
    ),
)
