from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core import mail
from django.utils import timezone

from django_checkout import services, signals
from django_checkout.models import Order as Payable
from django_checkout.values import ActionDetail, NextAction
from example_project.shop.models import Order, Product
from tests.amounts import money

State = Order.State


def send(signal, source, **arguments):
    signal.send(sender=Payable, source=source, **{"order": None, **arguments})
    source.refresh_from_db()


def refund(source, *, refunded_minor, amount_minor):
    order = SimpleNamespace(paid_minor=13600, refunded_minor=refunded_minor)
    send(signals.order_refunded, source, order=order, amount_minor=amount_minor)


def test_a_paid_order_is_marked_and_confirmed_by_mail(make_order, django_capture_on_commit_callbacks):
    order = make_order()

    with django_capture_on_commit_callbacks(execute=True):
        send(signals.order_paid, order)

    assert order.state == State.PAID
    assert order.paid_at is not None
    [message] = mail.outbox
    assert message.to == ["robin@example.com"]
    assert order.number in message.subject
    assert f"2 × Moon Teapot  {money('136.00')}" in message.body  # noqa: RUF001
    assert "http://testserver/orders/open/" in message.body


def test_a_sale_reduces_the_stock_to_zero_at_most(make_order, shelf):
    Product.objects.filter(slug="moon-teapot").update(stock=3)

    for left in (1, 0):
        send(signals.order_paid, make_order())
        shelf["moon-teapot"].refresh_from_db()
        assert shelf["moon-teapot"].stock == left


def test_a_repeated_signal_changes_nothing_and_sends_nothing(make_order, django_capture_on_commit_callbacks):
    order = make_order()
    with django_capture_on_commit_callbacks(execute=True):
        send(signals.order_paid, order)
        paid_at = order.paid_at
        send(signals.order_paid, order)

    assert order.paid_at == paid_at
    assert len(mail.outbox) == 1


def test_no_mail_is_sent_before_the_payment_is_committed(make_order, django_capture_on_commit_callbacks):
    order = make_order()

    with django_capture_on_commit_callbacks(execute=False):
        send(signals.order_paid, order)

    assert mail.outbox == []


def test_a_pending_payment_is_shown_and_can_fail(make_order):
    order = make_order()

    send(signals.order_pending, order)
    assert order.state == State.PROCESSING

    send(signals.order_payment_failed, order)
    assert order.state == State.NEW


@pytest.mark.parametrize("state", [State.PAID, State.REFUNDED, State.CANCELED])
@pytest.mark.parametrize("signal", [signals.order_pending, signals.order_payment_failed, signals.order_canceled])
def test_an_earlier_signal_does_not_change_a_paid_order(make_order, signal, state):
    order = make_order(state=state)

    send(signal, order)

    assert order.state == state


@pytest.mark.parametrize(("refunded_minor", "state"), [(1000, State.PARTLY_REFUNDED), (13600, State.REFUNDED)])
def test_a_refund_changes_the_state_and_sends_a_mail(
    make_order, django_capture_on_commit_callbacks, refunded_minor, state
):
    order = make_order(state=State.PAID)

    with django_capture_on_commit_callbacks(execute=True):
        refund(order, refunded_minor=refunded_minor, amount_minor=1000)

    assert order.state == state
    assert f"{money('10.00')} of your order" in mail.outbox[0].body


def test_a_canceled_order_is_marked(make_order):
    order = make_order()

    send(signals.order_canceled, order)

    assert order.state == State.CANCELED


@pytest.mark.parametrize(("refunded_minor", "state"), [(1000, State.PARTLY_REFUNDED), (0, State.PAID)])
def test_a_failed_refund_is_reverted(make_order, refunded_minor, state):
    order = make_order(state=State.REFUNDED)

    send(signals.refund_failed, order, order=SimpleNamespace(paid_minor=13600, refunded_minor=refunded_minor))

    assert order.state == state


@pytest.mark.parametrize("signal", [signals.order_paid, signals.order_refunded, signals.order_canceled])
def test_a_signal_for_another_model_is_ignored(make_order, django_user_model, signal):
    order = make_order()
    other_user = django_user_model(pk=order.pk)

    for source in (other_user, None):
        signal.send(sender=Payable, source=source, order=None, amount_minor=0)

    order.refresh_from_db()
    assert order.state == State.NEW


@pytest.mark.parametrize(("hours", "reminders"), [(-1, 1), (1, 0)])
def test_a_shopper_who_left_is_reminded_and_one_who_is_still_here_is_not(
    make_order, django_capture_on_commit_callbacks, hours, reminders
):
    order = make_order()
    session = SimpleNamespace(expires_at=timezone.now() + timedelta(hours=hours))

    with django_capture_on_commit_callbacks(execute=True):
        send(signals.session_expired, order, order=services.place(order), session=session)

    assert len(mail.outbox) == reminders
    assert all("/checkout/pay/" in message.body for message in mail.outbox)


def test_nobody_is_reminded_of_a_canceled_order(make_order, django_capture_on_commit_callbacks):
    order = make_order()
    payable = services.place(order)
    services.cancel(payable)
    order.refresh_from_db()
    Order.objects.filter(pk=order.pk).update(state=State.NEW)

    with django_capture_on_commit_callbacks(execute=True):
        send(signals.session_expired, order, order=payable, session=SimpleNamespace(expires_at=timezone.now()))

    assert mail.outbox == []


@pytest.mark.parametrize(
    ("signal", "state", "subject"),
    [(signals.order_pending, State.NEW, "How to pay"), (signals.voucher_expires_soon, State.PROCESSING, "soon")],
)
def test_the_shopper_gets_the_codes_by_mail(make_order, django_capture_on_commit_callbacks, signal, state, subject):
    order = make_order()
    order.state = state
    order.save()
    ends_at = datetime(2026, 12, 4, 14, 59, 59, tzinfo=UTC)
    detail = ActionDetail(name="confirmation_number", value="12345678901", group="lawson")
    action = NextAction(
        kind="konbini",
        url="https://payments.stripe.com/konbini/voucher/test",
        amount_minor=5000,
        currency="jpy",
        expires_at=ends_at,
        details=(detail,),
    )

    with django_capture_on_commit_callbacks(execute=True):
        send(signal, order, next_action=action)

    [message] = mail.outbox
    assert subject in message.subject
    assert "Lawson: Confirmation number: 12345678901" in message.body
    assert all(text in message.body for text in (action.url, "5,000", action.instruction))
