"""Stripe does not respond: a request waits for a bounded time, and further calls are answered at once."""

from __future__ import annotations

import asyncio
import json
import math
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests
from asgiref.sync import async_to_sync
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.http import HttpResponse
from django.template import RequestContext, Template
from django.test import RequestFactory
from django.urls import reverse

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import StripeAnswerError, StripeNotFoundError, StripeUnavailableError
from django_checkout.models import CheckoutSession, Customer
from django_checkout.pages import views
from django_checkout.pages.responses import endpoint
from django_checkout.stripe_api import circuit, gateway
from django_checkout.stripe_api import client as stripe_client
from django_checkout.stripe_api.steps import arun, run
from django_checkout.stripe_api.time_limit import no_time_limit, seconds_left, time_limit
from django_checkout.testing import post_event, sign
from django_checkout.webhooks import handles, registry, tasks
from tests.factories import HostOrderFactory, UserFactory
from tests.serving import serving
from tests.silent_stripe import DrippingStripe, PooledSite, SilentStripe

pytestmark = [pytest.mark.core, pytest.mark.django_db]

THREADS, SHOPPERS = 4, 12


@pytest.fixture(autouse=True)
def _new_clients():
    """Each test starts without failures, and leaves none."""
    stripe_client.forget_clients()
    yield
    stripe_client.forget_clients()


@pytest.fixture
def silent_stripe(settings):
    with serving(SilentStripe()) as server:
        settings.STRIPE_API_BASE = server.url
        # Importing the SDK takes a part of the first call's time.
        stripe_client.get_client()
        yield server
        server.release()


@pytest.fixture
def site():
    with serving(PooledSite(WSGIHandler(), threads=THREADS)) as server:
        yield server


def _url(name, order, purpose=Purpose.PAY):
    return reverse(f"django_checkout:{name}", args=[make_token(order, purpose)])


def _buy(site, order):
    """Open the pay page, press its button, and return the response."""
    with requests.Session() as browser:
        page = browser.get(site.url + _url("pay", order), timeout=120)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        form = {"csrfmiddlewaretoken": token, "ui_mode": "hosted_page"}
        return browser.post(site.url + _url("start", order), form, timeout=120, allow_redirects=False)


def _check_health(site):
    return requests.get(site.url + reverse("django_checkout:health"), timeout=120).status_code


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_shoppers_are_answered_within_one_time_limit_and_health_meanwhile(silent_stripe, site, settings):
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 4
    orders = [services.place(HostOrderFactory()) for _ in range(SHOPPERS)]
    began = time.monotonic()

    with ThreadPoolExecutor(SHOPPERS) as shoppers:
        responses = list(shoppers.map(lambda order: _buy(site, order), orders))
        took = time.monotonic() - began
        health = _check_health(site)

    assert {response.status_code for response in responses} == {503}
    assert all("cannot be reached" in response.text and response.headers["Retry-After"] for response in responses)
    # Two attempts of 4 seconds for each shopper, 4 at a time, would take 24 seconds.
    assert took < 16
    assert silent_stripe.number_asked <= THREADS + 1
    assert health == 200
    assert {order.status for order in orders} == {"unpaid"}
    assert set(CheckoutSession.objects.values_list("status", "leased_until")) <= {("creating", None)}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_calls_without_a_response_do_not_let_others_wait(silent_stripe, site, settings):
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 120
    orders = [services.place(HostOrderFactory()) for _ in range(2 + THREADS)]

    with ThreadPoolExecutor(2) as shoppers:
        waiting = [shoppers.submit(_buy, site, order) for order in orders[:2]]
        for _ in waiting:
            assert silent_stripe.asked.acquire(timeout=60)
        time.sleep(circuit.SILENT_SECONDS)
        later = [_buy(site, order).status_code for order in orders[2:]]
        health = _check_health(site)
        were_waiting = [shopper.done() for shopper in waiting]
        silent_stripe.release()

    assert (later, health) == ([503] * THREADS, 200)
    assert were_waiting == [False, False]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_page_that_shows_the_order_waits_less(stripe_emulator, settings, client):
    order = services.place(HostOrderFactory())
    services.start(order)
    with serving(SilentStripe()) as silent:
        settings.STRIPE_API_BASE = silent.url
        settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 60
        began = time.monotonic()
        response = client.get(_url("return", order, Purpose.STATUS))
        took = time.monotonic() - began
        silent.release()

    assert response.status_code == 200
    assert took < 30
    assert silent.number_asked == 1


