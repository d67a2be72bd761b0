"""Differences are found, then fixed or recorded as discrepancies; the second run is clean."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone, translation

from django_checkout import ledger, reconcile, services
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
from django_checkout.reconcile import Kind, Outcome
from django_checkout.reconcile.discrepancies import PAYOUT_KINDS
from django_checkout.reconcile.refunds import REFUNDS
from django_checkout.reconcile.sessions import SESSIONS
from django_checkout.stripe_api import billing
from django_checkout.stripe_api.client import get_client
from django_checkout.stripe_api.steps import run
from django_checkout.values import CheckoutOptions, DisputeFact, LineData, OrderData
from django_checkout.webhooks import pending_work
from tests.damage import edit, overwrite, rename
from tests.factories import HostOrderFactory, UserFactory
from tests.reconcile_examples import (
    EXAMPLES,
    TEA,
    Shop,
    debit_settled,
    dispute_closed,
    dispute_unknown,
    dispute_unknown_at_stripe,
    dispute_withdrew_another_currency,
    double_payment,
    fraud_warning_unknown,
    invoice_unknown,
    order_without_any_session,
    refund_missing,
    refund_unknown_at_stripe,
    review_differs,
    stuck_in_flight,
    stuck_refund,
)

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def _run(*, fix: bool, **options) -> reconcile.Report:
    since = options.pop("since", timezone.now() - timedelta(days=1))
    return reconcile.run(since=since, fix=fix, **options)


def _kinds(report) -> list[str]:
    return sorted(difference.kind for difference in report.differences)


def _outcomes(report) -> list[tuple[str, str]]:
    return sorted((difference.kind, difference.outcome) for difference in report.differences)


@pytest.fixture
def shop(order, stripe_emulator, deliver_events):
    return Shop(order, stripe_emulator, deliver_events)


@pytest.fixture
def subscription_shop(shop):
    shop.order = services.place(OrderData(reference="S-1", currency="eur", lines=(TEA,)))
    return shop


def test_every_kind_has_texts_a_translation_and_an_example():
    """A new kind needs its entry in ``Kind``, its texts in the .po files, and an example in ``reconcile_examples``."""
    examples = {kind for example in EXAMPLES for kind, _ in example.expected} | set(PAYOUT_KINDS)
    missing = [f"{kind}: example in tests/reconcile_examples.py" for kind in Kind if kind not in examples]
    with translation.override("de"):
        for kind, name in product(Kind, ("label", "explanation", "suggestion")):
            text = getattr(kind, name)
            missing += [f"{kind}: {name}"] if not text else []
            missing += [f"{kind}: German {name}"] if text and translation.gettext(text) == text else []
            missing += [f"{kind}: full stop of {name}"] if text.endswith(".") is (name == "label") else []

    assert missing == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_difference_is_found_then_fixed_or_recorded_once(example, shop):
    example.arrange(shop)

    dry = _run(fix=False)
    assert dry.differences
    assert not dry.is_clean
    assert {difference.outcome for difference in dry.differences} == {Outcome.FOUND}
    assert Discrepancy.objects.count() == 0

    fixed = _run(fix=True)
    assert _outcomes(fixed) == sorted(example.expected)
    listed = [difference for difference in fixed.differences if difference.outcome is Outcome.LISTED]
    assert Discrepancy.objects.filter(state="open").exclude(suggestion="").count() == len(listed)

    second = _run(fix=True)
    assert second.is_clean
    assert _outcomes(second) == sorted((difference.kind, Outcome.KNOWN) for difference in listed)
    assert _run(fix=False).is_clean


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_run_of_one_order_finds_what_a_window_does(example, shop):
    if example.arrange is review_differs:
        pytest.skip("Stripe's list of reviews has no filter by payment")
    example.arrange(shop)

    fixed = reconcile.run(order=shop.order, fix=True)

    # A run of one order finds its second payment when it reads the session, not only at the end.
    assert set(_outcomes(fixed)) == set(example.expected)
    assert reconcile.run(order=shop.order, fix=True).is_clean


@pytest.mark.parametrize(
    ("arrange", "object_type"),
    [
        (refund_missing, "refund"),
        (dispute_unknown, "dispute"),
        (invoice_unknown, "invoice"),
        (fraud_warning_unknown, "radar.early_fraud_warning"),
        (review_differs, "review"),
    ],
)
def test_object_whose_id_has_an_unknown_prefix_is_fixed(arrange, object_type, shop):
    arrange(shop)
    rename(shop.emulator, shop.emulator.latest(object_type, 1)[0]["id"], "xyz_1")

    fixed = _run(fix=True)

    assert [(found.subject, found.outcome) for found in fixed.differences] == [("xyz_1", Outcome.FIXED)]
    assert _run(fix=True).differences == []


def test_link_of_an_object_whose_id_has_an_unknown_prefix_is_recorded(shop):
    shop.refund()
    rename(shop.emulator, Refund.objects.get().stripe_id, "xyz_1")
    overwrite(Refund.objects, stripe_id="xyz_1")
    other = Payment.objects.create(order=shop.order, stripe_id="pi_other", livemode=False)
    overwrite(Refund.objects, payment=other)

    assert (Kind.RELATION_DIFFERS, Outcome.LISTED) in _outcomes(_run(fix=True))


@pytest.mark.parametrize("is_refund", [False, True])
def test_what_is_stuck_at_stripe_is_recorded_but_not_fixed(is_refund, shop, monkeypatch):
    if is_refund:
        edit(shop.emulator, shop.refund(), status="pending")
        overwrite(Refund.objects, status="pending", created_at=timezone.now() - timedelta(days=40))
    else:
        stuck_in_flight(shop)
    for resource in (SESSIONS, REFUNDS):
        monkeypatch.setattr(resource, "fix", lambda subject: pytest.fail(f"{subject} is fixed"))

    assert (Kind.STUCK_PROCESSING, Outcome.LISTED) in _outcomes(_run(fix=True))


@pytest.fixture
def response_lost(order, stripe_emulator):
    """A session that Stripe created between those of two other orders, and whose response was lost."""
    first, last = HostOrderFactory.create_batch(2)
    services.start(services.place(first))
    # The response is lost, and the SDK's retry never arrives.
    stripe_emulator.chaos.drop(1, when="after", match="POST /v1/checkout/sessions")
    stripe_emulator.chaos.drop(1, when="before", match="POST /v1/checkout/sessions")
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    services.start(services.place(last))
    return order.sessions.get()


def test_session_whose_response_was_lost_is_linked_to_its_order(response_lost, order, stripe_emulator):
    assert (response_lost.status, response_lost.stripe_id) == ("creating", None)

    dry = reconcile.run(order=order)
    fixed = reconcile.run(order=order, fix=True)

    response_lost.refresh_from_db()
    assert (_kinds(dry), dry.is_clean) == ([Kind.SESSION_BEHIND], False)
    assert _outcomes(fixed) == [(Kind.SESSION_BEHIND, Outcome.FIXED)]
    assert (response_lost.status, fixed.seen["sessions"]) == ("open", 1)
    assert stripe_emulator.get(response_lost.stripe_id)["metadata"]["checkout_session"] == str(response_lost.uuid)
    assert reconcile.run(order=order, fix=True).differences == []


@pytest.mark.parametrize("is_of_order", [False, True], ids=["window", "order"])
def test_unanswered_session_that_stripe_has_is_reported_once(response_lost, order, stripe_emulator, is_of_order):
    CheckoutSession.objects.filter(pk=response_lost.pk).update(expires_at=timezone.now(), leased_until=None)

    dry = reconcile.run(order=order) if is_of_order else _run(fix=False)

    assert _kinds(dry) == [Kind.SESSION_BEHIND]
    assert _outcomes(_run(fix=True)) == [(Kind.SESSION_BEHIND, Outcome.FIXED)]


def test_unanswered_refund_that_stripe_has_is_reported_once(order, stripe_emulator, shop):
    shop.pay_and_deliver()
    stripe_emulator.chaos.drop(1, when="after", match="POST /v1/refunds")
    stripe_emulator.chaos.drop(1, when="before", match="POST /v1/refunds")
    with pytest.raises(StripeUnavailableError):
        services.refund(order, 300)
    Refund.objects.update(leased_until=None)
    (made,) = stripe_emulator.latest("refund", 1)

    dry = _run(fix=False)

    assert [(found.kind, found.subject) for found in dry.differences] == [(Kind.REFUND_DIFFERS, made["id"])]
    assert _outcomes(_run(fix=True)) == [(Kind.REFUND_DIFFERS, Outcome.FIXED)]
    assert _run(fix=True).differences == []


def test_session_of_an_order_that_failed_before_it_was_paid_is_found(response_lost, order, stripe_emulator):
    made = stripe_emulator.latest("checkout.session", 2)[1]["id"]
    CheckoutSession.objects.filter(pk=response_lost.pk).update(expires_at=timezone.now(), leased_until=None)
    pending_work.process_pending()
    response_lost.refresh_from_db()
    stripe_emulator.pay(made)
    assert (response_lost.status, response_lost.error_code) == ("failed", "no_answer")

    report = reconcile.run(order=order, fix=True)

    order.refresh_from_db()
    assert (_outcomes(report), order.status) == ([(Kind.PAID_NOT_RECORDED, Outcome.FIXED)], "paid")


def test_session_of_an_order_that_stripe_refused_is_not_searched_for(order, stripe_emulator, stripe_requests):
    with pytest.raises(StripeRefusedError):
        services.start(order, params={"customer": "cus_unknown"})
    stripe_requests.clear()

    assert reconcile.run(order=order).differences == []
    # That is the search for sessions whose rows are lost.
    lists = [request.path for request in stripe_requests if request.path.endswith("/checkout/sessions")]
    assert len(lists) == 1


def test_nothing_differs_after_webhooks(paid_order, stripe_emulator):
    report = _run(fix=False)

    assert (report.is_clean, report.differences, report.seen["sessions"]) == (True, [], 1)


def test_payment_whose_events_were_lost_is_announced_once(order, stripe_emulator, recorder):
    stripe_emulator.pay(services.start(order).stripe_id)

    _run(fix=True)

    order.refresh_from_db()
    assert order.status == "paid"
    assert _run(fix=True).differences == []
    assert (recorder.names, WebhookEvent.objects.count()) == (["order_paid"], 0)


def test_refund_and_dispute_from_the_dashboard_reach_the_order(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    stripe_emulator.refund(intent, 300)
    dispute = stripe_emulator.open_dispute(intent)
    assert _kinds(_run(fix=True)) == [Kind.DISPUTE_UNKNOWN, Kind.REFUND_DIFFERS]
    stripe_emulator.close_dispute(dispute["id"], "lost")
    assert _kinds(_run(fix=True)) == [Kind.DISPUTE_DIFFERS]

    paid_order.refresh_from_db()
    assert (paid_order.refunded_minor, paid_order.disputed) == (300, False)


def test_session_without_an_order_is_recorded_until_it_expires(order, stripe_emulator, settings):
    session = services.start(order)
    Order.objects.all().delete()
    # Nothing proves any more that this site has started it.
    settings.SECRET_KEY = "another"

    assert _outcomes(_run(fix=True)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.LISTED)]
    stripe_emulator.expire(session.stripe_id)
    report = _run(fix=True)

    assert (report.differences, report.gone) == ([], 1)


def test_session_that_leads_to_another_order_is_not_restored(stripe_emulator, shop):
    session_id = shop.pay()
    CheckoutSession.objects.all().delete()
    other = services.place(HostOrderFactory())
    metadata = {**stripe_emulator.get(session_id)["metadata"], "order_id": other.reference}
    edit(stripe_emulator, session_id, metadata=metadata)

    assert _outcomes(_run(fix=True)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.LISTED)]
    assert CheckoutSession.objects.count() == 0


def test_session_is_not_restored_without_a_base_url(order, settings, shop):
    shop.pay()
    CheckoutSession.objects.all().delete()
    settings.CHECKOUT_BASE_URL = ""

    assert _outcomes(_run(fix=True)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.LISTED)]

    order.refresh_from_db()
    assert (order.status, CheckoutSession.objects.count()) == ("unpaid", 0)


@pytest.mark.parametrize(
    "metadata",
    [{}, {"order_id": "H-1"}, {"checkout_session": "not a UUID"}, {"checkout_session": "", "order_id": "H-1"}],
)
def test_sessions_of_other_integrations_are_ignored(stripe_emulator, metadata, shop):
    session_id = shop.pay()
    before = stripe_emulator.get(session_id)
    edit(stripe_emulator, session_id, metadata=metadata, client_reference_id=None)
    Order.objects.all().delete()

    report = _run(fix=True)

    assert (report.seen["sessions"], report.differences) == (1, [])
    assert stripe_emulator.get(session_id) == {**before, "metadata": metadata, "client_reference_id": None}


def test_sessions_of_another_site_on_the_account_are_ignored(settings, shop):
    shop.pay()
    Order.objects.all().delete()
    settings.CHECKOUT_BASE_URL = "https://staging.example"

    assert _run(fix=True).differences == []


@pytest.mark.slow
def test_two_hundred_orders_whose_events_were_lost_are_paid_after_a_run(stripe_emulator):
    for host_order in HostOrderFactory.create_batch(200):
        stripe_emulator.pay(services.start(services.place(host_order)).stripe_id)

    report = _run(fix=True)

    assert len(report.differences) == 200
    assert set(Order.objects.values_list("status", "paid_minor")) == {("paid", 2000)}
    assert _run(fix=False).differences == []


def test_double_payment_is_refunded_if_the_policy_says_so(order, settings, shop):
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"
    double_payment(shop)

    report = _run(fix=True)

    order.refresh_from_db()
    assert {difference.outcome for difference in report.differences} == {Outcome.FIXED}
    assert (order.status, order.needs_attention) == ("paid", False)
    assert Refund.objects.get().amount_minor == 2000
    assert _run(fix=True).differences == []


def test_surplus_payment_that_was_refunded_in_the_dashboard_is_resolved(stripe_emulator, shop):
    double_payment(shop)
    _run(fix=True)
    surplus = Discrepancy.objects.get()
    stripe_emulator.refund(surplus.subject)

    report = _run(fix=True)

    surplus.refresh_from_db()
    assert (report.gone, surplus.state) == (1, "resolved")


def test_discrepancy_that_is_gone_is_resolved_by_the_next_run(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    edit(stripe_emulator, intent, amount_received=1500)
    _run(fix=True)
    edit(stripe_emulator, intent, amount_received=2000)

    dry = _run(fix=False)
    assert (dry.gone, Discrepancy.objects.get().state) == (1, "open")
    report = _run(fix=True)

    row = Discrepancy.objects.get()
    assert (report.gone, report.is_clean, row.state) == (1, True, "resolved")
    assert row.resolved_at is not None


def test_discrepancy_from_before_the_window_is_rechecked_and_resolved(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    edit(stripe_emulator, intent, amount_received=1500)
    _run(fix=True)
    known = _run(fix=True, since=timezone.now() + timedelta(seconds=1))
    edit(stripe_emulator, intent, amount_received=2000)

    report = _run(fix=True, since=timezone.now() + timedelta(seconds=1))

    assert _outcomes(known) == [(Kind.AMOUNT_DIFFERS, Outcome.KNOWN)]
    assert (report.gone, Discrepancy.objects.get().state) == (1, "resolved")


def test_discrepancy_that_returns_is_open_again(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    for received in (1500, 2000, 1500):
        edit(stripe_emulator, intent, amount_received=received)
        report = _run(fix=True)

    assert _outcomes(report) == [(Kind.AMOUNT_DIFFERS, Outcome.LISTED)]
    assert Discrepancy.objects.get().state == "open"


def test_ignored_discrepancy_stays_ignored_until_it_changes(paid_order, stripe_emulator):
    intent = Payment.objects.get().stripe_id
    edit(stripe_emulator, intent, amount_received=1500)
    _run(fix=True)
    Discrepancy.objects.update(state="ignored", note="Agreed with the customer.")

    assert _outcomes(_run(fix=True)) == [(Kind.AMOUNT_DIFFERS, Outcome.IGNORED)]
    edit(stripe_emulator, intent, amount_received=1000)
    report = _run(fix=True)

    assert _outcomes(report) == [(Kind.AMOUNT_DIFFERS, Outcome.LISTED)]
    assert Discrepancy.objects.get().state == "open"


def test_page_older_than_our_row_is_no_difference(order, stripe_emulator, deliver_events):
    session = services.start(order)
    stale = stripe_emulator.get(session.stripe_id)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    assert list(SESSIONS.compare([stale])) == []


def test_listed_text_that_no_database_can_store_is_replaced(stripe_emulator, shop):
    edit(stripe_emulator, shop.pay_and_deliver(), currency="e\ud800", customer="cus_\ud800")

    (difference,) = _run(fix=False).differences

    assert difference.at_stripe["currency"] == "e\ufffd"


def test_subscription_whose_events_were_lost_is_recorded(subscription_shop):
    subscription_shop.pay()

    assert Kind.PAID_NOT_RECORDED in _kinds(_run(fix=False))
    report = _run(fix=True)

    subscription_shop.order.refresh_from_db()
    assert _outcomes(report) == [
        (Kind.PAID_NOT_RECORDED, Outcome.FIXED),
        (Kind.SUBSCRIPTION_DIFFERS, Outcome.FIXED),
    ]
    assert (subscription_shop.order.status, subscription_shop.order.subscriptions.get().status) == ("paid", "active")
    assert _run(fix=True).differences == []


@pytest.mark.parametrize(("at_period_end", "status"), [(True, "active"), (False, "canceled")])
def test_subscription_that_was_canceled_elsewhere_is_recorded(subscription_shop, at_period_end, status):
    subscription_shop.pay_and_deliver()
    subscription = Subscription.objects.get()
    run(billing.cancel_subscription(subscription.stripe_id, at_period_end=at_period_end))

    assert _kinds(_run(fix=False)) == [Kind.SUBSCRIPTION_DIFFERS]
    report = _run(fix=True, since=timezone.now() + timedelta(seconds=1))

    subscription.refresh_from_db()
    assert _outcomes(report) == [(Kind.SUBSCRIPTION_DIFFERS, Outcome.FIXED)]
    assert (subscription.status, subscription.is_canceled_at_period_end) == (status, at_period_end)
    assert reconcile.run(order=subscription_shop.order, fix=True).differences == []


def test_subscription_that_its_session_does_not_name_is_reported(subscription_shop, stripe_emulator):
    subscription_shop.pay_and_deliver()
    edit(stripe_emulator, CheckoutSession.objects.get().stripe_id, subscription=None)

    report = _run(fix=True)

    assert _outcomes(report) == [(Kind.SUBSCRIPTION_DIFFERS, Outcome.LISTED)]
    assert _run(fix=True).is_clean


def test_amount_that_a_dispute_withdrew_is_corrected(shop):
    dispute_withdrew_another_currency(shop)
    before = Dispute.objects.get()
    Dispute.objects.update(withdrawn_minor=1)

    (difference,) = _run(fix=True).differences

    assert (difference.here["withdrawn"], difference.here["withdrawn_currency"]) == (1, "usd")
    row = Dispute.objects.get()
    assert (row.withdrawn_minor, row.withdrawn_currency) == (before.withdrawn_minor, "eur")


def test_order_without_a_session_is_reported_with_its_currency(shop):
    order_without_any_session(shop)

    (difference,) = _run(fix=False).differences

    assert difference.here == {"status": "paid", "paid": 2000, "currency": "eur"}


@pytest.mark.parametrize("arrange", [refund_unknown_at_stripe, dispute_unknown_at_stripe, stuck_refund])
def test_our_amount_is_reported_with_its_currency(arrange, shop):
    arrange(shop)

    (difference,) = _run(fix=False).differences

    assert difference.here["amount"]
    assert difference.here["currency"] == "eur"


def test_disputes_opened_before_the_window_are_compared(shop):
    dispute_closed(shop)

    report = _run(fix=True, since=timezone.now() + timedelta(seconds=1))

    assert _outcomes(report) == [(Kind.DISPUTE_DIFFERS, Outcome.FIXED)]
    assert Dispute.objects.get().status == "lost"


def test_debits_begun_before_the_window_are_compared(order, shop):
    debit_settled(shop)

    report = _run(fix=True, since=timezone.now() + timedelta(seconds=1))

    order.refresh_from_db()
    assert (_outcomes(report), order.status) == ([(Kind.PAID_NOT_RECORDED, Outcome.FIXED)], "paid")


@pytest.mark.parametrize("is_announced", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("price", [100, 100_000], ids=["same-amount", "other-amount"])
def test_edited_metadata_does_not_move_a_payment_to_another_order(price, is_announced, deliver_events, recorder, shop):
    cheap, expensive = (
        services.place(OrderData(reference=name, currency="eur", lines=(LineData(name="T", unit_amount_minor=minor),)))
        for name, minor in (("cheap", 100), ("expensive", price))
    )
    shop.order = cheap
    session_id = shop.pay()
    if is_announced:
        deliver_events()
    get_client().v1.checkout.sessions.update(session_id, {"metadata": {"order_id": "expensive"}})

    report = _run(fix=True)

    for order in (cheap, expensive):
        order.refresh_from_db()
    assert (cheap.status, expensive.status, recorder.names) == ("paid", "unpaid", ["order_paid"])
    assert _outcomes(report) == [(Kind.RELATION_DIFFERS, Outcome.LISTED)]
    assert _run(fix=True).is_clean


def test_session_that_paid_one_order_is_not_moved_to_another(order, stripe_emulator, recorder, shop):
    other = services.place(HostOrderFactory())
    session_id = shop.pay_and_deliver()
    metadata = {**stripe_emulator.get(session_id)["metadata"], "order_id": other.reference}
    edit(stripe_emulator, session_id, metadata=metadata, client_reference_id=other.reference)

    report = _run(fix=True)

    assert _outcomes(report) == [(Kind.RELATION_DIFFERS, Outcome.LISTED)]
    assert (order.sessions.count(), recorder.names) == (1, ["order_paid"])


def test_session_is_not_moved_to_an_order_of_another_amount(order, recorder, shop):
    other = services.place(HostOrderFactory())
    shop.pay_and_deliver()
    overwrite(CheckoutSession.objects, order=other, asked_subtotal_minor=1)

    report = _run(fix=True)

    other.refresh_from_db()
    payment = Payment.objects.get()
    assert (Kind.RELATION_DIFFERS, Outcome.LISTED) in _outcomes(report)
    assert (other.paid_minor, payment.order, recorder.names.count("order_paid")) == (0, order, 1)


def test_saved_cards_stay_with_their_user_when_an_order_gets_another_user(shop):
    ann, bob = UserFactory.create_batch(2)
    line = LineData(name="Teapot", unit_amount_minor=2000)
    options = CheckoutOptions(create_customer=True, save_card="on_session")
    shop.order = services.place(OrderData(reference="A-1", currency="eur", lines=(line,), user=ann, options=options))
    shop.pay_and_deliver()
    order = Order.objects.get(pk=shop.order.pk)
    order.user = bob
    order.save()

    report = _run(fix=True)

    assert _outcomes(report) == [(Kind.RELATION_DIFFERS, Outcome.LISTED)]
    assert (Customer.objects.get().user, services.find_customer_ids(bob)) == (ann, [])


def test_dispute_is_linked_to_a_payment_of_which_only_the_charge_is_known(paid_order):
    known = Payment.objects.get()
    by_charge = Payment.objects.create(stripe_id="ch_1")
    dispute = Dispute.objects.create(
        stripe_id="dp_1", payment=known, amount_minor=2000, currency="eur", status="needs_response"
    )
    fact = DisputeFact(
        stripe_id="dp_1",
        payment_intent_id=None,
        charge_id="ch_1",
        amount_minor=2000,
        currency="eur",
        status="needs_response",
        reason="",
        due_by=None,
    )

    ledger.in_transaction(lambda: ledger.correct_dispute(dispute.pk, fact, read_at=timezone.now()))

    dispute.refresh_from_db()
    assert dispute.payment == by_charge


def test_customer_of_a_guest_is_not_assigned_to_the_user_who_claims_the_order(shop):
    line = LineData(name="Teapot", unit_amount_minor=2000)
    options = CheckoutOptions(create_customer=True, save_card="on_session")
    shop.order = services.place(OrderData(reference="G-1", currency="eur", lines=(line,), options=options))
    shop.pay_and_deliver()
    order = Order.objects.get(pk=shop.order.pk)
    order.user = UserFactory()
    order.save()

    _run(fix=True)

    assert not Customer.objects.exists()


def test_refund_that_was_mistaken_for_a_release_is_a_refund_again(order, deliver_events, settings, recorder, shop):
    settings.CHECKOUT_CAPTURE_METHOD = "manual"
    shop.pay_and_deliver()
    services.capture(order, 1000)
    deliver_events()
    refund = get_client().v1.refunds.create({"payment_intent": Payment.objects.get().stripe_id, "amount": 300})
    deliver_events()
    # Its balance transaction was never read.
    overwrite(Refund.objects.filter(stripe_id=refund.id), balance_transaction_id="", is_release=True)
    overwrite(Order.objects, refunded_minor=0, status="paid")

    report = _run(fix=True)

    order.refresh_from_db()
    assert order.refunded_minor == 300
    assert (Kind.REFUND_DIFFERS, Outcome.FIXED) in _outcomes(report)
    assert _run(fix=True).differences == []
