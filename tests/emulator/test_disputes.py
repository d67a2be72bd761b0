from __future__ import annotations

import pytest
import stripe

from django_checkout.emulator import ApiError

from .conftest import event_types


@pytest.fixture
def dispute(client, paid):
    return client.v1.disputes.list({"payment_intent": paid("4000000000000259")}).data[0]


def test_the_dispute_card_is_disputed_immediately(emulator, client, dispute):
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 1000)
    assert dispute.evidence_details.due_by
    assert client.v1.charges.retrieve(str(dispute.charge)).disputed
    assert event_types(emulator)[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


@pytest.mark.parametrize(("evidence", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_decides_a_dispute(emulator, client, dispute, evidence, status):
    closed = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}})

    assert closed.status == status
    assert event_types(emulator)[-1] == "charge.dispute.closed"
    assert ("charge.dispute.funds_reinstated" in event_types(emulator)) == (status == "won")


def test_other_evidence_is_under_review(client, dispute):
    updated = client.v1.disputes.update(dispute.id, {"evidence": {"product_description": "Tea"}})

    assert updated.status == "under_review"
    assert updated.evidence_details.submission_count == 1


def test_an_unanswered_dispute_is_lost(emulator, client, dispute):
    emulator.clock.advance(8 * 24 * 3600)

    assert client.v1.disputes.retrieve(dispute.id).status == "lost"


def test_a_disputed_charge_cannot_be_refunded(client, dispute):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"charge": str(dispute.charge)})

    assert caught.value.code == "charge_disputed"


def test_a_closed_dispute_stays_closed(client, dispute):
    client.v1.disputes.close(dispute.id)

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.close(dispute.id)


def test_an_inquiry_moves_no_money(emulator, client, paid):
    opened = emulator.open_dispute(paid(), inquiry=True)
    closed = emulator.close_dispute(opened["id"], "warning_closed")

    assert opened["status"] == "warning_needs_response"
    assert closed["balance_transactions"] == []
    assert "charge.dispute.funds_withdrawn" not in event_types(emulator)


def test_an_early_fraud_warning_is_found_by_its_payment(emulator, client, paid):
    intent = paid("4000000000005423")

    warning = client.v1.radar.early_fraud_warnings.list({"payment_intent": intent}).data[0]

    assert warning.actionable
    assert event_types(emulator)[-1] == "radar.early_fraud_warning.created"


def test_payment_that_is_not_settled_cannot_be_disputed(make_session, emulator):
    session = make_session()
    emulator.pay(session.id, iban="AT611904300234573201")
    intent = emulator.get(session.id)["payment_intent"]

    with pytest.raises(ApiError, match="has not succeeded"):
        emulator.open_dispute(intent)