#: What each face answers while Stripe does not respond, and how often Stripe is called.
FACES = {
    "pay": (200, 0),
    "start": (503, 1),
    "secret": (503, 1),
    "return": (200, 1),
    "status": (200, 1),
    "portal": (503, 1),
    "health": (200, 0),
    "admin order": (200, 0),
    "admin sync": (303, 1),
    "admin action": (303, 1),
    "api start": (503, 1),
    "api order": (200, 0),
    "button": (200, 0),
}


def _ask(face, order, browser):
    """Send the request of a face for an order with an open session, as its user, who is staff."""
    admin = "admin:django_checkout_order"
    api = f"/api/orders/{order.reference}/"
    token = {"HTTP_CHECKOUT_TOKEN": make_token(order, Purpose.PAY)}
    if face in ("pay", "return", "status"):
        return browser.get(_url(face, order, Purpose.PAY if face == "pay" else Purpose.STATUS))
    if face in ("start", "secret"):
        # Another UI mode than the open session's, which is expired first.
        return browser.post(_url(face, order), {"ui_mode": "elements"})
    if face == "admin action":
        chosen = {"action": "sync_with_stripe", "_selected_action": [order.pk, order.pk - 1]}
        return browser.post(reverse(f"{admin}_changelist"), chosen)
    if face == "button":
        page = Template("{% load checkout %}{% checkout_button order %}{% checkout_status order %}")
        request = RequestFactory().get("/")
        request.user = order.user
        return HttpResponse(page.render(RequestContext(request, {"order": order})))
    return {
        "portal": lambda: browser.post(reverse("django_checkout:portal")),
        "health": lambda: browser.get(reverse("django_checkout:health")),
        "admin order": lambda: browser.get(reverse(f"{admin}_change", args=[order.pk])),
        "admin sync": lambda: browser.post(reverse(f"{admin}_operate", args=[order.pk, "sync"])),
        "api start": lambda: browser.post(f"{api}sessions/", {"ui_mode": "elements"}, "application/json", **token),
        "api order": lambda: browser.get(api, **token),
    }[face]()


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
def test_face_calls_silent_stripe_once_or_not_at_all(face, stripe_emulator, settings, client):
    if face.startswith("api"):
        pytest.importorskip("rest_framework")
        settings.ROOT_URLCONF = "tests.api.urls"
    user = UserFactory(is_staff=True, is_superuser=True)
    other, order = (services.place(HostOrderFactory(owner=user)) for _ in range(2))
    for each in (other, order):
        services.start(each)
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_1")
    client.force_login(user)
    with serving(SilentStripe()) as silent:
        # Long enough for what a loaded machine does before the call.
        settings.STRIPE_API_BASE, settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = silent.url, 3
        stripe_client.get_client()
        response = _ask(face, order, client)
        silent.release()

    status, calls = FACES[face]
    assert (response.status_code, silent.number_asked) == (status, calls)
    if status == 503:
        assert int(response.headers["Retry-After"]) >= 1
        assert "Traceback" not in response.text


def test_attempts_and_pauses_stay_within_the_limit(silent_stripe, settings):
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 1

    with pytest.raises(StripeUnavailableError):
        run(gateway.retrieve_session("cs_1"))

    assert silent_stripe.number_asked == 1


