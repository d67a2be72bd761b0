"""Every kind of drift is found and explained, and mended or put on the work list; the second run is clean."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from django_checkout import billing_gateway, gateway, reconcile, services, sweep
from django_checkout.exceptions import StripeRefusedError, StripeUnavailableError
from django_checkout.models import (
    CheckoutSession,
    Customer,
    Discrepancy,
    Dispute,
    Order,
    Payment,
    Refund,
    Subscription,
    WebhookEvent,
)
from django_checkout.reconcile import EXPLANATIONS, SUGGESTIONS, Kind, Outcome
from django_checkout.values import CheckoutOptions, LineData, OrderData
from tests.damage import overwrite
from tests.factories import HostOrderFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

IBAN = "AT611904300234573201"


def _run(*, fix: bool, **options) -> reconcile.Report:
    since = options.pop("since", timezone.now() - timedelta(days=1))
    return reconcile.run(since=since, fix=fix, **options)


def _kinds(report) -> list[str]:
    return sorted(drift.kind for drift in report.drift)


def _outcomes(report) -> list[tuple[str, str]]:
    return sorted((drift.kind, drift.outcome) for drift in report.drift)


def _edit(emulator, object_id, **changes):
    """Change an object of Stripe's as nobody is told of."""
    with emulator.store.transaction():
        document = emulator.store.find(object_id)
        document.update(changes)
        emulator.store.save(document)


def _forget(emulator, object_id):
    """Let Stripe not know an object."""
    with emulator.store.transaction():
        emulator.store.delete(object_id)


def _pay(order, emulator, **how) -> str:
    session = services.start(order)
    emulator.pay(session.stripe_id, **how)
    return session.stripe_id


@pytest.fixture
def subscription_order(db):
    """An order of a monthly tea."""
    tea = LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month")
    return services.place(OrderData(reference="S-1", currency="eur", lines=(tea,)))


# Each arranges one kind of drift on an order and returns what is expected of the run that mends:
# kinds with their outcomes.


def paid_not_recorded(order, emulator, deliver):
    _pay(order, emulator)
    return [(Kind.PAID_NOT_RECORDED, Outcome.MENDED)]


def debit_settled(order, emulator, deliver):
    session_id = _pay(order, emulator, iban=IBAN)
    deliver()
    emulator.settle(session_id)
    return [(Kind.PAID_NOT_RECORDED, Outcome.MENDED)]


def debit_failed(order, emulator, deliver):
    session_id = _pay(order, emulator, iban=IBAN)
    deliver()
    emulator.settle(session_id, succeed=False)
    return [(Kind.SESSION_BEHIND, Outcome.MENDED)]


def never_answered(order, emulator, deliver):
    session_id = _pay(order, emulator)
    CheckoutSession.objects.update(stripe_id=None, status="creating", url="")
    assert session_id
    return [(Kind.PAID_NOT_RECORDED, Outcome.MENDED)]


def stale_open(order, emulator, deliver):
    emulator.expire(services.start(order).stripe_id)
    return [(Kind.STALE_OPEN, Outcome.MENDED)]


