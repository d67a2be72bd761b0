"""``prepare`` inserts the account and the endpoint; ``count`` prints how many paid sessions are stored."""

from __future__ import annotations

import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from djstripe.models import Account, APIKey, Session, WebhookEndpoint  # noqa: E402

from tests.benchmarks.peers.common import SECRET  # noqa: E402

if sys.argv[1] == "prepare":
    call_command("migrate", verbosity=0)
    account = Account.objects.create(id="acct_peer", livemode=False)
    APIKey.objects.create(
        id="sk_test_00000000000000000000000000",
        type="secret",
        secret="sk_test_00000000000000000000000000",
        livemode=False,
        djstripe_owner_account=account,
    )
    endpoint = WebhookEndpoint.objects.create(
        id="we_peer", livemode=False, secret=SECRET, enabled_events=["*"], url="http://127.0.0.1/", status="enabled"
    )
    print(f"/stripe/webhook/{endpoint.djstripe_uuid}/")
else:
    print(sum(row.stripe_data["payment_status"] == "paid" for row in Session.objects.all()))