@pytest.mark.slow
@pytest.mark.parametrize("call", [run, async_to_sync(arun)])
@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ],
    ids=["headers", "body", "chunk", "connection"],
)
def test_response_that_arrives_byte_by_byte_stays_within_the_limit(head, call, settings):
    pytest.importorskip("httpx")
    # Long enough for some bytes on a busy machine.
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 3
    with serving(DrippingStripe(head=head)) as dripping:
        settings.STRIPE_API_BASE = dripping.url
        stripe_client.get_client()
        # A call without a limit would end only then.
        ending = threading.Timer(60, dripping.released.set)
        ending.start()
        with time_limit(), pytest.raises(StripeUnavailableError):
            call(gateway.retrieve_session("cs_1"))
        ended = dripping.released.is_set()
        ending.cancel()
        dripping.released.set()

    assert not ended
    assert dripping.sent > 0


def test_calls_of_one_request_share_one_limit(silent_stripe, settings):
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 1
    with time_limit():
        with pytest.raises(StripeUnavailableError):
            run(gateway.retrieve_session("cs_1"))
        with pytest.raises(StripeUnavailableError, match="CHECKOUT_STRIPE_TIMEOUT_SECONDS"):
            run(gateway.retrieve_session("cs_1"))
    assert silent_stripe.number_asked == 1


@pytest.mark.parametrize("call", [run, async_to_sync(arun)], ids=["run", "arun"])
def test_calls_of_one_service_share_one_limit(call, silent_stripe, settings):
    pytest.importorskip("httpx")
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 1

    def steps():
        with suppress(StripeUnavailableError):
            yield from gateway.retrieve_session("cs_1")
        return (yield from gateway.retrieve_session("cs_1"))

    with pytest.raises(StripeUnavailableError, match="CHECKOUT_STRIPE_TIMEOUT_SECONDS"):
        call(steps())
    assert silent_stripe.number_asked == 1


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_calls_of_one_page_share_one_limit(is_async, silent_stripe, settings):
    pytest.importorskip("httpx")
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 1

    def view(request):
        with suppress(StripeUnavailableError):
            run(gateway.retrieve_session("cs_1"))
        run(gateway.retrieve_session("cs_1"))

    async def aview(request):
        with suppress(StripeUnavailableError):
            await arun(gateway.retrieve_session("cs_1"))
        await arun(gateway.retrieve_session("cs_1"))

    call = async_to_sync(endpoint(aview)) if is_async else endpoint(view)
    with pytest.raises(StripeUnavailableError, match="CHECKOUT_STRIPE_TIMEOUT_SECONDS"):
        call(RequestFactory().get("/"))
    assert silent_stripe.number_asked == 1


@pytest.mark.parametrize("call", [run, async_to_sync(arun)], ids=["run", "arun"])
def test_attempt_takes_no_longer_than_what_is_left(call, silent_stripe, settings):
    pytest.importorskip("httpx")
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 120
    # An attempt of the whole time would end only then.
    ending = threading.Timer(30, silent_stripe.release)
    ending.start()
    with time_limit(1), pytest.raises(StripeUnavailableError):
        call(gateway.retrieve_session("cs_1"))
    ended_by_itself = ending.is_alive()
    ending.cancel()
    ending.join()

    assert ended_by_itself


def test_limit_ends_with_its_block():
    with suppress(ZeroDivisionError), time_limit(60):
        raise ZeroDivisionError
    assert seconds_left() == math.inf


@pytest.mark.parametrize(
    "work", [tasks.drain, lambda: call_command("checkout_process_events")], ids=["task", "command"]
)
def test_nobody_waits_for_commands_and_workers(work, queue, monkeypatch):
    limits = []
    monkeypatch.setitem(registry.HANDLERS, "person.created", [])
    handles("person.created")(lambda event: limits.append(seconds_left()))
    post_event({"id": "evt_1", "object": "event", "type": "person.created", "livemode": False})
    assert limits == []

    work()

    assert limits == [math.inf]


