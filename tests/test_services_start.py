from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from django_checkout import ledger, services
from django_checkout.access.tokens import Purpose, read_token
from django_checkout.exceptions import (
    MoneyError,
    OrderChangedError,
    OrderNotFoundError,
    OrderNotPayableError,
    ParameterError,
    SessionBusyError,
    StripeRefusedError,
    StripeUnavailableError,
    UnstorableFactError,
)
from django_checkout.models import CheckoutSession, Order
from django_checkout.services import checkout
from django_checkout.stripe_api import gateway, transport
from django_checkout.values import LineData, OrderData
from tests.factories import HostOrderFactory
from tests.host.adapters import HostAdapter
from tests.races.together import run_before

pytestmark = [pytest.mark.django_db, pytest.mark.core]

CREATE = "POST /v1/checkout/sessions"


@pytest.fixture
def requests_made(monkeypatch):
    """The requests that were sent to Stripe, as (method, path)."""
    made = []
    send = transport.http_session().send

    def record(request, **kwargs):
        made.append(f"{request.method} {request.path_url.partition('?')[0]}")
        return send(request, **kwargs)

    monkeypatch.setattr(transport.http_session(), "send", record)
    return made


def test_whole_purchase(order, stripe_emulator, deliver_events, recorder):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id)

    attempts = deliver_events()

    order.refresh_from_db()
    assert {attempt.status for attempt in attempts} == {200}
    assert (order.status, order.paid_minor, recorder.names) == ("paid", 2000, ["order_paid"])


def test_every_object_names_the_order_and_no_personal_data(host_order, stripe_emulator):
    host_order.email = "shopper@example.com"
    host_order.save()

    session = services.start(host_order)

    stripe_emulator.pay(session.stripe_id)
    stripe_session = stripe_emulator.get(session.stripe_id)
    intent = stripe_emulator.get(stripe_session["payment_intent"])
    expected = {"order_id": host_order.number, "checkout_session": str(session.uuid)}
    assert stripe_session["client_reference_id"] == host_order.number
    assert stripe_session["metadata"] == intent["metadata"] == expected
    assert stripe_session["customer_email"] == "shopper@example.com"


def test_one_call_per_start_and_none_per_reuse(order, stripe_emulator, requests_made):
    first = services.start(order)
    assert requests_made == [CREATE]

    second = services.start(order)

    assert requests_made == [CREATE]
    assert (second, second.url) == (first, first.url)


def test_host_order_is_placed_again_so_that_a_changed_price_is_charged(host_order, stripe_emulator):
    first = services.start(host_order)
    host_order.price_minor = 2500
    host_order.save()

    second = services.start(host_order)

    first.refresh_from_db()
    assert (first.status, second.asked_subtotal_minor) == ("expired", 2500)
    assert stripe_emulator.get(second.stripe_id)["amount_total"] == 2500
    assert Order.objects.get().revision == 2


def test_session_about_to_expire_is_replaced(order, stripe_emulator):
    first = services.start(order)
    CheckoutSession.objects.update(expires_at=timezone.now() + timedelta(seconds=checkout.REUSE_MARGIN_SECONDS - 5))

    second = services.start(order)

    first.refresh_from_db()
    assert (first.status, second.status) == ("expired", "open")


def test_session_paid_while_it_is_replaced_is_applied(host_order, stripe_emulator, recorder):
    first = services.start(host_order)
    stripe_emulator.pay(first.stripe_id)
    host_order.quantity = 2
    host_order.save()

    with pytest.raises(OrderNotPayableError):
        services.start(host_order)

    order = Order.objects.get()
    assert (order.status, order.paid_minor, order.needs_attention) == ("paid", 2000, True)
    assert recorder.names == ["attention_needed"]
    assert stripe_emulator.chaos.faults == []


