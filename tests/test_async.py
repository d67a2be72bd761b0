"""The asynchronous twins run the same steps, and hold no thread while they wait for Stripe."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import threading

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.test import RequestFactory, override_settings
from django.urls import clear_url_caches, reverse

from django_checkout import ledger, services, signals
from django_checkout.emulator import Emulator, async_transport
from django_checkout.emulator.server import EmulatorServer
from django_checkout.exceptions import (
    OrderNotPayableError,
    SessionBusyError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import CheckoutSession, Dispute, Refund, WebhookEvent
from django_checkout.pages import views
from django_checkout.services import checkout
from django_checkout.stripe_api import transport
from django_checkout.testing import kit, post_event, sign
from tests.factories import HostOrderFactory
from tests.serving import serving

httpx = pytest.importorskip("httpx")

pytestmark = [pytest.mark.django_db, pytest.mark.core]

TOGETHER = 20


class Gate:
    """A slow Stripe that responds to no request until ``count`` of them wait at the same time."""

    def __init__(self, emulator, *, count, waits_for):
        self._answer = async_transport(emulator).handle_async_request
        self._count, self._waits_for = count, waits_for
        self._waiting, self._open = 0, asyncio.Event()
        transport.mount_async(kit.API_BASE, httpx.MockTransport(self._pass))

    async def _pass(self, request):
        if request.method == self._waits_for:
            self._waiting += 1
            if self._waiting == self._count:
                self._open.set()
            async with asyncio.timeout(30):
                await self._open.wait()
        return await self._answer(request)


class Silence:
    """A Stripe that acts and does not respond; ``acted`` is set then."""

    def __init__(self, emulator):
        self._answer = async_transport(emulator).handle_async_request
        self.acted = asyncio.Event()
        transport.mount_async(kit.API_BASE, httpx.MockTransport(self._pass))

    async def _pass(self, request):
        await self._answer(request)
        self.acted.set()
        await asyncio.Event().wait()


def canceled_in_silence(emulator, work):
    """Run a coroutine and cancel it after Stripe has acted and before it responds."""

    async def give_up():
        silence = Silence(emulator)
        task = asyncio.create_task(work())
        await silence.acted.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        transport.mount_async(kit.API_BASE, async_transport(emulator))

    async_to_sync(give_up)()


def post(event):
    """Build the request that delivers an event."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    headers = {"Stripe-Signature": sign(body)}
    return RequestFactory().post("/webhook/", body, content_type="application/json", headers=headers)


deliver = async_to_sync(views.awebhook)


def test_whole_life_of_an_order_in_coroutines(host_order, stripe_emulator):
    async def buy():
        session = await services.astart(host_order)
        assert await services.astart(host_order) == session
        return session

    session = async_to_sync(buy)()
    stripe_emulator.pay(session.stripe_id)
    for event in stripe_emulator.events():
        assert deliver(post(event)).status_code == 200
    order = services.get_order(host_order)
    assert (order.status, order.paid_minor) == ("paid", 2000)

    refund = async_to_sync(services.arefund)(host_order, 500)
    assert (refund.status, refund.amount_minor) == ("succeeded", 500)
    with pytest.raises(OrderNotPayableError):
        async_to_sync(services.astart)(host_order)
    assert async_to_sync(services.async_sync)(host_order).refunded_minor == 500


def test_capture_and_cancel_in_coroutines(host_order, stripe_emulator):
    with override_settings(CHECKOUT_CAPTURE_METHOD="manual"):
        session = async_to_sync(services.astart)(host_order)
        stripe_emulator.pay(session.stripe_id)
        async_to_sync(services.async_sync)(session)
        assert async_to_sync(services.acapture)(host_order, 1500).paid_minor == 1500

        other = HostOrderFactory()
        async_to_sync(services.astart)(other)
        assert async_to_sync(services.acancel)(other).status == "canceled"


