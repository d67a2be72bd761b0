"""``prepare N`` inserts payments that wait for their webhooks; ``count`` prints how many are confirmed."""

from __future__ import annotations

import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from tests.benchmarks.peers.payments_site.models import Payment  # noqa: E402

if sys.argv[1] == "prepare":
    call_command("migrate", run_syncdb=True, verbosity=0)
    number = int(sys.argv[2])
    Payment.objects.bulk_create(
        Payment(token=f"B-{n}", variant="stripe", transaction_id=f"cs_test_{n}", currency="EUR", total="20.00")
        for n in range(number)
    )
    print("/payments/process/stripe/")
else:
    print(Payment.objects.filter(status="confirmed", captured_amount="20.00").count())