@pytest.mark.parametrize("failure", ["silence-after", "silence-before", "500-before", "409", "429"])
def test_same_request_is_sent_again_after_an_unknown_outcome(order, stripe_emulator, failure):
    chaos = stripe_emulator.chaos
    if failure.startswith("silence"):
        chaos.drop(1, when=failure.removeprefix("silence-"), match=CREATE)
        chaos.drop(1, when="before", match=CREATE)
    else:
        chaos.fail(2, status=int(failure[:3]), match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    row = CheckoutSession.objects.get()
    assert (row.status, row.leased_until) == ("creating", None)
    chaos.reset()

    session = services.start(order)

    assert (session, session.status) == (row, "open")
    assert len(stripe_emulator.store.select("checkout.session")) == 1


def _remove_session(emulator):
    """Remove the session, as if Stripe had failed before it created it."""
    with emulator.store.transaction():
        for made in emulator.store.select("checkout.session"):
            emulator.store.delete(made["id"])


def test_stored_failure_without_a_session_allows_another_attempt(order, stripe_emulator):
    stripe_emulator.chaos.fail(1, status=500, when="after", match=CREATE)
    with (
        run_before("django_checkout.stripe_api.gateway.find_session", lambda: _remove_session(stripe_emulator)),
        pytest.raises(StripeUnavailableError),
    ):
        services.start(order)

    session = services.start(order)

    failed = CheckoutSession.objects.get(status="failed")
    assert (session.status, failed.live_for_id) == ("open", None)


def test_refused_request_allows_another_attempt_and_records_why(order, stripe_emulator):
    with pytest.raises(StripeRefusedError) as caught:
        services.start(order, params={"customer": "cus_unknown"})

    row = CheckoutSession.objects.get()
    assert (row.status, row.error_code, row.live_for_id) == ("failed", "resource_missing", None)
    assert (caught.value.param, bool(caught.value.request_id)) == ("customer", True)
    assert services.start(order).status == "open"


def test_paid_order_cannot_be_started(paid_order):
    with pytest.raises(OrderNotPayableError):
        services.start(paid_order)


class RenumberingAdapter(HostAdapter):
    """A host that returns another reference than before."""

    def describe(self, order):
        return replace(super().describe(order), reference=f"INV-{order.pk}")


def test_pay_link_of_a_paid_order_with_a_changed_reference_sells_nothing(
    paid_order, client, settings, stripe_emulator, recorder
):
    settings.CHECKOUT_ADAPTER = f"{__name__}.RenumberingAdapter"

    response = client.post(services.start_url(paid_order))

    assert (response.status_code, urlsplit(response["Location"]).netloc) == (303, "")
    assert Order.objects.get() == paid_order
    assert CheckoutSession.objects.count() == len(stripe_emulator.store.select("checkout.session")) == 1


@pytest.mark.parametrize("of", ["ours", "row"])
def test_unpaid_order_is_not_placed_again_under_another_reference(of, order, host_order, settings, stripe_emulator):
    session = services.start(order)
    settings.CHECKOUT_ADAPTER = f"{__name__}.RenumberingAdapter"

    with pytest.raises(OrderChangedError, match=order.reference):
        services.start(order if of == "ours" else host_order)

    assert (Order.objects.get(), CheckoutSession.objects.get()) == (order, session)


@pytest.mark.parametrize("status", ["paid", "refunded"])
def test_paid_row_is_not_placed_under_another_reference(status, paid_order, host_order, settings):
    if status == "refunded":
        services.refund(paid_order)
    settings.CHECKOUT_ADAPTER = f"{__name__}.RenumberingAdapter"

    with pytest.raises(OrderChangedError, match=paid_order.reference):
        services.place(host_order)

    assert Order.objects.get().status == status


def test_canceled_order_can_be_replaced_under_another_reference(order, host_order, settings, stripe_emulator):
    services.cancel(order)
    settings.CHECKOUT_ADAPTER = f"{__name__}.RenumberingAdapter"

    with pytest.raises(OrderNotPayableError):
        services.start(order)
    session = services.start(host_order)

    assert (session.status, session.order.reference) == ("open", f"INV-{host_order.pk}")


def test_host_row_of_a_paid_order_is_not_described(paid_order, host_order, settings):
    settings.CHECKOUT_ADAPTER = "tests.nothing.describes.Here"

    for order in (paid_order, host_order):
        with pytest.raises(OrderNotPayableError):
            services.start(order)


def test_start_waits_for_another_request_and_gives_up(order, stripe_emulator, monkeypatch):
    monkeypatch.setattr(checkout, "BUSY_WAIT_SECONDS", 0.2)
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    CheckoutSession.objects.update(leased_until=timezone.now() + timedelta(seconds=60))

    with pytest.raises(SessionBusyError):
        services.start(order)


def test_live_session_is_unique_per_order_in_the_database(order, stripe_emulator):
    services.start(order)

    rows = CheckoutSession.objects.filter(live_for=order)

    assert rows.count() == 1
    assert CheckoutSession._meta.get_field("live_for").unique


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ui_mode": "hosted"}, "hosted_page"),
        ({"ui_mode": "custom"}, "elements"),
        ({"mode": "donation"}, "mode"),
        ({"params": {"line_items": []}}, "line_items"),
        ({"params": {"metadata": {}}}, "metadata"),
    ],
)
def test_bad_arguments_are_refused_before_any_call(order, stripe_emulator, requests_made, arguments, message):
    with pytest.raises(ParameterError, match=message):
        services.start(order, **arguments)

    assert requests_made == []


