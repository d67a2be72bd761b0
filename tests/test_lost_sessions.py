"""Sessions whose rows a restored backup has lost: joined with their order where that is proven, otherwise listed."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from django_checkout import reconcile, services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import NotJoinableError, PaymentUnmatchedError
from django_checkout.models import CheckoutSession, Discrepancy, Order, WebhookEvent
from django_checkout.reconcile import Kind, discrepancies, unlinked_sessions
from django_checkout.reconcile.report import Outcome
from django_checkout.webhooks import pending_work
from tests.admin.conftest import staff_client
from tests.factories import HostOrderFactory
from tests.host.adapters import HostAdapter
from tests.host.models import HostOrder
from tests.races.together import run_before

pytestmark = [pytest.mark.django_db, pytest.mark.core]

EMAIL = "sam@example.com"


@pytest.fixture
def host_order(db):
    return HostOrderFactory(email=EMAIL)


@pytest.fixture
def lost(host_order, stripe_emulator):
    """A session at Stripe of an order of which no row is left."""
    session = services.start(host_order)
    Order.objects.all().delete()
    assert not CheckoutSession.objects.exists()
    return session.stripe_id


def _outcomes(report):
    return [(found.kind, found.outcome) for found in report.differences]


@pytest.mark.parametrize("is_of_order", [True, False])
def test_recreated_order_is_joined_with_its_payment(
    is_of_order, host_order, lost, stripe_emulator, deliver_events, recorder
):
    stripe_emulator.pay(lost)
    order = services.place(host_order)
    chosen = {"order": order} if is_of_order else {}

    assert _outcomes(reconcile.run(**chosen)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.FOUND)]
    assert _outcomes(reconcile.run(fix=True, **chosen)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.FIXED)]

    order.refresh_from_db()
    assert (order.status, order.paid_minor, order.needs_attention) == ("paid", 2000, False)
    deliver_events()
    assert recorder.names == ["order_paid"]
    assert reconcile.run(fix=True, **chosen).differences == []


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"email": "kim@example.com"}, "email"),
        ({"email": ""}, "email"),
        ({"price_minor": 1999}, "amount"),
        ({"currency": "usd", "price_minor": 1999}, "amount, currency"),
    ],
    ids=["shopper", "no email", "amount", "amount and currency"],
)
def test_payment_is_not_joined_with_what_may_be_another_sale(
    changed, differs, host_order, lost, stripe_emulator, recorder, capsys
):
    """After a backup was restored, the number may be given to another shopper."""
    stripe_emulator.pay(lost, email=EMAIL)
    host_order.delete()
    order = services.place(HostOrderFactory(number=host_order.number, **{"email": EMAIL, **changed}))

    assert _outcomes(reconcile.run(fix=True)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.LISTED)]

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("unpaid", [])
    row = Discrepancy.objects.get()
    assert (row.at_stripe["differs"], "join it in the admin" in row.suggestion) == (differs, True)
    call_command("checkout_reconcile", "--format", "json")
    printed = capsys.readouterr().out
    assert (f'"differs": "{differs}"' in printed, "@example.com" in printed) == (True, False)
    with pytest.raises(PaymentUnmatchedError):
        services.start(order)
    assert len(stripe_emulator.latest("checkout.session", 10)) == 1


@pytest.mark.parametrize("fix", [False, True])
def test_open_session_of_another_sale_is_not_said_to_be_a_payment(fix, host_order, lost, settings):
    """Nothing was paid, so there is nothing to join or to refund."""
    host_order.delete()
    services.place(HostOrderFactory(number=host_order.number, email="kim@example.com"))
    # Without it no session is known to have been started here, so that none is expired.
    settings.CHECKOUT_BASE_URL = ""

    (found,) = reconcile.run(fix=fix).differences

    assert (found.kind, found.at_stripe["status"]) == (Kind.SESSION_WITHOUT_ORDER, "open")
    assert found.suggestion == Kind.SESSION_WITHOUT_ORDER.suggestion
    assert "differs" not in found.at_stripe


def test_session_that_is_paid_while_it_is_expired_says_what_differs(host_order, lost, stripe_emulator):
    host_order.delete()
    services.place(HostOrderFactory(number=host_order.number, email="kim@example.com"))
    expire = "django_checkout.reconcile.unlinked_sessions._expire"
    with run_before(expire, lambda: stripe_emulator.pay(lost, email=EMAIL)):
        (found,) = reconcile.run(fix=True).differences

    assert (found.at_stripe["status"], found.at_stripe["differs"]) == ("complete", "email")


def test_shopper_of_a_recreated_order_is_not_charged_again(host_order, lost, stripe_emulator, deliver_events):
    """The event alone is enough to know of the payment; it may arrive before the order is placed again."""
    stripe_emulator.pay(lost)
    deliver_events()
    pending_work.process_pending()
    order = services.place(host_order)

    page = Client().post(reverse("django_checkout:start", args=[make_token(order, Purpose.PAY)]))

    assert page.status_code == 409
    assert "Please ask the shop before you pay" in page.text
    assert len(stripe_emulator.latest("checkout.session", 10)) == 1
    reconcile.run(fix=True)
    order.refresh_from_db()
    assert order.status == "paid"


def test_difference_of_a_joined_session_is_resolved_in_the_same_run(host_order, lost, stripe_emulator, deliver_events):
    """It was recorded before the order was placed again, so it is not found among the order's differences."""
    stripe_emulator.pay(lost)
    deliver_events()
    pending_work.process_pending()
    order = services.place(host_order)

    call_command("checkout_reconcile", "--fix", "--order", order.reference)

    row = Discrepancy.objects.get()
    assert (row.state, row.resolved_by) == ("resolved", None)
    assert row.note == "checkout_reconcile --fix resolved it."


