"""Django's error reports contain no key, secret, token or personal data, wherever the error occurs."""

from __future__ import annotations

import json
import logging
from traceback import walk_tb

import django
import pytest
import requests
from asgiref.sync import async_to_sync
from django.core import mail
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.urls import reverse
from django.utils import timezone
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import StripeRefusedError
from django_checkout.models import CheckoutSession, Order, WebhookEvent
from django_checkout.stripe_api import facts, transport
from django_checkout.stripe_api.client import ask, get_client
from django_checkout.testing import post_event
from django_checkout.values import EventData
from django_checkout.webhooks import registry
from tests.factories import HostOrderFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

KEY, PREVIOUS, SIGNING = "sk_test_L3akedKey", "whsec_L3akedPrevious", "whsec_L3akedSecret"
EMAIL, NAME = "l3aked@example.com", "L3aked Shopper"
CLIENT_SECRET = "cs_test_1_secret_L3aked"


class Broken(requests.adapters.BaseAdapter):
    """A network that raises an error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def send(self, request, **options):
        headers = dict(request.headers)
        assert headers
        raise self.error

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _secrets(settings, stripe_emulator):
    settings.DEBUG = False
    # Django 6.0 requires plain addresses.
    settings.ADMINS = ["operator@example.com" if django.VERSION >= (6, 0) else ("Operator", "operator@example.com")]
    settings.STRIPE_SECRET_KEY = KEY
    settings.STRIPE_WEBHOOK_SECRETS = [SIGNING, PREVIOUS]
    settings.CHECKOUT_BASE_URL = "https://shop.example"
    stripe_emulator.webhook_secret = SIGNING


@pytest.fixture
def broken(request, stripe_emulator, settings):
    """A function that makes every later request raise an error."""

    def break_it(error: BaseException) -> None:
        transport.http_session().mount(f"{settings.STRIPE_API_BASE}/", Broken(error))

    mounted = dict(transport.http_session().adapters)
    yield break_it
    transport.http_session().adapters.clear()
    transport.http_session().adapters.update(mounted)


@pytest.fixture
def reports():
    """Every error report that Django would send, for log records and exceptions."""
    handler = AdminEmailHandler(include_html=True)
    loggers = [logging.getLogger(name) for name in ("django_checkout", "django.request", "stripe")]
    for logger in loggers:
        logger.addHandler(handler)
    found: list[str] = []
    yield found
    for logger in loggers:
        logger.removeHandler(handler)


class Unexpected(BaseException):
    """An exception that the SDK does not catch, as when a server stops its worker."""


def no_connection() -> Exception:
    return requests.ConnectionError("no route")


def _attempt(reports, work, *args, **options):
    try:
        work(*args, **options)
    except BaseException as error:
        # Leave out this frame, which holds the test's variables.
        error = error.with_traceback(error.__traceback__.tb_next)
        reporter = ExceptionReporter(None, type(error), error, error.__traceback__)
        reports += [reporter.get_traceback_html(), reporter.get_traceback_text()]
        # Other tools show variables too and ignore Django's sensitive_variables.
        reports += [KEY for frame, _ in walk_tb(error.__traceback__) if KEY in str(frame.f_locals)]


def _leaks(reports, *more: str) -> list[str]:
    for message in mail.outbox:
        reports += [message.body, *(content for content, _ in message.alternatives)]
    text = "\n".join(reports)
    assert "Traceback" in text
    return [secret for secret in (KEY, PREVIOUS, SIGNING, EMAIL, NAME, CLIENT_SECRET, *more) if secret in text]


@pytest.mark.parametrize("error", [Unexpected, no_connection, None], ids=["unexpected", "no-connection", "refusal"])
def test_failed_start_reports_no_secret(error, broken, reports, order):
    token = make_token(order, Purpose.PAY)
    if error is not None:
        broken(error())

    _attempt(
        reports, services.start, order, params={"customer_email": EMAIL, "payment_method_types": ["x"]}, token=token
    )

    assert _leaks(reports, token.rpartition(":")[2], "/return/") == []


@pytest.mark.django_db(transaction=True)
def test_failed_coroutine_reports_no_secret(reports, order, stripe_emulator):
    pytest.importorskip("httpx")
    stripe_emulator.chaos.drop(9, when="before", match="*")

    _attempt(reports, async_to_sync(services.astart), order, params={"customer_email": EMAIL})

    assert _leaks(reports, "/return/") == []


def test_failed_change_of_an_address_reports_no_secret(broken, reports, order):
    collects = {"shipping_address_collection": {"allowed_countries": ["GB"]}}
    services.start(order, ui_mode="elements", params=collects)
    broken(Unexpected())

    _attempt(reports, services.change_shipping, order, name=NAME, address={"country": "GB", "line1": "L3aked Street"})

    assert _leaks(reports, "L3aked Street") == []


def test_failed_webhook_reports_no_secret(reports, order, stripe_emulator, monkeypatch):
    def broken(event):
        raise ZeroDivisionError

    stripe_emulator.pay(services.start(order).stripe_id, email=EMAIL, name=NAME)
    kind = "checkout.session.completed"
    body = json.loads(next(row for row in stripe_emulator.pending_deliveries() if row.event_type == kind).body)
    body["data"]["object"]["client_secret"] = CLIENT_SECRET
    for module in ("django_checkout.webhooks.handlers", "shop"):
        broken.__module__ = module
        monkeypatch.setitem(registry.HANDLERS, kind, [registry.Registered(broken)])
        _attempt(reports, post_event, body)

    assert _leaks(reports) == []


@pytest.mark.parametrize("fails_at", ["INSERT", "UPDATE"])
def test_database_error_in_a_webhook_reports_no_secret(reports, order, stripe_emulator, caplog, fails_at):
    statement, model = {"INSERT": ("INSERT INTO", WebhookEvent), "UPDATE": ("UPDATE", Order)}[fails_at]
    broken = f"{statement} {connection.ops.quote_name(model._meta.db_table)}"

    def fail(execute, sql, params, many, context):
        if broken in sql:
            raise DatabaseError("the disk is full")
        return execute(sql, params, many, context)

    stripe_emulator.pay(services.start(order).stripe_id, email=EMAIL, name=NAME)
    kind = "checkout.session.completed"
    body = next(row for row in stripe_emulator.pending_deliveries() if row.event_type == kind).body

    with connection.execute_wrapper(fail), caplog.at_level(logging.ERROR, "django_checkout"):
        _attempt(reports, post_event, body)

    (error,) = [record.exc_info[1] for record in caplog.records if record.name == "django_checkout"]
    assert _leaks(reports) == []
    assert [frame for frame, _ in walk_tb(error.__traceback__) if EMAIL in str(frame.f_locals)] == []


def test_failed_read_of_an_object_reports_no_secret(broken, reports, paid_order, stripe_emulator, deliver_events):
    stripe_emulator.refund(stripe_emulator.latest("payment_intent", 1)[0]["id"], 300)
    broken(Unexpected())

    _attempt(reports, deliver_events)
    _attempt(reports, call_command, "checkout_process_events")

    assert _leaks(reports) == []


def test_unanswered_session_reports_no_secret(broken, reports, order):
    services.start(order, params={"customer_email": EMAIL})
    CheckoutSession.objects.update(status="creating", stripe_id=None)
    broken(Unexpected())

    _attempt(reports, call_command, "checkout_process_events")
    _attempt(reports, services.start, order, params={"customer_email": EMAIL})

    assert _leaks(reports) == []


@pytest.mark.parametrize(
    "command", ["checkout_reconcile", "checkout_doctor", "checkout_setup_webhook", "checkout_process_events"]
)
def test_failed_command_reports_no_secret(command, broken, reports, paid_order):
    broken(Unexpected())

    _attempt(reports, call_command, command)

    assert _leaks(reports) == []


def test_repr_of_values_shows_no_personal_data():
    stripe_object = {"customer_email": EMAIL, "url": CLIENT_SECRET}
    event = EventData(id="evt_1", type="a.b", livemode=False, created_at=timezone.now(), object=stripe_object)
    session = facts.read_session(
        {
            "id": "cs_test_1",
            "status": "open",
            "payment_status": "unpaid",
            "url": CLIENT_SECRET,
            "customer_details": {"email": EMAIL},
            "after_expiration": {"recovery": {"url": CLIENT_SECRET}},
        }
    )

    call = next(ask(dict, dict, stripe_object, options=stripe_object))

    shown = repr([event, session, call])

    assert (EMAIL in shown, CLIENT_SECRET in shown) == (False, False)


def test_failed_page_reports_no_secret(broken, reports, order, client):
    broken(Unexpected())
    client.raise_request_exception = False

    _attempt(reports, client.post, reverse("django_checkout:start", args=[make_token(order, Purpose.PAY)]))

    assert _leaks(reports) == []


@pytest.mark.parametrize("ui_mode", ["hosted_page", "elements"])
def test_sdk_logs_no_bodies_of_our_calls(ui_mode, order, stripe_emulator, caplog):
    caplog.set_level(logging.DEBUG)

    session = services.start(order, ui_mode=ui_mode, params={"customer_email": EMAIL})
    secret = services.get_client_secret(session) if ui_mode == "elements" else session.url
    with pytest.raises(StripeRefusedError):
        services.start(services.place(HostOrderFactory()), params={"payment_method_types": [EMAIL]})

    assert "message='Request to Stripe api'" in caplog.text
    assert "stripe_error status=400" in caplog.text
    assert [text for text in (secret, EMAIL, "/return/") if text in caplog.text] == []


def test_sdk_logs_the_bodies_of_other_calls(stripe_emulator, caplog, settings):
    get_client()
    caplog.set_level(logging.DEBUG)

    get_client().v1.customers.create({"email": EMAIL})

    assert EMAIL in caplog.text
