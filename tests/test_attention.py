"""The reasons for attention depend on the facts and on what staff resolved, and not on the order of the events."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_checkout import services
from django_checkout.models import Announcement, AttentionItem, CheckoutSession, Payment, Refund
from django_checkout.testing import emulated_stripe, post_event
from django_checkout.webhooks import pending_work
from tests.properties.shop import Shop, rolled_back
from tests.signal_recorder import SignalRecorder

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def _codes(order):
    order.refresh_from_db()
    open_items = order.attention.filter(resolved_at=None)
    assert order.needs_attention == open_items.exists()
    return sorted(open_items.values_list("code", flat=True))


@pytest.fixture
def recorder_of():
    """Return a function that connects receivers of every signal."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(SignalRecorder())


def _intent():
    return Payment.objects.get().stripe_id


@pytest.mark.parametrize("closed", ["won", "lost", "warning_closed"])
def test_closed_dispute_needs_no_attention(closed, paid_order, stripe_emulator, deliver_events, recorder):
    dispute = stripe_emulator.open_dispute(_intent())
    deliver_events()
    assert _codes(paid_order) == ["disputed"]

    stripe_emulator.close_dispute(dispute["id"], closed)
    deliver_events()

    assert _codes(paid_order) == []
    assert recorder.names == ["order_disputed", "attention_needed", "dispute_closed"]


def test_review_needs_attention_until_it_is_closed(paid_order, stripe_emulator, deliver_events, recorder):
    review = stripe_emulator.open_review(_intent())
    deliver_events()
    assert _codes(paid_order) == ["review"]

    stripe_emulator.close_review(review["id"])
    deliver_events()

    assert (_codes(paid_order), recorder.names) == ([], ["attention_needed"])


@pytest.mark.parametrize("reason", ["approved", "refunded", "refunded_as_fraud", "disputed", "redacted"])
def test_review_opened_event_after_the_closed_event_raises_no_attention(reason, paid_order, stripe_emulator):
    review = stripe_emulator.open_review(_intent())
    stripe_emulator.close_review(review["id"], reason)

    for event_type in ("review.closed", "review.opened"):
        assert post_event(stripe_emulator.events(event_type)[0]).status_code == 200

    assert _codes(paid_order) == []


def test_sync_reads_a_review_whose_events_are_lost(paid_order, stripe_emulator):
    review = stripe_emulator.open_review(_intent())
    assert _codes(services.sync(paid_order)) == ["review"]
    stripe_emulator.close_review(review["id"])

    assert _codes(services.sync(paid_order)) == []


def test_review_opened_as_a_thin_event_is_read(paid_order, stripe_emulator):
    review = stripe_emulator.open_review(_intent())
    related = {"id": review["id"], "type": "review", "url": f"/v1/reviews/{review['id']}"}
    body = {"id": "evt_1", "object": "v2.core.event", "type": "v1.review.opened", "livemode": False, "created": 1}

    assert post_event({**body, "related_object": related}).status_code == 200

    assert _codes(paid_order) == ["review"]


def test_resolved_reason_is_not_raised_again(paid_order, stripe_emulator, deliver_events):
    dispute = stripe_emulator.open_dispute(_intent())
    deliver_events()
    services.accept(paid_order, "Answered.")

    services.sync(paid_order)
    stripe_emulator.close_dispute(dispute["id"], "lost")
    deliver_events()

    assert (_codes(paid_order), AttentionItem.objects.get().note) == ([], "Answered.")