def refund_missing(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    emulator.refund(Payment.objects.get().stripe_id, 300)
    return [(Kind.REFUND_DIFFERS, Outcome.MENDED)]


def refund_failed_later(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    refund = services.refund(order, 300)
    deliver()
    emulator.fail_refund(refund.stripe_id)
    return [(Kind.REFUND_DIFFERS, Outcome.MENDED)]


def refund_amount(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    refund = services.refund(order, 300)
    deliver()
    _edit(emulator, refund.stripe_id, amount=400)
    return [(Kind.REFUND_DIFFERS, Outcome.LISTED)]


def refund_unknown_at_stripe(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    refund = services.refund(order, 300)
    deliver()
    _forget(emulator, refund.stripe_id)
    return [(Kind.REFUND_DIFFERS, Outcome.LISTED)]


def dispute_unknown(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    emulator.open_dispute(Payment.objects.get().stripe_id)
    return [(Kind.DISPUTE_UNKNOWN, Outcome.MENDED)]


def dispute_closed(order, emulator, deliver):
    _pay(order, emulator)
    dispute = emulator.open_dispute(emulator.latest("payment_intent", 1)[0]["id"])
    deliver()
    emulator.close_dispute(dispute["id"], "lost")
    return [(Kind.DISPUTE_DIFFERS, Outcome.MENDED)]


def dispute_withdrew_more(order, emulator, deliver):
    _pay(order, emulator)
    emulator.open_dispute(emulator.latest("payment_intent", 1)[0]["id"])
    deliver()
    Dispute.objects.update(withdrawn_minor=1500)
    return [(Kind.DISPUTE_DIFFERS, Outcome.MENDED)]


def dispute_withdrew_another_currency(order, emulator, deliver):
    _pay(order, emulator)
    emulator.open_dispute(emulator.latest("payment_intent", 1)[0]["id"])
    deliver()
    Dispute.objects.update(withdrawn_currency="usd")
    return [(Kind.DISPUTE_DIFFERS, Outcome.MENDED)]


def dispute_unknown_at_stripe(order, emulator, deliver):
    _pay(order, emulator)
    dispute = emulator.open_dispute(emulator.latest("payment_intent", 1)[0]["id"])
    deliver()
    _forget(emulator, dispute["id"])
    return [(Kind.DISPUTE_DIFFERS, Outcome.LISTED)]


def recorded_not_paid(order, emulator, deliver):
    session_id = _pay(order, emulator)
    deliver()
    _edit(emulator, session_id, status="open", payment_status="unpaid", payment_intent=None)
    return [(Kind.RECORDED_NOT_PAID, Outcome.LISTED)]


def amount_less(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    _edit(emulator, Payment.objects.get().stripe_id, amount_received=1500)
    return [(Kind.AMOUNT_DIFFERS, Outcome.LISTED)]


def total_differs(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    CheckoutSession.objects.update(amount_total_minor=1)
    return [(Kind.AMOUNT_DIFFERS, Outcome.MENDED)]


def currency_differs(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    CheckoutSession.objects.update(currency="usd")
    return [(Kind.AMOUNT_DIFFERS, Outcome.MENDED)]


def double_payment(order, emulator, deliver):
    first = _pay(order, emulator)
    CheckoutSession.objects.update(live_for=None, status="expired")
    second = _pay(order, emulator)
    assert first != second
    return [
        (Kind.DOUBLE_PAYMENT, Outcome.LISTED),
        (Kind.PAID_NOT_RECORDED, Outcome.MENDED),
        (Kind.PAID_NOT_RECORDED, Outcome.MENDED),
    ]


def session_without_row(order, emulator, deliver):
    _pay(order, emulator)
    lost = {"uuid": uuid.uuid4(), "stripe_id": None, "status": "failed", "error_code": "no_answer", "live_for": None}
    CheckoutSession.objects.update(**lost)
    return [(Kind.SESSION_WITHOUT_ORDER, Outcome.MENDED)]


def order_without_session(order, emulator, deliver):
    _forget(emulator, services.start(order).stripe_id)
    services.start(services.place(HostOrderFactory()))
    return [(Kind.ORDER_WITHOUT_SESSION, Outcome.LISTED)]


def order_without_any_session(order, emulator, deliver):
    overwrite(Order.objects.filter(pk=order.pk), status="paid", paid_minor=2000)
    return [(Kind.ORDER_WITHOUT_SESSION, Outcome.LISTED)]


def stuck_creating(order, emulator, deliver):
    _forget(emulator, services.start(order).stripe_id)
    CheckoutSession.objects.update(
        stripe_id=None, status="creating", expires_at=timezone.now() - timedelta(hours=1), leased_until=None
    )
    return [(Kind.STUCK_PROCESSING, Outcome.MENDED)]


def stuck_in_flight(order, emulator, deliver):
    _pay(order, emulator, iban=IBAN)
    deliver()
    CheckoutSession.objects.update(created_at=timezone.now() - timedelta(days=40))
    return [(Kind.STUCK_PROCESSING, Outcome.LISTED)]


def stuck_refund(order, emulator, deliver):
    _pay(order, emulator)
    deliver()
    payment = Payment.objects.get()
    Refund.objects.create(payment=payment, is_ours=True, amount_minor=300, currency="eur")
    Payment.objects.update(refund_asked_minor=300)
    return [(Kind.STUCK_PROCESSING, Outcome.MENDED)]


def not_understood(order, emulator, deliver):
    session_id = _pay(order, emulator)
    deliver()
    _edit(emulator, session_id, status="paused")
    return [(Kind.NOT_UNDERSTOOD, Outcome.LISTED)]


KINDS = [
    paid_not_recorded,
    debit_settled,
    debit_failed,
    never_answered,
    stale_open,
    refund_missing,
    refund_failed_later,
    refund_amount,
    refund_unknown_at_stripe,
    dispute_unknown,
    dispute_closed,
    dispute_withdrew_more,
    dispute_withdrew_another_currency,
    dispute_unknown_at_stripe,
    recorded_not_paid,
    amount_less,
    total_differs,
    currency_differs,
    double_payment,
    session_without_row,
    order_without_session,
    order_without_any_session,
    stuck_creating,
    stuck_in_flight,
    stuck_refund,
    not_understood,
]


@pytest.mark.parametrize("arrange", KINDS, ids=lambda arrange: arrange.__name__)
def test_drift_is_found_then_mended_or_listed_and_the_second_run_is_clean(
    arrange, order, stripe_emulator, deliver_events
):
    expected = sorted(arrange(order, stripe_emulator, deliver_events))

    dry = _run(fix=False)
    assert dry.drift
    assert not dry.is_clean
    assert {drift.outcome for drift in dry.drift} == {Outcome.FOUND}
    assert Discrepancy.objects.count() == 0

    fixed = _run(fix=True)
    assert _outcomes(fixed) == expected
    listed = [drift for drift in fixed.drift if drift.outcome is Outcome.LISTED]
    assert Discrepancy.objects.filter(state="open").exclude(suggestion="").count() == len(listed)

    second = _run(fix=True)
    assert second.is_clean
    assert _outcomes(second) == sorted((drift.kind, Outcome.KNOWN) for drift in listed)
    assert _run(fix=False).is_clean


@pytest.mark.parametrize("arrange", KINDS, ids=lambda arrange: arrange.__name__)
def test_one_order_is_looked_at_as_a_window_is(arrange, order, stripe_emulator, deliver_events):
    expected = sorted(arrange(order, stripe_emulator, deliver_events))

    fixed = reconcile.run(order=order, fix=True)

    # Session by session, the second payment of an order is seen to be one at once.
    assert set(_outcomes(fixed)) == set(expected)
    assert reconcile.run(order=order, fix=True).is_clean


@pytest.fixture
def answer_lost(order, stripe_emulator):
    """An order whose session was made at Stripe, between those of two other orders, and never answered for."""
    first, last = HostOrderFactory.create_batch(2)
    services.start(services.place(first))
    # The answer is lost, and the SDK's second try never arrives.
    stripe_emulator.chaos.drop(1, when="after", match="POST /v1/checkout/sessions")
    stripe_emulator.chaos.drop(1, when="before", match="POST /v1/checkout/sessions")
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    services.start(services.place(last))
    return order.sessions.get()


def test_one_order_s_session_whose_answer_was_lost_is_adopted(answer_lost, order, stripe_emulator):
    assert (answer_lost.status, answer_lost.stripe_id) == ("creating", None)

    dry = reconcile.run(order=order)
    fixed = reconcile.run(order=order, fix=True)

    answer_lost.refresh_from_db()
    assert (_kinds(dry), dry.is_clean) == ([Kind.SESSION_BEHIND], False)
    assert _outcomes(fixed) == [(Kind.SESSION_BEHIND, Outcome.MENDED)]
    assert (answer_lost.status, fixed.seen["sessions"]) == ("open", 1)
    assert stripe_emulator.get(answer_lost.stripe_id)["metadata"]["checkout_session"] == str(answer_lost.uuid)
    assert reconcile.run(order=order, fix=True).drift == []


@pytest.mark.parametrize("is_of_order", [False, True], ids=["window", "order"])
def test_an_unanswered_session_that_stripe_has_is_listed_once(answer_lost, order, stripe_emulator, is_of_order):
    CheckoutSession.objects.filter(pk=answer_lost.pk).update(expires_at=timezone.now(), leased_until=None)

    dry = reconcile.run(order=order) if is_of_order else _run(fix=False)

    assert _kinds(dry) == [Kind.SESSION_BEHIND]
    assert _outcomes(_run(fix=True)) == [(Kind.SESSION_BEHIND, Outcome.MENDED)]


def test_an_unanswered_refund_that_stripe_has_is_listed_once(order, stripe_emulator, deliver_events):
    _pay(order, stripe_emulator)
    deliver_events()
    stripe_emulator.chaos.drop(1, when="after", match="POST /v1/refunds")
    stripe_emulator.chaos.drop(1, when="before", match="POST /v1/refunds")
    with pytest.raises(StripeUnavailableError):
        services.refund(order, 300)
    Refund.objects.update(leased_until=None)
    (made,) = stripe_emulator.latest("refund", 1)

    dry = _run(fix=False)

    assert [(drift.kind, drift.subject) for drift in dry.drift] == [(Kind.REFUND_DIFFERS, made["id"])]
    assert _outcomes(_run(fix=True)) == [(Kind.REFUND_DIFFERS, Outcome.MENDED)]
    assert _run(fix=True).drift == []


def test_one_order_s_session_that_was_given_up_before_it_was_paid_is_found(answer_lost, order, stripe_emulator):
    made = stripe_emulator.latest("checkout.session", 2)[1]["id"]
    CheckoutSession.objects.filter(pk=answer_lost.pk).update(expires_at=timezone.now(), leased_until=None)
    sweep.sweep()
    answer_lost.refresh_from_db()
    stripe_emulator.pay(made)
    assert (answer_lost.status, answer_lost.error_code) == ("failed", "no_answer")

    report = reconcile.run(order=order, fix=True)

    order.refresh_from_db()
    assert (_outcomes(report), order.status) == ([(Kind.PAID_NOT_RECORDED, Outcome.MENDED)], "paid")


def test_one_order_s_session_that_stripe_refused_is_not_looked_for(order, stripe_emulator):
    with pytest.raises(StripeRefusedError):
        services.start(order, params={"customer": "cus_unknown"})
    stripe_emulator.chaos.fail(1000, status=503)

    assert reconcile.run(order=order).drift == []


def test_every_kind_is_explained_and_has_a_suggestion():
    assert set(EXPLANATIONS) == set(SUGGESTIONS) == set(Kind)
    assert all(text.endswith(".") for text in (*EXPLANATIONS.values(), *SUGGESTIONS.values()))


def test_nothing_differs_after_webhooks(paid_order, stripe_emulator):
    report = _run(fix=False)

    assert (report.is_clean, report.drift, report.seen["sessions"]) == (True, [], 1)


def test_lost_webhooks_are_announced_once_without_any_event(order, stripe_emulator, heard):
    stripe_emulator.pay(services.start(order).stripe_id)

    _run(fix=True)

    order.refresh_from_db()
    assert order.status == "paid"
    assert _run(fix=True).drift == []
    assert (heard, WebhookEvent.objects.count()) == (["order_paid"], 0)


def test_refund_and_dispute_of_the_dashboard_reach_the_order(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    stripe_emulator.refund(intent, 300)
    dispute = stripe_emulator.open_dispute(intent)
    assert _kinds(_run(fix=True)) == [Kind.DISPUTE_UNKNOWN, Kind.REFUND_DIFFERS]
    stripe_emulator.close_dispute(dispute["id"], "lost")
    assert _kinds(_run(fix=True)) == [Kind.DISPUTE_DIFFERS]

    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.disputed) == (300, False)


def test_a_session_whose_order_was_lost_is_listed_until_it_expires(order, stripe_emulator):
    session = services.start(order)
    Order.objects.all().delete()

    assert _outcomes(_run(fix=True)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.LISTED)]
    stripe_emulator.expire(session.stripe_id)
    report = _run(fix=True)

    assert (report.drift, report.gone) == ([], 1)


def test_a_session_that_leads_to_another_order_is_not_restored(order, stripe_emulator):
    session_id = _pay(order, stripe_emulator)
    CheckoutSession.objects.all().delete()
    other = services.place(HostOrderFactory())
    marks = {**stripe_emulator.get(session_id)["metadata"], "order_id": other.reference}
    _edit(stripe_emulator, session_id, metadata=marks)

    assert _outcomes(_run(fix=True)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.LISTED)]
    assert CheckoutSession.objects.count() == 0


def test_a_session_is_not_restored_where_no_address_tells_the_site_from_its_copy(order, stripe_emulator, settings):
    _pay(order, stripe_emulator)
    CheckoutSession.objects.all().delete()
    settings.CHECKOUT_BASE_URL = ""

    assert _outcomes(_run(fix=True)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.LISTED)]

    order.refresh_from_db()
    assert (order.status, CheckoutSession.objects.count()) == ("unpaid", 0)


@pytest.mark.parametrize(
    "metadata",
    [{}, {"order_id": "H-1"}, {"checkout_session": "not a UUID"}, {"checkout_session": "", "order_id": "H-1"}],
)
def test_sessions_of_other_integrations_are_passed_over(order, stripe_emulator, metadata):
    session_id = _pay(order, stripe_emulator)
    before = stripe_emulator.get(session_id)
    _edit(stripe_emulator, session_id, metadata=metadata, client_reference_id=None)
    Order.objects.all().delete()

    report = _run(fix=True)

    assert (report.seen["sessions"], report.drift) == (1, [])
    assert stripe_emulator.get(session_id) == {**before, "metadata": metadata, "client_reference_id": None}


def test_sessions_of_another_site_on_the_account_are_passed_over(order, stripe_emulator, settings):
    _pay(order, stripe_emulator)
    Order.objects.all().delete()
    settings.CHECKOUT_BASE_URL = "https://staging.example"

    assert _run(fix=True).drift == []


@pytest.mark.slow
def test_two_hundred_orders_whose_webhooks_were_all_lost_end_right(stripe_emulator):
    for host_order in HostOrderFactory.create_batch(200):
        stripe_emulator.pay(services.start(services.place(host_order)).stripe_id)

    report = _run(fix=True)

    assert len(report.drift) == 200
    assert set(Order.objects.values_list("status", "paid_minor")) == {("paid", 2000)}
    assert _run(fix=False).drift == []


def test_a_double_payment_is_given_back_where_the_policy_says_so(order, stripe_emulator, deliver_events, settings):
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"
    double_payment(order, stripe_emulator, deliver_events)

    report = _run(fix=True)

    order.refresh_from_db()
    assert {drift.outcome for drift in report.drift} == {Outcome.MENDED}
    assert (order.status, order.needs_attention) == ("paid", False)
    assert Refund.objects.get().amount_minor == 2000
    assert _run(fix=True).drift == []


def test_a_surplus_that_was_refunded_in_the_dashboard_is_crossed_out(order, stripe_emulator, deliver_events):
    double_payment(order, stripe_emulator, deliver_events)
    _run(fix=True)
    surplus = Discrepancy.objects.get()
    stripe_emulator.refund(surplus.subject)

    report = _run(fix=True)

    surplus.refresh_from_db()
    assert (report.gone, surplus.state) == (1, "resolved")


def test_what_is_gone_is_crossed_out_by_the_next_run(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    _edit(stripe_emulator, intent, amount_received=1500)
    _run(fix=True)
    _edit(stripe_emulator, intent, amount_received=2000)

    dry = _run(fix=False)
    assert (dry.gone, Discrepancy.objects.get().state) == (1, "open")
    report = _run(fix=True)

    row = Discrepancy.objects.get()
    assert (report.gone, report.is_clean, row.state) == (1, True, "resolved")
    assert row.resolved_at is not None


def test_what_is_gone_is_crossed_out_although_it_lies_before_the_window(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    _edit(stripe_emulator, intent, amount_received=1500)
    _run(fix=True)
    known = _run(fix=True, since=timezone.now() + timedelta(seconds=1))
    _edit(stripe_emulator, intent, amount_received=2000)

    report = _run(fix=True, since=timezone.now() + timedelta(seconds=1))

    assert _outcomes(known) == [(Kind.AMOUNT_DIFFERS, Outcome.KNOWN)]
    assert (report.gone, Discrepancy.objects.get().state) == (1, "resolved")


def test_what_comes_back_is_open_again(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    for received in (1500, 2000, 1500):
        _edit(stripe_emulator, intent, amount_received=received)
        report = _run(fix=True)

    assert _outcomes(report) == [(Kind.AMOUNT_DIFFERS, Outcome.LISTED)]
    assert Discrepancy.objects.get().state == "open"


def test_an_ignored_entry_stays_ignored_until_it_changes(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    _edit(stripe_emulator, intent, amount_received=1500)
    _run(fix=True)
    Discrepancy.objects.update(state="ignored", note="Agreed with the customer.")

    assert _outcomes(_run(fix=True)) == [(Kind.AMOUNT_DIFFERS, Outcome.IGNORED)]
    _edit(stripe_emulator, intent, amount_received=1000)
    report = _run(fix=True)

    assert _outcomes(report) == [(Kind.AMOUNT_DIFFERS, Outcome.LISTED)]
    assert Discrepancy.objects.get().state == "open"


def test_a_page_older_than_our_row_is_no_drift(order, stripe_emulator, deliver_events):
    session = services.start(order)
    stale = stripe_emulator.get(session.stripe_id)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    assert list(reconcile.sessions.compare([stale])) == []


def test_a_subscription_whose_webhooks_were_lost_is_read(subscription_order, stripe_emulator):
    _pay(subscription_order, stripe_emulator)

    assert Kind.PAID_NOT_RECORDED in _kinds(_run(fix=False))
    report = _run(fix=True)

    subscription_order.refresh_from_db()
    assert _outcomes(report) == [
        (Kind.PAID_NOT_RECORDED, Outcome.MENDED),
        (Kind.SUBSCRIPTION_DIFFERS, Outcome.MENDED),
    ]
    assert (subscription_order.status, subscription_order.subscriptions.get().status) == ("paid", "active")
    assert _run(fix=True).drift == []


@pytest.mark.parametrize(("at_period_end", "status"), [(True, "active"), (False, "canceled")])
def test_a_subscription_that_was_canceled_elsewhere_is_read(
    subscription_order, stripe_emulator, deliver_events, at_period_end, status
):
    _pay(subscription_order, stripe_emulator)
    deliver_events()
    subscription = Subscription.objects.get()
    billing_gateway.cancel_subscription(subscription.stripe_id, at_period_end=at_period_end)

    assert _kinds(_run(fix=False)) == [Kind.SUBSCRIPTION_DIFFERS]
    report = _run(fix=True, since=timezone.now() + timedelta(seconds=1))

    subscription.refresh_from_db()
    assert _outcomes(report) == [(Kind.SUBSCRIPTION_DIFFERS, Outcome.MENDED)]
    assert (subscription.status, subscription.is_canceled_at_period_end) == (status, at_period_end)
    assert reconcile.run(order=subscription_order, fix=True).drift == []


def test_a_subscription_that_stripe_does_not_tell_of_is_listed(subscription_order, stripe_emulator, deliver_events):
    _pay(subscription_order, stripe_emulator)
    deliver_events()
    _edit(stripe_emulator, CheckoutSession.objects.get().stripe_id, subscription=None)

    report = _run(fix=True)

    assert _outcomes(report) == [(Kind.SUBSCRIPTION_DIFFERS, Outcome.LISTED)]
    assert _run(fix=True).is_clean


def test_what_a_dispute_withdrew_is_read_again(order, stripe_emulator, deliver_events):
    dispute_withdrew_another_currency(order, stripe_emulator, deliver_events)
    before = Dispute.objects.get()
    Dispute.objects.update(withdrawn_minor=1)

    (drift,) = _run(fix=True).drift

    assert (drift.here["withdrawn"], drift.here["withdrawn_currency"]) == (1, "usd")
    row = Dispute.objects.get()
    assert (row.withdrawn_minor, row.withdrawn_currency) == (before.withdrawn_minor, "eur")


def test_an_order_without_a_session_says_what_was_paid_in_its_currency(order, stripe_emulator):
    order_without_any_session(order, stripe_emulator, None)

    (drift,) = _run(fix=False).drift

    assert drift.here == {"status": "paid", "paid": 2000, "currency": "eur"}


@pytest.mark.parametrize("arrange", [refund_unknown_at_stripe, dispute_unknown_at_stripe, stuck_refund])
def test_an_amount_of_ours_is_told_with_its_currency(arrange, order, stripe_emulator, deliver_events):
    arrange(order, stripe_emulator, deliver_events)

    (drift,) = _run(fix=False).drift

    assert drift.here["amount"]
    assert drift.here["currency"] == "eur"


def test_disputes_opened_before_the_window_are_looked_at(order, stripe_emulator, deliver_events):
    dispute_closed(order, stripe_emulator, deliver_events)

    report = _run(fix=True, since=timezone.now() + timedelta(seconds=1))

    assert _outcomes(report) == [(Kind.DISPUTE_DIFFERS, Outcome.MENDED)]
    assert Dispute.objects.get().status == "lost"


def test_debits_begun_before_the_window_are_looked_at(order, stripe_emulator, deliver_events):
    debit_settled(order, stripe_emulator, deliver_events)

    report = _run(fix=True, since=timezone.now() + timedelta(seconds=1))

    order.refresh_from_db()
    assert (_outcomes(report), order.status) == ([(Kind.PAID_NOT_RECORDED, Outcome.MENDED)], "paid")


@pytest.mark.parametrize("is_announced", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("price", [100, 100_000], ids=["same-amount", "other-amount"])
def test_edited_metadata_move_no_payment_to_another_order(price, is_announced, stripe_emulator, deliver_events, heard):
    cheap, dear = (
        services.place(OrderData(reference=name, currency="eur", lines=(LineData(name="T", unit_amount_minor=minor),)))
        for name, minor in (("cheap", 100), ("dear", price))
    )
    session_id = _pay(cheap, stripe_emulator)
    if is_announced:
        deliver_events()
    gateway.client().v1.checkout.sessions.update(session_id, {"metadata": {"order_id": "dear"}})

    report = _run(fix=True)

    for order in (cheap, dear):
        order.refresh_from_db()
    assert (cheap.status, dear.status, list(heard)) == ("paid", "unpaid", ["order_paid"])
    assert _outcomes(report) == [(Kind.RELATION_DIFFERS, Outcome.LISTED)]
    assert _run(fix=True).is_clean


def test_a_session_that_paid_one_order_is_not_moved_to_another(order, stripe_emulator, deliver_events, heard):
    other = services.place(HostOrderFactory())
    session_id = _pay(order, stripe_emulator)
    deliver_events()
    metadata = {**stripe_emulator.get(session_id)["metadata"], "order_id": other.reference}
    _edit(stripe_emulator, session_id, metadata=metadata, client_reference_id=other.reference)

    report = _run(fix=True)

    assert _outcomes(report) == [(Kind.RELATION_DIFFERS, Outcome.LISTED)]
    assert (order.sessions.count(), list(heard)) == (1, ["order_paid"])


def test_a_session_that_asked_for_another_amount_than_the_order_it_names_is_not_moved(
    order, stripe_emulator, deliver_events, heard
):
    other = services.place(HostOrderFactory())
    _pay(order, stripe_emulator)
    deliver_events()
    overwrite(CheckoutSession.objects, order=other, asked_subtotal_minor=1)

    report = _run(fix=True)

    other.refresh_from_db()
    payment = Payment.objects.get()
    assert (Kind.RELATION_DIFFERS, Outcome.LISTED) in _outcomes(report)
    assert (other.paid_minor, payment.order, heard.count("order_paid")) == (0, order, 1)


def test_saved_cards_stay_with_their_user_when_an_order_is_handed_over(stripe_emulator, deliver_events):
    ann, bob = UserFactory.create_batch(2)
    line = LineData(name="Teapot", unit_amount_minor=2000)
    options = CheckoutOptions(create_customer=True, save_card="on_session")
    order = services.place(OrderData(reference="A-1", currency="eur", lines=(line,), user=ann, options=options))
    _pay(order, stripe_emulator)
    deliver_events()
    order = Order.objects.get(pk=order.pk)
    order.user = bob
    order.save()

    report = _run(fix=True)

    assert _outcomes(report) == [(Kind.RELATION_DIFFERS, Outcome.LISTED)]
    assert (Customer.objects.get().user, services.find_customer_ids(bob)) == (ann, [])


def test_a_guests_customer_does_not_become_the_user_s_who_claims_the_order(stripe_emulator, deliver_events):
    line = LineData(name="Teapot", unit_amount_minor=2000)
    options = CheckoutOptions(create_customer=True, save_card="on_session")
    order = services.place(OrderData(reference="G-1", currency="eur", lines=(line,), options=options))
    _pay(order, stripe_emulator)
    deliver_events()
    order = Order.objects.get(pk=order.pk)
    order.user = UserFactory()
    order.save()

    _run(fix=True)

    assert not Customer.objects.exists()


def test_a_refund_that_was_taken_for_a_release_is_a_refund_again(
    order, stripe_emulator, deliver_events, settings, heard
):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    _pay(order, stripe_emulator)
    deliver_events()
    services.capture(order, 1000)
    deliver_events()
    refund = gateway.client().v1.refunds.create({"payment_intent": Payment.objects.get().stripe_id, "amount": 300})
    deliver_events()
    # Which balance transaction it has was never read.
    overwrite(Refund.objects.filter(stripe_id=refund.id), balance_transaction_id="", is_release=True)
    overwrite(Order.objects, refunded_minor=0, status="paid")

    report = _run(fix=True)

    order.refresh_from_db()
    assert order.refunded_minor == 300
    assert (Kind.REFUND_DIFFERS, Outcome.MENDED) in _outcomes(report)
    assert _run(fix=True).drift == []