@pytest.mark.parametrize(
    "line",
    [
        {"unit_amount_minor": -1},
        {"unit_amount_minor": 9.99},
        {"unit_amount_minor": 49},
        {"unit_amount_minor": 10**12},
        {"unit_amount_minor": 500, "quantity": 0},
        {"unit_amount_minor": 500, "name": " "},
    ],
)
def test_invalid_lines_are_refused(line):
    with pytest.raises(Exception, match=r".") as caught:
        services.place(OrderData(reference="A", currency="eur", lines=(LineData(**{"name": "Cup", **line}),)))

    assert caught.value.http_status == 400
    assert Order.objects.count() == 0


@pytest.mark.parametrize("count", [0, 101])
def test_orders_have_one_to_a_hundred_lines(count):
    lines = tuple(LineData(name="Cup", unit_amount_minor=500) for _ in range(count))

    with pytest.raises(Exception, match="line"):
        services.place(OrderData(reference="A", currency="eur", lines=lines))


def test_unknown_currency_is_refused():
    with pytest.raises(MoneyError):
        services.place(OrderData(reference="A", currency="xyz", lines=(LineData(name="Cup", unit_amount_minor=500),)))


def test_reference_may_be_any_printable_text():
    lines = (LineData(name="Cup", unit_amount_minor=500),)

    order = services.place(OrderData(reference="4242424242424242", currency="eur", lines=lines))

    assert order.reference == "4242424242424242"


def test_what_the_emulator_does_not_implement_is_a_definite_refusal_that_names_it(order, stripe_requests):
    with pytest.raises(StripeRefusedError, match=r"the parameter payment_method_configuration .* docs/emulator.md"):
        services.start(order, params={"payment_method_configuration": "pmc_1"})

    assert len([request for request in stripe_requests if request.method == "POST"]) == 1
    assert CheckoutSession.objects.get().status == "failed"


def test_placing_again_returns_the_same_order(host_order):
    assert services.place(host_order) == services.place(host_order)


def test_services_refuse_to_call_stripe_inside_a_transaction(transactional_db, host_order, stripe_emulator):
    order = services.place(host_order)

    with pytest.raises(RuntimeError), transaction.atomic():
        services.start(order)


def test_session_with_a_copied_reference_is_not_ours(order, stripe_emulator):
    theirs = stripe_emulator.get(services.start(order).stripe_id)
    fact = gateway.facts.read_session(
        theirs | {"id": "cs_test_copy", "metadata": {"order_id": order.reference}, "status": "complete"}
    )

    assert ledger.in_transaction(lambda: ledger.apply([fact])) is None


def test_recovered_session_pays_the_original_order(order, stripe_emulator, deliver_events, recorder):
    first = services.start(order, params={"after_expiration": {"recovery": {"enabled": True}}})
    stripe_emulator.clock.advance(24 * 3600)
    deliver_events()
    recovered = stripe_emulator.recover(first.stripe_id)

    stripe_emulator.pay(recovered["id"])
    deliver_events()

    order.refresh_from_db()
    assert (order.status, recorder.names) == ("paid", ["session_expired", "order_paid"])
    assert CheckoutSession.objects.get(stripe_id=recovered["id"]).recovered_from == first.stripe_id


