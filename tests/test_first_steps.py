"""A new project without keys, webhook secret and base URL: errors name the missing setting."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import reverse

from django_checkout import services
from django_checkout.testing import post_event
from django_checkout.testing.kit import deliver_events, emulated_stripe
from django_checkout.values import LineData, OrderData

pytestmark = [pytest.mark.django_db, pytest.mark.core]

ORDER = OrderData(reference="A-1", currency="eur", lines=(LineData(name="Tea", unit_amount_minor=500),))


@pytest.fixture(autouse=True)
def _new_project(settings):
    settings.STRIPE_SECRET_KEY = None
    settings.STRIPE_WEBHOOK_SECRETS = [""]
    settings.CHECKOUT_BASE_URL = ""


@pytest.mark.parametrize("options", [{"command_name": "makemigrations", "dry_run": True}, {"command_name": "migrate"}])
def test_commands_run_without_keys(options, capsys):
    call_command(**options, skip_checks=False)

    assert "STRIPE_SECRET_KEY is not set" in capsys.readouterr().err


def test_webhook_without_a_secret_is_refused_and_the_log_names_the_setting(caplog):
    answer = post_event({"id": "evt_1", "type": "checkout.session.completed"}, signature="t=1,v1=00")

    assert answer.status_code == 400
    (record,) = [record for record in caplog.records if record.name == "django_checkout"]
    assert "STRIPE_WEBHOOK_SECRETS is empty" in record.getMessage()


def test_payment_without_a_key_fails_and_names_the_setting():
    with pytest.raises(ImproperlyConfigured, match=r"^STRIPE_SECRET_KEY is not set"):
        services.start(services.place(ORDER), request=RequestFactory().get("/"))


def test_payment_link_uses_the_request_s_host():
    request = RequestFactory(headers={"Host": "localhost"}).get("/")

    link = services.pay_url(services.place(ORDER), request=request)

    assert Client().get(link, headers={"Host": "localhost"}).status_code == 200
    assert link.startswith("http://localhost/")


def test_payment_link_uses_the_development_server_in_debug(settings):
    settings.DEBUG = True

    assert services.pay_url(services.place(ORDER)).startswith("http://127.0.0.1:8000/")


def test_payment_link_without_a_base_url_names_the_setting():
    with pytest.raises(ImproperlyConfigured, match="CHECKOUT_BASE_URL"):
        services.pay_url(services.place(ORDER))


def test_test_kit_pays_without_keys(settings):
    request = RequestFactory().get("/")
    with emulated_stripe() as emulator:
        session = services.start(services.place(ORDER), request=request)
        emulator.pay(session.stripe_id)
        (attempt, *_) = deliver_events(emulator)
        session.refresh_from_db()

    assert (attempt.status, session.status) == (200, "complete")


@pytest.mark.parametrize("page", ["changelist", "dashboard", "change"])
def test_admin_opens_without_keys(page, admin_client):
    order = services.place(ORDER)
    args = [order.pk] if page == "change" else []

    assert admin_client.get(reverse(f"admin:django_checkout_order_{page}", args=args)).status_code == 200
