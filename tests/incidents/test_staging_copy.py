"""A copy of the database runs as a staging site, with the key of the same Stripe account."""

from __future__ import annotations

from django.core.management import call_command

from django_checkout import services


def test_a_staging_copy_leaves_the_original_alone(world, second_site, tmp_path):
    paid, on_the_page = world.pay(), world.order()
    session = world.start(on_the_page)
    copy = str(tmp_path / "copy.json")
    call_command("dumpdata", "host", "django_checkout", output=copy)
    second_site.call("load", copy)
    second_site.call("deploy", STRIPE_WEBHOOK_SECRETS=[second_site.call("set_up_webhook")])

    # The copy says that it is one, and its cron runs.
    assert second_site.call("health") == [503, ["other_site"]]
    assert "D043" in second_site.call("doctor")
    for command in ("checkout_process_events", "checkout_reconcile --fix", "checkout_reconcile --missed-events"):
        second_site.call("run", command)

    # The original goes on: a payment, a refund. Stripe delivers their events to both.
    world.stripe.pay(session.stripe_id)
    world.stripe.wait_until_delivered()
    services.refund(paid, 500)
    world.stripe.wait_until_delivered()
    for command in ("checkout_process_events", "checkout_reconcile --fix"):
        assert world.run(command).code == 0
        second_site.call("run", command)

    # The copy has announced nothing, and sells on its own.
    assert second_site.call("host_states") == {paid.reference: "newp", on_the_page.reference: "new"}
    assert second_site.call("sell", "S-1") == "paid"
    world.stripe.wait_until_delivered()
    world.is_over(foreign=1)