def test_client_secret_in_coroutines(host_order, stripe_emulator):
    session = async_to_sync(services.astart)(host_order, ui_mode="elements")
    session = CheckoutSession.objects.get(pk=session.pk)
    assert async_to_sync(services.aget_client_secret)(session).startswith("cs_test_")
    assert async_to_sync(services.aexpire)(session).status == "expired"


def test_many_starts_wait_for_stripe_concurrently(stripe_emulator):
    host_orders = [HostOrderFactory() for _ in range(TOGETHER)]

    async def start_all():
        Gate(stripe_emulator, count=TOGETHER, waits_for="POST")
        return await asyncio.gather(*(services.astart(host_order) for host_order in host_orders))

    sessions = async_to_sync(start_all)()

    assert {session.status for session in sessions} == {"open"}
    assert len({session.stripe_id for session in sessions}) == TOGETHER


def test_many_webhooks_wait_for_stripe_concurrently(stripe_emulator):
    for _ in range(TOGETHER):
        stripe_emulator.pay(services.start(HostOrderFactory()).stripe_id, "4000000000000259")
    disputes = stripe_emulator.events("charge.dispute.created")
    for event in stripe_emulator.events():
        if event not in disputes:
            post_event(event)

    async def deliver_all():
        Gate(stripe_emulator, count=TOGETHER, waits_for="GET")
        return await asyncio.gather(*(views.awebhook(post(event)) for event in disputes))

    answers = async_to_sync(deliver_all)()

    assert {answer.status_code for answer in answers} == {200}
    assert Dispute.objects.filter(status="needs_response").count() == TOGETHER


def test_starts_of_one_order_share_one_session(host_order, stripe_emulator):
    async def start_all():
        return await asyncio.gather(*(services.astart(host_order) for _ in range(TOGETHER)))

    sessions = async_to_sync(start_all)()

    assert len({session.pk for session in sessions}) == 1
    assert len(stripe_emulator.latest("checkout.session", 9)) == 1


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_temporary_errors_are_unavailable(host_order, stripe_emulator, status):
    stripe_emulator.chaos.fail(1 if status == 429 else 2, status=status)
    with pytest.raises(StripeUnavailableError):
        async_to_sync(services.astart)(host_order)
    assert async_to_sync(services.astart)(host_order).status == "open"


@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_response_is_retried_with_the_same_key(host_order, stripe_emulator, when):
    stripe_emulator.chaos.drop(when=when)
    assert async_to_sync(services.astart)(host_order).status == "open"
    assert len(stripe_emulator.latest("checkout.session", 9)) == 1


def test_refusals_raise_the_same_errors(host_order, stripe_emulator):
    with pytest.raises(StripeRefusedError, match="request_id=req_"):
        async_to_sync(services.astart)(host_order, params={"payment_intent_data": {"colour": "red"}})


def test_canceled_start_releases_its_row_and_the_next_finds_the_session(host_order, stripe_emulator):
    canceled_in_silence(stripe_emulator, lambda: services.astart(host_order))

    row = CheckoutSession.objects.get()
    assert (row.status, row.leased_until) == ("creating", None)

    session = async_to_sync(services.astart)(host_order)
    assert (session.pk, session.status) == (row.pk, "open")
    assert len(stripe_emulator.latest("checkout.session", 9)) == 1


def test_canceled_refund_is_resumed_and_not_sent_again(paid_order, stripe_emulator):
    canceled_in_silence(stripe_emulator, lambda: services.arefund(paid_order, 700))

    assert Refund.objects.get().status == "creating"

    assert async_to_sync(services.arefund)(paid_order, 700).status == "succeeded"
    assert len(stripe_emulator.latest("refund", 9)) == 1


def test_canceled_webhook_is_stored_and_retried(paid_order, stripe_emulator):
    intent = paid_order.payments.get().stripe_id
    stripe_emulator.open_dispute(intent)
    (dispute,) = stripe_emulator.events("charge.dispute.created")

    canceled_in_silence(stripe_emulator, lambda: views.awebhook(post(dispute)))

    row = WebhookEvent.objects.get(stripe_id=dispute["id"])
    assert (row.state, row.error_code, row.leased_until) == ("failed", "stripe_unavailable", None)

    assert deliver(post(dispute)).status_code == 200
    assert Dispute.objects.get().status == "needs_response"


