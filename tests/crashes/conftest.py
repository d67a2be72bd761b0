from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from tests.crashes import acts


@dataclass
class Nursery:
    """Children that die on command, and the Stripe that outlives them."""

    process: subprocess.Popen
    emulator: Emulator
    killed: int = 0

    def kill_at(self, boundary, act, host_order, bodies=()):
        """Run ``act`` in a child that is killed at this boundary; return False if it ended before."""
        command = {"act": act, "order": host_order.pk, "die_at": boundary, "bodies": list(bodies)}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer in ("killed", "survived"), answer
        self.killed += answer == "killed"
        return answer == "killed"


@pytest.fixture
def nursery(transactional_db):
    """An emulator behind a socket, and a process whose children use it and this test's database."""
    if connection.vendor != "postgresql":
        pytest.skip("crashes are played on PostgreSQL: name it in DATABASE_URL")
    emulator = Emulator(webhook_secret=settings.STRIPE_WEBHOOK_SECRETS[0])
    server = EmulatorServer(("127.0.0.1", 0), emulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crashes.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
            "VICTIM_DATABASE": connection.settings_dict["NAME"],
            "VICTIM_STRIPE": server.url,
        },
    )
    acts.connect()
    try:
        assert process.stdout.readline() == "ready\n"
        with override_settings(STRIPE_API_BASE=server.url):
            nursery = Nursery(process, emulator)
            yield nursery
        print(f"killed at {nursery.killed} boundaries")
    finally:
        acts.disconnect()
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
        server.shutdown()
        server.server_close()
        thread.join()
        emulator.close()
