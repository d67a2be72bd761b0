"""The endpoint at Stripe: created once with the right events and version, brought up to date, switched over."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_checkout import account_gateway, inbox, services
from django_checkout.gateway import API_VERSION
from django_checkout.testing import post_event

pytestmark = [pytest.mark.django_db, pytest.mark.core]

URL = "http://testserver/checkout/webhook/"
OLD = "2024-06-20"


def _setup(**options) -> str:
    out = StringIO()
    call_command("checkout_setup_webhook", stdout=out, **options)
    return out.getvalue()


def _endpoints() -> list[dict]:
    return account_gateway.list_endpoints()


@pytest.fixture
def old_endpoint(stripe_emulator):
    """An endpoint that an earlier release made."""
    return _create(stripe_emulator, api_version=OLD)


def _create(emulator, **changes) -> str:
    made = account_gateway.create_endpoint(changes.pop("url", URL), inbox.handled_types(), description="")
    with emulator.store.transaction():
        emulator.store.save({**emulator.store.find(made["id"]), **changes})
    return made["id"]


def test_the_endpoint_is_created_and_its_secret_printed_once(stripe_emulator):
    first, second = _setup(), _setup()

    (endpoint,) = _endpoints()
    assert (endpoint["url"], endpoint["api_version"], endpoint["status"]) == (URL, API_VERSION, "enabled")
    assert sorted(endpoint["enabled_events"]) == inbox.handled_types()
    assert "whsec_" in first
    assert "whsec_" not in second
    assert "Nothing to do" in second


def test_an_address_without_the_last_slash_is_completed(stripe_emulator):
    _setup(url=URL.rstrip("/"))

    assert [endpoint["url"] for endpoint in _endpoints()] == [URL]


def test_command_that_prints_the_first_secret_is_not_stopped_by_the_lack_of_one(stripe_emulator, settings):
    settings.STRIPE_WEBHOOK_SECRETS = []

    assert "whsec_" in _setup(skip_checks=False, stderr=StringIO())


def test_the_secret_verifies_what_the_endpoint_delivers(order, stripe_emulator, settings):

    out = _setup()
    (endpoint,) = _endpoints()
    secret = next(line for line in out.splitlines() if line.startswith("whsec_"))
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_another", secret]
    stripe_emulator.pay(services.start(order).stripe_id)

    attempts = stripe_emulator.deliver_to(
        lambda body, headers: post_event(body, headers["Stripe-Signature"]).status_code, endpoint_id=endpoint["id"]
    )

    order.refresh_from_db()
    assert {attempt.status for attempt in attempts} == {200}
    assert order.status == "paid"


def test_a_dry_run_creates_nothing(stripe_emulator):
    assert "would create an endpoint" in _setup(dry_run=True)
    assert _endpoints() == []


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"enabled_events": ["checkout.session.completed"]}, "add charge.captured"),
        ({"status": "disabled"}, "enable it"),
        ({"enabled_events": [*inbox.handled_types(), "person.created"]}, "leave out person.created"),
    ],
)
def test_an_endpoint_is_brought_up_to_date(stripe_emulator, changes, step):
    endpoint_id = _create(stripe_emulator, **changes)

    assert f"would {step}" in _setup(dry_run=True)
    assert _endpoints()[0] != changes
    assert step in _setup()

    (endpoint,) = _endpoints()
    assert (endpoint["id"], endpoint["status"]) == (endpoint_id, "enabled")
    assert sorted(endpoint["enabled_events"]) == inbox.handled_types()


def test_an_endpoint_that_is_told_of_everything_stays_so(stripe_emulator):
    _create(stripe_emulator, enabled_events=["*"])

    assert "Nothing to do" in _setup()


def test_events_that_the_site_handles_itself_are_asked_for(stripe_emulator, monkeypatch):
    monkeypatch.setitem(inbox._registry, "customer.created", [])

    _setup()

    assert "customer.created" in _endpoints()[0]["enabled_events"]


def test_endpoints_of_other_addresses_are_left_alone(stripe_emulator):
    theirs = _create(stripe_emulator, url="http://testserver/theirs/", api_version=OLD)
    before = next(endpoint for endpoint in _endpoints() if endpoint["id"] == theirs)

    _setup()
    _setup(finish_upgrade=True)

    assert before in _endpoints()


@pytest.mark.parametrize("version", [OLD, None])
def test_another_version_cannot_be_changed_and_the_way_is_told(stripe_emulator, version):
    _create(stripe_emulator, api_version=version)

    with pytest.raises(CommandError, match="--upgrade to create a second one") as caught:
        _setup()
    assert caught.value.returncode == 2
    assert len(_endpoints()) == 1


def test_a_version_is_switched_with_two_endpoints(old_endpoint, stripe_emulator):
    with pytest.raises(CommandError, match="run it with --upgrade"):
        _setup(finish_upgrade=True)

    upgraded = _setup(upgrade=True)
    assert "whsec_" in upgraded
    assert f"disables {old_endpoint}" in upgraded
    assert {endpoint["status"] for endpoint in _endpoints()} == {"enabled"}
    assert f"Also enabled for this address: {old_endpoint}" in _setup()
    assert "whsec_" not in _setup(upgrade=True)

    assert f"would disable {old_endpoint}" in _setup(finish_upgrade=True, dry_run=True)
    assert f"disable {old_endpoint}" in _setup(finish_upgrade=True)

    states = {endpoint["api_version"]: endpoint["status"] for endpoint in _endpoints()}
    assert states == {OLD: "disabled", API_VERSION: "enabled"}
    assert "Nothing to do" in _setup(finish_upgrade=True)


def test_of_two_alike_the_one_that_delivers_is_kept(stripe_emulator):
    enabled = _create(stripe_emulator)
    _create(stripe_emulator, status="disabled")

    assert enabled in _setup()
    assert [endpoint["status"] for endpoint in _endpoints()] == ["disabled", "enabled"]


def test_an_address_can_be_given(stripe_emulator):
    _setup(url="https://shop.example/hooks/")

    assert _endpoints()[0]["url"] == "https://shop.example/hooks/"


@pytest.mark.parametrize(
    ("url", "site_url", "message"),
    [
        ("/checkout/webhook/", "http://testserver", "not an absolute address"),
        ("", "", "Set CHECKOUT_BASE_URL"),
    ],
)
def test_an_address_that_stripe_cannot_reach_is_refused(stripe_emulator, settings, url, site_url, message):
    settings.CHECKOUT_BASE_URL = site_url

    with pytest.raises(CommandError, match=message):
        _setup(url=url)


def test_live_events_need_https(stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = "sk_live_1"

    with pytest.raises(CommandError, match="is not https"):
        _setup()


def test_a_site_without_our_urls_is_told_so(stripe_emulator, settings):
    settings.ROOT_URLCONF = "django.contrib.auth.urls"

    with pytest.raises(CommandError, match=r"Include django_checkout\.urls"):
        _setup()


def test_an_endpoint_whose_secret_nobody_has_is_pointed_out(stripe_emulator, settings):
    _setup()
    settings.STRIPE_WEBHOOK_SECRETS = []

    assert "STRIPE_WEBHOOK_SECRETS is empty" in _setup()


def test_a_key_that_stripe_refuses_is_told(stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_"

    with pytest.raises(CommandError, match="check STRIPE_SECRET_KEY"):
        _setup()