def test_ignored_payment_does_not_stop_the_order(host_order, lost, stripe_emulator, deliver_events):
    stripe_emulator.pay(lost)
    deliver_events()
    pending_work.process_pending()
    order = services.place(host_order)

    discrepancies.settle(Discrepancy.objects.get().pk, "ignored", note="Another shopper's.", by=None)

    assert services.start(order).status == "open"


def test_payment_of_another_site_on_the_account_is_no_difference(
    host_order, lost, stripe_emulator, deliver_events, settings
):
    settings.CHECKOUT_BASE_URL = "https://staging.example"
    stripe_emulator.pay(lost)
    deliver_events()
    pending_work.process_pending()
    order = services.place(host_order)

    assert WebhookEvent.objects.get(type="checkout.session.completed").error_code == "other_site"
    assert pending_work.process_pending() == {}
    assert reconcile.run(fix=True).differences == []
    assert not Discrepancy.objects.exists()
    assert services.start(order).status == "open"


def test_lookup_that_stripe_did_not_answer_is_reported(lost, stripe_emulator, deliver_events, capsys):
    stripe_emulator.pay(lost)
    deliver_events()
    stripe_emulator.chaos.fail(9)

    with pytest.raises(SystemExit):
        call_command("checkout_process_events")

    assert "0 of 1 sessions without a row looked up at Stripe." in capsys.readouterr().out


def test_open_session_of_a_lost_row_is_expired(host_order, lost, stripe_emulator):
    assert _outcomes(reconcile.run(fix=True)) == [(Kind.SESSION_WITHOUT_ORDER, Outcome.FIXED)]

    assert stripe_emulator.get(lost)["status"] == "expired"
    assert reconcile.run(fix=True).differences == []


@pytest.mark.parametrize("is_json", [True, False])
def test_fixed_says_that_the_session_was_expired_at_stripe(is_json, lost, stripe_emulator, capsys):
    call_command("checkout_reconcile", "--fix", *(["--format", "json"] if is_json else []))

    assert ("  fixed  " if not is_json else '"fixed"') in (printed := capsys.readouterr().out)
    assert "was open at Stripe and was expired there" in printed


def test_recorded_difference_says_that_the_session_was_expired_at_stripe(lost, stripe_emulator, settings):
    base_url, settings.CHECKOUT_BASE_URL = settings.CHECKOUT_BASE_URL, ""
    reconcile.run(fix=True)
    settings.CHECKOUT_BASE_URL = base_url

    reconcile.run(fix=True)

    row = Discrepancy.objects.get()
    assert (row.state, "was expired there" in row.note) == ("resolved", True)


def test_open_session_of_a_recreated_order_is_expired_before_it_is_paid_twice(host_order, lost, stripe_emulator):
    order = services.place(host_order)

    reconcile.run(order=order, fix=True)

    assert stripe_emulator.get(lost)["status"] == "expired"
    assert services.start(order).status == "open"


