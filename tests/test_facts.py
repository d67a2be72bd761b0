"""Reads facts from Stripe's objects of every API version, with null fields, expanded or not."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_checkout.exceptions import IncompleteFactError
from django_checkout.stripe_api.facts import (
    find_id,
    read_charge,
    read_dispute,
    read_fraud_warning,
    read_ownership,
    read_payment_intent,
    read_refund,
    read_session,
)

pytestmark = pytest.mark.core

SESSION = {
    "id": "cs_test_1",
    "object": "checkout.session",
    "status": "complete",
    "payment_status": "paid",
    "mode": "payment",
    "currency": "eur",
    "amount_subtotal": 2000,
    "amount_total": 2150,
    "total_details": {"amount_discount": 100, "amount_shipping": 50, "amount_tax": 200},
    "payment_intent": "pi_1",
    "subscription": None,
    "invoice": None,
    "customer": "cus_1",
    "livemode": False,
    "client_reference_id": "H-0001",
    "metadata": {"order_id": "H-0001", "checkout_session": "0d0c8c1e-0000-4000-8000-000000000001", "shop": "north"},
    "expires_at": 1788220800,
    "recovered_from": None,
    "after_expiration": None,
    "url": None,
    "presentment_details": {"presentment_currency": "usd", "presentment_amount": 2400},
    "customer_details": {
        "email": "shopper@example.com",
        "name": "A Shopper",
        "phone": None,
        "address": {"country": "DE", "line1": None},
        "tax_exempt": "none",
        "tax_ids": [],
    },
    "collected_information": {
        "shipping_details": {"name": "A Shopper", "address": {"country": "DE", "line1": "1 Street"}}
    },
}
INTENT = {
    "id": "pi_1",
    "status": "succeeded",
    "currency": "eur",
    "amount": 2000,
    "amount_received": 2000,
    "latest_charge": "ch_1",
    "livemode": True,
    "metadata": {"order_id": "H-0001", "checkout_session": "uuid-1"},
}
CHARGE = {
    "id": "ch_1",
    "payment_intent": "pi_1",
    "status": "succeeded",
    "currency": "eur",
    "amount": 2000,
    "amount_captured": 1500,
    "captured": True,
    "livemode": False,
    "metadata": {},
    "payment_method_details": {"card": {"capture_before": 1788220800}},
}
REFUND = {
    "id": "re_1",
    "payment_intent": "pi_1",
    "charge": "ch_1",
    "amount": 500,
    "currency": "eur",
    "status": "succeeded",
    "reason": "requested_by_customer",
    "metadata": {"checkout_refund": "uuid-2"},
}
DISPUTE = {
    "id": "du_1",
    "payment_intent": "pi_1",
    "charge": "ch_1",
    "amount": 2000,
    "currency": "eur",
    "status": "needs_response",
    "reason": "fraudulent",
    "evidence_details": {"due_by": 1788220800},
    "balance_transactions": [{"id": "txn_1", "net": -3500}],
    "livemode": False,
}
DUE = datetime(2026, 9, 1, 0, 0, tzinfo=UTC)


def test_session_is_read():
    fact = read_session(SESSION)

    assert (fact.stripe_id, fact.status, fact.payment_status, fact.mode) == ("cs_test_1", "complete", "paid", "payment")
    assert (fact.currency, fact.amount_subtotal_minor, fact.amount_total_minor) == ("eur", 2000, 2150)
    assert (fact.amount_discount_minor, fact.amount_shipping_minor, fact.amount_tax_minor) == (100, 50, 200)
    assert (fact.presentment_currency, fact.presentment_amount_minor) == ("usd", 2400)
    assert (fact.payment_intent_id, fact.customer_id) == ("pi_1", "cus_1")
    assert fact.expires_at == DUE
    assert fact.has_async_failed is False


def test_ownership_of_a_session_is_read():
    ownership = read_session(SESSION).ownership

    assert ownership.reference == "H-0001"
    assert ownership.session_uuid == "0d0c8c1e-0000-4000-8000-000000000001"
    assert ownership.livemode is False


def test_customer_details_are_read_without_empty_fields():
    assert read_session(SESSION).customer_details == {
        "email": "shopper@example.com",
        "name": "A Shopper",
        "tax_exempt": "none",
        "billing_address": {"country": "DE", "line1": None},
        "shipping": {"name": "A Shopper", "address": {"country": "DE", "line1": "1 Street"}},
    }


def test_shipping_address_is_read_from_versions_before_basil():
    old = {**SESSION, "shipping_details": {"name": "A Shopper", "address": {"country": "FR"}}}
    del old["collected_information"]

    assert read_session(old).customer_details["shipping"]["address"] == {"country": "FR"}


def test_current_field_of_the_shipping_address_takes_precedence():
    both = {**SESSION, "shipping_details": {"name": "A Shopper", "address": {"country": "FR"}}}

    assert read_session(both).customer_details["shipping"]["address"]["country"] == "DE"


def test_absent_and_null_fields_are_none():
    least = {"id": "cs_test_1", "status": "open", "payment_status": "unpaid"}
    nulls = {**dict.fromkeys(SESSION), **least}

    assert read_session(least) == read_session(nulls)
    assert read_session(least).amount_total_minor is None
    assert read_session(least).customer_details is None
    assert read_session(least).ownership.livemode is None


def test_zero_is_read_as_zero():
    assert read_session({**SESSION, "amount_total": 0}).amount_total_minor == 0


@pytest.mark.parametrize("value", [True, "2000", 20.0, [2000], {"amount": 2000}])
def test_amount_of_another_type_is_none(value):
    assert read_session({**SESSION, "amount_total": value}).amount_total_minor is None


@pytest.mark.parametrize("value", [2**40, 10**30, -(10**30), "1788220800", True])
def test_instant_out_of_range_is_none(value):
    assert read_session({**SESSION, "expires_at": value}).expires_at is None


@pytest.mark.parametrize(
    ("field", "attribute"),
    [
        ("payment_intent", "payment_intent_id"),
        ("subscription", "subscription_id"),
        ("invoice", "invoice_id"),
        ("customer", "customer_id"),
    ],
)
def test_expanded_object_is_read_as_its_id(field, attribute):
    expanded = read_session({**SESSION, field: {"id": "xx_1", "object": field}})
    plain = read_session({**SESSION, field: "xx_1"})

    assert getattr(expanded, attribute) == getattr(plain, attribute) == "xx_1"


def test_recovered_session_names_the_expired_one():
    recovery = {"recovery": {"enabled": True, "url": "https://buy.stripe.example/r/1"}}

    fact = read_session({**SESSION, "recovered_from": "cs_test_0", "after_expiration": recovery})

    assert (fact.recovered_from, fact.recovery_url) == ("cs_test_0", "https://buy.stripe.example/r/1")


@pytest.mark.parametrize(
    ("event_type", "statuses", "read"),
    [
        ("", ("open", "unpaid"), ("open", "unpaid", False)),
        ("checkout.session.completed", ("complete", "paid"), ("complete", "paid", False)),
        ("checkout.session.completed", ("complete", "unpaid"), ("complete", "unpaid", False)),
        ("checkout.session.completed", (None, "paid"), ("complete", "paid", False)),
        ("checkout.session.completed", ("complete", "no_payment_required"), ("complete", "no_payment_required", False)),
        ("checkout.session.async_payment_succeeded", ("complete", "unpaid"), ("complete", "paid", False)),
        ("checkout.session.async_payment_succeeded", (None, None), ("complete", "paid", False)),
        ("checkout.session.async_payment_failed", ("complete", "unpaid"), ("complete", "unpaid", True)),
        ("checkout.session.async_payment_failed", (None, "unpaid"), ("complete", "unpaid", True)),
        ("checkout.session.expired", ("expired", "unpaid"), ("expired", "unpaid", False)),
        ("checkout.session.expired", (None, "unpaid"), ("expired", "unpaid", False)),
        # The object takes precedence over the event type: the session of an expiry may be complete by now.
        ("checkout.session.expired", ("complete", "paid"), ("complete", "paid", False)),
        ("checkout.session.something_new", ("open", "unpaid"), ("open", "unpaid", False)),
    ],
)
def test_event_type_implies_the_status(event_type, statuses, read):
    status, payment_status = statuses

    fact = read_session({**SESSION, "status": status, "payment_status": payment_status}, event_type=event_type)

    assert (fact.status, fact.payment_status, fact.has_async_failed) == read


@pytest.mark.parametrize(
    ("event_type", "missing"),
    [
        ("", "status"),
        ("", "payment_status"),
        ("", "id"),
        ("checkout.session.completed", "payment_status"),
        ("checkout.session.completed", "id"),
        ("checkout.session.expired", "payment_status"),
    ],
)
@pytest.mark.parametrize("gap", ["absent", "null", "empty"])
def test_incomplete_session_raises(event_type, missing, gap):
    session = {**SESSION, missing: "" if gap == "empty" else None}
    if gap == "absent":
        del session[missing]

    with pytest.raises(IncompleteFactError):
        read_session(session, event_type=event_type)


@given(
    st.dictionaries(
        st.sampled_from([*SESSION, "shipping_details"]),
        st.none() | st.booleans() | st.integers(0, 2**40) | st.text(max_size=5) | st.just({}) | st.just([]),
    )
)
def test_no_payload_crashes_the_reader(changes):
    try:
        fact = read_session({**SESSION, **changes})
    except IncompleteFactError:
        return

    assert fact.stripe_id


def test_payment_intent_is_read():
    fact = read_payment_intent(INTENT)

    assert (fact.payment_intent_id, fact.status, fact.charge_id) == ("pi_1", "succeeded", "ch_1")
    assert (fact.currency, fact.amount_minor, fact.captured_minor) == ("eur", 2000, 2000)
    assert fact.ownership == read_ownership(INTENT)
    assert fact.ownership.livemode is True


def test_charge_of_a_failed_attempt_is_not_the_payments_charge():
    assert read_payment_intent({**INTENT, "status": "requires_payment_method"}).charge_id is None


def test_capture_deadline_is_read_from_the_expanded_charge():
    fact = read_payment_intent({**INTENT, "status": "requires_capture", "latest_charge": CHARGE})

    assert (fact.charge_id, fact.capture_before) == ("ch_1", DUE)


def test_payment_intent_of_versions_before_2022_11_has_no_latest_charge():
    old = {**INTENT, "charges": {"data": [{"id": "ch_1"}]}}
    del old["latest_charge"]

    assert read_payment_intent(old).charge_id is None


def test_charge_is_a_fact_about_its_payment_intent():
    fact = read_charge(CHARGE)

    assert (fact.payment_intent_id, fact.charge_id, fact.captured_minor) == ("pi_1", "ch_1", 1500)
    assert (fact.status, fact.capture_before) == (None, DUE)


def test_captured_charge_of_older_versions_counts_in_full():
    old = {**CHARGE, "amount_captured": None}

    assert read_charge(old).captured_minor == 2000
    assert read_charge({**old, "captured": False}).captured_minor is None


def test_charge_without_payment_intent_is_its_own_payment():
    assert read_charge({**CHARGE, "payment_intent": None}).payment_intent_id == "ch_1"


@pytest.mark.parametrize("status", ["failed", "pending"])
def test_unsuccessful_charge_captured_nothing(status):
    fact = read_charge({**CHARGE, "status": status})

    assert (fact.charge_id, fact.captured_minor) == (None, None)


def test_refund_is_read():
    fact = read_refund(REFUND)

    assert (fact.stripe_id, fact.payment_intent_id, fact.charge_id) == ("re_1", "pi_1", "ch_1")
    assert (fact.amount_minor, fact.currency, fact.status) == (500, "eur", "succeeded")
    assert (fact.reason, fact.failure_reason, fact.refund_uuid) == ("requested_by_customer", "", "uuid-2")
    assert fact.livemode is None


def test_refund_made_in_the_dashboard_has_no_uuid():
    assert read_refund({**REFUND, "metadata": None}).refund_uuid == ""


def test_failed_refund_has_a_reason():
    assert read_refund({**REFUND, "status": "failed", "failure_reason": "declined"}).failure_reason == "declined"


@pytest.mark.parametrize("named", ["payment_intent", "charge"])
def test_refund_may_name_only_its_charge_or_only_its_payment(named):
    other = "charge" if named == "payment_intent" else "payment_intent"

    fact = read_refund({**REFUND, other: None})

    assert [fact.payment_intent_id, fact.charge_id].count(None) == 1


def test_dispute_is_read_with_its_ticket():
    fact = read_dispute(DISPUTE, ticket=7)

    assert (fact.stripe_id, fact.status, fact.reason, fact.ticket) == ("du_1", "needs_response", "fraudulent", 7)
    assert (fact.amount_minor, fact.currency, fact.due_by) == (2000, "eur", DUE)
    assert fact.withdrawn_minor == 3500


@pytest.mark.parametrize(
    ("entries", "currency"), [([{"net": -4100, "currency": "usd"}], "usd"), ([{"net": -3500}], "eur"), ([], "")]
)
def test_withdrawn_amount_is_in_the_currency_of_the_balance(entries, currency):
    fact = read_dispute({**DISPUTE, "balance_transactions": entries}, ticket=1)

    assert (fact.currency, fact.withdrawn_currency) == ("eur", currency)


def test_reinstated_funds_reduce_the_withdrawn_amount():
    entries = [{"net": -3500}, {"net": 2000}, {"net": None}, "txn_3"]

    assert read_dispute({**DISPUTE, "balance_transactions": entries}, ticket=1).withdrawn_minor == 1500
    assert read_dispute({**DISPUTE, "balance_transactions": None}, ticket=1).withdrawn_minor == 0


def test_dispute_without_deadline_has_none():
    assert read_dispute({**DISPUTE, "evidence_details": None}, ticket=1).due_by is None


@pytest.mark.parametrize(
    ("read", "stripe_object", "missing"),
    [
        *((read_payment_intent, INTENT, [key]) for key in ("status", "id")),
        *((read_charge, CHARGE, [key]) for key in ("status", "id")),
        *((read_refund, REFUND, keys) for keys in (["amount"], ["currency"], ["id"], ["payment_intent", "charge"])),
        *((partial(read_dispute, ticket=1), DISPUTE, [key]) for key in ("status", "amount", "currency", "id")),
    ],
)
def test_incomplete_object_raises(read, stripe_object, missing):
    with pytest.raises(IncompleteFactError):
        read({**stripe_object, **dict.fromkeys(missing)})


def test_fraud_warning_is_read():
    fact = read_fraud_warning({"id": "issfr_1", "charge": {"id": "ch_1"}, "fraud_type": "card_never_received"})

    assert (fact.stripe_id, fact.charge_id, fact.payment_intent_id) == ("issfr_1", "ch_1", None)
    assert fact.fraud_type == "card_never_received"


def test_metadata_takes_precedence_over_client_reference_id():
    assert read_ownership({"metadata": {"order_id": "A"}, "client_reference_id": "B"}).reference == "A"
    assert read_ownership({"metadata": {}, "client_reference_id": "B"}).reference == "B"
    assert read_ownership({}).reference == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [("ch_1", "ch_1"), ({"id": "ch_1"}, "ch_1"), (None, ""), ({}, ""), (5, ""), ([], "")],
    ids=str,
)
def test_find_id_returns_an_id_or_nothing(value, expected):
    assert find_id({"charge": value}, "charge") == expected
