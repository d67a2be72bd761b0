"""Stripe's library for Node as an independent client of the emulator, which signs and verifies webhooks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from django_checkout import services
from django_checkout.conf import conf
from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from django_checkout.models import WebhookEvent
from django_checkout.testing import post_event, sign
from tests.serving import serving

SCRIPT = Path(__file__).with_name("client.mjs")
SECRET = "whsec_tests"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Run a step of the script; skip without node, fail if node does not work."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "stripe"]
    done = subprocess.run(  # noqa: S603  # a fixed command line
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        reason = f"npm could not install stripe: {done.stderr[-500:]}"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(reason)
        pytest.skip(reason)

    def run(step, **values):
        answer = subprocess.run(  # noqa: S603  # our own script
            ["node", str(SCRIPT), str(folder), step, json.dumps({"version": conf.CHECKOUT_API_VERSION, **values})],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return run


@pytest.fixture
def server():
    emulator = Emulator(webhook_secret=SECRET)
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as made:
        yield made
    emulator.close()


def test_node_creates_reads_lists_refunds_and_expires(node, server):
    created = node("create", url=server.url, key="node-1")
    assert (created["status"], created["amount_total"]) == ("open", 2500)
    assert node("create", url=server.url, key="node-1")["id"] == created["id"]
    other = node("create", url=server.url, key="node-2")
    server.emulator.pay(created["id"])

    read = node("read", url=server.url, id=created["id"])

    assert (read["payment_status"], read["lines"]) == ("paid", 1)
    assert read["ids"] == [other["id"], created["id"]]
    refunded = node("refund", url=server.url, intent=read["intent"])
    assert refunded == {"status": "succeeded", "amount": 500, "refused": "StripeInvalidRequestError"}
    assert node("expire", url=server.url, id=other["id"]) == {"status": "expired"}


@pytest.mark.django_db
def test_webhook_signed_by_node_is_accepted(node, order, stripe_emulator):
    stripe_emulator.pay(services.start(order).stripe_id)
    bodies = []
    stripe_emulator.deliver_to(lambda body, headers: bodies.append(body) or 500)
    body = next(body for body in bodies if b'"checkout.session.completed"' in body)

    header = node("sign", payload=body.decode(), secret=SECRET)["header"]

    assert post_event(body, header).status_code == 200
    order.refresh_from_db()
    assert order.status == "paid"
    forged = node("sign", payload=body.decode(), secret="whsec_other")["header"]
    assert post_event(body, forged).status_code == 400
    assert WebhookEvent.objects.count() == 1


def test_node_verifies_our_signature(node):
    payload = json.dumps({"id": "evt_1", "object": "event", "type": "payout.paid", "data": {"object": {}}})

    read = node("verify", payload=payload, header=sign(payload.encode(), secret=SECRET), secret=SECRET)

    assert read == {"id": "evt_1", "type": "payout.paid"}
