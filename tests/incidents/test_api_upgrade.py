"""A release uses another API version, so that for a while two endpoints deliver every event."""

from __future__ import annotations

from django_checkout.models import WebhookEvent
from django_checkout.webhooks.registry import handled_types

from .world import DAY, HOUR, commands_in, secret_in

OLD_VERSION = "2025-03-31.basil"


def test_an_upgrade_that_follows_the_doctor(world):
    url = f"{world.url}/checkout/webhook/"
    (first,) = world.stripe.list("/v1/webhook_endpoints")
    world.stripe.call("DELETE", f"/v1/webhook_endpoints/{first['id']}")
    events = {f"enabled_events[{index}]": name for index, name in enumerate(handled_types())}
    old = world.stripe.call("POST", "/v1/webhook_endpoints", url=url, api_version=OLD_VERSION, **events)
    world.deploy(STRIPE_WEBHOOK_SECRETS=[old["secret"]])
    world.pay()

    # The release is deployed: the old endpoint still works, and the doctor says how to replace it.
    found = world.doctor()["D015"]
    (ran,) = world.follow(found["command"])
    assert ran.code == 0
    new_secret = secret_in(ran.text)

    # Until the new secret is deployed, no advice stops the webhooks, however literally it is followed.
    world.pay()
    for between in world.doctor().values():
        for command in commands_in(between["command"]):
            world.run(command)
    ran = world.run("checkout_setup_webhook --finish-upgrade")
    assert (ran.code, ran.text.count("\n")) == (2, 1), ran
    assert world.pay().status == "paid"

    # The new secret is deployed. Each event arrives twice and is processed once.
    world.deploy(STRIPE_WEBHOOK_SECRETS=[old["secret"], new_secret])
    assert world.pay().status == "paid"
    world.wait(HOUR)
    found = world.doctor()["D016"]
    (ran,) = world.follow(found["command"])
    assert (ran.code, f"disable {old['id']}" in ran.text) == (0, True)

    # After an hour the old secret is removed.
    world.wait(HOUR)
    world.deploy(STRIPE_WEBHOOK_SECRETS=[new_secret])
    assert world.pay().status == "paid"
    world.wait(DAY)
    assert "No changes" in world.run("checkout_setup_webhook").text
    assert not WebhookEvent.objects.exclude(state__in=("processed", "ignored")).exists()
    world.is_over()
