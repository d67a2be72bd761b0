"""What a payment waits for outside of the payment page, each method in its currency."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from django_checkout import services, signals
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.emulator.messages import ApiError
from django_checkout.exceptions import OrderNotPayableError, PaymentInFlightError
from django_checkout.ledger import next_actions
from django_checkout.models import Announcement, CheckoutSession, Order, Payment, WebhookEvent
from django_checkout.operations import erasure
from django_checkout.services import shopper_actions
from django_checkout.states import describe_method
from django_checkout.stripe_api.client import get_client
from django_checkout.stripe_api.facts import read_payment_intent
from django_checkout.testing import post_event
from django_checkout.values import ActionFact, NextAction, Ownership, PaymentFact
from django_checkout.webhooks.pending_work import process_pending
from tests.factories import HostOrderFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

VOUCHERS = {"konbini": "jpy", "oxxo": "mxn", "boleto": "brl", "multibanco": "eur"}
TRANSFER = "customer_balance"
QR_CODES = {"paynow": "sgd", "pix": "brl", "promptpay": "thb"}
DELAYED = {**VOUCHERS, TRANSFER: "eur"}
KEPT = {kind: VOUCHERS[kind] for kind in ("oxxo", "boleto")}
CANCELABLE = {kind: currency for kind, currency in DELAYED.items() if kind not in KEPT}
DAY = 24 * 3600
#: Klarna's QR code, which has no page of Stripe's.
IMAGE = "https://qr.stripe.com/test_code.svg"
NOBODY_PAYS = "fill_never@example.com"


@pytest.fixture
def open_session(stripe_emulator):
    """Return a function that starts an order of 5,000 minor units that can be paid by a method."""

    def start(method):
        host_order = HostOrderFactory(currency={**DELAYED, **QR_CODES}[method], price_minor=5000)
        params = {"payment_method_types": ["card", method]}
        if method == TRANSFER:
            bank = {"type": "eu_bank_transfer", "eu_bank_transfer": {"country": "NL"}}
            params["payment_method_options"] = {TRANSFER: {"funding_type": "bank_transfer", "bank_transfer": bank}}
            params["customer"] = get_client().v1.customers.create({"email": NOBODY_PAYS}).id
        return host_order, services.start(host_order, params=params)

    return start


@pytest.fixture
def wait_for(open_session, stripe_emulator, deliver_events):
    """Return a function that pays an order by a method, delivers the events and returns our order and the session."""

    def wait_for(method, *, delivers=True):
        host_order, session = open_session(method)
        stripe_emulator.pay(session.stripe_id, method=method, email=NOBODY_PAYS)
        if delivers:
            deliver_events()
        session.refresh_from_db()
        return services.get_order(host_order), session

    return wait_for


@pytest.mark.parametrize("method", DELAYED)
def test_the_next_action_is_known_once_the_session_is_complete(wait_for, stripe_emulator, method):
    order, session = wait_for(method)

    action = services.find_next_action(order)

    at_stripe = stripe_emulator.get(session.payment.stripe_id)["next_action"]
    shown = at_stripe[at_stripe["type"]]
    assert (order.status, action.kind, action.amount_minor, action.currency) == (
        "pending",
        method,
        5000,
        DELAYED[method],
    )
    assert action.url in (shown.get("hosted_voucher_url"), shown.get("hosted_instructions_url"))
    deadline = shown.get("expires_at") or shown.get("expires_after")
    assert (action.expires_at and action.expires_at.timestamp()) == deadline
    assert action.details


@pytest.mark.parametrize("method", ["boleto", "konbini", "oxxo"])
def test_the_shopper_reads_the_deadline_in_the_time_of_the_stores(wait_for, method):
    action = services.find_next_action(wait_for(method)[0])

    with timezone.override("America/New_York"):
        local = action.expires_at.astimezone(action.time_zone)
        page = render_to_string("django_checkout/includes/next_action.html", {"next_action": action})

    assert (local.hour, local.minute) == (23, 59)
    assert "11:59 p.m." in page


def test_a_deadline_without_a_place_is_in_the_active_time_zone():
    action = NextAction(kind="pix", url="", amount_minor=500, currency="brl")

    with timezone.override("America/New_York"):
        assert str(action.time_zone) == "America/New_York"


@pytest.mark.parametrize("method", DELAYED)
def test_the_payment_ends_the_next_action(wait_for, stripe_emulator, deliver_events, method):
    order, session = wait_for(method)

    stripe_emulator.settle(session.stripe_id)
    deliver_events()

    order.refresh_from_db()
    assert (order.status, services.find_next_action(order)) == ("paid", None)
    payment = Payment.objects.get()
    assert (payment.next_action, payment.action_expires_at) == (None, None)


@pytest.mark.parametrize("method", VOUCHERS)
def test_an_expired_voucher_lets_the_order_be_paid_in_another_way(wait_for, stripe_emulator, deliver_events, method):
    order, session = wait_for(method)

    stripe_emulator.settle(session.stripe_id, succeed=False)
    deliver_events()

    order.refresh_from_db()
    assert (order.status, services.find_next_action(order)) == ("unpaid", None)
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    order.refresh_from_db()
    assert (order.status, order.paid_minor, order.needs_attention) == ("paid", 5000, False)


def test_a_late_event_does_not_bring_the_next_action_back(wait_for, stripe_emulator, deliver_events):
    order, session = wait_for("konbini", delivers=False)
    (late,) = stripe_emulator.events("payment_intent.requires_action")
    stripe_emulator.settle(session.stripe_id, succeed=False)
    post_event(stripe_emulator.events("checkout.session.async_payment_failed")[0])

    assert post_event(late).status_code == 200

    assert services.find_next_action(order) is None
    assert Payment.objects.get().action_expires_at is None


def test_a_transfer_in_parts_says_what_is_left_in_any_order(wait_for, stripe_emulator, deliver_events):
    order, session = wait_for(TRANSFER)
    stripe_emulator.settle(session.stripe_id, amount=2000)
    stripe_emulator.settle(session.stripe_id, amount=500)
    first, second = stripe_emulator.events("payment_intent.partially_funded")

    for event in (second, first, second):
        post_event(event)

    assert services.find_next_action(order).amount_minor == 2500
    stripe_emulator.settle(session.stripe_id, amount=2500)
    deliver_events()
    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 5000)


@pytest.mark.parametrize("method", QR_CODES)
def test_a_qr_code_is_known_once_its_open_session_was_read(open_session, stripe_emulator, deliver_events, method):
    host_order, session = open_session(method)
    stripe_emulator.pay(session.stripe_id, method=method, email=NOBODY_PAYS)
    deliver_events()
    services.sync(session)

    action = services.find_next_action(host_order)

    assert (action.kind, action.amount_minor, bool(action.image_url)) == (method, 5000, True)
    stripe_emulator.settle(session.stripe_id, succeed=False)
    deliver_events()
    assert services.find_next_action(host_order) is None
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    assert services.get_order(host_order).status == "paid"


def test_another_qr_code_after_a_failed_one_is_an_attempt_of_its_own(open_session, stripe_emulator, deliver_events):
    host_order, session = open_session("pix")
    for _ in range(2):
        stripe_emulator.pay(session.stripe_id, method="pix", email=NOBODY_PAYS)
        services.sync(session)
        shown = services.find_next_action(host_order)
        stripe_emulator.settle(session.stripe_id, succeed=False)
    stripe_emulator.pay(session.stripe_id, method="pix", email=NOBODY_PAYS)
    deliver_events()

    action = services.find_next_action(host_order)

    assert action is not None
    assert action.url != shown.url


def test_without_the_event_the_payment_is_read(wait_for, stripe_emulator):
    order, _session = wait_for("konbini", delivers=False)
    (completed,) = stripe_emulator.events("checkout.session.completed")

    assert post_event(completed).status_code == 200

    assert services.find_next_action(order).kind == "konbini"


def test_a_debit_is_not_read(order, stripe_emulator, stripe_requests):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, iban="AT611904300234573201")
    stripe_requests.clear()

    for event in stripe_emulator.events("checkout.session.completed"):
        post_event(event)

    order.refresh_from_db()
    assert (order.status, services.find_next_action(order), stripe_requests) == ("pending", None, [])


def test_authentication_and_declined_cards_leave_only_their_events(order, stripe_emulator, deliver_events):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, "4000000000000002")
    stripe_emulator.pay(session.stripe_id, "4000002760003184")
    deliver_events()

    rows = WebhookEvent.objects.filter(type__in=("payment_intent.requires_action", "payment_intent.payment_failed"))
    assert {(row.state, row.error_code) for row in rows} == {("ignored", "unhandled_type")}
    assert not Payment.objects.exists()


def test_a_settled_event_keeps_no_code(wait_for, stripe_emulator):
    wait_for("konbini")

    row = WebhookEvent.objects.get(type="payment_intent.requires_action")

    assert row.state == "processed"
    assert row.payload["data"]["object"]["next_action"] == {"type": "konbini_display_details"}


# Canceling


@pytest.mark.parametrize("method", CANCELABLE)
def test_an_order_that_waits_for_the_shopper_can_be_canceled(wait_for, stripe_emulator, deliver_events, method):
    order, session = wait_for(method)

    assert services.cancel(order).status == "canceled"

    assert stripe_emulator.get(session.payment.stripe_id)["status"] == "canceled"
    deliver_events()
    order.refresh_from_db()
    assert (order.status, order.needs_attention, services.find_next_action(order)) == ("canceled", False, None)


@pytest.mark.parametrize("cancel", [services.cancel, services.pay_another_way])
def test_a_debit_in_progress_is_not_canceled(order, pay, stripe_emulator, stripe_requests, cancel):
    pay(order, iban="AT611904300234573201")

    with pytest.raises(PaymentInFlightError):
        cancel(order)

    assert not [request.path for request in stripe_requests if request.path.endswith("/cancel")]

    assert stripe_emulator.get(Payment.objects.get().stripe_id)["status"] == "processing"


@pytest.mark.parametrize("cancel", [services.cancel, services.pay_another_way])
def test_what_was_paid_meanwhile_is_not_canceled(wait_for, stripe_emulator, cancel):
    order, session = wait_for("konbini")
    stripe_emulator.settle(session.stripe_id)

    with pytest.raises(OrderNotPayableError):
        cancel(order)

    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 5000)


@pytest.mark.parametrize("method", CANCELABLE)
def test_paying_another_way_leaves_one_payable_way(wait_for, stripe_emulator, deliver_events, method):
    order, session = wait_for(method)

    assert services.pay_another_way(order).status == "unpaid"

    with suppress(ApiError):
        # A transfer that arrives now stays in the customer's cash balance at Stripe.
        assert stripe_emulator.settle(session.stripe_id).status == "canceled"
    stripe_emulator.pay(services.start(order).stripe_id)
    deliver_events()
    order.refresh_from_db()
    assert (order.status, order.paid_minor, order.needs_attention) == ("paid", 5000, False)


def test_paying_another_way_again_changes_nothing(wait_for, stripe_requests):
    order, _session = wait_for("konbini")
    services.pay_another_way(order)
    stripe_requests.clear()

    assert services.pay_another_way(order).status == "unpaid"
    assert stripe_requests == []


def test_paying_another_way_expires_an_open_session(open_session, stripe_emulator):
    host_order, session = open_session("paynow")
    stripe_emulator.pay(session.stripe_id, method="paynow", email=NOBODY_PAYS)

    assert services.pay_another_way(host_order).status == "unpaid"

    assert stripe_emulator.get(session.stripe_id)["status"] == "expired"


def test_a_payment_whose_step_is_unknown_is_read_before_it_is_canceled(wait_for):
    order, _session = wait_for("konbini")
    Payment.objects.update(next_action=None, action_expires_at=None)

    assert services.pay_another_way(order).status == "unpaid"


@pytest.mark.parametrize("method", KEPT)
@pytest.mark.parametrize("cancel", [services.cancel, services.pay_another_way])
def test_a_voucher_that_stripe_never_cancels_is_kept(wait_for, stripe_emulator, deliver_events, method, cancel):
    order, session = wait_for(method)
    assert not shopper_actions.is_replaceable(order)

    with pytest.raises(PaymentInFlightError) as caught:
        cancel(order)

    assert "ends by itself" in str(caught.value.user_message)
    assert services.find_next_action(order).kind == method
    stripe_emulator.settle(session.stripe_id, succeed=False)
    deliver_events()
    assert cancel(order).status in ("canceled", "unpaid")


@pytest.mark.parametrize("method", CANCELABLE)
@pytest.mark.parametrize("cancel", [services.cancel, services.pay_another_way])
def test_a_refusal_of_stripe_keeps_what_waits(wait_for, stripe_emulator, deliver_events, method, cancel):
    order, session = wait_for(method)
    assert shopper_actions.is_replaceable(order)
    stripe_emulator.incidents.restrict_keys("POST /v1/payment_intents/*/cancel")

    with pytest.raises(PaymentInFlightError) as caught:
        cancel(order)

    assert "cannot be canceled" in str(caught.value.user_message)
    order.refresh_from_db()
    assert (order.status, services.find_next_action(order).kind) == ("pending", method)
    assert not shopper_actions.is_replaceable(order)
    stripe_emulator.settle(session.stripe_id)
    deliver_events()
    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 5000)


def cancel_as_shopper(order):
    return services.cancel(order, by_shopper=True)


@pytest.fixture
def partly_paid(wait_for, stripe_emulator, deliver_events):
    """An order of 5,000 by bank transfer, of which 2,000 were received, and its session."""
    order, session = wait_for(TRANSFER)
    stripe_emulator.settle(session.stripe_id, amount=2000)
    return order, session


@pytest.mark.parametrize("is_delivered", [True, False])
@pytest.mark.parametrize("cancel", [cancel_as_shopper, services.pay_another_way])
def test_a_shopper_who_paid_a_part_asks_the_shop(partly_paid, stripe_emulator, deliver_events, is_delivered, cancel):
    order, session = partly_paid
    if is_delivered:
        deliver_events()

    with pytest.raises(PaymentInFlightError) as caught:
        cancel(order)

    assert "20.00" in str(caught.value.user_message)
    assert "contact the shop" in str(caught.value.user_message)
    assert not shopper_actions.is_replaceable(order)
    action = services.find_next_action(order)
    assert (action.received_minor, action.amount_minor) == (2000, 3000)
    html = Template("{% load checkout %}{% checkout_next_action order %}").render(Context({"order": order}))
    assert "We have received €20.00 of your bank transfer." in html
    assert stripe_emulator.get(session.payment.stripe_id)["status"] == "requires_action"


@pytest.mark.parametrize("order_of_arrival", [1, -1])
def test_a_canceled_transfer_of_which_a_part_was_received_needs_attention(
    partly_paid, stripe_emulator, order_of_arrival
):
    order, _session = partly_paid

    assert services.cancel(order).status == "canceled"

    (item,) = order.attention.all()
    assert (item.code, item.details) == ("received_in_part", {"received_minor": 2000, "currency": "eur"})
    for event in stripe_emulator.events()[::order_of_arrival]:
        post_event(event)
    assert order.attention.count() == 1
    services.accept(order, "Returned")
    order.refresh_from_db()
    assert (order.status, order.needs_attention) == ("canceled", False)


@pytest.mark.parametrize("order_of_arrival", [*permutations(range(4))])
def test_a_transfer_canceled_at_stripe_needs_attention(wait_for, stripe_emulator, order_of_arrival):
    order, session = wait_for(TRANSFER, delivers=False)
    stripe_emulator.settle(session.stripe_id, amount=2000)
    get_client().v1.payment_intents.cancel(stripe_emulator.get(session.stripe_id)["payment_intent"])
    types = ("requires_action", "partially_funded", "canceled")
    events = [stripe_emulator.events(f"payment_intent.{each}")[0] for each in types]
    events.append(stripe_emulator.events("checkout.session.completed")[0])

    for index in order_of_arrival:
        post_event(events[index])

    assert [item.code for item in order.attention.all()] == ["received_in_part"]


LATE = 8 * DAY


@pytest.mark.parametrize("is_told", ["by_event", "by_reading", "not"])
@pytest.mark.parametrize("cancel", [services.cancel, services.pay_another_way])
def test_what_was_perhaps_paid_before_the_deadline_is_not_canceled(
    wait_for, stripe_emulator, deliver_events, stripe_requests, is_told, cancel
):
    order, session = wait_for("multibanco")
    stripe_emulator.clock.advance(LATE)
    assert stripe_emulator.get(session.payment.stripe_id)["status"] == "processing"
    if is_told == "by_event":
        deliver_events()
    elif is_told == "by_reading":
        services.sync(order)

    assert (services.find_next_action(order) is None) == (is_told != "not")
    with pytest.raises(PaymentInFlightError):
        cancel(order)

    assert services.find_next_action(order) is None
    assert not [request.path for request in stripe_requests if request.path.endswith("/cancel")]
    stripe_emulator.settle(session.stripe_id)
    deliver_events()
    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 5000)


def test_an_attempt_that_is_processed_does_not_wait_whichever_event_is_first(wait_for, stripe_emulator):
    order, _session = wait_for("multibanco", delivers=False)
    stripe_emulator.clock.advance(LATE)

    for event in stripe_emulator.events()[::-1]:
        post_event(event)

    order.refresh_from_db()
    assert (order.status, services.find_next_action(order)) == ("pending", None)


def test_an_attempt_that_failed_earlier_does_not_hide_the_next_action(stripe_emulator, recorder):
    host_order = HostOrderFactory(currency="brl", price_minor=5000)
    session = services.start(host_order, params={"payment_method_types": ["pix", "boleto"]})
    stripe_emulator.pay(session.stripe_id, method="pix", email=NOBODY_PAYS)
    stripe_emulator.settle(session.stripe_id, succeed=False)
    services.sync(session)
    post_event(stripe_emulator.events("payment_intent.payment_failed")[0])
    stripe_emulator.pay(session.stripe_id, method="boleto", email=NOBODY_PAYS)

    assert post_event(stripe_emulator.events("checkout.session.completed")[0]).status_code == 200

    assert recorder.arguments("order_pending")[0]["next_action"].kind == "boleto"


def test_money_that_arrives_after_the_cancellation_needs_attention(wait_for, stripe_emulator, deliver_events):
    order, session = wait_for("konbini", delivers=False)
    stripe_emulator.settle(session.stripe_id)
    post_event(stripe_emulator.events("payment_intent.requires_action")[0])
    CheckoutSession.objects.update(status="expired", live_for=None)
    services.cancel(order)

    deliver_events()

    order.refresh_from_db()
    assert (order.status, order.paid_minor) == ("paid", 5000)
    assert [item.code for item in order.attention.all()] == ["paid_after_cancel"]


# What the shopper sees


def test_the_shopper_sees_the_codes_and_a_bare_status_link_does_not(wait_for, client):
    order, session = wait_for("konbini")
    url = reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)])
    number = session.payment.next_action.popitem()[1]["details"][0][1]

    bare = client.get(url)
    polled = client.get(reverse("django_checkout:status", args=[make_token(order, Purpose.STATUS)])).json()
    user = UserFactory()
    Order.objects.update(user=user)
    client.force_login(user)
    shopper = client.get(url)

    assert (bare.context["outcome"], polled) == ("action_needed", {"status": "pending", "outcome": "action_needed"})
    assert "konbini" not in bare.text.lower().replace("checkout-outcome", "")
    assert number not in bare.text
    assert number in shopper.text
    assert services.find_next_action(order).url in shopper.text
    action = services.find_next_action(order)
    assert f" {action.expires_at.astimezone(action.time_zone).tzname()}</time>" in shopper.text
    polled = client.get(reverse("django_checkout:status", args=[make_token(order, Purpose.STATUS)])).json()
    assert polled["next_action"]["amount_minor"] == 5000


@pytest.mark.parametrize("method", DELAYED)
def test_the_tags_say_that_the_shopper_has_to_pay(wait_for, method):
    order, _session = wait_for(method)
    source = "{% load checkout %}{% checkout_status order %}{% checkout_next_action order %}"

    html = Template(source).render(Context({"order": order}))

    action = services.find_next_action(order)
    assert "Waiting for your payment" in html
    assert all(escape(detail.value) in html for detail in action.details)
    assert escape(action.instruction) in html


def test_after_the_deadline_there_is_nothing_to_do(wait_for, client):
    order, session = wait_for("konbini")
    Payment.objects.update(next_action={"pm_1": _passed(session.payment.next_action)})

    assert services.find_next_action(order) is None
    url = reverse("django_checkout:status", args=[make_token(order, Purpose.STATUS)])
    assert client.get(url + "?read=0").json()["outcome"] == "processing"


def test_after_the_deadline_the_page_does_not_say_that_a_bank_is_at_work(wait_for, client):
    order, session = wait_for("konbini")
    actions = {"pm_1": _passed(session.payment.next_action)}
    Payment.objects.update(next_action=actions, action_expires_at=timezone.now() - timedelta(seconds=1))
    CheckoutSession.objects.update(synced_at=timezone.now())

    page = client.get(reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)]))

    assert "The time to pay has passed" in page.text
    assert f"If you have paid order {order.reference}" in page.text


@pytest.mark.parametrize(
    "action",
    [
        {"type": "pear_notify", "pear_notify": {}},
        {"type": "pear_notify"},
        {"type": "pear_display_qr_code", "pear_display_qr_code": {}},
    ],
)
def test_a_step_that_nobody_knows_is_no_action_and_no_failure(wait_for, stripe_emulator, action):
    order, _session = wait_for("konbini", delivers=False)
    (event,) = stripe_emulator.events("payment_intent.requires_action")
    intent = {**event["data"]["object"], "next_action": action}

    assert post_event({**event, "data": {"object": intent}}).status_code == 200

    assert read_payment_intent(intent).action is None
    assert services.find_next_action(order) is None


def test_a_list_of_statuses_asks_only_for_pending_orders(wait_for, order, django_assert_num_queries):
    pending, _session = wait_for("konbini")
    source = Template("{% load checkout %}{% for each in orders %}{% checkout_status each %}{% endfor %}")
    orders = Context({"orders": [services.get_order(order), pending]})

    with django_assert_num_queries(1):
        html = source.render(orders)

    assert html.count("Waiting for your payment") == 1


def _passed(actions):
    (action,) = actions.values()
    return {**action, "expires_at": int(timezone.now().timestamp()) - 1}


def test_staff_see_that_the_order_waits_for_the_customer(wait_for, admin_client):
    order, _session = wait_for("oxxo")

    page = admin_client.get(reverse("admin:django_checkout_order_change", args=[order.pk]))

    assert "Waits for the customer" in page.text
    assert services.find_next_action(order).details[0].value not in page.text


def test_erasing_an_order_forgets_the_codes(wait_for, stripe_emulator, deliver_events):
    order, _session = wait_for("konbini")
    services.pay_another_way(order)
    Payment.objects.update(next_action={"pm_1": {}})

    erasure.erase_order(order)

    assert Payment.objects.get().next_action is None
    post_event({**stripe_emulator.events("payment_intent.requires_action")[0], "id": "evt_late"})
    assert Payment.objects.get().next_action is None


# What the shop is told


@pytest.mark.parametrize("method", DELAYED)
@pytest.mark.parametrize("order_of_arrival", [1, -1])
def test_order_pending_says_what_the_shopper_has_to_do(wait_for, stripe_emulator, recorder, method, order_of_arrival):
    order, _session = wait_for(method, delivers=False)

    for event in stripe_emulator.events()[::order_of_arrival]:
        post_event(event)

    (arguments,) = recorder.arguments("order_pending")
    assert arguments["next_action"] == services.find_next_action(order)
    assert arguments["next_action"].kind == method


def test_order_pending_of_a_debit_has_no_next_action(order, pay, recorder):
    pay(order, iban="AT611904300234573201")

    assert recorder.arguments("order_pending")[0]["next_action"] is None


def sweep(**later):
    return process_pending(now=timezone.now() + timedelta(**later))


def deadline_in(**time):
    """Let the voucher end in this time, and its session be complete since long ago."""
    ends_at = (timezone.now() + timedelta(**time)).replace(microsecond=0)
    ((attempt, action),) = Payment.objects.get().next_action.items()
    actions = {attempt: {**action, "expires_at": int(ends_at.timestamp())}}
    Payment.objects.update(next_action=actions, action_expires_at=ends_at)
    CheckoutSession.objects.update(completed_at=timezone.now() - timedelta(days=3), synced_at=timezone.now())


def test_the_shop_is_reminded_once_of_a_voucher_that_expires_soon(wait_for, recorder):
    order, session = wait_for("konbini")
    deadline_in(hours=20)

    assert sweep()["voucher_reminders"] == 1
    assert sweep()["voucher_reminders"] == 0

    (arguments,) = recorder.arguments("voucher_expires_soon")
    assert (arguments["session"], arguments["next_action"]) == (session, services.find_next_action(order))


@pytest.mark.parametrize(
    ("ends", "seconds"), [({"hours": 26}, 24 * 3600), ({"hours": -1}, 24 * 3600), ({"hours": 20}, 0)]
)
def test_the_shop_is_not_reminded_too_early_too_late_or_never(wait_for, recorder, settings, ends, seconds):
    settings.CHECKOUT_VOUCHER_REMINDER_SECONDS = seconds
    wait_for("konbini")
    deadline_in(**ends)

    assert sweep()["voucher_reminders"] == 0
    assert "voucher_expires_soon" not in recorder.names


def test_a_shopper_who_has_just_got_the_voucher_is_not_reminded(wait_for, recorder):
    wait_for("konbini")
    deadline_in(hours=20)
    CheckoutSession.objects.update(completed_at=timezone.now())

    sweep()

    assert "voucher_expires_soon" not in recorder.names


@pytest.mark.parametrize("end", ["paid", "expired", "canceled", "another way"])
def test_nobody_is_reminded_of_a_voucher_that_has_ended(wait_for, stripe_emulator, deliver_events, recorder, end):
    order, session = wait_for("konbini")
    deadline_in(hours=20)
    if end in ("paid", "expired"):
        stripe_emulator.settle(session.stripe_id, succeed=end == "paid")
        deliver_events()
    elif end == "canceled":
        services.cancel(order)
    else:
        services.pay_another_way(order)

    sweep()

    assert "voucher_expires_soon" not in recorder.names


def test_without_a_receiver_nobody_waits_to_be_reminded(wait_for, monkeypatch):
    monkeypatch.setattr(signals.voucher_expires_soon, "receivers", [])
    wait_for("konbini")
    deadline_in(hours=20)

    assert sweep()["voucher_reminders"] == 0
    assert not Announcement.objects.filter(signal="voucher_expires_soon").exists()


# How facts are joined

ENDS_AT = datetime(2026, 12, 4, 14, 59, 59, tzinfo=UTC)


def action(attempt="pm_1", *, amount_minor=5000, hours=0, is_on_page=False, expires_at=ENDS_AT):
    ends_at = expires_at and expires_at + timedelta(hours=hours)
    return ActionFact(
        attempt=attempt,
        kind="pix",
        url=f"https://payments.stripe.com/{attempt}",
        amount_minor=amount_minor,
        currency="brl",
        expires_at=ends_at,
        is_on_page=is_on_page,
    )


def fact(**values):
    return PaymentFact(payment_intent_id="pi_1", ownership=Ownership(), **values)


ACTIONS = st.builds(action, st.sampled_from(["pm_1", "pm_2"]), amount_minor=st.integers(1, 3), hours=st.integers(0, 2))
FACTS = st.one_of(
    st.builds(fact, action=ACTIONS),
    st.builds(fact, ended_attempt=st.sampled_from(["pm_1", "pm_2"])),
    st.just(fact()),
)
#: A fact, and whether it says that no attempt follows.
NEWS = st.tuples(FACTS, st.sampled_from([False, False, False, True]))


def joined(news, status="open"):
    known = None
    for each, is_over in news:
        known = next_actions.join_actions(known, each, status, is_over=is_over)
    return known


@given(st.lists(NEWS, max_size=4))
def test_facts_are_joined_in_any_order_and_any_number(news):
    results = {json.dumps(joined([*order, *order[:1]]), sort_keys=True) for order in permutations(news)}

    assert len(results) == 1
    assert joined(news, status="canceled") is None


def test_less_is_left_to_pay_or_the_deadline_is_later():
    for facts, expected in (
        ([action(amount_minor=5000), action(amount_minor=2000)], (2000, ENDS_AT)),
        ([action(), action(hours=1)], (5000, ENDS_AT + timedelta(hours=1))),
    ):
        found = next_actions.find_current(joined((fact(action=each), False) for each in facts), is_complete=True)
        assert (found.amount_minor, found.expires_at) == expected


def test_of_two_qr_codes_without_a_deadline_none_is_shown():
    codes = [action(name, is_on_page=True, expires_at=None) for name in ("pm_1", "pm_2")]
    both = joined((fact(action=code), False) for code in codes)

    assert next_actions.find_current(both, is_complete=False) is None
    left = next_actions.join_actions(both, fact(ended_attempt="pm_1"), "open")
    assert next_actions.find_current(left, is_complete=False).url.endswith("pm_2")
    assert next_actions.find_current(left, is_complete=True) is None


def test_a_qr_code_without_a_page_is_shown_as_an_image(client, order, settings):
    settings.STRIPE_PUBLISHABLE_KEY = ""
    action = NextAction(kind="klarna", url="", amount_minor=2000, currency="eur", image_url=IMAGE)

    html = render_to_string("django_checkout/includes/next_action.html", {"next_action": action})
    page = client.get(reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)]))

    assert f'src="{IMAGE}"' in html
    assert "https://*.stripe.com" in page["Content-Security-Policy"].partition("img-src")[2].partition(";")[0]


@pytest.mark.parametrize("kind", [*VOUCHERS, TRANSFER, *QR_CODES])
def test_a_method_has_one_name(kind):
    action = NextAction(kind=kind, url="", amount_minor=2000, currency="eur")

    assert action.label == describe_method({"type": kind})