@pytest.mark.parametrize("setting", ["CHECKOUT_BASE_URL", "SECRET_KEY"])
def test_open_session_that_another_site_may_have_started_stays_open(setting, lost, stripe_emulator, settings):
    setattr(settings, setting, "" if setting == "CHECKOUT_BASE_URL" else "another")

    reconcile.run(fix=True)

    assert stripe_emulator.get(lost)["status"] == "open"


def test_session_that_is_paid_while_it_is_expired_is_joined(host_order, lost, stripe_emulator, monkeypatch):
    order = services.place(host_order)
    expire = unlinked_sessions.gateway.expire_session

    def paid_first(session_id):
        stripe_emulator.pay(session_id)
        return expire(session_id)

    monkeypatch.setattr(unlinked_sessions.gateway, "expire_session", paid_first)
    reconcile.run(fix=True)

    order.refresh_from_db()
    assert order.status == "paid"


def test_staff_join_a_payment_with_the_order(host_order, lost, stripe_emulator, recorder):
    stripe_emulator.pay(lost)
    host_order.delete()
    order = services.place(HostOrderFactory(number=host_order.number))
    reconcile.run(fix=True)
    row = Discrepancy.objects.get()
    operator = staff_client("operator", "view_order", "view_discrepancy", "operate_order")
    url = reverse("admin:django_checkout_discrepancy_operate", args=[row.pk, "join"])

    assert operator.post(url, {"note": "The customer sent the receipt."}).status_code == 303

    order.refresh_from_db()
    row.refresh_from_db()
    assert (order.status, order.paid_minor, recorder.names) == ("paid", 2000, ["order_paid"])
    assert (row.state, row.resolved_by, row.note) == ("resolved", operator.user, "The customer sent the receipt.")
    assert reconcile.run(fix=True).differences == []


def test_joined_payment_of_another_amount_needs_attention(host_order, lost, stripe_emulator, recorder):
    stripe_emulator.pay(lost)
    host_order.price_minor = 1500
    host_order.save()
    order = services.place(host_order)

    unlinked_sessions.join(lost, order)

    order.refresh_from_db()
    assert [item.code for item in order.attention.all()] == ["amount_mismatch"]
    assert "order_paid" not in recorder.names


def test_session_of_another_order_is_not_joined(lost, stripe_emulator):
    stripe_emulator.pay(lost)
    other = services.place(HostOrderFactory())

    with pytest.raises(NotJoinableError):
        unlinked_sessions.join(lost, other)

    assert not CheckoutSession.objects.exists()


def test_order_with_a_lost_session_that_was_paid_again_has_a_surplus_payment(
    host_order, lost, stripe_emulator, deliver_events
):
    order = services.place(host_order)
    stripe_emulator.pay(services.start(order).stripe_id)
    stripe_emulator.pay(lost)
    deliver_events()

    reconcile.run(fix=True)

    order.refresh_from_db()
    assert [item.code for item in order.attention.all()] == ["double_payment"]


@pytest.fixture
def broken_adapter(monkeypatch):
    """The site's ``find_order`` raises for what is not one of its numbers."""

    def find_order(self, reference):
        return HostOrder.objects.get(pk=int(reference))

    monkeypatch.setattr(HostAdapter, "find_order", find_order)


@pytest.mark.usefixtures("broken_adapter")
def test_adapter_that_raises_does_not_stop_the_run(host_order, lost, stripe_emulator, caplog):
    stripe_emulator.pay(lost)
    other = services.place(HostOrderFactory())
    stripe_emulator.pay(services.start(other).stripe_id)

    report = reconcile.run(fix=True)

    other.refresh_from_db()
    assert other.status == "paid"
    assert (Kind.SESSION_WITHOUT_ORDER, Outcome.LISTED) in _outcomes(report)
    assert "find_order_failed" in caplog.text


@pytest.mark.parametrize("fault", ["find_order", "place"])
def test_open_session_is_expired_although_its_order_cannot_be_placed(fault, host_order, lost, stripe_emulator, request):
    if fault == "find_order":
        request.getfixturevalue("broken_adapter")
    else:
        HostOrder.objects.update(price_minor=-1)

    reconcile.run(fix=True)

    assert stripe_emulator.get(lost)["status"] == "expired"
