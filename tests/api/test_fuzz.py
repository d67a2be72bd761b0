"""schemathesis against the document over a live server with PostgreSQL: as guest, as shopper and as staff."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connection

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.api import throttling
from django_checkout.ledger import budget
from django_checkout.models import Discrepancy, ReconciliationRun, WebhookEvent
from tests.factories import HostOrderFactory, UserFactory

pytestmark = [pytest.mark.api_fuzz, pytest.mark.django_db(transaction=True)]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
EXAMPLES = os.environ.get("API_FUZZ_EXAMPLES", "6")
SECONDS = 420
#: The systematic phase takes longest, so it runs only for staff, who may do most.
PHASES = {"guest": "examples,fuzzing", "shopper": "examples,fuzzing", "staff": "examples,coverage,fuzzing"}


def headers_of(who, order):
    if who == "guest":
        return {"Checkout-Token": make_token(order.pk, Purpose.PAY)}
    from rest_framework.authtoken.models import Token

    user = order.user if who == "shopper" else UserFactory(is_staff=True, is_superuser=True)
    return {"Authorization": f"Token {Token.objects.create(user=user).key}"}


@pytest.mark.parametrize("who", ["guest", "shopper", "staff"])
def test_no_response_is_a_500_or_undocumented(who, live_server, stripe_emulator, deliver_events, tmp_path, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: set DATABASE_URL")
    if find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed")
    # A response is several small writes; none waits until the previous one is acknowledged.
    monkeypatch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
    monkeypatch.setattr(budget, "REQUESTS_PER_MINUTE", 1_000_000)
    for scope in throttling.DEFAULT_RATES:
        monkeypatch.setitem(throttling.DEFAULT_RATES, scope, None)
    order = services.place(HostOrderFactory(owner=UserFactory()))
    paid = services.place(HostOrderFactory(owner=order.user))
    stripe_emulator.pay(services.start(paid).stripe_id)
    session = services.start(order, ui_mode="elements")
    deliver_events()
    discrepancy = Discrepancy.objects.create(kind="session_without_order", subject="cs_1")
    run = ReconciliationRun.objects.create(scope="orders", since=order.created_at, until=order.created_at)
    subscription = paid.subscriptions.create(stripe_id="sub_1", livemode=False, status="canceled")
    known = {
        "path.reference": order.reference,
        "path.session_id": str(session.uuid),
        "path.event_id": WebhookEvent.objects.first().stripe_id,
        "path.discrepancy_id": discrepancy.pk,
        "path.run_id": run.pk,
        "path.subscription_id": subscription.stripe_id,
    }
    config = tmp_path / "schemathesis.toml"
    parameters = "".join(f'"{name}" = {json.dumps(value)}\n' for name, value in known.items())
    # 502 and 503 are errors and outages of Stripe; only a 500 is an error of ours.
    expected = '["2xx", "3xx", "4xx", "502", "503"]'
    config.write_text(f"[parameters]\n{parameters}[checks.not_a_server_error]\nexpected-statuses = {expected}\n")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{live_server.url}/api/openapi.json", "--checks", ",".join(CHECKS)),
        *("--max-examples", EXAMPLES, "--seed", "7", "--workers", "1", "--generation-database", "none"),
        *("--phases", PHASES[who], "--no-color"),
    ]
    for name, value in headers_of(who, order).items():
        command += ["--header", f"{name}: {value}"]

    done = subprocess.run(  # noqa: S603  # our own command line
        command, capture_output=True, text=True, check=False, timeout=SECONDS, cwd=tmp_path
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