def test_each_attempt_of_a_command_is_limited(settings):
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 1
    with serving(DrippingStripe()) as dripping:
        settings.STRIPE_API_BASE = dripping.url
        stripe_client.get_client()
        # An attempt without a limit would end only then.
        ending = threading.Timer(60, dripping.released.set)
        ending.start()
        with no_time_limit(), pytest.raises(StripeUnavailableError):
            run(gateway.retrieve_session("cs_1"))
        ended = dripping.released.is_set()
        ending.cancel()
        dripping.released.set()

    assert not ended


def test_command_tries_twice(silent_stripe, settings):
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 1
    with no_time_limit(), pytest.raises(StripeUnavailableError):
        run(gateway.retrieve_session("cs_1"))
    assert silent_stripe.number_asked == 2


def test_inner_limit_ends_no_later_than_the_outer_one():
    with time_limit(5), time_limit(60):
        assert seconds_left() <= 5
    with no_time_limit(), time_limit(60):
        assert seconds_left() <= 60


@pytest.mark.django_db(transaction=True)
def test_coroutines_wait_for_one_limit(silent_stripe, settings, monkeypatch):
    pytest.importorskip("httpx")
    monkeypatch.setattr(circuit, "PROBE_SECONDS", 600)
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 8
    orders = [HostOrderFactory() for _ in range(SHOPPERS)]

    async def start_all():
        return await asyncio.gather(*(services.astart(order) for order in orders), return_exceptions=True)

    began = time.monotonic()
    results = async_to_sync(start_all)()
    took = time.monotonic() - began

    assert all(isinstance(result, StripeUnavailableError) for result in results)
    # One after the other would take 96 seconds.
    assert took < 80
    asked = silent_stripe.number_asked
    with pytest.raises(StripeUnavailableError, match="was not made"):
        async_to_sync(services.astart)(orders[0])
    assert silent_stripe.number_asked == asked