def test_order_paid_is_delivered_once_after_the_mismatch_is_gone(order, stripe_emulator, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    CheckoutSession.objects.update(asked_subtotal_minor=1)
    services.sync(order)
    assert recorder.names == ["attention_needed"]
    CheckoutSession.objects.update(asked_subtotal_minor=2000)

    services.sync(order)
    services.sync(order)

    assert (_codes(order), recorder.names) == ([], ["attention_needed", "order_paid"])


def test_currencies_of_a_mismatch_are_stored_in_lower_case_and_shown_in_upper_case(order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    CheckoutSession.objects.update(asked_currency="usd")

    services.sync(order)

    item = AttentionItem.objects.get(code="currency_mismatch")
    assert item.details == {"paid_currency": "eur", "expected_currency": "eur"}
    assert item.detail_text.startswith("EUR ")


@pytest.mark.parametrize("names", [("charge",), ("charge", "payment_intent")])
def test_fraud_warning_before_its_payment_is_stored_with_the_payment(
    names, order, stripe_emulator, deliver_events, recorder
):
    """The warning may name only the charge, before the payment is known to belong to an order."""
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    stripe_emulator.warn_of_fraud(stripe_emulator.get(session.stripe_id)["payment_intent"])
    (event,) = stripe_emulator.events("radar.early_fraud_warning.created")
    if "payment_intent" not in names:
        event["data"]["object"]["payment_intent"] = None
    post_event(event)
    for later in stripe_emulator.events():
        if later["type"] in ("checkout.session.completed", "charge.succeeded"):
            post_event(later)

    assert _codes(order) == ["fraud_warning"]
    assert Payment.objects.get().fraud_warning_id == event["data"]["object"]["id"]
    assert recorder.names == ["order_paid", "attention_needed"]


@pytest.mark.parametrize("suspicion", ["warn_of_fraud", "open_review"])
def test_surplus_is_not_refunded_while_the_kept_payment_may_be_fraudulent(
    suspicion, doubly_paid_order, stripe_emulator, deliver_events, settings
):
    """The kept payment may have to be refunded itself."""
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"
    getattr(stripe_emulator, suspicion)(doubly_paid_order.kept_payment.stripe_id)
    deliver_events()

    pending_work.process_pending()

    assert "double_payment" in _codes(doubly_paid_order)
    assert not Refund.objects.exists()


def test_surplus_payment_that_was_refunded_needs_no_attention(doubly_paid_order, stripe_emulator, deliver_events):
    kept = doubly_paid_order.kept_payment
    surplus = doubly_paid_order.payments.exclude(pk=kept.pk).get()
    stripe_emulator.refund(surplus.stripe_id, surplus.captured_minor - 1)
    deliver_events()
    assert _codes(doubly_paid_order) == ["double_payment"]

    stripe_emulator.refund(surplus.stripe_id, 1)
    deliver_events()

    assert _codes(doubly_paid_order) == []


def test_payment_with_a_fraud_warning_needs_no_attention_once_it_is_refunded(
    paid_order, stripe_emulator, deliver_events
):
    stripe_emulator.warn_of_fraud(_intent())
    deliver_events()
    assert _codes(paid_order) == ["fraud_warning"]

    services.refund(paid_order)
    deliver_events()

    assert _codes(paid_order) == []


def test_failed_refund_raises_the_fraud_warning_again(paid_order, stripe_emulator, deliver_events):
    stripe_emulator.warn_of_fraud(_intent())
    refund = services.refund(paid_order)
    deliver_events()

    stripe_emulator.fail_refund(refund.stripe_id)
    deliver_events()

    assert _codes(paid_order) == ["fraud_warning", "refund_failed"]


@pytest.mark.parametrize("how", ["gone", "accepted"])
def test_pending_notification_of_a_resolved_reason_is_superseded(how, paid_order, stripe_emulator, deliver_events):
    stripe_emulator.warn_of_fraud(_intent())
    deliver_events()
    notification = Announcement.objects.filter(signal="attention_needed")
    assert notification.get().state == "pending"

    if how == "gone":
        services.refund(paid_order)
        deliver_events()
    else:
        services.accept(paid_order, "Known customer.")

    assert notification.get().state == "superseded"


def test_superseded_notification_is_delivered_when_its_reason_returns(
    paid_order, stripe_emulator, deliver_events, recorder_of
):
    stripe_emulator.warn_of_fraud(_intent())
    deliver_events()
    refund = services.refund(paid_order)
    deliver_events()
    recorder = recorder_of()

    stripe_emulator.fail_refund(refund.stripe_id)
    deliver_events()

    assert _codes(paid_order) == ["fraud_warning", "refund_failed"]
    delivered = {sent["reason"] for sent in recorder.arguments("attention_needed")}
    assert delivered == {"fraud_warning", "refund_failed"}


def test_refund_that_stripe_had_refused_before_is_stored(paid_order, stripe_emulator, deliver_events):
    """It is stored although the requested refunds then exceed the captured amount."""
    services.refund(paid_order, 500)
    deliver_events()
    refused = Refund.objects.create(
        payment=Payment.objects.get(), is_ours=True, amount_minor=2000, currency="eur", status="refused"
    )
    event = stripe_emulator.events("refund.created")[0]
    event["id"] = "evt_late"
    event["data"]["object"] |= {"id": "re_late", "amount": 2000, "metadata": {"checkout_refund": str(refused.uuid)}}

    assert post_event(event).status_code == 200

    refused.refresh_from_db()
    assert (refused.status, Payment.objects.get().refund_asked_minor) == ("succeeded", 2000)
    assert _codes(paid_order) == ["over_refunded"]


def _make_events(shop):
    """Make two payments with reviews, a fraud warning, disputes, a failed refund and a mismatch."""
    emulator = shop.emulator
    first = shop.start()
    second = shop.start_second()
    CheckoutSession.objects.filter(stripe_id=first).update(asked_subtotal_minor=1900)
    emulator.pay(first)
    emulator.pay(second)
    intents = [shop.intent_of(session) for session in (first, second)]
    emulator.warn_of_fraud(intents[0])
    reviews = [emulator.open_review(intent) for intent in intents]
    emulator.close_review(reviews[0]["id"])
    emulator.fail_refund(emulator.refund(intents[1], 300)["id"])
    disputes = [emulator.open_dispute(intent) for intent in intents]
    emulator.close_dispute(disputes[0]["id"], "won")


#: By whether the order keeps the first payment, the only one with a mismatch.
REASONS = {
    True: ["amount_mismatch", "disputed", "double_payment", "fraud_warning", "refund_failed", "review"],
    False: ["disputed", "double_payment", "fraud_warning", "refund_failed", "review"],
}


@pytest.mark.slow
@settings(max_examples=25)
@given(data=st.data())
def test_reasons_do_not_depend_on_the_order_of_the_events(db, data):
    with rolled_back(), emulated_stripe() as emulator:
        shop = Shop(emulator)
        _make_events(shop)
        first = CheckoutSession.objects.order_by("pk").first()

        shop.post(*data.draw(st.permutations(shop.events())))

        end = shop.outcome()
        is_first_kept = end["kept"] == shop.intent_of(first.stripe_id)
        assert end["reasons"] == REASONS[is_first_kept]