def canceled_while(begun, canceled, work):
    """Run a coroutine, cancel it once ``begun`` is set, and then set ``canceled``."""

    async def give_up():
        task = asyncio.create_task(work())
        await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        await asyncio.sleep(0)
        canceled.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    async_to_sync(give_up)()


def canceled_in(monkeypatch, place, work):
    """Run a coroutine and cancel it during the step that calls the named function."""
    begun, canceled = threading.Event(), threading.Event()
    module, name = place
    real = getattr(module, name)

    def held(*arguments, **more):
        result = real(*arguments, **more)
        begun.set()
        assert canceled.wait(30)
        return result

    monkeypatch.setattr(module, name, held)
    canceled_while(begun, canceled, work)
    monkeypatch.setattr(module, name, real)


def test_start_canceled_in_a_step_releases_its_row(host_order, stripe_emulator, monkeypatch):
    canceled_in(monkeypatch, (checkout, "_decide"), lambda: services.astart(host_order))

    row = CheckoutSession.objects.get()
    assert (row.status, row.leased_until) == ("creating", None)
    assert services.start(host_order).pk == row.pk


def test_response_before_the_cancellation_is_recorded(host_order, stripe_emulator, monkeypatch):
    canceled_in(monkeypatch, (ledger, "record_created"), lambda: services.astart(host_order))

    assert CheckoutSession.objects.get().status == "open"


def test_webhook_canceled_in_a_step_can_be_retried_at_once(paid_order, stripe_emulator, monkeypatch):
    stripe_emulator.open_dispute(paid_order.payments.get().stripe_id)
    (dispute,) = stripe_emulator.events("charge.dispute.created")

    canceled_in(monkeypatch, (ledger, "take_ticket"), lambda: views.awebhook(post(dispute)))

    assert WebhookEvent.objects.get(stripe_id=dispute["id"]).state == "failed"
    assert deliver(post(dispute)).status_code == 200
    assert Dispute.objects.get().status == "needs_response"


def test_asynchronous_receiver_of_a_canceled_webhook_runs_to_its_end(order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    (event,) = stripe_emulator.events("checkout.session.completed")
    begun, canceled, received = threading.Event(), threading.Event(), []

    async def receiver(**arguments):
        begun.set()
        await asyncio.to_thread(canceled.wait, 30)
        received.append(arguments["order"])

    signals.order_paid.connect(receiver)
    try:
        canceled_while(begun, canceled, lambda: views.awebhook(post(event)))
    finally:
        signals.order_paid.disconnect(receiver)

    order.refresh_from_db()
    assert (order.status, received) == ("paid", [order])
    assert WebhookEvent.objects.get().state == "processed"


def test_start_that_waits_when_the_event_loop_ends_releases_its_row(host_order, stripe_emulator):
    """``asyncio.run`` cancels every task at its end, ours as well as those that wait for ours."""

    async def stop():
        known = asyncio.all_tasks()
        silence = Silence(stripe_emulator)
        starting = asyncio.create_task(services.astart(host_order))
        await silence.acted.wait()
        left = asyncio.all_tasks() - known
        assert len(left) > 2
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        assert starting.cancelled()
        transport.mount_async(kit.API_BASE, async_transport(stripe_emulator))

    async_to_sync(stop)()
    row = CheckoutSession.objects.get()
    assert (row.status, row.error_code, row.leased_until) == ("creating", "stripe_unavailable", None)
    assert services.start(host_order).pk == row.pk


def test_failure_after_the_cancellation_is_logged(host_order, stripe_emulator, monkeypatch, caplog):
    def break_down(*arguments, **more):
        raise OSError("the database is down")

    async def give_up():
        silence = Silence(stripe_emulator)
        task = asyncio.create_task(services.astart(host_order))
        await silence.acted.wait()
        monkeypatch.setattr(ledger, "release_session", break_down)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async_to_sync(give_up)()
    assert "canceled_work_failed error=OSError" in caplog.text


def test_garbled_response_counts_as_no_response(host_order, stripe_emulator):
    def garbled(request):
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b"not gzip")

    transport.mount_async(kit.API_BASE, httpx.MockTransport(garbled))
    with pytest.raises(StripeUnavailableError):
        async_to_sync(services.astart)(host_order)
    assert CheckoutSession.objects.get().leased_until is None


