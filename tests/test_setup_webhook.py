"""The webhook endpoint at Stripe: created once with the right events and version, updated, and upgraded."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from django_checkout import services
from django_checkout.api_versions import DAHLIA, ENDIVE
from django_checkout.conf import conf
from django_checkout.models import Observation
from django_checkout.operations import doctor
from django_checkout.stripe_api import webhook_endpoints
from django_checkout.stripe_api.steps import run
from django_checkout.testing import post_event, sign
from django_checkout.webhooks import registry

pytestmark = [pytest.mark.django_db, pytest.mark.core]

URL = "http://testserver/checkout/webhook/"
OLD = "2024-06-20"


def _setup(**options) -> str:
    out = StringIO()
    call_command("checkout_setup_webhook", stdout=out, **options)
    return out.getvalue()


def _endpoints() -> list[dict]:
    return run(webhook_endpoints.list_endpoints())


@pytest.fixture
def old_endpoint(stripe_emulator):
    """An endpoint that an earlier release created."""
    return _create(stripe_emulator, api_version=OLD)


def _create(emulator, **changes) -> str:
    made = run(webhook_endpoints.create_endpoint(changes.pop("url", URL), registry.handled_types(), description=""))
    with emulator.store.transaction():
        emulator.store.save({**emulator.store.find(made["id"]), **changes})
    return made["id"]


def test_endpoint_is_created_and_its_secret_printed_once(stripe_emulator):
    first, second = _setup(), _setup()

    (endpoint,) = _endpoints()
    assert (endpoint["url"], endpoint["api_version"], endpoint["status"]) == (URL, conf.CHECKOUT_API_VERSION, "enabled")
    assert sorted(endpoint["enabled_events"]) == registry.handled_types()
    assert "whsec_" in first
    assert "whsec_" not in second
    assert "No changes" in second


@pytest.mark.parametrize(("before", "after"), [(DAHLIA, ENDIVE), (ENDIVE, DAHLIA)])
def test_another_version_of_the_setting_needs_a_second_endpoint(stripe_emulator, settings, before, after):
    settings.CHECKOUT_API_VERSION = before
    _setup()
    settings.CHECKOUT_API_VERSION = after

    with pytest.raises(CommandError, match=f"{before}, not {after}"):
        _setup()
    assert "whsec_" in _setup(upgrade=True)
    assert {endpoint["api_version"] for endpoint in _endpoints()} == {before, after}


def test_missing_trailing_slash_is_added(stripe_emulator):
    _setup(url=URL.rstrip("/"))

    assert [endpoint["url"] for endpoint in _endpoints()] == [URL]


def test_command_runs_without_a_webhook_secret(stripe_emulator, settings):
    settings.STRIPE_WEBHOOK_SECRETS = []

    assert "whsec_" in _setup(skip_checks=False, stderr=StringIO())


def test_printed_secret_verifies_the_endpoint_s_deliveries(order, stripe_emulator, settings):
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


def test_dry_run_creates_nothing(stripe_emulator):
    assert "would create an endpoint" in _setup(dry_run=True)
    assert _endpoints() == []


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"enabled_events": ["checkout.session.completed"]}, "add charge.captured"),
        ({"status": "disabled"}, "enable the endpoint"),
        ({"enabled_events": [*registry.handled_types(), "person.created"]}, "remove person.created"),
    ],
)
def test_endpoint_is_updated(stripe_emulator, changes, step):
    endpoint_id = _create(stripe_emulator, **changes)

    assert f"would {step}" in _setup(dry_run=True)
    assert _endpoints()[0] != changes
    assert step in _setup()

    (endpoint,) = _endpoints()
    assert (endpoint["id"], endpoint["status"]) == (endpoint_id, "enabled")
    assert sorted(endpoint["enabled_events"]) == registry.handled_types()


def test_endpoint_subscribed_to_all_events_is_not_changed(stripe_emulator):
    _create(stripe_emulator, enabled_events=["*"])

    assert "No changes" in _setup()


def test_event_types_that_the_site_handles_are_subscribed_to(stripe_emulator, monkeypatch):
    monkeypatch.setitem(registry.HANDLERS, "customer.created", [])

    _setup()

    assert "customer.created" in _endpoints()[0]["enabled_events"]


def test_endpoints_with_other_urls_are_not_changed(stripe_emulator):
    theirs = _create(stripe_emulator, url="http://testserver/theirs/", api_version=OLD)
    before = next(endpoint for endpoint in _endpoints() if endpoint["id"] == theirs)

    _setup()
    _setup(finish_upgrade=True)

    assert before in _endpoints()


@pytest.mark.parametrize("version", [OLD, None])
def test_other_version_cannot_be_changed_and_the_error_says_what_to_do(stripe_emulator, version):
    _create(stripe_emulator, api_version=version)

    with pytest.raises(CommandError, match="--upgrade to create a second one") as caught:
        _setup()
    assert caught.value.returncode == 2
    assert len(_endpoints()) == 1


def _secret(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("whsec_"))


def _deliver(secret, version=conf.CHECKOUT_API_VERSION):
    """Post an event of an API version, signed with a secret."""
    event = {"id": "evt_1", "object": "event", "type": "person.created", "livemode": False, "api_version": version}
    body = json.dumps(event).encode()
    assert post_event(body, sign(body, secret=secret)).status_code == 200


def test_version_is_upgraded_with_two_endpoints(old_endpoint, stripe_emulator, settings):
    with pytest.raises(CommandError, match="pass --upgrade"):
        _setup(finish_upgrade=True)

    upgraded = _setup(upgrade=True)
    assert f"disables {old_endpoint}" in upgraded
    assert {endpoint["status"] for endpoint in _endpoints()} == {"enabled"}
    assert f"Also enabled for this URL: {old_endpoint}" in _setup()
    assert not any(line.startswith("whsec_") for line in _setup(upgrade=True).splitlines())
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", _secret(upgraded)]
    _deliver(_secret(upgraded))

    assert "--finish-upgrade disables them" in _setup()
    assert f"would disable {old_endpoint}" in _setup(finish_upgrade=True, dry_run=True)
    assert f"disable {old_endpoint}" in _setup(finish_upgrade=True)

    states = {endpoint["api_version"]: endpoint["status"] for endpoint in _endpoints()}
    assert states == {OLD: "disabled", conf.CHECKOUT_API_VERSION: "enabled"}
    assert "No changes" in _setup(finish_upgrade=True)


def test_upgrade_is_not_finished_before_the_new_secret_is_deployed(old_endpoint, stripe_emulator, settings):
    """Disabling the old endpoint would leave one whose deliveries are all refused."""
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old"]
    secret = _secret(_setup(upgrade=True))
    _deliver("whsec_old", OLD)

    for _ in range(2):
        with pytest.raises(CommandError, match="Add its signing secret to STRIPE_WEBHOOK_SECRETS, deploy"):
            _setup(finish_upgrade=True)
        # The secret was deployed and a delivery verified, and then the settings were rolled back.
        with override_settings(STRIPE_WEBHOOK_SECRETS=[secret]):
            _deliver(secret)

    assert {endpoint["status"] for endpoint in _endpoints()} == {"enabled"}
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", secret]
    assert f"disable {old_endpoint}" in _setup(finish_upgrade=True)


def test_upgrade_to_an_endpoint_made_in_the_dashboard_is_proven_by_the_version(old_endpoint, stripe_emulator, settings):
    new = _create(stripe_emulator)
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", "whsec_new"]
    _deliver("whsec_old", OLD)
    with pytest.raises(CommandError, match=f"No delivery of {new} has been verified"):
        _setup(finish_upgrade=True)

    _deliver("whsec_new")

    assert f"disable {old_endpoint}" in _setup(finish_upgrade=True)


def test_delivery_signed_with_a_rolled_secret_is_a_proof(stripe_emulator, settings):
    _setup()
    settings.STRIPE_WEBHOOK_SECRETS = [stripe_emulator.roll_secret()]
    assert "No delivery" in _setup()

    _deliver(settings.STRIPE_WEBHOOK_SECRETS[0])

    assert "No delivery" not in _setup()
    assert doctor.IDS["unproven"] not in [finding.id for finding in doctor.examine(delivers=False)]


def test_upgrade_is_finished_after_the_new_secret_was_rolled(old_endpoint, stripe_emulator, settings):
    _setup(upgrade=True)
    new = next(endpoint["id"] for endpoint in _endpoints() if endpoint["id"] != old_endpoint)
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", rolled := stripe_emulator.roll_secret(new)]
    _deliver("whsec_old", OLD)
    with pytest.raises(CommandError, match=f"No delivery of {new} has been verified"):
        _setup(finish_upgrade=True)

    _deliver(rolled)

    assert f"disable {old_endpoint}" in _setup(finish_upgrade=True)


def test_upgrade_is_not_finished_when_only_the_old_endpoint_still_verifies(old_endpoint, stripe_emulator, settings):
    """The secret of the new endpoint was rolled after its first delivery."""
    secret = _secret(_setup(upgrade=True))
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", secret]
    _deliver(secret)
    Observation.objects.update(last_at=timezone.now() - timedelta(days=1))
    with stripe_emulator.store.transaction():
        new = next(endpoint for endpoint in _endpoints() if endpoint["id"] != old_endpoint)
        stripe_emulator.store.save({**stripe_emulator.store.find(new["id"]), "created": new["created"] - 90_000})
    _deliver("whsec_old", OLD)

    with pytest.raises(CommandError, match=r"verified here since .* Add its signing secret"):
        _setup(finish_upgrade=True)
    assert {endpoint["status"] for endpoint in _endpoints()} == {"enabled"}


def test_upgrade_is_finished_although_the_old_endpoint_delivered_last(old_endpoint, stripe_emulator, settings):
    """Every event goes to both, one after the other."""
    secret = _secret(_setup(upgrade=True))
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", secret]
    _deliver(secret)
    _deliver("whsec_old", OLD)

    assert f"disable {old_endpoint}" in _setup(finish_upgrade=True)


def test_delivery_of_a_deleted_endpoint_does_not_prove_the_one_that_is_left(old_endpoint, stripe_emulator, settings):
    """The secret of the new endpoint was never deployed."""
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old"]
    _setup(upgrade=True)
    _deliver("whsec_old", OLD)
    with stripe_emulator.store.transaction():
        stripe_emulator.store.delete(old_endpoint)

    assert "No delivery" in _setup()
    assert doctor.IDS["unproven"] in [finding.id for finding in doctor.examine(delivers=False)]


def test_delivery_of_an_earlier_endpoint_does_not_prove_a_new_one(stripe_emulator, settings):
    """The secret of the first is still set, and the secret of the second was never deployed."""
    settings.STRIPE_WEBHOOK_SECRETS = [_secret(_setup())]
    _deliver(settings.STRIPE_WEBHOOK_SECRETS[0])
    Observation.objects.update(last_at=timezone.now() - timedelta(days=1))
    with stripe_emulator.store.transaction():
        stripe_emulator.store.delete(_endpoints()[0]["id"])
    _setup()

    assert "No delivery" in _setup()


@pytest.mark.parametrize("version", [conf.CHECKOUT_API_VERSION, None])
def test_endpoints_that_cannot_be_told_apart_are_not_disabled(stripe_emulator, settings, version):
    _create(stripe_emulator)
    _create(stripe_emulator, api_version=version)
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_one"]
    _deliver("whsec_one")

    with pytest.raises(CommandError, match=r"No delivery of|It is unknown which of"):
        _setup(finish_upgrade=True)
    assert {endpoint["status"] for endpoint in _endpoints()} == {"enabled"}


def test_setup_says_that_no_delivery_has_been_verified(stripe_emulator, settings):
    secret = _secret(_setup())
    assert "No delivery of this endpoint has been verified here yet" in _setup()

    settings.STRIPE_WEBHOOK_SECRETS = [secret]
    _deliver(secret)

    assert "No delivery" not in _setup()


def test_enabled_endpoint_is_preferred_to_a_disabled_one(stripe_emulator):
    enabled = _create(stripe_emulator)
    _create(stripe_emulator, status="disabled")

    assert enabled in _setup()
    assert [endpoint["status"] for endpoint in _endpoints()] == ["disabled", "enabled"]


def test_url_can_be_passed(stripe_emulator):
    _setup(url="https://shop.example/hooks/")

    assert _endpoints()[0]["url"] == "https://shop.example/hooks/"


@pytest.mark.parametrize(
    ("url", "site_url", "message"),
    [
        ("/checkout/webhook/", "http://testserver", "not an absolute URL"),
        ("", "", "Set CHECKOUT_BASE_URL"),
    ],
)
def test_url_that_stripe_cannot_deliver_to_is_refused(stripe_emulator, settings, url, site_url, message):
    settings.CHECKOUT_BASE_URL = site_url

    with pytest.raises(CommandError, match=message):
        _setup(url=url)


def test_live_mode_requires_https(stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = "sk_live_1"

    with pytest.raises(CommandError, match="is not https"):
        _setup()


def test_missing_urls_are_reported(stripe_emulator, settings):
    settings.ROOT_URLCONF = "django.contrib.auth.urls"

    with pytest.raises(CommandError, match=r"Include django_checkout\.urls"):
        _setup()


def test_missing_secret_of_an_existing_endpoint_is_reported(stripe_emulator, settings):
    _setup()
    settings.STRIPE_WEBHOOK_SECRETS = []

    assert "STRIPE_WEBHOOK_SECRETS is empty" in _setup()


def test_refused_key_is_reported(stripe_emulator, settings):
    settings.STRIPE_SECRET_KEY = "sk_test_"

    with pytest.raises(CommandError, match="check STRIPE_SECRET_KEY"):
        _setup()


@pytest.fixture
def upgraded_long_ago(stripe_emulator, settings):
    """An old endpoint for all events, and a new one whose last delivery verified a day ago; return their ids."""
    old = _create(stripe_emulator, api_version=OLD, enabled_events=["*"])
    secret = _secret(_setup(upgrade=True))
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", secret]
    _deliver(secret)
    Observation.objects.update(last_at=timezone.now() - timedelta(days=1))
    (new,) = [endpoint["id"] for endpoint in _endpoints() if endpoint["id"] != old]
    # Of a type that the new endpoint is not subscribed to.
    _deliver("whsec_old", OLD)
    return old, new


def test_upgrade_from_an_endpoint_for_all_events_is_finished(upgraded_long_ago, stripe_emulator):
    """What only the old endpoint receives says nothing about the new one."""
    old, _ = upgraded_long_ago

    assert f"disable {old}" in _setup(finish_upgrade=True)

    assert {endpoint["id"]: endpoint["status"] for endpoint in _endpoints()}[old] == "disabled"


def test_upgrade_is_not_finished_if_the_new_endpoint_of_fewer_events_has_been_silent_for_long(upgraded_long_ago):
    """It may have been refused since, with another secret."""
    Observation.objects.filter(detail=conf.CHECKOUT_API_VERSION).update(last_at=timezone.now() - timedelta(days=8))

    with pytest.raises(CommandError, match="No delivery of"):
        _setup(finish_upgrade=True)


def test_upgrade_is_not_finished_before_the_new_endpoint_receives_every_event(upgraded_long_ago, stripe_emulator):
    old, new = upgraded_long_ago
    with stripe_emulator.store.transaction():
        types = registry.handled_types()[1:]
        stripe_emulator.store.save({**stripe_emulator.store.find(new), "enabled_events": types})

    with pytest.raises(CommandError, match="does not receive: ") as refused:
        _setup(finish_upgrade=True)
    assert "--finish-upgrade" in str(refused.value)

    assert "add " in _setup()
    assert f"disable {old}" in _setup(finish_upgrade=True)
