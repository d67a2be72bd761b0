"""Two sites sell on one account: Stripe delivers the events of both to both."""

from __future__ import annotations

from django_checkout.models import CheckoutSession


def test_two_sites_on_one_account_leave_each_other_alone(world, second_site):
    second_site.call("deploy", STRIPE_WEBHOOK_SECRETS=[second_site.call("set_up_webhook")])
    # Both number their orders from one.
    mine = world.pay(world.order(number="A-1"))
    assert second_site.call("sell", "A-1") == "paid"
    assert mine.status == "paid"
    for command in ("checkout_process_events", "checkout_reconcile --fix", "checkout_reconcile --missed-events"):
        assert world.run(command).code == 0
        assert second_site.call("run", command)["code"] == 0

    assert CheckoutSession.objects.count() == 1
    for site in (world.run("checkout_setup_webhook").text, second_site.call("run", "checkout_setup_webhook")["text"]):
        assert "No changes: the endpoint is up to date." in site
    second_site.call("is_over", foreign=1)
    world.is_over(foreign=1)


def test_the_key_of_one_site_is_revoked_and_the_other_sells_on(world, second_site):
    second_site.call("deploy", STRIPE_WEBHOOK_SECRETS=[second_site.call("set_up_webhook")])
    world.pay(world.order(number="A-1"))
    world.stripe.do("revoke_keys", ending="0001")

    assert second_site.call("sell", "A-1") == "paid"

    assert "D001" in world.doctor()
    second_site.call("is_over", foreign=1)
    world.deploy(STRIPE_SECRET_KEY="sk_test_of_the_site_0003")
    world.pay(world.order(number="A-2"))
    world.is_over(foreign=1)