@pytest.mark.parametrize("ui_mode", ["hosted_page", "elements"])
def test_tokens_are_not_stored_and_a_retry_sends_the_same_ones(ui_mode, order, stripe_emulator, deliver_events):
    stripe_emulator.chaos.drop(1, when="after", match=CREATE)
    stripe_emulator.chaos.drop(1, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order, ui_mode=ui_mode)
    sent = stripe_emulator.latest("checkout.session", 2)
    stripe_emulator.chaos.reset()
    session = services.start(order, ui_mode=ui_mode)
    stripe_emulator.pay(session.stripe_id)
    deliver_events()

    (made,) = stripe_emulator.latest("checkout.session", 2)
    assert [made["id"]] == [row["id"] for row in sent]
    link = made["success_url"] or made["return_url"]
    token = urlsplit(link).path.split("/")[-2]
    assert read_token(token, Purpose.STATUS).is_for(order)
    stored = [list(model.objects.values()) for model in apps.get_app_config("django_checkout").get_models()]
    assert re.findall(r":[\w-]{43}\b", json.dumps(stored, default=str)) == []
    session.refresh_from_db()
    assert "/return/~status~" in (session.request.get("success_url") or session.request["return_url"])


def test_changed_signing_key_makes_the_refusal_indefinite(order, stripe_emulator, settings):
    """The links now differ under the same idempotency key, and Stripe refuses that although it created the session."""
    stripe_emulator.chaos.drop(1, when="after", match=CREATE)
    stripe_emulator.chaos.drop(1, when="before", match=CREATE)
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key of this site"

    session = services.start(order)

    assert CheckoutSession.objects.get() == session


def test_proxy_that_answers_404_does_not_leave_two_payable_sessions(host_order, stripe_emulator, garble_responses):
    services.start(host_order)
    host_order.quantity = 2
    host_order.save()
    garble_responses(path="/expire", status=404, times=2)

    with pytest.raises(StripeUnavailableError):
        services.start(host_order)

    open_sessions = stripe_emulator.store.select("checkout.session", {"status": "open"})
    assert len(open_sessions) <= 1
    assert CheckoutSession.objects.count() == 1


def test_mode_other_than_the_orders_is_refused(order, stripe_emulator):
    with pytest.raises(ParameterError, match="setup"):
        services.start(order, mode="setup")


def test_deleted_order_cannot_be_started(order):
    deleted = Order.objects.get(pk=order.pk)
    order.delete()

    with pytest.raises(OrderNotFoundError):
        services.start(deleted)


def test_changed_order_is_stored_although_its_request_is_refused(host_order, stripe_emulator):
    services.place(host_order)
    host_order.price_minor = 2500
    host_order.save()

    with pytest.raises(ParameterError):
        services.start(host_order, ui_mode="custom")

    assert Order.objects.get().subtotal_minor == 2500


def test_session_that_is_live_for_another_order_allows_no_second_one(order, stripe_emulator):
    services.start(HostOrderFactory())
    CheckoutSession.objects.update(live_for=order)

    with pytest.raises(SessionBusyError):
        services.start(order)

    assert CheckoutSession.objects.count() == 1


def test_order_data_is_placed_and_started(stripe_emulator, settings):
    settings.CHECKOUT_ADAPTER = "django_checkout.adapters.CheckoutAdapter"
    lines = (LineData(name="Cup", unit_amount_minor=500),)

    session = services.start(OrderData(reference="A", currency="eur", lines=lines))

    assert (session.status, session.order.reference) == ("open", "A")
    assert services.start(session.order) == session


def test_unstorable_response_is_an_error_and_the_request_can_be_repeated(order, stripe_emulator, monkeypatch):
    handle = stripe_emulator.handle

    def with_odd_currency(request):
        response = handle(request)
        return replace(response, body=response.body.replace(b'"currency": "eur"', b'"currency": "euro"'))

    monkeypatch.setattr(stripe_emulator, "handle", with_odd_currency)
    if connection.vendor == "sqlite":
        # SQLite has no maximum length of a text.
        assert services.start(order).currency == "euro"
        return
    with pytest.raises(UnstorableFactError):
        services.start(order)
    monkeypatch.setattr(stripe_emulator, "handle", handle)
    CheckoutSession.objects.update(leased_until=None)

    assert services.start(order).status == "open"
