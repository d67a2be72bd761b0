"""What needs attention is a function of the facts and of what staff resolved, whatever came first."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_checkout import services, sweep
from django_checkout.models import AttentionItem, CheckoutSession, Payment, Refund
from django_checkout.testing import emulated_stripe, post_event
from tests.properties.shop import Shop, undone

pytestmark = [pytest.mark.django_db, pytest.mark.core]


def _codes(order):
    order.refresh_from_db()
    open_items = order.attention.filter(resolved_at=None)
    assert order.needs_attention == open_items.exists()
    return sorted(open_items.values_list("code", flat=True))


def _intent():
    return Payment.objects.get().stripe_id


@pytest.mark.parametrize("closed", ["won", "lost", "warning_closed"])
def test_a_dispute_that_is_over_needs_no_attention(closed, paid_order, stripe_emulator, deliver_events, heard):
    dispute = stripe_emulator.open_dispute(_intent())
    deliver_events()
    assert _codes(paid_order) == ["disputed"]

    stripe_emulator.close_dispute(dispute["id"], closed)
    deliver_events()

    assert _codes(paid_order) == []
    assert heard == ["order_disputed", "attention_needed", "dispute_closed"]


def test_a_review_holds_attention_until_it_is_closed(paid_order, stripe_emulator, deliver_events, heard):
    review = stripe_emulator.open_review(_intent())
    deliver_events()
    assert _codes(paid_order) == ["review"]

    stripe_emulator.close_review(review["id"])
    deliver_events()

    assert (_codes(paid_order), heard) == ([], ["attention_needed"])


@pytest.mark.parametrize("reason", ["approved", "refunded", "refunded_as_fraud", "disputed", "redacted"])
def test_a_review_that_is_heard_of_after_its_end_needs_no_attention(reason, paid_order, stripe_emulator):
    review = stripe_emulator.open_review(_intent())
    stripe_emulator.close_review(review["id"], reason)

    for event_type in ("review.closed", "review.opened"):
        assert post_event(stripe_emulator.events(event_type)[0]).status_code == 200

    assert _codes(paid_order) == []


def test_a_review_whose_events_are_lost_is_read(paid_order, stripe_emulator):
    review = stripe_emulator.open_review(_intent())
    assert _codes(services.sync(paid_order)) == ["review"]
    stripe_emulator.close_review(review["id"])

    assert _codes(services.sync(paid_order)) == []


def test_a_review_opened_as_a_thin_event_is_read(paid_order, stripe_emulator):
    review = stripe_emulator.open_review(_intent())
    related = {"id": review["id"], "type": "review", "url": f"/v1/reviews/{review['id']}"}
    body = {"id": "evt_1", "object": "v2.core.event", "type": "v1.review.opened", "livemode": False, "created": 1}

    assert post_event({**body, "related_object": related}).status_code == 200

    assert _codes(paid_order) == ["review"]


def test_a_resolved_reason_is_not_raised_again(paid_order, stripe_emulator, deliver_events):
    dispute = stripe_emulator.open_dispute(_intent())
    deliver_events()
    services.accept(paid_order, "Answered.")

    services.sync(paid_order)
    stripe_emulator.close_dispute(dispute["id"], "lost")
    deliver_events()

    assert (_codes(paid_order), AttentionItem.objects.get().note) == ([], "Answered.")


def test_a_withheld_order_is_told_as_paid_once_the_reason_is_withdrawn(order, stripe_emulator, heard):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    CheckoutSession.objects.update(asked_subtotal_minor=1)
    services.sync(order)
    assert heard == ["attention_needed"]
    CheckoutSession.objects.update(asked_subtotal_minor=2000)

    services.sync(order)
    services.sync(order)

    assert (_codes(order), heard) == ([], ["attention_needed", "order_paid"])


@pytest.mark.parametrize("names", [("charge",), ("charge", "payment_intent")])
def test_a_fraud_warning_that_comes_first_is_kept_for_its_payment(names, order, stripe_emulator, deliver_events, heard):
    """A payment that is claimed brings along what was told of it, also by its charge alone."""
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)
    stripe_emulator.warn_of_fraud(stripe_emulator.get(session.stripe_id)["payment_intent"])
    (event,) = stripe_emulator.events("radar.early_fraud_warning.created")
    if "payment_intent" not in names:
        event["data"]["object"]["payment_intent"] = None
    post_event(event)
    for told in stripe_emulator.events():
        if told["type"] in ("checkout.session.completed", "charge.succeeded"):
            post_event(told)

    assert _codes(order) == ["fraud_warning"]
    assert Payment.objects.get().fraud_warning_id == event["data"]["object"]["id"]
    assert heard == ["order_paid", "attention_needed"]


@pytest.fixture
def doubly_paid(order, stripe_emulator, deliver_events, settings):
    """An order paid twice; the site gives surplus back."""
    settings.CHECKOUT_DOUBLE_PAYMENT = "refund"
    for _ in range(2):
        CheckoutSession.objects.update(live_for=None, status="expired")
        stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    order.refresh_from_db()
    return order


@pytest.mark.parametrize("doubt", ["warn_of_fraud", "open_review"])
def test_no_surplus_is_given_back_while_the_kept_payment_is_suspected(
    doubt, doubly_paid, stripe_emulator, deliver_events
):
    """The kept payment may have to be given back itself."""
    getattr(stripe_emulator, doubt)(doubly_paid.kept_payment.stripe_id)
    deliver_events()

    sweep.sweep()

    assert "double_payment" in _codes(doubly_paid)
    assert not Refund.objects.exists()


def test_a_refund_that_stripe_made_after_refusing_it_is_stored_and_shown(paid_order, stripe_emulator, deliver_events):
    """What we asked for is then more than was captured: a fact, which no limit of ours may reject."""
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


def _life(shop):
    """Two sessions paid, a review, a warning, two disputes, a refund that fails, and a mismatch."""
    emulator = shop.emulator
    first = shop.start()
    second = shop.start_beside()
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


#: What the end may depend on is which payment is kept alone: the mismatch is one of the first session's.
ENDS = {
    True: ["amount_mismatch", "disputed", "double_payment", "fraud_warning", "refund_failed", "review"],
    False: ["disputed", "double_payment", "fraud_warning", "refund_failed", "review"],
}


@pytest.mark.slow
@settings(max_examples=25)
@given(data=st.data())
def test_a_whole_life_ends_with_the_same_reasons_in_every_order_of_arrival(db, data):
    with undone(), emulated_stripe() as emulator:
        shop = Shop(emulator)
        _life(shop)
        first = CheckoutSession.objects.order_by("pk").first()

        shop.tell(*data.draw(st.permutations(shop.events())))

        end = shop.end()
        is_first_kept = end["kept"] == shop.intent_of(first.stripe_id)
        assert end["reasons"] == ENDS[is_first_kept]