class Clock:
    """The monotonic clock of the circuit, moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(circuit, "time", clock)
    return clock


def _fail(guarded, error=None, *, times=1):
    for _ in range(times):
        with pytest.raises(type(error) if error else StripeUnavailableError), guarded.guard():
            raise error or StripeUnavailableError("no response")


@pytest.fixture
def open_circuit(clock):
    """A circuit that has just opened: as many calls as it takes have failed."""
    guarded = circuit.Circuit()
    _fail(guarded, times=circuit.MAX_FAILURES)
    return guarded


def _responded(status):
    error = StripeUnavailableError("a response")
    error.answered_status = status
    return error


def _is_open(guarded):
    try:
        with guarded.guard():
            raise KeyError
    except (StripeUnavailableError, KeyError) as error:
        return isinstance(error, StripeUnavailableError) and error.retry_after_seconds >= 1


@pytest.mark.parametrize(
    ("error", "is_open"),
    [
        (None, True),
        (_responded(500), True),
        (_responded(503), True),
        (_responded(429), False),
        (_responded(409), False),
        (StripeNotFoundError("404"), False),
        (KeyError("a bug"), False),
    ],
)
def test_only_failures_of_stripe_stop_calls(clock, error, is_open):
    guarded = circuit.Circuit()
    _fail(guarded, error, times=circuit.MAX_FAILURES)
    assert _is_open(guarded) is is_open


def test_response_of_something_else_does_not_end_the_outage(open_circuit, clock):
    other = StripeAnswerError("a proxy's page")
    other.answered_status = 200
    clock.now += circuit.PROBE_SECONDS
    _fail(open_circuit, other)
    clock.now += circuit.PROBE_SECONDS
    _fail(open_circuit)
    assert _is_open(open_circuit)


def test_response_in_between_starts_the_count_again(clock):
    guarded = circuit.Circuit()
    _fail(guarded, times=circuit.MAX_FAILURES - 1)
    _fail(guarded, _responded(429))
    _fail(guarded, times=circuit.MAX_FAILURES - 1)
    assert not _is_open(guarded)


def test_one_probe_at_a_time_and_any_response_ends_the_outage(open_circuit, clock):
    assert _is_open(open_circuit)

    clock.now += circuit.PROBE_SECONDS
    with open_circuit.guard():
        assert _is_open(open_circuit)
    assert not _is_open(open_circuit)


def test_failed_probe_prolongs_the_outage(open_circuit, clock):
    clock.now += circuit.PROBE_SECONDS
    _fail(open_circuit)
    assert _is_open(open_circuit)
    clock.now += circuit.PROBE_SECONDS
    _fail(open_circuit, _responded(429))
    assert not _is_open(open_circuit)


def test_probe_that_fails_by_a_bug_leaves_room_for_the_next(open_circuit, clock):
    clock.now += circuit.PROBE_SECONDS
    _fail(open_circuit, KeyError("a bug"))
    with open_circuit.guard():
        pass


def test_other_call_that_ends_by_a_bug_does_not_end_the_pause(clock):
    guarded = circuit.Circuit()
    with suppress(KeyError), guarded.guard():
        for _ in range(circuit.MAX_FAILURES):
            _fail(guarded)
        raise KeyError("a bug")
    assert _is_open(guarded)


def test_other_call_that_fails_later_lets_no_second_probe_wait(clock):
    guarded = circuit.Circuit()
    other = guarded.guard()
    other.__enter__()
    _fail(guarded, times=circuit.MAX_FAILURES)
    clock.now += circuit.PROBE_SECONDS
    with guarded.guard():
        assert not other.__exit__(StripeUnavailableError, StripeUnavailableError("no response"), None)
        clock.now += circuit.PROBE_SECONDS
        assert _is_open(guarded)
    assert not _is_open(guarded)


def test_call_that_was_allowed_little_time_does_not_count(clock):
    guarded = circuit.Circuit()
    with time_limit(1):
        _fail(guarded, times=circuit.MAX_FAILURES)
    assert not _is_open(guarded)


def test_one_probe_is_made_by_many_threads(open_circuit, clock):
    clock.now += circuit.PROBE_SECONDS
    release, made, barrier = threading.Event(), [], threading.Barrier(8)

    def call():
        barrier.wait(30)
        try:
            with open_circuit.guard():
                made.append(True)
                release.wait(30)
        except StripeUnavailableError:
            made.append(False)
            if len(made) == 8:
                release.set()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [False] * 7 + [True]


def test_each_key_has_its_own_count(silent_stripe, settings, monkeypatch):
    monkeypatch.setattr(circuit, "PROBE_SECONDS", 600)
    settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = 1
    for _ in range(circuit.MAX_FAILURES):
        with pytest.raises(StripeUnavailableError):
            run(gateway.retrieve_session("cs_1"))
    with pytest.raises(StripeUnavailableError, match="was not made"):
        run(gateway.retrieve_session("cs_1"))

    settings.STRIPE_SECRET_KEY = "sk_test_other"
    asked = silent_stripe.number_asked
    with pytest.raises(StripeUnavailableError):
        run(gateway.retrieve_session("cs_1"))
    assert silent_stripe.number_asked == asked + 1


@pytest.mark.slow
@pytest.mark.parametrize("view", [views.webhook, views.awebhook], ids=["sync", "async"])
def test_webhook_that_reads_from_silent_stripe_asks_for_another_delivery(view, paid_order, stripe_emulator, settings):
    pytest.importorskip("httpx")
    stripe_emulator.open_dispute(paid_order.payments.get().stripe_id)
    (event,) = stripe_emulator.events("charge.dispute.created")
    body = json.dumps(event).encode()
    headers = {"Stripe-Signature": sign(body)}
    request = RequestFactory().post("/webhook/", body, content_type="application/json", headers=headers)
    with serving(SilentStripe()) as silent:
        # Long enough for what a loaded machine does before the call.
        settings.STRIPE_API_BASE, settings.CHECKOUT_STRIPE_TIMEOUT_SECONDS = silent.url, 3
        stripe_client.get_client()
        response = (async_to_sync(view) if view is views.awebhook else view)(request)
        silent.release()

    assert (response.status_code, silent.number_asked) == (503, 1)