def test_without_httpx_nothing_starts(host_order, stripe_emulator, monkeypatch):
    monkeypatch.setattr("django_checkout.stripe_api.steps.is_async_installed", lambda: False)
    with pytest.raises(ImproperlyConfigured, match=r"django-checkout\[async\]"):
        async_to_sync(services.astart)(host_order)
    assert not CheckoutSession.objects.exists()


def test_no_connection_outlives_its_call(settings):
    """Each call has its own event loop; a warning about an unclosed socket fails the test."""
    with serving(EmulatorServer(("127.0.0.1", 0), Emulator(webhook_secret="whsec_tests"))) as server:
        settings.STRIPE_API_BASE = server.url
        for _ in range(4):
            assert async_to_sync(services.astart)(HostOrderFactory()).status == "open"
        gc.collect()
    server.emulator.close()


def test_async_webhook_is_exempt_from_atomic_requests(stripe_emulator, monkeypatch):
    databases = {**connections.settings, "default": {**connections.settings["default"], "ATOMIC_REQUESTS": True}}
    monkeypatch.setattr(connections, "settings", databases)
    handler = BaseHandler()
    assert handler.make_view_atomic(views.awebhook) is views.awebhook


def test_waiting_for_another_request_holds_no_thread(host_order, stripe_emulator, monkeypatch):
    monkeypatch.setattr("django_checkout.services.checkout.BUSY_WAIT_SECONDS", 0.3)

    async def start_twice():
        silence = Silence(stripe_emulator)
        first = asyncio.create_task(services.astart(host_order))
        await silence.acted.wait()
        with pytest.raises(SessionBusyError):
            await services.astart(host_order)
        first.cancel()

    async_to_sync(start_twice)()


@pytest.mark.parametrize(
    ("body", "signature"), [(b"{}", "t=1,v1=00"), (b"\xff", ""), (b"not json", None)], ids=["unsigned", "bytes", "text"]
)
def test_unsigned_body_is_refused_and_not_stored(db, body, signature):
    request = RequestFactory().post(
        "/webhook/",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": sign(body) if signature is None else signature},
    )
    assert deliver(request).status_code == 400
    assert not WebhookEvent.objects.exists()


def test_setting_chooses_the_view(settings):
    assert reverse("django_checkout:webhook") == "/checkout/webhook/"
    settings.CHECKOUT_ASYNC_WEBHOOK = True
    from importlib import reload

    from django_checkout import urls

    try:
        chosen = {pattern.name: pattern.callback for pattern in reload(urls).urlpatterns}
        assert chosen["webhook"] is views.awebhook
    finally:
        settings.CHECKOUT_ASYNC_WEBHOOK = False
        reload(urls)
        clear_url_caches()


def test_every_blocking_service_has_an_asynchronous_twin():
    functions = {name: getattr(services, name) for name in services.__all__}
    twins = {name for name, function in functions.items() if asyncio.iscoroutinefunction(function)}
    assert len(twins) == 18
    for twin in twins:
        blocking = functions[twin.removeprefix("async_" if twin == "async_sync" else "a")]
        assert inspect.signature(functions[twin]) == inspect.signature(blocking)
    waiting = [name for name, function in functions.items() if "run" in inspect.unwrap(function).__code__.co_names]
    assert len(waiting) == len(twins)
